"""The Marchenko–Pastur law: its closed forms against each other, and against what is drawn."""

import numpy as np
import pytest
from scipy.integrate import quad

from theodolite.numerics.marchenko_pastur import (
    marchenko_pastur_cdf,
    marchenko_pastur_density,
    marchenko_pastur_edges,
    marchenko_pastur_quantile,
    spike_position,
)
from theodolite.numerics.nulls import gaussian_eigenvalues

RATIOS = [1.0, 0.999, 0.5, 0.25, 0.01, 64 / 50_000]


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_distribution_is_the_integral_of_the_density(ratio):
    low, high = marchenko_pastur_edges(ratio)
    for share in (0.1, 0.5, 0.9):
        value = low + share * (high - low)
        # x = low + width sin² u takes the roots out of the integrand, and the pole of a square matrix.
        width = high - low
        area = quad(
            lambda u, w=width: float(marchenko_pastur_density(low + w * np.sin(u) ** 2, ratio)) * w * np.sin(2 * u),
            0.0,
            np.arcsin(np.sqrt(share)),
            epsabs=1e-13,
        )[0]
        assert float(marchenko_pastur_cdf(value, ratio)) == pytest.approx(area, abs=1e-10)


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_quantile_is_the_inverse(ratio):
    shares = np.linspace(0.0, 1.0, 21)
    values = marchenko_pastur_quantile(shares, ratio)
    assert np.all(np.diff(values) > 0)
    assert marchenko_pastur_cdf(values, ratio) == pytest.approx(shares, abs=1e-9)
    assert (values[0], values[-1]) == pytest.approx(marchenko_pastur_edges(ratio), abs=1e-12)


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_first_moments(ratio):
    """E[x] = 1 and E[x²] = 1 + c, by quantiles at 20,000 midpoints."""
    values = marchenko_pastur_quantile((np.arange(20_000) + 0.5) / 20_000, ratio)
    assert values.mean() == pytest.approx(1.0, abs=1e-4)
    assert (values**2).mean() == pytest.approx(1.0 + ratio, abs=5e-4)


def test_the_square_law_is_the_quarter_circle_of_singular_values():
    size = np.linspace(0.0, 2.0, 9)
    circle = (size * np.sqrt(4 - size**2) / 2 + 2 * np.arcsin(size / 2)) / np.pi
    assert marchenko_pastur_cdf(size**2, 1.0) == pytest.approx(circle, abs=1e-12)


@pytest.mark.parametrize("shape", [(300, 300), (200, 900)])
def test_drawn_eigenvalues_follow_it(shape):
    values = gaussian_eigenvalues(shape, 0) / shape[1]
    law = marchenko_pastur_cdf(values, shape[0] / shape[1])
    assert np.abs(law - (np.arange(shape[0]) + 0.5) / shape[0]).max() < 0.02


def test_outside_the_support():
    assert marchenko_pastur_density([0.0, 0.2, 2.3, -1.0], 0.25) == pytest.approx(np.zeros(4))
    assert marchenko_pastur_cdf([-1.0, 0.2, 2.3, 100.0], 0.25) == pytest.approx([0, 0, 1, 1])
    assert float(marchenko_pastur_density(0.0, 1.0)) == 0.0


def test_where_a_spike_comes_to_lie():
    assert spike_position(2.0, 1.0) == pytest.approx(6.25)
    assert spike_position(0.25**0.25 * (1 + 1e-12), 0.25) == pytest.approx(2.25)
    assert spike_position(0.1, 0.25) == 2.25


@pytest.mark.parametrize("ratio", [0.0, -0.5, 1.5, float("nan")])
def test_a_ratio_is_the_shorter_over_the_longer_side(ratio):
    with pytest.raises(ValueError, match="ratio: expected the shorter over the longer side"):
        marchenko_pastur_cdf(1.0, ratio)


def test_a_share_is_a_probability():
    with pytest.raises(ValueError, match="share: expected probabilities in"):
        marchenko_pastur_quantile([0.5, 1.5], 0.5)
