"""Chance by drawing agrees with the shipped table, and tells structure from noise."""

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Outcome, ParameterError
from theodolite.numerics.chance import chance_levels
from theodolite.resample import with_null
from theodolite.resample.draws import standing

CASES = [
    ("power_law", "alpha"),
    ("power_law", "distance"),
    ("stable_rank", "value"),
    ("effective_rank", "value"),
]


def chance_of(result, field: str):
    return result.chance if field == "value" else result.chances[field]


@pytest.mark.parametrize(("measure", "field"), CASES)
def test_percentiles_agree_with_the_shipped_levels(measure: str, field: str):
    level = chance_levels((48, 96))[f"{measure}.{field}"]
    drawn = with_null(getattr(td.spectra, measure), draws=999)
    for seed in range(3):
        matrix = np.random.default_rng([seed, 9]).standard_normal((48, 96)) * 3.0
        result = drawn(matrix, rng=seed)
        value = float(result.value if field == "value" else getattr(result, field))
        found = chance_of(result, field)
        share = level.percentile(value) / 100
        # Five standard errors of a share of 999, and what the table itself may be off.
        assert found.percentile / 100 == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / 999) + 0.01)
        assert level.quantile(0.4) <= found.median <= level.quantile(0.6)


def test_p_values_are_uniform_under_the_null():
    drawn = with_null(td.spectra.stable_rank, draws=39)
    values = []
    for seed in range(200):
        matrix = np.random.default_rng([seed, 2]).standard_normal((20, 30))
        values.append(drawn(matrix, rng=seed).chance.p_value)
    for level in (0.1, 0.25, 0.5, 0.75):
        assert np.mean(np.asarray(values) <= level) == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 200))


@pytest.mark.parametrize("null", ["gaussian", "permuted"])
def test_structure_stands_out(null: str):
    signs = np.random.default_rng(1).choice([-0.7, 0.7], size=(2, 40))
    matrix = np.random.default_rng(0).standard_normal((40, 40)) + np.outer(signs[0], np.sign(signs[1]))
    chance = with_null(td.spectra.stable_rank, null=null, draws=49)(matrix, rng=0).chance
    assert (chance.percentile, chance.p_value) == (1.0, 0.04)


def test_permuting_keeps_heavy_entries_which_the_gaussian_null_does_not_know():
    matrix = np.random.default_rng(1).standard_normal((40, 60))
    matrix[3, 4] = 60.0
    measure = td.spectra.stable_rank
    gaussian = with_null(measure, draws=49)(matrix, rng=0).chance
    permuted = with_null(measure, null="permuted", draws=49)(matrix, rng=0).chance
    assert gaussian.p_value == 0.04
    assert permuted.p_value > 0.1


def test_what_the_null_keeps_stands_in_the_middle():
    matrix = np.random.default_rng(1).standard_normal((30, 40))
    for null in ("gaussian", "permuted"):
        chance = with_null(td.spectra.frobenius_norm, null=null, draws=19)(matrix, rng=0).chance
        assert (chance.percentile, chance.p_value) == (50.0, 1.0)
        assert chance.median == pytest.approx(np.linalg.norm(matrix))


def test_slices_keep_their_own_sizes():
    stack = np.random.default_rng(1).standard_normal((4, 20, 30)) * np.array([1.0, 1, 1, 5])[:, None, None]
    for null in ("gaussian", "permuted"):
        chance = with_null(td.spectra.stable_rank, null=null, draws=39)(stack, rng=0).chance
        assert 2 < chance.percentile < 98


def test_a_measure_of_the_matrix_is_drawn_with_the_matrix():
    matrix = np.random.default_rng(1).standard_normal((24, 32))
    result = with_null(td.spectra.random_distance, draws=19)(matrix, rng=0)
    assert 0 < result.chance.percentile < 100


def test_small_matrices_are_drawn_entry_by_entry():
    matrix = np.random.default_rng(1).standard_normal((4, 32))
    estimate = with_null(td.spectra.stable_rank, draws=199)(matrix, rng=0)
    reference = [
        float(td.spectra.stable_rank(np.random.default_rng([s, 5]).standard_normal((4, 32)))) for s in range(400)
    ]
    assert estimate.chance.median == pytest.approx(np.median(reference), rel=0.05)


@pytest.mark.parametrize(
    ("spectrum", "null"),
    [
        (td.Spectrum.from_eigenvalues(np.arange(1.0, 20.0)), "gaussian"),
        (td.Spectrum.from_eigenvalues(np.arange(1.0, 20.0), shape=(19, 30)), "permuted"),
    ],
)
def test_no_level_without_what_it_takes(spectrum: td.Spectrum, null: str):
    estimate = with_null(td.spectra.stable_rank, null=null)(spectrum, rng=0)
    assert [note.outcome for note in estimate.notes] == [Outcome.NO_NULL]
    assert estimate.chance is None


def test_standing_among_draws():
    draws = np.arange(1.0, 20.0)
    assert standing(0.0, draws) == (2.5, 0.1)
    assert standing(30.0, draws) == (97.5, 0.1)
    assert standing(10.0, draws) == (50.0, 1.0)
    assert standing(2.5, draws) == (12.5, pytest.approx(0.3))


def test_settings_that_do_not_fit():
    with pytest.raises(ParameterError, match=r"'null' is 'gausian': expected 'gaussian' or 'permuted' or 'rotated'$"):
        with_null(td.spectra.hill, null="gausian")
    with pytest.raises(ParameterError, match=r"with_null: parameter 'draws' is 3"):
        with_null(td.spectra.hill, draws=3)
