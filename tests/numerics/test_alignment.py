"""Nuclear norms, rotations and pairings, against decompositions and brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.numerics.alignment import (
    angle,
    best_pairing,
    nuclear_norms,
    paired_residual,
    polar_factors,
    rotated_residual,
    rotation_onto,
)
from theodolite.testing.planted import orthogonal


def planted(values, rows, columns, seed=0):
    left, right = orthogonal(rows, rng=seed), orthogonal(columns, rng=seed + 1)
    return (left[:, : len(values)] * values) @ right[:, : len(values)].T


@pytest.mark.parametrize("shape", [(9, 9), (30, 12), (12, 30)])
@pytest.mark.parametrize("decades", [0, 3, 6, 8, 10, 14])
def test_the_sum_keeps_its_digits_however_far_the_singular_values_fall(shape, decades):
    values = np.logspace(0, -decades, min(shape))
    matrix = planted(values, *shape)
    assert nuclear_norms(matrix, 1.5 * values.sum(), 30) == pytest.approx(values.sum(), rel=3e-12)
    if decades == 8:  # what roots of the Gram matrix's eigenvalues make of it: the test sees them
        roots = np.sqrt(np.maximum(np.linalg.eigvalsh(matrix.T @ matrix), 0)).sum()
        assert abs(roots / values.sum() - 1) > 1e-10


@pytest.mark.parametrize("near", [1e-2, 1e-6, 1e-10])
def test_what_is_left_of_the_largest_keeps_its_digits(near):
    values = np.logspace(0, -4, 20)
    matrix = planted(values, 20, 20)
    largest = values.sum() * (1 + near)
    assert largest - nuclear_norms(matrix, largest, 20) == pytest.approx(near * values.sum(), rel=2e-14 / near + 1e-11)


@pytest.mark.parametrize("size", [1e-140, 1.0, 1e140])
def test_squares_of_the_entries_may_leave_the_range(size):
    values = size * np.arange(1.0, 6.0)
    assert nuclear_norms(planted(values, 8, 5), 20 * size, 5) == pytest.approx(15 * size, rel=1e-13)


def test_of_nothing_is_nothing():
    assert nuclear_norms(np.zeros((4, 3)), 0.0, 3) == 0
    assert nuclear_norms(np.zeros((4, 3)), 1.0, 0) == 0


def test_singular_values_beyond_the_rank_are_left_out():
    matrix = planted(np.array([3.0, 2.0, 1e-9]), 6, 6)
    assert nuclear_norms(matrix, 6.0, 2) == pytest.approx(5, rel=1e-14)
    assert nuclear_norms(matrix, 6.0, 3) - 5 == pytest.approx(1e-9, rel=1e-4)


@pytest.mark.parametrize("shape", [(5, 3, 4, 7), (2, 3, 7, 4), (3, 1, 4, 4), (1, 1, 3, 3)])
def test_of_a_stack_is_that_of_each(shape):
    stack = np.random.default_rng(0).standard_normal(shape)
    stack[0, 0] = planted(np.array([1.0, 1e-9]), *shape[-2:])  # one that roots of a Gram matrix don't give
    found = nuclear_norms(stack, 100.0, 4)
    assert found.shape == shape[:2]
    assert found == pytest.approx(np.linalg.svd(stack, compute_uv=False)[..., :4].sum(axis=-1), rel=1e-12)


@pytest.mark.torch
def test_the_gradient_is_the_polar_factor_at_equal_singular_values_too(torch):
    matrix = torch.tensor(planted(np.full(4, 2.0), 6, 4), requires_grad=True)
    nuclear_norms(matrix, torch.tensor(9.0), 4).backward()
    assert matrix.grad.numpy() == pytest.approx(matrix.detach().numpy() / 2, abs=1e-13)


@settings(max_examples=40, deadline=None)
@given(d=st.integers(1, 5), e=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_the_best_pairing_is_the_best_of_all(d, e, seed):
    matrix = np.random.default_rng(seed).standard_normal((d, e))
    wide = matrix if d <= e else matrix.T
    best = max(
        sum(wide[i, j] for i, j in enumerate(order)) for order in itertools.permutations(range(max(d, e)), min(d, e))
    )
    assert matrix[best_pairing(matrix)].sum() == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("widths", [(4, 4), (3, 6), (6, 3)])
def test_no_rotation_leaves_less(widths):
    rng = np.random.default_rng(1)
    one, other = (rng.standard_normal((10, width)) for width in widths)
    width = max(widths)
    one, other = (np.pad(rows, ((0, 0), (0, width - rows.shape[1]))) for rows in (one, other))
    least = float(rotated_residual(one[:, : widths[0]], other[:, : widths[1]]))
    assert least == pytest.approx(float(((rotation_onto(one, other) - other) ** 2).sum()), rel=1e-12)
    assert least < min(((one @ orthogonal(width, rng=seed) - other) ** 2).sum() for seed in range(300))
    # and none within reach of the best does
    left, right = polar_factors(one.T @ other)
    for seed in range(20):
        turn = rng.standard_normal((width, width))
        near = np.linalg.qr(np.eye(width) + 1e-2 * (turn - turn.T))[0]
        near *= np.sign(np.diag(near))
        assert ((one @ left @ near @ right.T - other) ** 2).sum() >= least - 1e-12, seed


def test_what_is_in_no_pair_counts_against_zero():
    rng = np.random.default_rng(2)
    one, other = rng.standard_normal((9, 5)), rng.standard_normal((9, 3))
    first, second = np.array([4, 0, 2]), np.array([1, 0, 2])
    expected = ((one[:, first] - other[:, second]) ** 2).sum() + (one[:, [1, 3]] ** 2).sum()
    assert paired_residual(one, other, first, second) == pytest.approx(expected, rel=1e-14)
    assert paired_residual(other, one, second, first) == pytest.approx(expected, rel=1e-14)
    assert paired_residual(one, other, first[:1], second[:1]) == pytest.approx(
        ((one[:, 4] - other[:, 1]) ** 2).sum() + (one[:, :4] ** 2).sum() + (other[:, [0, 2]] ** 2).sum(), rel=1e-14
    )


@pytest.mark.parametrize("turn", [0.0, 1e-150, 1e-12, 1e-6, 0.5, np.pi / 2, 3.0, np.pi - 1e-6, np.pi])
def test_angles_keep_their_digits_near_zero(turn):
    gap = 2 * np.sin(turn / 2) ** 2
    assert angle(np.float64(gap)) == pytest.approx(turn, rel=1e-14, abs=1e-9 if turn > 3 else 0)


def test_angles_of_gaps_that_rounding_pushed_out_of_range():
    assert angle(np.float64(-1e-16)) == 0
    assert angle(np.float64(2 + 1e-15)) == pytest.approx(np.pi)
