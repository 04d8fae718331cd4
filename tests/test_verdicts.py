"""The verdicts, from weights to words: on random networks, and on what is planted among random layers."""

import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import theodolite as td
from theodolite.reports.questions import judge
from theodolite.testing import heavy_tailed, low_rank

READ_BY_RULES = ["power_law", "stable_rank", "effective_rank"]
BLOCK = {
    "attention.self.query": (384, 384),
    "attention.self.key": (384, 384),
    "attention.self.value": (384, 384),
    "attention.output.dense": (384, 384),
    "intermediate.dense": (1536, 384),
    "output.dense": (384, 1536),
}
MINILM = {f"encoder.layer.{block}.{name}": shape for block in range(6) for name, shape in BLOCK.items()}
MINILM |= {"pooler.dense": (384, 384)}
SHAPES = sorted(set(BLOCK.values()))


def normal(rng, shape):
    """Draw entries as BERT initialises them."""
    return 0.02 * rng.standard_normal(shape)


def uniform(rng, shape):
    """Draw entries as a linear layer of torch initialises them."""
    return rng.uniform(-1.0, 1.0, shape) / np.sqrt(shape[1])


def spiked(rng, shape, times):
    """Draw a random layer with one direction whose size is so many times the largest singular value of the noise."""
    left, right = (rng.standard_normal(side) for side in shape)
    edge = 0.02 * (np.sqrt(shape[0]) + np.sqrt(shape[1]))
    return normal(rng, shape) + times * edge * np.outer(left / np.linalg.norm(left), right / np.linalg.norm(right))


def product(rng, rows, columns):
    """Multiply two Gaussian factors of an eighth of the rank, and add noise of a tenth of their entries' size."""
    rank = min(rows, columns) // 8
    factors = rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, columns))
    return 0.02 * (factors / np.sqrt(rank) + 0.1 * rng.standard_normal((rows, columns)))


def verdicts_of(layers):
    """Survey weights, stored in float32, and give the verdicts of each."""
    stored = {f"{name}.weight": matrix.astype(np.float32) for name, matrix in layers.items()}
    judgements = judge(td.survey(stored, READ_BY_RULES))
    assert not any(judgement.apart for judgement in judgements)
    return {judgement.layer.name: judgement.verdicts for judgement in judgements}


@pytest.mark.parametrize("initialised", [normal, uniform], ids=["normal", "uniform"])
def test_an_untrained_minilm_looks_untrained(initialised):
    found = Counter()
    for seed in range(3):
        rng = np.random.default_rng(seed)
        verdicts = verdicts_of({name: initialised(rng, shape) for name, shape in MINILM.items()})
        assert verdicts.keys() == MINILM.keys()
        found.update(verdict for several in verdicts.values() for verdict in several)
    assert found.total() == 3 * 37
    assert found["looks untrained"] >= 0.9 * found.total()
    # The rule is made to miss one random layer in twenty; what it misses is not taken for something else.
    assert found.keys() <= {"looks untrained", "no finding"}


def test_planted_layers_are_found_and_nothing_else_is():
    rng = np.random.default_rng(10)
    layers = {name: normal(rng, shape) for name, shape in MINILM.items()}
    of_low_rank = {
        "encoder.layer.1.attention.self.key": product(rng, 384, 384),
        "encoder.layer.2.intermediate.dense": product(rng, 1536, 384),
        "encoder.layer.4.output.dense": product(rng, 384, 1536),
        "encoder.layer.5.intermediate.dense": low_rank(1536, 384, 48, size=1.0, noise=0.002, rng=rng),
    }
    with_heavy_tails = {
        "encoder.layer.0.attention.output.dense": 0.02 * heavy_tailed(384, 384, 1.6, rng=rng),
        "encoder.layer.3.intermediate.dense": 0.02 * heavy_tailed(1536, 384, 1.6, rng=rng),
    }
    verdicts = verdicts_of(layers | of_low_rank | with_heavy_tails)
    heavier = {name for name, several in verdicts.items() if "heavier than 2" in several}
    lower = {name for name, several in verdicts.items() if "low rank" in several}
    assert heavier == with_heavy_tails.keys()
    # So heavy a tail leaves little to the other directions, which makes its effective rank a third of the side.
    assert lower == of_low_rank.keys() | with_heavy_tails.keys()
    others = [several for name, several in verdicts.items() if name not in lower]
    assert set(others) <= {("looks untrained",), ("no finding",)}
    assert others.count(("looks untrained",)) >= 0.9 * len(others)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_strong_direction_is_a_trace_of_training(shape):
    rng = np.random.default_rng(20)
    verdicts = verdicts_of({f"layer{i}": spiked(rng, shape, 1.2) for i in range(10)})
    assert set(verdicts.values()) == {("no finding",)}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_direction_lost_in_the_noise_is_none(shape):
    rng = np.random.default_rng(21)
    verdicts = verdicts_of({f"layer{i}": spiked(rng, shape, 0.2) for i in range(20)})
    assert list(verdicts.values()).count(("looks untrained",)) >= 17


@pytest.mark.parametrize(("alpha", "heavier"), [(1.6, True), (1.9, False), (2.6, False)])
def test_only_tails_that_are_surely_heavier_than_2_are_called_so(alpha, heavier):
    # The interval around 1.9 reaches 2 with 256 eigenvalues.
    verdicts = verdicts_of({f"layer{i}": heavy_tailed(256, 320, alpha, rng=i) for i in range(3)})
    assert {"heavier than 2" in several for several in verdicts.values()} == {heavier}


def test_the_documentation_prints_the_verdicts_that_minilm_gets(minilm):
    path = Path(__file__).resolve().parents[1] / "studies" / "minilm_verdicts.py"
    specification = importlib.util.spec_from_file_location("minilm_verdicts", path)
    study = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(study)
    page = study.PAGE.read_text(encoding="utf-8")
    assert study.written(page, study.table(minilm)) == page, f"run {path.name}"
