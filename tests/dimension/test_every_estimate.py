"""What all estimates from nearest neighbours share: what they are blind to, and what they refuse."""

import pickle
from functools import partial

import numpy as np
import pytest

from theodolite import dimension
from theodolite.core import Cloud, Outcome, Refusal
from theodolite.numerics.pca_rules import NOISE_TESTS, SHAPE_RULES
from theodolite.testing import poisson_neighbours

ESTIMATES = {
    "two_nn": dimension.two_nn,
    "two_nn, ml": partial(dimension.two_nn, fit="ml"),
    "two_nn, censored": partial(dimension.two_nn, fit="censored"),
    "gride": dimension.gride,
    "decimation": dimension.decimation,
    "mle": partial(dimension.mle, k=10),
    "mle, mean": partial(dimension.mle, k=10, combine="levina_bickel"),
    "lid": partial(dimension.lid, k=10),
    "mind": dimension.mind,
    "method_of_moments": partial(dimension.method_of_moments, k=10),
    "mada": partial(dimension.mada, k=10),
    "binomial_dimension": dimension.binomial_dimension,
    "correlation_dimension": dimension.correlation_dimension,
}
every = pytest.mark.parametrize("estimate", ESTIMATES.values(), ids=ESTIMATES)

# Their results have other fields beside the dimension.
OTHERS = {
    "ph_dimension": dimension.ph_dimension,
    "ph_dimension, alpha": partial(dimension.ph_dimension, alpha=0.5),
    "knn_graph_dimension": dimension.knn_graph_dimension,
    "fisher_separability": dimension.fisher_separability,
    "fisher_separability, exact": partial(dimension.fisher_separability, law="exact"),
    "local_pca": partial(dimension.local_pca, k=12),
    "tight_local": partial(dimension.tight_local, k=12),
    "expected_simplex_skewness": partial(dimension.expected_simplex_skewness, k=12),
    "danco": dimension.danco,
}
others = pytest.mark.parametrize("estimate", OTHERS.values(), ids=OTHERS)
every_one = pytest.mark.parametrize("estimate", [*ESTIMATES.values(), *OTHERS.values()], ids=[*ESTIMATES, *OTHERS])


def value_and_ends(found) -> np.ndarray:
    interval = found.intervals["dimension"]
    return np.asarray([found.dimension, interval.se, interval.low, interval.high], float)


def numbers(found) -> np.ndarray:
    interval = found.intervals["dimension"]
    return np.asarray([found.dimension, interval.se, interval.low, interval.high, found.goodness_of_fit], float)


@every
def test_one_duplicated_pair_changes_nothing(estimate):
    rows = np.random.default_rng(0).random((150, 4))
    twice = np.concatenate([rows, rows[40:41]])
    one, other = estimate(rows), estimate(twice)
    np.testing.assert_allclose(numbers(other), numbers(one), rtol=1e-9, atol=0)
    assert float(other.duplicates) == 1
    assert float(other.points) == float(one.points) == 150
    assert float(one.duplicates) == 0


@every
def test_single_precision_far_away_large_and_small(estimate):
    # In steps of 2**-12, which single precision holds a thousand standard deviations off.
    rows = (np.round(np.random.default_rng(1).standard_normal((200, 5)) * 2**12) / 2**12).astype(np.float32)
    as_it_is = numbers(estimate(rows))
    np.testing.assert_allclose(numbers(estimate(rows + np.float32(1024))), as_it_is, rtol=1e-5)
    for size in (1e-6, 1e6):
        np.testing.assert_allclose(numbers(estimate(rows * np.float32(size))), as_it_is, rtol=1e-5)


@others
def test_one_duplicated_pair_changes_nothing_of_the_others(estimate):
    rows = np.random.default_rng(0).random((150, 4))
    one, other = estimate(rows), estimate(np.concatenate([rows, rows[40:41]]))
    np.testing.assert_allclose(value_and_ends(other), value_and_ends(one), rtol=1e-9, atol=0)
    assert (float(one.points), float(one.duplicates)) == (150, 0)
    assert (float(other.points), float(other.duplicates)) == (150, 1)


@others
def test_single_precision_far_away_large_and_small_of_the_others(estimate):
    rows = (np.round(np.random.default_rng(1).standard_normal((200, 5)) * 2**12) / 2**12).astype(np.float32)
    as_it_is = value_and_ends(estimate(rows))
    np.testing.assert_allclose(value_and_ends(estimate(rows + np.float32(1024))), as_it_is, rtol=1e-5)
    for size in (1e-6, 1e6):
        np.testing.assert_allclose(value_and_ends(estimate(rows * np.float32(size))), as_it_is, rtol=1e-5)


