"""The search for a tail's start: every candidate measured by brute force, planted starts, and the peak."""

import numpy as np
import pytest

from theodolite.numerics.powerlaw import fit_power_law
from theodolite.numerics.tail_laws import FAMILIES, TailSums, fit_law, survival
from theodolite.numerics.tail_search import fit_tail, law_distance, spectral_peak

SAMPLES = {
    "pareto": lambda rng: rng.pareto(1.5, 160) + 1.0,
    "exponential with a body": lambda rng: np.concatenate([rng.uniform(0.1, 1.0, 90), 1.0 + rng.exponential(2.0, 90)]),
    "lognormal": lambda rng: np.exp(1.3 * rng.normal(size=150)),
    "singular values squared": lambda rng: np.linalg.svd(rng.normal(size=(70, 130)), compute_uv=False) ** 2,
    "ties": lambda rng: np.ceil(8 * (rng.pareto(1.2, 120) + 1.0)) / 8,
}


def brute_force(ordered, family, sides, truncated, within=None):
    """Fit each candidate by itself and measure all of its gaps."""
    best = (np.inf, -1)
    starts = [i for i in range(ordered.size) if (i == 0 or ordered[i] > ordered[i - 1]) and ordered[i] < ordered[-1]]
    if within is not None:
        starts = [i for i in starts if within[0] <= ordered[i] <= within[1]]
        starts = starts[:-1] if sides == "left" else starts
    for start in starts:
        parameters = fit_law(family, TailSums.of(ordered, np.array([start])))[0][:, 0]
        if not np.all(np.isfinite(parameters)):
            continue
        y = np.log(ordered[start:] / ordered[start])
        below = 1.0 - survival(family, parameters, y)
        if truncated:
            below = below / below[-1]
        steps = np.arange(y.size + 1) / y.size
        gaps = np.abs(below - steps[:-1])
        if sides == "both":
            gaps = np.maximum(gaps, np.abs(below - steps[1:]))
        if gaps.max() < best[0] - 1e-13:
            best = (gaps.max(), start)
    return best


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", SAMPLES)
def test_no_candidate_is_nearer(family, name):
    ordered = np.sort(SAMPLES[name](np.random.default_rng(4)))
    for sides, truncated in (("both", False), ("left", False), ("left", True)):
        distance, start = brute_force(ordered, family, sides, truncated)
        fit = fit_tail(ordered, family, sides=sides, truncated=truncated)
        assert fit.distance == pytest.approx(distance, rel=1e-9)
        assert fit.xmin == ordered[start]
        assert fit.tail_size == ordered.size - start


@pytest.mark.parametrize("sides", ["both", "left"])
def test_a_neighbourhood_limits_the_candidates(sides):
    ordered = np.sort(SAMPLES["lognormal"](np.random.default_rng(8)))
    within = (ordered[60], ordered[75])
    for family in FAMILIES:
        distance, start = brute_force(ordered, family, sides, False, within)
        fit = fit_tail(ordered, family, sides=sides, within=within)
        assert (fit.distance, fit.xmin) == pytest.approx((distance, ordered[start]))
        assert within[0] <= fit.xmin <= within[1]
    assert fit_tail(ordered, "exponential", within=(1e9, 2e9)) is None


def test_the_power_law_is_the_one_of_the_other_search():
    for name, make in SAMPLES.items():
        ordered = np.sort(make(np.random.default_rng(1)))
        fit, other = fit_tail(ordered, "power_law"), fit_power_law(ordered)
        assert (1 + fit.parameters[0], fit.xmin, fit.distance) == pytest.approx(
            (other.alpha, other.xmin, other.distance)
        ), name
        assert fit.tail_size == other.tail_size


def test_scale_moves_the_start_alone():
    ordered = np.sort(SAMPLES["lognormal"](np.random.default_rng(2)))
    for family in FAMILIES:
        plain, scaled = fit_tail(ordered, family), fit_tail(1e-7 * ordered, family)
        assert scaled.parameters == pytest.approx(plain.parameters, rel=1e-9)
        assert (scaled.distance, scaled.xmin) == pytest.approx((plain.distance, 1e-7 * plain.xmin), rel=1e-9)


def test_the_distance_of_a_given_law_is_that_of_kolmogorov_and_smirnov():
    from scipy.stats import kstest

    y = np.sort(np.random.default_rng(0).exponential(0.5, 90))
    y -= y[0]
    for family, parameters in (
        ("power_law", (1.7, 0.0)),
        ("truncated_power_law", (1.4, 0.2)),
        ("lognormal", (-0.5, 0.8)),
    ):
        pair = np.array(parameters)
        expected = kstest(y, lambda t, f=family, p=pair: 1.0 - survival(f, p, np.asarray(t))).statistic
        assert law_distance(y, family, pair) == pytest.approx(expected, rel=1e-12)


def test_too_little_is_no_tail():
    for family in FAMILIES:
        assert fit_tail(np.array([3.0]), family) is None
        assert fit_tail(np.array([3.0, 3.0, 3.0]), family) is None


def test_the_peak_is_the_left_end_of_the_fullest_bin():
    sample = np.concatenate([10.0 ** np.linspace(-2, 2, 101), np.full(5, 10.0**0.513)])
    assert spectral_peak(sample) == pytest.approx(10**0.48)
    assert spectral_peak(7.0 * sample) == pytest.approx(7.0 * 10**0.48)
