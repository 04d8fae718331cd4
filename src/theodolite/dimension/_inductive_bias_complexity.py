"""How much must be known beforehand to learn to tell the classes of a cloud apart."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from theodolite.core import (
    Array,
    Cloud,
    Field,
    Interval,
    Limits,
    Missing,
    Outcome,
    Refusal,
    Result,
    measure,
    to_numpy,
)
from theodolite.dimension._estimate import given_back, reach_of_k
from theodolite.dimension._labels import Classes
from theodolite.dimension._mle import mle
from theodolite.numerics.class_gap import class_gap
from theodolite.numerics.inductive_bias import Task, cutoff_frequency, log_inductive_bias

_LARGEST = float(np.log(np.finfo(np.float64).max))
_STEP = 1e-3
_PLACES = 33  # at which the bits are looked at within the dimension's interval: they needn't rise all along it


@dataclass(frozen=True, kw_only=True)
class InductiveBiasComplexity(Result):
    """Inductive-bias complexity of a classification task.

    Attributes
    ----------
    bits : array of shape ()
        The complexity, with the interval that the dimension's makes.
    log10_bits : array of shape ()
        Its decimal logarithm, with its interval.
    dimension : array of shape ()
        Of the cloud, with its interval.
    frequency : array of shape ()
        The highest that resolves the classes.
    radius, distance : array of shape ()
        Of the farthest row from the origin, and between the nearest rows of different classes.
    """

    bits: Annotated[
        Array | Missing,
        Field(
            unit="bits",
            bounds=(0, None),
            invariant_to=("scale", "rotation", "permutation", "order"),
            varies=("translation",),
            reads="higher = more must be known beforehand",
        ),
    ]
    log10_bits: Annotated[
        Array,
        Field(
            unit="1",
            invariant_to=("scale", "rotation", "permutation", "order"),
            varies=("translation",),
            reads="digits of the number of bits, about",
        ),
    ]
    dimension: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="one more multiplies the bits",
        ),
    ]
    frequency: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, None),
            invariant_to=("scale", "rotation", "permutation", "order"),
            varies=("translation",),
            reads="higher = finer differences between classes",
        ),
    ]
    radius: Annotated[
        Array,
        Field(
            unit="feature",
            bounds=(0, None),
            invariant_to=("rotation", "permutation", "order"),
            equivariant={"scale": 1},
            varies=("translation",),
            reads="length of the longest row",
        ),
    ]
    distance: Annotated[
        Array,
        Field(
            unit="feature",
            bounds=(0, None),
            invariant_to=("translation", "rotation", "permutation", "order"),
            equivariant={"scale": 1},
            reads="lower = classes come nearer to each other",
        ),
    ]


@measure(cite="boopathy2023model", needs="rows", runs="host", neighbours=reach_of_k)
def inductive_bias_complexity(
    cloud: Cloud,
    labels: Any,
    /,
    *,
    error: Annotated[float, Limits(gt=0, lt=1)] = 0.01,
    k: Annotated[int, Limits(ge=4)] = 5,
) -> InductiveBiasComplexity:
    r"""Inductive-bias complexity: the bits that training rows leave to be known for a generalisation error of ε.

    Of n rows on a sphere of dimension m and radius R, in c classes at least δ apart, it is

    .. math:: I = (2 D c E - n D) [\frac{1}{2} \log_2 (D c) - \log_2 \epsilon + \log_2 L + \log_2 W].

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The training rows; each counts in n, and those that coincide are one point to the dimension.
    labels : array of shape (rows,), or list
        The class of each row: whole numbers or strings, two classes or more.
    error : float
        ε, between 0 and 1.
    k : int
        Neighbours of the likeliest dimension, as for `mle`.

    Returns
    -------
    InductiveBiasComplexity
        The bits with their interval, and what they were made from.

    Raises
    ------
    Refusal
        If there is one class only, if rows of different classes coincide, if there are not more than k distinct rows,
        or if the formula is not positive.

    Notes
    -----
    D = c - 1, :math:`E = C(m + K, m) + C(m + K - 1, m)` harmonics up to the frequency K with
    :math:`K (K + m - 1) = (2 \pi R / \delta)^2`, :math:`L = K \sqrt{D} / R` and

    .. math:: \ln W = \frac{1}{2} \ln (m / 6) + \ln R
              + \frac{1}{m} [\ln 2 + \frac{m + 1}{2} \ln \pi + \ln c - \ln \Gamma(\frac{m + 1}{2}) - \ln n].

    It grows exponentially with the dimension and like a power of the resolution R / δ. The dimension is therefore all
    that matters for its error: on Fashion-MNIST one dimension more or less moves the bits by a factor of five. The
    interval holds the bits all along the dimension's; the error of δ, an extreme of the rows at hand, is not in
    it. R is the length of the longest row about the origin, as in the code that was released with the paper. That code
    rounds the dimension to a whole number and estimates δ from a sample of pairs; here both are taken as they are, δ
    over all pairs.

    Reads as
    --------
    An order of tasks: the paper finds MNIST easier than CIFAR-10 and that than ImageNet. The bits themselves count what
    a learner without any prejudice but smoothness would have to be told, more than any computer holds.

    Misleads when
    -------------
    The intervals of two tasks overlap: read them, not the bits. The dimension is too high for the number of rows, and
    comes out low. Rows stand far from the origin: R then measures where they are, not how far they spread.

    Cost
    ----
    One pass for the nearest neighbours and one over pairs of different classes, O(rows² features).

    References
    ----------
    A. Boopathy, K. Liu, J. Hwang, S. Ge, A. Mohammedsaleh and I. Fiete, Model-agnostic measure of generalization
    difficulty, ICML 2023, arXiv:2305.01034.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).random((400, 6))
    >>> labels = rows[:, 0] > 0.5
    >>> few, all_six = (inductive_bias_complexity(rows[:, :features], labels) for features in (3, 6))
    >>> bool(few.log10_bits < all_six.log10_bits)
    True
    """
    classes = Classes.of(labels, cloud, fewest=2)
    gap = class_gap(np.asarray(to_numpy(cloud.centred), np.float64), classes.codes)
    if gap.distance == 0.0:
        raise Refusal(Outcome.COINCIDENT_CLASSES, f"rows {gap.first} and {gap.second}")
    found = mle(cloud, k=k)
    radius = float(np.linalg.norm(np.asarray(to_numpy(cloud.rows), np.float64), axis=1).max())
    task = Task(cloud.count, classes.count, radius, gap.distance, error)
    dimension = float(to_numpy(found.dimension))
    value = log_inductive_bias(task, dimension)
    if value is None:
        raise Refusal(Outcome.NO_COMPLEXITY, f"dimension {dimension:.3g}, distance {gap.distance:.3g} of {radius:.3g}")
    intervals = _intervals(cloud, task, found.intervals["dimension"], (dimension, value))
    told = Missing(Outcome.BEYOND_FLOAT, f"10^{value / np.log(10):.0f} bits")
    return InductiveBiasComplexity(
        bits=given_back(cloud, float(np.exp(value))) if value < _LARGEST else told,
        log10_bits=given_back(cloud, value / np.log(10.0)),
        dimension=found.dimension,
        frequency=given_back(cloud, cutoff_frequency(task, dimension)),
        radius=given_back(cloud, radius),
        distance=given_back(cloud, gap.distance),
        intervals={**intervals, "dimension": found.intervals["dimension"]},
        notes=tuple(note for note in found.notes if note.field == "dimension"),
    )


def _intervals(cloud: Cloud, task: Task, about: Interval, estimate: tuple[float, float]) -> dict[str, Interval]:
    """Carry the interval of the dimension over to the bits and to their logarithm."""
    dimension, value = estimate
    lowest, highest = max(float(to_numpy(about.low)), min(1.0, dimension)), float(to_numpy(about.high))
    reached = [log_inductive_bias(task, float(each)) for each in np.linspace(lowest, highest, _PLACES)]
    known = [value, *(each for each in reached if each is not None)]
    low, high = (-np.inf if None in reached else min(known)), max(known)
    beside = [log_inductive_bias(task, dimension + sign * _STEP) for sign in (-1.0, 1.0)]
    if about.se is None or beside[0] is None or beside[1] is None:
        return {}
    slope = abs(beside[1] - beside[0]) / (2.0 * _STEP)
    error = slope * float(to_numpy(about.se))
    found = {}
    if high + np.log(max(error, 1.0)) < _LARGEST:
        found["bits"] = _interval(cloud, (np.exp(low), np.exp(high)), about.level, np.exp(value) * error)
    if np.isfinite(low):
        tens = np.log(10.0)
        found["log10_bits"] = _interval(cloud, (low / tens, high / tens), about.level, error / tens)
    return found


def _interval(cloud: Cloud, ends: tuple[float, float], level: float, error: float) -> Interval:
    low, high = (given_back(cloud, float(end)) for end in ends)
    return Interval(low, high, level, given_back(cloud, float(error)))
