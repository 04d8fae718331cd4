"""Fits of tail laws: the likelihood's own maximum, planted parameters, the edges, and the laws as distributions."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expn, log_ndtr

from theodolite.numerics.tail_laws import FAMILIES, TailSums, fit_law, log_likelihoods, survival

PARAMETERS = {
    "power_law": [(1.3, 0.0), (0.2, 0.0)],
    "truncated_power_law": [(1.0, 0.3), (1.5, 0.01), (2.5, 1e-6), (3.3, 4.0), (2.2, 0.0)],
    "exponential": [(0.0, 0.7), (0.0, 30.0)],
    "lognormal": [(-9.0, 0.4), (-1.2, 1.0), (0.0, 2.0), (7.0, 9.0)],
}
LAWS = [(family, np.array(pair)) for family in FAMILIES for pair in PARAMETERS[family]]


def draw(family, pair, count, seed):
    """Draw ln z by inverting the survival function on a grid."""
    uniform = np.random.default_rng(seed).random(count)
    grid = np.concatenate([[0.0], np.geomspace(1e-9, 80.0, 40_000)])
    with np.errstate(over="ignore"):
        above = np.array([survival(family, pair, y) for y in np.array_split(grid[grid < 60.0], 40)], dtype=object)
    above = np.concatenate(list(above)).astype(float)
    return np.interp(uniform, 1.0 - above, grid[: above.size])


@pytest.mark.parametrize(("family", "pair"), LAWS)
def test_density_and_survival_belong_together(family, pair):
    for low, high in ((0.0, 0.3), (0.2, 1.5)):
        inside, _ = quad(
            lambda y: float(np.exp(log_likelihoods(family, pair, np.array([y]))[0])), low, high, epsrel=1e-11
        )
        ends = survival(family, pair, np.array([low, high]))
        assert ends[0] - ends[1] == pytest.approx(inside, rel=1e-9, abs=1e-13)
    assert survival(family, pair, np.zeros(1))[0] == pytest.approx(1.0, rel=1e-12)


def exact(family, first, second, y):
    """The logarithm of the density of ln z from definitions alone."""
    if family == "truncated_power_law":
        norm, _ = quad(lambda t: np.exp((1 - first) * t - second * np.exp(t)), 0, np.log1p(60 / second), epsrel=1e-11)
        return (1 - first) * y - second * np.exp(y) - np.log(norm)
    centre = -first * second
    return -0.5 * ((y - centre) / second) ** 2 - np.log(second * np.sqrt(2 * np.pi)) - log_ndtr(centre / second)


@pytest.mark.parametrize(("family", "pair"), [case for case in LAWS if case[0] in ("truncated_power_law", "lognormal")])
def test_no_other_parameters_are_likelier(family, pair):
    y = np.sort(draw(family, pair, 300, 5))
    y[0] = 0.0
    parameters, pinned = fit_law(family, TailSums.of(np.exp(y), np.array([0])))
    if pinned.any():
        pytest.skip("this draw has its maximum at the edge, which other tests look at")
    best = exact(family, *parameters[:, 0], y).sum()
    assert log_likelihoods(family, parameters[:, 0], y).sum() == pytest.approx(best, rel=1e-9)
    search = minimize(
        lambda p: -exact(family, p[0], np.exp(p[1]), y).sum(),
        [parameters[0, 0] + 0.05, np.log(parameters[1, 0]) - 0.05],
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000},
    )
    assert -search.fun <= best + 1e-7
    assert search.x == pytest.approx([parameters[0, 0], np.log(parameters[1, 0])], abs=2e-4)


@pytest.mark.parametrize(("b", "rate"), [(1.2, 0.05), (1.5, 0.008), (2.4, 0.3)])
def test_planted_truncated_power_laws_are_found_without_bias(b, rate):
    found = []
    for seed in range(40):
        y = np.sort(draw("truncated_power_law", np.array([b, rate]), 800, seed))
        y[0] = 0.0
        parameters, pinned = fit_law("truncated_power_law", TailSums.of(np.exp(y), np.array([0])))
        if not pinned.any():
            found.append(parameters[:, 0])
    assert len(found) > 30
    centre, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    assert np.all(np.abs(centre - [b, rate]) < 5 * error + 0.02 * np.array([b, rate]))


def test_the_equations_hold_for_every_candidate_of_every_kind_of_sample():
    rng = np.random.default_rng(3)
    samples = [
        rng.pareto(2.0, 400) + 1,
        rng.pareto(0.2, 400) + 1,
        rng.exponential(1.0, 400) + 0.01,
        np.exp(3 * rng.normal(size=400)),
    ]
    for sample in samples:
        ordered = np.sort(sample)
        starts = np.arange(ordered.size - 1)
        parameters, pinned = fit_law("truncated_power_law", TailSums.of(ordered, starts))
        assert np.all(np.isfinite(parameters))
        assert np.all(parameters[0] >= 1.0)
        assert np.all(parameters[1] >= 0.0)
        for start in range(0, ordered.size - 1, 37):
            b, kappa = parameters[:, start]
            z = ordered[start:] / ordered[start]
            if pinned[1, start]:  # the plain power law, whose mean is no larger than the sample's
                assert b == pytest.approx(1 + 1 / np.log(z).mean())
                assert z.mean() >= (b - 1) / (b - 2)
                continue
            whole, mean_z, mean_y = (moment(b, kappa, *powers) for powers in ((0, 0), (0, 1), (1, 0)))
            assert mean_z / whole == pytest.approx(z.mean(), rel=1e-7)
            gap = mean_y / whole - np.log(z).mean()
            assert (gap <= 1e-9) if pinned[0, start] else abs(gap) < 1e-7


def moment(b, kappa, of_log, of_ratio):
    """Integrate ln(z) ** of_log * z ** of_ratio over the truncated power law, not normalised."""
    return quad(
        lambda t: t**of_log * np.exp((of_ratio + 1 - b) * t - kappa * np.expm1(t)), 0, np.log1p(80 / kappa), limit=200
    )[0]


def test_sums_are_means_in_units_of_the_start():
    ordered = np.sort(np.random.default_rng(0).pareto(1.0, 50) + 2.0)
    sums = TailSums.of(ordered, np.array([0, 17, 48]))
    for place, start in enumerate((0, 17, 48)):
        z = ordered[start:] / ordered[start]
        expected = np.log(z).mean(), z.mean(), (np.log(z) ** 2).mean()
        assert (sums.log[place], sums.ratio[place], sums.square[place]) == pytest.approx(expected, rel=1e-12)


def test_closed_forms():
    ordered = np.array([2.0, 3.0, 5.0, 10.0])
    sums = TailSums.of(ordered, np.array([0]))
    assert fit_law("exponential", sums)[0][1, 0] == pytest.approx(2.0 / (5.0 - 2.0))
    assert fit_law("power_law", sums)[0][0, 0] == pytest.approx(4 / np.log(ordered / 2).sum())
    # b = 1: E_1 alone normalises.
    assert survival("truncated_power_law", np.array([1.0, 0.5]), np.log(np.array([3.0])))[0] == pytest.approx(
        expn(1, 1.5) / expn(1, 0.5), rel=1e-12
    )


def test_a_tail_heavier_than_a_power_law_has_no_lognormal():
    y = np.sort(
        np.concatenate([[0.0], np.full(50, 0.1), [9.0, 12.0, 14.0]])
    )  # mean square above twice the squared mean
    assert np.mean(y**2) > 2 * np.mean(y) ** 2
    parameters, pinned = fit_law("lognormal", TailSums.of(np.exp(y), np.array([0])))
    assert np.all(pinned)
    assert np.all(np.isnan(parameters))
    lighter = np.sort(np.concatenate([[0.0], np.linspace(0.5, 1.0, 30)]))
    parameters, pinned = fit_law("lognormal", TailSums.of(np.exp(lighter), np.array([0])))
    assert not np.any(pinned)
    assert parameters[0, 0] < 0


def test_an_almost_exponential_logarithm_is_solved_close_to_the_edge():
    # Just below the edge the cut lies far above the normal law's mean; the moments still have to come back.
    for excess in (1e-3, 1e-6):
        y = np.sort(np.random.default_rng(0).exponential(1.0, 200))
        y[0] = 0.0
        low, high = 0.5, 2.0
        for _ in range(80):  # a power of the draws whose mean square is 2 (1 - excess) squared means
            power = 0.5 * (low + high)
            shape = np.mean(y ** (2 * power)) / np.mean(y**power) ** 2
            low, high = (power, high) if shape < 2 * (1 - excess) else (low, power)
        sums = TailSums.of(np.exp(y**power), np.array([0]))
        parameters, pinned = fit_law("lognormal", sums)
        assert not np.any(pinned)
        cut, sigma = parameters[:, 0]
        assert cut > 10
        mean = mean_log(parameters[:, 0])
        assert mean == pytest.approx(np.mean(y**power), rel=1e-6)
        assert sigma > 1


def mean_log(parameters):
    """Integrate ln(z) over a lognormal tail."""
    return quad(lambda t: t * np.exp(log_likelihoods("lognormal", parameters, np.array([t]))[0]), 0, 40, limit=400)[0]
