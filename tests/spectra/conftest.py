"""Matrices with known answers, published numbers, and what a refusal has to be."""

import json
from math import lgamma, log

import numpy as np
import pytest

from theodolite.core import Outcome, Refusal, Spectrum
from theodolite.sources import open_checkpoint


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
def ladder():
    """Return a 40 x 25 matrix with the singular values 1, 2, ..., 25."""
    return with_eigenvalues(np.arange(1.0, 26.0) ** 2, rows=40)


@pytest.fixture(scope="session")
def stack():
    """Return seven slices of 6 x 4, each with its own scale, and all their singular values."""
    slices = np.random.default_rng(3).standard_normal((7, 6, 4)) * np.arange(1.0, 8.0)[:, None, None]
    return slices, np.linalg.svd(slices, compute_uv=False).ravel()


@pytest.fixture(scope="session")
def pareto_matrix():
    """Return a 400 x 500 matrix whose eigenvalues are Pareto draws with exponent 3."""
    values = np.sort((1 - np.random.default_rng(0).random(400)) ** -0.5)
    return with_eigenvalues(values, rows=500)


@pytest.fixture(scope="session")
def refusal():
    """Return the function that makes a measure refuse, in its own name, and gives the outcome."""

    def outcome(measure, target, **parameters):
        with pytest.raises(Refusal) as caught:
            measure(target, **parameters)
        assert caught.value.measure == measure.__name__
        return caught.value.outcome

    return outcome


@pytest.fixture(scope="session")
def not_finite(refusal):
    """Return the check that a measure refuses one NaN and one infinity for what they are."""

    def check(measure):
        for spoil in (np.nan, np.inf, -np.inf):
            matrix = np.random.default_rng(0).standard_normal((30, 20))
            matrix[17, 3] = spoil
            assert refusal(measure, matrix) is Outcome.NOT_FINITE

    return check


@pytest.fixture(scope="session")
def minilm_layers(shared, minilm):
    """Return each of MiniLM's 36 encoder matrices as a spectrum, with numbers found by a decomposition in float64.

    The numbers are those of ``minilm_allocation`` in the folder of reference numbers.
    """
    numbers = json.loads((shared / "reference/ref_spectra.json").read_text())["minilm_allocation"]["layers"]
    checkpoint = open_checkpoint(minilm)
    return [(Spectrum.coerce(checkpoint[f"encoder.layer.{name}.weight"]), row) for name, row in numbers.items()]


@pytest.fixture(scope="session")
def agrees_on_minilm(minilm_layers):
    """Return the check that a measure gives the published number of every encoder layer of MiniLM."""

    def check(column, measure):
        assert len(minilm_layers) == 36
        for spectrum, row in minilm_layers:
            assert float(measure(spectrum)) == pytest.approx(row[column], rel=1e-9)

    return check


class Undecomposed(Spectrum):
    """A spectrum that fails the test if the singular value decomposition is asked for."""

    @property
    def singular_values(self):
        raise AssertionError("the Gram matrix was enough")


@pytest.fixture(scope="session")
def undecomposed():
    """Return the function that measures a matrix without allowing a singular value decomposition."""
    return lambda measure, matrix: measure(Undecomposed(matrix))


def exponent_of_quantiles(n, alpha):
    """Return the exponent by maximum likelihood over all of the law's n quantiles at (i - 1/2) / n.

    The product of 1 - u_i = (2 j - 1) / 2 n is a quotient of gamma functions.
    """
    total = n * log(n) - lgamma(n + 0.5) + lgamma(0.5) + n * log(1 - 0.5 / n)
    return 1 + (alpha - 1) * n / total


@pytest.fixture(scope="session", params=[(400, 3.0), (60, 1.7), (30, 4.0)], ids=["400, 3", "60, 1.7", "30, 4"])
def pareto_quantiles(request):
    """Return a matrix whose eigenvalues are exact quantiles of a power law, their number, and the fitted exponent."""
    n, alpha = request.param
    values = (2 * n / (2 * np.arange(n, 0, -1) - 1)) ** (1 / (alpha - 1))
    return with_eigenvalues(values, rows=n + 20), values, exponent_of_quantiles(n, alpha)


@pytest.fixture(
    scope="session",
    params=[
        (np.zeros((20, 20)), Outcome.ALL_ZERO),
        (np.ones((20, 20)), Outcome.TOO_FEW_EIGENVALUES),
        (np.outer(np.arange(1.0, 21), np.arange(1.0, 31)), Outcome.TOO_FEW_EIGENVALUES),
        (np.random.default_rng(0).standard_normal((7, 40)), Outcome.TOO_FEW_EIGENVALUES),
        (3.0 * np.eye(20), Outcome.NO_SPREAD),
        (rotation(40, 0), Outcome.NO_SPREAD),
    ],
    ids=["zero", "constant", "rank one", "seven eigenvalues", "multiple of the identity", "orthogonal"],
)
def no_tail(request):
    """Return a matrix that has no tail to fit, and the outcome that says why."""
    return request.param
