"""method_of_moments: the dimension from the mean distance to the neighbours."""

import numpy as np
import pytest

from theodolite.core import Outcome, Refusal
from theodolite.dimension import method_of_moments


@pytest.mark.parametrize("dimension", [1, 2.5, 7.5, 20])
@pytest.mark.parametrize("k", [4, 20, 64])
def test_of_the_poisson_law(holds, k, dimension):
    holds(method_of_moments, dimension, k=k)


@pytest.mark.shared
def test_against_scikit_dimension(agrees):
    assert agrees(method_of_moments, "skdim.MOM(k=100,mean)", "MOM100", k=100, convention="scikit-dimension") == 18


def test_the_usual_formula_is_high(poisson):
    usual = method_of_moments(poisson(7.5), k=64, convention="scikit-dimension")
    assert float(usual.dimension) == pytest.approx(7.741, abs=0.02)


def test_by_hand():
    rows = np.asarray([[0.0], [1.0], [3.0], [7.0], [15.0], [16.5]])
    apart = np.sort(np.abs(rows - rows.T), axis=1)[:, 1:5]
    mean = (apart[:, :3] / apart[:, 3:]).mean()
    assert float(method_of_moments(rows, k=4).dimension) == pytest.approx(mean / (1 - mean), rel=1e-12)
    single = apart.mean(axis=1) / (apart[:, 3] - apart.mean(axis=1))
    other = method_of_moments(rows, k=4, convention="scikit-dimension")
    assert float(other.dimension) == pytest.approx(single.mean(), rel=1e-12)
    np.testing.assert_allclose(other.extra["pointwise"], single, rtol=1e-12)


def test_intervals_cover(covers):
    covers(method_of_moments, k=10)


def test_equal_distances_are_refused():
    with pytest.raises(Refusal) as refused:
        method_of_moments(np.eye(25))
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES
