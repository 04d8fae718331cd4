"""Numbers of a survey in a real run of Weights & Biases that stays offline, read back from its file."""

import json
import struct
import time

import pytest

from theodolite.adapters import TrackerError
from theodolite.adapters.wandb import WandbTracker


@pytest.fixture
def wandb(tmp_path, monkeypatch):
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("WANDB_SILENT", "true")
    return pytest.importorskip("wandb", reason="needs the extra [trackers]")


def records(data):
    """The records of W&B's file: LevelDB's log format, blocks of 32 KiB with a header of 7 bytes before the first."""
    at, whole = 7, b""
    while at + 7 <= len(data):
        if (left := -at % 32768) and left < 7:  # too little for a header: the block is padded
            at += left
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        if at + 7 + length > len(data):  # not yet written to its end
            return
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in {1, 4}:  # whole, or the last piece
            yield whole
            whole = b""


def rows(folder):
    """The rows of the offline run's history."""
    from wandb.proto import wandb_internal_pb2

    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    found, read, patience = [], [], time.monotonic() + 60
    while not any(record.HasField("exit") for record in read):  # another process writes, and ends after the run did
        assert time.monotonic() < patience, "the run's file was not ended"
        time.sleep(0.05)
        read = [wandb_internal_pb2.Record.FromString(data) for data in records(file.read_bytes())]
    for record in read:
        if record.WhichOneof("record_type") == "history":
            row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            found.append({name: value for name, value in row.items() if not name.startswith("_")})
    return found


def test_what_is_logged_can_be_read_back(wandb, values, tmp_path):
    tracker = WandbTracker()
    with pytest.raises(TrackerError, match="no run of W&B is active"):
        tracker(values, 3)
    with wandb.init(mode="offline", dir=tmp_path, project="test") as run:
        tracker(values, 3)
        run.log({"loss": 0.5})
        WandbTracker(run)({name: value + 1 for name, value in values.items()}, 6)
        assert run.summary["stable_rank/a.0"] == 2.25
    first, between, last = rows(tmp_path)
    assert first == {**values, "theodolite/step": 3}
    assert between == {"loss": 0.5}
    assert last == {**{name: value + 1 for name, value in values.items()}, "theodolite/step": 6}
    with pytest.raises(TrackerError, match="W&B: "):
        WandbTracker(run)(values, 9)
