"""Chance levels of pairs: uniform where nothing ties the clouds, and the same from rows and from moments."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest

import theodolite as td
from theodolite.catalogue import family, measures
from theodolite.core import Cloud, CrossMoments, Outcome, Pair, ParameterError
from theodolite.core.results import field_readings
from theodolite.resample import with_null
from theodolite.resample.permutations import NullRows
from theodolite.resample.wrapped import Case
from theodolite.testing import shared_latent

OF_PAIRS = sorted(
    name for name, one in measures().items() if family(one) == "similarity" and one.traits.views == (Pair,)
)


def unrelated(seed: int, rows: int = 24) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([seed, 70])
    return rng.standard_normal((rows, 5)) * np.linspace(0.3, 2, 5), rng.exponential(size=(rows, 4))


def draws_of(measure, pair: Pair, null: str, draws: int, seed: int) -> np.ndarray:
    case = Case(measure, {}, pair, measure(pair))
    rng = np.random.default_rng(seed)
    return next(iter(case.of_draws(NullRows(null, draws).drawn(case, rng), rng).values()))


@pytest.mark.parametrize("name", OF_PAIRS)
@pytest.mark.parametrize("shape", [(30, 6, 6), (12, 20, 20)], ids=str)
def test_a_cloud_whose_memory_is_reordered_is_a_cloud_of_reordered_rows(name: str, shape: tuple[int, int, int]):
    rows, first, second = shape
    x, y = shared_latent(rows, first, second, noise=0.8, rng=3)
    order = np.random.default_rng(4).permutation(rows)
    one, pair = measures()[name], Pair(x, y)
    try:
        one(pair)  # so that there is something to remember
    except td.core.Refusal:
        pytest.skip("refuses so few rows")
    reordered = list(field_readings(one(Pair(pair.x, pair.y.reordered(order))), one.traits.fields))
    fresh = list(field_readings(one(x, y[order]), one.traits.fields))
    for got, wanted in zip(reordered, fresh, strict=True):
        assert got.value == pytest.approx(wanted.value, rel=1e-9, abs=1e-10)


def test_a_reordered_cloud_computes_nothing_again_that_has_no_order(monkeypatch):
    x, _ = unrelated(1)
    cloud = Cloud(x)
    known = {name: getattr(cloud, name) for name in ("scatter", "total", "mean")}
    per_row = {name: getattr(cloud, name) for name in ("centred", "squares", "coordinates")}
    gram, order = cloud.gram, np.random.default_rng(2).permutation(24)
    monkeypatch.setattr(Cloud, "_centre", None)
    made = cloud.reordered(order)
    assert all(getattr(made, name) is value for name, value in known.items())
    for name, value in per_row.items():
        np.testing.assert_array_equal(getattr(made, name), value[order])
    np.testing.assert_array_equal(made.gram, gram[order][:, order])
    np.testing.assert_array_equal(made.rows, x[order])


def test_the_median_is_that_of_every_permutation():
    x, y = (cloud[:6] for cloud in unrelated(5))
    every = [float(td.similarity.procrustes(x, y[list(order)])) for order in permutations(range(6))]
    found = with_null(td.similarity.procrustes, draws=1999)(x, y, rng=0)
    below = np.mean(np.asarray(every) < float(found.chance.median))
    assert below == pytest.approx(0.5, abs=4 * 0.5 / 1999**0.5 + 1 / 720)
    rank = 100 * np.mean(np.asarray(every) < float(found.value) - 1e-12)
    assert found.chance.percentile == pytest.approx(rank, abs=5)


@pytest.mark.parametrize("null", ["permuted", "rotated"])
def test_the_mean_is_the_closed_form(null: str):
    # Of the squared norm of a cross-moment: tr(Sxx) tr(Syy) / (n - 1), exactly, under both.
    x, y = unrelated(6, rows=80)
    pair = Pair(x, y)
    drawn = draws_of(measures()["cka"], pair, null, 10, 0)
    assert np.isfinite(drawn).all()
    case = Case(td.similarity.cka, {}, pair, td.similarity.cka(pair))
    squares = [float(np.sum(other.cross**2)) for other in NullRows(null, 4000).drawn(case, np.random.default_rng(1))]
    expected = float(pair.totals[0] * pair.totals[1]) / 79
    assert np.mean(squares) == pytest.approx(expected, abs=5 * np.std(squares) / 4000**0.5)


@pytest.mark.parametrize("name", ["cka", "procrustes", "mutual_knn"])
def test_p_values_are_uniform_where_nothing_ties_the_clouds(name: str):
    measured = with_null(getattr(td.similarity, name), draws=39)
    parameters = {"k": 5} if name == "mutual_knn" else {}
    values = np.asarray([measured(*unrelated(seed), rng=seed, **parameters).chance.p_value for seed in range(200)])
    # Values that are equal count against the number, so that a p-value of a coarse measure is too large, never small.
    slack = 0.3 if name == "mutual_knn" else 0.0
    for level in (0.1, 0.25, 0.5, 0.75):
        error = 4 * np.sqrt(level * (1 - level) / 200)
        assert level - error - slack <= np.mean(values <= level) <= level + error


def test_what_is_shared_stands_out_on_the_right_side():
    x, y = shared_latent(60, 8, 6, noise=0.5, rng=1)
    near, alike = (
        with_null(getattr(td.similarity, name), draws=99)(x, y, rng=0).chance for name in ("procrustes", "cka")
    )
    assert (near.percentile, near.p_value) == (0.5, 0.02)
    assert (alike.percentile, alike.p_value) == (99.5, 0.02)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("cka", (60, 5, 4)), ("procrustes", (40, 5, 4)), ("cca", (40, 6, 5)), ("cka", (12, 20, 15)), ("gulp", (50, 4, 6))],
)
def test_rotations_stand_for_permutations(name: str, shape: tuple[int, int, int]):
    rows, first, second = shape
    rng = np.random.default_rng(8)
    pair = Pair(rng.standard_normal((rows, first)) * np.linspace(0.3, 2, first), rng.standard_normal((rows, second)))
    permuted, rotated = (draws_of(getattr(td.similarity, name), pair, null, 600, 9) for null in ("permuted", "rotated"))
    assert ks_2samp(permuted, rotated).pvalue > 1e-3


def test_normal_entries_would_not():
    # With few rows a normal cross-moment has canonical correlations that no permutation has.
    rng = np.random.default_rng(8)
    pair = Pair(rng.standard_normal((16, 5)), rng.standard_normal((16, 4)))
    case = Case(td.similarity.cca, {}, pair, td.similarity.cca(pair))
    largest = []
    for other in NullRows("rotated", 500).drawn(case, np.random.default_rng(0)):
        roots = [np.linalg.inv(np.linalg.cholesky(scatter)) for scatter in other.scatters]
        largest.append(np.linalg.norm(roots[0] @ other.cross @ roots[1].T, 2))
    assert max(largest) < 1
    normal = np.linalg.norm(rng.standard_normal((500, 5, 4)), 2, axis=(1, 2)) / 15**0.5
    assert np.mean(normal > 1) > 0.2


def test_wide_clouds_are_rotated_along_their_axes():
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((15, 40)), rng.standard_normal((15, 30))
    pair = Pair(x, y)
    case = Case(td.similarity.angular_procrustes, {}, pair, td.similarity.angular_procrustes(pair))
    drawn = list(NullRows("rotated", 3).drawn(case, np.random.default_rng(0)))
    assert all(other.widths == (14, 14) for other in drawn)
    # A measure that sees the features themselves is drawn with them.
    given = {"group": "permutation"}
    result = td.similarity.shape_distance(pair, **given)
    paired = Case(td.similarity.shape_distance, {**case.parameters, **given}, pair, result)
    assert next(NullRows("rotated", 1).drawn(paired, np.random.default_rng(0))).widths == (40, 30)


def test_moments_alone_are_rotated():
    x, y = shared_latent(80, 8, 6, noise=0.5, rng=2)
    stream = CrossMoments()
    stream.update({"a": x[:50], "b": y[:50]})
    stream.update({"a": x[50:], "b": y[50:]})
    for name in ("cka", "procrustes"):
        compare = getattr(td.similarity, name)
        by_moments = with_null(compare, draws=199)(stream, rng=3)
        by_rows = with_null(compare, draws=199, null="rotated")(x, y, rng=3)
        assert by_moments.chance.median == pytest.approx(float(by_rows.chance.median), rel=1e-6)
        assert by_moments.chance.p_value == by_rows.chance.p_value == 0.01


def test_p_values_of_moments_are_uniform_too():
    measured = with_null(td.similarity.cka, draws=39, null="rotated")
    values = [measured(*unrelated(seed), rng=seed).chance.p_value for seed in range(300)]
    # P-values are multiples of 2/40.
    assert kstest(values, lambda p: np.floor(np.asarray(p) * 20 + 1e-9) / 20).statistic < 0.05 + 1.63 / 300**0.5


def test_no_level_without_rows():
    x, y = unrelated(1)
    found = with_null(td.similarity.mutual_knn, null="rotated")(x, y, rng=0)
    assert [note.outcome for note in found.notes] == [Outcome.NO_NULL]
    assert found.chance is None
    few = with_null(td.similarity.procrustes)(x[:2], y[:2], rng=0)
    assert [(note.outcome, note.detail) for note in few.notes] == [(Outcome.NO_NULL, "2 rows")]


def test_nulls_that_do_not_fit():
    with pytest.raises(ParameterError, match=r"'gaussian': expected 'permuted' or 'rotated' around cka$"):
        with_null(td.similarity.cka, null="gaussian")
    with pytest.raises(ParameterError, match=r"'rotated': expected 'gaussian' or 'permuted' around hill$"):
        with_null(td.spectra.hill, null="rotated")


@pytest.mark.torch
def test_gradients_stay_with_the_number(torch):
    x, y = (torch.asarray(cloud).requires_grad_() for cloud in unrelated(1))
    found = with_null(td.similarity.cka, draws=19)(x, y, rng=0)
    assert found.value.requires_grad
    assert not found.chance.median.requires_grad
    host = with_null(td.similarity.cka, draws=19)(*unrelated(1), rng=0)
    assert float(found.chance.median) == pytest.approx(float(host.chance.median), rel=1e-12)