@every_one
def test_single_precision_of_numbers_that_are_in_no_steps(estimate):
    """Storing them a thousand standard deviations off rounds them; nothing beyond that is lost."""
    rows = np.random.default_rng(2).standard_normal((200, 5)).astype(np.float32)
    as_it_is = value_and_ends(estimate(rows))
    for size in (1e-6, 1e6):
        np.testing.assert_allclose(value_and_ends(estimate(rows * np.float32(size))), as_it_is, rtol=1e-5)
    stored = rows + np.float32(1000)
    brought_back = stored.astype(np.float64) - 1000
    assert np.ptp(brought_back - rows) > 1e-5
    np.testing.assert_allclose(value_and_ends(estimate(stored)), value_and_ends(estimate(brought_back)), rtol=1e-9)


@every
def test_more_features_without_content(estimate):
    rows = np.random.default_rng(2).random((150, 3))
    np.testing.assert_allclose(numbers(estimate(np.pad(rows, ((0, 0), (0, 6))))), numbers(estimate(rows)), rtol=1e-9)


@every
def test_a_change_of_one_point_is_seen(estimate):
    rows = np.random.default_rng(3).random((150, 3))
    moved = rows.copy()
    moved[0] = rows[1] + 0.01
    assert not np.allclose(numbers(estimate(moved)), numbers(estimate(rows)), rtol=1e-7)


@every
def test_bad_input_is_refused(estimate):
    rows = np.random.default_rng(4).random((60, 3))
    broken = rows.copy()
    broken[5, 1] = np.nan
    with pytest.raises(Refusal) as refused:
        estimate(broken)
    assert refused.value.outcome is Outcome.NOT_FINITE_ROWS
    for given in (np.ones((60, 3)), rows[:2], np.repeat(rows[:2], 30, axis=0)):
        with pytest.raises(Refusal) as refused:
            estimate(given)
        assert refused.value.outcome in {Outcome.TOO_FEW_POINTS, Outcome.FEWER_ROWS_THAN_NEEDED}
        assert refused.value.measure


@every
def test_the_interval_is_of_95_percent_and_not_below_zero(estimate):
    found = estimate(np.random.default_rng(5).random((60, 3)))
    interval = found.intervals["dimension"]
    assert interval.level == 0.95
    reach = 1.959963984540054 * interval.se
    value = float(found.dimension)
    assert float(interval.high) == pytest.approx(value + reach, rel=1e-13)
    assert float(interval.low) == pytest.approx(max(0.0, value - reach), rel=1e-13)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(numbers(again), numbers(found))


ALL = ESTIMATES | {
    "mind, integer": partial(dimension.mind, values="integer"),
    "tight_local": dimension.tight_local,
    "expected_simplex_skewness": dimension.expected_simplex_skewness,
    "danco": dimension.danco,
    "ph_dimension": dimension.ph_dimension,
    "ph_dimension, gptid": partial(dimension.ph_dimension, plan="gptid"),
    "knn_graph_dimension": dimension.knn_graph_dimension,
    "fisher_separability": dimension.fisher_separability,
}
ALL |= {f"local_pca, {rule}": partial(dimension.local_pca, k=20, rule=rule) for rule in SHAPE_RULES}
ALL |= {f"pca_dimension, {rule}": partial(dimension.pca_dimension, rule=rule) for rule in (*SHAPE_RULES, *NOISE_TESTS)}


@pytest.mark.parametrize("name", ALL)
def test_the_value_lies_within_its_interval(name):
    clouds = [np.random.default_rng(seed).random((200, width)) for seed, width in enumerate((2, 3, 5))]
    for rows in (*clouds, np.random.default_rng(3).standard_normal((200, 6)) * 0.6 ** np.arange(6)):
        found = ALL[name](rows)
        interval = found.intervals["dimension"]
        assert 0 <= float(interval.low) <= float(found.dimension) <= float(interval.high)


OF_EIGHT = {
    "two_nn": dimension.two_nn,
    "gride": partial(dimension.gride, largest=8),
    "mle": partial(dimension.mle, k=8),
    "lid": partial(dimension.lid, k=8),
    "mind": partial(dimension.mind, k=7),
    "method_of_moments": partial(dimension.method_of_moments, k=8),
    "mada": partial(dimension.mada, k=8),
    "binomial_dimension": partial(dimension.binomial_dimension, k=8),
    "correlation_dimension": partial(dimension.correlation_dimension, k=8, start=4),
    "tight_local": partial(dimension.tight_local, k=8),
    "expected_simplex_skewness": partial(dimension.expected_simplex_skewness, k=8),
    "danco": partial(dimension.danco, k=7),
}


