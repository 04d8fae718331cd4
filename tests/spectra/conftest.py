"""Matrices with known answers."""

import numpy as np
import pytest


def rotation(n, seed):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]


def with_eigenvalues(eigenvalues, rows=None):
    """Return a matrix whose smaller Gram matrix has the given eigenvalues."""
    n = len(eigenvalues)
    rows = rows or n
    return rotation(rows, 1)[:, :n] * np.sqrt(eigenvalues) @ rotation(n, 2)


@pytest.fixture(scope="session")
def planted():
    """Return the function that plants eigenvalues in a matrix."""
    return with_eigenvalues


@pytest.fixture(scope="session")
def pareto_matrix():
    """Return a 400 x 500 matrix whose eigenvalues are Pareto draws with exponent 3."""
    values = np.sort((1 - np.random.default_rng(0).random(400)) ** -0.5)
    return with_eigenvalues(values, rows=500)
