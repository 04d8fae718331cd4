"""Points from distances and groups from distances, against planted points, closed forms and brute force."""

import numpy as np
import pytest

from theodolite.core import ParameterError
from theodolite.study.arrangements.clustering import cluster
from theodolite.study.arrangements.distances import Distances
from theodolite.study.arrangements.embedding import embed


def apart(one, other=None):
    return np.linalg.norm(one[:, None] - (one if other is None else other)[None], axis=-1)


def aligned(points, onto):
    """The points after the best rotation, reflection and shift onto others."""
    moved, target = points - points.mean(axis=0), onto - onto.mean(axis=0)
    left, _, right = np.linalg.svd(moved.T @ target)
    return moved @ left @ right + onto.mean(axis=0)


@pytest.fixture
def planar():
    return np.random.default_rng(5).standard_normal((12, 2)) * [3.0, 1.0]


@pytest.mark.parametrize("method", ["classical", "metric"])
def test_planted_points_come_back(planar, method):
    found = embed(apart(planar), method=method)
    assert found.stress < 1e-5
    assert found.negative_share < 1e-12
    assert found.violations == 0
    np.testing.assert_allclose(aligned(found.coordinates, planar), planar, atol=1e-4 if method == "metric" else 1e-10)


@pytest.mark.parametrize(("method", "within"), [("classical", 1e-10), ("metric", 1e-4)])
def test_a_new_point_of_the_plane_lands_where_it_lies(planar, method, within):
    """Gower's formula is exact there, and the point of least stress has none."""
    new = np.random.default_rng(6).standard_normal((3, 2))
    found = embed(apart(planar), method=method)
    placed = found.place(apart(new, planar))
    np.testing.assert_allclose(apart(placed, found.coordinates), apart(new, planar), atol=within)
    np.testing.assert_allclose(found.place(apart(new, planar)[1]), placed[1])


def test_gowers_formula_is_the_projection_for_a_point_out_of_the_plane(planar):
    """Three equal heights above and below are far away in the same place of the plane."""
    found = embed(apart(planar))
    space = np.column_stack([found.coordinates, np.zeros(len(planar))])
    above = np.array([[0.7, -0.2, 5.0]])
    placed = found.place(apart(above, space)[0])
    # The sum of squares from the formula: 2 X y = b - d², of which X's columns see no constant.
    np.testing.assert_allclose(placed, above[0, :2], atol=1e-10)


def test_the_least_stress_is_the_least_of_a_grid(planar):
    found = embed(apart(planar), method="metric")
    distances = apart(planar)[0] * 0.6 + 0.5
    placed = found.place(distances)

    def stress(point):
        return np.sum((np.linalg.norm(found.coordinates - point, axis=1) - distances) ** 2)

    side = np.linspace(-8, 8, 161)
    grid = np.array([stress(np.array([x, y])) for x in side for y in side])
    assert stress(placed) <= grid.min() + 1e-9


def test_distances_on_a_circle_are_not_flat():
    """Arcs are a metric, and no points of a flat space are at such distances: the eigenvalues say so."""
    angle = 2 * np.pi * np.arange(10) / 10
    arcs = np.abs((angle[:, None] - angle + np.pi) % (2 * np.pi) - np.pi)
    found = embed(arcs)
    assert found.violations == 0
    squares = arcs**2
    centre = np.eye(10) - 0.1
    eigenvalues = np.linalg.eigvals(-0.5 * centre @ squares @ centre).real
    assert found.negative_share == pytest.approx(-eigenvalues[eigenvalues < 0].sum() / np.abs(eigenvalues).sum())
    assert 0.05 < found.negative_share < 0.5
    assert embed(arcs, method="metric").stress <= found.stress
    assert embed(arcs, method="metric", rng=3).stress == pytest.approx(embed(arcs, method="metric", rng=3).stress)


def test_broken_triangles_are_counted():
    """One side of 5 among sides of 1: of the 4 · 3 · 2 ordered triples, those over either other point, both ways."""
    values = np.ones((4, 4)) - np.eye(4)
    values[0, 1] = values[1, 0] = 5.0
    assert Distances(values).violations == pytest.approx(4 / 24)
    assert embed(values).violations == pytest.approx(4 / 24)


