"""How near the hull of a cloud is to a ball, by its surface."""

from dataclasses import dataclass
from typing import Annotated

from theodolite.core import Array, Cloud, Field, Limits, Result, measure
from theodolite.dimension._estimate import given_back
from theodolite.dimension._hulls import hull_of
from theodolite.numerics import hull_shape


@dataclass(frozen=True, kw_only=True)
class HyperSphericity(Result):
    """Sphericity of the convex hull of a cloud.

    Attributes
    ----------
    sphericity : array of shape ()
        Surface of the ball of the same volume over the surface of the hull.
    directions : array of shape ()
        In how many dimensions.
    """

    sphericity: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="1 = a ball, 0 = flat",
        ),
    ]
    directions: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(2, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="numbers of different ones can't be compared",
        ),
    ]


@measure(cite="lamberti2022shape", needs="rows", runs="host")
def hyper_sphericity(cloud: Cloud, /, *, most_directions: Annotated[int, Limits(ge=2, le=8)] = 6) -> HyperSphericity:
    r"""Hyper-sphericity, :math:`\Psi = n\, k_n^{1/n} V^{(n-1)/n} / S`, of the convex hull of a cloud.

    V and S are its volume and its surface in n dimensions, and :math:`k_n = \pi^{n/2} / \Gamma(n/2 + 1)` is the volume
    of the ball of radius 1: Wadell's sphericity in n dimensions.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points.
    most_directions : int
        The hull is taken in the directions that the cloud has, but in no more than these principal ones, from 2 to 8.

    Returns
    -------
    HyperSphericity
        The sphericity, and in how many dimensions. A note says where directions were left out.

    Raises
    ------
    Refusal
        If the points lie in a line, or all but in fewer dimensions than the hull is taken in.

    Notes
    -----
    Where a power hides: for n = 3 it is the classical :math:`\pi^{1/3} (6 V)^{2/3} / S`. The unit cube has
    :math:`k_n^{1/n} / 2` in n dimensions, the ball 1.

    Reads as
    --------
    How round the outline of the cloud is, in one number where principal components give n.

    Misleads when
    -------------
    Outliers stand out, as they alone make the hull. Rows are few: even draws from a ball have a hull with corners, the
    more so in more dimensions. Compare clouds of one number of rows in one number of directions.

    Cost
    ----
    The facets of the hull, whose number grows steeply with dimension: of 2000 Gaussian rows less than a second in 6
    directions, of 500 tens of seconds in 8, and of 10,000 in 8 there are millions of facets, which fill the memory.
    Lower ``most_directions`` for many rows.

    References
    ----------
    W. F. Lamberti, Shape proportions and sphericity in n dimensions, arXiv:2208.06292.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.asarray([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> bool(np.isclose(hyper_sphericity(square).sphericity, np.sqrt(np.pi) / 2))
    True
    """  # noqa: DOC502 - raised by what is called
    hull, notes = hull_of(cloud, most_directions, "sphericity")
    found = hull_shape.hyper_sphericity(hull.volume, hull.surface, hull.dimensions)
    return HyperSphericity(
        sphericity=given_back(cloud, min(1.0, found)),
        directions=given_back(cloud, float(hull.dimensions)),
        notes=notes,
    )
