"""correlation_traps: planted entries found and learned directions not, whatever the shuffle; kernels; effort."""

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Outcome, ParameterError, Spectrum
from theodolite.spectra import _correlation_traps as module
from theodolite.spectra import correlation_traps
from theodolite.testing import gaussian, rank_one

WW = {"convention": "weightwatcher"}


def trapped(count, times=2.0, shape=(100, 80), seed=0):
    """Plant single entries of so many times the largest singular value of the noise, each in its own row and column."""
    matrix = gaussian(*shape, rng=seed)
    size = times * (np.sqrt(shape[0]) + np.sqrt(shape[1]))
    matrix[np.arange(count), np.arange(count)] = size * np.linspace(1.0, 1.5, max(count, 1))[:count]
    return matrix


@pytest.mark.parametrize("shape", [(40, 40), (64, 96), (200, 50)], ids=str)
def test_noise_has_none(shape):
    assert sum(correlation_traps(gaussian(*shape, rng=seed), rng=seed).count for seed in range(25)) == 0


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("shape", [(400, 300), (250, 250)], ids=str)
def test_planted_entries_are_found(shape, count):
    for seed in range(3):
        found = correlation_traps(trapped(count, shape=shape, seed=seed), rng=seed)
        assert found.count == count
        strengths = found.extra["strengths"]
        assert strengths.shape == (count,)
        assert strengths[0] == found.strength
        assert np.all(np.diff(strengths) <= 0)
        assert np.all(strengths > 1.5)


def test_the_strength_is_that_of_an_entry_in_noise():
    """An entry of size s in noise is a rank-one matrix of norm s: it puts an eigenvalue at (1 + t²)(c + t²) / t²."""
    matrix, ratio = trapped(1, times=3.0), 0.8
    size = matrix[0, 0] / np.sqrt(100)
    expected = (1 + size**2) * (ratio + size**2) / size**2 / (1 + np.sqrt(ratio)) ** 2
    assert correlation_traps(matrix).strength == pytest.approx(expected, rel=0.05)


def test_a_learned_direction_is_no_trap():
    learned = gaussian(100, 80, rng=1) + rank_one(100, 80, size=60.0, rng=2)
    assert correlation_traps(learned).count == 0
    learned[3, 4] += 60.0
    assert correlation_traps(learned).count == 1


@pytest.mark.parametrize("mean", [0.3, -0.6])
def test_a_common_mean_is_a_trap_and_is_told_from_single_entries(mean):
    """The mean is a direction of norm mean * sqrt(nm): it puts an eigenvalue at (1 + t²)(c + t²) / t²."""
    matrix = gaussian(200, 120, rng=1) + mean
    ratio, size = 0.6, abs(mean) * np.sqrt(120)
    expected = (1 + size**2) * (ratio + size**2) / size**2 / (1 + np.sqrt(ratio)) ** 2
    found = correlation_traps(matrix)
    assert found.count == 1
    assert found.mean == pytest.approx(expected, rel=0.05)
    assert found.mean == pytest.approx(float(found.strength), rel=0.1)
    # Single entries have a mean too, which is none that all have in common.
    entries = trapped(3, times=50.0, shape=(200, 120))
    assert entries.mean() > 0.1
    assert correlation_traps(entries).mean == correlation_traps(entries, **WW).mean == 1.0
    entries += mean
    both = correlation_traps(entries)
    assert both.count == 4
    assert both.mean == pytest.approx(expected, rel=0.05)
    assert correlation_traps(matrix, **WW).mean > 1.5
    assert both.extra["strengths"][3] == pytest.approx(float(both.mean), rel=0.1)


def test_the_mean_of_a_stack_is_that_of_its_worst_slice():
    stack = gaussian(4 * 60, 50, rng=2).reshape(4, 60, 50) * np.array([1.0, 5.0, 0.0, 1.0])[:, None, None]
    assert correlation_traps(stack).mean == 1.0
    stack[3] += 0.8
    found = correlation_traps(stack)
    assert found.count == 1
    assert found.mean == pytest.approx(float(correlation_traps(stack[3]).mean), rel=0.02)


