"""angular_cka: the angle between centred Gram matrices, which is a metric where CKA is none."""

from itertools import permutations

import numpy as np
import pytest

from theodolite.core import CrossMoments, Outcome
from theodolite.similarity import angular_cka, cka

ESTIMATORS = ["unbiased", "biased"]


def centred_gram(rows, estimator):
    """The Gram matrix, centred by definition, at norm 1."""
    k, n = rows @ rows.T, len(rows)
    if estimator == "biased":
        h = np.eye(n) - 1 / n
        k = h @ k @ h
    else:
        # U-centring by Székely and Rizzo (2014), section 3: sums over whole rows of a matrix with zero diagonal.
        np.fill_diagonal(k, 0.0)
        sums = k.sum(axis=0)
        k = k - sums[:, None] / (n - 2) - sums[None, :] / (n - 2) + k.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(k, 0.0)
        assert np.abs(k.sum(axis=0)).max() < 1e-9 * np.abs(k).max()
    return k / np.linalg.norm(k)


def angle_of_matrices(x, y, estimator):
    a, b = centred_gram(x, estimator), centred_gram(y, estimator)
    return 2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("shape", [(4, 2, 3), (30, 5, 4), (30, 50, 4), (25, 40, 60)])
def test_is_the_angle_of_centred_matrices(estimator, shape):
    rng = np.random.default_rng(0)
    rows, first, second = shape
    for mix in (0.0, 0.5, 3.0):
        x = rng.standard_normal((rows, first))
        y = mix * x @ rng.standard_normal((first, second)) + rng.standard_normal((rows, second))
        expected = angle_of_matrices(x, y, estimator)
        assert angular_cka(x, y, estimator=estimator) == pytest.approx(expected, rel=1e-11)
        assert np.cos(expected) == pytest.approx(cka(x, y, estimator=estimator), abs=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("case", ["R1", "R3", "R4"])
def test_biased_agrees_with_other_packages(references, case):
    found = angular_cka(*references.pair(case), estimator="biased")
    for package in ("netrep/linearcka_angle", "repsim/angular_cka_biased"):
        assert found == pytest.approx(references.values[f"{case}/{package}"], rel=1e-11)


@pytest.mark.shared
@pytest.mark.parametrize("names", ["XY", "XZ", "YZ"])
def test_biased_agrees_with_repsim_on_three_clouds(references, names):
    one, other = (references.arrays[f"R1/{name}"] for name in names)
    expected = references.values[f"R1/repsim/angular_cka_biased/length/{names}"]
    assert angular_cka(one, other, estimator="biased") == pytest.approx(expected, rel=1e-12)


@pytest.mark.shared
def test_biased_of_trained_image_networks(references):
    numbers = references.values
    x, y = (rows[:400] for rows in references.activations("MNIST_lay04"))
    found = angular_cka(x, y, estimator="biased")
    for package in ("netrep/linearcka_angle", "repsim/angular_cka_biased"):
        assert found == pytest.approx(numbers[f"svcca/MNIST_lay04(n=400 first)/{package}"], rel=1e-11)
    # netrep's number of all 1000 stored rows, to the six digits it was noted with.
    assert angular_cka(*references.activations("SVHN_lay06"), estimator="biased") == pytest.approx(0.510747, abs=5e-7)


@pytest.mark.shared
def test_biased_of_all_pairs_of_twenty_layers(references):
    names = [f"s{seed}_{layer}" for seed in range(5) for layer in ("mid", "hid", "post", "logits")]
    clouds = [references.arrays[f"mod/acts/{name}"].astype(np.float64) for name in names]
    expected = references.arrays["mod/D/netrep_cka_angle"]
    for i, one in enumerate(clouds):
        for j, other in enumerate(clouds[:i]):
            assert angular_cka(one, other, estimator="biased") == pytest.approx(expected[i, j], rel=1e-9)
        assert angular_cka(one, one.copy(), estimator="biased") < 1e-12


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("shape", [(60, 8), (20, 70), (6, 5)])
def test_of_a_rotated_copy_is_zero_to_rounding(estimator, shape):
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape) * np.logspace(0, -3, shape[1])
    rotation = np.linalg.qr(rng.standard_normal((shape[1], shape[1])))[0]
    for copy in (x @ rotation, 7.0 * x - 2.0, np.hstack([x @ rotation, np.zeros((shape[0], 3))])):
        assert angular_cka(x, copy, estimator=estimator) < 1e-12
        assert angular_cka(copy, x, estimator=estimator) < 1e-12


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("shape", [(60, 8, 8), (60, 8, 11), (20, 70, 70), (20, 9, 70)])
def test_small_angles_keep_their_digits(estimator, shape):
    rng = np.random.default_rng(2)
    rows, first, second = shape
    x, away = rng.standard_normal((rows, first)), rng.standard_normal((rows, second))
    copy = x @ np.linalg.qr(rng.standard_normal((second, second)))[0][:first]

    def angles(size):
        y = copy + size * away
        return angular_cka(x, y, estimator=estimator), angular_cka(y, x, estimator=estimator)

    for size in (1e-2, 1e-4, 1e-6):
        expected = angle_of_matrices(x, copy + size * away, estimator)
        assert angles(size) == pytest.approx((expected, expected), rel=1e-13 / size)
    (one, other), (smaller, _) = angles(1e-8), angles(1e-10)
    assert one == pytest.approx(other, rel=1e-6)
    assert one == pytest.approx(100 * smaller, rel=1e-4)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_moments_give_what_rows_give_and_can_t_tell_1e_7_from_zero(estimator):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((80, 6))
    rotation = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    for y, slack in ((x + rng.standard_normal((80, 6)), 1e-13), (x @ rotation, 1e-7)):
        stream = CrossMoments()
        for rows in np.array_split(np.arange(80), 5):
            stream.update({"x": x[rows], "y": y[rows]})
        assert angular_cka(stream, estimator=estimator) == pytest.approx(
            angular_cka(x, y, estimator=estimator), abs=slack
        )


