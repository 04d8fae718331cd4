"""hyper_sphericity and shape_proportion: closed forms of cubes, simplices and balls, and reference numbers."""

import itertools
import json

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import gamma
from sklearn.datasets import load_iris

from theodolite.core import Cloud, Outcome, Refusal
from theodolite.dimension import hyper_sphericity, shape_proportion
from theodolite.numerics import hull_shape
from theodolite.numerics.enclosing_ball import enclosing_ball
from theodolite.testing import lattice


def cube(dimensions):
    return np.asarray(list(itertools.product([0.0, 1.0], repeat=dimensions)))


def simplex(dimensions):
    return np.eye(dimensions + 1)


def unit_ball(n):
    return np.pi ** (n / 2) / gamma(n / 2 + 1)


@pytest.mark.parametrize("n", range(2, 8))
def test_of_cubes(n):
    corners = cube(n)
    rotation = np.linalg.qr(np.random.default_rng(n).standard_normal((n, n)))[0]
    for points in (corners, 3e5 * corners @ rotation - 7.0):
        found = hyper_sphericity(points, most_directions=8)
        assert float(found.sphericity) == pytest.approx(unit_ball(n) ** (1 / n) / 2, rel=1e-12)
        expected = 1 / (unit_ball(n) * (np.sqrt(n) / 2) ** n)
        assert float(shape_proportion(points, most_directions=8).proportion) == pytest.approx(expected, rel=1e-12)
        assert float(found.directions) == n
        assert not found.notes


@pytest.mark.parametrize("n", range(2, 9))
def test_of_simplices(n):
    # Corners at the unit vectors, in n + 1 features: volume sqrt(n + 1) / n!, n + 1 facets, radius sqrt(n / (n + 1)).
    volume = np.sqrt(n + 1) / gamma(n + 1)
    surface = (n + 1) * np.sqrt(n) / gamma(n)
    points = simplex(n)
    expected = n * unit_ball(n) ** (1 / n) * volume ** ((n - 1) / n) / surface
    assert float(hyper_sphericity(points, most_directions=8).sphericity) == pytest.approx(expected, rel=1e-12)
    proportion = volume / (unit_ball(n) * (n / (n + 1)) ** (n / 2))
    assert float(shape_proportion(points, most_directions=8).proportion) == pytest.approx(proportion, rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 40, 300])
def test_of_balls_in_closed_form(n):
    log_volume = hull_shape.log_unit_ball(n)
    volume = float(np.exp(log_volume))
    assert hull_shape.hyper_sphericity(volume, n * volume, n) == pytest.approx(1, rel=1e-12)
    assert hull_shape.hyper_shape_proportion(volume, 1.0, n) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("corners", [3, 4, 17, 1000])
def test_of_polygons_towards_the_disc(corners):
    angles = 2 * np.pi * np.arange(corners) / corners
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    area, length = corners / 2 * np.sin(2 * np.pi / corners), 2 * corners * np.sin(np.pi / corners)
    found = float(hyper_sphericity(points).sphericity)
    assert found == pytest.approx(2 * np.sqrt(np.pi * area) / length, rel=1e-12)
    assert float(shape_proportion(points).proportion) == pytest.approx(area / np.pi, rel=1e-12)
    if corners == 1000:
        assert found == pytest.approx(1, abs=1e-5)


@pytest.mark.shared
def test_against_reference_numbers(shared):
    text = (shared / "reference" / "ref_dimension.json").read_text(encoding="utf-8")
    known = json.loads(text)["shape_and_coding_rate"]
    iris = load_iris()
    clouds = {"iris convex hull all": iris.data}
    clouds |= {f"iris hull class {label}": iris.data[iris.target == label] for label in range(3)}
    for name, points in clouds.items():
        assert float(hyper_sphericity(points).sphericity) == pytest.approx(known[name]["sphericity"], rel=1e-9)
        _, radius = enclosing_ball(points)
        proportion = float(shape_proportion(points).proportion)
        # Theirs has an approximate ball: it can't be smaller than the smallest.
        hull = hull_shape.convex_hull(points)
        assert hull.volume == pytest.approx(known[name]["volume"], rel=1e-10)
        assert hull.surface == pytest.approx(known[name]["surface"], rel=1e-10)
        assert radius <= known[name]["meb_radius"] * (1 + 1e-9)
        assert radius == pytest.approx(known[name]["meb_radius"], rel=2e-3)
        assert proportion * radius**4 == pytest.approx(known[name]["sp"] * known[name]["meb_radius"] ** 4, rel=1e-9)
    for n in (2, 3, 4, 5, 10):
        theirs = known[f"unit n-cube n={n} closed form"]
        assert hull_shape.hyper_sphericity(1.0, 2.0 * n, n) == pytest.approx(theirs["sphericity"], rel=1e-12)
        assert hull_shape.hyper_shape_proportion(1.0, np.sqrt(n) / 2, n) == pytest.approx(theirs["sp"], rel=1e-12)
    four, theirs = hull_shape.convex_hull(cube(4)), known["4-cube via hull code (check)"]
    for name, value in (("volume", four.volume), ("surface", four.surface), ("meb_radius", four.radius)):
        assert value == pytest.approx(theirs[name], rel=1e-13)
    assert float(hyper_sphericity(cube(4)).sphericity) == pytest.approx(theirs["sphericity"], rel=1e-13)
    assert float(shape_proportion(cube(4)).proportion) == pytest.approx(theirs["sp"], rel=1e-13)


