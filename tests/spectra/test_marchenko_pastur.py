"""marchenko_pastur: no spikes in noise, planted ones counted and in their place, the variance, kernels, refusals."""

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Outcome, Spectrum
from theodolite.numerics.bulk import fit_bulk
from theodolite.numerics.marchenko_pastur import spike_position
from theodolite.numerics.nulls import gaussian_eigenvalues
from theodolite.spectra import marchenko_pastur
from theodolite.testing import gaussian, heavy_tailed

WW = {"convention": "weightwatcher"}
SHAPES = [(8, 64), (16, 16), (64, 64), (64, 576), (128, 128), (10, 3000), (96, 384), (256, 256)]


def noise_spectra(shape, seeds=100):
    """Draw spectra of Gaussian matrices, by their exact law."""
    return [Spectrum.from_eigenvalues(gaussian_eigenvalues(shape, seed), shape) for seed in range(seeds)]


def size_at(position, ratio):
    """Return the planted size, in units of the root of the longer side, that puts an eigenvalue at a position."""
    half = (position - 1 - ratio) / 2
    return np.sqrt(half + np.sqrt(half**2 - ratio))


def spiked(shape, positions, sd, seed):
    """Plant orthogonal directions that put eigenvalues at multiples of the edge; return the matrix and where."""
    rng = np.random.default_rng(seed)
    long, ratio = max(shape), min(shape) / max(shape)
    sizes = size_at(np.asarray(positions) * (1 + np.sqrt(ratio)) ** 2, ratio)
    left = np.linalg.qr(rng.standard_normal((shape[0], len(sizes))))[0]
    right = np.linalg.qr(rng.standard_normal((shape[1], len(sizes))))[0]
    matrix = sd * (rng.standard_normal(shape) + left * (sizes * np.sqrt(long)) @ right.T)
    return matrix, np.array([spike_position(size, ratio) for size in sizes]) * long * sd**2


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_noise_has_no_spikes(shape):
    found = [marchenko_pastur(spectrum) for spectrum in noise_spectra(shape)]
    assert sum(fit.spikes == 0 for fit in found) >= 95
    assert np.mean([fit.variance for fit in found]) == pytest.approx(1.0, abs=0.02)
    assert np.mean([fit.sigma for fit in found]) == pytest.approx(1.0, abs=0.01)
    edge = (np.sqrt(shape[0]) + np.sqrt(shape[1])) ** 2
    assert np.mean([fit.edge for fit in found]) == pytest.approx(edge, rel=0.02)
    assert np.mean([fit.distance for fit in found]) < 3.0 / min(shape)


@pytest.mark.parametrize("shape", [(256, 256), (512, 512), (1024, 256), (64, 2048)], ids=str)
@pytest.mark.parametrize("count", [1, 3, 10])
def test_planted_spikes_are_counted_and_in_their_place(shape, count):
    positions = np.linspace(1.15, 3.0, count) if count > 1 else [1.15]
    for seed in range(3):
        matrix, expected = spiked(shape, positions, 0.02, seed)
        spectrum = Spectrum(matrix)
        fit = marchenko_pastur(spectrum)
        assert fit.spikes == count
        assert fit.variance == pytest.approx(4e-4, rel=0.02)
        top = spectrum.eigenvalues[::-1][:count]
        # An eigenvalue of strength t spreads by about sqrt(2 / short side) times its distance from the bulk.
        assert top == pytest.approx(np.sort(expected)[::-1], rel=2.0 / np.sqrt(min(shape)))
        assert fit.soft_rank == pytest.approx(fit.edge / top[0])
        rest = np.sqrt(shape[0] - count) + np.sqrt(shape[1] - count)
        assert fit.edge == pytest.approx(fit.variance * rest**2)


@pytest.mark.parametrize("shape", [(64, 64), (128, 128), (256, 128), (100, 400), (512, 512)], ids=str)
@pytest.mark.parametrize("count", [1, 3, 10])
def test_directions_as_large_as_the_largest_of_noise_are_all_counted(shape, count):
    """Planted singular values of 1.15 to 3 times the largest of the noise, all equal or spread out."""
    ratio = min(shape) / max(shape)
    sizes = {str(times): np.full(count, times) for times in (1.15, 2.0, 3.0)} | {"all": np.linspace(1.15, 3.0, count)}
    for name, times in sizes.items():
        place = np.array([spike_position(t * (1 + np.sqrt(ratio)), ratio) for t in times])
        variances = []
        for seed in range(2 if max(shape) > 400 else 10):
            matrix, expected = spiked(shape, place / (1 + np.sqrt(ratio)) ** 2, 0.5, seed)
            spectrum = Spectrum(matrix)
            fit = marchenko_pastur(spectrum)
            assert fit.spikes == count, (name, seed)
            variances.append(float(fit.variance))
            top = np.sqrt(spectrum.eigenvalues[::-1][:count] / np.sort(expected)[::-1])
            # Equal ones repel each other; their mean stays in its place.
            assert np.mean(top) == pytest.approx(1.0, abs=2.5 / np.sqrt(2 * max(shape)))
        # That of one draw spreads by the root of 2 / nm: by 2.2 % for 64 x 64, where ten equal spikes are many.
        assert np.mean(variances) == pytest.approx(0.25, rel=0.02 if 10 * count < min(shape) else 0.03)


