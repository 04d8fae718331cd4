"""Orthonormal bases from second moments."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.numerics.canonical import (
    inner_products,
    kept_directions,
    leading_map,
    regularised_map,
    whitening_map,
)


def centred(rows, width, seed):
    drawn = np.random.default_rng(seed).standard_normal((rows, width))
    return drawn - drawn.mean(axis=0)


@settings(max_examples=50, deadline=None)
@given(width=st.integers(1, 20), rank=st.integers(1, 20), seed=st.integers(0, 2**32 - 1), spread=st.floats(0, 2.5))
def test_whitens_whatever_the_rank_and_the_sizes(width, rank, seed, spread):
    rng = np.random.default_rng(seed)
    rank = min(rank, width)
    rows = centred(40, rank, seed) @ rng.standard_normal((rank, width))
    rows = rows * 10.0 ** rng.uniform(-spread, spread, width)
    found = rows @ whitening_map(rows.T @ rows, 40)
    assert found.shape == (40, rank)
    np.testing.assert_allclose(found.T @ found, np.eye(rank), atol=1e-6)
    # The basis spans what the rows span.
    np.testing.assert_allclose(found @ (found.T @ rows), rows, atol=1e-6 * np.abs(rows).max())


def test_a_regularised_map_whitens_the_shifted_scatter():
    rows = centred(10, 30, 0)
    scatter = rows.T @ rows
    found = regularised_map(scatter, 10, 0.5)
    np.testing.assert_allclose(found.T @ (scatter + 0.5 * np.eye(30)) @ found, np.eye(30), atol=1e-12)


def test_counts_the_directions_to_keep():
    values = np.array([1e-20, 1.0, 2.0, 3.0, 4.0])
    assert [kept_directions(values, 10, variance=v, dimensions=None) for v in (0.4, 0.41, 0.7, 0.9, 1.0)] == [
        1,
        2,
        2,
        3,
        4,
    ]
    assert [kept_directions(values, 10, variance=0.99, dimensions=k) for k in (1, 3, 9)] == [1, 3, 4]


def test_rounding_adds_no_direction():
    equal = np.full(12, 0.1)
    assert np.cumsum(equal)[6] < 7 / 12 * np.cumsum(equal)[-1]  # by the last digit
    assert kept_directions(equal, 20, variance=7 / 12, dimensions=None) == 7


def test_leading_directions_are_those_of_the_largest_variance():
    rows = centred(50, 6, 1) * [9.0, 7.0, 5.0, 1.0, 1.0, 1.0]
    _, _, right = np.linalg.svd(rows)
    found = leading_map(rows.T @ rows, 50, variance=0.99, dimensions=3)
    assert np.linalg.matrix_rank(np.vstack([right[:3], found.T]), tol=1e-9) == 3


def test_inner_products_of_bases():
    x, y = centred(30, 3, 2), centred(30, 4, 3)
    maps = whitening_map(x.T @ x, 30), whitening_map(y.T @ y, 30)
    np.testing.assert_allclose(inner_products(maps[0], x.T @ y, maps[1]), (x @ maps[0]).T @ (y @ maps[1]), atol=1e-14)


@pytest.mark.torch
def test_the_kept_space_turns_by_the_perturbation_theory_of_the_scatter(torch):
    # d/dt of the projector on the kept space, against differences; the third and fourth eigenvalues lie apart.
    rng = np.random.default_rng(4)
    frame = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    scatter = frame @ np.diag([1.0, 1.0, 2.0, 4.0, 4.0, 4.0]) @ frame.T
    way = rng.standard_normal((6, 6))
    way = way + way.T
    target = rng.standard_normal((6, 6))
    target = target + target.T

    def projected(scatter):
        found = leading_map(scatter, 10, variance=1.0, dimensions=3)
        return ((found @ found.T) * (target if isinstance(scatter, np.ndarray) else torch.tensor(target))).sum()

    given = torch.tensor(scatter, requires_grad=True)
    projected(given).backward()
    slope = (projected(scatter + 1e-6 * way) - projected(scatter - 1e-6 * way)) / 2e-6
    assert float((given.grad.numpy() * way).sum()) == pytest.approx(slope, rel=1e-6)
