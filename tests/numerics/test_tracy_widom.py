"""The Tracy–Widom law against its published moments and quantiles, against Painlevé II, and against simulation."""

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.special import airy

from theodolite.numerics.nulls import gaussian_eigenvalues
from theodolite.numerics.tracy_widom import (
    MEAN,
    VARIANCE,
    edge_law,
    tracy_widom_cdf,
    tracy_widom_quantile,
    tracy_widom_survival,
)


def by_painleve(points):
    """Solve q'' = s q + 2 q³ with q ~ Ai(s), and give F(s) = exp(-½ ∫ q + (x - s) q² dx) from s on."""
    start = 8.0
    value, slope = airy(start)[:2]
    # The state: q, q', ∫ q² , ∫ (x - s) q², ∫ q; the tails beyond the start are below 1e-15.
    found = solve_ivp(
        lambda s, y: [y[1], s * y[0] + 2 * y[0] ** 3, -(y[0] ** 2), -y[2], -y[0]],
        (start, min(points)),
        [value, slope, slope**2 - start * value**2, 0.0, 0.0],
        t_eval=sorted(points, reverse=True),
        rtol=1e-12,
        atol=1e-16,
        method="DOP853",
    )
    return dict(zip(found.t, np.exp(-0.5 * (found.y[3] + found.y[4])), strict=True))


def test_is_the_solution_of_painleve_ii():
    # Further to the left the solution of the differential equation is unstable.
    for point, probability in by_painleve([3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0, -4.0]).items():
        assert tracy_widom_cdf(point) == pytest.approx(probability, abs=1e-8)


def test_moments_are_the_published_ones():
    """Bornemann 2010, table of the moments for β = 1: mean, variance, skewness, excess kurtosis."""

    def moment(power):
        right = quad(lambda s: power * s ** (power - 1) * tracy_widom_survival(s), 0, 30, epsabs=1e-12, limit=200)[0]
        left = quad(lambda s: power * s ** (power - 1) * tracy_widom_cdf(s), -12, 0, epsabs=1e-12, limit=200)[0]
        return right - left

    first, second, third, fourth = (moment(power) for power in (1, 2, 3, 4))
    variance = second - first**2
    assert first == pytest.approx(-1.2065335745820, abs=1e-9)
    assert variance == pytest.approx(1.6077810345810, abs=1e-9)
    assert (third - 3 * first * second + 2 * first**3) / variance**1.5 == pytest.approx(0.29346452408, abs=1e-8)
    centred = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
    assert centred / variance**2 - 3 == pytest.approx(0.1652429384, abs=1e-8)
    assert [MEAN, VARIANCE] == pytest.approx([first, variance], abs=1e-9)  # noqa: SIM300


@pytest.mark.parametrize(
    ("value", "probability"),
    [
        # Johnstone 2001, table 1.
        (-3.90, 0.01),
        (-3.18, 0.05),
        (-2.78, 0.10),
        (-1.91, 0.30),
        (-1.27, 0.50),
        (-0.59, 0.70),
        (0.45, 0.90),
        (0.98, 0.95),
        (2.02, 0.99),
    ],
)
def test_quantiles_are_those_of_the_tables(value, probability):
    assert tracy_widom_quantile(1 - probability) == pytest.approx(value, abs=0.006)
    assert tracy_widom_cdf(value) == pytest.approx(probability, abs=0.0016)


def test_quantiles_to_four_digits():
    """Upper percentage points as they are tabulated for genetics (EIGENSOFT), whose 0.1 % is 3.2724, 2e-4 too high."""
    assert tracy_widom_quantile(0.001) == pytest.approx(3.2724, abs=3e-4)
    for survival, value in ((0.05, 0.9793), (0.01, 2.0234), (0.005, 2.4224)):
        assert tracy_widom_quantile(survival) == pytest.approx(value, abs=1e-4)


def test_the_quantile_is_the_inverse():
    for survival in (0.999, 0.5, 1e-3, 1e-8, 1e-30):
        assert tracy_widom_survival(tracy_widom_quantile(survival)) == pytest.approx(survival, rel=1e-9)
    for wrong in (0.0, 1.0, -0.1, 2.0):
        with pytest.raises(ValueError, match="survival: expected a probability strictly between 0 and 1"):
            tracy_widom_quantile(wrong)


