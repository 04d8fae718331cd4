"""tangent_pca: how clouds deviate from their mean shape."""

import numpy as np
import pytest

from theodolite.core import Outcome
from theodolite.similarity import barycentre, procrustes, tangent_pca
from theodolite.testing.planted import orthogonal


def centred(rows):
    return rows - rows.mean(axis=0)


def planted(sizes, seed=0, shape=(40, 4)):
    """Clouds along orthonormal directions at right angles to every rotation of the base: `sizes` is (clouds, ways)."""
    rng = np.random.default_rng(seed)
    ways = sizes.shape[1]
    basis = np.linalg.qr(centred(rng.standard_normal((shape[0], (ways + 1) * shape[1]))))[0]
    parts = basis.T.reshape(ways + 1, shape[1], shape[0]).transpose(0, 2, 1)
    base, directions = 10.0 * parts[0], parts[1:] / np.sqrt(shape[1])
    clouds = base + np.einsum("kw,wnd->knd", sizes - sizes.mean(axis=0), directions)
    return [rows @ orthogonal(shape[1], rng=rng) + rng.standard_normal(shape[1]) for rows in clouds]


def test_finds_planted_directions_and_coordinates():
    rng = np.random.default_rng(1)
    sizes = np.linalg.qr(centred(rng.standard_normal((12, 3))))[0] * [0.03, 0.02, 0.01]
    found = tangent_pca(*planted(sizes))
    variances = found.extra["variances"]
    assert variances[:3] == pytest.approx(np.array([9e-4, 4e-4, 1e-4]) / 12, rel=1e-4)
    assert variances[3:] == pytest.approx(np.zeros(8), abs=1e-10)
    assert found.first == pytest.approx(9 / 14, rel=1e-4)
    assert found.dimension == pytest.approx(14**2 / (81 + 16 + 1), rel=1e-4)
    assert np.abs(found.extra["scores"][:, :3].T @ sizes / [9e-4, 4e-4, 1e-4]) == pytest.approx(np.eye(3), abs=2e-3)


@pytest.mark.parametrize("metric", ["euclidean", "angular"])
def test_scores_and_components_give_the_clouds_back(metric):
    rng = np.random.default_rng(2)
    clouds = [rng.standard_normal((15, 4)) for _ in range(5)]
    found, mean = tangent_pca(*clouds, metric=metric), barycentre(*clouds, metric=metric)
    extra = found.extra
    # the mean of the vectors is zero, and all variance is that of the objective
    assert extra["variances"].sum() * 5 == pytest.approx(float(mean.objective), rel=1e-9)
    assert extra["variances"] == pytest.approx((extra["scores"] ** 2).mean(axis=0), rel=1e-12)
    flat = extra["components"].reshape(4, -1)
    assert flat @ flat.T == pytest.approx(np.eye(4), abs=1e-12)
    assert list(extra["variances"]) == sorted(extra["variances"], reverse=True)
    vectors = np.einsum("kc,cnd->knd", extra["scores"], extra["components"])
    if metric == "euclidean":
        for rows, vector in zip(clouds, vectors, strict=True):
            assert procrustes(extra["mean"] + vector, rows) < 1e-6
    else:
        angles = np.linalg.norm(vectors, axis=(1, 2))
        assert (angles**2).sum() == pytest.approx(float(mean.objective), rel=1e-9)


def test_of_clouds_on_a_line_is_one_dimensional():
    sizes = np.array([[-0.3], [0.0], [0.1], [0.2]])
    found = tangent_pca(*planted(sizes, seed=3))
    assert found.first == pytest.approx(1, abs=1e-9)
    assert found.dimension == pytest.approx(1, abs=1e-9)
    order = np.argsort(found.extra["scores"][:, 0])
    assert list(order) in ([0, 1, 2, 3], [3, 2, 1, 0])


def test_of_two_clouds_is_what_lies_between_them():
    x, y = np.random.default_rng(4).standard_normal((2, 20, 3))
    found = tangent_pca(x, y)
    assert (float(found.first), float(found.dimension)) == (1.0, 1.0)
    assert 2 * found.extra["variances"][0] ** 0.5 == pytest.approx(procrustes(x, y), rel=1e-10)


def test_one_shape_is_refused(refusal):
    x = np.random.default_rng(5).standard_normal((20, 3))
    copies = [x @ orthogonal(3, rng=seed) + seed for seed in range(4)]
    assert refusal(tangent_pca, *copies) is Outcome.ONE_SHAPE
    assert refusal(tangent_pca, x) is Outcome.ONE_SHAPE
    assert refusal(tangent_pca, *(np.full((20, 3), float(seed)) for seed in range(4))) is Outcome.ONE_SHAPE
