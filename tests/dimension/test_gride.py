"""gride: the dimension over scales."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import betaln

from theodolite.core import Cloud, Outcome, Refusal
from theodolite.dimension import gride, two_nn
from theodolite.testing import poisson_neighbours


@pytest.mark.parametrize("dimension", [1, 2.5, 7.5, 20])
@pytest.mark.parametrize("neighbour", [1, 2, 4, 8, 16, 32, 3])
def test_of_the_poisson_law(holds, neighbour, dimension):
    holds(gride, dimension, neighbour=neighbour)


@pytest.mark.shared
def test_against_two_packages(known):
    for data, (cloud, given) in known.without_duplicates().items():
        found = gride(cloud, convention="scikit-dimension")
        name = "GRIDE" if "GRIDE" in given else "skdim.GRIDE.multiscale(n1=1,2,4..)"
        np.testing.assert_allclose(found.extra["dimensions"], given[name], rtol=1e-6, err_msg=data)
        if "dadapy.gride.ids(n2=2,4,..64)" in given:
            plain = gride(cloud).extra
            np.testing.assert_allclose(plain["dimensions"], given["dadapy.gride.ids(n2=2,4,..64)"], rtol=2e-6)
            np.testing.assert_allclose(plain["radii"], given["skdim.GRIDE.meanradius_n2"], rtol=1e-6)


def test_nearest_and_next_are_two_nn():
    rows = np.random.default_rng(0).random((90, 4))
    one, other = gride(rows, neighbour=1), two_nn(rows, fit="ml")
    assert float(one.dimension) == pytest.approx(float(other.dimension), rel=1e-13)
    assert float(one.intervals["dimension"].se) == pytest.approx(float(other.intervals["dimension"].se), rel=0.05)


def test_the_likelihood_is_highest_there():
    near = poisson_neighbours(60, 6, 3.3, rng=4)
    logs = np.log(near.distances[:, 5] / near.distances[:, 2])

    def less(dimension):
        # The density of the ratio, but with one point less for the dimension, as in the unbiased estimate.
        inner = 2 * np.log(np.expm1(dimension * logs)).sum() - (5 * dimension + 1) * logs.sum()
        return -(59 * np.log(dimension) + inner - 60 * betaln(3, 3))

    best = minimize_scalar(less, bounds=(0.5, 20), method="bounded", options={"xatol": 1e-10}).x
    found = gride(Cloud.from_neighbours(near), neighbour=3)
    assert float(found.dimension) == pytest.approx(best, rel=1e-7)


def test_noise_has_no_plateau_where_a_sheet_has_one():
    rng = np.random.default_rng(0)
    sheet = np.pad(rng.random((1500, 2)), ((0, 0), (0, 4)))
    level = gride(sheet)
    assert float(level.plateau) >= 5
    assert not level.notes
    noisy = gride(sheet + 0.02 * rng.standard_normal(sheet.shape))
    assert noisy.extra["dimensions"][0] > 1.5 * noisy.extra["dimensions"][-1]
    assert float(noisy.plateau) < 3
    assert [note.outcome for note in noisy.notes if note.field == "plateau"] == [Outcome.NO_PLATEAU]
    assert noisy.extra["plateau"].size == float(noisy.plateau)


def test_the_curve_goes_as_far_as_there_are_points():
    rows = np.random.default_rng(0).random((20, 3))
    assert gride(rows).extra["dimensions"].shape == (4,)
    assert gride(rows, largest=5).extra["dimensions"].shape == (2,)
    radii = gride(np.random.default_rng(1).random((300, 3))).extra["radii"]
    assert (np.diff(radii) > 0).all()
    with pytest.raises(Refusal) as refused:
        gride(rows, neighbour=10)
    assert refused.value.outcome is Outcome.TOO_FEW_POINTS


@pytest.mark.parametrize("neighbour", [2, 8])
def test_intervals_cover(covers, neighbour):
    covers(gride, neighbour=neighbour)


def test_equal_distances_are_refused():
    with pytest.raises(Refusal) as refused:
        gride(np.eye(8))
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES


def test_the_errors_of_the_curve_are_those_of_the_scales_by_themselves():
    cloud = Cloud(np.random.default_rng(3).random((300, 4)))
    whole = gride(cloud).extra
    alone = [gride(cloud, neighbour=n, largest=2 * n) for n in (1, 2, 4, 8, 16, 32)]
    errors = [float(one.intervals["dimension"].se) for one in alone]
    np.testing.assert_allclose(whole["standard_errors"], errors, rtol=1e-12)
    np.testing.assert_allclose(whole["dimensions"], [float(one.dimension) for one in alone], rtol=1e-12)
    assert np.ptp(errors) > 0.1
