"""Measures of clouds that are wrong in one respect each: the suite must find that, and nothing else."""

import functools
from typing import Annotated, Any

import numpy as np
import pytest

from theodolite.core import Array, Field, Outcome, Refusal, like, measure, namespace, to_numpy
from theodolite.core.clouds import Cloud
from theodolite.core.pairs import Pair
from theodolite.testing import Specimens, check_measure, checks

DOCUMENTATION = """Squared covariances over those within.

    Parameters
    ----------
    pair : Pair, or two arrays of shape (rows, features)
        What to compare.

    Returns
    -------
    array of shape ()
        The ratio.

    Reads as
    --------
    Higher means more alike.

    Misleads when
    -------------
    Never.

    Cost
    ----
    A product of matrices.

    References
    ----------
    Horn and Johnson.

    Examples
    --------
    >>> 1 + 1
    2
    """
ISOMETRIES = ("scale", "separate_scale", "translation", "rotation", "permutation", "order")
EVERY_MOVE = (*ISOMETRIES, "linear", "exchange")
SYMMETRIC = Field(
    unit="1",
    bounds=(0, 1),
    invariant_to=(*ISOMETRIES, "exchange"),
    varies=("linear",),
    reads="higher = more alike",
    of_itself=1.0,
)
Symmetric = Annotated[Array, SYMMETRIC]
DIRECTED = Field(
    unit="1",
    invariant_to=("scale", "translation", "rotation", "permutation", "order"),
    varies=("separate_scale", "linear", "exchange"),
    reads="higher = more alike",
    of_itself=1.0,
)
WRONG: list[Any] = []
BACKENDS = ("numpy", "numpy read-only", "array-api-strict device1", "torch cpu")


def declared(function, *, documentation=DOCUMENTATION, needs="moments", **traits):
    function.__doc__ = documentation
    return measure(cite="horn2012matrix", needs=needs, **traits)(function)


def wrong(*expected, **traits):
    """Declare a measure that must fail exactly the checks with these names."""

    def collect(function):
        found = declared(function, **traits)
        WRONG.append(pytest.param(found, expected, id=function.__name__))
        return found

    return collect


def on(check, backends=BACKENDS):
    return tuple(f"{check} on {backend}" for backend in backends)


def square(matrix):
    return namespace(matrix).sum(matrix * matrix)


def within(pair):
    for total in pair.totals:
        if not bool(total > 0):
            raise Refusal(Outcome.CONSTANT_CLOUD)
    known = pair.isometric
    return tuple(square(scatter / total) for scatter, total in zip(known.scatters, pair.totals, strict=True))


def between(pair):
    (one, other), xp = pair.totals, namespace(pair.cross)
    return square(pair.isometric.cross / xp.sqrt(one) / xp.sqrt(other))


def ratio(pair):
    one, other = within(pair)
    xp = namespace(one)
    return between(pair) / (xp.sqrt(one) * xp.sqrt(other))


@declared
def alignment(pair: Pair, /) -> Symmetric:
    return ratio(pair)


@declared
def regression(pair: Pair, /) -> Annotated[Array, DIRECTED]:
    return square(pair.isometric.cross) / (within(pair)[0] * pair.totals[0] ** 2)


@wrong("value is invariant to exchange", "value is invariant to separate_scale")
def one_direction(
    pair: Pair, /
) -> Annotated[Array, Field(unit="1", invariant_to=(*ISOMETRIES, "exchange"), varies=("linear",), reads="x")]:
    return square(pair.isometric.cross) / (within(pair)[0] * pair.totals[0] ** 2)


@wrong("value varies with exchange")
def direction_that_is_none(
    pair: Pair, /
) -> Annotated[Array, Field(unit="1", invariant_to=ISOMETRIES, varies=("linear", "exchange"), reads="x")]:
    return ratio(pair)


@wrong("value is invariant to linear", "value of a cloud with itself is 1")
def blind_to_stretching(
    pair: Pair, /
) -> Annotated[Array, Field(unit="1", invariant_to=EVERY_MOVE, reads="x", of_itself=1.0)]:
    return ratio(pair)


@wrong("value of a cloud with itself is 0")
def distance_that_is_none(
    pair: Pair, /
) -> Annotated[
    Array, Field(unit="1", invariant_to=(*ISOMETRIES, "exchange"), varies=("linear",), reads="x", of_itself=0.0)
]:
    return ratio(pair)


