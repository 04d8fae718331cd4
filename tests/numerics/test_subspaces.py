"""Leading subspaces against LAPACK, and chance levels against draws."""

import numpy as np
import pytest

from theodolite.numerics.lapack import eigenvectors_of_lower
from theodolite.numerics.subspaces import (
    block_cosines,
    chance_cosine,
    chance_overlap,
    leading_eigenvectors,
    near_degenerate,
    principal_cosines,
)


def random_basis(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    return np.linalg.qr(rng.standard_normal((n, k)))[0]


@pytest.mark.parametrize(("side", "k"), [(5, 5), (60, 7), (300, 10), (300, 299)])
def test_leading_eigenvectors_are_those_of_lapack(side, k):
    rng = np.random.default_rng(side)
    matrix = rng.standard_normal((side + 20, side))
    gram = np.asfortranarray(matrix.T @ matrix)
    kept = gram.copy()
    gram[np.triu_indices(side, 1)] = np.nan  # only the lower triangle may count
    values, vectors = leading_eigenvectors(gram, k)
    wanted, basis = np.linalg.eigh(kept)
    np.testing.assert_allclose(values, wanted[::-1][:k], rtol=1e-12)
    np.testing.assert_allclose(np.abs(basis[:, ::-1][:, :k].T @ vectors), np.eye(k), atol=1e-8)
    np.testing.assert_array_equal(np.isnan(gram), np.triu(np.ones_like(gram, dtype=bool), 1))


def test_the_iteration_is_the_same_every_time():
    rng = np.random.default_rng(3)
    matrix = rng.standard_normal((400, 400))
    gram = np.asfortranarray(matrix.T @ matrix)
    first, second = leading_eigenvectors(gram, 4), leading_eigenvectors(gram, 4)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_all_eigenvectors_in_place():
    rng = np.random.default_rng(1)
    gram = rng.standard_normal((40, 40))
    gram = np.asfortranarray(gram + gram.T)
    vectors = gram.copy(order="F")
    values = eigenvectors_of_lower(vectors)
    np.testing.assert_allclose(vectors @ np.diag(values) @ vectors.T, gram, atol=1e-12)
    with pytest.raises(ValueError, match="Fortran order"):
        eigenvectors_of_lower(np.ones((3, 2), order="F"))


@pytest.mark.parametrize(("k", "n"), [(1, 8), (3, 20), (10, 64), (7, 7)])
def test_chance_overlap_is_that_of_random_subspaces(k, n):
    rng = np.random.default_rng(0)
    draws = [
        np.linalg.norm(random_basis(rng, n, k).T @ random_basis(rng, n, k)) ** 2 / k
        for _ in range(3000 if k < n else 5)
    ]
    mean, spread = chance_overlap(k, n)
    assert mean == k / n
    assert abs(np.mean(draws) - mean) < 4 * spread / np.sqrt(len(draws)) + 1e-12
    assert np.std(draws) == pytest.approx(spread, rel=0.08, abs=1e-12)


@pytest.mark.parametrize(("count", "n"), [(256, 256), (64, 256), (1, 50)])
def test_chance_cosine_is_that_of_random_directions(count, n):
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((4000, n))
    largest = np.abs(draws[:, :count]).max(axis=1) / np.linalg.norm(draws, axis=1)
    assert chance_cosine(count, n) == pytest.approx(np.median(largest), rel=0.04)


def test_principal_angles_know_a_planted_angle_and_no_basis():
    rng = np.random.default_rng(5)
    basis = random_basis(rng, 30, 6)
    angles = np.array([0.1, 0.7, 1.3])
    turned = basis[:, :3] * np.cos(angles) + basis[:, 3:] * np.sin(angles)
    np.testing.assert_allclose(principal_cosines(basis[:, :3].T @ turned), np.cos(angles), atol=1e-12)
    mixed = turned @ random_basis(rng, 3, 3)
    np.testing.assert_allclose(principal_cosines(basis[:, :3].T @ mixed), np.cos(angles), atol=1e-12)


def test_groups_follow_relative_gaps():
    values = np.array([10.0, 9.9995, 5.0, 4.999, 1e-3, 0.0, 0.0])
    np.testing.assert_array_equal(near_degenerate(values, 1e-4), [0, 2, 3, 4, 5])
    np.testing.assert_array_equal(near_degenerate(values, 1e-3), [0, 2, 4, 5])
    np.testing.assert_array_equal(near_degenerate(np.array([2.0, 2.0]), 0.0), [0])


def test_a_block_cosine_does_not_depend_on_the_basis_of_the_block():
    rng = np.random.default_rng(2)
    cosines = rng.standard_normal((5, 3)) / 4
    starts = np.array([0, 2])
    wanted = np.maximum(np.linalg.norm(cosines[:2], axis=0), np.linalg.norm(cosines[2:], axis=0))
    np.testing.assert_allclose(block_cosines(cosines, starts), np.minimum(wanted, 1))
    turned = np.vstack([random_basis(rng, 2, 2) @ cosines[:2], random_basis(rng, 3, 3) @ cosines[2:]])
    np.testing.assert_allclose(block_cosines(turned, starts), np.minimum(wanted, 1))


def test_a_zero_matrix_too_large_for_lapack_alone_has_zeros_and_a_basis():
    values, vectors = leading_eigenvectors(np.zeros((300, 300), order="F"), 4)
    np.testing.assert_array_equal(values, 0.0)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(4), atol=1e-12)
