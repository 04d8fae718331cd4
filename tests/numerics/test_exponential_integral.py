"""The generalised exponential integral against 40-digit values, closed forms, and its own recurrence."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import exp1, expn

from theodolite.numerics.exponential_integral import log_upper_gamma, scaled_exponential_integral

# (b, z, e^z E_b(z)) by mpmath 1.4.1, exp(z) * expint(b, z) at 40 digits.
TABLE = [
    (1.0, 1e-12, 27.053805451055069),
    (1.0, 0.5, 0.92291063248373047),
    (1.0, 3.7, 0.2203498219926746),
    (1.0000001, 1e-09, 20.146029817791105),
    (1.3, 0.0001, 3.0607764013132825),
    (1.5, 0.02, 1.5696221440339145),
    (1.9999999999, 0.3, 0.63323931850960056),
    (2.0, 0.999, 0.40384543794468286),
    (2.0, 1.0, 0.40365263767680593),
    (2.4, 25.0, 0.036606230983456593),
    (3.000001, 0.08, 0.4670262190233916),
    (4.7, 0.6, 0.22409863499579172),
    (5.5, 1e-08, 0.22222222158730159),
    (7.25, 400.0, 0.0024556009970659053),
    (11.9, 0.7, 0.08572533717086291),
    (12.1, 0.001, 0.090081171259268089),
    (40.0, 0.4, 0.025374005950751635),
    (40.0, 90.0, 0.0077103648705713064),
    (157.0, 1e-06, 0.0064102563688999176),
]


@pytest.mark.parametrize(("order", "z", "value"), TABLE)
def test_against_forty_digits(order, z, value):
    assert float(scaled_exponential_integral(order, z)) == pytest.approx(value, rel=1e-12)
    expected = (1 - order) * np.log(z) - z + np.log(value)
    assert float(log_upper_gamma(1.0 - order, z)) == pytest.approx(expected, rel=1e-12, abs=1e-11)


def test_against_mpmath_everywhere():
    mpmath = pytest.importorskip("mpmath", reason="an independent evaluation at many digits")
    rng = np.random.default_rng(0)
    orders = np.concatenate([1 + rng.exponential(2.0, 25), [1.0, 1 + 1e-12, 2 - 1e-9, 11.999, 12.0, 30.0]])
    arguments = 10.0 ** np.array([-13, -6, -2, -0.5, -0.001, 0.0, 0.02, 1.0, 2.0])
    found = scaled_exponential_integral(orders[:, None], arguments)
    with mpmath.workdps(40):
        for i, order in enumerate(orders):
            for j, z in enumerate(arguments):
                exact = mpmath.exp(float(z)) * mpmath.expint(float(order), float(z))
                assert abs(found[i, j] / exact - 1) < 1e-12, (order, z)


def test_whole_orders_are_those_of_scipy():
    z = np.geomspace(1e-8, 300.0, 60)
    np.testing.assert_allclose(scaled_exponential_integral(1.0, z), np.exp(z) * exp1(z), rtol=2e-14)
    for order in (2, 3, 9):
        np.testing.assert_allclose(scaled_exponential_integral(order, z), np.exp(z) * expn(order, z), rtol=2e-13)


def test_the_recurrence_holds_across_the_methods():
    # (b - 1) E_b = exp(-z) - z E_{b-1}, with b - 1 and b on both sides of where the methods change.
    z = np.geomspace(1e-6, 50.0, 41)
    for order in (2.0, 2.3, 11.99, 12.5, 13.0):
        one, other = (scaled_exponential_integral(b, z) for b in (order - 1.0, order))
        np.testing.assert_allclose((order - 1.0) * other + z * one, 1.0, rtol=1e-12)


@pytest.mark.parametrize(("order", "z"), [(1.7, 0.4), (3.2, 0.05), (1.01, 2.0)])
def test_is_the_integral_that_its_name_says(order, z):
    value, _ = quad(lambda t: t**-order * np.exp(-z * (t - 1.0)), 1.0, np.inf, epsabs=0, epsrel=1e-11)
    assert float(scaled_exponential_integral(order, z)) == pytest.approx(value, rel=1e-9)


def test_far_out_it_neither_under_nor_overflows():
    assert float(scaled_exponential_integral(2.0, 1e6)) == pytest.approx(1 / (1e6 + 2), rel=1e-11)
    assert float(log_upper_gamma(-1.0, 1e4)) == pytest.approx(-2 * np.log(1e4) - 1e4, rel=1e-7)


@pytest.mark.parametrize(("order", "z"), [(0.5, 1.0), (1.0, 0.0), (1.0, -1.0), (np.nan, 1.0), (1.0, np.inf)])
def test_what_it_is_not_made_for_is_refused(order, z):
    with pytest.raises(ValueError, match="order, z: every order must be at least 1"):
        scaled_exponential_integral(order, z)
