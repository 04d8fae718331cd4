"""Bootstrap intervals: they hold the truth as often as they say, and say where they can't."""

from pathlib import Path

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Outcome, ParameterError
from theodolite.numerics.powerlaw import fit_power_law
from theodolite.resample import with_interval

ALPHA = 2.5


def pareto(n: int, seed: int, body: int = 0) -> td.Spectrum:
    rng = np.random.default_rng([seed, n, body])
    return td.Spectrum.from_eigenvalues(np.concatenate([(1 - rng.random(n)) ** (-1 / (ALPHA - 1)), rng.random(body)]))


def test_the_interval_of_alpha_covers():
    measured = with_interval(td.spectra.power_law)
    results = [measured(pareto(400, seed), rng=seed) for seed in range(300)]
    intervals = [result.intervals["alpha"] for result in results]
    held = np.mean([interval.low <= ALPHA <= interval.high for interval in intervals])
    assert 0.90 <= held <= 0.99
    # The standard error is that of the exponent over samples, the search included, which sigma leaves out.
    spread = np.std([float(result.alpha) for result in results])
    assert np.median([interval.se for interval in intervals]) == pytest.approx(spread, rel=0.2)
    assert np.median([float(result.sigma) for result in results]) < 0.8 * spread


def test_the_interval_of_alpha_covers_above_a_body():
    measured = with_interval(td.spectra.power_law)
    held = 0
    for seed in range(60):
        interval = measured(pareto(200, seed, body=200), rng=seed).intervals["alpha"]
        held += bool(interval.low <= ALPHA <= interval.high)
    assert held >= 52


def test_it_is_the_bootstrap_with_the_search_in_it():
    spectrum = pareto(120, 3)
    found = with_interval(td.spectra.power_law, resamples=99, level=0.9)(spectrum, rng=5)
    # Written out again, with the generator handed on as the wrapper does.
    stream = np.random.default_rng(np.random.default_rng(5).integers(1 << 63, size=3)[0])
    values = spectrum.eigenvalues
    again = [fit_power_law(values[row]) for row in stream.integers(120, size=(99, 120))]
    alphas = np.sort([fit.alpha for fit in again if fit is not None])
    interval = found.intervals["alpha"]
    assert (interval.low, interval.high) == (alphas[4], alphas[94])
    assert interval.se == pytest.approx(np.std(alphas, ddof=1), rel=1e-12)
    assert interval.level == 0.9


def test_every_number_but_the_goodness_of_the_fit_has_an_interval_that_holds_it():
    result = with_interval(td.spectra.power_law)(pareto(100, 1), rng=0)
    assert set(result.intervals) == {"alpha", "xmin", "sigma", "tail_size"}
    for name, interval in result.intervals.items():
        assert interval.low <= getattr(result, name) <= interval.high
    assert result.alpha == td.spectra.power_law(pareto(100, 1)).alpha


def test_a_plain_number_becomes_an_estimate():
    matrix = np.random.default_rng(0).standard_normal((60, 90))
    estimate = with_interval(td.spectra.effective_rank)(matrix, rng=0)
    assert estimate.value == td.spectra.effective_rank(matrix)
    assert estimate.interval.low < estimate.value < estimate.interval.high
    assert estimate.notes == ()


@pytest.mark.parametrize("name", ["spectral_norm", "log_spectral_norm"])
def test_what_hangs_on_the_largest_eigenvalue_is_noted(name: str):
    matrix = np.random.default_rng(0).standard_normal((60, 90))
    matrix[0] *= 20
    estimate = with_interval(getattr(td.spectra, name))(matrix, rng=0)
    assert [note.outcome for note in estimate.notes] == [Outcome.HANGS_ON_LARGEST]
    calm = with_interval(td.spectra.hill)(matrix, rng=0)
    assert calm.notes == ()


@pytest.mark.parametrize("name", ["effective_rank", "participation_ratio", "spectral_entropy", "numerical_rank"])
def test_what_counts_eigenvalues_does_not_hang_on_the_largest(name: str):
    # The largest of Gaussian noise is one among many; that there would be one fewer without it is no doubt.
    matrix = np.random.default_rng(0).standard_normal((4000, 64))
    result = with_interval(getattr(td.spectra, name))(matrix, rng=0)
    assert [note.outcome for note in result.notes if note.outcome is Outcome.HANGS_ON_LARGEST] == []


@pytest.mark.parametrize("name", ["effective_rank", "participation_ratio", "stable_rank"])
def test_what_one_direction_decides_hangs_on_the_largest(name: str):
    matrix = np.random.default_rng(0).standard_normal((400, 64))
    matrix[0] *= 40
    estimate = with_interval(getattr(td.spectra, name))(matrix, rng=0)
    assert [note.outcome for note in estimate.notes] == [Outcome.HANGS_ON_LARGEST]


