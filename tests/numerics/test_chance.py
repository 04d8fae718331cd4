"""Chance levels: the shipped table, what lies between its entries, and what is simulated beyond it."""

import numpy as np
import pytest
from scipy.stats import kstest

from theodolite.numerics import chance
from theodolite.numerics.chance import (
    LEVELS,
    ChanceLevel,
    chance_level,
    chance_levels,
    quantiles_of_draws,
    simulated_chance_levels,
)
from theodolite.numerics.nulls import QUANTITIES, chance_statistics, simulate_chance


def normal_law(draws=1000):
    levels = np.array(LEVELS)
    quantiles = quantiles_of_draws(np.random.default_rng(0).standard_normal((100_000, 1)), levels)[:, 0]
    return ChanceLevel("stable_rank.value", (8, 8), "simulated", draws, levels, quantiles)


# Square, nearly square, on the grid and off it, below, between and above the sides that were drawn.
FRESH = [
    ((8, 8), 3000),
    ((9, 9), 3000),
    ((9, 11), 3000),
    ((16, 64), 3000),
    ((50, 5000), 2000),
    ((64, 64), 2000),
    ((77, 90), 2000),
    ((384, 1536), 150),
]


@pytest.mark.parametrize(("shape", "draws"), FRESH)
def test_fresh_spectra_fall_below_the_quantiles_as_often_as_they_should(shape, draws):
    sample = simulate_chance(shape, draws, 12345)
    laws = chance_levels(shape)
    for column, quantity in enumerate(QUANTITIES):
        law = laws[quantity]
        for p in (0.01, 0.025, 0.25, 0.5, 0.75, 0.975, 0.99):
            share = np.mean(sample[:, column] <= law.quantile(p))
            # The table's own error. The distance of few eigenvalues depends on their number less than smoothly.
            own = 0.035 if quantity == "power_law.distance" and shape[0] < 16 else 0.01
            allowed = 4 * np.sqrt(p * (1 - p) / draws) + own * np.sqrt(4 * p * (1 - p))
            assert abs(share - p) < allowed, (quantity, p, share)


@pytest.mark.parametrize(("shape", "draws"), [((8, 20), 1500), ((33, 33), 1500), ((100, 300), 1000)])
def test_percentiles_of_the_null_are_uniform(shape, draws):
    sample = simulate_chance(shape, draws, 777)
    for column, quantity in enumerate(QUANTITIES):
        law = chance_level(quantity, shape)
        ranks = np.array([law.percentile(value) for value in sample[:, column]]) / 100
        # The ends of the scale hold what lies beyond; spread it again so that a continuous law can be tested.
        rng = np.random.default_rng(0)
        ranks[ranks < 0.0051] = rng.uniform(0, 0.005, np.sum(ranks < 0.0051))
        ranks[ranks > 0.9949] = rng.uniform(0.995, 1, np.sum(ranks > 0.9949))
        assert kstest(ranks, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("entries", ["normal", "uniform"])
def test_dense_matrices_of_either_initialisation_are_at_chance(entries):
    # Universality: exponent and distance don't tell uniform entries from normal ones. The largest eigenvalue of uniform
    # entries, whose fourth cumulant is negative, lies lower by a part of its spread that vanishes with the size.
    rng = np.random.default_rng(31)
    draws, shape = 300, (64, 96)
    laws = [chance_level(quantity, shape) for quantity in QUANTITIES[:3]]
    ranks = np.empty((draws, 3))
    for draw in range(draws):
        matrix = rng.standard_normal(shape) if entries == "normal" else rng.uniform(-0.1, 0.1, shape)
        found = chance_statistics(np.linalg.svd(matrix, compute_uv=False)[::-1] ** 2)
        ranks[draw] = [law.percentile(value) for law, value in zip(laws, found[:3], strict=True)]
    allowed = np.array([0, 0, 10 if entries == "uniform" else 0]) + 4 * 100 / np.sqrt(12 * draws)
    assert np.all(np.abs(ranks.mean(axis=0) - 50) < allowed)
    untrained = np.all(np.abs(ranks[:, :2] - 50) <= 48.75, axis=1) & (ranks[:, 2] > 1)
    assert untrained.mean() > 0.92


def test_planted_structure_is_not_at_chance():
    rng = np.random.default_rng(32)
    noise = rng.standard_normal((96, 128))
    spike = noise + 0.5 * np.outer(rng.standard_normal(96), rng.standard_normal(128))
    low_rank = noise.copy()
    low_rank[24:] = rng.standard_normal((72, 24)) @ noise[:24] / 5
    stable = chance_level("stable_rank.value", (96, 128))
    effective = chance_level("effective_rank.value", (96, 128))
    assert stable.percentile(chance_statistics(np.linalg.svd(spike, compute_uv=False)[::-1] ** 2)[2]) < 0.51
    assert effective.percentile(chance_statistics(np.linalg.svd(low_rank, compute_uv=False)[::-1] ** 2)[3]) < 0.51


@pytest.mark.parametrize("shape", [(8, 8), (77, 500), (384, 30522), (5120, 13824), (16384, 53248)])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_percentile_is_monotone_bounded_and_inverse_to_quantile(quantity, shape):
    law = chance_level(quantity, shape)
    assert np.all(np.diff(law.quantiles) > 0)
    levels = np.linspace(law.levels[0], law.levels[-1], 100)
    quantiles = np.array([law.quantile(p) for p in levels])
    assert np.all(np.diff(quantiles) > 0)
    np.testing.assert_allclose([law.percentile(value) for value in quantiles], 100 * levels, rtol=1e-6)
    assert law.percentile(-np.inf) == 100 * law.levels[0]
    assert law.percentile(np.inf) == 100 * law.levels[-1]
    assert law.quantile(0) == law.quantiles[0] < law.median < law.quantile(1) == law.quantiles[-1]
    # No level beyond the smallest and the largest of the draws it is worth, and enough of them for 1 to 99 %.
    assert law.levels[0] * (law.draws + 1) >= 1
    assert law.levels[0] <= 0.01
    assert law.levels[-1] == pytest.approx(1 - law.levels[0])


def test_a_normal_law_is_read_as_one():
    law = normal_law()
    for value, percentage in ((0.0, 50.0), (1.0, 84.134), (-1.0, 15.866), (1.7, 95.543)):
        assert law.percentile(value) == pytest.approx(percentage, abs=0.5)
    assert law.quantile(0.8413) == pytest.approx(1.0, abs=0.02)
    assert law.median == law.quantile(0.5)


@pytest.mark.parametrize("p", [-0.01, 1.01, np.nan])
def test_probabilities_outside_the_unit_interval_are_refused(p):
    with pytest.raises(ValueError, match="p must be a probability"):
        normal_law().quantile(p)


def test_the_percentile_of_nan_is_refused():
    with pytest.raises(ValueError, match=r"NaN stable_rank\.value"):
        normal_law().percentile(np.nan)


def test_source_says_where_a_level_comes_from():
    assert chance_level("power_law.alpha", (64, 256)).source == "table"
    assert chance_level("power_law.alpha", (16384, 16384)).source == "table"
    assert chance_level("power_law.alpha", (65, 256)).source == "interpolated"
    assert chance_level("power_law.alpha", (64, 257)).source == "interpolated"


def test_a_matrix_and_its_transpose_share_one_answer():
    assert chance_levels((1536, 384)) is chance_levels((384, 1536))
    assert list(chance_levels((384, 1536))) == list(QUANTITIES)
    with pytest.raises(TypeError):
        chance_levels((384, 1536))["power_law.alpha"] = None


def test_levels_change_smoothly_from_shape_to_shape():
    # No jump at the edges of the table's cells: neighbouring sides differ by a small part of the spread.
    for quantity in QUANTITIES[:2]:
        for side in (16, 64, 512, 4096):
            laws = [chance_level(quantity, (side + step, 2 * side + 2 * step)) for step in (-1, 0, 1)]
            steps = np.abs(np.diff([law.quantiles for law in laws], axis=0))
            spread = laws[1].quantile(0.75) - laws[1].quantile(0.25)
            assert np.max(steps[:, 4:-4]) < 4 * spread / side


@pytest.mark.parametrize(
    ("shape", "match"), [((7, 7), "at least 8"), ((64, 4), "at least 8"), ((8.5, 9), "whole"), ((8, 9.5), "whole")]
)
def test_bad_shapes_are_refused(shape, match):
    with pytest.raises(ValueError, match=match):
        chance_levels(shape)


def test_unknown_quantities_are_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=r"'alpha' has no chance level.*power_law\.alpha.*effective_rank\.value"):
        chance_level("alpha", (64, 64))


