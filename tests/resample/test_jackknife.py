"""Intervals of what two clouds share: they hold the mean over samples as often as they say."""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pytest
from scipy.stats import t as student

import theodolite as td
from theodolite.core import Array, Cloud, CrossMoments, Field, Outcome, Pair, ParameterError, Refusal, Result, measure
from theodolite.numerics.deletion import Moments, without_rows
from theodolite.resample import jackknife, with_interval, with_null
from theodolite.resample.jackknife import _by_moments, jackknife_error
from theodolite.testing import Check, checks, rotated_copy, shared_latent

MOVES = Pair.moves


def field(**traits) -> Field:
    return Field(unit="1", unspecified=MOVES, reads="x", **traits)


@measure(cite="none", needs="rows")
def mean_product(pair: Pair, /) -> Annotated[Array, field()]:
    """The mean of the product of the first features, whose standard error everybody knows."""
    return (pair.x.rows[:, 0] * pair.y.rows[:, 0]).mean()


@measure(cite="none", needs="moments")
def covariance(pair: Pair, /) -> Annotated[Array, field(bounds=(0, None))]:
    """The covariance of the first features."""
    return abs(pair.cross[0, 0]) / pair.count


@dataclass(frozen=True, kw_only=True)
class Judged(Result):
    """A number, and the statistic of a test."""

    number: Annotated[Array, field()]
    statistic: Annotated[Array, field(of_test=True)]


@measure(cite="none", needs="moments")
def judged(pair: Pair, /) -> Judged:
    """A number with a test."""
    if pair.count < 25:
        raise Refusal(Outcome.TOO_FEW_ROWS)
    return Judged(number=pair.cross[0, 0], statistic=pair.cross[0, 0])


def clouds(seed: int, rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    return shared_latent(rows, 7, 5, shared=3, noise=0.7, rng=seed)


def test_of_a_mean_it_is_the_standard_error_of_every_textbook():
    x, y = clouds(1)
    found = with_interval(mean_product, groups=60)(x, y, rng=0)
    products = x[:, 0] * y[:, 0]
    assert found.value == products.mean()
    assert found.interval.se == pytest.approx(products.std(ddof=1) / 60**0.5, rel=1e-10)
    reach = student.ppf(0.975, 59) * found.interval.se
    assert (found.interval.low, found.interval.high) == pytest.approx((found.value - reach, found.value + reach))
    ninety = with_interval(mean_product, groups=60, level=0.9)(x, y, rng=0).interval
    assert (ninety.high - ninety.low) / 2 / ninety.se == pytest.approx(student.ppf(0.95, 59))


def test_groups_of_one_size_are_tukeys():
    values = np.random.default_rng(2).standard_normal(8)
    tukey = np.sqrt(7 / 8 * np.sum((values - values.mean()) ** 2))
    assert jackknife_error(0.3, values, np.full(8, 1 / 8)) == pytest.approx(tukey, rel=1e-12)


def test_groups_of_several_sizes_weigh_by_what_they_hold():
    # Of a mean: pseudo-values are the groups' own means, and group j has the variance 1 / m_j.
    rng = np.random.default_rng(3)
    sizes = np.asarray([3, 10, 25, 40, 22])
    squares = []
    for _ in range(4000):
        sums = rng.standard_normal(5) * sizes**0.5
        value, without = sums.sum() / 100, (sums.sum() - sums) / (100 - sizes)
        squares.append(jackknife_error(value, without, sizes / 100) ** 2)
    assert np.mean(squares) == pytest.approx(1 / 100, rel=0.05)


def test_it_leaves_out_seeded_groups_of_rows():
    x, y = clouds(4, rows=47)
    found = with_interval(td.similarity.angular_procrustes, groups=10)(x, y, rng=5)
    # Written out again, with the generator handed on as the wrapper does.
    stream = np.random.default_rng(np.random.default_rng(5).integers(1 << 63, size=3)[0])
    order = stream.permutation(47)
    groups = [order[:5], *(order[5 * i : 5 * i + 5] for i in range(1, 7)), order[35:39], order[39:43], order[43:]]
    without = [
        float(td.similarity.angular_procrustes(np.delete(x, group, axis=0), np.delete(y, group, axis=0)))
        for group in groups
    ]
    shares = np.asarray([len(group) for group in groups]) / 47
    assert found.interval.se == pytest.approx(
        jackknife_error(float(found.value), np.asarray(without), shares), rel=1e-7
    )


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_moments_without_rows_are_those_of_the_others(library: str):
    x, y = (5.0 * cloud + 3.0 for cloud in clouds(6))
    gone = np.asarray([3, 40, 41, 7])
    if library == "torch":
        torch = pytest.importorskip("torch", reason="needs the extra [torch]")
        x, y, gone = torch.asarray(x), torch.asarray(y), torch.asarray(gone)
    pair, left = Pair(x, y), [index for index in range(60) if index not in (3, 40, 41, 7)]
    known = pair.moments
    whole = Moments(known.count, known.means, known.scatters, known.cross, known.fourth)
    found = without_rows(pair.x.centred, pair.y.centred, whole, gone, (pair.x.squares, pair.y.squares))
    wanted = Pair(x[left], y[left]).moments
    assert found.rows == wanted.count == 56
    for one, other in zip(
        (*found.means, *found.scatters, found.cross, *found.fourth),
        (*wanted.means, *wanted.scatters, wanted.cross, *wanted.fourth),
        strict=True,
    ):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-11, atol=1e-11)


