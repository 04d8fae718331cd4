"""No measure changes its numbers without raising its version: stored readings are reused by version."""

import importlib.util
from pathlib import Path

import pytest

from theodolite.catalogue import family, measures

RECORD = Path(__file__).resolve().parent / "golden" / "record.py"


def load():
    specification = importlib.util.spec_from_file_location("golden_record", RECORD)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


record = load()
OURS = sorted(name for name, measure in measures().items() if measure.__module__.startswith("theodolite."))
AGAIN = "run tests/golden/record.py"
BY_EXTRA = {"soft_matching": "ot"}
"""Measures that refuse some of the data where a package is missing, with the package and the extra of that name."""


@pytest.mark.parametrize("name", OURS)
def test_numbers_change_with_the_version_only(name: str):
    if name in BY_EXTRA:
        pytest.importorskip(BY_EXTRA[name], reason=f"needs the extra [{BY_EXTRA[name]}]")
    known = record.recorded(family(measures()[name]))
    assert name in known, f"{name} has no golden numbers; {AGAIN}"
    today = record.golden(name)
    assert known[name]["version"] == today["version"], f"{name}: version {today['version']} is new; {AGAIN}"
    moved = record.changed(known[name], today)
    assert not moved, f"{name} gives other numbers ({', '.join(moved)}); raise its version, then {AGAIN}"
    assert known[name]["values"].keys() == today["values"].keys(), f"{name} gives numbers that are new; {AGAIN}"


def test_nothing_is_recorded_that_is_gone():
    for path in RECORD.parent.glob("*.json"):
        assert set(record.recorded(path.stem)) == {name for name in OURS if family(measures()[name]) == path.stem}


def test_a_change_is_seen():
    old = {"values": {"a": 1.0, "b": 0.0, "c": None, "gone": 1.0}}
    new = {"values": {"a": 1.0 + 1e-8, "b": 1e-13, "c": 2.0, "come": 1.0}}
    assert record.changed(old, new) == ["a", "c", "gone"]
    assert record.changed(old, old) == []


def test_a_number_that_changed_is_not_recorded_under_its_old_version(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "FOLDER", tmp_path)
    record.main()
    path = tmp_path / "spectra.json"
    first = path.read_text()
    record.main()
    assert path.read_text() == first
    path.write_text(first.replace('"version": 1', '"version": 0', 1))
    record.main()
    assert path.read_text() == first
    genuine = record.golden
    monkeypatch.setattr(record, "golden", lambda name: {**genuine(name), "values": {"lattice.value": 1.0}})
    with pytest.raises(SystemExit, match="changed; raise its version first"):
        record.main()
    assert path.read_text() == first
