"""Runs of earlier schemas still read: one folder of each stands here as it was written."""

from pathlib import Path

import numpy as np
import pytest

import theodolite as td
from theodolite.core.rows import SCHEMA_VERSION

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("schema", range(1, SCHEMA_VERSION + 1))
def test_a_run_of_this_schema_reads_to_the_byte(schema: int) -> None:
    readings = td.read_run(GOLDEN / f"schema{schema}")
    assert readings.canonical() == (GOLDEN / f"schema{schema}.canonical.jsonl").read_text(encoding="utf-8")


def test_its_arrays_are_there() -> None:
    readings = td.read_run(GOLDEN / "schema1")
    row = readings.where("power_law.alpha", module="layers.0.mlp.up").rows[0]
    eigenvalues = readings.array(row)
    assert eigenvalues.shape == (8,)
    rank = readings.where("stable_rank", module="layers.0.mlp.up").rows[0].value
    assert eigenvalues.sum() / eigenvalues[-1] == pytest.approx(rank, rel=1e-12)
    assert np.all(np.diff(eigenvalues) >= 0)


def test_it_holds_every_kind_of_row() -> None:
    readings = td.read_run(GOLDEN / "schema1")
    assert {row.status for row in readings} == {"ok", "note", "skipped"}
    assert {target.listed_because for target in readings.targets} == {"", "bias"}
    assert readings.target("arrays:layers.1.mlp.up.weight").shape == (7, 6)
    assert "arrays:*" in {row.target for row in readings}
