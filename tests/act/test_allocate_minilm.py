"""The allocations of all-MiniLM-L6-v2, against numbers computed apart from this package."""

import json

import numpy as np
import pytest

from theodolite.act import allocate
from theodolite.numerics.apportion import apportion

EXPERTS = [3, 5, 6, 5, 4, 7]

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def reference(shared):
    return json.loads((shared / "reference/ref_spectra.json").read_text())["minilm_allocation"]


def test_the_experts_follow_from_the_exponents(reference):
    exponents = np.array([row["alphalora_alpha"] for row in reference["layers"].values()]).reshape(6, 6).mean(axis=1)
    found = apportion(exponents ** reference["alphalora"]["beta"], reference["alphalora"]["T"])
    assert exponents == pytest.approx(reference["alphalora"]["block_alpha"])
    assert found.shares == pytest.approx(reference["alphalora"]["share"])
    assert found.counts.tolist() == reference["alphalora"]["largest_remainder"] == EXPERTS


def test_experts_by_the_released_code(reference, minilm):
    plan = allocate(minilm, method="alphalora", budget=30, alpha="released")
    assert [block.experts for block in plan.blocks] == EXPERTS
    assert [block.alpha for block in plan.blocks] == pytest.approx(reference["alphalora"]["block_alpha"], rel=1e-9)
    assert [block.share for block in plan.blocks] == pytest.approx(reference["alphalora"]["share"], rel=1e-9)
    exponents = {layer.module.removeprefix("encoder.layer."): layer.score for layer in plan.layers}
    assert exponents == pytest.approx(
        {name: row["alphalora_alpha"] for name, row in reference["layers"].items()}, rel=1e-9
    )


def test_experts_by_the_papers_exponent_are_others(reference, minilm):
    plan = allocate(minilm, method="alphalora", budget=30)
    exponents = {layer.module.removeprefix("encoder.layer."): layer.score for layer in plan.layers}
    assert exponents == pytest.approx({name: row["hill_half"] for name, row in reference["layers"].items()}, rel=1e-9)
    assert [block.experts for block in plan.blocks] == [5, 5, 5, 4, 5, 6]
    assert "PL_Alpha_Hill" in plan.headline()


@pytest.mark.parametrize("percent", ["10", "20", "30", "40", "50", "60", "70"])
def test_the_threshold_is_the_exact_order_statistic(reference, minilm, percent):
    row = reference["welore"][percent]
    plan = allocate(minilm, method="welore", budget=int(percent) / 100)
    total = sum(layer.side for layer in plan.layers)
    gone = total - sum(layer.kept for layer in plan.layers)
    assert 0 <= int(percent) / 100 * total - gone < 1
    # The reference interpolates nothing either, and may take the next one.
    assert plan.threshold == pytest.approx(row["tau_exact_quantile"], rel=2e-3)


@pytest.mark.parametrize("percent", ["10", "20", "30", "40", "50", "60", "70"])
def test_what_stays_at_the_references_threshold(reference, minilm, percent):
    row = reference["welore"][percent]
    plan = allocate(minilm, method="welore", budget=row["achieved"])
    assert plan.threshold >= row["tau_grid_0p005"]
    assert sum(layer.rank == 0 for layer in plan.layers) == row["n_layers_factorising_would_not_save"]
    half = allocate(minilm, method="welore", budget=row["achieved"], min_share=0.5)
    assert sum(layer.component == "LRC" for layer in half.layers) == row["n_LRC_gt50"]
    if row["kept"]:
        assert {layer.module.removeprefix("encoder.layer."): layer.kept for layer in plan.layers} == row["kept"]
