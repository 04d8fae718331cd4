"""knn_graph_dimension: the growth of the graph of nearest neighbours."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from theodolite.core import Cloud, Outcome, Refusal
from theodolite.dimension import knn_graph_dimension
from theodolite.numerics.growth_law import growing_parts, line
from theodolite.numerics.neighbours import nearest_neighbours
from theodolite.numerics.part_lists import distances_within


def brute(points, k):
    apart = cdist(points, points)
    np.fill_diagonal(apart, np.inf)
    return np.sort(apart, axis=1)[:, :k]


@pytest.mark.parametrize("listed", [4, 25, 80])
def test_distances_within_a_part(listed):
    rng = np.random.default_rng(0)
    for points in (rng.normal(size=(300, 6)), np.repeat(rng.normal(size=(30, 6)), 10, 0) + 1e-3 * rng.random((300, 6))):
        known = nearest_neighbours(points, listed)
        for size in (6, 60, 299, 300):
            part = np.sort(rng.choice(300, size, replace=False))
            distances, searched = distances_within(known, part, 4, points)
            np.testing.assert_allclose(distances, brute(points[part], 4), rtol=1e-11)
            assert searched == np.count_nonzero(np.isin(known.indices[part], part).sum(axis=1) < 4)


@pytest.mark.parametrize(("k", "power"), [(1, 1.0), (4, 1.0), (4, 0.5)])
def test_a_torus_has_its_dimension(k, power):
    found = []
    for seed in range(5):
        rows = np.exp(2j * np.pi * np.random.default_rng(seed).random((1500, 2))).view(float)
        found.append(knn_graph_dimension(rows, k=k, power=power, rng=seed))
    errors = np.asarray([float(one.intervals["inverse"].se) for one in found])
    assert abs(np.mean([float(one.inverse) for one in found]) - 0.5) < 3 * np.sqrt((errors**2).mean() / 5) + 0.006
    assert (errors < 0.02).all()


def test_by_hand():
    rows = np.random.default_rng(1).normal(size=(130, 6))
    found = knn_graph_dimension(rows, k=3, power=2.0, rng=4)
    parts = growing_parts(130, 40, 6, (3, 8), np.random.default_rng(4))
    whole = [part for part, group in zip(parts.members, parts.group, strict=True) if group == 0]
    sizes = sorted({part.size for part in whole})
    means = [np.mean([(brute(rows[part], 3) ** 2).sum() for part in whole if part.size == size]) for size in sizes]
    assert float(found.slope) == pytest.approx(line(sizes, means)[0], rel=1e-10)
    assert float(found.dimension) == pytest.approx(2 / (1 - float(found.slope)), rel=1e-12)


def test_lists_that_run_out_are_counted():
    """Six times as many neighbours are listed as a half of the smallest part needs, which is not enough for all."""
    rows = np.random.default_rng(3).normal(size=(300, 3))
    cloud = Cloud(rows)
    found = knn_graph_dimension(cloud, k=2, rng=4)
    parts = growing_parts(300, 60, 6, (3, 8), np.random.default_rng(4)).members
    listed = cloud.neighbours(6 * 2 * 5).indices
    lacking = sum(np.count_nonzero(np.isin(listed[part], part).sum(axis=1) < 2) for part in parts)
    assert float(found.searched) == lacking > 0
    assert float(knn_graph_dimension(rows[:60], k=12).searched) == 0  # whose lists hold all


def test_sizes_span_a_fifth_to_the_whole():
    # Parts of a handful of points, scikit-dimension's default, give 2, 4, 2, 4, 3 on five draws of a ball of five.
    rng = np.random.default_rng(2)
    directions = rng.normal(size=(1000, 5))
    rows = directions / np.linalg.norm(directions, axis=1)[:, None] * rng.random((1000, 1)) ** 0.2
    found = [knn_graph_dimension(rows, rng=seed) for seed in range(4)]
    assert (found[0].extra["sizes"][0], found[0].extra["sizes"][-1]) == (200, 1000)
    dimensions = np.asarray([float(one.dimension) for one in found])
    assert (np.abs(dimensions - 4.6) < 0.4).all()
    assert dimensions.std() < 0.15


def test_intervals_cover(clouds):
    for shape, several in clouds.items():
        found = [knn_graph_dimension(cloud, rng=seed) for seed, cloud in enumerate(several[:40])]
        values = np.asarray([float(one.inverse) for one in found])
        intervals = [one.intervals["inverse"] for one in found]
        assert np.mean([one.low <= values.mean() <= one.high for one in intervals]) >= 0.87, shape
        assert 0.7 * values.std() < np.mean([one.se for one in intervals]) < 1.5 * values.std(), shape


def test_duplicates_and_refusals():
    rows = np.random.default_rng(5).normal(size=(150, 4))
    one, other = knn_graph_dimension(rows), knn_graph_dimension(np.concatenate([rows, rows[:30]]))
    assert float(other.dimension) == pytest.approx(float(one.dimension), rel=1e-9)
    assert float(other.duplicates) == 30
    with pytest.raises(Refusal) as refused:
        knn_graph_dimension(rows[:23])
    assert refused.value.outcome is Outcome.FEWER_ROWS_THAN_NEEDED
    assert np.isfinite(float(knn_graph_dimension(rows[:24]).slope))
    assert knn_graph_dimension(np.eye(60)).dimension.outcome is Outcome.NO_LESS_LENGTH