def unfolded(folder: Path, noise: np.ndarray) -> td.Spectrum:
    """A kernel as a checkpoint gives it, its positions side by side."""
    path = folder / "conv.safetensors"
    pytest.importorskip("safetensors.numpy").save_file({"conv.weight": noise.astype(np.float32)}, path)
    return td.open(path)["conv.weight"].spectrum(view="unfold")


def test_resamples_are_of_what_the_measure_looks_at(tmp_path: Path):
    kernel = np.random.default_rng(0).standard_normal((64, 32, 3, 3))
    kernel[:, :, 1, 1] *= 4
    spectrum = unfolded(tmp_path, kernel)
    result = with_interval(td.spectra.marchenko_pastur)(spectrum, rng=0)
    assert result.spikes == 0
    # Unscaled, the centre alone would stand out of every resample.
    assert result.intervals["spikes"].high <= 3
    # Nothing but the resamples differs from the balanced kernel's own answer.
    balanced = td.Spectrum.from_eigenvalues(result.extra["balanced_eigenvalues"], shape=(64, 288))
    again = with_interval(td.spectra.marchenko_pastur)(balanced, rng=0)
    for field, interval in again.intervals.items():
        assert result.intervals[field].low == pytest.approx(interval.low, rel=1e-9)
        assert result.intervals[field].high == pytest.approx(interval.high, rel=1e-9)
    assert with_interval(td.spectra.outliers)(spectrum, rng=0).intervals["count"].high <= 3
    # Measures that take the kernel as it is are resampled as it is.
    plain = td.Spectrum.from_eigenvalues(spectrum.eigenvalues, shape=(64, 288))
    pooled, own = (with_interval(td.spectra.hill)(one, rng=0) for one in (spectrum, plain))
    assert pooled.interval.low == pytest.approx(own.interval.low, rel=1e-9)
    theirs = with_interval(td.spectra.marchenko_pastur)(spectrum, rng=0, convention="weightwatcher")
    bare = with_interval(td.spectra.marchenko_pastur)(plain, rng=0, convention="weightwatcher")
    assert theirs.intervals["variance"].low == pytest.approx(bare.intervals["variance"].low, rel=1e-9)


def test_what_a_resample_can_not_answer_has_no_interval():
    matrix = np.random.default_rng(0).standard_normal((60, 90))
    bulk = with_interval(td.spectra.marchenko_pastur)(matrix, rng=0)
    assert set(bulk.intervals) == {"sigma", "variance", "edge", "spikes", "soft_rank"}
    found = with_interval(td.spectra.outliers)(matrix, rng=0)
    assert set(found.intervals) == {"count", "edge"}
    # Without an interval there is nothing to doubt about it.
    assert not {note.field for note in (*bulk.notes, *found.notes)} & {"distance", "statistic", "p_value"}


def test_zeros_of_a_low_rank_matrix_stay_zero():
    rng = np.random.default_rng(0)
    low = rng.standard_normal((120, 20)) @ rng.standard_normal((20, 120))
    result = with_interval(td.spectra.power_law)(low, rng=0)
    assert result.intervals["tail_size"].high <= 60
    assert result.intervals["xmin"].low > 1e-6 * float(result.xmin)


def test_too_few_answers_are_no_interval():
    few = td.Spectrum.from_eigenvalues(np.concatenate([np.zeros(12), 1.0 + np.arange(8.0)]))
    result = with_interval(td.spectra.power_law)(few, rng=0)
    # The interval that the measure gives by itself stays, where resamples give none.
    assert result.intervals["alpha"] == td.spectra.power_law(few).intervals["alpha"]
    notes = {note.field: note.outcome for note in result.notes}
    assert notes["xmin"] is Outcome.NO_INTERVAL
    assert "xmin" not in result.intervals


def test_pooled_slices_have_one_interval_for_the_pool():
    stack = np.random.default_rng(0).standard_normal((9, 16, 32))
    estimate = with_interval(td.spectra.hill)(stack, rng=0)
    assert estimate.value == td.spectra.hill(stack).value
    assert estimate.interval.low < estimate.value < estimate.interval.high


def test_slices_that_are_fitted_one_by_one_have_none():
    stack = np.random.default_rng(0).standard_normal((4, 16, 32))
    result = with_interval(td.spectra.marchenko_pastur)(stack, rng=0)
    assert {note.outcome for note in result.notes} == {Outcome.NO_INTERVAL}
    assert not result.intervals


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"resamples": 5}, "parameter 'resamples' is 5"),
        ({"level": 1.0}, "parameter 'level' is 1.0"),
        ({"level": 0.99}, r"an interval at level 0\.99 needs at least 199"),
        ({"resamples": "many"}, "parameter 'resamples' is 'many'"),
    ],
)
def test_settings_that_do_not_fit(settings: dict, says: str):
    with pytest.raises(ParameterError, match=f"with_interval: {says}|{says}"):
        with_interval(td.spectra.hill, **{"resamples": 60, **settings})


def test_what_looks_at_the_matrix_is_refused():
    with pytest.raises(TypeError, match=r"with_interval: correlation_traps looks at more than the eigenvalues"):
        with_interval(td.spectra.correlation_traps)
