"""Fits of the law of distance ratios, and the influence of each point on them."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import beta

from theodolite.numerics import list_dimension as lists
from theodolite.numerics.ratio_dimension import log_ratios, ratio_fit, ratio_score, ratios_differ, two_nn_fit
from theodolite.testing import poisson_neighbours

DISTANCES = poisson_neighbours(500, 12, 3.4, rng=2).distances

FITS = {
    "linear": lambda d: two_nn_fit(log_ratios(d, 1, 2), "linear", 0.1),
    "linear, of all": lambda d: two_nn_fit(log_ratios(d, 1, 2), "linear", 0.0),
    "ml": lambda d: two_nn_fit(log_ratios(d, 1, 2), "ml", 0.0),
    "ratio, 2 and 4": lambda d: ratio_fit(log_ratios(d, 2, 4), 2, 4),
    "ratio, 1 and 12": lambda d: ratio_fit(log_ratios(d, 1, 12), 1, 12, unbiased=False),
    "ratio, 5 and 12": lambda d: ratio_fit(log_ratios(d, 5, 12), 5, 12),
    "inverse mean": lambda d: lists.likelihood_fit(lists.log_sums(d), 12, "mackay_ghahramani"),
    "mean": lambda d: lists.likelihood_fit(lists.log_sums(d), 12, "levina_bickel"),
    "moments": lists.moment_fit,
    "moments, usual": partial(lists.moment_fit, corrected=False),
    "doubling": lists.doubling_fit,
    "binomial": lambda d: lists.binomial_fit(lists.within_share(d, 0.8), 12, 0.8),
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_influence_is_what_leaving_out_a_point_changes(fit):
    whole = fit(DISTANCES)
    without = np.asarray([fit(np.delete(DISTANCES, i, axis=0)).dimension for i in range(500)])
    pseudo = 500 * whole.dimension - 499 * without
    assert np.corrcoef(whole.influence, pseudo)[0, 1] > 0.98
    assert whole.independent_error == pytest.approx(pseudo.std(ddof=1) / np.sqrt(500), rel=0.06)
    assert abs(whole.influence.mean()) < 0.2 * whole.independent_error


QUANTILES = {
    "median": lambda d: lists.likelihood_fit(lists.log_sums(d), 8, "median"),
    "censored": lambda d: two_nn_fit(log_ratios(d, 1, 2), "censored", 0.3),
}


@pytest.mark.parametrize("fit", QUANTILES.values(), ids=QUANTILES)
def test_the_error_of_what_hangs_on_a_quantile_is_its_scatter(fit):
    # Of quantiles, leaving out one point tells nothing: they jump.
    found = [fit(poisson_neighbours(400, 8, 3.4, rng=seed).distances) for seed in range(600)]
    scatter = np.std([one.dimension for one in found])
    assert np.mean([one.independent_error for one in found]) == pytest.approx(scatter, rel=0.09)
    assert np.mean([one.dimension for one in found]) == pytest.approx(3.4, abs=3 * scatter / np.sqrt(600))


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 4), (3, 11), (8, 16)])
def test_the_score_is_the_slope_of_the_likelihood(first, second):
    # The ratio of the volumes is of the beta law; the logarithm of the distances' ratio has its density times d t.
    logs = np.asarray([0.05, 0.3, 1.1])

    def density(dimension):
        volumes = np.exp(-dimension * logs)
        return beta.logpdf(volumes, first, second - first) + np.log(dimension * volumes)

    slope = 2.5 * (density(2.5 + 1e-6) - density(2.5 - 1e-6)) / 2e-6
    np.testing.assert_allclose(ratio_score(2.5 * logs, first, second), slope, rtol=1e-6)


def test_ratios_of_one_don_t_break_the_likelihood():
    logs = np.asarray([0.0, 0.0, 0.2, 0.5, 0.9])
    assert np.isfinite(ratio_fit(logs, 2, 4).dimension)
    assert np.isfinite(ratio_fit(logs, 2, 4).influence).all()
    assert np.isfinite(ratio_fit(1e-12 * logs, 4, 8).dimension)
    assert np.isfinite(ratio_fit(1e9 * logs, 4, 8).dimension)


@pytest.mark.parametrize("fit", ["linear", "ml", "censored"])
@pytest.mark.parametrize("discard", [0.0, 0.1, 0.5, 0.95])
@pytest.mark.parametrize("count", [3, 15, 40])
def test_a_number_is_finite_just_where_it_is_said_to_be(count, discard, fit):
    for different in range(count + 1):
        logs = np.random.default_rng(0).permutation(np.r_[np.zeros(count - different), 0.1 + np.arange(different)])
        if ratios_differ(logs, fit, discard):
            assert np.isfinite(two_nn_fit(logs, fit, discard).dimension)
        else:
            with np.errstate(all="ignore"):
                assert not np.isfinite(two_nn_fit(logs, fit, discard).dimension)