def test_what_a_looser_level_would_win_and_lose():
    """Planted eigenvalues of 1.15 times the edge of 128 x 128 lie within noise too often to be found at any level."""
    found, loose, within = [], [], []
    noise = np.array([gaussian_eigenvalues((128, 128), seed)[-1] for seed in range(200)]) / (4 * 128)
    for seed in range(200):
        matrix, _ = spiked((128, 128), [1.15], 1.0, seed)
        values = np.asarray(Spectrum(matrix).eigenvalues)
        found.append(fit_bulk(values, 128, 0.001).spikes == 1)
        loose.append(fit_bulk(values, 128, 0.05).spikes == 1)
        within.append(values[-1] / (4 * 128))
    assert 0.75 < np.mean(found) < 0.92
    assert np.mean(found) < np.mean(loose) < 0.97
    # Their places and those of noise overlap: the theory puts the former at 1.15, with a spread of half that distance.
    assert np.mean(within) == pytest.approx(1.15, abs=0.02)
    assert np.std(within) == pytest.approx(0.07, abs=0.015)
    assert np.mean(np.asarray(within) < np.max(noise)) > 0.05


def test_the_position_is_right_on_average():
    """Over seeds, each planted eigenvalue lies where the theory of Baik, Ben Arous and Péché puts it."""
    found = []
    for seed in range(12):
        matrix, expected = spiked((200, 400), [1.3, 2.0, 3.0], 1.0, seed)
        found.append(Spectrum(matrix).eigenvalues[::-1][:3] / np.sort(expected)[::-1])
    assert np.mean(found, axis=0) == pytest.approx(np.ones(3), abs=0.02)


@pytest.mark.parametrize("shape", [(256, 256), (384, 256), (2000, 100)], ids=str)
@pytest.mark.parametrize("count", range(0, 11, 2))
def test_the_variance_of_the_noise_whatever_is_planted(shape, count):
    matrix, _ = spiked(shape, np.linspace(1.3, 6.0, count), 3.0, count)
    fit = marchenko_pastur(matrix)
    assert fit.spikes == count
    assert fit.variance == pytest.approx(9.0, rel=0.02)
    assert fit.sigma == pytest.approx(3.0 / np.sqrt(np.mean(matrix**2)), rel=0.011)


def test_a_direction_below_the_threshold_is_lost():
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal(200), rng.standard_normal(200)
    lost = 0.8 * np.sqrt(200) * np.outer(left / np.linalg.norm(left), right / np.linalg.norm(right))
    assert marchenko_pastur(gaussian(200, 200, rng=1) + lost).spikes == 0


def test_dead_rows_and_doubled_rows_leave_the_fit_alone():
    matrix = gaussian(60, 200, sd=2.0, rng=3)
    plain = marchenko_pastur(matrix)
    padded = marchenko_pastur(np.concatenate([matrix, np.zeros((7, 200))]))
    for field in ("sigma", "variance", "edge", "spikes", "soft_rank", "distance"):
        assert getattr(padded, field) == pytest.approx(getattr(plain, field), rel=1e-9)
    doubled = marchenko_pastur(np.repeat(matrix, 2, axis=0))
    assert doubled.spikes == plain.spikes == 0
    assert doubled.variance == pytest.approx(2 * plain.variance, rel=1e-9)


def unequal_kernels(seeds):
    for seed in range(seeds):
        kernel = np.random.default_rng(seed).standard_normal((64, 32, 3, 3))
        kernel[:, :, 1, 1] *= 2.5
        kernel[:, :, 0, 2] *= 0.3
        yield kernel


def slices_of(kernel):
    return np.ascontiguousarray(np.moveaxis(kernel.reshape(*kernel.shape[:2], -1), 2, 0))


def test_unequal_positions_of_a_kernel_give_no_spikes():
    for kernel in unequal_kernels(20):
        assert marchenko_pastur(slices_of(kernel)).spikes == 0


