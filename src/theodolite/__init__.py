"""theodolite: measure trained neural networks, and act on what is measured.

>>> import theodolite as td
>>> import numpy as np
>>> td.spectra.stable_rank(np.eye(4))
np.float64(4.0)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theodolite import act as act
    from theodolite import core as core
    from theodolite import delta as delta
    from theodolite import generalization as generalization
    from theodolite import resample as resample
    from theodolite import spectra as spectra
    from theodolite import testing as testing
    from theodolite.catalogue import measures as measures
    from theodolite.core import Readings as Readings
    from theodolite.core import Refusal as Refusal
    from theodolite.core import Spectrum as Spectrum
    from theodolite.generalization import generalization_metrics as generalization_metrics
    from theodolite.generalization import smoothed_accuracy as smoothed_accuracy
    from theodolite.reports import report as report
    from theodolite.sources import Checkpoint as Checkpoint
    from theodolite.sources import CheckpointError as CheckpointError
    from theodolite.sources import Recorder as Recorder
    from theodolite.sources import open_checkpoint as open  # noqa: A004, F401
    from theodolite.study import compare as compare
    from theodolite.study import corpus as corpus
    from theodolite.study import track as track
    from theodolite.study import transfer_hyperparameters as transfer_hyperparameters
    from theodolite.study import width_transfer as width_transfer
    from theodolite.surveys import Survey as Survey
    from theodolite.surveys import read_run as read_run
    from theodolite.surveys import survey as survey
    from theodolite.valuation import gradients as gradients

_PACKAGES = ("act", "core", "delta", "generalization", "resample", "spectra", "testing")
_NAMES = {
    "Checkpoint": ("sources", "Checkpoint"),
    "CheckpointError": ("sources", "CheckpointError"),
    "Readings": ("core", "Readings"),
    "Recorder": ("sources", "Recorder"),
    "Refusal": ("core", "Refusal"),
    "Spectrum": ("core", "Spectrum"),
    "Survey": ("surveys", "Survey"),
    "compare": ("study", "compare"),
    "gradients": ("valuation", "gradients"),
    "generalization_metrics": ("generalization", "generalization_metrics"),
    "corpus": ("study", "corpus"),
    "measures": ("catalogue", "measures"),
    "open": ("sources", "open_checkpoint"),
    "read_run": ("surveys", "read_run"),
    "report": ("reports", "report"),
    "smoothed_accuracy": ("generalization", "smoothed_accuracy"),
    "survey": ("surveys", "survey"),
    "track": ("study", "track"),
    "transfer_hyperparameters": ("study", "transfer_hyperparameters"),
    "width_transfer": ("study", "width_transfer"),
}

__all__ = [*_PACKAGES, *_NAMES]  # noqa: PLE0604 - names of lazily loaded things


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"theodolite.{name}")
    if name in _NAMES:
        module, attribute = _NAMES[name]
        return getattr(importlib.import_module(f"theodolite.{module}"), attribute)
    if name == "__version__":
        from importlib.metadata import version

        return version("theodolite")
    from theodolite.core.names import closest

    raise AttributeError(f"module 'theodolite' has no attribute {name!r}; {closest(name, __all__)}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
