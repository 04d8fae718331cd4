"""Numbers of a survey as metrics of an MLflow run."""

from __future__ import annotations

import re
from collections.abc import Mapping

from theodolite.adapters.errors import TrackerError, package

_FOREIGN = re.compile(r"[^/\w.\- ]")
"""What a metric's name must not hold, on any system."""

_MOST = 1000
"""Metrics that MLflow takes in one request."""


class MLflowTracker:
    """Logs numbers into a run of MLflow.

    Signs that MLflow refuses, as the ``#`` before a tensor's part, become ``_``.

    Parameters
    ----------
    run_id : str, optional
        The run; by default the active one, which MLflow starts where there is none.
    """

    def __init__(self, run_id: str | None = None) -> None:
        self._mlflow = package("mlflow", "trackers")
        self._run_id = run_id

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
            If MLflow refuses, or two names differ in nothing but signs that it refuses.
        """
        named = [(_FOREIGN.sub("_", name), value) for name, value in values.items()]
        if len(dict(named)) < len(named):
            raise TrackerError("two names differ only in signs that MLflow refuses; send fewer with fields=")
        try:
            for start in range(0, len(named), _MOST):
                self._mlflow.log_metrics(dict(named[start : start + _MOST]), step=step, run_id=self._run_id)
        except self._mlflow.exceptions.MlflowException as error:
            raise TrackerError(f"MLflow: {error}") from error
