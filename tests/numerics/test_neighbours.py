"""Nearest neighbours: equal to brute force by differences, whichever way finds them and whatever rounding does."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial import cKDTree

from theodolite.numerics import neighbour_devices, neighbour_products, neighbours
from theodolite.numerics.coincident import distinct_rows
from theodolite.numerics.neighbour_devices import nearest_on_device
from theodolite.numerics.neighbour_lists import nearest_by_reduction, nearest_by_tree
from theodolite.numerics.neighbour_points import PointRows, SpreadError, lengths
from theodolite.numerics.neighbour_products import counted, nearest_by_products
from theodolite.numerics.neighbours import ShortListsError, nearest_neighbours, range_counts

WAYS = [nearest_by_products, nearest_by_tree, nearest_by_reduction]


def generator(seed=0):
    return np.random.default_rng(seed)


def clusters(spread, seed=1):
    rng = generator(seed)
    return rng.normal(size=(12, 9))[rng.integers(0, 12, 300)] + spread * rng.normal(size=(300, 9))


def lattice(side, features):
    return np.stack(np.meshgrid(*[np.arange(float(side))] * features), -1).reshape(-1, features)


CLOUDS = {
    "gaussian": generator().normal(size=(300, 9)),
    "float32": generator().normal(size=(300, 9)).astype(np.float32),
    "many features": generator().normal(size=(150, 400)),
    "offset 1e3": generator().normal(size=(300, 9)) + 1e3,
    "offset 1e6": generator().normal(size=(300, 9)) + 1e6,
    "offset 1e4 in float32": (generator().normal(size=(300, 9)) + 1e4).astype(np.float32),
    "clusters 1e-3": clusters(1e-3),
    "clusters 1e-6": clusters(1e-6),
    "clusters 1e-9": clusters(1e-9),
    "far clusters": 1e6 + clusters(1e-4) * 1e3,
    "lattice": lattice(4, 4),
    "lattice off the origin": 0.25 + 0.5 * lattice(4, 4)[generator(5).permutation(256)],
    "cross": np.concatenate([np.eye(20), -np.eye(20)]),
    "an outlier": np.concatenate([generator().normal(size=(200, 9)), np.full((1, 9), 1e9)]),
    "a point of points": np.concatenate([1e-100 * generator().normal(size=(60, 9)), generator().normal(size=(60, 9))]),
    "symmetric dust": np.concatenate([1e-30 * generator().normal(size=(60, 9)), np.eye(9), -np.eye(9)]),
    "distances too small to square": np.concatenate([1e-200 * generator().normal(size=(40, 5)), np.eye(5), -np.eye(5)]),
    "small": 1e-60 * generator().normal(size=(100, 9)),
    "large": 1e60 * generator().normal(size=(100, 9)),
    "a line": np.cumsum(generator().random((200, 1)), axis=0) * np.ones((1, 7)),
}


def brute(points, k):
    """Sort all distances by differences, in the order of the rows."""
    points = np.asarray(points, np.float64)
    count = len(points)
    apart = np.stack([lengths(points - row) for row in points])
    apart[np.arange(count), np.arange(count)] = np.inf
    order = np.lexsort((np.broadcast_to(np.arange(count), apart.shape), apart), axis=1)[:, :k]
    return np.take_along_axis(apart, order, axis=1), order


def agree(found, points, k):
    distances, indices = brute(points, k)
    np.testing.assert_array_equal(found[1], indices)
    np.testing.assert_allclose(found[0], distances, rtol=4e-12, atol=0)
    assert (found[0] > 0).all()


@pytest.mark.parametrize("k", [1, 10, 39])
@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_equals_brute_force(way, cloud, k):
    points = CLOUDS[cloud]
    agree(way(PointRows(points, distinct_rows(points)), k), points, k)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_on_a_device_too(torch, cloud):
    points = CLOUDS[cloud]
    distinct = distinct_rows(points)
    tensor = torch.asarray(points)
    agree(nearest_on_device(tensor, PointRows(tensor, distinct), distinct, 10), points, 10)


def test_short_mantissas_on_a_device_are_noticed(torch, monkeypatch):
    points = CLOUDS["gaussian"]
    distinct, tensor = distinct_rows(points), torch.asarray(points)
    plain = neighbour_devices._Search.__init__

    def coarse(self, *arguments):
        plain(self, *arguments)
        self._single = self._single.to(torch.bfloat16).to(torch.float32)

    assert nearest_on_device(tensor, PointRows(tensor, distinct), distinct, 5)[2] == 0
    monkeypatch.setattr(neighbour_devices._Search, "__init__", coarse)
    found = nearest_on_device(tensor, PointRows(tensor, distinct), distinct, 5)
    agree(found, points, 5)
    assert found[2] > 250


def test_distances_are_those_of_rational_arithmetic():
    points = (generator(3).normal(size=(30, 6)) + 1e5).astype(np.float32)
    found = nearest_neighbours(points, 4)
    exact = [[Fraction(float(entry)) for entry in row] for row in points]
    for i, (distances, indices) in enumerate(zip(found.distances, found.indices, strict=True)):
        squares = sorted(
            (sum(((a - b) ** 2 for a, b in zip(exact[i], other, strict=True)), Fraction(0)), j)
            for j, other in enumerate(exact)
            if j != i
        )[:4]
        assert [j for _, j in squares] == indices.tolist()
        np.testing.assert_allclose(distances, [float(square) ** 0.5 for square, _ in squares], rtol=1e-15)


def test_scipys_tree_agrees():
    points = generator(8).normal(size=(3000, 11))
    found = nearest_neighbours(points, 7)
    distances, indices = cKDTree(points).query(points, 8)
    np.testing.assert_array_equal(found.indices, indices[:, 1:])
    np.testing.assert_allclose(found.distances, distances[:, 1:], rtol=1e-14)
    assert found.uncertain == 0


@settings(max_examples=60, deadline=None)
@given(
    points=arrays.arrays(
        np.float64, st.tuples(st.integers(3, 40), st.integers(1, 9)), elements=st.integers(-3, 3).map(float)
    ),
    offset=st.sampled_from([0.0, 0.5, 2.0**20]),
    scale=st.sampled_from([1.0, 2.0**-30, 2.0**30]),
    data=st.data(),
)
def test_ties_and_duplicates_by_every_way(points, offset, scale, data):
    points = (points + offset) * scale
    distinct = distinct_rows(points)
    if distinct.count < 2:
        return
    k = data.draw(st.integers(1, distinct.count - 1))
    for way in WAYS:
        agree(way(PointRows(points, distinct), k), points[distinct.first], k)


def test_the_rule_leads_to_every_way(monkeypatch):
    taken = []
    for way in ("tree", "reduction", "products"):
        plain = getattr(neighbours, f"nearest_by_{way}")
        monkeypatch.setattr(
            neighbours,
            f"nearest_by_{way}",
            lambda rows, k, way=way, plain=plain: (taken.append(way), plain(rows, k))[1],
        )
    for features, k in ((3, 5), (9, 5), (9, 1)):
        nearest_neighbours(generator().normal(size=(300, features)), k)
    assert taken == ["tree", "reduction", "products"]


def test_duplicates_are_one_point_with_a_weight():
    points = generator(2).normal(size=(200, 9))
    alone = nearest_neighbours(points, 6)
    doubled = nearest_neighbours(np.concatenate([points[:50], points, points[7:8]]), 6)
    np.testing.assert_allclose(doubled.distances, alone.distances, rtol=1e-14)
    np.testing.assert_array_equal(doubled.indices, alone.indices)
    assert (alone.duplicates, doubled.duplicates) == (0, 51)
    assert doubled.weights.sum() == 251
    assert doubled.weights[7] == 3
    assert doubled.weights[100] == 1


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_scale_in_single_precision(factor):
    points = generator(4).normal(size=(400, 20)).astype(np.float32)
    plain, scaled = nearest_neighbours(points, 5), nearest_neighbours(points * np.float32(factor), 5)
    np.testing.assert_allclose(scaled.distances, plain.distances * factor, rtol=1e-6)


def test_a_shift_costs_only_what_the_rows_lose():
    points = generator(4).normal(size=(400, 20))
    plain = nearest_neighbours(points.astype(np.float32), 5)
    shifted = nearest_neighbours((points + 1e3).astype(np.float32), 5)
    # Rows near a thousand are rounded to 6e-5 in float32; what is lost at random averages out.
    np.testing.assert_allclose(shifted.distances, plain.distances, rtol=1e-4)
    assert abs(np.log(shifted.distances / plain.distances).mean()) < 1e-6
    exact = np.round(points * 2**10) / 2**10
    moved = nearest_neighbours(exact + 1024, 2)
    np.testing.assert_array_equal(moved.distances, nearest_neighbours(exact, 2).distances)


def test_the_order_of_the_rows_and_the_size_of_blocks_do_not_matter(monkeypatch):
    points = generator(6).normal(size=(310, 12))
    order = generator(7).permutation(310)
    plain, turned = nearest_neighbours(points, 2), nearest_neighbours(points[order], 2)
    np.testing.assert_array_equal(turned.distances, plain.distances[order])
    np.testing.assert_array_equal(order[turned.indices], plain.indices[order])
    for scores, across in ((1700, 1 << 15), (1700, 37), (90, 310), (1, 1)):
        monkeypatch.setattr(neighbour_products, "SCORES_AT_ONCE", scores)
        monkeypatch.setattr(neighbour_products, "POINTS_AT_ONCE", across)
        again = nearest_neighbours(points, 2)
        np.testing.assert_array_equal(again.distances, plain.distances)
        np.testing.assert_array_equal(again.indices, plain.indices)


@pytest.mark.parametrize("cloud", ["cross", "lattice", "clusters 1e-9"])
def test_many_ties_are_settled_in_small_blocks(cloud, monkeypatch):
    points = CLOUDS[cloud][:120]
    whole = brute(points, len(points) - 1)[0]
    for scores in (1, 60, 1000):
        monkeypatch.setattr(neighbour_products, "SCORES_AT_ONCE", scores)
        rows = PointRows(points, distinct_rows(points))
        agree(nearest_by_products(rows, 5), points, 5)
        radii = whole[:, [0, 3, 30]]
        below = np.less(whole[:, :, None], radii[:, None, :]).sum(axis=1)
        np.testing.assert_array_equal(counted(rows, np.arange(len(points)), radii), below)


def test_a_bound_holds_however_many_features_there_are():
    """Two units a term: with many terms the products of their errors count too."""
    wide = np.zeros((3, 1 << 19))
    wide[np.arange(3), np.arange(3)] = 1.0
    found = neighbour_products.Products(PointRows(wide, distinct_rows(wide)), np.float32)
    share = wide.shape[1] * 2.0**-24
    assert share > 0.03
    assert found.errors(np.array([0]), np.array([[1]])) >= 2 * share / (1 - share) * found.squares[:2].sum()


def test_rounding_is_bounded_not_guessed():
    """The bound holds for every pair, and is no more than a hundred times too wide."""
    for cloud in ("gaussian", "many features", "clusters 1e-3", "an outlier", "symmetric dust"):
        points = CLOUDS[cloud]
        rows = PointRows(points, distinct_rows(points))
        products, places = neighbour_products.Products(rows, np.float32), np.arange(rows.count)
        scores = np.concatenate([scores for _, scores in products.scores(places)], axis=1).astype(np.float64)
        exact = np.stack([lengths(rows.at(places) - row) * rows.scale for row in rows.at(places)])
        error = np.abs(scores + products.squares[:, None] - exact**2)
        pairs = ~np.eye(rows.count, dtype=bool)
        bound = products.errors(places, np.broadcast_to(places, error.shape))
        assert (error <= bound)[pairs].all()
        reached = products.bound(places, exact[:, 5])
        near = exact <= exact[:, 5:6]
        assert (error <= reached[:, None])[pairs & near].all()
    rows = PointRows(CLOUDS["gaussian"], distinct_rows(CLOUDS["gaussian"]))
    assert neighbour_products.Products(rows, np.float32).bound(np.arange(300), np.ones(300)).max() < 1e-4


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("inclusive", [False, True])
def test_range_counts_equal_brute_force(cloud, inclusive):
    points = CLOUDS[cloud]
    whole = brute(points, len(points) - 1)[0]
    # Radii at distances themselves, between them, beyond all, and none.
    radii = np.stack([whole[:, 0], whole[:, 7], 1.1 * whole[:, 20], 2 * whole[:, -1], 0 * whole[:, 0]], axis=1)
    within = np.less_equal if inclusive else np.less
    places = np.arange(len(points))
    rows = PointRows(points, distinct_rows(points))
    below = np.less(whole[:, :, None], radii[:, None, :]).sum(axis=1)
    np.testing.assert_array_equal(counted(rows, places, radii), below)
    # What lies at a radius but for rounding lies at it, wherever the radius comes from.
    expected = within(whole[:, :, None], radii[:, None, :] * (1 + 1e-11 if inclusive else 1 - 1e-11)).sum(axis=1)
    for rounding in (-2e-12, 0.0, 2e-12):
        for k in (1, 12):
            known = nearest_neighbours(points, k)
            rounded = radii * (1 + rounding)
            np.testing.assert_array_equal(range_counts(known, rounded, points=points, inclusive=inclusive), expected)
    long, short = nearest_neighbours(points, 30), nearest_neighbours(points, 2)
    same = range_counts(short, long.distances[:, :9], points=points, inclusive=inclusive)
    np.testing.assert_array_equal(same, range_counts(long, long.distances[:, :9], points=points, inclusive=inclusive))


def test_a_tie_between_points_counts_alike_for_all():
    """Distances of one length in a turned lattice differ in their last digits; they are one length all the same."""
    turned = lattice(5, 4) @ np.linalg.qr(generator(3).normal(size=(4, 4)))[0]
    turned = np.pad(turned, ((0, 0), (0, 5))) @ np.linalg.qr(generator(4).normal(size=(9, 9)))[0]
    steps = (lattice(5, 4)[:, None] != lattice(5, 4)).any(axis=2) & (
        np.abs(lattice(5, 4)[:, None] - lattice(5, 4)).sum(axis=2) == 1
    )
    for k in (3, 20):
        known = nearest_neighbours(turned, k)
        radius = float(known.distances[0, 0])
        np.testing.assert_array_equal(range_counts(known, radius, points=turned), 0)
        touching = range_counts(known, radius, points=turned, inclusive=True)
        np.testing.assert_array_equal(touching, steps.sum(axis=1))


def test_range_counts_of_one_radius_and_of_lists_alone():
    points = CLOUDS["gaussian"]
    whole, known = brute(points, 299)[0], nearest_neighbours(points, 20)
    np.testing.assert_array_equal(range_counts(known, 2.5, points=points), (whole < 2.5).sum(axis=1))
    ninth = known.distances[:, 8]
    np.testing.assert_array_equal(range_counts(known, ninth), 8)
    np.testing.assert_array_equal(range_counts(known, ninth, inclusive=True), 9)
    np.testing.assert_array_equal(range_counts(known, known.distances[:, -1]), 19)
    with pytest.raises(ShortListsError, match="of 300 points reach beyond the 20"):
        range_counts(known, known.distances[:, -1], inclusive=True)
    complete = nearest_neighbours(points, 299)
    np.testing.assert_array_equal(range_counts(complete, 1e9), 299)
    for wrong in (-1.0, np.nan, np.ones(7), np.ones((300, 1, 1))):
        with pytest.raises(ValueError, match="radii: expected"):
            range_counts(known, wrong, points=points)


def test_fewer_neighbours_are_cut():
    found = nearest_neighbours(CLOUDS["gaussian"], 9)
    np.testing.assert_allclose(
        found.nearest(4).distances, nearest_neighbours(CLOUDS["gaussian"], 4).distances, rtol=1e-14
    )
    assert (found.count, found.k, found.nearest(4).k) == (300, 9, 4)
    for k in (0, 10):
        with pytest.raises(ValueError, match=f"k is {k}; 9 neighbours"):
            found.nearest(k)


def test_bad_input():
    points = CLOUDS["gaussian"]
    with pytest.raises(ValueError, match="k is 300; there are 300 distinct points, so it must be from 1 to 299"):
        nearest_neighbours(points, 300)
    with pytest.raises(ValueError, match="k is 0"):
        nearest_neighbours(points, 0)
    with pytest.raises(ValueError, match="k is 1; all rows are one point, which has no neighbours"):
        nearest_neighbours(np.ones((5, 2)), 1)
    for factor in (1e80, 1e-80):
        with pytest.raises(SpreadError, match="the largest deviation from the mean is"):
            nearest_neighbours(points * factor, 2)


@pytest.mark.parametrize("kept", [1, 3, 10])
def test_the_smallest_lie_in_the_groups_with_the_smallest_minima(kept):
    """Shuffled whole numbers: which are the smallest, and what comes next, is known."""
    scores = generator(9).permuted(np.tile(np.arange(1000, dtype=np.float32), (400, 1)), axis=1)
    places, rest = neighbour_products._smallest(scores, kept)
    found = np.sort(np.take_along_axis(scores, places, axis=1), axis=1)
    np.testing.assert_array_equal(found, np.tile(np.arange(kept), (400, 1)))
    np.testing.assert_array_equal(rest, kept)


def test_an_offset_or_an_outlier_leaves_no_doubt():
    points = generator(10).normal(size=(400, 30))
    for cloud in (points + 1e5, np.concatenate([points, np.full((1, 30), 1e2)])):
        assert nearest_by_products(PointRows(cloud, distinct_rows(cloud)), 3)[2] <= 1


def test_the_bound_of_a_row_holds_for_all_points_within_the_distance():
    points = CLOUDS["gaussian"]
    products = neighbour_products.Products(PointRows(points, distinct_rows(points)), np.float32)
    places = np.arange(len(points))
    exact = np.stack([lengths(points - row) for row in points])
    pairs = products.errors(places, np.broadcast_to(places, exact.shape))
    scale = PointRows(points, distinct_rows(points)).scale
    for j in (1, 5, 150):
        limit = np.sort(exact, axis=1)[:, j]
        bound = products.bound(places, limit * scale)
        assert (pairs <= bound[:, None])[exact <= limit[:, None]].all()