def test_sides_beyond_the_table_are_simulated_from_the_shape_alone(monkeypatch):
    asked = []

    def record(shape, draws, rng):
        asked.append((shape, draws, rng.integers(1 << 62)))
        return simulate_chance((8, 8), draws, 0)

    monkeypatch.setattr(chance, "simulate_chance", record)
    laws = chance._chance_levels.__wrapped__(20000, 30000)
    again = chance._chance_levels.__wrapped__(20000, 30000)
    chance._chance_levels.__wrapped__(20000, 30001)
    assert asked[0] == asked[1]
    assert asked[0][2] != asked[2][2]
    law = laws["power_law.alpha"]
    assert (law.source, law.draws, law.shape) == ("simulated", 99, (20000, 30000))
    np.testing.assert_array_equal(law.quantiles, again["power_law.alpha"].quantiles)
    # 99 draws support the levels from 1 to 99 % and no more.
    assert law.levels[[0, -1]] == pytest.approx([0.01, 0.99])
    assert law.percentile(-np.inf) == pytest.approx(1.0)


@pytest.mark.parametrize("shape", [(12, 12), (24, 100)])
def test_simulated_levels_agree_with_the_table(shape):
    simulated, tabled = simulated_chance_levels(shape, 2000, 5), chance_levels(shape)
    for quantity in QUANTITIES:
        spread = tabled[quantity].quantile(0.84) - tabled[quantity].quantile(0.16)
        assert simulated[quantity].median == pytest.approx(tabled[quantity].median, abs=0.1 * spread)
        assert simulated[quantity].source == "simulated"


def test_the_shipped_table_is_small_plain_and_complete():
    assert chance._TABLE.stat().st_size < 300_000
    with np.load(chance._TABLE, allow_pickle=False) as stored:
        assert stored["quantities"].tolist() == list(QUANTITIES)
        np.testing.assert_allclose(stored["levels"], LEVELS)
        assert stored["standard"].shape == (4, stored["sides"].size, stored["roots"].size, len(LEVELS))
        assert np.all(np.isfinite(stored["standard"]))
        assert np.all(np.diff(stored["standard"], axis=-1) > 0)
        assert stored["sides"][0] == 8
        assert stored["roots"][[0, -1]].tolist() == [0.0, 1.0]
