"""Chance levels of tail fits: fresh spectra between the shapes of the tables, ties, and where nothing is claimed."""

import numpy as np
import pytest

from theodolite import spectra
from theodolite.core import Spectrum
from theodolite.numerics import tail_chance
from theodolite.numerics.nulls import gaussian_eigenvalues
from theodolite.numerics.shape_chance import SHAPE_LEVELS, SHAPE_QUANTITIES
from theodolite.numerics.tail_chance import ROOTS, SIDES, TAIL_QUANTITIES, standard, tail_chance_level
from theodolite.surveys.chance import chance, has_chance


def fresh(quantity, shape, draws):
    """The measure itself, on spectra that no table has seen."""
    rng = np.random.default_rng(77)
    name, field = quantity.split(".")
    views = (Spectrum.from_eigenvalues(gaussian_eigenvalues(shape, rng), shape) for _ in range(draws))
    return np.asarray([float(getattr(getattr(spectra, name)(view), field)) for view in views])


@pytest.mark.parametrize(
    ("quantity", "shape", "draws"),
    [
        ("power_law.tail_size", (25, 40), 400),
        ("power_law.tail_size", (170, 1000), 200),
        ("exponential_tail.distance", (16, 16), 400),
        ("exponential_tail.distance", (50, 330), 400),
        ("exponential_tail.distance", (170, 240), 200),
        ("lognormal_tail.sigma", (26, 500), 120),
        ("lognormal_tail.sigma", (48, 60), 120),
        ("lognormal_tail.tail_size", (90, 120), 120),
        ("truncated_power_law.tail_size", (40, 70), 150),
    ],
)
def test_fresh_spectra_fall_below_the_levels_as_often_as_they_should(quantity, shape, draws):
    found = fresh(quantity, shape, draws)
    law = tail_chance_level(quantity, shape)
    percentiles = np.asarray([law.percentile(value) for value in found])
    # Of numbers with ties, percentiles count half of them: their mean is 50 all the same.
    assert abs(percentiles.mean() - 50) < 4 * 29 / np.sqrt(draws) + 4
    for p in (0.05, 0.25, 0.5, 0.75, 0.95):
        known = law.quantile(p)
        share = (np.mean(found < known) + np.mean(found <= known)) / 2
        # A tie may fall on either side, and the draws behind the tables leave an error of their own.
        tie = np.mean(np.abs(found - known) < 0.5) if quantity.endswith("size") else 0.0
        allowed = 4 * np.sqrt(p * (1 - p) / draws) + 0.16 * np.sqrt(p * (1 - p)) + tie / 2
        assert abs(share - p) < allowed, (p, share)


@pytest.mark.parametrize("quantity", TAIL_QUANTITIES)
@pytest.mark.parametrize("shape", [(8, 8), (11, 4000), (77, 90), (1536, 384), (1000, 1000), (1024, 1024)])
def test_levels_ascend_and_percentiles_invert_them(quantity, shape):
    law = tail_chance_level(quantity, shape)
    assert np.all(np.diff(law.quantiles) > 0)
    assert np.all(np.isfinite(law.quantiles))
    assert law.levels.tolist() == list(SHAPE_LEVELS)
    assert law.shape == tuple(sorted(shape))
    for p in (0.025, 0.5, 0.9):
        assert law.percentile(law.quantile(p)) == pytest.approx(100 * p, rel=1e-4)


def test_at_a_shape_of_the_grid_the_levels_are_those_drawn():
    law = tail_chance_level("exponential_tail.distance", (64, 256))
    assert law.source == "table"
    with np.load(tail_chance._TABLE, allow_pickle=False) as stored:
        row = stored["quantiles"][TAIL_QUANTITIES.index("exponential_tail.distance"), SIDES.index(64), ROOTS.index(0.5)]
        assert set(stored.files) == {"quantiles", "draws", "seed"}
        assert stored["quantiles"].shape == (len(TAIL_QUANTITIES), len(SIDES), len(ROOTS), len(SHAPE_LEVELS))
    np.testing.assert_allclose(law.quantiles, np.exp(row.astype(float)), rtol=1e-6)
    assert tail_chance_level("exponential_tail.distance", (65, 256)).source == "interpolated"
    assert tail_chance._TABLE.stat().st_size < 60_000


def test_equal_sizes_are_spread_over_the_unit_about_them():
    spread = standard("power_law.tail_size", np.asarray([3.0, 2.0, 3.0, 3.0, 3.0]), (10, 20)) * 10
    np.testing.assert_allclose(np.sort(spread), [2.0, 2.625, 2.875, 3.125, 3.375])
    np.testing.assert_allclose(standard("lognormal_tail.sigma", np.asarray([0.5]), (10, 40)), [0.0], atol=1e-12)


def test_where_nothing_was_drawn_nothing_is_claimed():
    for quantity in TAIL_QUANTITIES:
        assert tail_chance_level(quantity, (1024, 4096)) is not None
        assert tail_chance_level(quantity, (1025, 4096)) is None
        assert chance(quantity, 0.1, (4096, 1025)) == {}
        assert chance(quantity, 0.1, (7, 20))["outcome"] == "TOO_SMALL_FOR_CHANCE"
    with pytest.raises(ValueError, match=r"'rate' has no chance level here.*power_law\.tail_size"):
        tail_chance_level("rate", (64, 64))
    assert not {*TAIL_QUANTITIES} & {*SHAPE_QUANTITIES}


def test_readings_get_them():
    assert has_chance("exponential_tail")
    law = tail_chance_level("exponential_tail.distance", (48, 300))
    beside = chance("exponential_tail.distance", law.quantile(0.9), (300, 48))
    assert beside == {"chance": law.median, "percentile": pytest.approx(90)}