def test_rows_that_were_done_again_are_counted():
    """Single precision can't tell neighbours apart that are nearer to each other than its steps at their place."""
    rng = np.random.default_rng(11)
    clusters = (100 * rng.normal(size=(4, 1, 8)) + 1e-4 * rng.normal(size=(4, 300, 8))).reshape(-1, 8) + 1e4
    cloud, apart = Cloud(clusters), Cloud(rng.normal(size=(1200, 8)))
    assert cloud.neighbours(8).uncertain > 600
    assert apart.neighbours(8).uncertain == 0
    for name, estimate in OF_EIGHT.items():
        assert float(estimate(cloud).uncertain) == cloud.neighbours(8).uncertain, name
        assert float(estimate(apart).uncertain) == 0, name


OVER_A_GRAPH = set(ESTIMATES) - {"decimation", "correlation_dimension"}  # the last has the error of a U-statistic


@pytest.mark.parametrize("estimate", [ESTIMATES[name] for name in sorted(OVER_A_GRAPH)])
def test_neighbours_that_are_shared_widen_the_error(estimate):
    """In a cloud the error is above that of points which share nothing, and there it is that of independent points."""
    rows = np.random.default_rng(7).random((600, 3))
    cloud = Cloud(rows)
    near = cloud.neighbours(64)
    rng = np.random.default_rng(8)
    strangers = np.argsort(rng.random((600, 600)) + 2 * np.eye(600), axis=1)[:, :64]
    apart = Cloud.from_neighbours(type(near)(near.distances, strangers, near.distinct))
    shared, alone = (float(estimate(given).intervals["dimension"].se) for given in (cloud, apart))
    assert 1.05 * alone < shared < 2.5 * alone


@pytest.fixture(scope="module")
def tori() -> list[Cloud]:
    rng = np.random.default_rng(1)
    return [Cloud(np.exp(2j * np.pi * rng.random((400, 2))).view(float)) for _ in range(100)]


# Counted as independent, the points would give p-values below 0.1 for 0.16 (gride) to 0.37 (mind) of these clouds.
@pytest.mark.parametrize("name", ["two_nn", "gride", "mle", "lid", "mind", "method_of_moments", "mada"])
def test_the_test_of_the_law_has_its_level_where_points_share_neighbours(tori, name):
    p_values = np.asarray([ESTIMATES[name](torus).chances["goodness_of_fit"].p_value for torus in tori])
    assert np.mean(p_values < 0.1) <= 0.13
    assert np.mean(p_values < 0.01) <= 0.03
    assert p_values.mean() < 0.85


def test_the_poisson_law_at_a_dimension_that_is_no_integer():
    cloud = Cloud.from_neighbours(poisson_neighbours(4000, 64, 3.7, rng=9))
    for name, estimate in ESTIMATES.items():
        if name != "decimation":
            found = estimate(cloud)
            assert abs(float(found.dimension) - 3.7) < 3.5 * float(found.intervals["dimension"].se), name


# scikit-dimension 0.5.0 of the 149 different flowers; of all 150 it gives 0, or 1 for the last.
IRIS = [
    (dimension.two_nn, 3.3122135043258094, {}),
    (dimension.mle, 2.685304907360299, {}),
    (dimension.mada, 2.611724434768004, {"convention": "scikit-dimension"}),
    (dimension.method_of_moments, 0.8669339860652066, {"k": 100, "convention": "scikit-dimension"}),
    (dimension.mind, 3.056606388330725, {"k": 20}),
]


@pytest.mark.parametrize(("measure", "expected", "parameters"), IRIS)
def test_iris_with_its_pair_of_equal_flowers(measure, expected, parameters):
    from sklearn.datasets import load_iris

    found = measure(load_iris().data, **parameters)
    assert float(found.duplicates) == 1
    assert float(found.points) == 149
    assert float(found.dimension) == pytest.approx(expected, rel=1e-6)


class Stored:
    """Rows that are read in slices, until they are shut."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows, self.shape, self.dtype, self.ndim, self.shut = rows, rows.shape, rows.dtype, 2, False

    def __getitem__(self, some: slice) -> np.ndarray:
        assert isinstance(some, slice)
        assert not self.shut
        return self.rows[some]


@every
def test_stored_rows_give_the_same(estimate):
    rows = np.random.default_rng(10).random((80, 3))
    np.testing.assert_allclose(numbers(estimate(Stored(rows))), numbers(estimate(rows)), rtol=1e-12)


@pytest.mark.parametrize("estimate", [e for n, e in ESTIMATES.items() if n != "decimation"])
def test_one_pass_serves_all(estimate):
    rows = np.random.default_rng(6).random((90, 3))
    cloud = Cloud(Stored(rows))
    cloud.neighbours(64)
    cloud.points.shut = True
    np.testing.assert_allclose(numbers(estimate(cloud)), numbers(estimate(rows)), rtol=1e-12)