def test_moments_and_rows_give_the_same_interval():
    x, y = clouds(7)
    quick = with_interval(td.similarity.cka)(x, y, rng=1).interval
    traits = replace(td.similarity.cka.traits, needs=("rows",))
    slow = with_interval(td.similarity.cka)
    slow.measure = _as(td.similarity.cka, traits)
    assert slow(x, y, rng=1).interval.se == pytest.approx(quick.se, rel=1e-9)


def test_wide_clouds_are_left_out_in_fewer_coordinates_where_nothing_sees_it(monkeypatch):
    x, y = shared_latent(18, 40, 30, noise=0.4, rng=2)
    found = with_interval(td.similarity.procrustes)(x, y, rng=1).interval
    widths = []
    genuine = jackknife._by_rows
    monkeypatch.setattr(jackknife, "_by_rows", lambda pair, groups: widths.append(pair.widths) or genuine(pair, groups))
    again = with_interval(td.similarity.procrustes)(x, y, rng=1).interval
    with_interval(td.similarity.shape_distance)(x, y, rng=1, group="permutation")
    assert widths == [(18, 18), (40, 30)]
    assert again == found
    monkeypatch.setattr(Cloud, "coordinates", property(lambda cloud: cloud.centred))
    plain = with_interval(td.similarity.procrustes)(x, y, rng=1).interval
    assert widths[2:] == [(40, 30)]
    assert plain.se == pytest.approx(found.se, rel=1e-9)


def _as(function, traits):
    def other(*targets, **given):
        return function(*targets, **given)

    other.__wrapped__, other.traits, other.__name__ = function.__wrapped__, traits, function.__name__
    return other


def test_a_group_that_holds_the_variance_leaves_none():
    x, y = clouds(7)
    x[1:] = x[1]
    found = with_interval(td.similarity.procrustes)(x + 0.1, y, rng=1)
    assert found.interval is None or found.interval.se > 0
    order = np.random.default_rng(np.random.default_rng(1).integers(1 << 63, size=3)[0]).permutation(60)
    lonely = next(group for group in np.array_split(order, 20) if 0 in group)
    pairs = list(_by_moments(Pair(x + 0.1, y), [lonely]))
    assert pairs[0].totals[0] == 0.0


def test_folds_of_the_moments_are_the_groups():
    x, y = clouds(8, rows=200)
    stream = CrossMoments(folds=12, seed=3)
    for start in range(0, 200, 33):
        stream.update({"a": x[start : start + 33], "b": y[start : start + 33]})
    found = with_interval(td.similarity.cka)(stream, rng=0)
    assert found.value == pytest.approx(float(td.similarity.cka(x, y)), rel=1e-10)
    pair = stream.view()
    without = np.asarray([float(td.similarity.cka(pair.without(index))) for index in range(12)])
    shares = np.asarray([fold.count for fold in pair.folds]) / 200
    assert found.interval.se == pytest.approx(jackknife_error(float(found.value), without, shares), rel=1e-12)
    by_rows = with_interval(td.similarity.cka)(x, y, rng=0).interval
    assert found.interval.se == pytest.approx(by_rows.se, rel=0.6)
    # Folds leave nothing to chance.
    assert with_interval(td.similarity.cka)(stream, rng=9) == found


def test_rows_that_belong_together_are_left_out_together():
    # Ten copies of each row tell no more than one; whoever takes them for ten finds an error a third as large.
    x, y = (np.repeat(cloud, 10, axis=0) for cloud in clouds(9, rows=80))
    told, naive = CrossMoments(folds=20), CrossMoments(folds=20)
    told.update({"a": x, "b": y}, groups=np.repeat(np.arange(80), 10))
    naive.update({"a": x, "b": y})
    errors = [float(with_interval(td.similarity.procrustes)(one, rng=0).interval.se) for one in (told, naive)]
    single = with_interval(td.similarity.procrustes, groups=80)(*clouds(9, rows=80), rng=0).interval.se
    assert errors[0] / 10**0.5 == pytest.approx(float(single), rel=0.4)
    assert errors[1] < 0.5 * errors[0]


def test_ridge_keeps_folds_to_validate_on():
    x, y = clouds(10, rows=120)
    stream = CrossMoments(folds=8)
    stream.update({"a": x, "b": y})
    found = with_interval(td.similarity.ridge_predictivity)(stream, rng=0)
    assert found.intervals["r2"].low < found.r2 < found.intervals["r2"].high