def test_the_right_tail_keeps_its_digits():
    """1 - F(s) tends to exp(-⅔ s^1.5) / (4 √π s^¾), half the mass of Ai beyond s."""
    for point in (15.0, 30.0, 60.0, 90.0):
        beyond = 0.5 * quad(lambda x: airy(x)[0], point, point + 10, epsabs=0, epsrel=1e-12)[0]
        assert tracy_widom_survival(point) == pytest.approx(beyond, rel=1e-6)


def test_far_out_it_is_certain():
    assert tracy_widom_survival(1e6) == 0.0
    assert tracy_widom_cdf(-1e6) == 0.0
    assert tracy_widom_cdf(1e6) == tracy_widom_survival(-1e6) == 1.0
    points = np.linspace(-9, 9, 60)
    assert np.all(np.diff([tracy_widom_cdf(point) for point in points]) > 0)


@pytest.mark.parametrize("shape", [(16, 16), (16, 64), (64, 64), (10, 2000)])
def test_the_largest_eigenvalue_over_the_mean_exceeds_its_threshold_as_often_as_it_should(shape):
    rng = np.random.default_rng(5)
    draws = 4000
    found = np.empty(draws)
    for i in range(draws):
        values = gaussian_eigenvalues(shape, rng)
        found[i] = values[-1] * shape[0] * shape[1] / values.sum()
    law = edge_law(*shape)
    for level in (0.5, 0.1, 0.05, 0.01):
        share = np.mean(found > law.threshold(level))
        assert share == pytest.approx(level, abs=0.25 * level + 3 * np.sqrt(level / draws))
        assert law.statistic(law.threshold(level)) == pytest.approx(tracy_widom_quantile(level))


def largest_over_the_mean(shape, draws, seed):
    """Draw the statistic by the bidiagonal model of a Gaussian matrix, all draws at once."""
    short, long = shape
    rng = np.random.default_rng(seed)
    diagonal = np.sqrt(rng.chisquare(long - np.arange(short), size=(draws, short)))
    beside = np.sqrt(rng.chisquare(short - 1 - np.arange(short - 1), size=(draws, short - 1)))
    gram, at = np.zeros((draws, short, short)), np.arange(short)
    gram[:, at, at] = diagonal**2
    gram[:, at[1:], at[1:]] += beside**2
    gram[:, at[1:], at[:-1]] = beside * diagonal[:, :-1]
    return np.linalg.eigvalsh(gram, UPLO="L")[:, -1] * short * long / np.trace(gram, axis1=1, axis2=2)


@pytest.mark.parametrize("shape", [(8, 64), (16, 16), (32, 32)], ids=str)
def test_rare_levels_hold_for_small_matrices(shape):
    """Without the skewness that is left, 0.1 % is exceeded in 0.15 to 0.19 % and 1 % in 1.2 to 1.4 %."""
    draws = 100_000 if max(shape) > 16 and min(shape) > 8 else 200_000
    found, law = largest_over_the_mean(shape, draws, 11), edge_law(*shape)
    for level, most in ((0.001, 0.0013), (0.01, 0.011), (0.05, 0.0535)):
        share = np.mean(found > law.threshold(level))
        assert 0.75 * level < share < most


def test_the_bent_scale_has_an_inverse():
    for shape in ((8, 8), (16, 16), (64, 4096)):
        law = edge_law(*shape)
        for survival in (0.999, 0.5, 0.1, 1e-3, 1e-5, 1e-30):
            assert law.statistic(law.threshold(survival)) == pytest.approx(tracy_widom_quantile(survival), rel=1e-9)


def test_with_the_true_variance_nothing_is_taken_out():
    exact = edge_law(40, 90, estimated=False)
    assert (exact.shrinkage, exact.bend) == (1.0, 0.0)
    assert edge_law(40, 90).shrinkage < 1.0
    assert edge_law(4000, 9000).shrinkage > 0.99
    assert edge_law(2, 2).shrinkage > 0.2
