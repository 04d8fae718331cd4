"""Standard errors from the halves of a cloud."""

import numpy as np
import pytest

from theodolite.numerics.halves import HALVINGS, T95, halved, halves_error


@pytest.mark.parametrize("count", [8, 9, 200])
def test_halves_are_halves_and_go_with_their_points(count):
    rng = np.random.default_rng(count)
    keys, order = rng.random(count), rng.permutation(count)
    several = list(halved(keys))
    assert len(several) == HALVINGS
    for labels, moved in zip(several, halved(keys[order]), strict=True):
        np.testing.assert_array_equal(labels[order], moved)
        assert (labels == 1).sum() == count // 2
        assert set(labels.tolist()) == {0, 1}
    assert len({labels.tobytes() for labels in several}) == HALVINGS
    for labels, moved in zip(several, halved(1e-3 * keys), strict=True):
        np.testing.assert_array_equal(labels, moved)


def test_halves_know_nothing_of_the_numbers_that_rank_them():
    # Ranks of one half among all: far from even halves of a sorted list would show.
    apart = [np.arange(2000)[labels == 0].mean() - 999.5 for labels in halved(np.arange(2000.0))]
    assert max(map(abs, apart)) < 4 * 2000 / np.sqrt(12 * 2000)
    assert np.std(apart) > 2000 / np.sqrt(12 * 2000) / 3


def test_the_error_of_a_mean_and_of_a_median():
    rng = np.random.default_rng(0)
    for of, spread in ((np.mean, 1.0), (np.median, np.sqrt(np.pi / 2))):
        errors = []
        for _ in range(40):
            drawn = rng.standard_normal(400)
            pairs = [tuple(float(of(drawn[labels == half])) for half in (0, 1)) for labels in halved(drawn)]
            errors.append(halves_error(pairs))
        assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(spread / 20, rel=0.15)


def test_the_law_is_that_of_student():
    from scipy.stats import t

    assert pytest.approx(t.ppf(0.975, HALVINGS), rel=1e-12) == T95
