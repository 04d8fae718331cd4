"""coding_rate: against reference numbers, the identity of the two Gram matrices, and closed forms."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from theodolite.core import Missing, Outcome, Refusal
from theodolite.dimension import coding_rate
from theodolite.numerics.coding_rates import gaussian_rate


@pytest.mark.shared
def test_against_reference_numbers(shared):
    text = (shared / "reference" / "ref_dimension.json").read_text(encoding="utf-8")
    known = json.loads(text)["shape_and_coding_rate"]
    digits = load_digits()
    mixed = np.random.RandomState(0).permutation(digits.target)
    for distortion in (0.1, 0.5):
        theirs = known[f"coding rate digits unit rows eps={distortion} (nats)"]
        found = coding_rate(digits.data, digits.target, distortion=distortion)
        assert float(found.rate) == pytest.approx(theirs["R"], rel=1e-10)
        assert float(found.class_rate) == pytest.approx(theirs["Rc"], rel=1e-10)
        assert float(found.reduction) == pytest.approx(theirs["dR"], rel=1e-10)
        by_chance = known[f"coding rate digits permuted labels RandomState(0) eps={distortion}"]["dR"]
        assert float(coding_rate(digits.data, mixed, distortion=distortion).reduction) == pytest.approx(
            by_chance, rel=1e-9
        )
    for theirs in known["coding rate primal/dual check n=50"]:
        assert float(coding_rate(digits.data[:50]).rate) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("shape", [(50, 80), (80, 50), (64, 64), (1, 30), (30, 1)])
def test_both_gram_matrices_give_the_same(shape):
    rows = np.random.default_rng(1).standard_normal(shape)
    factor = shape[1] / (shape[0] * 0.3**2)
    by_features = 0.5 * np.linalg.slogdet(np.eye(shape[1]) + factor * rows.T @ rows)[1]
    by_rows = 0.5 * np.linalg.slogdet(np.eye(shape[0]) + factor * rows @ rows.T)[1]
    assert gaussian_rate(rows, 0.3) == pytest.approx(by_features, rel=1e-12)
    assert gaussian_rate(rows, 0.3) == pytest.approx(by_rows, rel=1e-12)


@pytest.mark.parametrize("distortion", [0.5, 1e-3, 1e-6, 1e-9, 1e-160])
@pytest.mark.parametrize("shape", [(200, 20), (20, 200)])
def test_directions_that_rows_do_not_take_cost_nothing_however_small_the_distortion(shape, distortion):
    # Three directions of different lengths, turned: every other singular value is zero but for rounding.
    rng = np.random.default_rng(7)
    sizes = np.asarray([3.0, 1.0, 0.2])
    left, right = (np.linalg.qr(rng.standard_normal((side, 3)))[0] for side in shape)
    expected = np.sum(np.log(sizes) + 0.5 * np.log(shape[1] / shape[0]) - np.log(distortion))
    if distortion == 0.5:
        expected = 0.5 * np.sum(np.log1p(sizes**2 * shape[1] / shape[0] / 0.25))
    found = gaussian_rate((left * sizes) @ right.T, distortion)
    assert found == pytest.approx(expected, rel=1e-4 if distortion == 1e-3 else 1e-9)
    large = coding_rate(1e6 * (left * sizes) @ right.T, normalised=False)
    if distortion == 1e-6:
        assert float(large.rate) == pytest.approx(expected + 3 * np.log(2e-6 * 1e6), rel=1e-9)


def test_orthogonal_classes_reduce_most():
    # Four classes of twelve rows, each the axes of its own three dimensions: every determinant is a power.
    labels = np.repeat(np.arange(4), 12)
    rows = np.eye(12)[3 * labels + np.tile(np.arange(3), 16)]
    found = coding_rate(rows, labels, distortion=0.5)
    assert float(found.rate) == pytest.approx(6 * np.log1p(12 / 48 / 0.25 * 4), rel=1e-12)
    assert float(found.class_rate) == pytest.approx(1.5 * np.log1p(12 / 12 / 0.25 * 4), rel=1e-12)
    mixed = coding_rate(rows, np.random.default_rng(0).permutation(labels), distortion=0.5)
    assert float(mixed.reduction) < float(found.reduction) / 2


def test_one_class_saves_nothing_and_more_save_something():
    rows = np.random.default_rng(2).standard_normal((60, 7))
    assert float(coding_rate(rows, np.zeros(60, dtype=int)).reduction) == 0.0
    for seed in range(20):
        assert float(coding_rate(rows, np.random.default_rng(seed).integers(0, 3, 60)).reduction) > 0


def test_lengths_count_where_they_are_kept():
    rows = np.random.default_rng(3).standard_normal((40, 5))
    lengths = np.random.default_rng(4).uniform(0.1, 10, (40, 1))
    assert float(coding_rate(rows * lengths).rate) == pytest.approx(float(coding_rate(rows).rate), rel=1e-12)
    kept = [float(coding_rate(given, normalised=False).rate) for given in (rows, rows * lengths)]
    assert kept[0] == pytest.approx(gaussian_rate(rows, 0.5), rel=1e-12)
    assert kept[1] > kept[0] + 1


def test_without_labels_the_rest_is_missing():
    found = coding_rate(np.eye(3))
    assert isinstance(found.reduction, Missing)
    assert found.class_rate.outcome is Outcome.NEEDS_LABELS


def test_refusals():
    rows = np.eye(3)
    rows[1] = 0.0
    with pytest.raises(Refusal) as refused:
        coding_rate(rows)
    assert refused.value.outcome is Outcome.ROW_WITHOUT_DIRECTION
    assert float(coding_rate(rows, normalised=False).rate) > 0
    with pytest.raises(ValueError, match="labels: expected one for each of 3 rows"):
        coding_rate(np.eye(3), [0, 1])
