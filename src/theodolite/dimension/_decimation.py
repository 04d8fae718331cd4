"""The dimension from the two nearest neighbours within random parts of the cloud: the dimension over scales."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Field, Limits, Outcome, Refusal, measure, to_numpy
from theodolite.dimension._estimate import SIGNS, NeighbourDimension, common_fields, given_back
from theodolite.dimension._scale_curve import curve, plateau, plateau_notes
from theodolite.numerics.decimation import parts, random_halves
from theodolite.numerics.fitted_law import Law, chance_of_distance, even_distance, law_positions
from theodolite.numerics.graph_errors import graph_standard_error
from theodolite.numerics.neighbours import Neighbours
from theodolite.numerics.ratio_dimension import TwoNNFit, log_ratios, ratios_differ, two_nn_fit

_LAW: Law = ("ratio", 1, 2)
_FEWEST = 15  # points in a part
_TIED = 5  # neighbours that a point errs together with
_LISTED = 32  # neighbours that are looked through before a part's own are searched for


@dataclass(frozen=True, kw_only=True)
class Decimation(NeighbourDimension):
    """Dimension of random parts.

    Attributes
    ----------
    dimension : array of shape ()
        At the chosen number of halvings. ``extra`` has the curve: ``"sizes"`` (points of a part), ``"radii"`` (mean
        distance of the second neighbour), ``"dimensions"`` and ``"standard_errors"``, and ``"plateau"``: the places in
        it at which the dimension stays as it is.
    goodness_of_fit : array of shape ()
        Kolmogorov-Smirnov distance of the ratios of all parts from the Pareto law, with its p-value.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    plateau : array of shape ()
        How many scales in a row one dimension would do for.
    """

    dimension: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation"),
            unspecified=("order",),
            reads=SIGNS,
        ),
    ]
    goodness_of_fit: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "translation", "rotation", "permutation"),
            unspecified=("order",),
            reads="0 = the distances follow the law of constant density exactly",
            goodness_of_fit=True,
        ),
    ]
    plateau: Annotated[
        Array,
        Field(
            unit="scales",
            bounds=(1, None),
            invariant_to=("scale", "translation", "rotation", "permutation"),
            unspecified=("order",),
            reads="below 3 = the dimension depends on the scale",
        ),
    ]


def _reach(count: int, _: Mapping[str, Any]) -> int:
    return min(_LISTED, count - 1)


@measure(cite="facco2017estimating", needs="rows", runs="host", neighbours=_reach)
def decimation(
    cloud: Cloud,
    /,
    *,
    halvings: Annotated[int, Limits(ge=0)] = 1,
    fit: Literal["linear", "ml", "censored"] = "linear",
    discard: Annotated[float, Limits(ge=0, lt=1)] = 0.1,
    rng: int | np.random.Generator = 0,
) -> Decimation:
    r"""TwoNN of random parts of n, n / 2, n / 4, ... points, whose neighbours lie farther and farther off.

    At each scale all points are dealt out to :math:`2^s` parts, and the dimension is the mean of those of the parts.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points; rows that coincide count once.
    halvings : int
        s of the scale that `dimension` is given at. The curve goes on as long as parts have 15 points.
    fit : {"linear", "ml", "censored"}
        As for `two_nn`.
    discard : float
        As for `two_nn`.
    rng : int or numpy.random.Generator
        Deals the points out.

    Returns
    -------
    Decimation
        The dimension at the scale with its interval, the curve, and over how many scales it stays.

    Raises
    ------
    Refusal
        If the parts have fewer than 15 points, or in one of them the neighbours of each lie equally far.

    Notes
    -----
    Parts of a Poisson process are independent of each other, so that the squared error of the mean is the mean of their
    squared errors over their number. Where the lists of nearest neighbours of the whole hold enough of a part, they are
    read; else the part, small by then, is searched. The parts, and so the numbers, depend on the order of the rows and
    on `rng`; the plateau is that of `gride`. Scales at which neighbours lie equally far are left out of the curve.

    Reads as
    --------
    As `gride`, to which it is the check: here the points get fewer, there the neighbours farther.

    Misleads when
    -------------
    The parts are small: a dimension of more than twice the digits of their size comes out low, and the curve falls for
    want of points as it does for noise.

    Cost
    ----
    One pass for the nearest neighbours, O(n² features), shared, and at most as much again for all parts.

    References
    ----------
    E. Facco, M. d'Errico, A. Rodriguez and A. Laio, Estimating the intrinsic dimension of datasets by a minimal
    neighborhood information, Scientific Reports 7 (2017) 12140.

    Examples
    --------
    >>> import numpy as np
    >>> torus = np.exp(2j * np.pi * np.random.default_rng(0).random((640, 2))).view(float)
    >>> found = decimation(torus, fit="ml")
    >>> found.extra["sizes"], found.extra["dimensions"].round()
    (array([640, 320, 160,  80,  40,  20]), array([2., 2., 2., 2., 2., 2.]))
    """
    count = cloud.distinct.count
    if count // 2**halvings < _FEWEST:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, f"{count} points, {halvings} halvings, parts of {_FEWEST} needed")
    known = cloud.neighbours(_reach(count, {}))
    points = np.asarray(to_numpy(cloud.rows), np.float64)[cloud.distinct.first]
    seed = np.random.default_rng(rng).integers(2**63)
    every: list[_Scale | None] = []
    while count // 2 ** len(every) >= _FEWEST:
        every.append(_scale(points, known, (len(every), int(seed)), fit, discard))
    chosen = every[halvings]
    if chosen is None:
        raise Refusal(Outcome.EQUAL_DISTANCES, f"after {halvings} halvings")
    scales = [scale for scale in every if scale is not None]
    dimensions, errors = [scale.dimension for scale in scales], [scale.error for scale in scales]
    run = plateau(dimensions, errors)
    distance = even_distance(law_positions(_LAW, chosen.scaled))
    p_value = chance_of_distance(distance, count * chosen.independence, _LAW)
    among = count // 2**halvings
    common = common_fields(cloud, known, (chosen.dimension, chosen.error), (distance, p_value), among)
    common["notes"] += plateau_notes(run)
    sizes = np.asarray([count // 2**power for power, scale in enumerate(every) if scale is not None])
    return Decimation(
        **common,
        plateau=given_back(cloud, float(max(1, run.stop - run.start))),
        extra={"sizes": sizes, **curve([scale.radius for scale in scales], dimensions, errors, run)},
    )


@dataclass(frozen=True)
class _Scale:
    """What all parts of one size say together."""

    dimension: float
    error: float
    radius: float
    scaled: NDArray[np.float64]
    independence: float


def _scale(
    points: NDArray[np.float64], known: Neighbours, drawn: tuple[int, int], fit: TwoNNFit, discard: float
) -> _Scale | None:
    halvings, seed = drawn
    labels = random_halves(points.shape[0], halvings, np.random.default_rng(seed))
    found = list(parts(points, known, labels, _TIED))
    logs = [log_ratios(part.distances, 1, 2) for part in found]
    if not all(ratios_differ(given, fit, discard) for given in logs):
        return None
    fits = [two_nn_fit(given, fit, discard) for given in logs]
    plain = sum(one.independent_error**2 for one in fits)
    tied = sum(graph_standard_error(one.influence, part.indices) ** 2 for one, part in zip(fits, found, strict=True))
    everything = np.concatenate(logs)
    return _Scale(
        float(np.mean([one.dimension for one in fits])),
        float(np.sqrt(tied)) / len(fits),
        float(np.concatenate([part.distances[:, 1] for part in found]).mean()),
        two_nn_fit(everything, "ml", 0.0).dimension * everything,
        plain / tied if tied > 0 else 1.0,
    )