def held(name: str, rows: int, trials: int, **parameters) -> tuple[float, float]:
    """Share of intervals that hold the mean over samples of so many rows, and their error over the true one."""
    compare = getattr(td.similarity, name)
    values = [float(compare(*clouds(10_000 + seed, rows), **parameters)) for seed in range(1500)]
    measured = with_interval(compare)
    intervals = [measured(*clouds(seed, rows), rng=seed, **parameters).interval for seed in range(trials)]
    share = np.mean([interval.low <= np.mean(values) <= interval.high for interval in intervals])
    return float(share), float(np.mean([interval.se for interval in intervals]) / np.std(values))


@pytest.mark.parametrize(("name", "rows"), [("cka", 60), ("procrustes", 60), ("angular_procrustes", 100)])
def test_the_interval_covers_the_mean_over_samples(name: str, rows: int):
    share, error = held(name, rows, 300)
    # Five standard errors of a share of 300 below; the jackknife errs on the wide side.
    assert 0.95 - 5 * np.sqrt(0.95 * 0.05 / 300) <= share
    assert share <= 0.995
    assert 0.9 < error < 1.35


def test_what_is_at_its_bound_stays_there():
    x, _ = clouds(11)
    found = with_interval(td.similarity.angular_procrustes)(x, rotated_copy(x, size=2.0, rng=1), rng=0)
    assert 0 <= found.interval.low <= found.value <= found.interval.high < 1e-6
    near = with_interval(covariance)(*clouds(12), rng=0)
    loose = with_interval(covariance, level=0.9999)(*clouds(12), rng=0)
    assert loose.interval.low == 0.0
    assert near.interval.low >= 0.0


def test_what_a_test_gives_has_no_interval():
    found = with_interval(judged)(*clouds(13), rng=0)
    assert set(found.intervals) == {"number"}
    assert found.notes == ()


def notes(found) -> set:
    return {(note.outcome, note.detail) for note in found.notes}


def test_where_there_is_none():
    x, y = clouds(14)
    few = with_interval(judged)(x[:25], y[:25], rng=0)
    assert notes(few) == {(Outcome.NO_INTERVAL, "no value without 20 of 20 groups of 25 rows")}
    whole = CrossMoments()
    whole.update({"a": x, "b": y})
    assert "CrossMoments(folds=20)" in notes(with_interval(td.similarity.cka)(whole, rng=0)).pop()[1]
    folds = CrossMoments(folds=3)
    folds.update({"a": x, "b": y})
    assert "in 3 folds, 5 are needed" in notes(with_interval(td.similarity.cka)(folds, rng=0)).pop()[1]
    assert notes(with_interval(mean_product)(x[:5], y[:5], rng=0)) == {(Outcome.NO_INTERVAL, "5 rows")}


def test_feature_maps_are_left_out_image_by_image():
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((12, 4, 4, 3))
    other = maps + 0.5 * rng.standard_normal(maps.shape)
    both = with_null(with_interval(td.similarity.shift_invariant_shape, groups=6), draws=19)
    found = both(maps, other, rng=0)
    assert found.intervals["distance"].low < found.distance < found.intervals["distance"].high
    assert found.chances["distance"].p_value == 0.1
    assert found.chances["distance"].median > 2 * found.distance


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"groups": 3}, "parameter 'groups' is 3"),
        ({"resamples": 100}, "parameter 'resamples' is none for cka, whose interval has 'groups'"),
        ({"level": 1.0}, "parameter 'level' is 1.0"),
    ],
)
def test_settings_that_do_not_fit(settings: dict, says: str):
    with pytest.raises(ParameterError, match=f"with_interval: {says}"):
        with_interval(td.similarity.cka, **settings)
    with pytest.raises(ParameterError, match="'groups' is none for hill, whose interval has 'resamples'"):
        with_interval(td.spectra.hill, groups=7)


WRAPPED = [
    with_interval(td.similarity.cka, groups=6),
    with_interval(td.similarity.procrustes, groups=6),
    with_null(with_interval(td.similarity.mutual_knn, groups=6), draws=19),
    with_null(td.similarity.cca, draws=19, null="rotated"),
    with_null(td.similarity.shift_invariant_shape, draws=19),
]


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{wrapped!r} {check.name}", marks=[pytest.mark.torch] if "torch" in check.name else [])
        for wrapped in WRAPPED
        for check in checks(wrapped)
    ],
)
def test_it_keeps_every_promise_of_a_measure(check: Check):
    if check.missing:
        pytest.skip(check.missing)
    check()


def test_it_looks_like_the_measure():
    wrapped = with_null(with_interval(td.similarity.cka), draws=99)
    assert wrapped.settings == {
        "with_interval": {"groups": 20, "level": 0.95},
        "with_null": {"null": "permuted", "draws": 99},
    }
    assert "with_interval(cka, groups=20, level=0.95)" in repr(wrapped)
    with pytest.raises(TypeError, match=r"^cka: takes 2 positional arguments for 'pair', got 3"):
        wrapped(*clouds(1), clouds(2)[0], rng=0)
    with pytest.raises(ValueError, match=r"^cka: y: it has 59 rows and x has 60"):
        wrapped(clouds(1)[0], clouds(1)[1][:59], rng=0)
