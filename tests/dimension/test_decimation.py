"""decimation: the dimension of random parts."""

import numpy as np
import pytest

from theodolite.core import Outcome, Refusal
from theodolite.dimension import decimation, two_nn
from theodolite.numerics.decimation import parts, random_halves
from theodolite.numerics.neighbours import nearest_neighbours
from theodolite.numerics.ratio_dimension import two_nn_fit
from theodolite.testing import poisson_neighbours


@pytest.mark.parametrize("fit", ["linear", "ml", "censored"])
@pytest.mark.parametrize("dimension", [1, 2.5, 7.5, 20])
@pytest.mark.parametrize("halvings", [1, 2])
def test_parts_of_the_poisson_law_follow_it(halvings, dimension, fit):
    # Of the neighbours of a point each is in its part or not, as by a coin: here the coins are tossed for each anew.
    near = poisson_neighbours(20_000, 64, dimension, rng=int(10 * dimension))
    alike = np.random.default_rng(1).random(near.distances.shape) < 0.5**halvings
    first = np.argsort(~alike, axis=1, kind="stable")[:, :2]
    assert alike.sum(axis=1).min() >= 2
    distances = np.take_along_axis(near.distances, first, axis=1)
    found = two_nn_fit(np.log(distances[:, 1] / distances[:, 0]), fit, 0.1)
    assert 0 < found.independent_error < 0.05 * dimension
    assert abs(found.dimension - dimension) < 3 * found.independent_error


@pytest.mark.parametrize("fit", ["linear", "ml", "censored"])
@pytest.mark.parametrize(("dimension", "count"), [(1, 4000), (2, 8000), (3, 10_000)])
def test_parts_of_a_flat_torus_follow_the_law(dimension, count, fit):
    """Evenly filled, without an edge: near by, its points are a Poisson process, and so are those of its parts."""
    angles = np.random.default_rng(dimension).random((count, dimension))
    found = decimation(np.exp(2j * np.pi * angles).view(float), halvings=2, fit=fit)
    error = float(found.intervals["dimension"].se)
    assert 0 < error < 0.05 * dimension
    assert abs(float(found.dimension) - dimension) < 3 * error
    assert (np.abs(found.extra["dimensions"] - dimension) < 3.5 * found.extra["standard_errors"])[:4].all()


def test_the_whole_is_two_nn():
    rows = np.random.default_rng(0).random((200, 4))
    for fit in ("linear", "ml", "censored"):
        one, other = decimation(rows, halvings=0, fit=fit), two_nn(rows, fit=fit)
        assert float(one.dimension) == pytest.approx(float(other.dimension), rel=1e-12)
        assert float(one.goodness_of_fit) == pytest.approx(float(other.goodness_of_fit), rel=1e-12)
        ours, theirs = (found.intervals["dimension"].se for found in (one, other))
        assert float(ours) == pytest.approx(float(theirs), rel=1e-12)


def test_parts_have_the_neighbours_of_their_own():
    rows = np.random.default_rng(0).random((300, 3))
    known = nearest_neighbours(rows, 24)
    listed = set()
    for halvings in (1, 3, 4):
        labels = random_halves(300, halvings, np.random.default_rng(5))
        assert np.bincount(labels).max() - np.bincount(labels).min() <= 1
        for label, part in enumerate(parts(rows, known, labels, 3)):
            np.testing.assert_array_equal(part.members, np.flatnonzero(labels == label))
            own = nearest_neighbours(rows[part.members], 3)
            np.testing.assert_allclose(part.distances, own.distances, rtol=1e-12)
            np.testing.assert_array_equal(part.indices, own.indices)
            listed.add(part.listed)
    assert listed == {True, False}


def test_halves_are_halved_again():
    once, twice = (random_halves(100, s, np.random.default_rng(2)) for s in (1, 2))
    np.testing.assert_array_equal(twice % 2, once)


