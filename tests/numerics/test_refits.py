"""Fitting many samples at once gives what fitting each alone gives, to the last bit."""

import numpy as np
import pytest

from theodolite.numerics.nulls import gaussian_eigenvalues
from theodolite.numerics.powerlaw import fit_power_law
from theodolite.numerics.refits import fit_power_laws


def samples(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "pareto":
        return np.sort((1 - rng.random((25, n))) ** (-1 / 1.5), axis=1)
    if kind == "gaussian":
        return np.stack([gaussian_eigenvalues((n, 2 * n), rng) for _ in range(25)])
    if kind == "resampled":
        values = rng.exponential(size=n)
        return np.sort(values[rng.integers(n, size=(25, n))], axis=1)
    return np.sort(rng.integers(1, 6, size=(25, n)).astype(float), axis=1)


@pytest.mark.parametrize("sides", ["both", "left"])
@pytest.mark.parametrize("n", [8, 61, 300])
@pytest.mark.parametrize("kind", ["pareto", "gaussian", "resampled", "tied"])
def test_the_same_fits(kind: str, n: int, sides: str):
    drawn = samples(kind, n, np.random.default_rng(n))
    assert fit_power_laws(drawn, sides=sides) == [fit_power_law(row, sides=sides) for row in drawn]


def test_what_is_ignored_is_no_part_of_the_sample():
    drawn = samples("pareto", 60, np.random.default_rng(1))
    ignored = np.arange(25) % 7
    for row, count in zip(drawn, ignored, strict=True):
        row[:count] = 0.0
    expected = [fit_power_law(row[count:]) for row, count in zip(drawn, ignored, strict=True)]
    assert fit_power_laws(drawn, ignored) == expected


def test_a_sample_without_a_fit_is_none():
    drawn = np.stack([np.ones(9), np.arange(1.0, 10.0)])
    assert [fit is None for fit in fit_power_laws(drawn)] == [True, False]
    assert fit_power_laws(drawn[:1]) == [None]
    assert fit_power_laws(drawn, np.array([0, 9]))[1] is None
    assert fit_power_laws(drawn, np.array([0, 8]))[1] is None


@pytest.mark.parametrize("row", [[2.0, 1.0, 3.0], [0.0, 1.0, 2.0], [1.0, 2.0, np.inf], [1.0, np.nan, 2.0]])
def test_bad_samples(row: list[float]):
    with pytest.raises(ValueError, match="each row must be ascending"):
        fit_power_laws(np.array([row]))
