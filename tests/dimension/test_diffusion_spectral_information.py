"""diffusion_spectral_information: against the released code's numbers, its definition, and permuted labels."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from theodolite.core import Outcome, Refusal
from theodolite.dimension import diffusion_spectral_entropy, diffusion_spectral_information


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    return found.data[:600], found.target[:600]


@pytest.mark.shared
def test_against_the_released_code(shared, digits):
    text = (shared / "reference" / "ref_dimension.json").read_text(encoding="utf-8")
    known = json.loads(text)["diffusion_spectral_entropy"]
    for bandwidth in (10.0, 20.0):
        found = [
            diffusion_spectral_information(*digits, bandwidth=bandwidth, normalization="released", rng=seed).bits
            for seed in range(8)
        ]
        # Theirs is of five draws, as each of these.
        off = abs(np.mean(found) - known[f"DSMI digits600 vs labels sigma={bandwidth:.0f} t=1"])
        assert off < 4 * np.std(found, ddof=1)
        assert off < 0.02
    points, labels = digits
    mixed = np.random.RandomState(0).permutation(labels)
    found = diffusion_spectral_information(points, mixed, bandwidth=20.0, normalization="released")
    theirs = known["DSMI digits600 vs permuted labels(RandomState(0)) sigma=20"]
    assert float(found.bits) == pytest.approx(theirs, abs=3 * float(found.intervals["bits"].se) + 0.005)


def test_permuted_labels_tell_nothing(digits):
    points, labels = digits
    mixed = np.random.RandomState(0).permutation(labels)
    found = diffusion_spectral_information(points, mixed, bandwidth=20.0)
    assert abs(float(found.bits)) < 0.03
    assert abs(float(found.bits)) < 0.03 * float(diffusion_spectral_information(*digits, bandwidth=20.0).bits)


def test_against_its_definition():
    rng = np.random.default_rng(1)
    points, labels = rng.standard_normal((90, 4)), np.repeat([0, 1, 2], [10, 25, 55])
    points[labels == 1] *= 0.3
    points[labels == 0] *= 3.0
    drawn = [diffusion_spectral_information(points, labels, bandwidth=1.5, time=2, rng=seed) for seed in range(80)]
    found = drawn[0]
    entropy = lambda rows: float(  # noqa: E731
        diffusion_spectral_entropy(points[rows], bandwidth=1.5, relative=False, time=2).bits
    )
    assert float(diffusion_spectral_entropy(points).bandwidth) == pytest.approx(
        float(diffusion_spectral_information(points, labels).bandwidth), rel=1e-12
    )
    own = [entropy(labels == label) for label in range(3)]
    np.testing.assert_allclose(found.extra["class_bits"], own, rtol=1e-9)
    expected = 0.0
    for label in range(3):
        count = int(np.sum(labels == label))
        any_rows = np.mean([entropy(rng.permutation(90)[:count]) for _ in range(400)])
        expected += count / 90 * (any_rows - own[label])
    every = np.asarray([float(each.bits) for each in drawn])
    assert every.mean() == pytest.approx(expected, abs=5 * np.sqrt(2) * every.std(ddof=1) / np.sqrt(80))
    ends = [each.intervals["bits"] for each in drawn]
    assert sum(float(end.low) <= expected <= float(end.high) for end in ends) >= 70
    assert float(found.share) == pytest.approx(float(found.bits) / np.log2(90), rel=1e-12)


def test_classes_apart_tell_their_number():
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(4), 40)
    points = 1e3 * np.eye(4)[labels] + 1e-3 * rng.random((160, 4))
    found = diffusion_spectral_information(points, labels, bandwidth=1.0)
    assert float(found.bits) == pytest.approx(2.0, abs=0.02)
    # Labels that cut across the clusters tell nothing: each class has them all.
    across = np.tile([0, 1], 80)
    assert abs(float(diffusion_spectral_information(points, across, bandwidth=1.0).bits)) < 0.03


def test_names_and_order_of_labels_change_nothing():
    rng = np.random.default_rng(3)
    points, labels = rng.standard_normal((60, 3)), rng.integers(0, 3, 60)
    one = diffusion_spectral_information(points, labels)
    named = diffusion_spectral_information(points, [("a", "b", "c")[label] for label in labels])
    assert float(named.bits) == float(one.bits)
    assert diffusion_spectral_information(points, labels, rng=1).bits != one.bits


def test_off_the_scale_it_says_so():
    rng = np.random.default_rng(4)
    points, labels = rng.standard_normal((60, 3)), rng.integers(0, 2, 60)
    for bandwidth in (1e-3, 1e3):
        found = diffusion_spectral_information(points, labels, bandwidth=bandwidth)
        assert abs(float(found.bits)) < 1e-2
        assert [note.outcome for note in found.notes] == [Outcome.OFF_SCALE]


def test_of_more_rows_some_stand_for_all(monkeypatch):
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 3, 900)
    points = rng.standard_normal((900, 3)) + 4.0 * np.eye(3)[labels]
    whole = diffusion_spectral_information(points, labels)
    monkeypatch.setattr("theodolite.dimension._diffusion_spectral_information._MOST_ROWS", 300)
    some = [diffusion_spectral_information(points, labels, rng=seed) for seed in range(4)]
    assert len({float(found.bits) for found in some}) == 4
    for found in some:
        assert float(found.bits) == pytest.approx(float(whole.bits), abs=0.2)
        assert float(found.bandwidth) == pytest.approx(float(whole.bandwidth), rel=0.1)
        assert float(found.share) == pytest.approx(float(found.bits) / np.log2(300), rel=1e-12)


def test_refusals_and_wrong_labels():
    points = np.random.default_rng(5).standard_normal((20, 3))
    with pytest.raises(Refusal) as refused:
        diffusion_spectral_information(points, np.zeros(20, dtype=int))
    assert refused.value.outcome is Outcome.ONE_CLASS
    with pytest.raises(Refusal, match="2 of some class needed"):
        diffusion_spectral_information(points, np.arange(20))
    assert diffusion_spectral_information(points, [0, *range(19)]).bits <= 0.1
    with pytest.raises(ValueError, match=r"diffusion_spectral_information: labels: .* 20 rows, got shape \(19,\)"):
        diffusion_spectral_information(points, np.zeros(19, dtype=int))
    with pytest.raises(ValueError, match="sort real numbers into bins"):
        diffusion_spectral_information(points, points[:, 0])
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'labels'"):
        diffusion_spectral_information(points)
