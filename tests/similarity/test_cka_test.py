"""cka_test: the permutation distribution of unbiased linear CKA by its first three moments."""

from itertools import permutations

import numpy as np
import pytest

from theodolite.core import CrossMoments, Outcome
from theodolite.numerics.permutation_moments import cubic_sums, upper_tail
from theodolite.similarity import cka, cka_test


def u_centred(rows):
    """The U-centred Gram matrix at norm 1, by definition."""
    k, n = rows @ rows.T, len(rows)
    np.fill_diagonal(k, 0.0)
    sums = k.sum(axis=0)
    a = k - sums / (n - 2) - sums[:, None] / (n - 2) + sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(a, 0.0)
    return a / np.linalg.norm(a)


def moments(values):
    deviation = np.sqrt(np.mean(values**2))
    return np.mean(values), deviation, np.mean((values / deviation) ** 3)


@pytest.mark.parametrize(("rows", "first", "second"), [(6, 1, 2), (6, 3, 9), (7, 2, 3), (8, 1, 1)])
def test_the_moments_are_those_of_all_orders(rows, first, second):
    rng = np.random.default_rng(rows)
    x, y = rng.standard_normal((rows, first)) ** 3, rng.standard_normal((rows, second)) + 2.0
    a, b = u_centred(x), u_centred(y)
    orders = np.array(list(permutations(range(rows))))
    values = np.array([np.sum(a * b[np.ix_(order, order)]) for order in orders])
    mean, deviation, skewness = moments(values)
    found = cka_test(x, y)
    assert mean == pytest.approx(0.0, abs=1e-13)
    assert found.score == pytest.approx(cka(x, y) / deviation, rel=1e-11)
    assert found.skewness == pytest.approx(skewness, rel=1e-9)


@pytest.mark.parametrize("shape", [(40, 3), (40, 60), (1500, 2)])
def test_cubic_sums_are_those_of_the_matrix(shape):
    rows = np.random.default_rng(0).standard_normal(shape) ** 3
    rows -= rows.mean(axis=0)
    a = u_centred(rows)
    assert cubic_sums(rows) == pytest.approx((np.sum(a**3), np.trace(a @ a @ a)), rel=1e-8)


@pytest.mark.parametrize(("first", "second", "power"), [(1, 1, 1), (2, 5, 1), (10, 10, 3), (100, 3, 3)])
def test_p_values_are_those_of_many_permutations(first, second, power):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((100, first)), rng.standard_normal((100, second)) ** power
    a, b = u_centred(x), u_centred(y)
    orders = (rng.permutation(100) for _ in range(20_000))
    scores = np.array([np.sum(a * b[np.ix_(order, order)]) for order in orders]) * np.sqrt(100 * 97 / 2)
    skewness = float(cka_test(x, y).skewness)
    for share in (0.5, 0.1, 0.05, 0.01):
        p_value = upper_tail(float(np.quantile(scores, 1 - share)), skewness)
        # Three times the error of the quantile itself, and a twentieth for the law.
        assert p_value == pytest.approx(share, abs=3 * np.sqrt(share / 20_000) + share / 20)


def test_a_normal_law_would_be_wrong():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 50, 1))
    assert cka_test(x, y).skewness > 1
    assert upper_tail(3.0, 2.0) > 5 * upper_tail(3.0, 0.0)


@pytest.mark.parametrize("score", [-1.5, 0.0, 0.7, 3.0])
def test_the_law_is_continuous_in_its_skewness_and_turns_around(score):
    assert upper_tail(score, 2e-5) == pytest.approx(upper_tail(score, 0.0), rel=1e-4)
    assert upper_tail(score, -0.8) == pytest.approx(1 - upper_tail(-score, 0.8), rel=1e-12)
    assert upper_tail(-4.0, 1.0) == 1.0


def test_p_values_of_unrelated_clouds_are_uniform():
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        found.append(float(cka_test(rng.standard_normal((20, 3)), rng.standard_normal((20, 2))).p_value))
    shares = np.searchsorted(np.sort(found), [0.05, 0.25, 0.5, 0.75]) / 300
    assert shares == pytest.approx([0.05, 0.25, 0.5, 0.75], abs=0.09)
    assert shares[0] < 0.09


def test_degenerate_clouds_are_refused(refusal):
    x = np.random.default_rng(3).standard_normal((12, 3))
    assert refusal(cka_test, x[:5], x[:5]) is Outcome.FEWER_ROWS_THAN_NEEDED
    assert refusal(cka_test, x, np.ones((12, 2))) is Outcome.CONSTANT_CLOUD
    assert refusal(cka_test, np.eye(12), x) is Outcome.EQUIDISTANT
    stream = CrossMoments()
    stream.update({"x": x, "y": x})
    assert refusal(cka_test, stream) is Outcome.NEEDS_ROWS


def test_stimuli_that_are_there_several_times_are_noted():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 25, 4))
    assert not cka_test(x, y).notes
    found = cka_test(np.tile(x, (4, 1)), np.tile(y, (4, 1)))
    assert found.p_value < 1e-6  # and the clouds have nothing to do with each other
    assert {note.outcome for note in found.notes} == {Outcome.DUPLICATE_ROWS}
    assert {note.field for note in found.notes} == {"score", "skewness", "p_value"}
