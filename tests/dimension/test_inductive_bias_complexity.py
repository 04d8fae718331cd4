"""inductive_bias_complexity: the published parameters, its growth, and the error bar that it inherits."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import binom, gamma
from sklearn.datasets import load_digits

from theodolite.core import Missing, Outcome, Refusal
from theodolite.dimension import inductive_bias_complexity, label_sharpness, mle
from theodolite.numerics.inductive_bias import Task, cutoff_frequency, log_inductive_bias

IMAGENET = Task(rows=1280901, classes=1000, radius=943.5923, gap=65.0, error=0.1)


def of_clothes(known):
    return Task(known["n"], 10, known["R"], known["delta"], known["eps"])


@pytest.fixture(scope="module")
def known(shared):
    text = (shared / "reference" / "ref_dimension.json").read_text(encoding="utf-8")
    return json.loads(text)["inductive_bias_complexity"]


def plainly(task, m):
    """The formula as it is written, without logarithms."""
    c, outputs = task.classes, task.classes - 1
    finest = 2 * np.pi * task.radius / task.gap
    cutoff = (np.sqrt((m - 1) ** 2 + 4 * finest**2) - (m - 1)) / 2
    harmonics = binom(m + cutoff, m) + binom(m + cutoff - 1, m)
    slope = cutoff * np.sqrt(outputs) / task.radius
    reach = np.sqrt(m / 6) * task.radius * (2 * np.pi ** ((m + 1) / 2) * c / gamma((m + 1) / 2) / task.rows) ** (1 / m)
    bracket = np.log2(np.sqrt(outputs * c) * slope * reach / task.error)
    return (2 * outputs * c * harmonics - task.rows * outputs) * bracket


@pytest.mark.shared
def test_the_published_parameters(known):
    assert np.exp(log_inductive_bias(IMAGENET, 48)) == pytest.approx(known["imagenet_repo_params_bits"], rel=1e-11)
    assert known["imagenet_repo_params_bits"] == pytest.approx(3.583e41, rel=1e-4)
    for m, name in ((15, "bits"), (14, "bits_m14"), (16, "bits_m16")):
        assert np.exp(log_inductive_bias(of_clothes(known["fmnist"]), m)) == pytest.approx(
            known["fmnist"][name], rel=1e-11
        )


@pytest.mark.parametrize("m", [2, 5, 9.3, 20])
@pytest.mark.parametrize("gap", [0.1, 1.0, 3.0])
def test_against_the_formula_as_it_is_written(m, gap):
    task = Task(100, 3, 2.5, gap, 0.05)
    assert np.exp(log_inductive_bias(task, m)) == pytest.approx(plainly(task, m), rel=1e-10)
    cutoff = cutoff_frequency(task, m)
    assert cutoff * (cutoff + m - 1) == pytest.approx((2 * np.pi * task.radius / gap) ** 2, rel=1e-12)


@pytest.mark.parametrize("m", [2, 7, 30])
def test_of_classes_that_all_but_touch(m):
    # For whole m the binomial coefficients are products of m factors, whatever the cutoff.
    for gap in 10.0 ** -np.arange(1.0, 16.0):
        task = Task(100, 2, 1.0, gap, 0.05)
        cutoff = cutoff_frequency(task, m)
        terms = np.arange(1, m + 1)
        harmonics = np.logaddexp(*(np.sum(np.log((cutoff + terms - less) / terms)) for less in (0, 1)))
        w = np.sqrt(m / 6) * (4 * np.pi ** ((m + 1) / 2) / gamma((m + 1) / 2) / 100) ** (1 / m)
        expected = np.log(4) + harmonics + np.log(np.log2(np.sqrt(2) * cutoff * w / 0.05))
        settled = 100 / 4 * np.exp(-harmonics)
        assert log_inductive_bias(task, m) == pytest.approx(expected + np.log1p(-settled), rel=1e-9)


PUBLISHED = {
    "MNIST": (Task(rows=60000, classes=10, radius=17.179045827183984, gap=2.3987084824335305, error=0.001), 14),
    "SVHN": (Task(rows=73257, classes=10, radius=53.86932485133339, gap=1.5766998174969105, error=0.01), 19),
    "CIFAR-10": (Task(rows=50000, classes=10, radius=54.9156786783691, gap=2.7506414616587023, error=0.01), 27),
    "ImageNet": (IMAGENET, 48),
}
"""The parameters of data sets in the code that was released with the paper, and the dimensions of their rows."""


def test_the_order_of_data_sets():
    bits = {name: log_inductive_bias(*given) / np.log(10) for name, given in PUBLISHED.items()}
    assert list(bits) == sorted(bits, key=bits.get)
    # The orders of magnitude that follow from them, and the same order at one error for all.
    assert [int(each) for each in bits.values()] == [16, 31, 32, 41]
    alike = [log_inductive_bias(replace(task, error=0.05), m) for task, m in PUBLISHED.values()]
    assert alike == sorted(alike)


@pytest.mark.shared
def test_fashion_mnist_is_harder_than_digits(known, fashion):
    digits = load_digits()
    images, labels = fashion
    easy = inductive_bias_complexity(digits.data / 16, digits.target)
    hard = inductive_bias_complexity(images[: len(digits.data)] / 255, labels[: len(digits.data)])
    assert float(easy.intervals["log10_bits"].high) < float(hard.intervals["log10_bits"].low)
    assert float(np.linalg.norm(images / 255, axis=1).max()) == pytest.approx(known["fmnist"]["R"], rel=1e-12)
    told = [float(one) for one in known["args"][len("difficulty(") : -1].split(",")]
    assert told == [IMAGENET.error, IMAGENET.rows, 48, IMAGENET.radius, IMAGENET.classes, IMAGENET.gap, 999, 1]


def test_it_grows_exponentially_with_dimension_and_like_a_power_of_resolution():
    task = replace(IMAGENET, radius=60.0, gap=1.0, rows=1000)
    by_dimension = np.diff([log_inductive_bias(task, m) for m in range(4, 60)])
    # Each dimension multiplies the bits by more than a constant: no power of the dimension does for long.
    assert by_dimension.min() > np.log(3)
    finer = [log_inductive_bias(replace(task, gap=gap), 6) for gap in 2.0 ** -np.arange(4.0, 14.0)]
    degrees = np.diff(finer) / np.log(2)
    np.testing.assert_allclose(degrees, 6, atol=0.2)
    assert np.all(np.diff(degrees) < 0)


def test_one_dimension_off_is_a_factor_and_the_interval_says_so():
    rng = np.random.default_rng(1)
    rows = rng.random((600, 8))
    labels = (rows[:, 0] > 0.5).astype(int)
    found = inductive_bias_complexity(rows, labels)
    alone = mle(rows, k=5)
    assert float(found.dimension) == float(alone.dimension)
    assert float(found.distance) == float(label_sharpness(rows, labels).distance)
    task = Task(600, 2, float(np.linalg.norm(rows, axis=1).max()), float(found.distance), 0.01)
    assert np.log(float(found.bits)) == pytest.approx(log_inductive_bias(task, float(alone.dimension)), rel=1e-12)
    about = alone.intervals["dimension"]
    for name, scale in (("bits", np.exp), ("log10_bits", lambda value: value / np.log(10))):
        interval = found.intervals[name]
        assert float(interval.low) == pytest.approx(scale(log_inductive_bias(task, float(about.low))), rel=1e-9)
        assert float(interval.high) == pytest.approx(scale(log_inductive_bias(task, float(about.high))), rel=1e-9)
        assert float(interval.low) < float(getattr(found, name)) < float(interval.high)
    ends = found.intervals["log10_bits"]
    assert float(ends.se) == pytest.approx((float(ends.high) - float(ends.low)) / 2 / 1.96, rel=0.05)
    assert float(found.intervals["bits"].high) > 1.5 * float(found.bits)


def test_it_follows_the_data():
    rng = np.random.default_rng(2)
    rows = rng.random((500, 10))
    labels = (rows[:, 0] > 0.5).astype(int)
    found = [float(inductive_bias_complexity(rows[:, :width], labels).log10_bits) for width in (2, 4, 6, 10)]
    assert found == sorted(found)
    lower = inductive_bias_complexity(rows, labels, error=0.001)
    assert float(lower.bits) > float(inductive_bias_complexity(rows, labels).bits)


def test_beyond_float64_the_logarithm_stays():
    rng = np.random.default_rng(3)
    rows = np.concatenate([rng.standard_normal((200, 60)), rng.standard_normal((1, 60)) * 1e14])
    labels = np.arange(201) % 2
    found = inductive_bias_complexity(rows, labels)
    assert isinstance(found.bits, Missing)
    assert found.bits.outcome is Outcome.BEYOND_FLOAT
    assert float(found.log10_bits) > 308
    assert "bits" not in found.intervals
    ends = found.intervals["log10_bits"]
    assert float(ends.low) < float(found.log10_bits) < float(ends.high)
    assert float(ends.se) == pytest.approx((float(ends.high) - float(ends.low)) / 2 / 1.96, rel=0.05)


def test_refusals():
    rows = np.random.default_rng(4).random((60, 3))
    twice = rows.copy()
    twice[1] = twice[0]
    # Two tight balls on opposite sides of the origin: a coarse function tells them apart.
    apart = np.random.default_rng(5).standard_normal((400, 20)) + 1e4 * np.repeat([[1.0], [-1.0]], 200, axis=0)
    for given, labels, outcome in (
        (rows, np.zeros(60, dtype=int), Outcome.ONE_CLASS),
        (twice, np.arange(60) % 2, Outcome.COINCIDENT_CLASSES),
        (rows[:5], np.arange(5) % 2, Outcome.TOO_FEW_POINTS),
        (apart, np.repeat([0, 1], 200), Outcome.NO_COMPLEXITY),
    ):
        with pytest.raises(Refusal) as refused:
            inductive_bias_complexity(given, labels, error=0.9)
        assert refused.value.outcome is outcome
        assert refused.value.measure == "inductive_bias_complexity"
