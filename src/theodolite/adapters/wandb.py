"""Numbers of a survey in a run of Weights & Biases, online or offline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from theodolite.adapters.errors import TrackerError, package

STEP = "theodolite/step"
"""The training step, logged beside the numbers: other callbacks move the run's own step at their own pace."""


class WandbTracker:
    """Logs numbers into a run of Weights & Biases, as one row with its training step.

    Parameters
    ----------
    run : wandb.Run, optional
        The run; by default the active one.
    """

    def __init__(self, run: Any = None) -> None:
        self._wandb = package("wandb", "trackers")
        self._run = run

    def __call__(self, values: Mapping[str, float], step: int) -> None:
        """Log the numbers of one survey.

        Parameters
        ----------
        values : mapping of str to float
            What `Readings.flat` gives.
        step : int
            The training step.

        Raises
        ------
        TrackerError
            If no run is active, or the run refuses.
        """
        run = self._run or self._wandb.run
        if run is None:
            raise TrackerError("no run of W&B is active; call wandb.init() before the training, or give run=")
        try:
            run.log({**values, STEP: step})
        except self._wandb.Error as error:
            raise TrackerError(f"W&B: {error}") from error
