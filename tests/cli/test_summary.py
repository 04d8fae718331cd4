"""The summary at the end of a survey: what it counts, and which layers it names."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from theodolite.cli.summary import show_summary
from theodolite.surveys import survey


def shown(weights: dict[str, np.ndarray], width: int = 200) -> str:
    out = io.StringIO()
    show_summary(Console(file=out, width=width, markup=False, highlight=False), survey(weights))
    return out.getvalue()


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    """Two random layers, one of low rank, one with a heavy tail, an embedding and a small one."""
    rng = np.random.default_rng(3)
    made = {f"layers.{i}.mlp.up_proj.weight": rng.standard_normal((160, 160)) for i in range(2)}
    thin = rng.standard_normal((160, 12)) @ rng.standard_normal((12, 160))
    made["layers.2.mlp.up_proj.weight"] = thin + 0.01 * rng.standard_normal((160, 160))
    heavy = rng.pareto(0.35, 160) + 1  # squared singular values with a density exponent well below 2
    left, right = (np.linalg.qr(rng.standard_normal((160, 160)))[0] for _ in range(2))
    made["layers.3.mlp.up_proj.weight"] = left * np.sqrt(heavy) @ right
    made["embed_tokens.weight"] = rng.standard_normal((300, 80))
    made["layers.0.mlp.small.weight"] = rng.standard_normal((30, 30))
    made["layers.0.mlp.up_proj.bias"] = rng.standard_normal(160)
    return made


def test_headline_counts_layers_and_names_the_others_apart(weights):
    told = shown(weights)
    assert "6 matrices measured" in told
    assert "1 tensor not" in told
    assert "Of 4 layers" in told
    assert "1 × embedding" in told
    assert "smaller side below 64" in told


def test_each_verdict_is_named_with_its_evidence(weights):
    told = shown(weights)
    table = told[told.index("most notable") :]
    for layer, verdict in (("2", "low rank"), ("3", "heavier than 2"), ("[01]", "looks untrained")):
        assert re.search(rf"^layers\.{layer}\.mlp\.up_proj +{verdict} ", table, re.MULTILINE), told
    assert "interval" in table
    assert "chance" in table


def test_one_verdict_hides_no_other(weights):
    """Many of one kind leave room for the one of another kind."""
    rng = np.random.default_rng(5)
    many = {f"layers.{i}.attn.q_proj.weight": rng.standard_normal((128, 128)) for i in range(10, 20)}
    table = shown({**weights, **many}).partition("most notable")[2]
    assert "low rank" in table
    assert "heavier than 2" in table
    assert len([line for line in table.splitlines() if line.startswith("layers.")]) == 5


def test_long_names_keep_their_end(weights):
    long = {f"{'model.' * 12}layers.2.mlp.up_proj.weight": weights["layers.2.mlp.up_proj.weight"]}
    told = shown(long)
    line = next(line for line in told.splitlines() if line.startswith("…"))
    assert line.split()[0].endswith("layers.2.mlp.up_proj")


def test_nothing_to_measure_is_said():
    told = shown({"bias": np.ones(5)})
    assert "nothing measured" in told
    assert "1 tensor not" in told