def nearest_mixture(points):
    """Squared distance of the origin from the hull of points, by a search over weights."""

    def squared(roots):
        place = roots**2 / np.sum(roots**2) @ points
        return place @ place

    return minimize(squared, np.ones(len(points))).fun


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("count", [1, 2, 4, 9, 60])
def test_the_ball_is_the_smallest(count, n):
    rng = np.random.default_rng(100 * n + count)
    for points in (rng.standard_normal((count, n)), rng.integers(0, 3, (count, n)).astype(float)):
        centre, radius = enclosing_ball(points)
        away = np.linalg.norm(points - centre, axis=1)
        assert away.max() <= radius * (1 + 1e-12)
        # No direction leads away from the far points by more than none: the centre is a mixture of those on the sphere.
        on = points[away > radius * (1 - 1e-9)] - centre
        if radius:
            assert nearest_mixture(on) < 1e-6 * radius**2


def test_of_the_corners_of_cubes_the_ball_settles():
    for n in (2, 5, 8):
        centre, radius = enclosing_ball(cube(n))
        np.testing.assert_allclose(centre, 0.5, atol=1e-12)
        assert radius == pytest.approx(np.sqrt(n) / 2, rel=1e-14)


def test_of_more_directions_it_is_projected_and_says_so():
    rng = np.random.default_rng(4)
    points = rng.standard_normal((40, 12)) * np.linspace(9, 1, 12)
    found = hyper_sphericity(points, most_directions=3)
    about = points - points.mean(axis=0)
    leading = about @ np.linalg.svd(about, full_matrices=False)[2][:3].T
    assert float(found.sphericity) == pytest.approx(float(hyper_sphericity(leading).sphericity), rel=1e-10)
    assert [note.outcome for note in found.notes] == [Outcome.PROJECTED]
    assert found.notes[0].detail == "3 of 12 directions"
    assert float(found.directions) == 3
    flat = np.hstack([leading, leading @ rng.standard_normal((3, 5))])
    assert float(shape_proportion(flat).directions) == 3
    assert not shape_proportion(flat).notes


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_directions_that_rounding_made_are_none(offset):
    rng = np.random.default_rng(6)
    points = rng.standard_normal((60, 3)) @ rng.standard_normal((3, 10)) + offset
    for measure, field in ((hyper_sphericity, "sphericity"), (shape_proportion, "proportion")):
        exact, rounded = measure(points), measure(points.astype(np.float32))
        assert float(rounded.directions) == float(exact.directions) == 3
        assert float(getattr(rounded, field)) == pytest.approx(float(getattr(exact, field)), rel=1e-4 * (1 + offset))
    line = np.outer(np.arange(9.0), [0.1, 0.2, 0.7]) + offset
    with pytest.raises(Refusal, match="9 rows in 1 direction"):
        hyper_sphericity(line.astype(np.float32))


def test_of_lattices_whose_facets_merge():
    seven = {"most_directions": 7}
    # Points in many hyperplanes at once, on which Qhull gives up at first.
    angles = np.arange(1, 37)[:, None] * np.arange(1, 8)[None]
    points = np.round(4 * np.sin(angles**2)) + 0.25
    rng = np.random.default_rng(5)
    expected = float(hyper_sphericity(points + 1e-7 * rng.standard_normal(points.shape), **seven).sphericity)
    assert float(hyper_sphericity(points, **seven).sphericity) == pytest.approx(expected, rel=1e-5)
    given = _golden_lattice()
    found = {float(hyper_sphericity(given, **seven).sphericity) for _ in range(3)}
    assert len(found) == 1
    expected = float(hyper_sphericity(given + 1e-7 * rng.standard_normal(given.shape), **seven).sphericity)
    assert found.pop() == pytest.approx(expected, rel=1e-5)


def _golden_lattice():
    apart = lattice(36, 24)
    return apart[:, :7] * np.arange(1.0, 8.0) ** -0.5


def test_points_in_a_line_are_refused():
    for points in (np.outer(np.arange(9.0), np.ones(3)), np.random.default_rng(0).random((30, 1))):
        for each in (hyper_sphericity, shape_proportion):
            with pytest.raises(Refusal) as refused:
                each(points)
            assert refused.value.outcome is Outcome.FLAT_CLOUD
    with pytest.raises(ValueError, match="most_directions"):
        hyper_sphericity(np.eye(4), most_directions=9)


def test_both_share_one_hull(monkeypatch):
    cloud = Cloud(np.random.default_rng(1).standard_normal((30, 3)))
    before = float(hyper_sphericity(cloud).sphericity)
    monkeypatch.setattr("theodolite.dimension._hulls.convex_hull", None)
    assert 0 < float(shape_proportion(cloud).proportion) < 1
    assert float(hyper_sphericity(cloud).sphericity) == before
