"""Minimum spanning trees: equal to those of whole distance matrices, whatever lists of neighbours they grow from."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial.distance import cdist, squareform

from theodolite.numerics import mst, nearest_outside, neighbour_products
from theodolite.numerics.mst import ExhaustedListsError, spanning_tree, spanning_trees
from theodolite.numerics.neighbour_points import PointRows
from theodolite.numerics.neighbours import nearest_neighbours


def generator(seed=0):
    return np.random.default_rng(seed)


def clusters(count, size, spread, seed=1, offset=0.0):
    rng = generator(seed)
    return (100 * rng.normal(size=(count, 1, 9)) + spread * rng.normal(size=(count, size, 9))).reshape(-1, 9) + offset


CLOUDS = {
    "gaussian": generator().normal(size=(400, 9)),
    "float32": generator().normal(size=(300, 9)).astype(np.float32),
    "three features": generator().normal(size=(500, 3)),
    "more features than points": generator().normal(size=(120, 300)),
    "tight clusters": clusters(8, 50, 1e-5),
    "tight clusters far off": clusters(8, 50, 1e-3, offset=1e6),
    "40 clusters smaller than k": clusters(40, 6, 1.0),
    "lattice": np.stack(np.meshgrid(*[np.arange(6.0)] * 3), -1).reshape(-1, 3)[generator(2).permutation(216)],
    "corners": np.concatenate([np.eye(30), -np.eye(30)]),
    "line": np.arange(200.0)[generator(3).permutation(200), None] * np.ones((1, 7)),
    "growing steps": (1.1 ** np.arange(150.0))[:, None],
    "duplicates": np.repeat(generator().normal(size=(70, 7)), 3, axis=0)[generator(4).permutation(210)],
    "two points": np.array([[0.0, 1.0], [3.0, 5.0]]),
    "dust beside rocks": np.concatenate([1e-9 * generator().normal(size=(60, 5)), generator().normal(size=(60, 5))]),
}


def brute(points):
    """Lengths by scipy from the matrix of all distances."""
    # As a sparse matrix, since of a dense one what is all but 0 counts as no edge.
    return np.sort(minimum_spanning_tree(csr_array(cdist(points, points))).data)


def is_tree(edges, points):
    """Whether the edges join these points and no others, without a circle."""
    assert set(edges.ravel()) <= set(points.tolist())
    of = {point: place for place, point in enumerate(points)}
    pairs = np.array([[of[a], of[b]] for a, b in edges], int).reshape(-1, 2)
    graph = np.zeros((points.size, points.size))
    graph[pairs[:, 0], pairs[:, 1]] = 1
    return len(edges) == points.size - 1 and connected_components(graph)[0] == 1


@pytest.mark.parametrize("k", [1, 2, 10, 45])
@pytest.mark.parametrize("name", CLOUDS)
def test_equal_to_the_tree_of_all_distances(name, k):
    rows = CLOUDS[name]
    distinct = np.unique(rows, axis=0).astype(np.float64)
    known = nearest_neighbours(rows, min(k, len(distinct) - 1))
    found, expected = spanning_tree(known, rows), brute(distinct)
    np.testing.assert_allclose(found.lengths, expected, rtol=1e-12)
    own = rows[known.distinct.first].astype(np.float64)
    apart = np.linalg.norm(own[found.edges[:, 0]] - own[found.edges[:, 1]], axis=1)
    np.testing.assert_allclose(found.lengths, apart, rtol=1e-12)
    assert is_tree(found.edges, np.arange(known.count))
    assert found.duplicates == len(rows) - len(distinct)


@pytest.mark.parametrize("k", [3, 40])
@pytest.mark.parametrize("name", ["gaussian", "tight clusters far off", "40 clusters smaller than k", "duplicates"])
def test_parts_of_a_cloud(name, k):
    rows, rng = CLOUDS[name], generator(5)
    known = nearest_neighbours(rows, k)
    own = rows[known.distinct.first].astype(np.float64)
    parts = [
        np.sort(rng.choice(known.count, size, replace=False)) for size in (known.count, 2, 35, 1, known.count // 2)
    ]
    found = spanning_trees(known, parts, rows)
    for number, part in enumerate(parts):
        mine = found.tree == number
        np.testing.assert_allclose(found.lengths[mine], brute(own[part]), rtol=1e-12)
        assert is_tree(found.edges[mine], part)


@pytest.mark.parametrize(("limit", "most"), [("_PLACES_AT_ONCE", 900), ("_NODES_AT_ONCE", 150), ("_NODES_AT_ONCE", 1)])
def test_many_parts_are_grown_in_turns(monkeypatch, limit, most):
    rows, rng = CLOUDS["gaussian"], generator(6)
    known = nearest_neighbours(rows, 20)
    parts = [rng.choice(400, size, replace=False) for size in (50, 200, 1, 90, 20)]
    whole = spanning_trees(known, parts, rows)
    asked = []
    grow = mst._Growth
    monkeypatch.setattr(mst, limit, most)
    monkeypatch.setattr(mst, "_Growth", lambda known, some, rows: asked.append(len(some)) or grow(known, some, rows))
    again = spanning_trees(known, parts, rows)
    assert asked == {900: [2, 2, 1], 150: [1, 1, 3], 1: [1] * 5}[most]
    for name in ("edges", "lengths", "tree"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(again, name))


def test_bars_are_the_heights_of_single_linkage():
    rows = CLOUDS["three features"]
    heights = linkage(squareform(cdist(rows, rows), checks=False), "single")[:, 2]
    np.testing.assert_allclose(spanning_tree(nearest_neighbours(rows, 8), rows).lengths, heights, rtol=1e-12)


def test_long_lists_need_no_points():
    known = nearest_neighbours(CLOUDS["gaussian"], 399)
    found = spanning_tree(known)
    assert found.searched == 0
    np.testing.assert_allclose(found.lengths, brute(CLOUDS["gaussian"]), rtol=1e-12)
    with pytest.raises(ExhaustedListsError, match="the 5 neighbours"):
        spanning_tree(nearest_neighbours(CLOUDS["40 clusters smaller than k"], 9).nearest(5))
    short = nearest_neighbours(CLOUDS["tight clusters"], 6)
    with pytest.raises(ExhaustedListsError):
        spanning_tree(short)
    assert spanning_tree(short, CLOUDS["tight clusters"]).searched > 0


@pytest.mark.parametrize(
    "parts", [[], [np.array([], int)], [np.array([0, 400])], [np.array([-1, 2])], [np.array([3, 3])]]
)
def test_wrong_parts(parts):
    with pytest.raises(ValueError, match="parts"):
        spanning_trees(nearest_neighbours(CLOUDS["gaussian"], 5), parts, CLOUDS["gaussian"])


@pytest.mark.parametrize("scores", [700, 1 << 22])
def test_points_on_disk(tmp_path, monkeypatch, scores):
    rows = np.concatenate([CLOUDS["tight clusters"], CLOUDS["tight clusters"][:7]])
    stored = np.memmap(tmp_path / "points", np.float64, "w+", shape=rows.shape)
    stored[:] = rows
    monkeypatch.setattr(neighbour_products, "SCORES_AT_ONCE", scores)
    monkeypatch.setattr(nearest_outside, "SCORES_AT_ONCE", scores)
    known = nearest_neighbours(stored, 10)
    found = spanning_tree(known, stored)
    assert found.searched > 0
    np.testing.assert_allclose(found.lengths, brute(rows[:400]), rtol=1e-12)
    parts = [generator(8).permutation(400)[:size] for size in (400, 250, 33)]
    forest = spanning_trees(known, parts, stored)
    for number, part in enumerate(parts):
        np.testing.assert_allclose(forest.lengths[forest.tree == number], brute(rows[part]), rtol=1e-12)


def test_parts_of_points_on_disk_stay_there(tmp_path):
    rows = CLOUDS["gaussian"]
    np.save(tmp_path / "points.npy", rows)
    stored, places = np.load(tmp_path / "points.npy", mmap_mode="r"), generator(9).permutation(400)[:90]
    for given, there in ((stored, True), (rows, False)):
        part = PointRows(given, nearest_neighbours(given, 1).distinct).part(places)
        assert (part.on_disk, part.count) == (there, 90)
        np.testing.assert_array_equal(part.at(np.arange(90)), rows[places])
        np.testing.assert_array_equal(part.part(np.array([4, 2])).at(slice(0, 2)), rows[places[[4, 2]]])


@pytest.mark.parametrize("name", ["gaussian", "tight clusters far off", "lattice", "dust beside rocks"])
def test_the_nearest_outside(name):
    rows, rng = CLOUDS[name], generator(7)
    groups = rng.integers(0, 4, len(rows)) if name != "tight clusters far off" else np.arange(400) // 50
    places = rng.permutation(len(rows))[: len(rows) // 2]
    known = nearest_neighbours(rows, 1)
    distances, indices = nearest_outside.nearest_outside(PointRows(rows, known.distinct), places, groups)
    apart = cdist(rows, rows)
    apart[groups[:, None] == groups] = np.inf
    np.testing.assert_allclose(distances, apart[places].min(axis=1), rtol=1e-12)
    assert (groups[indices] != groups[places]).all()
    np.testing.assert_allclose(apart[places, indices], distances, rtol=1e-12)


def test_single_precision_alone_would_be_wrong():
    # The clusters are so tight that products in single precision can't order what lies between them: taking its
    # nearest as it comes gives another tree.
    rows = clusters(8, 50, 1e-3, offset=0.0)
    near = (rows - rows.mean(axis=0)).astype(np.float32)
    scores = (near**2).sum(axis=1) - 2 * near @ near.T
    split = np.where(np.arange(400) % 2, 1, 0)
    scores[split[:, None] == split] = np.inf
    apart = cdist(rows, rows)
    apart[split[:, None] == split] = np.inf
    naive = apart[np.arange(400), scores.argmin(axis=1)]
    exact = apart.min(axis=1)
    assert (naive > exact * (1 + 1e-4)).mean() > 0.2
    known = nearest_neighbours(rows, 1)
    found, _ = nearest_outside.nearest_outside(PointRows(rows, known.distinct), np.arange(400), split)
    np.testing.assert_allclose(found, exact, rtol=1e-12)
