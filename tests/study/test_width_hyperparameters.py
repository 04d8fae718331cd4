"""Learning rate and weight decay at another width: the invariant holds, and AdamW does what the law says."""

import math

import numpy as np
import pytest

import theodolite as td
from theodolite.core import ParameterError

CLASSES = ("matrix-like", "vector-like", "embedding", "head")


@pytest.mark.parametrize("times", [0.25, 0.5, 2, 3.7, 16, 1000])
def test_the_steady_scale_is_invariant(times):
    found = td.transfer_hyperparameters(2e-3, 0.3, width=96, target_width=96 * times)
    matrix = found["matrix-like"]
    assert matrix.learning_rate == pytest.approx(2e-3 / times)
    assert matrix.weight_decay == pytest.approx(0.3 * math.sqrt(times))
    scale = math.sqrt(matrix.learning_rate / matrix.weight_decay) * (96 * times) ** 0.75
    assert scale == pytest.approx(math.sqrt(2e-3 / 0.3) * 96**0.75)
    assert found.invariants == pytest.approx((scale, scale))


def test_the_version_without_square_roots_is_not_invariant():
    """An abstract that lost its roots has lambda ~ d: then the scale falls as d^-1.25 by its own law."""
    times = 4
    wrong = math.sqrt(2e-3 / times / (0.3 * times)) * (96 * times) ** 0.75
    assert wrong / (math.sqrt(2e-3 / 0.3) * 96**0.75) == pytest.approx(times**-0.25)
    assert (1 / times / times) * times**0.75 == pytest.approx(times**-1.25)


def test_other_parameters_keep_their_learning_rate_and_do_not_decay():
    found = td.transfer_hyperparameters(1e-3, 0.1, width=1, target_width=4, vector_learning_rate=5e-3)
    assert tuple(each.name for each in found.classes) == CLASSES
    for name in CLASSES[1:]:
        assert (found[name].learning_rate, found[name].weight_decay) == (5e-3, 0.0)
    plain = td.transfer_hyperparameters(1e-3, 0.1, width=1, target_width=4, vector_learning_rate=8e-3, head="plain")
    assert (plain["head"].learning_rate, plain["head"].weight_decay) == (2e-3, 0.0)


def test_the_same_width_changes_nothing():
    found = td.transfer_hyperparameters(1e-3, 0.1, width=7, target_width=7)["matrix-like"]
    assert (found.learning_rate, found.weight_decay) == (1e-3, 0.1)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"weight_decay": 0}, "no steady state"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"width": 0}, "width"),
        ({"target_width": math.inf}, "target_width"),
        ({"vector_learning_rate": 0}, "vector_learning_rate"),
        ({"head": "tied"}, "head"),
    ],
)
def test_bad_values_are_refused(changed, words):
    given = {"learning_rate": 1e-3, "weight_decay": 0.1, "width": 8, "target_width": 16, **changed}
    rates = given.pop("learning_rate"), given.pop("weight_decay")
    with pytest.raises(ParameterError, match=words):
        td.transfer_hyperparameters(*rates, **given)


def test_it_says_what_to_set_and_why():
    found = td.transfer_hyperparameters(3e-3, 0.1, width=256, target_width=1024)
    told = found.explain()
    assert "lr=0.00075, weight_decay=0.2; learning rate ~ 1/d, weight decay ~ sqrt(d) (arXiv:2510.15262)" in told
    assert "torch.optim.AdamW" in told
    assert found.to_dict()["classes"][0]["learning_rate"] == pytest.approx(7.5e-4)
    with pytest.raises(KeyError, match="no class is named 'bias'"):
        found["bias"]


def adamw(side, rate, decay, steps, seed=0):
    """AdamW on gradients that are noise, written out: w <- (1 - rate decay) w - rate m/sqrt(v)."""
    rng = np.random.default_rng(seed)
    weights, first, second = np.zeros((side, side)), np.zeros((side, side)), np.zeros((side, side))
    for step in range(1, steps + 1):
        gradient = rng.normal(size=(side, side))
        first += 0.1 * (gradient - first)
        second += 0.01 * (gradient**2 - second)
        update = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
        weights = (1 - rate * decay) * weights - rate * update
    return weights


def test_four_times_the_rate_over_the_decay_doubles_the_singular_values():
    before = np.linalg.svd(adamw(24, 2e-3, 4.0, 1500), compute_uv=False)
    after = np.linalg.svd(adamw(24, 4e-3, 2.0, 1500), compute_uv=False)
    assert after[0] / before[0] == pytest.approx(2, rel=0.06)
    assert td.spectra.frobenius_norm(np.diag(after)) / np.linalg.norm(before) == pytest.approx(2, rel=0.03)


@pytest.mark.torch
def test_pytorch_multiplies_the_decay_by_the_rate(torch):
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], lr=0.1, weight_decay=0.5)
    weight.grad = torch.zeros(3)
    optimizer.step()
    assert weight.detach().tolist() == pytest.approx([1 - 0.1 * 0.5] * 3)


@pytest.mark.torch
def test_the_simulated_optimiser_is_pytorchs(torch):
    rng = np.random.default_rng(0)
    weight = torch.nn.Parameter(torch.zeros(5, 5, dtype=torch.float64))
    optimizer = torch.optim.AdamW([weight], lr=2e-3, weight_decay=4.0, betas=(0.9, 0.99))
    for _ in range(50):
        weight.grad = torch.from_numpy(rng.normal(size=(5, 5)))
        optimizer.step()
    np.testing.assert_allclose(weight.detach().numpy(), adamw(5, 2e-3, 4.0, 50), rtol=1e-9, atol=1e-12)
