"""mada: the dimension from the radii that hold all neighbours and half of them."""

from math import log

import numpy as np
import pytest

from theodolite.core import Outcome, Refusal
from theodolite.dimension import mada
from theodolite.numerics.list_dimension import inverse_growth


@pytest.mark.parametrize("dimension", [1, 2.5, 7.5, 20])
@pytest.mark.parametrize("k", [5, 6, 7, 20, 64])
def test_of_the_poisson_law(holds, k, dimension):
    holds(mada, dimension, k=k)


@pytest.mark.shared
def test_against_scikit_dimension(agrees):
    assert agrees(mada, "skdim.MADA(k=20,mean)", "MADA20", convention="scikit-dimension") == 18


@pytest.mark.parametrize(("first", "second"), [(1, 3), (3, 6), (10, 20), (32, 64)])
def test_the_factor_is_an_expectation(first, second):
    # The logarithm of the volumes' ratio is a sum of exponential numbers with the rates first, ..., second - 1: by
    # partial fractions its density is a sum of exponentials, and the expectation of its inverse a sum of logarithms.
    rates = [float(rate) for rate in range(first, second)]
    exact = 0.0
    for rate in rates:
        product = 1.0
        for other in rates:
            if other != rate:
                product *= other / (other - rate)
        exact -= product * rate * log(rate)
    if second < 30:
        assert inverse_growth(first, second) == pytest.approx(exact, rel=1e-6)
    volumes = np.random.default_rng(0).standard_exponential((100_000, second)).cumsum(axis=1)
    drawn = 1 / np.log(volumes[:, second - 1] / volumes[:, first - 1])
    middle = np.sort(drawn)[: int(0.9999 * drawn.size)] if second - first == 2 else drawn
    assert inverse_growth(first, second) == pytest.approx(middle.mean(), rel=0.02)


def test_the_usual_formula_is_high(poisson):
    usual = mada(poisson(7.5), convention="scikit-dimension")
    assert float(usual.dimension) == pytest.approx(8.068, abs=0.06)
    assert float(usual.dimension / mada(poisson(7.5)).dimension) == pytest.approx(1.075686092817306, rel=1e-9)


def test_intervals_cover(covers):
    covers(mada, k=10)


def test_equal_radii_are_refused():
    rows = np.random.default_rng(0).random((60, 3))
    assert mada(rows).extra["pointwise"].shape == (60,)
    with pytest.raises(Refusal) as refused:
        mada(np.eye(25))
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES
