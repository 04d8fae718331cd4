"""snr_distance: noise over signal, row by row."""

from itertools import permutations

import numpy as np
import pytest

from theodolite.core import CrossMoments, Outcome, Pair
from theodolite.similarity import snr_distance


def by_definition(x, y):
    return np.mean([np.var(b - a) / np.var(a) for a, b in zip(x, y, strict=True)])


def test_agrees_with_the_definition():
    x, y = np.random.default_rng(0).standard_normal((2, 30, 7)) + 3.0
    assert snr_distance(x, y) == pytest.approx(by_definition(x, y), rel=1e-13)
    assert snr_distance(y, x) == pytest.approx(by_definition(y, x), rel=1e-13)
    assert snr_distance(x, y) != pytest.approx(snr_distance(y, x), rel=1e-3)


def test_of_noise_of_a_known_size():
    rng = np.random.default_rng(1)
    x = 2.0 * rng.standard_normal((200, 400))
    noise = 0.5 * rng.standard_normal((200, 400))
    assert snr_distance(x, x + noise) == pytest.approx((0.5 / 2.0) ** 2, rel=0.02)


def test_a_constant_in_a_row_is_no_noise():
    x = np.random.default_rng(2).standard_normal((20, 5))
    assert snr_distance(x, x + np.arange(20.0)[:, None]) == pytest.approx(0.0, abs=1e-25)
    assert snr_distance(x, x + np.arange(5.0)) > 0.5


def test_violates_the_triangle_inequality():
    # Noise counts squared: two steps of half the way are half of the whole.
    x, z = np.random.default_rng(3).standard_normal((2, 10, 50))
    y = (x + 2 * z) / 3
    assert snr_distance(x, z) > snr_distance(x, y) + snr_distance(y, z) + 0.1


def test_the_chance_level_is_the_mean_over_all_orders():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((6, 4))
    y = x + 0.5 * rng.standard_normal((6, 4)) + 1.0
    mean = np.mean([snr_distance(x, y[list(order)]) for order in permutations(range(6))])
    assert snr_distance.traits.chance(Pair(x, y), {}) == {"value": pytest.approx(mean, rel=1e-12)}


@pytest.mark.parametrize("flat", [0.0, 0.1, -7e5])
def test_a_row_without_signal_is_refused(refusal, flat):
    x, y = np.random.default_rng(5).standard_normal((2, 10, 7))
    x[3] = flat
    assert refusal(snr_distance, x, y) is Outcome.FLAT_ROWS
    assert np.isfinite(snr_distance(y, x))


def test_a_dead_layer_is_not_at_distance_one(refusal):
    x = np.random.default_rng(8).standard_normal((10, 7))
    assert refusal(snr_distance, x, np.full((10, 7), 0.3)) is Outcome.FLAT_ROWS
    assert refusal(snr_distance, x, np.arange(10.0)[:, None] * np.ones(7)) is Outcome.FLAT_ROWS


@pytest.mark.parametrize("factor", [1e-160, 1e160])
def test_what_has_no_squares_in_float64_is_refused(refusal, factor):
    x, y = np.random.default_rng(9).standard_normal((2, 10, 7))
    assert refusal(snr_distance, factor * x, y) is Outcome.OUT_OF_RANGE
    assert refusal(snr_distance, x, factor * y) is Outcome.OUT_OF_RANGE


def test_other_features_are_refused(refusal):
    x = np.random.default_rng(6).standard_normal((10, 7))
    assert refusal(snr_distance, x, x[:, :5]) is Outcome.DIFFERENT_WIDTHS
    stream = CrossMoments()
    stream.update({"x": x, "y": x})
    assert refusal(snr_distance, stream) is Outcome.NEEDS_ROWS


@pytest.mark.torch
def test_gradients(torch):
    x, y = (torch.tensor(rows, requires_grad=True) for rows in np.random.default_rng(7).standard_normal((2, 5, 4)))
    assert torch.autograd.gradcheck(snr_distance, (x, y))
