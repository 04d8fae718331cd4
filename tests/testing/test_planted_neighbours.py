"""Neighbours of a Poisson process: the laws that every estimator from neighbours is derived from."""

import numpy as np
import pytest
from scipy import stats

from theodolite.testing import poisson_neighbours


@pytest.mark.parametrize("dimension", [0.5, 3.0, 7.5])
def test_volumes_are_arrival_times(dimension):
    found = poisson_neighbours(20_000, 6, dimension, rng=4)
    volumes = found.distances**dimension
    for j in range(6):
        assert stats.kstest(volumes[:, j], stats.gamma(j + 1).cdf).pvalue > 1e-3
    # The ratio of the second to the first follows Pareto's law; given the last, the others are uniform in volume.
    assert stats.kstest(found.distances[:, 1] / found.distances[:, 0], stats.pareto(dimension).cdf).pvalue > 1e-3
    shares = volumes[:, :5] / volumes[:, 5:]
    assert stats.kstest(shares.mean(axis=1) * 5, stats.irwinhall(5).cdf).pvalue > 1e-3


def test_what_they_are():
    found = poisson_neighbours(50, 4, 2.0)
    assert (found.count, found.k, found.duplicates, found.uncertain) == (50, 4, 0, 0)
    assert (np.diff(found.distances, axis=1) > 0).all()
    assert (found.indices != np.arange(50)[:, None]).all()
    assert [len(set(row)) for row in found.indices.tolist()] == [4] * 50
    np.testing.assert_array_equal(found.distances, poisson_neighbours(50, 4, 2.0, rng=0).distances)


def test_bad_input():
    for k in (0, 50):
        with pytest.raises(ValueError, match="k: expected 1 to 49"):
            poisson_neighbours(50, k, 2.0)
    for dimension in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="dimension: expected"):
            poisson_neighbours(50, 2, dimension)
