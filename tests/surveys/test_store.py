"""The run folder: what is kept, what is computed again, and what is refused."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Array, Field, Spectrum, measure
from theodolite.surveys import RunFolderError, RunLocked, Survey, read_run, set_aside
from theodolite.surveys import folder as run_folder
from theodolite.surveys.lock import FileLock

MOVES = ("scale", "permutation", "rotation", "transpose")
FREE = Field(unit="1", unspecified=MOVES)
Model = dict[str, np.ndarray]

HOLDER = """
import pathlib, sys
from theodolite.surveys.lock import FileLock
with FileLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

calls: list[object] = []
broken: list[object] = []


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    calls.clear()
    broken.clear()
    yield
    calls.clear()
    broken.clear()


@measure(cite="none")
def largest(spectrum: Spectrum, /, *, power: float = 1.0) -> Annotated[Array, FREE]:
    """Count how often it is asked."""
    calls.append(spectrum.shape)
    if broken:
        raise RuntimeError("not today")
    return spectrum.eigenvalues[-1] ** power


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "small.theodolite"


def test_what_lies_in_the_folder(model: Model, run: Path) -> None:
    td.survey(model, ["power_law"], store=run)
    assert sorted(path.name for path in run.iterdir()) == ["arrays", "readings", "survey.json", "survey.lock"]
    assert sorted(path.name for path in (run / "readings").iterdir()) == ["all.jsonl", "all.lock"]
    assert len(list((run / "arrays").iterdir())) == 6
    assert all(path.suffix == ".safetensors" for path in (run / "arrays").iterdir())
    manifest = json.loads((run / "survey.json").read_text())
    assert manifest["schema"] == 1
    assert [entry["models"] for entry in manifest["surveys"]] == [["arrays"]]
    assert Survey.from_dict(manifest["surveys"][0]["survey"]) == Survey.of(["power_law"])


def test_the_strength_of_every_trap_is_kept(run: Path) -> None:
    """They stand beside the eigenvalues, and a layer without traps has none to keep."""
    rng = np.random.default_rng(0)
    model = {name: rng.standard_normal((160, 150)) for name in ("a.weight", "b.weight")}
    model["a.weight"][3, 5], model["a.weight"][7, 9] = 60.0, -90.0
    stored = td.survey(model, ["power_law", "correlation_traps"], store=run)
    held = td.survey(model, ["power_law", "correlation_traps"])
    assert stored.canonical() == held.canonical() == read_run(run).canonical()
    assert len(list((run / "arrays").iterdir())) == 3
    for readings in (stored, held, read_run(run)):
        count, strength, mean = readings.where("correlation_traps", target="arrays:a.weight").rows
        strengths = readings.array(count)
        assert count.array == strength.array == mean.array
        assert count.array.endswith("#strengths")
        assert count.value == strengths.size == 2
        assert strengths[0] == strength.value
        assert list(strengths) == sorted(strengths, reverse=True)
        assert {row.array for row in readings.where("correlation_traps", target="arrays:b.weight")} == {""}
        lines = [json.loads(line) for line in readings.ndjson()]
        beside = [line["beside"] for line in lines if "beside" in line]
        assert beside == [{"strengths": list(strengths)}] * 3
        eigenvalues = readings.array(readings.where("power_law.alpha", target="arrays:a.weight").rows[0])
        assert eigenvalues.size == 150
    # Asked again with other parameters, they don't overwrite each other.
    more = td.survey(model, ["correlation_traps[shuffles=40]"], store=run)
    references = {row.array for row in more.where("correlation_traps.count", target="arrays:a.weight")}
    assert len(references) == 2
    assert all(more.array(reference).size == 2 for reference in references)


def test_what_the_bulk_of_an_unfolded_kernel_was_fitted_to_is_kept(run: Path) -> None:
    """It differs from the eigenvalues of the kernel, and stands in no table; other layers have no second spectrum."""
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((40, 30, 3, 3))
    kernel[:, :, 1, 1] *= 4
    model = {"conv.weight": kernel, "up.weight": rng.standard_normal((40, 30))}
    stored = td.survey(model, ["power_law", "marchenko_pastur"], store=run)
    assert len(list((run / "arrays").iterdir())) == 3
    for readings in (stored, read_run(run), td.survey(model, ["power_law", "marchenko_pastur"])):
        (row,) = readings.where("marchenko_pastur.edge", target="arrays:conv.weight").rows
        (law,) = readings.where("power_law.alpha", target="arrays:conv.weight").rows
        assert row.array.endswith("#balanced_eigenvalues")
        assert law.array.endswith("#eigenvalues")
        assert readings.array(row).shape == readings.array(law).shape == (40,)
        assert readings.array(row)[-1] < 1.2 * row.value < 0.8 * readings.array(law)[-1]
        assert {row.array for row in readings.where("marchenko_pastur", target="arrays:up.weight")} == {""}
        assert all("beside" not in json.loads(line) for line in readings.ndjson())


