"""Backward compatibility: exact for a turned copy, lost for an unrelated one, and the residual as algebra says."""

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from sklearn.metrics import average_precision_score

from theodolite.core import ParameterError, Refusal
from theodolite.numerics.retrieval import retrieval_scores
from theodolite.testing import orthogonal
from theodolite.updates import backward_compatibility


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def items(count=120, width=10, kinds=6, seed=0, spread=0.6):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, kinds, count)
    return rng.standard_normal((kinds, width))[labels] + spread * rng.standard_normal((count, width)), labels


def test_ranks_against_definitions_by_loops():
    queries, labels = items(40, seed=1)
    gallery = unit(items(40, seed=2)[0])
    queries = unit(queries)
    first, precision = retrieval_scores(queries, gallery, labels, itself=False)
    for i in range(40):
        others = np.arange(40) != i
        near, relevant = (gallery @ queries[i])[others], (labels == labels[i])[others]
        assert first[i] == relevant[np.argmax(near)]
        assert precision[i] == pytest.approx(average_precision_score(relevant, near))
    itself = retrieval_scores(queries, queries, np.arange(40), itself=True)
    assert all((scores == 1).all() for scores in itself)


def test_equally_near_items_give_nothing_away():
    rows = np.tile([[1.0, 0.0]], (4, 1))
    first, precision = retrieval_scores(rows, rows, np.array([0, 0, 1, 1]), itself=False)
    np.testing.assert_allclose(first, 1 / 3)
    np.testing.assert_allclose(precision, 1 / 3)
    alone, _ = retrieval_scores(rows, rows, np.array([0, 1, 2, 2]), itself=False)
    assert np.isnan(alone[:2]).all()


def test_a_turned_copy_is_compatible_and_a_direct_search_is_not():
    old, labels = items()
    found = backward_compatibility(old, old @ orthogonal(10, rng=1), labels)
    assert found.new_to_old == found.old_to_old == found.new_to_new
    assert found.compatible
    assert found.residual[0] < 1e-25
    assert found.extra_dimensions() == 0
    assert found.direct.precision < found.old_to_old.precision - 0.3


def test_a_wider_version_that_contains_the_old_one():
    old, labels = items(600)
    rng = np.random.default_rng(0)
    # Of equal length, so that normalising leaves the old part an exact multiple of itself.
    wide = np.hstack([unit(old), unit(rng.standard_normal((600, 14)))]) @ orthogonal(24, rng=2)
    found = backward_compatibility(old, wide, labels)
    assert found.direct is None
    assert found.new_to_old.precision > found.old_to_old.precision - 0.05
    with pytest.raises(ValueError, match="new: it has 599 items"):
        backward_compatibility(old, wide[:599], labels)


def test_an_unrelated_version_is_at_chance():
    old, labels = items(400, kinds=8)
    new = np.random.default_rng(3).standard_normal((400, 10))
    found = backward_compatibility(old, new, labels)
    assert found.chance == pytest.approx(1 / 8, abs=0.02)
    assert found.new_to_old.top1 == pytest.approx(found.chance, abs=4 * found.new_to_old.top1_se + 0.02)
    assert not found.compatible
    assert found.gain < -5 * found.gain_se
    assert found.residual[0] == pytest.approx(1.0, abs=0.1)  # nothing of the old is there


def test_the_residual_is_that_of_procrustes_on_rows_that_were_not_fitted():
    old, labels = items(seed=4)
    new = old @ orthogonal(10, rng=5) + 0.8 * np.random.default_rng(6).standard_normal((120, 10))
    found = backward_compatibility(old, new, labels, fit=0.6, rng=7)
    order = np.random.default_rng(7).permutation(120)
    train, test = order[:72], order[72:]
    turn, size = orthogonal_procrustes(unit(new)[train], unit(old)[train])
    missed = unit(old) - unit(new) @ turn * (size / 72)
    assert found.fitted == 72
    assert found.residual[0] == pytest.approx(np.square(missed[test]).sum() / 48)
    assert found.residual.shape == (11,)
    assert found.residual[-1] == 0
    assert (np.diff(found.residual) <= 0).all()
    axes = np.linalg.eigh(missed[train].T @ missed[train])[1][:, ::-1]
    left = np.square(missed[test] @ axes[:, 3:]).sum() / 48
    assert found.residual[3] == pytest.approx(left)


def test_missing_dimensions_are_counted():
    old, labels = items(width=12, spread=1.5)
    narrow = old.copy()
    narrow[:, 9:] = 0
    found = backward_compatibility(old, narrow @ orthogonal(12, rng=1), labels)
    assert found.residual[0] > 0.1
    # Three dimensions are gone; normalising a narrower row bends the others, so a little stays.
    assert found.residual[3] < 0.25 * found.residual[0]
    assert found.extra_dimensions(0.9) == 0
    assert found.extra_dimensions(1e-30) == 12


def test_without_labels_an_item_should_find_itself():
    old, _ = items(100, width=16)
    found = backward_compatibility(old, old @ orthogonal(16, rng=1) + 0.05)
    assert found.old_to_old.top1 == 1.0
    assert found.new_to_old.top1 > 0.95
    assert found.chance == pytest.approx(1 / 50)


def test_scale_and_seed():
    old, labels = items()
    new = items(seed=9)[0]
    one = backward_compatibility(old, new, labels, rng=3)
    scaled = backward_compatibility(old * 7, new * 1e-3, labels, rng=3)
    assert scaled.new_to_old == one.new_to_old
    np.testing.assert_allclose(scaled.residual, one.residual, atol=1e-12)
    assert backward_compatibility(old, new, labels, rng=4).new_to_old != one.new_to_old
    assert one.judge("gain < 0 or new_to_old.precision < 0.9").holds


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labels": np.zeros(5, int)}, "labels: got int64 of shape"),
        ({"labels": np.arange(120)}, "no label stands twice"),
        ({"old": np.zeros((120, 10))}, "120 items are zero"),
        ({"old": np.full((120, 10), np.inf)}, "120 of 120 rows"),
    ],
)
def test_bad_input(change, says):
    old, labels = items()
    given = {"old": old, "labels": labels} | change
    with pytest.raises((ParameterError, Refusal), match=says):
        backward_compatibility(given["old"], old, given["labels"])
    with pytest.raises(ParameterError, match="fit"):
        backward_compatibility(old, old, labels, fit=1.0)
    with pytest.raises(ParameterError, match="4 at least"):
        backward_compatibility(old[:3], old[:3])
