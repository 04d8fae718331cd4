"""Rows hold a finite value or an outcome, never both and never neither."""

import json
import pickle

import pytest

from theodolite.core import Outcome, ReadingRow, TargetRow, canonical_json
from theodolite.core.rows import READING_COLUMNS, SCHEMA_VERSION, TARGET_COLUMNS, VOLATILE

NUMBERS = ("value", "se", "low", "high", "level", "chance", "percentile", "p_value")


def row(**columns):
    return ReadingRow(**{"target": "m:a", "measure": "hill", "value": 2.0, **columns})


@pytest.mark.parametrize("column", NUMBERS)
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_no_number_is_infinite(column, wrong):
    with pytest.raises(ValueError, match=f"m:a hill.value: {column} is .*a failure never becomes a number"):
        row(**{column: wrong})


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_value_excludes_a_refusal_and_wants_at_most_a_note(outcome):
    if outcome.severity == "note":
        assert row(outcome=outcome.name).status == "note"
        with pytest.raises(ValueError, match="needs an outcome that says why"):
            row(value=None, outcome=outcome.name)
    else:
        with pytest.raises(ValueError, match=f"{outcome.name} takes the place of a value, got 2.0"):
            row(outcome=outcome.name)
        assert (
            row(value=None, outcome=outcome.name).status == {"refused": "skipped", "failed": "failed"}[outcome.severity]
        )


def test_a_row_with_neither_is_refused():
    with pytest.raises(ValueError, match="a row without a value needs an outcome"):
        row(value=None)
    with pytest.raises(ValueError, match="outcome 'ODD' is not in the enumeration"):
        row(outcome="ODD")


def test_names_and_status():
    assert (row().name, row(field="alpha").name, row().status) == ("hill", "hill.alpha", "ok")


@pytest.mark.parametrize(
    "original",
    [
        row(se=0.1, low=1.0, high=3.0, level=0.95, params='{"k":3}', seed=7),
        row(value=None, outcome="ALL_ZERO"),
        TargetRow(target="m:a", model="m", module="a", shape=(3, 4), block=2, parameters=12),
        TargetRow(target="m:b", model="m", module="b", listed_because="1-D"),
    ],
)
def test_rows_survive_json_and_pickling(original):
    assert type(original).from_dict(json.loads(canonical_json(original.to_dict()))) == original
    assert pickle.loads(pickle.dumps(original)) == original
    assert hash(original) == hash(type(original).from_dict(original.to_dict()))


def test_unknown_columns_are_refused():
    with pytest.raises(TypeError, match="worker"):
        ReadingRow.from_dict({**row().to_dict(), "worker": 3})


def test_shapes_are_tuples_of_integers():
    import numpy as np

    assert TargetRow(target="m:a", model="m", module="a", shape=[np.int64(3), 4]).shape == (3, 4)


def test_the_schema_is_pinned():
    # A column that comes, goes or changes its meaning raises SCHEMA_VERSION; old runs are read by it.
    assert SCHEMA_VERSION == 1
    assert (
        *("target", "model", "module", "part", "role", "block", "shape", "dtype", "parameters", "view", "convention"),
        *("fingerprint", "file", "tied_to", "listed_because"),
    ) == TARGET_COLUMNS
    assert (
        *("target", "measure", "field", "against", "value", "se", "low", "high", "level", "chance", "percentile"),
        *("p_value", "unit", "outcome", "note", "params", "array", "seconds", "device", "seed", "version", "key"),
    ) == READING_COLUMNS
    assert VOLATILE == ("seconds", "device")
