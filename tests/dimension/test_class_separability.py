"""class_separability: the bars of homology in degree 0, and Fisher's ratio."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage

from theodolite.core import Missing, Outcome, Refusal
from theodolite.dimension import class_separability


def classes(apart, count=50, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(4), count)
    return rng.standard_normal((4 * count, 12)) + apart * np.eye(4, 12)[labels], labels


@pytest.mark.parametrize("normalised", [True, False])
def test_by_single_linkage(normalised):
    rows, labels = classes(3.0)
    found = class_separability(rows, labels, normalised=normalised)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True) if normalised else rows
    bars = linkage(units, "single")[:, 2]
    np.testing.assert_allclose(found.extra["bars"], bars, rtol=1e-10)
    assert float(found.mean_length) == pytest.approx(np.mean(bars / bars.max()), rel=1e-10)
    shares = bars / bars.sum()
    assert float(found.entropy) == pytest.approx(-(shares * np.log2(shares)).sum() / np.log2(bars.size), rel=1e-10)


def test_fisher_ratio_from_the_scatter_matrices():
    rows, labels = classes(1.0)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    within = sum(np.cov(units[labels == c].T, bias=True) * (labels == c).sum() for c in range(4))
    total = np.cov(units.T, bias=True) * len(units)
    found = class_separability(rows, labels)
    assert float(found.fisher_ratio) == pytest.approx(np.trace(total - within) / np.trace(within), rel=1e-10)


def test_closed_forms():
    # Two pairs on a line: bars 1, 1, 8. And the corners of a simplex, whose bars are all alike.
    found = class_separability(np.array([[0.0], [1.0], [9.0], [10.0]]), [0, 0, 1, 1], normalised=False)
    assert float(found.mean_length) == pytest.approx(10 / 24)
    assert float(found.clusters) == 2
    assert float(found.fisher_ratio) == pytest.approx(81.0)
    simplex = class_separability(np.eye(6))
    assert float(simplex.mean_length) == pytest.approx(1.0)
    assert float(simplex.entropy) == pytest.approx(1.0)


def test_it_follows_how_far_classes_lie_apart():
    found = [class_separability(*classes(apart)) for apart in (1.0, 8.0, 20.0)]
    means, ratios = ([float(getattr(one, name)) for one in found] for name in ("mean_length", "fisher_ratio"))
    assert means == sorted(means, reverse=True)
    assert ratios == sorted(ratios)
    assert means[0] > 0.6
    assert means[-1] < 0.35
    assert [float(one.clusters) for one in found][1:] == [4, 4]


def test_rows_that_coincide_count_once():
    rows, _ = classes(3.0)
    one, other = class_separability(rows), class_separability(np.concatenate([rows, rows[:9]]))
    assert float(one.mean_length) == pytest.approx(float(other.mean_length), rel=1e-12)
    assert isinstance(one.fisher_ratio, Missing)
    assert one.fisher_ratio.outcome is Outcome.NEEDS_LABELS


def test_rows_in_one_direction_count_once_where_lengths_are_taken_out():
    rows, _ = classes(3.0)
    along = np.concatenate([rows, 3.0 * rows[:30], 7.0 * rows[:30], 1e-9 * rows[:5]])
    one, other = class_separability(rows), class_separability(along)
    for name in ("mean_length", "entropy", "clusters"):
        assert float(getattr(other, name)) == pytest.approx(float(getattr(one, name)), rel=1e-9), name
    assert other.extra["bars"].shape == one.extra["bars"].shape
    assert class_separability(along, normalised=False).extra["bars"].size == len(along) - 1
    with pytest.raises(Refusal, match="2 distinct rows"):
        class_separability(np.concatenate([rows[:2], 3.0 * rows[:2]]))


def test_refusals():
    rows, labels = classes(3.0)
    for wrong, outcome in (
        ((np.zeros((5, 3)),), Outcome.ROW_WITHOUT_DIRECTION),
        ((np.eye(2),), Outcome.FEWER_ROWS_THAN_NEEDED),
        ((rows, np.zeros_like(labels)), Outcome.ONE_CLASS),
    ):
        with pytest.raises(Refusal) as refused:
            class_separability(*wrong)
        assert refused.value.outcome is outcome
    found = class_separability(np.repeat(np.eye(3), 4, axis=0), np.repeat([5, 6, 7], 4))
    assert found.fisher_ratio.outcome is Outcome.CLASSES_WITHOUT_SPREAD
    with pytest.raises(ValueError, match="labels"):
        class_separability(rows, labels[:-1])
