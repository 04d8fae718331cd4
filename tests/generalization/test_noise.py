"""Levels of noise: the search, the batch normalisations, and where the released code differs."""

import math

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Outcome, Refusal
from theodolite.generalization.folding import foldings
from theodolite.generalization.noise import noise_level
from theodolite.surveys.arrays import held_arrays


@pytest.mark.parametrize("level", [1e-5, 0.013, 0.2, 0.7, 60.0, 1500.0])
def test_the_search_finds_a_level_wherever_it_lies(level):
    asked = []

    def displacement(x):
        asked.append(x)
        return 0.1 * (x / level) ** 1.5

    assert noise_level(displacement, 0.1) == pytest.approx(level, rel=2e-3)
    assert len(asked) < 40


def test_a_jump_is_found_where_it_is():
    assert noise_level(lambda x: 0.0 if x < 0.31 else math.inf, 0.1) == pytest.approx(0.31, rel=2e-3)


def test_what_no_noise_moves_or_any_noise_moves_too_far_is_refused():
    for displacement in (lambda x: 0.05, lambda x: 0.4 + x):
        with pytest.raises(Refusal) as refused:
            noise_level(displacement, 0.1)
        assert refused.value.outcome is Outcome.NO_NOISE_LEVEL


@pytest.mark.torch
def test_the_released_code_draws_noise_with_the_square_as_its_deviation(torch):
    """Where a deviation s = δ/(√2 z) turns one row in ten, it says σ = √s."""
    delta, rows, z, epsilon = 0.02, 12_000, 1.2815515655446004, 1e-3
    model = torch.nn.Embedding.from_pretrained(torch.tensor([[delta, 0.0]]).repeat(rows, 1))
    data = (torch.arange(rows), torch.zeros(rows, dtype=torch.long))
    found = td.generalization_metrics(model, data=data, convention="authors")
    assert found.sigma == pytest.approx(math.sqrt(delta / (math.sqrt(2) * z)), rel=0.05)
    assert found.sigma < 0.2
    # (σ²δ² + ε²)² + ε⁴ = (δ/z)² needs a σ far beyond the upper limit of its search, and the limit is what it gives.
    assert math.sqrt((delta / z - epsilon**2) / delta**2) > 0.2
    assert found.magnitude_sigma == 0.2
    ours = td.generalization_metrics(model, data=data)
    assert ours.sigma == pytest.approx(delta / (math.sqrt(2) * z), rel=0.01)


@pytest.mark.torch
def test_the_released_code_disturbs_biases_and_counts_vectors(torch):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 3))
    data = (torch.randn(60, 4), torch.zeros(60, dtype=torch.long))
    ours, theirs = (td.generalization_metrics(net, data=data, convention=c) for c in ("theodolite", "authors"))
    assert (ours.layers, theirs.layers) == (2, 3)
    gain = float((net[1].weight.detach() ** 2).sum())
    assert theirs["PARAM_NORM"].value ** 2 == pytest.approx(ours["PARAM_NORM"].value ** 2 + gain / 60, rel=1e-6)


def test_a_law_that_the_released_notebook_prints_for_another():
    rng = np.random.default_rng(0)
    weights = {"a.weight": rng.standard_t(3, size=(300, 200))}
    theirs = td.generalization_metrics(weights, convention="authors")
    assert theirs["EXP_lambda"].value == theirs["E_TPL_lambda"].value
    ours = td.generalization_metrics(weights)
    assert ours["EXP_lambda"].value != pytest.approx(ours["E_TPL_lambda"].value, rel=0.1)
    fit = td.spectra.exponential_tail(weights["a.weight"], xmin="peak")
    assert ours["EXP_lambda"].value == pytest.approx(float(fit.rate), rel=1e-12)


# batch normalisation folded


def normalised(gain, variance, shape=(4, 3, 2, 2), names=("conv1", "bn1")):
    rng = np.random.default_rng(1)
    conv, norm = names
    return {
        f"{conv}.weight": rng.normal(size=shape),
        f"{norm}.weight": np.asarray(gain),
        f"{norm}.bias": np.zeros(shape[0]),
        f"{norm}.running_mean": np.zeros(shape[0]),
        f"{norm}.running_var": np.asarray(variance),
    }


