"""two_nn: the dimension from the ratio of the two nearest distances."""

import numpy as np
import pytest
from scipy.stats import gamma, kstest

from theodolite.core import Cloud, Outcome, Refusal
from theodolite.dimension import mle, two_nn
from theodolite.testing import poisson_neighbours

FITS = ("linear", "ml", "censored")


@pytest.mark.parametrize("dimension", [1, 2.5, 7.5, 20])
@pytest.mark.parametrize("fit", FITS)
def test_of_the_poisson_law(holds, fit, dimension):
    holds(two_nn, dimension, fit=fit)


@pytest.mark.shared
def test_against_two_packages(agrees):
    assert agrees(two_nn, "skdim.TwoNN(linear,discard=.1)", "dadapy.2NN(base,.9)", "TwoNN.linear") == 24
    assert agrees(two_nn, "skdim.TwoNN(mle,discard=0)", "dadapy.2NN(ml)", "TwoNN.mle0", fit="ml") == 24
    assert agrees(two_nn, "skdim.TwoNN(mle,discard=.1)", fit="censored") == 6


def test_the_line_is_that_of_least_squares():
    rows = np.random.default_rng(0).random((50, 3))
    apart = np.sort(np.linalg.norm(rows[:, None] - rows, axis=2), axis=1)
    logs = np.sort(np.log(apart[:, 2] / apart[:, 1]))
    for discard in (0.1, 0.5):
        kept = int(50 * (1 - discard))
        tails = -np.log(1 - np.arange(1, kept + 1) / 50)
        slope = np.linalg.lstsq(logs[:kept, None], tails, rcond=None)[0][0]
        assert float(two_nn(rows, discard=discard).dimension) == pytest.approx(slope, rel=1e-12)
    drawn = two_nn(rows).extra
    np.testing.assert_allclose(drawn["log_ratios"], logs[:-1], rtol=1e-10)
    assert drawn["log_tails"].shape == (49,)


def test_the_likelihood_is_unbiased_for_few_points():
    found = [
        float(two_nn(Cloud.from_neighbours(poisson_neighbours(8, 2, 3.0, rng=seed)), fit="ml").dimension)
        for seed in range(3000)
    ]
    assert abs(np.mean(found) - 3.0) < 3 * np.std(found) / np.sqrt(3000)
    assert np.mean(found) * 8 / 7 - 3.0 > 3 * np.std(found) / np.sqrt(3000)


@pytest.mark.parametrize("fit", FITS)
def test_intervals_cover(covers, fit):
    covers(two_nn, fit=fit)


def test_the_fit_is_good_for_the_law_and_bad_for_another(poisson):
    p_values = [
        two_nn(Cloud.from_neighbours(poisson_neighbours(300, 2, 4.0, rng=seed))).chances["goodness_of_fit"].p_value
        for seed in range(200)
    ]
    assert np.mean(np.asarray(p_values) < 0.1) == pytest.approx(0.1, abs=0.065)
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.08)
    rng = np.random.default_rng(0)
    mixed = two_nn(np.concatenate([rng.random((500, 1)) * np.ones(9), 5 + rng.random((500, 9))]))
    assert mixed.chances["goodness_of_fit"].p_value < 0.01
    assert Outcome.MISFIT in {note.outcome for note in mixed.notes}
    assert float(two_nn(poisson(7.5)).goodness_of_fit) < 0.01


def test_a_dimension_that_the_points_cannot_tell_is_noted():
    rng = np.random.default_rng(0)
    notes = {note.field: note for note in two_nn(rng.random((200, 20))).notes}
    assert notes["dimension"].outcome is Outcome.TOO_FEW_FOR_DIMENSION
    assert "of 200 points, which are enough for 4.6" in notes["dimension"].detail
    assert not two_nn(rng.random((200, 2))).notes


def test_the_limit_for_few_points_is_where_edges_take_a_tenth():
    rng = np.random.default_rng(0)
    for count, dimension in ((160, 4.4), (1000, 6.0)):
        nearest, further = [], []
        for _ in range(20 if count < 500 else 6):
            cube = Cloud(rng.random((count, round(dimension))))
            nearest.append(float(two_nn(cube, fit="ml").dimension))
            further.append(float(mle(cube).dimension))
        assert 2 * np.log10(count) == pytest.approx(dimension, abs=0.01)
        assert 0.85 < np.mean(nearest) / round(dimension) < 0.95
        assert 0.77 < np.mean(further) / round(dimension) < 0.87


def test_few_points_are_noted():
    rng = np.random.default_rng(1)
    assert [note.outcome for note in two_nn(rng.random((19, 1))).notes] == [Outcome.FEW_POINTS]
    assert not two_nn(rng.random((20, 1))).notes


def test_the_likelihood_has_its_exact_law():
    """(n - 1) / sum of logarithms, where those are exponential of rate d: n - 1 times d over a gamma number of n."""
    found = [
        float(two_nn(Cloud.from_neighbours(poisson_neighbours(9, 2, 3.0, rng=seed)), fit="ml").dimension)
        for seed in range(1500)
    ]
    assert kstest(8 * 3.0 / np.asarray(found), gamma(9).cdf).pvalue > 0.001


def test_ties_are_counted():
    rows = np.asarray([[0.0], [1.0], [2.0], [4.0], [7.0]])
    assert float(two_nn(rows, fit="ml").ties) == 1
    corners = np.eye(6)
    with pytest.raises(Refusal) as refused:
        two_nn(corners)
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES
    assert "6 of 6 points" in refused.value.detail


@pytest.mark.shared
def test_on_fashion_mnist(references, fashion):
    """The numbers of another exact search in the first training images."""
    given = references["fashion_mnist_prefixes_prototype"]["values"]
    images = fashion[0][:5000].astype(np.float32)
    for count in (2000, 5000):
        cloud, expected = Cloud(images[:count]), given[str(count)]
        assert float(two_nn(cloud).duplicates) == expected["dups"] == 0
        assert float(two_nn(cloud).dimension) == pytest.approx(expected["twonn"], rel=1e-6)
        for k in (5, 10, 20):
            assert float(mle(cloud, k=k).dimension) == pytest.approx(expected[f"mle{k}"], rel=1e-6)


def test_two_points_are_too_few():
    with pytest.raises(Refusal) as refused:
        two_nn(np.random.default_rng(0).random((2, 4)))
    assert refused.value.outcome is Outcome.TOO_FEW_POINTS
