"""Soft matching: units moved onto units, in parts where there are not as many."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Field, Missing, Outcome, Pair, Refusal, Result, measure, namespace, to_numpy
from theodolite.core import like as in_library_of
from theodolite.numerics.alignment import root
from theodolite.numerics.transport import even_plan
from theodolite.similarity._units import Units, sums_of_squares

_NEAR = 1e-4


@dataclass(frozen=True, kw_only=True)
class SoftMatching(Result):
    """How far the units of two clouds are from each other, and how they correlate, under the best soft matching.

    ``extra["plan"]``, of shape (d, e), holds the share of the whole that the distance moves from each unit of x to each
    of y.

    Attributes
    ----------
    distance : array of shape ()
        Root mean squared distance of matched units.
    correlation : array of shape ()
        Mean correlation of matched units, matched so that it is largest.
    """

    distance: Annotated[
        Array,
        Field(
            unit="activation",
            bounds=(0, None),
            invariant_to=("translation", "permutation", "order", "exchange"),
            equivariant={"scale": 1},
            varies=("separate_scale", "rotation", "linear"),
            reads="0 = the same units, whatever their order",
            of_itself=0.0,
        ),
    ]
    correlation: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(-1, 1),
            invariant_to=("scale", "separate_scale", "translation", "permutation", "order", "exchange"),
            varies=("rotation", "linear"),
            reads="1 = the same units up to their order and sizes",
            of_itself=1.0,
        ),
    ]


@measure(cite="khosla2024soft", needs="moments")
def soft_matching(pair: Pair, /) -> SoftMatching:
    r"""Soft-matching distance, :math:`\min_P (\sum_{jk} P_{jk} |x_j - y_k|^2)^{1/2}`, and correlation.

    A unit is the column of its centred activations. The plan :math:`P \ge 0` gives every unit of x the same share
    :math:`1/d` and every unit of y the same share :math:`1/e`: with equal widths it is a permutation, with different
    ones units are split. The correlation is :math:`\max_P \sum_{jk} P_{jk} r_{jk}` under a plan of its own.

    Parameters
    ----------
    pair : Pair, CrossMoments, or two arrays of shape (rows, features)
        The clouds.

    Returns
    -------
    SoftMatching
        The distance and the correlation; refused where POT is needed and not installed: with different widths, unless
        one is a multiple of the other.

    Notes
    -----
    Where a square hides: the distance is the root of a mean over units of sums of squares over rows, so that it grows
    with the root of the number of rows; the correlation is not squared. Equal widths: the distance is
    ``shape_distance(group="permutation", metric="euclidean", scale="none")`` over the root of the width. On units of
    norm 1 the squared distance is two less twice the correlation.

    Units that do not vary stay in the distance, as points at zero, and are left out of the correlation, which notes how
    many. Differentiable: to first order the plan does not change with the data, and at distance 0 the gradient is 0.

    Reads as
    --------
    The distance is a metric up to the order of units, and up to copies: a cloud with every unit twice is at distance 0
    from the cloud. Set the correlation against its chance level: the best matching of unrelated units correlates as
    well.

    Misleads when
    -------------
    Few rows meet many units: the best of many chance correlations is high. Or when two networks hold the same
    information in rotated axes, which is far here and no distance for `procrustes`.

    Cost
    ----
    The product of the clouds, n d e, then two assignment problems of side max(d, e) for widths of which one is a
    multiple of the other; else two runs of a network simplex, of the order of (d + e)^3.

    References
    ----------
    M. Khosla and A. H. Williams, Soft matching distance: A metric on neural representations that captures single-neuron
    tuning, Proceedings of Machine Learning Research 243 (2024), arXiv:2311.09466.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).standard_normal((50, 4))
    >>> doubled = np.repeat(rows[:, ::-1], 2, axis=1) + 5.0
    >>> found = soft_matching(rows, doubled)
    >>> bool(found.distance < 1e-7), round(float(found.correlation), 12)
    (True, 1.0)
    """
    (first, second, mass), distance = _distance(pair)
    plan = np.zeros(pair.widths)
    plan[first, second] = mass
    extra = {"plan": in_library_of(plan, pair.cross)}
    try:
        units = Units.of(pair)
    except Refusal as refusal:
        return SoftMatching(distance=distance, correlation=Missing(refusal.outcome, refusal.detail), extra=extra)
    r = units.correlations
    library = namespace(r)
    first, second, mass = (in_library_of(part, r) for part in _plan(-to_numpy(r)))
    correlation = library.sum(mass * _picked(r, first, second))
    return SoftMatching(distance=distance, correlation=correlation, notes=units.notes("correlation"), extra=extra)


Plan = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]


def _plan(costs: NDArray[np.float64]) -> Plan:
    try:
        return even_plan(costs)
    except ModuleNotFoundError:
        raise Refusal(Outcome.NEEDS_TRANSPORT, f"{costs.shape[0]} and {costs.shape[1]} units") from None


def _distance(pair: Pair) -> tuple[Plan, Array]:
    cross = pair.cross
    library = namespace(cross)
    squares = sums_of_squares(pair)
    plan = _plan(to_numpy(squares[0])[:, None] + to_numpy(squares[1])[None, :] - 2 * to_numpy(cross))
    first, second, mass = (in_library_of(part, cross) for part in plan)
    size = library.sum(mass * (library.take(squares[0], first) + library.take(squares[1], second)))
    squared = size - 2 * library.sum(mass * _picked(cross, first, second))
    # Between near copies the difference of squares loses the digits that the rows keep.
    if "rows" in pair.has and bool(squared < _NEAR * size):
        apart = library.take(pair.x.centred, first, axis=1) - library.take(pair.y.centred, second, axis=1)
        squared = library.sum(mass * library.sum(apart**2, axis=0))
    return plan, root(squared)


def _picked(matrix: Array, first: Array, second: Array) -> Array:
    """Take one entry of the matrix for each move."""
    library = namespace(matrix)
    return library.take(library.reshape(matrix, (-1,)), first * matrix.shape[1] + second)