@pytest.mark.parametrize(
    "names",
    [
        ("conv1", "bn1"),
        ("layer1.0.conv2", "layer1.0.bn2"),
        ("conv_stem", "bn_stem"),
        ("0", "1"),
        ("down.0", "down.1"),
        ("block.conv", "block.norm"),
        ("head.fc3", "head.batch_norm3"),
    ],
)
def test_norms_are_those_of_the_product_of_weight_and_scale(names):
    gain, variance = np.array([2.0, -1.0, 0.5, 3.0]), np.array([4.0, 0.25, 1.0, 9.0])
    tensors = normalised(gain, variance, names=names)
    found = td.generalization_metrics(tensors)
    kernel = tensors[f"{names[0]}.weight"] * (gain / np.sqrt(variance + 1e-5))[:, None, None, None]
    assert dict(found.folded) == {f"{names[0]}.weight": names[1]}
    assert found["PARAM_NORM"].value == pytest.approx(math.sqrt(float((kernel**2).sum())), rel=1e-12)
    # The measures of the spectrum look at the kernel as it is stored.
    stored = tensors[f"{names[0]}.weight"].reshape(4, -1)
    assert found["log_norm"].value == pytest.approx(math.log10((stored**2).sum()), rel=1e-12)


def test_the_released_code_counts_the_ones_that_folding_leaves():
    """Where a name gives the gain away it leaves it out; in a Sequential it has none."""
    gain, variance = np.array([2.0, -1.0, 0.5, 3.0]), np.array([4.0, 0.25, 1.0, 9.0])
    named, unnamed = (normalised(gain, variance, names=names) for names in (("conv1", "bn1"), ("0", "1")))
    first, second = (td.generalization_metrics(t, t, convention="authors") for t in (named, unnamed))
    assert (first.layers, second.layers) == (1, 2)
    assert second["PARAM_NORM"].value ** 2 == pytest.approx(first["PARAM_NORM"].value ** 2 + 4, rel=1e-12)
    assert second["FRO_DIST"].value == 0.0


def test_the_start_is_folded_by_its_own_statistics():
    now, start = normalised([2.0] * 4, [1.0] * 4), normalised([1.0] * 4, [4.0] * 4)
    found = td.generalization_metrics(now, start)
    kernel = now["conv1.weight"]
    apart = kernel * 2 / math.sqrt(1 + 1e-5) - kernel / math.sqrt(4 + 1e-5)
    assert found["FRO_DIST"].value == pytest.approx(math.sqrt(float((apart**2).sum())), rel=1e-12)


def test_a_normalisation_of_another_size_or_name_is_not_folded():
    for tensors in (
        normalised([1.0] * 4, [1.0] * 4, names=("conv2", "bn1")),
        {**normalised([1.0] * 4, [1.0] * 4), "conv1.weight": np.ones((5, 3, 2, 2))},
    ):
        assert foldings(held_arrays(tensors), lambda norm: 1e-5) == {}


@pytest.mark.torch
def test_rescaling_what_a_normalisation_undoes_changes_no_metric_of_the_network(torch):
    """Kernel times 10 and running variance times 100 are the same function, and have the same folded norms."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3, bias=False), torch.nn.BatchNorm2d(6, eps=0.0), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(24, 2),
    ).eval()  # fmt: skip
    images = torch.randn(80, 1, 4, 4)
    labels = net(images).argmax(-1)
    first = td.generalization_metrics(net, data=(images, labels))
    with torch.no_grad():
        net[0].weight *= 10
        net[1].running_var *= 100
    second = td.generalization_metrics(net, data=(images, labels))
    for name in ("PARAM_NORM", "LOG_PROD_OF_SPEC_OVER_MARGIN", "PATH_NORM", "PACBAYES_FLATNESS", "PACBAYES_ORIG",
                 "PACBAYES_MAG_FLATNESS"):  # fmt: skip
        assert second[name].value == pytest.approx(first[name].value, rel=1e-4), name
    assert second["log_norm"].value != pytest.approx(first["log_norm"].value, rel=0.01)