def test_by_hand():
    rows = np.random.default_rng(0).random((90, 3))
    found = decimation(rows, halvings=1, fit="ml", rng=4)
    labels = random_halves(90, 1, np.random.default_rng(int(np.random.default_rng(4).integers(2**63))))
    halves = [float(two_nn(rows[labels == label], fit="ml").dimension) for label in (0, 1)]
    assert float(found.dimension) == pytest.approx(np.mean(halves), rel=1e-12)
    errors = [float(two_nn(rows[labels == label], fit="ml").intervals["dimension"].se) for label in (0, 1)]
    assert float(found.intervals["dimension"].se) == pytest.approx(np.hypot(*errors) / 2, rel=1e-12)
    assert found.extra["sizes"].tolist() == [90, 45, 22]
    assert (np.diff(found.extra["radii"]) > 0).all()


def test_intervals_cover(covers):
    covers(decimation, halvings=1, fit="ml")


def test_noise_has_no_plateau():
    rng = np.random.default_rng(0)
    sheet = np.pad(rng.random((1500, 2)), ((0, 0), (0, 6)))
    assert float(decimation(sheet).plateau) >= 5
    noisy = decimation(sheet + 0.02 * rng.standard_normal(sheet.shape))
    assert noisy.extra["dimensions"][0] > 1.5 * noisy.extra["dimensions"][-1]


def test_small_parts_and_equal_distances_are_refused():
    rows = np.random.default_rng(0).random((70, 3))
    assert float(decimation(rows).points) == 70
    with pytest.raises(Refusal) as refused:
        decimation(rows, halvings=3)
    assert refused.value.outcome is Outcome.FEWER_ROWS_THAN_NEEDED
    with pytest.raises(Refusal) as refused:
        decimation(np.eye(70))
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES


def test_a_scale_without_a_number_is_left_out():
    """Whole numbers: next to all points lie as far apart as the nearest, and in parts they don't."""
    rows = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), axis=-1).reshape(-1, 2)
    with pytest.raises(Refusal) as refused:
        two_nn(rows)
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES
    found = decimation(rows, halvings=2)
    sizes = found.extra["sizes"].tolist()
    assert 100 in sizes
    assert 400 not in sizes
    assert len(sizes) == found.extra["dimensions"].size == found.extra["radii"].size
    assert np.isfinite(found.extra["dimensions"]).all()
    with pytest.raises(Refusal, match="after 0 halvings"):
        decimation(rows, halvings=0)


def test_too_few_points_are_those_of_a_part():
    cube = np.random.default_rng(0).random((1000, 6))
    assert 2 * np.log10(125) < float(decimation(cube, halvings=3, fit="ml").dimension) < 2 * np.log10(1000)
    outcomes = [note.outcome for note in decimation(cube, halvings=3, fit="ml").notes]
    assert Outcome.TOO_FEW_FOR_DIMENSION in outcomes
    whole = [note.outcome for note in decimation(cube, halvings=0, fit="ml").notes]
    assert Outcome.TOO_FEW_FOR_DIMENSION not in whole


def test_the_seed_deals_the_points_out():
    rows = np.random.default_rng(0).random((200, 3))
    assert float(decimation(rows).dimension) == float(decimation(rows, rng=0).dimension)
    assert float(decimation(rows, rng=1).dimension) != float(decimation(rows).dimension)


@pytest.mark.parametrize("fit", ["linear", "ml"])
def test_the_errors_of_the_curve_are_those_of_the_scales_by_themselves(fit):
    rows = np.random.default_rng(3).random((300, 4))
    whole = decimation(rows, fit=fit, rng=2).extra
    alone = [decimation(rows, halvings=halvings, fit=fit, rng=2) for halvings in range(5)]
    errors = [float(one.intervals["dimension"].se) for one in alone]
    np.testing.assert_allclose(whole["standard_errors"], errors, rtol=1e-12)
    np.testing.assert_allclose(whole["dimensions"], [float(one.dimension) for one in alone], rtol=1e-12)
    assert np.unique(errors).size == 5


def test_an_error_of_the_curve_by_hand():
    rows = np.random.default_rng(5).random((160, 3))
    found = decimation(rows, halvings=0, fit="ml", rng=4)
    labels = random_halves(160, 2, np.random.default_rng(int(np.random.default_rng(4).integers(2**63))))
    quarters = [two_nn(rows[labels == label], fit="ml").intervals["dimension"].se for label in range(4)]
    assert found.extra["standard_errors"][2] == pytest.approx(np.linalg.norm(quarters) / 4, rel=1e-12)
