"""Numbers of a survey as scalars in TensorBoard's event files, without TensorFlow or torch."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from theodolite.adapters.errors import package


class TensorBoardTracker:
    """Writes numbers into an event file; TensorBoard keeps them in single precision.

    Parameters
    ----------
    folder : path
        Where TensorBoard looks; a new event file is begun in it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        writers = package("tensorboard.summary.writer.event_file_writer", "trackers")
        self._event = package("tensorboard.compat.proto.event_pb2", "trackers").Event
        self._writer = writers.EventFileWriter(os.fspath(folder))

    def __call__(self, values: Mapping[str, float], step: int) -> None:
        """Write the numbers of one survey and see that they are on disk.

        Parameters
        ----------
        values : mapping of str to float
            What `Readings.flat` gives.
        step : int
            The training step.
        """
        event = self._event(wall_time=time.time(), step=step)
        for name, value in values.items():
            event.summary.value.add(tag=name, simple_value=value)
        self._writer.add_event(event)
        self._writer.flush()

    def close(self) -> None:
        """End the event file."""
        self._writer.close()
