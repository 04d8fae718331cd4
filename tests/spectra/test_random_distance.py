"""random_distance: both readings against their definitions, shuffles within slices, and what chance leaves."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

import theodolite as td
from theodolite.core import Outcome, ParameterError, Spectrum
from theodolite.spectra import random_distance
from theodolite.testing import gaussian


def by_hand(matrix, seed, reading):
    """Shuffle once and compare, with another package's distance (scipy.spatial, natural logarithm)."""
    entries = matrix.astype(np.float64).ravel()
    np.random.default_rng(seed).shuffle(entries)
    one, other = (np.linalg.svd(m, compute_uv=False) ** 2 for m in (matrix, entries.reshape(matrix.shape)))
    if reading == "spectra":
        return jensenshannon(np.sort(one), np.sort(other))
    bins = np.linspace(0, max(one.max(), other.max()) * (1 + 1e-12), 101)
    return jensenshannon(np.histogram(one, bins)[0], np.histogram(other, bins)[0])


@pytest.mark.parametrize("reading", ["spectra", "histogram"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_is_the_distance_of_jensen_and_shannon(ladder, reading, dtype):
    matrix = ladder.astype(dtype)
    for seed in range(3):
        found = random_distance(matrix, reading=reading, shuffles=1, rng=seed)
        assert found.interval is None
        assert found.value == pytest.approx(by_hand(matrix, seed, reading), rel=1e-6)


def test_the_readings_differ(ladder):
    spectra, histogram = (random_distance(ladder, reading=reading).value for reading in ("spectra", "histogram"))
    assert abs(spectra - histogram) > 0.05


def test_the_mean_over_shuffles_knows_its_error(ladder):
    found = random_distance(ladder, shuffles=40, rng=1)
    again = [float(random_distance(ladder, shuffles=1, rng=seed).value) for seed in range(100, 140)]
    assert found.interval.se == pytest.approx(np.std(again, ddof=1) / np.sqrt(40), rel=0.5)
    assert found.interval.low < np.mean(again) + 2 * found.interval.se
    assert abs(found.value - np.mean(again)) < 4 * found.interval.se


def test_small_matrices_are_shuffled_more_often():
    assert random_distance(gaussian(400, 350, rng=1)).interval is None
    small = random_distance(gaussian(12, 10, rng=1))
    assert small.value == random_distance(gaussian(12, 10, rng=1), shuffles=20).value


def test_noise_is_near_and_structure_is_far():
    noise = gaussian(120, 80, rng=3)
    assert random_distance(noise).value < 0.03
    signs = np.sign(gaussian(120, 80, rng=4))
    assert random_distance(noise + 2.0 * np.outer(signs[:, 0], signs[0])).value > 0.4


def test_of_a_diagonal_matrix_nothing_is_left():
    """One large direction against noise of the same sum: near the largest distance there is."""
    strong = np.outer(np.ones(200), np.ones(200)) + 1e-3 * gaussian(200, 200)
    assert random_distance(strong).value < 0.01  # equal entries look the same in any order
    checked = np.where(np.add.outer(np.arange(200), np.arange(200)) % 2 == 0, 1.0, -1.0)
    assert 0.6 < random_distance(checked).value <= np.sqrt(np.log(2))


def test_slices_are_shuffled_by_themselves():
    stack = np.stack([np.full((20, 15), 5.0), np.full((20, 15), 1.0)]) * np.linspace(1, 1 + 1e-9, 15)
    assert random_distance(stack).value < 1e-3
    assert random_distance(np.concatenate(list(stack))).value > 0.02


def test_measures_share_their_shuffles(monkeypatch):
    from theodolite.numerics import shuffling
    from theodolite.spectra import correlation_traps

    calls = []
    genuine = shuffling.shuffled_eigenvalues
    monkeypatch.setattr(
        "theodolite.spectra._shuffles.shuffled_eigenvalues", lambda order: calls.append(1) or genuine(order)
    )
    spectrum = Spectrum(gaussian(60, 40, rng=2))
    correlation_traps(spectrum, rng=5)
    made = len(calls)
    random_distance(spectrum, shuffles=made, rng=5)
    assert 2 <= made == len(calls)
    alone = random_distance(Spectrum(gaussian(60, 40, rng=2)), shuffles=made, rng=5)
    assert alone.value == random_distance(spectrum, shuffles=made, rng=5).value


def test_the_matrix_is_needed(refusal):
    assert refusal(random_distance, Spectrum.from_eigenvalues(np.arange(1.0, 9.0))) is Outcome.NEEDS_MATRIX
    assert refusal(random_distance, np.zeros((9, 9))) is Outcome.ALL_ZERO


def test_parameters():
    with pytest.raises(ParameterError, match="random_distance: parameter 'shuffles'"):
        random_distance(gaussian(9, 9), shuffles=0)
    with pytest.raises(ParameterError, match="random_distance: parameter 'reading'"):
        random_distance(gaussian(9, 9), reading="kernel")


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(random_distance)


def test_blocks_of_an_operator_hold_no_weights_to_shuffle(refusal, tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    kernel = np.random.default_rng(0).standard_normal((12, 10, 3, 3)).astype(np.float32)
    save_file({"conv.weight": kernel}, tmp_path / "conv.safetensors")
    weight = td.open(tmp_path / "conv.safetensors")["conv.weight"]
    assert refusal(random_distance, weight.spectrum(view="fft")) is Outcome.NOT_WEIGHTS
    assert refusal(random_distance, weight.spectrum(view="fft"), rng=np.random.default_rng(0)) is Outcome.NOT_WEIGHTS
    for view in ("unfold", "slices"):
        random_distance(weight.spectrum(view=view))
