"""Parts of a run: dealt out once, merged on reading."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import theodolite as td
from theodolite.surveys import RunLocked, Survey, read_run
from theodolite.surveys.targets import planned

Model = dict[str, np.ndarray]


def plan(model: Model, shard: tuple[int, int] | None) -> Any:
    from theodolite.surveys.arrays import held_arrays

    return planned({"arrays": held_arrays(model)}, Survey.of("quick"), shard, lambda weight, _: weight.matrices())


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_are_a_partition_of_targets_and_of_listed_tensors(model: Model, count: int) -> None:
    whole = plan(model, None)
    parts = [plan(model, (index, count)) for index in range(1, count + 1)]
    for what in ("targets", "listed"):
        names = [getattr(one, "row", one).target for part in parts for one in getattr(part, what)]
        assert sorted(names) == sorted(getattr(one, "row", one).target for one in getattr(whole, what))
    assert all(part.inventories == whole.inventories for part in parts)


def test_work_is_dealt_out_evenly() -> None:
    rng = np.random.default_rng(0)
    sides = [64, 8, 8, 32, 64, 8, 32, 64, 32, 64]
    model = {f"{index}.weight": rng.normal(size=(side, side)) for index, side in enumerate(sides)}
    loads = [sum(target.cost for target in plan(model, (index, 2)).targets) for index in (1, 2)]
    assert max(loads) - min(loads) <= 2 * 32**3


def test_merged_shards_are_the_whole_run(model: Model, tmp_path: Path) -> None:
    whole = td.survey(model, "standard", store=tmp_path / "whole")
    for index in (3, 1, 2):
        partial = td.survey(model, "standard", store=tmp_path / "shards", shard=(index, 3))
    assert partial.canonical() == whole.canonical() == read_run(tmp_path / "shards").canonical()
    files = sorted(path.name for path in (tmp_path / "shards" / "readings").glob("*.jsonl"))
    assert files == ["1-of-3.jsonl", "2-of-3.jsonl", "3-of-3.jsonl"]


def test_rows_of_the_model_speak_of_the_shards_that_are_in(model: Model, tmp_path: Path) -> None:
    one = td.survey(model, ["stable_rank"], store=tmp_path / "run", shard=(1, 2))
    assert 0 < one.where("stable_rank.value.count").rows[0].value < 6  # type: ignore[operator]
    both = td.survey(model, ["stable_rank"], store=tmp_path / "run", shard=(2, 2))
    assert both.where("stable_rank.value.count").rows[0].value == 6


def test_other_shards_write_while_one_is_written_to(model: Model, tmp_path: Path) -> None:
    done = []

    def between(_: object) -> None:
        if not done:
            done.append(td.survey(model, ["stable_rank"], store=tmp_path / "run", shard=(2, 2)))
            with pytest.raises(RunLocked):
                td.survey(model, ["stable_rank"], store=tmp_path / "run", shard=(1, 2))

    td.survey(model, ["stable_rank"], store=tmp_path / "run", shard=(1, 2), progress=between)
    assert read_run(tmp_path / "run").canonical() == td.survey(model, ["stable_rank"]).canonical()


def test_a_run_without_shards_takes_over_what_they_did(model: Model, tmp_path: Path) -> None:
    td.survey(model, ["stable_rank"], store=tmp_path / "run", shard=(1, 3))
    finished = td.survey(model, ["stable_rank"], store=tmp_path / "run")
    assert finished.canonical() == td.survey(model, ["stable_rank"]).canonical()
    alone = (tmp_path / "run" / "readings" / "all.jsonl").read_text()
    shard = (tmp_path / "run" / "readings" / "1-of-3.jsonl").read_text()
    assert alone.count('"reading"') + shard.count('"reading"') == 6
