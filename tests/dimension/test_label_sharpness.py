"""label_sharpness: against brute force, the numbers of a sample, and the released code that it is not."""

import json

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from theodolite.core import Missing, Outcome, Refusal
from theodolite.dimension import label_sharpness
from theodolite.numerics.class_gap import class_gap


def brute_force(points, labels):
    gaps = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    gaps[labels[:, None] == labels[None]] = np.inf
    return gaps.min()


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
@pytest.mark.parametrize("classes", [2, 5, 200])
def test_against_brute_force(classes, block):
    rng = np.random.default_rng(classes)
    points, labels = rng.standard_normal((200, 6)), rng.integers(0, classes, 200)
    gap = class_gap(points, labels, block=block)
    assert gap.distance == pytest.approx(brute_force(points, labels), rel=1e-14)
    assert gap.distance == pytest.approx(np.linalg.norm(points[gap.first] - points[gap.second]), rel=1e-15)
    assert labels[gap.first] != labels[gap.second]


def test_of_points_much_nearer_than_products_can_tell():
    rng = np.random.default_rng(1)
    points, labels = rng.standard_normal((300, 20)), np.arange(300) % 3
    points[:100] = points[0] + 1e-9 * rng.standard_normal((100, 20))
    found = label_sharpness(points + 1e3, labels)
    about = (points + 1e3) - (points + 1e3).mean(axis=0)
    assert float(found.distance) == pytest.approx(brute_force(about, labels), rel=1e-6)
    assert float(found.distance) < 1e-8


@pytest.mark.parametrize("seed", range(5))
def test_blocks_whose_products_are_all_rounding_are_looked_at_again(seed):
    rng = np.random.default_rng(seed)
    points = 1e-9 * rng.standard_normal((60, 20)) + np.repeat([[1.0], [-1.0]], [59, 1], axis=0)
    labels = rng.integers(0, 2, 60)
    assert class_gap(points, labels, block=4).distance == pytest.approx(brute_force(points, labels), rel=1e-12)


@pytest.mark.shared
def test_two_classes_far_apart(numbers):
    # The data of the published example: the number hangs on the draw in the last digits only.
    rng = np.random.default_rng(0)
    points = np.concatenate([sign * 10 + 0.01 * rng.standard_normal((100, 16)) for sign in (1, -1)])
    found = label_sharpness(points, np.repeat([0, 1], 100))
    theirs = float(numbers["toy"].rpartition(" ")[2])
    assert theirs == pytest.approx(0.0125, rel=1e-3)
    assert float(found.sharpness) == pytest.approx(theirs, rel=1e-3)
    # Within a class, where the released code compares, rows are a thousand times nearer.
    within = label_sharpness(points[:100], np.arange(100))
    assert float(within.sharpness) > 1000 * float(found.sharpness)


@pytest.fixture(scope="module")
def numbers(shared):
    text = (shared / "reference" / "ref_dimension.json").read_text(encoding="utf-8")
    return json.loads(text)["label_sharpness"]


@pytest.mark.shared
def test_on_parts_of_fashion_mnist(numbers, fashion):
    images, labels = fashion
    drawn = np.random.RandomState(0)
    grown = []
    for count, theirs in numbers["max_grows_with_M"].items():
        chosen = drawn.choice(60000, int(count), replace=False)
        grown.append(float(label_sharpness(images[chosen] / 255, labels[chosen]).sharpness))
        assert grown[-1] == pytest.approx(theirs, abs=5e-6)
    assert grown == sorted(grown)
    assert numbers["fmnist_M1000_RandomState0"]["definition"] == numbers["max_grows_with_M"]["1000"]


@pytest.mark.shared
def test_the_released_rule_gives_other_numbers(numbers, fashion):
    images, labels = fashion
    chosen = np.random.RandomState(0).choice(60000, 1000, replace=False)
    gaps = squareform(pdist(images[chosen] / 255))
    gaps[(labels[chosen][:, None] != labels[chosen]) | np.eye(1000, dtype=bool)] = np.inf
    theirs = numbers["fmnist_M1000_RandomState0"]["repo_indicator_same_label"]
    assert 1 / gaps.min() == pytest.approx(theirs, abs=5e-6)
    assert theirs > 1.3 * float(label_sharpness(images[chosen] / 255, labels[chosen]).sharpness)


@pytest.mark.shared
def test_of_pairs_of_classes(numbers, fashion):
    images, labels = fashion
    means = {}
    for pair, (mean, deviation) in numbers["fmnist_pairs_mean_sd_5seeds"].items():
        of_both = np.flatnonzero(np.isin(labels, [int(name) for name in pair.split("-")]))
        each = []
        for seed in range(5):
            chosen = np.random.RandomState(seed).choice(of_both, 1000, replace=False)
            each.append(float(label_sharpness(images[chosen] / 255, labels[chosen]).sharpness))
        means[pair] = np.mean(each)
        assert means[pair] == pytest.approx(mean, abs=5e-5)
        assert np.std(each) == pytest.approx(deviation, abs=5e-5)
    # Shirts and T-shirts are hardest to tell apart, boots and sandals easiest.
    assert sorted(means, key=means.get) == ["5-9", "0-1", "2-4", "0-6"]


def test_one_point_with_two_labels_is_an_outcome():
    points = np.random.default_rng(2).standard_normal((50, 4))
    points[31] = points[8]
    found = label_sharpness(points, np.arange(50) % 2)
    assert float(found.distance) == 0.0
    assert isinstance(found.sharpness, Missing)
    assert found.sharpness.outcome is Outcome.COINCIDENT_CLASSES
    assert found.sharpness.detail == "rows 8 and 31"
    same = label_sharpness(points, (np.arange(50) == 4).astype(int))
    assert float(same.sharpness) > 0


def test_one_class_is_refused():
    with pytest.raises(Refusal) as refused:
        label_sharpness(np.eye(4), ["a"] * 4)
    assert refused.value.outcome is Outcome.ONE_CLASS
