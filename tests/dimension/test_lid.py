"""lid: the dimension around each point."""

import numpy as np
import pytest

from theodolite.core import Outcome, Refusal
from theodolite.dimension import lid, mle


@pytest.mark.parametrize("dimension", [1, 2.5, 7.5, 20])
@pytest.mark.parametrize("k", [5, 20])
def test_of_the_poisson_law(holds, k, dimension):
    holds(lid, dimension, k=k)


def test_one_dimension_everywhere_varies_as_estimates_do(poisson):
    whole = lid(poisson(7.5))
    assert float(whole.heterogeneity) < 0.06
    assert float(lid(poisson(7.5), k=5).heterogeneity) < 0.06
    own = whole.extra["pointwise"]
    assert own.mean() == pytest.approx(7.5, abs=3 * own.std() / np.sqrt(own.size))
    assert own.std() == pytest.approx(7.5 / np.sqrt(17), rel=0.03)
    # Lists of the Poisson law are no neighbourhoods, so that averages over them narrow as averages do.
    assert whole.extra["smoothed"].std() == pytest.approx(7.5 / np.sqrt(19 * 21), rel=0.2)


def test_by_hand():
    rows = np.random.default_rng(0).random((40, 3))
    apart = np.linalg.norm(rows[:, None] - rows, axis=2)
    order = np.argsort(apart, axis=1)[:, 1:7]
    near = np.take_along_axis(apart, order, axis=1)
    inverse = np.log(near[:, 5:] / near[:, :5]).mean(axis=1)
    found = lid(rows, k=6)
    np.testing.assert_allclose(found.extra["pointwise"], 0.8 / inverse, rtol=1e-10)
    smoothed = 1 / np.asarray([np.mean([inverse[i], *inverse[order[i]]]) for i in range(40)])
    np.testing.assert_allclose(found.extra["smoothed"], smoothed, rtol=1e-10)
    assert float(found.largest) == pytest.approx(smoothed.max(), rel=1e-10)
    quartiles = np.quantile(smoothed, [0.25, 0.75])
    np.testing.assert_allclose([found.lower_quartile, found.upper_quartile], quartiles, rtol=1e-10)
    assert float(found.dimension) == pytest.approx(float(mle(rows, k=6, combine="median").dimension), rel=1e-13)


def test_two_sheets_of_different_dimension_are_told_apart():
    rng = np.random.default_rng(1)
    line, block = np.pad(rng.random((400, 1)), ((0, 0), (0, 4))) + 9.0, rng.random((400, 5))
    found = lid(np.concatenate([line, block]))
    assert float(found.lower_quartile) < 1.5
    assert float(found.upper_quartile) > 3
    assert float(found.heterogeneity) > 0.4
    smoothed = found.extra["smoothed"]
    assert smoothed[:400].max() < smoothed[400:].min()


def test_rows_that_coincide_have_one_dimension():
    rows = np.random.default_rng(0).random((60, 3))
    found = lid(np.concatenate([rows, rows[7:8]]), k=10)
    assert found.extra["pointwise"].shape == (61,)
    assert found.extra["pointwise"][60] == found.extra["pointwise"][7]
    assert float(found.duplicates) == 1


def test_intervals_cover(covers):
    covers(lid, k=10)


def test_equal_distances_are_refused():
    with pytest.raises(Refusal) as refused:
        lid(np.eye(25))
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES
