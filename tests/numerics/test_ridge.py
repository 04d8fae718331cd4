"""Ridge regression on moments: joining, fitting, scoring."""

import numpy as np
import pytest

from theodolite.numerics.ridge import RowMoments, best_by_folds, best_by_gcv, fitted, joined, penalties, scores


def rows(count=60, inputs=5, targets=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, inputs)) + 4.0
    return x, x[:, :targets] + rng.standard_normal((count, targets))


def test_groups_joined_are_the_moments_of_all_rows():
    x, y = rows()
    whole = RowMoments.of(x, y)
    again = joined([RowMoments.of(x[part], y[part]) for part in (slice(0, 7), slice(7, 30), slice(30, 60))])
    assert again.count == 60
    for name in ("mean_x", "mean_y", "scatter", "cross", "squares"):
        np.testing.assert_allclose(getattr(again, name), getattr(whole, name), rtol=1e-12, atol=1e-12)


def test_held_out_errors_of_a_whole_grid_are_those_of_each_penalty():
    x, y = rows()
    fit, other = fitted(RowMoments.of(x[:40], y[:40])), RowMoments.of(x[40:], y[40:])
    grid = np.array([1e-3, 1.0, 50.0])
    expected = []
    for penalty in grid:
        slopes = fit.coefficients(penalty)
        predicted = (x[40:] - x[:40].mean(axis=0)) @ slopes + y[:40].mean(axis=0)
        expected.append(np.sum((y[40:] - predicted) ** 2))
        assert scores([(fit, penalty, other)]).errors.sum() == pytest.approx(expected[-1], rel=1e-11)
    np.testing.assert_allclose(fit.held_out_errors(other, grid), expected, rtol=1e-11)


def test_without_a_penalty_it_is_least_squares():
    x, y = rows()
    expected = np.linalg.lstsq(x - x.mean(axis=0), y - y.mean(axis=0))[0]
    np.testing.assert_allclose(fitted(RowMoments.of(x, y)).coefficients(0.0), expected, atol=1e-12)


def test_without_a_penalty_and_with_few_rows_it_is_the_shortest_solution():
    x, y = rows(count=10, inputs=30)
    expected = np.linalg.pinv(x - x.mean(axis=0), rcond=1e-10) @ (y - y.mean(axis=0))
    np.testing.assert_allclose(fitted(RowMoments.of(x, y)).coefficients(0.0), expected, atol=1e-9)


def test_more_noise_asks_for_more_penalty():
    chosen = []
    for noise in (0.01, 1.0, 30.0):
        rng = np.random.default_rng(1)
        x = rng.standard_normal((100, 20))
        y = x @ rng.standard_normal((20, 4)) + noise * rng.standard_normal((100, 4))
        groups = [RowMoments.of(x[i::4], y[i::4]) for i in range(4)]
        chosen.append((best_by_gcv(fitted(joined(groups))), best_by_folds(groups)))
    assert sorted(chosen) == chosen
    assert chosen[0][0] < chosen[1][0] < chosen[2][0]
    assert chosen[0][1] < chosen[1][1] < chosen[2][1]


def test_inputs_that_do_not_vary_predict_the_mean():
    x, y = np.ones((20, 3)), rows(count=20)[1]
    group = RowMoments.of(x, y)
    fit = fitted(group)
    assert best_by_gcv(fit) == 0.0 == best_by_folds([group, group])
    found = scores([(fit, 1.0, group)])
    np.testing.assert_allclose(found.errors, found.squares)
    assert np.isnan(found.correlations).all()


def test_the_grid_scales_with_the_inputs():
    x, y = rows()
    small, large = (penalties(fitted(RowMoments.of(size * x, y))) for size in (1.0, 10.0))
    np.testing.assert_allclose(large, 100.0 * small, rtol=1e-12)
    assert len(small) == 41
