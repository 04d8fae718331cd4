"""A cloud's neighbours: found once, cut for fewer, refused by name, and given from outside."""

import pickle

import numpy as np
import pytest

from theodolite.core import Cloud, Outcome, Refusal
from theodolite.core import surroundings as module
from theodolite.numerics import neighbours
from theodolite.sources import open_features
from theodolite.testing import backends, gaussian, poisson_neighbours

ROWS = gaussian(120, 9, rng=1)


@pytest.fixture
def searches(monkeypatch):
    asked, plain = [], module.nearest_neighbours
    monkeypatch.setattr(
        module, "nearest_neighbours", lambda points, k, **rest: (asked.append(k), plain(points, k, **rest))[1]
    )
    return asked


def test_the_largest_search_serves_all(searches):
    cloud = Cloud(ROWS)
    whole = cloud.neighbours(20)
    assert cloud.neighbours(20).distances.shape == whole.distances.shape == (120, 20)
    np.testing.assert_array_equal(cloud.neighbours(3).distances, whole.distances[:, :3])
    assert searches == [20]
    assert cloud.neighbours(25).k == 25
    assert cloud.neighbours(24).k == 24
    assert searches == [20, 25]
    assert (cloud.listed, Cloud(ROWS).listed) == (25, 0)
    again = pickle.loads(pickle.dumps(cloud))
    assert len(pickle.dumps(cloud)) < 2 * ROWS.nbytes
    np.testing.assert_array_equal(again.neighbours(20).indices, whole.indices)


@pytest.mark.parametrize("backend", backends(), ids=str)
def test_in_every_library(backend):
    if backend.missing():
        pytest.skip(backend.missing())
    found = Cloud(backend.convert(ROWS)).neighbours(6)
    np.testing.assert_allclose(found.distances, Cloud(ROWS).neighbours(6).distances, rtol=1e-12)
    np.testing.assert_array_equal(found.indices, Cloud(ROWS).neighbours(6).indices)


def test_points_in_a_file_stay_there(tmp_path, searches, monkeypatch):
    np.save(tmp_path / "rows.npy", ROWS)
    given, plain = [], module.nearest_neighbours
    monkeypatch.setattr(
        module,
        "nearest_neighbours",
        lambda points, *rest, **more: (given.append(points), plain(points, *rest, **more))[1],
    )
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    found = Cloud(mapped).neighbours(6)
    assert given[0] is mapped
    np.testing.assert_array_equal(found.indices, Cloud(ROWS).neighbours(6).indices)
    # Stored features are read in slices, and once for all that looks at single rows.
    cloud = open_features(tmp_path / "rows.npy")["rows"]
    slices = []
    monkeypatch.setattr(type(cloud.points), "rows", _noting(type(cloud.points).rows, slices))
    np.testing.assert_allclose(cloud.neighbours(6).distances, found.distances, rtol=1e-12)
    cloud.range_counts(5.0)
    cloud.neighbours(9)
    assert slices == [(0, 120)]


def _noting(plain, slices):
    return lambda self, start, stop: (slices.append((start, stop)), plain(self, start, stop))[1]


def test_points_on_a_device_are_searched_there(torch, monkeypatch):
    tensor, asked = torch.asarray(ROWS), []
    for place in (module, neighbours):
        monkeypatch.setattr(place, "on_device", lambda points: points is tensor)
    plain = neighbours.nearest_on_device
    monkeypatch.setattr(
        neighbours, "nearest_on_device", lambda points, *rest: (asked.append(points), plain(points, *rest))[1]
    )
    cloud = Cloud(tensor)
    np.testing.assert_array_equal(cloud.neighbours(6).indices, Cloud(ROWS).neighbours(6).indices)
    assert len(asked) == 1
    assert asked[0] is tensor
    np.testing.assert_array_equal(cloud.range_counts(3.5), Cloud(ROWS).range_counts(3.5))


def test_too_few_distinct_points_are_refused_by_name():
    doubled = Cloud(np.concatenate([ROWS[:8], ROWS[:4]]))
    assert (doubled.distinct.count, doubled.neighbours(7).k, doubled.neighbours(7).duplicates) == (8, 7, 4)
    with pytest.raises(Refusal, match="8 distinct points, k = 8") as refused:
        doubled.neighbours(8)
    assert refused.value.outcome is Outcome.TOO_FEW_POINTS
    with pytest.raises(Refusal, match="1 distinct point, k = 1"):
        Cloud(np.ones((4, 3))).neighbours(1)
    with pytest.raises(ValueError, match="k is 0"):
        doubled.neighbours(0)


def test_other_refusals():
    wrong = ROWS.copy()
    wrong[3, 1] = np.nan
    for cloud, outcome in (
        (Cloud(wrong), Outcome.NOT_FINITE_ROWS),
        (Cloud(1e90 * ROWS), Outcome.OUT_OF_RANGE),
        (Cloud.from_moments(5, np.zeros(2), np.eye(2)), Outcome.NEEDS_ROWS),
    ):
        with pytest.raises(Refusal) as refused:
            cloud.neighbours(2)
        assert refused.value.outcome is outcome


def test_range_counts_read_the_lists_and_then_the_rows():
    cloud = Cloud(ROWS)
    apart = np.sqrt(((ROWS[:, None] - ROWS) ** 2).sum(axis=2))
    for radius in (2.0, 3.5, 50.0):
        expected = (apart < radius).sum(axis=1) - 1
        np.testing.assert_array_equal(cloud.range_counts(radius), expected)
    ninth = cloud.neighbours(9).distances[:, -1]
    np.testing.assert_array_equal(cloud.range_counts(ninth), 8)
    np.testing.assert_array_equal(cloud.range_counts(ninth, inclusive=True), 9)


def test_a_cloud_of_neighbours_alone():
    known = poisson_neighbours(500, 12, 4.0, rng=2)
    cloud = Cloud.from_neighbours(known)
    assert cloud.has == {"neighbours"}
    assert (cloud.count, repr(cloud)) == (500, "Cloud(500 rows, 12 neighbours of each only)")
    np.testing.assert_array_equal(cloud.neighbours(5).distances, known.distances[:, :5])
    np.testing.assert_array_equal(cloud.range_counts(known.distances[:, 4]), 4)
    with pytest.raises(Refusal, match="k is 13; 12 neighbours"):
        cloud.neighbours(13)
    for look in (
        lambda: cloud.neighbours(13),
        lambda: cloud.rows,
        lambda: cloud.centred,
        lambda: cloud.scatter,
        lambda: cloud.mean,
        lambda: cloud.width,
        lambda: cloud.range_counts(1e9),
        lambda: cloud.require(["rows"]),
        lambda: cloud.require(["moments"]),
    ):
        with pytest.raises(Refusal) as refused:
            look()
        assert refused.value.outcome is Outcome.NEEDS_ROWS
    other = Cloud.from_neighbours(poisson_neighbours(500, 12, 4.0, rng=3))
    assert cloud.fingerprint() == Cloud.from_neighbours(known).fingerprint() != other.fingerprint()
    assert pickle.loads(pickle.dumps(cloud)).neighbours(2).k == 2
