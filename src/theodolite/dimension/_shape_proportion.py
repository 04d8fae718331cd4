"""How near the hull of a cloud is to a ball, by the ball around it."""

from dataclasses import dataclass
from typing import Annotated

from theodolite.core import Array, Cloud, Field, Limits, Result, measure
from theodolite.dimension._estimate import given_back
from theodolite.dimension._hulls import hull_of
from theodolite.numerics.hull_shape import hyper_shape_proportion


@dataclass(frozen=True, kw_only=True)
class ShapeProportion(Result):
    """Shape proportion of the convex hull of a cloud.

    Attributes
    ----------
    proportion : array of shape ()
        Volume of the hull over that of the smallest ball around it.
    directions : array of shape ()
        In how many dimensions.
    """

    proportion: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="1 = a ball, 0 = thin",
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
def shape_proportion(cloud: Cloud, /, *, most_directions: Annotated[int, Limits(ge=2, le=8)] = 6) -> ShapeProportion:
    r"""Hyper shape proportion, :math:`V / (k_n R^n)`: the share of the ball around a cloud that its hull fills.

    V is the volume of the convex hull in n dimensions, R the radius of the smallest ball that holds it, and
    :math:`k_n = \pi^{n/2} / \Gamma(n/2 + 1)`.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points.
    most_directions : int
        The hull is taken in the directions that the cloud has, but in no more than these principal ones, from 2 to 8.

    Returns
    -------
    ShapeProportion
        The proportion, and in how many dimensions. A note says where directions were left out.

    Raises
    ------
    Refusal
        If the points lie in a line, or all but in fewer dimensions than the hull is taken in.

    Notes
    -----
    Where a power hides: it is a ratio of volumes, which falls with the number of dimensions for any shape but the ball:
    the unit cube has 0.64 in 2 dimensions, 0.20 in 4 and 0.016 in 8. The ball is exact, not an approximation.

    Reads as
    --------
    How long and thin the outline of a cloud is. Where `hyper_sphericity` sees corners, this sees length.

    Misleads when
    -------------
    As `hyper_sphericity`: one outlier makes the ball, and few rows leave it empty.

    Cost
    ----
    As `hyper_sphericity`, which shares the hull.

    References
    ----------
    W. F. Lamberti, Shape proportions and sphericity in n dimensions, arXiv:2208.06292.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.asarray([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> bool(np.isclose(shape_proportion(square).proportion, 2 / np.pi))
    True
    """  # noqa: DOC502 - raised by what is called
    hull, notes = hull_of(cloud, most_directions, "proportion")
    found = hyper_shape_proportion(hull.volume, hull.radius, hull.dimensions)
    return ShapeProportion(
        proportion=given_back(cloud, min(1.0, found)),
        directions=given_back(cloud, float(hull.dimensions)),
        notes=notes,
    )