def test_readings_without_strengths_still_read(run: Path) -> None:
    """Runs of earlier versions referred to no array from these rows."""
    matrix = np.random.default_rng(0).standard_normal((80, 60))
    matrix[3, 5] = 40.0
    readings = td.survey({"a.weight": matrix}, ["correlation_traps"], store=run)
    from dataclasses import replace

    from theodolite.core import Readings

    old = Readings(readings.targets, [replace(row, array="") for row in readings])
    assert all("beside" not in json.loads(line) for line in old.ndjson())
    bare = Readings(readings.targets, readings.rows)
    assert all("beside" not in json.loads(line) for line in bare.ndjson())


def test_a_second_run_computes_nothing_and_writes_nothing(model: Model, run: Path) -> None:
    first = td.survey(model, [largest], store=run)
    content = (run / "readings" / "all.jsonl").read_bytes()
    assert len(calls) == 6
    second = td.survey(model, [largest], store=run)
    assert len(calls) == 6
    assert (run / "readings" / "all.jsonl").read_bytes() == content
    assert first.canonical() == second.canonical()
    assert len(json.loads((run / "survey.json").read_text())["surveys"]) == 1


def test_another_survey_adds_and_recomputes_nothing(model: Model, run: Path) -> None:
    td.survey(model, [largest], store=run)
    both = td.survey(model, Survey.of([largest, "stable_rank", "hill[k=5]"], layers="*mlp*"), store=run)
    assert len(calls) == 6
    assert {row.measure for row in both} == {"largest", "stable_rank", "hill"}
    assert len(both.where("largest", module="layers*").rows) == 6
    assert len(both.where("stable_rank", module="layers*").rows) == 3
    assert both.target("arrays:layers.0.attention.query.weight").listed_because == ""
    assert len(json.loads((run / "survey.json").read_text())["surveys"]) == 2


def test_other_parameters_and_seeds_stand_beside(model: Model, run: Path) -> None:
    from functools import partial

    td.survey(model, [largest, partial(largest, power=2.0)], store=run)
    readings = td.survey(model, Survey.of([largest], seed=5), store=run)
    assert len(calls) == 18
    assert {(row.params, row.seed) for row in readings} == {
        ('{"power":1.0}', 0),
        ('{"power":2.0}', 0),
        ('{"power":1.0}', 5),
    }


