"""Planted clouds have the answers that their docstrings promise, found by NumPy and SciPy alone."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.spatial.distance import pdist

from theodolite import testing


@pytest.mark.parametrize(("rho", "first", "second"), [([1.0, 0.7, 0.2, 0.0], 4, 9), ([0.5], 6, 3), ([], 2, 2)])
def test_correlated_clouds_have_these_correlations(rho, first, second):
    x, y = testing.correlated(40, first, second, rho, rng=3)
    np.testing.assert_allclose(np.concatenate([x, y], axis=1).mean(axis=0), 0.0, atol=1e-15)
    np.testing.assert_allclose(x.T @ x, np.eye(first), atol=1e-14)
    np.testing.assert_allclose(y.T @ y, np.eye(second), atol=1e-14)
    fewer = min(first, second)
    expected = np.sort(np.concatenate([rho, np.zeros(fewer - len(rho))]))
    np.testing.assert_allclose(np.sort(np.linalg.svd(x.T @ y, compute_uv=False)), expected, atol=1e-14)
    angles = np.sort(np.cos(subspace_angles(x @ np.diag(1.0 + np.arange(first)), y)))
    np.testing.assert_allclose(angles, expected, atol=1e-12)
    assert np.abs(x - np.round(x)).max() > 0.1


def test_correlated_clouds_need_room():
    with pytest.raises(ValueError, match="rows: 3 \\+ 4 centred orthonormal features need more rows than that, got 7"):
        testing.correlated(7, 3, 4, [0.5])
    with pytest.raises(ValueError, match="at most 3 numbers in"):
        testing.correlated(20, 3, 4, [0.5] * 4)
    with pytest.raises(ValueError, match="at most 3 numbers in"):
        testing.correlated(20, 3, 4, [1.5])


def test_a_rotated_copy_keeps_every_distance():
    cloud = testing.gaussian(15, 4, rng=1)
    copy = testing.rotated_copy(cloud, 7, size=3.0, shift=20.0, rng=2)
    assert copy.shape == (15, 7)
    np.testing.assert_allclose(pdist(copy), 3.0 * pdist(cloud), rtol=1e-12)
    assert np.abs(copy.mean(axis=0)).max() > 5
    with pytest.raises(ValueError, match="4 features can't be rotated into 3"):
        testing.rotated_copy(cloud, 3)


def test_noise_of_a_copy_is_what_is_left_after_alignment():
    cloud = testing.gaussian(400, 5, rng=1)
    copy = testing.rotated_copy(cloud, noise=0.3, rng=2)
    x, y = cloud - cloud.mean(axis=0), copy - copy.mean(axis=0)
    left, _, right = np.linalg.svd(x.T @ y)
    residual = np.sum((x @ left @ right - y) ** 2)
    # The rotation takes 10 of 2000 degrees of freedom, the centring 5.
    assert residual == pytest.approx(0.09 * 1985, rel=4 * np.sqrt(2 / 1985))


def test_shared_latent_variables_are_the_correlations_of_many_rows():
    x, y = testing.shared_latent(60000, 7, 5, shared=3, noise=0.5, rng=4)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    rho = np.sort(np.cos(subspace_angles(x, y)))[::-1]
    np.testing.assert_allclose(rho[:3], 1 / 1.25, atol=0.01)
    assert rho[3:].max() < 0.03
    size = np.linalg.norm
    population = 3 / np.sqrt((3 * 1.25**2 + 4 * 0.25**2) * (3 * 1.25**2 + 2 * 0.25**2))
    assert size(x.T @ y) ** 2 / size(x.T @ x) / size(y.T @ y) == pytest.approx(population, abs=0.01)
    with pytest.raises(ValueError, match="4 variables don't fit into 3 features"):
        testing.shared_latent(10, 5, 3)


def test_seeds_determine():
    for plant in (testing.shared_latent, lambda *sizes, rng: testing.correlated(*sizes, [0.3], rng=rng)):
        first, again, other = (plant(30, 5, 4, rng=rng)[1] for rng in (9, np.random.default_rng(9), 10))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)