@wrong("value is invariant to translation", "value of a cloud with itself is 1", needs="rows")
def about_the_origin(pair: Pair, /) -> Symmetric:
    within(pair)
    x, y = (cloud.rows / namespace(cloud.rows).sqrt(cloud.total) for cloud in (pair.x, pair.y))
    xp = namespace(x)
    return square(x.T @ y) / (xp.sqrt(square(x.T @ x)) * xp.sqrt(square(y.T @ y)))


@wrong("value is invariant to order", needs="rows")
def neighbours_in_time(
    pair: Pair, /
) -> Annotated[Array, Field(unit="1", invariant_to=(*ISOMETRIES, "exchange"), varies=("linear",), reads="x")]:
    within(pair)
    x, y = (cloud.centred / namespace(cloud.centred).sqrt(cloud.total) for cloud in (pair.x, pair.y))
    steps = [square(cloud[1:, ...] - cloud[:-1, ...]) for cloud in (x, y)]
    return steps[0] * steps[1]


@wrong("value is invariant to scale", "value is invariant to separate_scale", "value of a cloud with itself is 1")
def dust_that_is_absolute(
    pair: Pair, /
) -> Annotated[
    Array, Field(unit="1", invariant_to=(*ISOMETRIES, "exchange"), varies=("linear",), reads="x", of_itself=1.0)
]:
    one, other = within(pair)
    xp = namespace(one)
    return between(pair) / (xp.sqrt(one) * xp.sqrt(other) + 1e-3 / pair.totals[0] / pair.totals[1])


@wrong("gives the same as moments of a stream", "gives the same as moments of merged streams")
def another_answer_of_moments(pair: Pair, /) -> Symmetric:
    return ratio(pair) * (1.0 if "rows" in pair.has else 0.999)


@wrong("gives the same as moments of a stream", "gives the same as moments of merged streams")
def refusal_that_moments_forget(pair: Pair, /) -> Symmetric:
    if "rows" in pair.has and max(pair.widths) > pair.count:
        raise Refusal(Outcome.TOO_FEW_ROWS)
    return ratio(pair)


@wrong("leaves its input alone on numpy", needs="rows")
def centring_in_place(pair: Pair, /) -> Symmetric:
    value = ratio(pair)
    points = pair.y.points
    if isinstance(points, np.ndarray) and points.flags.writeable:
        points -= 1e-9
    return value


@wrong(*on("has the right gradient", BACKENDS[3:]))
def gradient_of_the_first_cloud_alone(pair: Pair, /) -> Symmetric:
    y = pair.y.points if pair.known is None else None
    if y is not None and getattr(y, "requires_grad", False):
        pair = Pair(pair.x, y.detach())
    return ratio(pair)


@wrong(*on("refuses or answers on the edge"))
def constant_clouds_forgotten(pair: Pair, /) -> Symmetric:
    known, xp = pair.isometric, namespace(pair.cross)
    with np.errstate(invalid="ignore"):
        one, other = (square(s / t) for s, t in zip(known.scatters, pair.totals, strict=True))
        return between(pair) / (xp.sqrt(one) * xp.sqrt(other))


@wrong("value stays within its bounds")
def share_above_one(
    pair: Pair, /
) -> Annotated[Array, Field(unit="1", bounds=(0, 0.9), invariant_to=(*ISOMETRIES, "exchange"), varies=("linear",),
                            reads="x", of_itself=1.0)]:  # fmt: skip
    return ratio(pair)


OF_A_CLOUD = DOCUMENTATION.replace("pair : Pair, or two arrays", "cloud : Cloud, or array")
NEIGHBOURS = Field(
    unit="1",
    bounds=(0, 1),
    invariant_to=("scale", "translation", "rotation", "permutation", "order"),
    reads="higher = more dimensions",
)


def nearer(cloud, k):
    known = cloud.neighbours(k)
    return like(np.mean(known.distances[:, 0] / known.distances[:, 1]), cloud.points)


def two_neighbours(count, parameters):
    assert (count > 2, parameters) == (True, {})
    return 2


NEAR = "looks at as many neighbours as it says"


@wrong(NEAR, documentation=OF_A_CLOUD, needs="rows", runs="host")
def neighbours_in_secret(cloud: Cloud, /) -> Annotated[Array, NEIGHBOURS]:
    return nearer(cloud, 2)


