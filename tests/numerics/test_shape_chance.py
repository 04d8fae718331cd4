"""Chance levels of shape metrics: fresh spectra, closed forms, and the shapes at which nothing is claimed."""

import numpy as np
import pytest

from theodolite import spectra
from theodolite.core import Spectrum
from theodolite.numerics import shape_chance
from theodolite.numerics.chance import chance_level
from theodolite.numerics.nulls import gaussian_eigenvalues
from theodolite.numerics.shape_chance import (
    FIXED,
    LARGEST_SIDE,
    SHAPE_LEVELS,
    SHAPE_QUANTITIES,
    SOFT_RANK,
    fixed_chance,
    shape_chance_level,
    shape_standardisation,
)

QUICK = ("hill.value", "spectral_entropy.value", "participation_ratio.value", "marchenko_pastur.distance")
SLOW = ("truncated_power_law.distance", "lognormal_tail.distance")


def fresh(quantities, shape, draws):
    """The measures themselves, on spectra that no table has seen."""
    rng = np.random.default_rng(99)
    found = np.empty((draws, len(quantities)))
    for row in found:
        view = Spectrum.from_eigenvalues(gaussian_eigenvalues(shape, rng), shape)
        for column, quantity in enumerate(quantities):
            name, field = quantity.split(".")
            result = getattr(spectra, name)(view)
            row[column] = float(getattr(result, field) if hasattr(result, field) else result)
    return found


@pytest.mark.parametrize(
    ("quantities", "shape", "draws"),
    [
        (QUICK, (9, 13), 400),
        (QUICK, (40, 45), 400),
        (QUICK, (150, 900), 200),
        (QUICK, (384, 384), 60),
        (SLOW, (30, 50), 120),
        (SLOW, (90, 400), 80),
    ],
)
def test_fresh_spectra_fall_below_the_levels_as_often_as_they_should(quantities, shape, draws):
    found = fresh(quantities, shape, draws)
    for column, quantity in enumerate(quantities):
        law = shape_chance_level(quantity, shape)
        for p in (0.025, 0.25, 0.5, 0.75, 0.975):
            share = np.mean(found[:, column] <= law.quantile(p))
            # The draws behind the surfaces leave an error of their own.
            allowed = 4 * np.sqrt(p * (1 - p) / draws) + 0.16 * np.sqrt(p * (1 - p))
            assert abs(share - p) < allowed, (quantity, p, share)


@pytest.mark.parametrize("quantity", [*SHAPE_QUANTITIES, SOFT_RANK])
@pytest.mark.parametrize("shape", [(8, 8), (11, 4000), (77, 90), (384, 1536), (1000, 1000)])
def test_levels_ascend_and_percentiles_invert_them(quantity, shape):
    law = shape_chance_level(quantity, shape)
    if min(shape) > LARGEST_SIDE.get(quantity, 1024):
        assert law is None
        return
    assert np.all(np.diff(law.quantiles) > 0)
    assert np.all(np.isfinite(law.quantiles))
    for p in (0.025, 0.5, 0.9):
        assert law.percentile(law.quantile(p)) == pytest.approx(100 * p, rel=1e-6)
    assert law.shape == tuple(sorted(shape))
    assert law.levels[0] == SHAPE_LEVELS[0] or quantity == SOFT_RANK


@pytest.mark.parametrize("quantity", SHAPE_QUANTITIES)
def test_standardisation_can_be_undone(quantity):
    for shape in ((8, 8), (64, 640)):
        both = shape_standardisation(quantity, shape)
        values = shape_chance_level(quantity, shape).quantiles
        np.testing.assert_allclose(both.backward(both.forward(values)), values, rtol=1e-9)


def test_limits_are_those_of_theory():
    # Long matrices: the entropy of noise falls short of its maximum by n / 2m (Page), and the participation ratio is
    # nm / (n + m), the harmonic sum of the sides.
    for n, m in ((1000, 1000), (1000, 4000)):
        assert shape_chance_level("spectral_entropy.value", (n, m)).median == pytest.approx(
            1 - n / (2 * m * np.log(n)), abs=3e-4
        )
        assert shape_chance_level("participation_ratio.value", (n, m)).median == pytest.approx(
            n * m / (n + m), rel=3e-3
        )


def test_the_soft_rank_is_the_stable_rank_in_other_units():
    rng = np.random.default_rng(1)
    shape = (60, 100)
    values = gaussian_eigenvalues(shape, rng)
    view = Spectrum.from_eigenvalues(values, shape)
    stable = chance_level("stable_rank.value", shape).percentile(float(spectra.stable_rank(view)))
    soft = shape_chance_level(SOFT_RANK, shape).percentile(float(spectra.marchenko_pastur(view).soft_rank))
    assert soft == pytest.approx(stable, abs=0.01)


@pytest.mark.parametrize("shape", [(8, 8), (12, 48), (20, 31), (64, 100), (128, 512), (400, 400)])
def test_what_every_random_matrix_shows(shape):
    rng = np.random.default_rng(3)
    for _ in range(20):
        view = Spectrum.from_eigenvalues(gaussian_eigenvalues(shape, rng), shape)
        bulk = spectra.marchenko_pastur(view)
        assert fixed_chance("numerical_rank.value", shape) == float(spectra.numerical_rank(view)) == min(shape)
        assert abs(fixed_chance("trace_log_rank.rank", shape) - float(spectra.trace_log_rank(view).rank)) <= 1
        if int(bulk.spikes) == 0:
            assert fixed_chance("marchenko_pastur.sigma", shape) == pytest.approx(float(bulk.sigma), rel=1e-9)
    assert fixed_chance("marchenko_pastur.spikes", shape) == 0
    assert set(FIXED) == {
        "numerical_rank.value",
        "marchenko_pastur.sigma",
        "marchenko_pastur.spikes",
        "trace_log_rank.rank",
    }


def test_beyond_the_sides_drawn_only_laws_that_converge_are_carried_on():
    for quantity in SHAPE_QUANTITIES:
        side = LARGEST_SIDE[quantity]
        assert shape_chance_level(quantity, (side, side)) is not None
        assert shape_chance_level(quantity, (side + 1, 2 * side)) is None
    wide = shape_chance_level("participation_ratio.value", (4096, 16384))
    assert wide.median == pytest.approx(4096 * 16384 / (4096 + 16384), rel=2e-3)


def test_unknown_quantities_are_refused():
    with pytest.raises(ValueError, match=r"'alpha' has no chance level.*hill\.value"):
        shape_chance_level("alpha", (64, 64))


def test_the_shipped_coefficients_are_small_and_plain():
    assert shape_chance._TABLE.stat().st_size < 60_000
    with np.load(shape_chance._TABLE, allow_pickle=False) as stored:
        assert set(stored.files) == {*SHAPE_QUANTITIES, "draws", "seed"}
        for quantity in SHAPE_QUANTITIES:
            assert stored[quantity].shape[1] == len(SHAPE_LEVELS)
            assert np.all(np.isfinite(stored[quantity]))
