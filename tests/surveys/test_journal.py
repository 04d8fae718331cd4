"""The lines on disk: what no commit closes is dropped, wherever it stands."""

from pathlib import Path

import numpy as np
import pytest

import theodolite as td
from theodolite.core import ReadingRow, TargetRow
from theodolite.surveys import RunFolderError, read_run
from theodolite.surveys.journal import Group, Inventory, Journal, decode, encode

Model = dict[str, np.ndarray]
MEASURES = ["stable_rank", "spectral_norm"]


def group(number: int) -> Group:
    target = TargetRow(target=f"m:w{number}", model="m", module=f"w{number}", shape=(3, 4), fingerprint="ab")
    rows = tuple(
        ReadingRow(target=target.target, measure=name, value=number + 0.1, key=f"{name}{number}", note='"λ"\n')
        for name in ("one", "two")
    )
    return Group((target,), rows, (Inventory("m", "theodolite", "unfold", (target.target,)),), float(number))


def test_a_group_survives_its_lines() -> None:
    groups = [group(1), group(2), Group()]
    data = b"".join(map(encode, groups))
    assert decode(data, Path("x")) == (groups, len(data))
    assert data.count(b"\n") == 5 + 5 + 1


def test_numbers_survive_exactly() -> None:
    for value in (0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 4.0, -0.0):
        row = ReadingRow(target="m:w", measure="a", value=value)
        (read,), _ = decode(encode(Group((), (row,))), Path("x"))
        assert repr(read.readings[0].value) == repr(value)


def test_torn_at_every_byte_the_groups_before_stand() -> None:
    first, second = encode(group(1)), encode(group(2))
    for cut in range(len(second)):
        assert decode(first + second[:cut], Path("x")) == ([group(1)], len(first))


def test_torn_in_the_middle_the_groups_around_stand() -> None:
    first, second, third = (encode(group(number)) for number in (1, 2, 3))
    starts = {0} | {index + 1 for index, byte in enumerate(second) if byte == ord("\n")}
    for cut in range(len(second)):
        found, end = decode(first + second[:cut] + third, Path("x"))
        # A cut inside a line spoils the line that follows, and with it the group that the line opens.
        assert found == ([group(1), group(3)] if cut in starts else [group(1)])
        assert end == len(first) + (cut + len(third) if cut in starts else 0)


def test_a_flipped_byte_drops_its_group_alone() -> None:
    first, second, third = (encode(group(number)) for number in (1, 2, 3))
    for place in range(0, len(second) - 1, 7):
        flipped = second[:place] + bytes([second[place] ^ 1]) + second[place + 1 :]
        found, _ = decode(first + flipped + third, Path("x"))
        kept = [one.targets for one in found]
        assert kept[0] == group(1).targets
        assert kept[-1] == group(3).targets
        assert all(one.readings in {group(n).readings for n in (1, 2, 3)} for one in found)


def test_a_committed_line_that_means_nothing_is_an_error() -> None:
    data = encode(group(1)).replace(b'"outcome":""', b'"outcome":"NO_SUCH"')
    from theodolite.surveys import journal

    body, _, commit = data.rstrip(b"\n").rpartition(b"\n")
    old = journal._decoder.decode(commit).commit
    assert old is not None
    commit = commit.replace(old.digest.encode(), journal._digest(body + b"\n").encode())
    with pytest.raises(RunFolderError, match="NO_SUCH"):
        decode(body + b"\n" + commit + b"\n", Path("x"))


def test_opening_cuts_off_what_is_torn(tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    whole = encode(group(1))
    file.write_bytes(whole + encode(group(2))[:-9])
    journal = Journal(file)
    assert file.read_bytes() == whole
    stamped = journal.append(group(3))
    journal.close()
    assert decode(file.read_bytes(), file)[0] == [group(1), stamped]


def test_a_run_torn_at_every_byte_of_its_last_record_reads_and_resumes(model: Model, tmp_path: Path) -> None:
    run = tmp_path / "run"
    small = {name: model[name] for name in ("layers.0.attention.query.weight", "layers.0.mlp.up.weight")}
    whole = td.survey(small, MEASURES, store=run).canonical()
    file = run / "readings" / "all.jsonl"
    data = file.read_bytes()
    groups, _ = decode(data, file)
    before = len(data) - len(encode(groups[-1]))
    assert data[before:] == encode(groups[-1])
    lost = groups[-1].targets[0].target
    for cut in range(before, len(data)):
        file.write_bytes(data[:cut])
        readings = read_run(run)
        assert lost not in {row.target for row in readings}
        assert len([row for row in readings if not row.target.endswith(":*")]) == 2
        if cut % 61 == 0:
            assert td.survey(small, MEASURES, store=run).canonical() == whole