@wrong(NEAR, documentation=OF_A_CLOUD, needs="rows", runs="host", neighbours=two_neighbours)
def more_neighbours_than_said(cloud: Cloud, /) -> Annotated[Array, NEIGHBOURS]:
    return nearer(cloud, 3)


@functools.partial(declared, documentation=OF_A_CLOUD, needs="rows", runs="host", neighbours=two_neighbours)
def neighbours_as_said(cloud: Cloud, /) -> Annotated[Array, NEIGHBOURS]:
    return nearer(cloud, 2)


def failures(candidate, **options):
    found = []
    for check in checks(candidate, **options):
        if not check.missing:
            try:
                check()
            except AssertionError:
                found.append(check.name)
    return found


@pytest.mark.parametrize(("candidate", "expected"), WRONG)
def test_the_defect_is_found_and_nothing_else(candidate, expected):
    here = {check.name for check in checks(candidate) if not check.missing}
    assert set(failures(candidate)) == set(expected) & here
    assert set(expected) <= {check.name for check in checks(candidate)}


@pytest.mark.parametrize(
    "candidate", [alignment, regression, neighbours_as_said], ids=lambda candidate: candidate.__name__
)
def test_a_right_measure_passes(candidate):
    assert failures(candidate) == []
    assert all("cuda" in line or "torch" in line for line in check_measure(candidate))


CLOUDS = Field(
    unit="1",
    bounds=(0, 1),
    invariant_to=("scale", "translation", "rotation", "permutation", "order"),
    reads="higher = more alike",
    of_itself=1.0,
)
OF_CLOUDS = DOCUMENTATION.replace("pair : Pair, or two arrays", "*clouds : Cloud, or arrays")


def mean_of_pairs(clouds):
    if len(clouds) < 2:
        raise TypeError(f"clouds: expected two at least, got {len(clouds)}")
    pairs = [Pair(one, other) for place, one in enumerate(clouds) for other in clouds[:place]]
    return sum(ratio(pair) for pair in pairs) / len(pairs)


def of_clouds(function):
    return declared(function, documentation=OF_CLOUDS)


@of_clouds
def agreement(*clouds: Cloud) -> Annotated[Array, CLOUDS]:
    if len(clouds) == 1:
        raise Refusal(Outcome.TOO_FEW_ROWS)
    return mean_of_pairs(clouds)


@of_clouds
def agreement_with_the_first(*clouds: Cloud) -> Annotated[Array, CLOUDS]:
    if len(clouds) == 1:
        raise Refusal(Outcome.TOO_FEW_ROWS)
    mean_of_pairs(clouds)
    return clouds[0].rows[0, 0] * 0 + mean_of_pairs(clouds[:2]) * (1 if len(clouds) < 3 else 1 - 1e-4)


@functools.partial(declared, documentation=OF_CLOUDS, runs="host", needs="rows")
def agreement_on_the_host(*clouds: Cloud) -> Annotated[Array, CLOUDS]:
    if len(clouds) == 1:
        raise Refusal(Outcome.TOO_FEW_ROWS)
    return like(float(mean_of_pairs([Cloud(to_numpy(cloud.rows)) for cloud in clouds])), clouds[0].rows)


@declared
def spread(
    cloud: Cloud, /
) -> Annotated[
    Array,
    Field(unit="activation", bounds=(0, None), invariant_to=("translation", "rotation", "permutation", "order"),
          equivariant={"scale": 1}, reads="higher = wider"),
]:  # fmt: skip
    if not bool(cloud.total > 0):
        raise Refusal(Outcome.CONSTANT_CLOUD)
    return namespace(cloud.total).sqrt(cloud.total / cloud.count)


spread.__doc__ = spread.__doc__.replace("pair : Pair, or two arrays", "cloud : Cloud, or array")


def test_any_number_of_clouds_is_checked():
    assert failures(agreement) == []
    assert failures(agreement_with_the_first, backends=["numpy"]) == ["value of a cloud with itself is 1"]
    assert set(failures(agreement_on_the_host)) <= {f"rejects NumPy beside {backend}" for backend in BACKENDS[2:]}
    assert failures(agreement_on_the_host) != []
    assert failures(spread) == []


def test_specimens_that_can_not_show_a_promise_say_so():
    own = Specimens({"normal": tuple(np.random.default_rng(0).normal(size=(2, 20, 3)))}, {})
    told = failures(alignment, specimens=own, backends=["numpy"])
    assert "value of a cloud with itself is 1" in told
    assert "value is invariant to rotation" in told
    assert "value is invariant to exchange" in told
