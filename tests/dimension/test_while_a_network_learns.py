"""Entropy, information and separability of a layer through a training: against the numbers that are known of it."""

import json

import numpy as np
import pytest

from theodolite.dimension import (
    class_separability,
    diffusion_spectral_entropy,
    diffusion_spectral_information,
    two_nn,
)
from theodolite.study import scaling_law

pytestmark = [pytest.mark.torch, pytest.mark.shared]

EPOCHS = (0, 1, 2, 5, 10, 20, 40)


@pytest.fixture(scope="module")
def known(shared):
    text = (shared / "reference" / "ref_dimension.json").read_text(encoding="utf-8")
    return json.loads(text)["dse_training"]


@pytest.fixture(scope="module")
def learn(torch, fashion, fashion_held_out):
    """Train on 6000 images with some labels, and give what the last hidden layer makes of 1000 others on the way."""
    images = torch.tensor(fashion[0][:6000] / 255).float()
    shown = torch.tensor(fashion_held_out[0][:1000] / 255).float()

    def layers(labels: np.ndarray, last: int, outputs: bool = False) -> list[np.ndarray]:
        torch.manual_seed(0)
        sizes = (784, 128, 64, 10)
        hidden = [part for i in range(2) for part in (torch.nn.Linear(*sizes[i : i + 2]), torch.nn.ReLU())]
        network = torch.nn.Sequential(*hidden, torch.nn.Linear(*sizes[2:]))
        optimizer = torch.optim.Adam(network.parameters(), 1e-3)
        wanted, found = torch.tensor(labels.astype(np.int64)), []
        for epoch in range(last + 1):
            if epoch in EPOCHS:
                with torch.no_grad():
                    found.append(network[: (5 if outputs else 4)](shown).numpy())
            for batch in torch.randperm(len(labels)).split(64):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(network(images[batch]), wanted[batch]).backward()
                optimizer.step()
        return found

    return layers


@pytest.fixture(scope="module")
def layers(learn, fashion):
    return learn(fashion[1][:6000], EPOCHS[-1])


@pytest.fixture(scope="module")
def labels(fashion_held_out):
    return fashion_held_out[1][:1000]


def entropies(layers, **fixed):
    return [float(diffusion_spectral_entropy(layer, **fixed).bits) for layer in layers]


def information(layers, labels):
    return [float(diffusion_spectral_information(layer, labels, bandwidth=10.0).bits) for layer in layers]


def test_the_entropy_rises_with_a_fixed_bandwidth(known, layers):
    found = entropies(layers, bandwidth=10.0, relative=False)
    # Other versions of a library train another network, of which no more is asked.
    assert found == pytest.approx(known["true_labels"]["DSE_sigma10"], rel=0.03, abs=0.01)
    assert found == sorted(found)


def test_with_one_by_the_median_it_falls_first(known, layers):
    found = entropies(layers)
    assert found == pytest.approx(known["true_labels"]["DSE_sigma_med_half"], abs=0.1)
    assert found[1] < found[0] - 2
    assert found[1:] == sorted(found[1:])


def test_labels_that_are_learnt_tell_more_and_random_ones_do_not(known, learn, layers, labels):
    found = information(layers, labels)
    assert found == pytest.approx(known["true_labels"]["DSMI_sigma10"], abs=0.08)
    assert max(found) == max(found[1:5]) > 1.5
    learnt_by_heart = learn(np.random.RandomState(1).randint(0, 10, 6000), 20)
    told = information(learnt_by_heart, labels)
    assert max(told) < 0.3
    assert told == pytest.approx(known["random_labels"]["DSMI_sigma10"][:6], abs=0.1)
    fixed = entropies(learnt_by_heart, bandwidth=10.0, relative=False)
    assert fixed == pytest.approx(known["random_labels"]["DSE_sigma10"][:6], abs=0.3)


def test_bars_shorten_while_classes_separate(known, layers, labels):
    means = [float(class_separability(layer).mean_length) for layer in layers]
    assert means == pytest.approx(known["true_labels"]["H0_mean_norm"], abs=0.05)
    ratios = [float(class_separability(layer, labels, normalised=False).fisher_ratio) for layer in layers]
    assert ratios == pytest.approx(known["true_labels"]["FDR"], rel=0.06)
    assert np.corrcoef(means, ratios)[0, 1] < -0.7
    assert [float(two_nn(layer).dimension) for layer in layers] == pytest.approx(
        known["true_labels"]["TwoNN"], rel=0.06
    )


def test_a_layer_has_fewer_dimensions_than_the_images_and_errors_fall_as_the_law_allows(
    learn, layers, labels, fashion, fashion_held_out
):
    sizes = (750, 1500, 3000, 6000)
    wrong = [np.mean(learn(fashion[1][:size], 10, outputs=True)[-1].argmax(axis=1) != labels) for size in sizes]
    found = scaling_law(
        wrong,
        sizes,
        dimension=two_nn(fashion[0][:6000] / 255),
        layers={str(epoch): two_nn(layer) for epoch, layer in zip(EPOCHS, layers, strict=True)},
    )
    assert 12 < 1 / found.promised.value < 16
    assert found.exponent.value > found.promised.value
    assert [bound.verdict for bound in found.layers[1:]] == ["holds"] * 6
