"""How near two classes come to each other, and how steep a function must be that tells them apart."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from theodolite.core import Array, Cloud, Field, Missing, Outcome, Result, measure, to_numpy
from theodolite.dimension._estimate import given_back
from theodolite.dimension._labels import Classes
from theodolite.numerics.class_gap import class_gap


@dataclass(frozen=True, kw_only=True)
class LabelSharpness(Result):
    """Label sharpness of a cloud.

    Attributes
    ----------
    sharpness : array of shape ()
        One over the distance; missing where that is zero.
    distance : array of shape ()
        Between the nearest two rows of different classes. ``extra`` has these rows, ``"pair"``.
    """

    sharpness: Annotated[
        Array | Missing,
        Field(
            unit="1/feature",
            bounds=(0, None),
            invariant_to=("translation", "rotation", "permutation", "order"),
            equivariant={"scale": -1},
            reads="higher = classes come nearer to each other",
        ),
    ]
    distance: Annotated[
        Array,
        Field(
            unit="feature",
            bounds=(0, None),
            invariant_to=("translation", "rotation", "permutation", "order"),
            equivariant={"scale": 1},
            reads="0 = one point has two labels",
        ),
    ]


@measure(cite="konz2024effect", needs="rows", runs="host")
def label_sharpness(cloud: Cloud, labels: Any, /) -> LabelSharpness:
    r"""Label sharpness, :math:`K_F = \max_{y_i \neq y_j} 1 / |x_i - x_j|` over all pairs of rows.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points x.
    labels : array of shape (rows,), or list
        The class y of each row: whole numbers or strings, two classes or more.

    Returns
    -------
    LabelSharpness
        The sharpness, and the distance that it is one over.

    Raises
    ------
    Refusal
        If there is one class only.

    Notes
    -----
    Where a square hides: nowhere; but it is an extreme, which grows with the number of rows. The paper samples 1000
    rows; on Fashion-MNIST that gives 0.34, and all 60,000 give 0.63. Here all pairs count. The code that was released
    with the paper compares rows of *the same* class instead, which puts pairs of classes into another order: numbers
    from it can't be compared with these.

    Reads as
    --------
    The least Lipschitz constant of a function that is 0 on one class and 1 on another. The paper expects a loss of
    about :math:`K_F N^{-1/d}` from N rows of dimension d, and networks that are fragile in proportion to it.

    Misleads when
    -------------
    Labels are wrong: one mislabelled row decides. Clouds differ in size or in number of rows: compare scaled clouds of
    one number of rows.

    Cost
    ----
    All pairs of rows of different classes, O(rows² features), in blocks.

    References
    ----------
    N. Konz and M. A. Mazurowski, The effect of intrinsic dataset properties on generalization: unraveling learning
    differences between natural and medical images, ICLR 2024, arXiv:2401.08865.

    Examples
    --------
    >>> import numpy as np
    >>> found = label_sharpness(np.asarray([[0.0], [1.0], [5.0], [9.0]]), ["cat", "cat", "dog", "dog"])
    >>> float(found.distance), float(found.sharpness), found.extra["pair"]
    (4.0, 0.25, array([1, 2]))
    """  # noqa: DOC502 - raised by what is called
    classes = Classes.of(labels, cloud, fewest=2)
    gap = class_gap(np.asarray(to_numpy(cloud.centred), np.float64), classes.codes)
    pair = np.asarray([gap.first, gap.second])
    where = f"rows {gap.first} and {gap.second}"
    return LabelSharpness(
        sharpness=given_back(cloud, 1.0 / gap.distance) if gap.distance else Missing(Outcome.COINCIDENT_CLASSES, where),
        distance=given_back(cloud, gap.distance),
        extra={"pair": pair},
    )