def test_what_was_read_last_counts_even_if_the_clock_was_set_back(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    td.survey({"a.weight": np.eye(9)}, ["stable_rank"], store=run)
    monkeypatch.setattr("time.time", lambda: 1000.0)
    readings = td.survey({"a.weight": np.diag([2.0, *[1.0] * 8])}, ["stable_rank"], store=run)
    assert [row.value for row in readings.where("stable_rank", module="a")] == [3.0]


def test_conventions_stand_beside_each_other(run: Path) -> None:
    kernel = {"conv.weight": np.random.default_rng(0).normal(size=(16, 8, 3, 3)).astype(np.float32)}
    td.survey(kernel, ["stable_rank"], store=run)
    td.survey(kernel, Survey.of(["stable_rank"], view="slices"), store=run)
    readings = td.survey(kernel, Survey.of(["stable_rank"], convention="weightwatcher"), store=run)
    assert [t.target for t in readings.targets] == [
        "arrays:conv.weight",
        "arrays@slices:conv.weight",
        "arrays@weightwatcher:conv.weight",
        "arrays:*",
        "arrays@slices:*",
        "arrays@weightwatcher:*",
    ]
    assert {row.value for row in readings if row.field == "value.count"} == {1.0}
    assert [t.shape for t in readings.targets[:3]] == [(16, 72), (9, 16, 8), (9, 16, 8)]


def test_a_kernel_without_an_operator_is_listed_and_leaves_its_other_readings_alone(run: Path) -> None:
    kernel = {"conv.weight": np.random.default_rng(0).normal(size=(16, 8, 41)).astype(np.float32)}
    before = td.survey(kernel, ["stable_rank"], store=run).where("stable_rank", module="conv").rows
    readings = td.survey(kernel, Survey.of(["stable_rank"], view="fft"), store=run)
    assert readings.where("stable_rank", module="conv").rows == before
    assert "at least 41" in readings.target("arrays@fft:conv.weight").listed_because


def test_chance_levels_are_added_and_not_taken_away(model: Model, run: Path) -> None:
    plain = Survey.of(["stable_rank"], chance=False)
    td.survey(model, plain, store=run)
    with_chance = td.survey(model, ["stable_rank"], store=run)
    assert all(row.chance is not None for row in with_chance.where(module="layers*"))
    assert td.survey(model, plain, store=run).canonical() == with_chance.canonical()
    assert with_chance.canonical() == td.survey(model, ["stable_rank"]).canonical()


def test_changed_content_supersedes_and_its_return_costs_nothing(model: Model, run: Path) -> None:
    name = "layers.0.mlp.up.weight"
    before = td.survey(model, [largest, "power_law"], store=run)
    changed = {**model, name: model[name] * 2}
    after = td.survey(changed, [largest, "power_law"], store=run)
    assert len(calls) == 7
    assert after.canonical() == td.survey(changed, [largest, "power_law"]).canonical()
    row = after.where("power_law.alpha", target=f"arrays:{name}").rows[0]
    assert after.array(row)[-1] == pytest.approx(
        4 * before.array(before.where("power_law.alpha", target=f"arrays:{name}").rows[0])[-1]
    )
    calls.clear()
    assert td.survey(model, [largest, "power_law"], store=run).canonical() == before.canonical()
    assert calls == []


def test_tensors_that_are_gone_are_dropped(model: Model, run: Path) -> None:
    td.survey(model, [largest], store=run)
    smaller = {name: array for name, array in model.items() if not name.startswith("layers.2")}
    assert td.survey(smaller, [largest], store=run).canonical() == td.survey(smaller, [largest]).canonical()


def test_a_matrix_that_became_a_listed_tensor_is_listed(model: Model, run: Path) -> None:
    td.survey(model, [largest], store=run)
    model["layers.0.mlp.up.weight"] = np.ones((48, 24), np.int8)
    readings = td.survey(model, [largest], store=run)
    assert readings.target("arrays:layers.0.mlp.up.weight").listed_because == "integers are not measured"
    assert not [row for row in readings if row.target == "arrays:layers.0.mlp.up.weight"]


def test_a_new_version_of_a_measure_replaces_the_old(model: Model, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    td.survey(model, [largest], store=run)
    monkeypatch.setattr(largest, "traits", dataclasses.replace(largest.traits, version=2))
    readings = td.survey(model, [largest], store=run)
    assert len(calls) == 12
    assert {row.version for row in readings} == {2}


def test_failed_readings_are_tried_again(model: Model, run: Path) -> None:
    broken.append(True)
    failed = td.survey(model, [largest], store=run)
    assert {row.status for row in failed if row.target != "arrays:*"} == {"failed"}
    broken.clear()
    repaired = td.survey(model, [largest], store=run)
    assert len(calls) == 12
    assert repaired.canonical() == td.survey(model, [largest]).canonical()


def test_two_readings_under_one_key_must_agree(model: Model, run: Path) -> None:
    td.survey(model, [largest], store=run)
    from theodolite.surveys.journal import Group, decode, encode

    file = run / "readings" / "all.jsonl"
    groups, _ = decode(file.read_bytes(), file)
    from dataclasses import replace

    last = groups[-1]
    same = Group(last.targets, tuple(replace(row, seconds=9.0) for row in last.readings), (), last.at + 1)
    other = Group(last.targets, tuple(replace(row, value=9.0) for row in last.readings), (), last.at + 2)
    file.with_name("1-of-2.jsonl").write_bytes(encode(same))
    assert len(read_run(run)) == 10
    file.with_name("2-of-2.jsonl").write_bytes(encode(other))
    with pytest.raises(ValueError, match="two readings under one key differ in value"):
        read_run(run)


def test_a_folder_with_something_else_is_refused_and_left_alone(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter.tex").write_text("years of work")
    with pytest.raises(RunFolderError, match=r"holds 'chapter.tex'.*nothing was changed"):
        td.survey(model, "quick", store=folder)
    assert [path.name for path in folder.iterdir()] == ["chapter.tex"]
    with pytest.raises(RunFolderError, match="it is a file"):
        td.survey(model, "quick", store=folder / "chapter.tex")
    with pytest.raises(RunFolderError, match="no run folder"):
        set_aside(folder)
    with pytest.raises(RunFolderError, match="no run folder"):
        read_run(folder)


def test_an_empty_folder_is_taken(model: Model, run: Path) -> None:
    run.mkdir(parents=True)
    assert len(td.survey(model, [largest], store=run)) == 10


def test_runs_of_later_versions_and_broken_descriptions_are_refused(model: Model, run: Path) -> None:
    td.survey(model, [largest], store=run)
    file = run / "survey.json"
    manifest = json.loads(file.read_text())
    file.write_text(json.dumps({**manifest, "schema": 99}))
    with pytest.raises(RunFolderError, match="its schema 99 is later"):
        td.survey(model, [largest], store=run)
    for text in ("", "[]", "{}", '{"schema": "x", "version": "0", "surveys": []}'):
        file.write_text(text)
        with pytest.raises(RunFolderError, match="no description of a run"):
            read_run(run)


def test_setting_aside_keeps_every_run(model: Model, run: Path) -> None:
    assert set_aside(run) is None
    for number in (1, 2):
        td.survey(model, [largest], store=run)
        assert set_aside(run) == run.with_name(f"{run.name}.{number}")
        assert not run.exists()
        assert len(read_run(run.with_name(f"{run.name}.{number}"))) == 10


def test_a_second_writer_is_refused_with_the_number_of_the_first(model: Model, run: Path) -> None:
    td.survey(model, [largest], store=run)
    lock = run / "readings" / "all.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        for refused in (lambda: td.survey(model, [largest], store=run), lambda: set_aside(run)):
            with pytest.raises(RunLocked, match=f"process {holder.pid} is writing to this run") as caught:
                refused()
            assert caught.value.pid == holder.pid
        assert len(read_run(run)) == 10
        holder.kill()
        holder.wait()
        td.survey(model, [largest], store=run)
    finally:
        holder.kill()
        holder.communicate()


def test_a_second_writer_in_the_same_process_is_refused(model: Model, run: Path) -> None:
    def again(_: object) -> None:
        with pytest.raises(RunLocked, match=f"process {os.getpid()}"):
            td.survey(model, [largest], store=run)

    td.survey(model, [largest], store=run, progress=again)


def test_a_lock_can_be_waited_for(tmp_path: Path) -> None:
    with FileLock(tmp_path / "lock"), pytest.raises(RunLocked), FileLock(tmp_path / "lock", patience=0.1):
        pass
    with FileLock(tmp_path / "lock", patience=0.1):
        pass


def test_a_write_that_fails_leaves_no_trace(model: Model, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    td.survey(model, [largest], store=run)
    file = run / "readings" / "all.jsonl"
    content = file.read_bytes()
    real, written = os.write, []

    def filling(descriptor: int, data: bytes) -> int:
        if len(data) < 200:
            return real(descriptor, data)
        if written:
            raise OSError(28, "No space left on device")
        written.append(1)
        return real(descriptor, data[:100])

    monkeypatch.setattr(os, "write", filling)
    with pytest.raises(OSError, match="No space"):
        td.survey(model, ["stable_rank"], store=run)
    assert written
    assert file.read_bytes() == content


def test_references_do_not_lead_out_of_the_folder(model: Model, run: Path) -> None:
    td.survey(model, ["power_law"], store=run)
    readings = read_run(run)
    for reference in ("../secret.safetensors#eigenvalues", "arrays/../../x.safetensors#eigenvalues", "/etc/passwd#x"):
        with pytest.raises(RunFolderError, match="refers to no array"):
            readings.array(reference)
    row = readings.where("power_law.alpha", module="layers*").rows[0]
    (run / row.array.partition("#")[0]).unlink()
    with pytest.raises(RunFolderError, match="can't be read"):
        readings.array(row)


def test_names_of_arrays_are_safe_and_tell_ways_of_looking_apart() -> None:
    from dataclasses import replace

    from theodolite.core import TargetRow

    target = TargetRow(target="m:../a/b c:d*#q", model="m", module="x", fingerprint="ab", shape=(3, 4))
    names = {
        run_folder.array_reference(t)
        for t in (
            target,
            replace(target, fingerprint="cd"),
            replace(target, view="slices"),
            replace(target, target="m:../a/b c:d?#q"),
        )
    }
    assert len(names) == 4
    assert all(run_folder._REFERENCE.fullmatch(name) for name in names)


def test_a_refused_writer_is_not_noted_as_having_run(model: Model, run: Path) -> None:
    def again(_: object) -> None:
        with pytest.raises(RunLocked):
            td.survey(model, ["stable_rank"], store=run)

    td.survey(model, [largest], store=run, progress=again)
    surveys = json.loads((run / "survey.json").read_text())["surveys"]
    assert [[asked["measure"] for asked in entry["survey"]["measures"]] for entry in surveys] == [["largest"]]


def test_what_a_killed_beginning_leaves_is_nobody_elses(model: Model, run: Path) -> None:
    run.mkdir(parents=True)
    (run / "survey.lock").write_text("1\n")
    (run / ".tmp-survey-x").write_text("{")
    assert set_aside(run) is None
    assert len(td.survey(model, [largest], store=run)) == 10