def test_unequal_positions_give_no_spikes_in_a_checkpoint_s_views(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    # A planted direction at one position must not lower its noise, or the others would seem to stand out.
    for seed, kernel in enumerate(unequal_kernels(4)):
        strong = np.outer(np.ones(64), np.ones(32)) * (0.0 if seed < 2 else 1.0)
        kernel[:, :, 2, 2] += strong
        save_file({"conv.weight": kernel.astype(np.float32)}, tmp_path / f"{seed}.safetensors")
        weight = td.open(tmp_path / f"{seed}.safetensors")["conv.weight"]
        variance = kernel.var(axis=(0, 1)).mean() if seed < 2 else np.mean([1] * 7 + [6.25, 0.09])
        for view in ("unfold", "slices"):
            fit = marchenko_pastur(weight.spectrum(view=view))
            assert fit.spikes == (seed >= 2), view
            assert fit.variance == pytest.approx(variance, rel=0.03), view
            # What was fitted is told where it isn't the spectrum itself.
            assert set(fit.extra) == ({"balanced_eigenvalues"} if view == "unfold" else set())
        fit = marchenko_pastur(weight.spectrum(view="unfold"))
        values = fit.extra["balanced_eigenvalues"]
        assert np.all(np.diff(values) >= 0)
        assert np.count_nonzero(values > 1.1 * fit.edge) == fit.spikes
        assert np.count_nonzero(weight.spectrum(view="unfold").eigenvalues > 1.1 * fit.edge) >= fit.spikes + 3
        # Taken for any matrix, the unfolded kernel has spikes where there is only noise.
        assert marchenko_pastur(kernel.reshape(64, -1)).spikes >= 5


def test_the_pooled_fit_of_the_other_convention_takes_unequal_positions_for_spikes():
    counts = [int(marchenko_pastur(slices_of(kernel), **WW).spikes) for kernel in unequal_kernels(3)]
    assert min(counts) >= 10


def test_a_position_without_weights_takes_no_part():
    kernel = next(unequal_kernels(1))
    kernel[:, :, 0, 0] = 0.0
    fit = marchenko_pastur(slices_of(kernel))
    assert fit.spikes == 0
    assert fit.sigma == pytest.approx(1.0, abs=0.02)


def test_a_stack_sums_its_spikes_and_takes_the_worst_of_the_rest():
    parts = [spiked((64, 64), positions, sd, 5)[0] for positions, sd in (([2.0, 3.0], 1.0), ([2.5], 3.0))]
    each, stack = [marchenko_pastur(part) for part in parts], marchenko_pastur(np.stack(parts))
    assert stack.spikes == sum(fit.spikes for fit in each) == 3
    assert stack.variance == pytest.approx(np.mean([fit.variance for fit in each]))
    assert stack.sigma == pytest.approx(np.sqrt(np.mean([fit.sigma**2 for fit in each])))
    assert stack.edge == pytest.approx(max(fit.edge for fit in each))
    assert stack.soft_rank == pytest.approx(min(fit.soft_rank for fit in each))
    assert stack.distance == pytest.approx(max(fit.distance for fit in each))


def test_a_bulk_that_is_no_noise_is_far_from_the_law():
    assert marchenko_pastur(gaussian(200, 200, rng=4)).distance < 0.02
    assert marchenko_pastur(heavy_tailed(200, 200, 3.0, rng=4)).distance > 0.05


def test_few_eigenvalues_in_the_bulk_are_noted():
    values = np.concatenate([gaussian_eigenvalues((40, 400), 1), np.geomspace(2e3, 2e6, 60)])
    fit = marchenko_pastur(Spectrum.from_eigenvalues(values, (100, 460)))
    assert fit.spikes > 50
    assert [(note.outcome, note.field) for note in fit.notes] == [(Outcome.SMALL_BULK, "spikes")]
    assert marchenko_pastur(gaussian(60, 40, rng=1)).notes == ()


def test_without_a_shape_there_is_no_law(refusal):
    values = gaussian_eigenvalues((20, 30), 0)
    assert refusal(marchenko_pastur, Spectrum.from_eigenvalues(values)) is Outcome.NEEDS_SHAPE
    assert marchenko_pastur(Spectrum.from_eigenvalues(values, (20, 30))).spikes == 0


@pytest.mark.parametrize(
    ("matrix", "outcome"),
    [
        (np.zeros((20, 20)), Outcome.ALL_ZERO),
        (np.ones((20, 20)), Outcome.TOO_FEW_EIGENVALUES),
        (gaussian(7, 40), Outcome.TOO_FEW_EIGENVALUES),
        (3.0 * np.eye(20), Outcome.NO_SPREAD),
        (np.diag(10.0 ** np.arange(12.0)), Outcome.NO_BULK),
        (np.stack([gaussian(9, 9), np.ones((9, 9))]), Outcome.TOO_FEW_EIGENVALUES),
    ],
    ids=["zero", "constant", "seven", "equal", "geometric", "constant slice"],
)
def test_refusals(refusal, matrix, outcome):
    assert refusal(marchenko_pastur, matrix) is outcome


def test_refusals_of_the_other_convention(refusal):
    assert refusal(marchenko_pastur, np.zeros((20, 20)), **WW) is Outcome.ALL_ZERO
    assert refusal(marchenko_pastur, np.eye(20), **WW) is Outcome.NO_SPREAD
    assert refusal(marchenko_pastur, np.ones((1, 5)), **WW) is Outcome.TOO_FEW_EIGENVALUES
    assert marchenko_pastur(gaussian(7, 40), **WW).spikes == 0


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(marchenko_pastur)


def test_the_edge_is_passed_by_noise_more_often_than_a_spike_is_seen():
    fits = [marchenko_pastur(noise) for noise in noise_spectra((64, 64), seeds=400)]
    # The law of Tracy and Widom, finite-size, puts about a tenth of the largest eigenvalues beyond the limit's edge.
    assert 0.06 < np.mean([float(fit.soft_rank) < 1 for fit in fits]) < 0.16
    assert sum(int(fit.spikes) > 0 for fit in fits) <= 3