def test_every_shuffle_but_one_in_twenty_must_agree(monkeypatch):
    counts = iter([2, 1, 3, 2] * 5)

    class Fitted:
        values, edge, long = np.array([1.0, 2.0]), 1.0, 20

        def __init__(self):
            self.bulk = type("Bulk", (), {"spikes": next(counts), "variance": 1.0})

    monkeypatch.setattr(module, "fit_slices", lambda *given: [Fitted()])
    assert correlation_traps(gaussian(20, 20)).count == 1  # five shuffles say one, and only one may dissent
    counts = iter([2] * 19 + [0])
    assert correlation_traps(gaussian(20, 20)).count == 2
    counts = iter([2] * 18 + [0, 0])
    assert correlation_traps(gaussian(20, 20)).count == 0


def test_shuffling_stops_when_the_answer_is_certain(monkeypatch):
    made = []
    genuine = module.fit_slices
    monkeypatch.setattr(module, "fit_slices", lambda *given: made.append(1) or genuine(*given))
    correlation_traps(gaussian(50, 40))
    assert len(made) == 2
    made.clear()
    correlation_traps(trapped(1))
    assert len(made) == 20
    made.clear()
    correlation_traps(trapped(1), shuffles=40)
    assert len(made) == 40


def test_unequal_positions_of_a_kernel_give_no_traps():
    for seed in range(10):
        stack = (
            gaussian(9 * 64, 32, rng=seed).reshape(9, 64, 32) * np.array([1, 1, 2.5, 1, 0.2, 1, 1, 4, 1])[:, None, None]
        )
        assert correlation_traps(stack).count == 0
        stack[4, 2, 3] = 20.0  # large for its own position, small beside the others
        assert correlation_traps(stack).count == 1


def test_the_pooled_fit_of_the_other_convention_makes_traps_of_noise():
    stack = gaussian(9 * 64, 64, rng=0).reshape(9, 64, 64)
    stack[4] *= 2.5
    assert correlation_traps(stack, **WW).count >= 10
    assert correlation_traps(stack).count == 0


def test_the_other_convention_on_one_matrix():
    found = correlation_traps(trapped(2, shape=(200, 120)), **WW)
    assert found.count == 2
    assert found.strength > 1.5
    few = correlation_traps(gaussian(60, 20, rng=3), **WW)
    assert few.extra["strengths"].shape == (few.count,)


def test_the_seed_decides_and_the_scale_does_not():
    matrix = trapped(1)
    plain = correlation_traps(matrix, rng=4)
    assert correlation_traps(1e-5 * matrix, rng=4).strength == pytest.approx(plain.strength)
    assert correlation_traps(matrix, rng=np.random.default_rng(4)).strength == plain.strength
    assert correlation_traps(matrix, rng=5).strength != plain.strength


def test_refusals(refusal):
    assert refusal(correlation_traps, Spectrum.from_eigenvalues(np.arange(1.0, 9), (8, 9))) is Outcome.NEEDS_MATRIX
    assert refusal(correlation_traps, np.zeros((20, 20))) is Outcome.ALL_ZERO
    assert refusal(correlation_traps, np.zeros((20, 20)), **WW) is Outcome.ALL_ZERO
    assert refusal(correlation_traps, np.ones((20, 20))) is Outcome.TOO_FEW_EIGENVALUES
    assert refusal(correlation_traps, gaussian(5, 20)) is Outcome.TOO_FEW_EIGENVALUES
    with pytest.raises(ParameterError, match="correlation_traps: parameter 'shuffles'"):
        correlation_traps(gaussian(20, 20), shuffles=0)


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(correlation_traps)


def test_blocks_of_an_operator_hold_no_weights_to_shuffle(refusal, tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    kernel = np.random.default_rng(0).standard_normal((12, 10, 3, 3)).astype(np.float32)
    save_file({"conv.weight": kernel}, tmp_path / "conv.safetensors")
    weight = td.open(tmp_path / "conv.safetensors")["conv.weight"]
    assert refusal(correlation_traps, weight.spectrum(view="fft")) is Outcome.NOT_WEIGHTS
    assert refusal(correlation_traps, weight.spectrum(view="fft"), rng=np.random.default_rng(0)) is Outcome.NOT_WEIGHTS
    for view in ("unfold", "slices"):
        correlation_traps(weight.spectrum(view=view))
