"""Numbers of a survey in real event files of TensorBoard, read back as TensorBoard reads them."""

import pytest

from theodolite.adapters.tensorboard import TensorBoardTracker


def test_what_is_written_can_be_read_back(values, tmp_path):
    pytest.importorskip("tensorboard", reason="needs the extra [trackers]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tracker = TensorBoardTracker(tmp_path / "events")
    tracker(values, 3)
    tracker({name: value / 3 for name, value in values.items()}, 6)
    seen = EventAccumulator(str(tmp_path / "events")).Reload()  # before the file is ended
    tracker.close()
    assert sorted(seen.Tags()["scalars"]) == sorted(values)
    for name, value in values.items():
        assert [event.step for event in seen.Scalars(name)] == [3, 6]
        assert [event.value for event in seen.Scalars(name)] == pytest.approx([value, value / 3], rel=1e-6)
