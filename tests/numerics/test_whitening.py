"""Principal axes and partial whitening."""

import numpy as np
import pytest

from theodolite.numerics.whitening import mixed_gains, principal_axes
from theodolite.testing.planted import orthogonal


def test_axes_and_spreads_are_those_of_the_singular_value_decomposition():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((40, 6)) * [5.0, 4.0, 3.0, 2.0, 1.0, 0.1] @ orthogonal(6, rng=1)
    rows -= rows.mean(axis=0)
    spreads, axes = principal_axes(rows.T @ rows, 40)
    _, expected, directions = np.linalg.svd(rows)
    assert spreads == pytest.approx(expected, rel=1e-10)
    assert np.abs(directions @ axes) == pytest.approx(np.eye(6), abs=1e-10)


@pytest.mark.parametrize("size", [1e-20, 1.0, 1e20])
def test_directions_of_rounding_are_left_out_at_any_scale(size):
    rng = np.random.default_rng(2)
    rows = size * rng.standard_normal((50, 3)) @ rng.standard_normal((3, 8))
    rows -= rows.mean(axis=0)
    spreads, axes = principal_axes(rows.T @ rows, 50)
    assert spreads.shape == (3,)
    assert axes.shape == (8, 3)


def test_centred_rows_have_one_direction_fewer_than_rows():
    rows = np.random.default_rng(3).standard_normal((5, 9))
    rows -= rows.mean(axis=0)
    assert principal_axes(rows.T @ rows, 5)[0].shape == (4,)


def test_of_a_point_there_are_none():
    spreads, axes = principal_axes(np.zeros((3, 3)), 10)
    assert spreads.shape == (0,)
    assert axes.shape == (3, 0)


def test_gains_go_from_nothing_to_one_spread_for_all():
    spreads = np.array([10.0, 1.0, 0.1])
    assert mixed_gains(spreads, 1.0) == pytest.approx([1, 1, 1])
    assert mixed_gains(spreads, 0.0) * spreads == pytest.approx([1, 1, 1])
    assert mixed_gains(spreads, 0.25) * spreads == pytest.approx(0.25 * spreads + 0.75)
