"""Numbers of rows: the same for a row wherever it comes, uniform, and of no use to guess another seed's."""

import numpy as np
import pytest
from scipy import stats

from theodolite.numerics.row_hash import row_hashes


def test_a_row_has_its_number_whatever_came_before():
    whole = row_hashes(np.arange(1000), 3)
    pieces = [row_hashes(piece, 3) for piece in np.split(np.arange(1000), [1, 10, 500])]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert whole.dtype == np.uint64
    assert len(np.unique(whole)) == 1000


@pytest.mark.parametrize("seed", [0, 1, 12345678901234567890])
def test_numbers_are_uniform_and_independent_of_the_next(seed):
    numbers = row_hashes(np.arange(20_000), seed) / 2.0**64
    assert stats.kstest(numbers, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 4 / np.sqrt(20_000)
    counts = np.bincount((row_hashes(np.arange(20_000), seed) % np.uint64(5)).astype(int))
    assert stats.chisquare(counts).pvalue > 1e-3


def test_seeds_are_independent():
    one, other = (row_hashes(np.arange(20_000), seed) / 2.0**64 for seed in (0, 1))
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(20_000)