def triples():
    """Three clouds that share something, of several widths, nearly alike or not."""
    rng = np.random.default_rng(4)
    for _ in range(60):
        rows = int(rng.integers(5, 12))
        common = rng.standard_normal((rows, 2))
        widths = rng.integers(1, 6, size=3)
        yield [
            common @ rng.standard_normal((2, width)) + rng.choice([0.1, 1.0]) * rng.standard_normal((rows, width))
            for width in widths
        ]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_is_a_metric(estimator):
    for clouds in triples():
        for x, y, z in permutations(clouds):
            direct = angular_cka(x, z, estimator=estimator)
            assert direct <= angular_cka(x, y, estimator=estimator) + angular_cka(y, z, estimator=estimator) + 1e-12
        assert angular_cka(x, y, estimator=estimator) == pytest.approx(
            angular_cka(y, x, estimator=estimator), rel=1e-12
        )
        assert angular_cka(x, y, estimator=estimator) > 0


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_one_less_cka_is_none(estimator):
    def gap(x, y):
        return 1 - cka(x, y, estimator=estimator)

    violations = sum(
        gap(x, z) > gap(x, y) + gap(y, z) + 1e-9 for clouds in triples() for x, y, z in permutations(clouds)
    )
    assert violations > 0


def test_unbiased_may_exceed_a_right_angle():
    found = [angular_cka(*np.random.default_rng(seed).standard_normal((2, 6, 4))) for seed in range(40)]
    assert max(found) > np.pi / 2 > min(found)
    assert max(found) <= np.pi


def test_degenerate_clouds_are_refused(refusal):
    x = np.random.default_rng(0).standard_normal((12, 3))
    assert refusal(angular_cka, x, np.ones((12, 2))) is Outcome.CONSTANT_CLOUD
    assert refusal(angular_cka, x[:3], x[:3]) is Outcome.FEWER_ROWS_THAN_NEEDED
    assert refusal(angular_cka, np.eye(12), x) is Outcome.EQUIDISTANT
    assert refusal(angular_cka, x[:2], x[:2], estimator="biased") is Outcome.FEWER_ROWS_THAN_NEEDED


@pytest.mark.torch
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("shape", [(9, 4), (7, 12)])
def test_gradients_far_and_near(torch, estimator, shape):
    rng = np.random.default_rng(5)
    x = torch.tensor(rng.standard_normal(shape))
    for size in (1.0, 1e-3):
        away = torch.tensor(rng.standard_normal(shape), requires_grad=True)
        assert torch.autograd.gradcheck(
            lambda step, size=size: angular_cka(x, x + size * step, estimator=estimator) / size, (away,), rtol=1e-4
        )
