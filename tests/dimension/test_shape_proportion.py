"""shape_proportion: boxes, stretched balls, outliers; the closed forms it shares stand beside hyper_sphericity."""

import itertools

import numpy as np
import pytest
from scipy.special import gamma

from theodolite.dimension import hyper_sphericity, shape_proportion


@pytest.mark.parametrize("sides", [(1, 5), (2, 3, 0.5), (1, 1, 1, 10), (0.01, 1, 2, 3, 4)])
def test_of_boxes(sides):
    n = len(sides)
    corners = np.asarray(list(itertools.product(*[(0.0, float(side)) for side in sides])))
    radius = np.linalg.norm(sides) / 2
    expected = np.prod(sides) / (np.pi ** (n / 2) / gamma(n / 2 + 1) * radius**n)
    found = shape_proportion(corners)
    assert float(found.proportion) == pytest.approx(expected, rel=1e-11)
    inside = np.random.default_rng(0).random((50, n)) * sides
    assert float(shape_proportion(np.concatenate([corners, inside])).proportion) == pytest.approx(expected, rel=1e-11)


def test_of_ellipses_it_is_their_ratio():
    angles = 2 * np.pi * np.arange(2000) / 2000
    for stretch in (1.0, 2.0, 8.0):
        points = np.stack([stretch * np.cos(angles), np.sin(angles)], axis=1)
        assert float(shape_proportion(points).proportion) == pytest.approx(1 / stretch, rel=1e-5)


def test_of_many_draws_from_a_ball_it_nears_one():
    rng = np.random.default_rng(1)
    found = []
    for count in (50, 500, 5000):
        points = rng.standard_normal((count, 3))
        found.append(float(shape_proportion(points / np.linalg.norm(points, axis=1)[:, None]).proportion))
    assert found == sorted(found)
    assert 0.99 < found[-1] < 1


def test_one_outlier_makes_the_ball():
    points = np.random.default_rng(2).standard_normal((200, 3))
    far = np.concatenate([points, [[100.0, 0.0, 0.0]]])
    assert float(shape_proportion(far).proportion) < 0.05 * float(shape_proportion(points).proportion)
    assert float(hyper_sphericity(far).sphericity) > 0.2 * float(hyper_sphericity(points).sphericity)