def test_fewer_dimensions_than_asked_are_flat():
    line = np.array([[0.0], [1.0], [3.0]])
    found = embed(apart(line), dims=3)
    assert found.coordinates.shape == (3, 3)
    np.testing.assert_allclose(found.coordinates[:, 1:], 0, atol=1e-7)
    assert np.all(embed(np.zeros((3, 3))).coordinates == 0)
    assert np.all(np.isfinite(embed(np.zeros((3, 3)), method="metric").place(np.zeros(3))))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d[:, :3], "expected a square"),
        (lambda d: d[:1, :1], "expected a square"),
        (lambda d: np.where(d == d[1, 3], np.nan, d), "that of 'b' to 'd', nan, is no number"),
        (lambda d: np.where(d == d[0, 2], -1.0, d), "that of 'a' to 'c', -1, is negative"),
        (lambda d: d + np.triu(np.ones((4, 4)), 1), "that of 'a' to 'b', .* differs from that back"),
        (lambda d: d + np.eye(4), "that of 'a' to 'a', 1, is not 0"),
    ],
)
@pytest.mark.parametrize("made", [embed, cluster])
def test_what_is_no_distance_is_refused_by_name(planar, change, says, made):
    changed = change(apart(planar[:4]))
    with pytest.raises(ParameterError, match=says):
        made(Distances(changed, "abcd"[: len(changed)]))


def test_wrong_parameters_are_refused(planar):
    distances = apart(planar)
    for wrong in ({"method": "classic"}, {"dims": 0}, {"rng": -1}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            embed(distances, **wrong)
    with pytest.raises(ParameterError, match="names: got 2 for 12"):
        embed(Distances(distances, ["a", "b"]))
    found = embed(distances)
    for wrong in (np.zeros(3), np.full(12, np.nan), -np.ones(12)):
        with pytest.raises(ParameterError, match="distances"):
            found.place(wrong)
    with pytest.raises(ParameterError, match="linkage is 'ward'"):
        cluster(distances, linkage="ward")


def test_planted_groups_are_found_and_stand_together():
    rng = np.random.default_rng(8)
    group = rng.permutation(np.repeat([0, 1, 2], 5))
    points = np.array([[0.0, 0], [20, 0], [0, 30]])[group] + rng.standard_normal((15, 2))
    found = cluster(Distances(apart(points), [f"p{k}" for k in range(15)]))
    labels = found.cut(3)
    assert [labels[f"p{k}"] for k in range(15)] == [list(dict.fromkeys(group)).index(g) for g in group]
    assert found.cut(height=10.0) == labels
    ordered = group[list(found.order)]
    assert np.sum(ordered[1:] != ordered[:-1]) == 2
    assert sorted(found.order) == list(range(15))
    assert 0.9 < found.agreement <= 1
    assert found.cut(1) == dict.fromkeys(found.names, 0)
    for wrong in ({}, {"count": 2, "height": 1.0}, {"count": 16}):
        with pytest.raises(ParameterError, match=r"cut|count"):
            found.cut(**wrong)


def test_average_linkage_meets_at_the_mean_distance():
    """By hand: 0 and 1 merge at 1; their mean distance to 5 is 4.5."""
    line = np.array([[0.0], [1.0], [5.0]])
    assert [row[2] for row in cluster(apart(line)).to_dict()["merges"]] == [1.0, 4.5]
    assert [row[2] for row in cluster(apart(line), linkage="single").to_dict()["merges"]] == [1.0, 4.0]
    assert [row[2] for row in cluster(apart(line), linkage="complete").to_dict()["merges"]] == [1.0, 5.0]


def test_equal_distances_have_no_order_to_disagree_with():
    found = cluster(np.ones((3, 3)) - np.eye(3))
    assert found.agreement == 1.0
    assert np.isfinite(found.linkage).all()


def test_records_are_json(planar):
    import json

    for made in (embed, cluster):
        assert json.loads(json.dumps(made(apart(planar)).to_dict(), allow_nan=False))["names"][0] == "1"
