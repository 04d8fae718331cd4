"""trace_log_rank: the product of the largest eigenvalues, in logarithms, where it falls below one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from theodolite.core import Outcome, Spectrum
from theodolite.numerics.marchenko_pastur import marchenko_pastur_cdf, marchenko_pastur_quantile
from theodolite.spectra import trace_log_rank


@settings(max_examples=80, deadline=None)
@given(values=st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=40))
def test_is_the_first_product_below_one(values):
    ordered = np.sort(values)[::-1]
    if ordered[0] < ordered[-1] * (1 + 1e-6):
        return
    products = np.cumprod(ordered / ordered.mean())
    if np.any(np.abs(products - 1) < 1e-9):  # rounding decides
        return
    found = trace_log_rank(Spectrum.from_eigenvalues(ordered))
    assert found.rank == int(np.argmax(products < 1)) + 1
    assert found.eigenvalue == ordered[int(found.rank) - 1]


def share_in_the_limit():
    """Solve ∫ ln x over the upper part of the law of square matrices = 0, with x = s² on a quarter circle."""

    def tail(start):
        return quad(lambda s: 2 * np.log(s) * np.sqrt(4 - s * s) / np.pi, start, 2.0)[0]

    start = brentq(tail, 0.05, 0.9)
    return 1.0 - float(marchenko_pastur_cdf(start**2, 1.0))


@pytest.mark.parametrize("count", [4096, 8192])
def test_thousands_of_eigenvalues_don_t_overflow(count):
    values = marchenko_pastur_quantile((np.arange(count) + 0.5) / count, 1.0)
    found = trace_log_rank(Spectrum.from_eigenvalues(values))
    assert share_in_the_limit() == pytest.approx(0.731, abs=5e-4)
    assert found.rank / count == pytest.approx(share_in_the_limit(), abs=1e-3)
    with np.errstate(over="ignore"):  # what a product in place of the sum of logarithms comes to
        assert np.isinf(np.prod(np.sort(values)[::-1][: int(found.rank) // 2]))


def test_the_scale_does_not_count(ladder):
    plain, scaled = trace_log_rank(ladder), trace_log_rank(1e-3 * ladder)
    assert scaled.rank == plain.rank
    assert scaled.eigenvalue == pytest.approx(1e-6 * plain.eigenvalue)


def test_singular_values_have_the_same_tail(ladder):
    sizes = np.arange(25.0, 0.0, -1.0)
    logs = np.cumsum(np.log(sizes / np.sqrt(np.mean(sizes**2))))
    assert trace_log_rank(ladder).rank == int(np.argmax(logs < 0)) + 1


def test_zeros_end_the_tail(planted):
    assert trace_log_rank(np.outer(np.arange(1.0, 9), np.arange(1.0, 12))).rank == 2
    assert trace_log_rank(planted(np.array([0.0, 0.0, 3.0, 3.0, 3.0]))).rank == 4


def test_a_stack_pools_its_slices(stack):
    slices, singular = stack
    expected = trace_log_rank(Spectrum.from_eigenvalues(singular**2))
    assert trace_log_rank(slices).rank == expected.rank


@pytest.mark.parametrize(
    ("matrix", "outcome"),
    [
        (np.zeros((5, 5)), Outcome.ALL_ZERO),
        (2.0 * np.eye(5), Outcome.NO_SPREAD),
        (np.ones((1, 7)), Outcome.NO_SPREAD),
    ],
    ids=["zero", "equal", "one"],
)
def test_refusals(refusal, matrix, outcome):
    assert refusal(trace_log_rank, matrix) is outcome


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(trace_log_rank)


@pytest.mark.parametrize(("ratio", "share"), [(1.0, 0.73), (0.25, 0.87)])
def test_of_noise_it_keeps_most(ratio, share):
    law = marchenko_pastur_quantile((np.arange(4000) + 0.5) / 4000, ratio)
    assert int(trace_log_rank(Spectrum.from_eigenvalues(law)).rank) / 4000 == pytest.approx(share, abs=0.005)


def test_a_matrix_of_low_rank_ends_at_the_first_zero():
    rng = np.random.default_rng(0)
    found = trace_log_rank(rng.normal(size=(64, 4)) @ rng.normal(size=(4, 64)))
    assert (int(found.rank), float(found.eigenvalue)) == (5, 0.0)
