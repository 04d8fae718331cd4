"""mle: the likeliest dimension from k neighbours."""

import numpy as np
import pytest
from scipy.integrate import quad

from theodolite.core import Cloud, Outcome, Refusal
from theodolite.dimension import mle
from theodolite.numerics.list_dimension import log_sums, noisy_log_sums
from theodolite.testing import poisson_neighbours

COMBINATIONS = ("mackay_ghahramani", "levina_bickel", "median")


@pytest.mark.parametrize("dimension", [1, 2.5, 7.5, 20])
@pytest.mark.parametrize("k", [5, 20])
@pytest.mark.parametrize("combine", COMBINATIONS)
def test_of_the_poisson_law(holds, combine, k, dimension):
    holds(mle, dimension, combine=combine, k=k)


@pytest.mark.shared
def test_against_scikit_dimension(agrees, known):
    assert agrees(mle, "skdim.MLE(k=20,comb=mle)", "MLE20.mle") == 18
    assert agrees(mle, "skdim.MLE(k=10,comb=mle)", k=10) == 6
    plain = {"combine": "levina_bickel", "convention": "scikit-dimension"}
    assert agrees(mle, "skdim.MLE(k=20,comb=mean)", "MLE20.mean", **plain) == 18
    assert agrees(mle, "skdim.MLE(k=10,comb=mean)", k=10, **plain) == 6
    for cloud, given in known.without_duplicates().values():
        if "skdim.MLE(k=20).pw[:5]" in given:
            own = mle(cloud, **plain).extra["pointwise"][:5]
            np.testing.assert_allclose(own, given["skdim.MLE(k=20).pw[:5]"], rtol=1e-7)


def test_what_the_mean_exceeds_the_dimension_by(poisson):
    whole = poisson(7.5)
    ours = float(mle(whole, combine="levina_bickel").dimension)
    theirs = float(mle(whole, combine="levina_bickel", convention="scikit-dimension").dimension)
    assert theirs / ours == pytest.approx(19 / 18, rel=1e-12)
    assert theirs - 7.5 > 0.3


def test_a_pair_that_all_but_coincides_moves_little():
    rows = np.random.default_rng(0).random((300, 4))
    rows[0] = rows[1] + 1e-13
    before = np.delete(rows, 0, axis=0)
    for combine in ("mackay_ghahramani", "median"):
        one, other = (float(mle(given, combine=combine).dimension) for given in (rows, before))
        assert one == pytest.approx(other, rel=0.04)


def test_expectations_over_noise_are_integrals():
    distances = np.asarray([[0.05, 0.4, 0.9, 1.0], [0.3, 0.31, 0.7, 2.0]])
    noise = 0.1

    def expected(last, own):
        weight = lambda r: np.exp(-(((own - r) / noise) ** 2) / 2)  # noqa: E731
        near = [point for point in (own,) if point < last]
        over = quad(lambda r: weight(r) * np.log(last / r), 0, last, points=near, limit=200, epsabs=1e-13)[0]
        return over / quad(weight, 0, last, points=near, limit=200, epsabs=1e-13)[0]

    sums = [sum(expected(row[-1], own) for own in row[:-1]) for row in distances]
    np.testing.assert_allclose(noisy_log_sums(distances, noise), sums, rtol=1e-6)
    np.testing.assert_allclose(noisy_log_sums(distances, 1e-7), log_sums(distances), rtol=1e-6)


@pytest.mark.parametrize(("features", "plainly", "knowing"), [(3, 2.17, 1.88), (5, 2.36, 2.04)])
def test_noise_that_is_known_counts_for_less(features, plainly, knowing):
    rng = np.random.default_rng(1)
    sheet = np.pad(rng.random((600, 2)), ((0, 0), (0, features - 2)))
    noisy = sheet + 0.01 * rng.standard_normal(sheet.shape)
    # Both ends of a distance hold the noise.
    clean, plain, known = (
        float(mle(rows, k=15, noise=noise).dimension) for rows, noise in ((sheet, 0.0), (noisy, 0.0), (noisy, 0.0141))
    )
    np.testing.assert_allclose([clean, plain, known], [1.95, plainly, knowing], atol=0.01)
    assert abs(known - clean) < 0.5 * abs(plain - clean)


def test_the_test_of_the_law_is_not_of_the_model_of_noise(poisson):
    whole = poisson(2.5)
    plain, noisy = mle(whole), mle(whole, noise=0.1 * float(whole.neighbours(1).distances.mean()))
    assert float(noisy.dimension) < float(plain.dimension)
    assert float(noisy.goodness_of_fit) == float(plain.goodness_of_fit)
    assert noisy.chances["goodness_of_fit"].p_value == plain.chances["goodness_of_fit"].p_value > 0.01


def test_noise_that_is_none_and_noise_that_is_all():
    sheet = np.pad(np.random.default_rng(1).random((600, 2)), ((0, 0), (0, 1)))
    assert float(mle(sheet, noise=100.0).dimension) == pytest.approx(1, abs=1e-3)
    assert float(mle(sheet, noise=1e-8).dimension) == pytest.approx(float(mle(sheet).dimension), rel=1e-5)


@pytest.mark.parametrize("combine", COMBINATIONS)
def test_intervals_cover(covers, combine):
    covers(mle, combine=combine, k=10)


def test_too_few_neighbours_and_equal_ones_are_refused():
    with pytest.raises(ValueError, match="k"):
        mle(np.random.default_rng(0).random((30, 3)), k=3)
    with pytest.raises(Refusal) as refused:
        mle(np.eye(30))
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES


def test_some_points_may_have_equal_distances():
    """As with coarse features: they say nothing of their own, and count where points are taken together."""
    rows = np.concatenate([np.eye(20) + 9.0, np.random.default_rng(0).random((30, 20))])
    for combine in ("mackay_ghahramani", "median"):
        found = mle(rows, k=5, combine=combine)
        assert np.isposinf(found.extra["pointwise"]).sum() == 20
        assert np.isfinite(float(found.dimension))
        assert np.isfinite(float(found.intervals["dimension"].se))
    inverse = np.sort(np.linalg.norm(rows[:, None] - rows, axis=2), axis=1)[:, 1:6]
    mean = np.log(inverse[:, 4:] / inverse[:, :4]).mean()
    assert float(mle(rows, k=5).dimension) == pytest.approx(1 / mean, rel=1e-9)
    with pytest.raises(Refusal) as refused:
        mle(rows, k=5, combine="levina_bickel")
    assert "20 points" in refused.value.detail
    with pytest.raises(Refusal) as refused:
        mle(rows[:39], k=5)
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES


def test_the_fit_sees_that_the_dimension_is_not_one_everywhere(poisson):
    one, other = (poisson_neighbours(1000, 20, dimension, rng=1).distances for dimension in (2.0, 6.0))
    near = poisson_neighbours(2000, 20, 1.0)
    mixed = type(near)(np.concatenate([one, other]), near.indices, near.distinct)
    assert mle(Cloud.from_neighbours(mixed)).chances["goodness_of_fit"].p_value < 0.001
