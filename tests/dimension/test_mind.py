"""mind: the dimension from the nearest of k + 1 neighbours."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from theodolite.core import Cloud, Outcome, Refusal
from theodolite.dimension import mind, two_nn
from theodolite.testing import poisson_neighbours


@pytest.mark.parametrize("dimension", [1, 2.5, 7.5, 20])
@pytest.mark.parametrize("k", [1, 10, 20, 63])
def test_of_the_poisson_law(holds, k, dimension):
    holds(mind, dimension, k=k)


@pytest.mark.shared
def test_against_scikit_dimension(agrees, known):
    # It stops at its integer start where it starts from 2.
    stuck = ("swiss_roll n2000", "M11_Moebius", "M13a_Scurve")
    names = tuple(f"skdim.MiND_MLk(k=20,D={widest})" for widest in (10, 30, 60))
    assert agrees(mind, *names, "MiND_MLk D100", but=stuck, k=20) == 15
    for data, likeliest in zip(stuck, (1.9484, 1.9465, 1.9086), strict=True):
        cloud, given = known[data]
        assert given.get("skdim.MiND_MLk(k=20,D=10)", given.get("MiND_MLk D100")) == 2.0
        assert float(mind(cloud, k=20).dimension) == pytest.approx(likeliest, abs=1e-4)
    integers = tuple(f"skdim.MiND_MLi(k=20,D={widest})" for widest in (10, 30, 60))
    assert agrees(mind, *integers, k=20, values="integer") == 6


@pytest.mark.parametrize("dimension", [0.6, 1.4, 1.6, 3.5, 12.5])
def test_the_likelihood_is_highest_there(dimension):
    near = poisson_neighbours(200, 11, dimension, rng=3)
    rho = near.distances[:, 0] / near.distances[:, 10]

    def less(d):
        return -(200 * np.log(10 * d) + (d - 1) * np.log(rho).sum() + 9 * np.log1p(-(rho**d)).sum())

    cloud = Cloud.from_neighbours(near)
    best = minimize_scalar(less, bounds=(0.2, 40), method="bounded", options={"xatol": 1e-9}).x
    assert float(mind(cloud).dimension) == pytest.approx(best, rel=1e-6)
    integer = min(range(1, 41), key=less)
    assert float(mind(cloud, values="integer").dimension) == integer


def test_two_neighbours_are_two_nn():
    rows = np.random.default_rng(0).random((70, 3))
    assert float(mind(rows, k=1).dimension) == pytest.approx(
        float(two_nn(rows, fit="ml").dimension) * 70 / 69, rel=1e-12
    )


def test_intervals_cover(covers):
    covers(mind, k=10)


def test_equal_distances_are_refused():
    with pytest.raises(Refusal) as refused:
        mind(np.eye(25))
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES


@pytest.mark.parametrize("k", [1, 10])
@pytest.mark.parametrize("dimension", [1.2, 1.45, 2.4, 2.5, 2.6, 3.0, 6.5])
def test_the_interval_of_an_integer_covers(k, dimension):
    """Next to where one integer takes over from the other the answers are of both kinds."""
    clouds = [Cloud.from_neighbours(poisson_neighbours(400, k + 1, dimension, rng=seed)) for seed in range(80)]
    found = [mind(cloud, k=k, values="integer") for cloud in clouds]
    values = np.asarray([float(one.dimension) for one in found])
    ends = np.asarray([[one.intervals["dimension"].low, one.intervals["dimension"].high] for one in found])
    assert (values - ends[:, 0] >= 0.5).all()
    assert (ends[:, 1] - values >= 0.5).all()
    assert np.mean((ends[:, 0] <= values.mean()) & (values.mean() <= ends[:, 1])) >= 0.9
    assert (np.ptp(ends, axis=1) <= (1.5 if dimension < 6 else 4)).all()
    real = mind(clouds[0], k=k).intervals["dimension"].se
    assert float(found[0].intervals["dimension"].se) == float(real)


def test_an_integer_that_is_sure_is_half_a_unit_wide_to_either_side():
    found = mind(np.random.default_rng(0).random((1000, 3)), values="integer")
    ends = found.intervals["dimension"]
    assert (float(ends.low), float(found.dimension), float(ends.high)) == (2.5, 3.0, 3.5)
