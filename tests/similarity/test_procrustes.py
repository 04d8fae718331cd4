"""procrustes: the size-and-shape distance."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes

from theodolite.core import CrossMoments, Pair
from theodolite.similarity import procrustes
from theodolite.testing.planted import orthogonal


def centred(rows):
    return rows - rows.mean(axis=0)


def root(gram):
    values, vectors = np.linalg.eigh(gram)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def bures(x, y):
    """The Bures distance between Gram matrices, by n x n roots and nothing of Procrustes."""
    k, kernel = (centred(rows) @ centred(rows).T for rows in (x, y))
    half = root(k)
    fidelity = np.sqrt(np.maximum(np.linalg.eigvalsh(half @ kernel @ half), 0)).sum()
    return np.sqrt(np.trace(k) + np.trace(kernel) - 2 * fidelity)


def streamed(x, y, rng):
    moments, start = CrossMoments(), 0
    while start < len(x):
        stop = start + int(rng.integers(1, 25))
        moments.update({"x": x[start:stop], "y": y[start:stop]})
        start = stop
    return moments.view()


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "R3", "R4"])
def test_agrees_with_resi(references, data):
    expected = references.values[f"{data}/resi/ProcrustesSizeAndShapeDistance"]
    assert procrustes(*references.pair(data)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.shared
def test_agrees_with_resi_on_logits(references):
    x, y = (rows[:400] for rows in references.activations("MNIST_lay04"))
    expected = references.values["svcca/MNIST_lay04(n=400 first)/resi/ProcrustesSizeAndShapeDistance"]
    assert procrustes(x, y) == pytest.approx(expected, rel=1e-11)


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "R3", "R4", "svcca/MNIST_lay04(n=400 first)"])
def test_its_square_is_what_rsatoolbox_calls_the_bures_metric(references, data):
    # of squared distances divided by the number of features, and with roots of eigenvalues that are rounding alone
    pair = references.pair(data) if len(data) == 2 else [a[:400] for a in references.activations("MNIST_lay04")]
    x, y = (cloud / np.sqrt(cloud.shape[1]) for cloud in pair)
    expected = references.values[f"{data}/rsatoolbox/euclidean/bures_metric"]
    assert procrustes(x, y) ** 2 == pytest.approx(expected, rel=1e-6)


@pytest.mark.shared
@pytest.mark.parametrize("names", ["XY", "XZ", "YZ"])
def test_agrees_with_repsim(references, names):
    one, other = (references.arrays[f"R1/{name}"] for name in names)
    expected = references.values[f"R1/repsim/euclid_shape/length/{names}"]
    assert procrustes(one, other) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 40), d=st.integers(1, 30), e=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_is_the_bures_distance_of_gram_matrices(n, d, e, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, d)) + 1.0, rng.standard_normal((n, e)) - 2.0
    size = np.linalg.norm(centred(x)) + np.linalg.norm(centred(y))
    # a root of a Gram matrix of deficient rank is good for half of the digits
    assert procrustes(x, y) ** 2 == pytest.approx(bures(x, y) ** 2, abs=1e-6 * size**2)
    if n - 1 <= min(d, e):
        assert procrustes(x, y) == pytest.approx(bures(x, y), abs=1e-6 * size)


def test_is_the_bures_distance_to_ten_digits_where_roots_are_accurate():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((12, 40)), rng.standard_normal((12, 30))
    basis = np.linalg.qr(np.column_stack([np.ones(12), rng.standard_normal((12, 11))]))[0][:, 1:]
    k, kernel = (basis.T @ rows @ rows.T @ basis for rows in (x, y))  # the centred Grams without their null space
    half = root(k)
    fidelity = np.sqrt(np.linalg.eigvalsh(half @ kernel @ half)).sum()
    expected = np.sqrt(np.trace(k) + np.trace(kernel) - 2 * fidelity)
    assert procrustes(x, y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shape", [(30, 6), (8, 20)])
def test_is_what_the_best_map_leaves(shape):
    rng = np.random.default_rng(2)
    x, y = (centred(rng.standard_normal(shape)) for _ in range(2))
    best = np.linalg.norm(x @ orthogonal_procrustes(x, y)[0] - y)
    assert procrustes(x, y) == pytest.approx(best, rel=1e-12)
    others = [np.linalg.norm(x @ orthogonal(shape[1], rng=seed) - y) for seed in range(200)]
    assert procrustes(x, y) < min(others)


def test_of_orthogonal_features_is_known():
    basis = np.linalg.qr(centred(np.random.default_rng(3).standard_normal((30, 5))))[0]
    x, y = basis[:, :3] * [3.0, 2.0, 1.0], basis[:, :2] * [1.0, 5.0]
    expected = np.sqrt(14 + 26 - 2 * (3 * 1 + 2 * 5))
    assert procrustes(x, y) == pytest.approx(expected, rel=1e-13)
    assert procrustes(basis[:, :2], basis[:, 2:]) == pytest.approx(np.sqrt(5), rel=1e-13)


@pytest.mark.parametrize("growth", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("shape", [(50, 4), (7, 40)])
def test_keeps_the_digits_of_small_distances(growth, shape):
    rng = np.random.default_rng(4)
    x = rng.standard_normal(shape)
    y = (1 + growth) * x @ orthogonal(shape[1], rng=5) + 3.0
    assert procrustes(x, y) == pytest.approx(growth * np.linalg.norm(centred(x)), rel=1e-14 / growth)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(3, 60), d=st.integers(1, 20), e=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
def test_of_a_stream_equals_that_of_the_rows(n, d, e, seed):
    rng = np.random.default_rng(seed)
    x, y = 1e3 * rng.standard_normal((n, d)) + 1e3, rng.standard_normal((n, e))
    assert procrustes(streamed(x, y, rng)) == pytest.approx(procrustes(x, y), rel=1e-12)


def test_of_a_stream_is_zero_for_a_rotated_copy_but_for_rounding():
    rng = np.random.default_rng(6)
    x = rng.standard_normal((200, 10))
    y = x @ orthogonal(10, rng=7)
    assert procrustes(x, y) < 1e-13 * np.linalg.norm(x)
    assert procrustes(streamed(x, y, rng)) < 1e-7 * np.linalg.norm(x)


def test_is_a_metric_and_its_square_is_none():
    broken = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, z = rng.standard_normal((2, 15, 4)) + rng.standard_normal((2, 1, 4))
        y = x @ orthogonal(4, rng=seed) + rng.uniform(0, 1) * rng.standard_normal((15, 4))
        sides = {names: float(procrustes(*pair)) for names, pair in zip("xyz", pairs(x, y, z), strict=True)}
        for a, b, c in itertools.permutations(sides.values()):
            assert a <= b + c + 1e-12
            broken += a**2 > b**2 + c**2 + 1e-9
    assert broken > 20  # the test sees what is no metric


def pairs(x, y, z):
    return (y, z), (x, z), (x, y)


def test_doesnt_depend_on_which_comes_first():
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((20, 5)), rng.standard_normal((20, 30))
    assert procrustes(x, y) == pytest.approx(procrustes(y, x), rel=1e-14)
    assert procrustes(Pair(x, y).exchanged()) == pytest.approx(procrustes(x, y), rel=1e-14)


def test_sees_size_where_a_cloud_is_a_point():
    x = np.random.default_rng(9).standard_normal((20, 5))
    assert procrustes(x, np.full((20, 3), 0.1)) == pytest.approx(np.linalg.norm(centred(x)), rel=1e-14)
    assert procrustes(np.ones((20, 2)), np.full((20, 3), 0.1)) == 0


@pytest.mark.torch
@pytest.mark.parametrize("equal", [False, True])
def test_has_the_gradient_of_the_best_map(torch, equal):
    rng = np.random.default_rng(10)
    x, y = (centred(rng.standard_normal((12, 4))) for _ in range(2))
    if equal:  # singular values that are all the same, where the gradient of a decomposition breaks down
        x, y = np.linalg.qr(x)[0], 3.0 * np.linalg.qr(x)[0] @ orthogonal(4, rng=11)
    tensor = torch.tensor(x, requires_grad=True)
    distance = procrustes(tensor, torch.tensor(y))
    distance.backward()
    expected = (x - y @ orthogonal_procrustes(y, x)[0]) / distance.item()
    assert tensor.grad.numpy() == pytest.approx(expected, abs=1e-12)
