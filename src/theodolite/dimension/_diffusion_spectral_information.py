"""How much a cloud's labels tell of its random walk."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from theodolite.core import (
    Array,
    Cloud,
    Field,
    Interval,
    Limits,
    Outcome,
    Refusal,
    Result,
    measure,
    to_numpy,
)
from theodolite.dimension._diffusion import Normalization, Walk, scale_notes
from theodolite.dimension._estimate import given_back
from theodolite.dimension._labels import Classes

_HALF = 0.5
_REPEATS = 5
_MOST_ROWS = 10_000


@dataclass(frozen=True, kw_only=True)
class DiffusionSpectralInformation(Result):
    """What the labels of a cloud tell of its diffusion spectral entropy.

    Attributes
    ----------
    bits : array of shape ()
        By how much the entropy within a class is lower than that of as many rows of any class; the interval is that of
        the random choice of these rows. ``extra`` has the entropy of each class, ``"class_bits"``, labels ascending.
    share : array of shape ()
        The same as a share of ``log2(rows)``, at most of 10,000.
    bandwidth : array of shape ()
        Of the kernel, in the unit of the features.
    """

    bits: Annotated[
        Array,
        Field(
            unit="bits",
            invariant_to=("scale", "translation", "rotation", "permutation"),
            unspecified=("order",),
            reads="0 = classes lie mixed, higher = each in a place of its own",
        ),
    ]
    share: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(None, 1),
            invariant_to=("scale", "translation", "rotation", "permutation"),
            unspecified=("order",),
            reads="0 = classes lie mixed",
        ),
    ]
    bandwidth: Annotated[
        Array,
        Field(
            unit="feature",
            bounds=(0, None),
            invariant_to=("translation", "rotation", "permutation"),
            equivariant={"scale": 1},
            unspecified=("order",),
            reads="points nearer than this are neighbours",
        ),
    ]


@measure(cite="liao2024assessing", needs="rows", runs="host")
def diffusion_spectral_information(
    cloud: Cloud,
    labels: Any,
    /,
    *,
    bandwidth: Annotated[float, Limits(gt=0)] | None = None,
    time: Annotated[float, Limits(gt=0)] = 1.0,
    normalization: Normalization = "paper",
    rng: int | np.random.Generator = 0,
) -> DiffusionSpectralInformation:
    r"""Diffusion spectral mutual information, :math:`\sum_b p_b\,[S(\text{as many rows as } b) - S(b)]`, of S in bits.

    S(b) is the `diffusion_spectral_entropy` of the rows with label b. That of as many rows of any label, drawn at
    random, stands against it, because the entropy depends on their number.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; each row counts, whether or not it repeats another.
    labels : array of shape (rows,), or list
        The class of each row: whole numbers or strings, two classes or more. Sort real numbers into bins (ten in the
        paper).
    bandwidth : float, optional
        Of the kernel, in the unit of the features. Where none is given it is half the median distance between points,
        as in `diffusion_spectral_entropy`, whose field ``bandwidth`` has other multiples.
    time : float
        Steps of the walk.
    normalization : {"paper", "released"}
        As for `diffusion_spectral_entropy`.
    rng : int or numpy.random.Generator
        Draws rows of any label, five times for each class. Of more than 10,000 rows it first draws as many, and these
        stand for all.

    Returns
    -------
    DiffusionSpectralInformation
        Bits, their share of ``log2(rows)``, the bandwidth.

    Raises
    ------
    Refusal
        If there is one class only, if no class has two rows, or if half of all pairs of rows or more coincide and no
        bandwidth is given.

    Notes
    -----
    Where a factor hides: as in `diffusion_spectral_entropy`. All classes are measured with one bandwidth.

    Reads as
    --------
    How far the classes lie apart, as a walk sees it. Of permuted labels it is 0 but for chance, which the interval
    covers; it may come out below.

    Misleads when
    -------------
    The bandwidth is off the scale (a note says so): then no labels tell anything. Classes are small: rows of any class
    are then as lonely as those of one.

    Cost
    ----
    Six eigendecompositions of the size of each class, and two matrices of rows × rows.

    References
    ----------
    D. Liao, C. Liu, B. W. Christensen, A. Tong, G. Huguet, G. Wolf, M. Nickel, I. Adelstein and S. Krishnaswamy,
    Assessing neural network representations during training using noise-resilient diffusion spectral entropy, CISS
    2024, arXiv:2312.04823.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat([0, 1], 60)
    >>> apart = rng.standard_normal((120, 3)) + 20.0 * labels[:, None]
    >>> bool(diffusion_spectral_information(apart, labels).bits > 0.9)
    True
    >>> bool(abs(diffusion_spectral_information(apart, rng.permutation(labels)).bits) < 0.05)
    True
    """
    classes = Classes.of(labels, cloud, fewest=2)
    generator = np.random.default_rng(rng)
    centred = np.asarray(to_numpy(cloud.centred), np.float64)
    if cloud.count > _MOST_ROWS:
        drawn_rows = generator.choice(cloud.count, _MOST_ROWS, replace=False)
        centred, classes = centred[drawn_rows], classes.among(drawn_rows)
    if classes.counts.max() < 2:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, "one of each class, 2 of some class needed")
    walk = Walk.on(centred, bandwidth or _HALF, bandwidth is None, time, normalization)
    own = np.asarray([walk.entropy(np.flatnonzero(classes.codes == code)) for code in range(classes.count)])
    drawn = _of_any(walk, classes.counts, generator)
    weights = classes.counts / len(centred)
    each = (drawn - own) @ weights
    bits, error = float(each.mean()), float(each.std(ddof=1) / np.sqrt(_REPEATS))
    most = float(np.log2(len(centred)))
    reach = float(stdtrit(_REPEATS - 1, 0.975)) * error
    ends = (given_back(cloud, bits - reach), given_back(cloud, bits + reach))
    seen = float(np.mean(drawn @ weights) / (np.log2(classes.counts) @ weights))
    return DiffusionSpectralInformation(
        bits=given_back(cloud, bits),
        share=given_back(cloud, bits / most),
        bandwidth=given_back(cloud, walk.bandwidth),
        notes=scale_notes(seen, walk.bandwidth, "bits"),
        intervals={"bits": Interval(*ends, 0.95, given_back(cloud, error))},
        extra={"class_bits": own},
    )


def _of_any(walk: Walk, counts: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Measure as many rows of any class as each class has, several times; of shape (times, classes)."""
    rows = walk.squared.shape[0]
    return np.asarray(
        [[walk.entropy(rng.choice(rows, int(count), replace=False)) for count in counts] for _ in range(_REPEATS)]
    )
