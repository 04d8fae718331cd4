"""Nearest neighbours of points in a file: the same as in memory, and without bringing them there."""

import tracemalloc

import numpy as np
import pytest

from theodolite.core import Cloud
from theodolite.dimension import ph_dimension
from theodolite.numerics import neighbour_points, neighbour_products
from theodolite.numerics.coincident import distinct_rows
from theodolite.numerics.mst import spanning_tree
from theodolite.numerics.neighbour_points import PointRows, gathered
from theodolite.numerics.neighbours import nearest_neighbours, range_counts


def generator(seed=0):
    return np.random.default_rng(seed)


CLOUDS = {
    "gaussian": generator().normal(size=(300, 9)),
    "clusters": generator(1).normal(size=(12, 9))[np.arange(300) % 12] + 1e-6 * generator(2).normal(size=(300, 9)),
    "lattice": np.stack(np.meshgrid(*[np.arange(4.0)] * 4), -1).reshape(-1, 4),
    "far off": generator(3).normal(size=(300, 9)) + 1e6,
}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_points_on_disk_stay_there(cloud, tmp_path, monkeypatch):
    points = np.concatenate([CLOUDS[cloud], CLOUDS[cloud][:3]])
    expected = nearest_neighbours(points, 12)
    np.save(tmp_path / "points.npy", points)
    stored = np.load(tmp_path / "points.npy", mmap_mode="r")
    monkeypatch.setattr(neighbour_products, "SCORES_AT_ONCE", 5000)
    # What looks at a file is in the file, whatever it is called; what was picked from one isn't.
    assert not PointRows(stored[np.arange(len(points))], distinct_rows(points)).on_disk
    for mapped in (stored, np.asarray(stored)):
        assert PointRows(mapped, distinct_rows(stored)).on_disk
        found = nearest_neighbours(mapped, 12)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_allclose(found.distances, expected.distances, rtol=4e-12)
        radii = found.distances[:, 10]
        counts = range_counts(found.nearest(3), radii, points=mapped)
        np.testing.assert_array_equal(counts, range_counts(found, radii))


def test_points_on_disk_are_never_read_whole(tmp_path):
    """In memory there are the points and a copy in single precision; of those on disk only blocks."""
    np.save(tmp_path / "points.npy", generator().normal(size=(3000, 4000)).astype(np.float32))
    peaks = {}
    for mode in ("r", None):
        points = np.load(tmp_path / "points.npy", mmap_mode=mode)
        tracemalloc.start()
        found = nearest_neighbours(points, 5)
        spanning_tree(found, points)
        range_counts(found.nearest(1), 1.1 * found.distances[:, 4], points=points)
        peaks[mode] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[None] > points.nbytes
    assert peaks["r"] < peaks[None] - 0.7 * points.nbytes


class Stored:
    """What is read in slices alone."""

    def __init__(self, array):
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        return self._array[rows]


def test_anything_row_sliceable_will_do():
    points = CLOUDS["gaussian"].astype(np.float32)
    np.testing.assert_array_equal(
        nearest_neighbours(Stored(points), 3).distances, nearest_neighbours(points, 3).distances
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_many_stored_points_go_into_a_file(dtype, monkeypatch):
    points = generator(11).normal(size=(80, 5)).astype(dtype)
    in_memory = gathered(Stored(points))
    monkeypatch.setattr(neighbour_points, "HELD_IN_MEMORY", 399)
    in_a_file = gathered(Stored(points))
    assert isinstance(in_a_file, np.memmap)
    assert not isinstance(in_memory, np.memmap)
    for made in (in_memory, in_a_file):
        assert made.dtype == (np.float64 if dtype is np.float64 else np.float32)
        np.testing.assert_array_equal(made, points)
    found, expected = nearest_neighbours(Stored(points), 4), nearest_neighbours(points, 4)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.distances, expected.distances, rtol=4e-12)


# All distances are 576 MB in single precision, and 800 MB in double, which is what 100 neighbours are found in.
@pytest.mark.parametrize(("count", "k", "most"), [(12_000, 2, 80e6), (10_000, 100, 75e6)])
def test_memory_is_that_of_the_lists_and_a_block(count, k, most):
    points = generator().normal(size=(count, 16)).astype(np.float32)
    tracemalloc.start()
    nearest_neighbours(points, k)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most


def test_memory_of_all_trees_is_that_of_their_edges_and_a_block():
    cloud = Cloud(generator().normal(size=(6000, 8)))
    cloud.neighbours(64)
    tracemalloc.start()
    ph_dimension(cloud)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 115e6  # all distances are 288 MB
