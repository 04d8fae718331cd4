"""Best matches and paths against brute force, and what all pairs are made into."""

import itertools

import numpy as np
import pytest

from theodolite.study.similarities.matches import best_places, ordered_path


def brute_force(values, lowest):
    rows, columns = values.shape
    paths = itertools.combinations_with_replacement(range(columns), rows)
    sums = {path: sum(values[i, j] for i, j in enumerate(path)) * (-1 if lowest else 1) for path in paths}
    return max(sums.values())


@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (4, 6), (6, 4), (5, 5)])
def test_the_path_is_the_best_of_all(shape, lowest):
    for seed in range(5):
        values = np.random.default_rng(seed).standard_normal(shape)
        path = ordered_path(values, lowest=lowest)
        assert list(path) == sorted(path)
        total = sum(values[i, j] for i, j in enumerate(path)) * (-1 if lowest else 1)
        assert total == pytest.approx(brute_force(values, lowest))


def test_a_planted_order_is_found_and_a_lone_outlier_does_not_break_it():
    values = np.eye(6) + 0.1
    values[1, 5] = 1.2
    assert ordered_path(values, lowest=False) == (0, 1, 2, 3, 4, 5)
    assert best_places(values, lowest=False) == (0, 5, 2, 3, 4, 5)
    assert ordered_path(1 - values, lowest=True) == (0, 1, 2, 3, 4, 5)


def test_gaps_are_passed_over_or_make_an_end():
    values = np.eye(4)
    values[2] = np.nan
    values[3, :3] = np.nan
    assert ordered_path(values, lowest=False) == (0, 1, None, 3)
    assert best_places(values, lowest=False) == (0, 1, None, 3)
    crossed = np.array([[np.nan, 1.0], [1.0, np.nan]])
    assert ordered_path(crossed, lowest=False) == ()
    assert ordered_path(np.full((2, 2), np.nan), lowest=False) == ()


def test_equals_go_to_the_first():
    assert ordered_path(np.ones((3, 4)), lowest=False) == (0, 0, 0)
    assert best_places(np.ones((2, 4)), lowest=True) == (0, 0)
