"""The lower tail of a generalised chi-square: against closed forms, Imhof's integral, a saddle point, simulation."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import gammainc, gammaincc, log_ndtr, ndtr
from scipy.stats import chi2, ncx2

from theodolite.numerics.quadratic_tails import QuadraticForm

LIMITS = 10.0 ** np.arange(-8, 4)


def imhof(form, limit):
    """Imhof (1961): the distribution from an integral along the imaginary axis, good to about 1e-9 absolutely."""
    lam, delta = form.variances, form.offsets / form.variances

    def integrand(u):
        theta = 0.5 * np.sum(np.arctan(lam * u) + delta * lam * u / (1 + lam**2 * u**2)) - 0.5 * limit * u
        log_rho = np.sum(0.25 * np.log1p(lam**2 * u**2) + 0.5 * delta * (lam * u) ** 2 / (1 + lam**2 * u**2))
        return np.sin(theta) / (u * np.exp(log_rho))

    ends = np.concatenate([[0.0], np.geomspace(0.05, 2000, 60)])
    return 0.5 - sum(quad(integrand, a, b, limit=200, epsabs=1e-13)[0] for a, b in pairwise(ends)) / np.pi


def lugannani_rice(form, limit):
    """Lugannani and Rice (1980): the saddle-point approximation, good to percents in any tail."""
    lam, rho = form.variances, form.offsets
    slope = lambda s: np.sum(lam / (1 - 2 * lam * s) + rho / (1 - 2 * lam * s) ** 2) - limit  # noqa: E731
    saddle = brentq(slope, -1e12, 0.5 / lam.max() * (1 - 1e-12), xtol=1e-15)
    height = np.sum(-0.5 * np.log(1 - 2 * lam * saddle) + rho * saddle / (1 - 2 * lam * saddle))
    curve = np.sum(2 * lam**2 / (1 - 2 * lam * saddle) ** 2 + 4 * rho * lam / (1 - 2 * lam * saddle) ** 3)
    w = np.sign(saddle) * np.sqrt(2 * (saddle * limit - height))
    u = saddle * np.sqrt(curve)
    log_density = -0.5 * w * w - 0.5 * np.log(2 * np.pi)
    # Relative to the density, which carries what is small: Mills' ratio of the normal in place of its distribution.
    mills = np.exp(log_ndtr(w) - log_density)
    return log_density + np.log(mills + 1 / w - 1 / u)


@pytest.mark.parametrize("terms", [1, 2, 3, 10, 300])
def test_of_equal_variances_it_is_chi_square(terms):
    form = QuadraticForm(np.full(terms, 2.5), np.zeros(terms))
    for limit in LIMITS * terms:
        below = gammainc(terms / 2, limit / 5)
        if below > 1e-290:
            expected = np.log1p(-gammaincc(terms / 2, limit / 5)) if below > 0.5 else np.log(below)
            assert form.log_chance_below(limit) == pytest.approx(expected, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("terms", [1, 4, 40])
@pytest.mark.parametrize("offset", [0.01, 3.0])
def test_of_equal_offsets_it_is_non_central_chi_square(terms, offset):
    form = QuadraticForm(np.ones(terms), np.full(terms, offset))
    for limit in form.mean * np.asarray([0.3, 0.7, 0.999999, 1.0, 1.3, 2.5]):
        assert form.log_chance_below(limit) == pytest.approx(ncx2.logcdf(limit, terms, terms * offset), rel=1e-9)


def test_of_pairs_of_variances_it_is_a_sum_of_exponentials():
    # Each variance twice: exponentials of means 2 λ, whose distribution is elementary.
    lam = np.asarray([1.0, 0.4, 0.15])
    form = QuadraticForm(np.repeat(lam, 2), np.zeros(6))
    for limit in (0.3, 1.0, 3.0, 9.0):
        weights = [np.prod([a / (a - b) for b in lam if b != a]) for a in lam]
        expected = sum(w * -np.expm1(-limit / 2 / a) for w, a in zip(weights, lam, strict=True))
        assert np.exp(form.log_chance_below(limit)) == pytest.approx(expected, rel=1e-9)
    # Far down the first terms of all cancel, and the volume of an ellipsoid is left.
    far = form.log_chance_below(1e-60)
    assert far == pytest.approx(np.log((1e-60 / 2) ** 3 / 6 / np.prod(lam)), rel=1e-12)


def _forms():
    rng = np.random.default_rng(0)
    yield QuadraticForm(rng.gamma(1.0, size=8), rng.gamma(1.0, size=8))
    yield QuadraticForm(0.6 ** np.arange(12), rng.gamma(0.5, size=12))
    yield QuadraticForm(1.0 / np.arange(1, 41) ** 2, np.zeros(40))


@pytest.mark.parametrize("form", list(_forms()), ids=["even", "geometric", "steep"])
def test_against_imhof_a_saddle_point_and_simulation(form):
    rng = np.random.default_rng(1)
    draws = np.zeros(200_000)
    for lam, rho in zip(form.variances, form.offsets, strict=True):
        draws += (np.sqrt(rho) + np.sqrt(lam) * rng.standard_normal(200_000)) ** 2
    for share in (0.2, 0.5, 0.9, 1.0, 1.2, 2.0):
        limit = share * form.mean
        chance = np.exp(form.log_chance_below(limit))
        assert chance == pytest.approx(imhof(form, limit), abs=2e-8)
        assert abs(np.mean(draws <= limit) - chance) < 4.5 * np.sqrt(chance * (1 - chance) / 200_000) + 1e-9
    for share in (1e-6, 1e-3, 0.1, 0.4):
        ours, theirs = form.log_chance_below(share * form.mean), lugannani_rice(form, share * form.mean)
        assert ours == pytest.approx(theirs, abs=0.08)
        assert ours != theirs


def test_the_chance_is_monotone_through_the_mean():
    form = next(_forms())
    chances = [form.log_chance_below(share * form.mean) for share in np.linspace(0.01, 3, 200)]
    assert np.all(np.diff(chances) > 0)
    assert max(chances) < 0


def test_scale_and_order_change_nothing():
    form = next(_forms())
    expected = form.log_chance_below(0.1 * form.mean)
    for factor in (1e-12, 1e12):
        scaled = QuadraticForm(form.variances[::-1] * factor, form.offsets[::-1] * factor)
        assert scaled.log_chance_below(0.1 * scaled.mean) == pytest.approx(expected, rel=1e-11)


def test_terms_that_do_not_vary_are_a_floor():
    form = QuadraticForm(np.asarray([1.0, 1.0, 0.0]), np.asarray([0.0, 0.0, 2.0]))
    assert form.least == 2.0
    assert form.log_chance_below(2.0) == -np.inf
    assert form.log_chance_below(2.5) == pytest.approx(chi2.logcdf(0.5, 2), rel=1e-11)
    still = QuadraticForm(np.zeros(2), np.asarray([1.0, 2.0]))
    assert [still.log_chance_below(limit) for limit in (2.9, 3.0)] == [-np.inf, 0.0]


def test_of_one_term_it_is_the_normal_distribution():
    form = QuadraticForm(np.asarray([4.0]), np.asarray([9.0]))
    for limit in (1e-12, 0.1, 9.0, 13.0, 60.0):
        root = np.sqrt(limit)
        expected = ndtr((root - 3) / 2) - ndtr((-root - 3) / 2)
        assert np.exp(form.log_chance_below(limit)) == pytest.approx(expected, rel=2e-9)


def test_of_thousands_of_terms_and_limits_far_off():
    rng = np.random.default_rng(2)
    form = QuadraticForm(rng.gamma(1.0, size=5000), rng.gamma(1.0, size=5000))
    assert form.log_chance_below(1e6 * form.mean) == 0.0
    assert form.log_chance_below(0.5 * form.mean) == pytest.approx(lugannani_rice(form, 0.5 * form.mean), rel=1e-4)
    equal = QuadraticForm(np.ones(4000), np.zeros(4000))
    for limit in (3500.0, 4000.0, 4400.0):
        assert equal.log_chance_below(limit) == pytest.approx(chi2.logcdf(limit, 4000), rel=1e-8)


@pytest.mark.filterwarnings("error")
def test_far_above_the_mean_it_is_certain():
    form = QuadraticForm(np.asarray([1.0, 0.3]), np.asarray([0.5, 2.0]))
    assert [form.log_chance_below(limit) for limit in (1e9, 1e17, 1e300)] == [0.0] * 3
    shifted = QuadraticForm(np.ones(1), np.asarray([1e20]))
    assert shifted.log_chance_below(1e20) == pytest.approx(np.log(0.5), rel=1e-6)
