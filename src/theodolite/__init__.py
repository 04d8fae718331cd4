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
    from theodolite import dimension as dimension
    from theodolite import generalization as generalization
    from theodolite import reports as reports
    from theodolite import resample as resample
    from theodolite import similarity as similarity
    from theodolite import spectra as spectra
    from theodolite import study as study
    from theodolite import testing as testing
    from theodolite import updates as updates
    from theodolite.catalogue import measures as measures
    from theodolite.core import Cloud as Cloud
    from theodolite.core import CrossMoments as CrossMoments
    from theodolite.core import Pair as Pair
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
    from theodolite.sources import open_features as open_features
    from theodolite.sources import record_features as record  # noqa: F401
    from theodolite.study import all_pairs as all_pairs
    from theodolite.study import compare as compare
    from theodolite.study import corpus as corpus
    from theodolite.study import dimensions as dimensions
    from theodolite.study import text_dimension as text_dimension
    from theodolite.study import track as track
    from theodolite.study import transfer_hyperparameters as transfer_hyperparameters
    from theodolite.study import width_transfer as width_transfer
    from theodolite.surveys import Survey as Survey
    from theodolite.surveys import read_run as read_run
    from theodolite.surveys import survey as survey
    from theodolite.updates import backward_compatibility as backward_compatibility
    from theodolite.updates import update_compatibility as update_compatibility
    from theodolite.valuation import gradients as gradients

_PACKAGES = (
    "act",
    "core",
    "delta",
    "dimension",
    "generalization",
    "reports",
    "resample",
    "similarity",
    "spectra",
    "study",
    "testing",
    "updates",
)
_NAMES = {
    "Checkpoint": ("sources", "Checkpoint"),
    "CheckpointError": ("sources", "CheckpointError"),
    "Cloud": ("core", "Cloud"),
    "CrossMoments": ("core", "CrossMoments"),
    "Pair": ("core", "Pair"),
    "Readings": ("core", "Readings"),
    "Recorder": ("sources", "Recorder"),
    "Refusal": ("core", "Refusal"),
    "Spectrum": ("core", "Spectrum"),
    "Survey": ("surveys", "Survey"),
    "backward_compatibility": ("updates", "backward_compatibility"),
    "all_pairs": ("study", "all_pairs"),
    "compare": ("study", "compare"),
    "gradients": ("valuation", "gradients"),
    "generalization_metrics": ("generalization", "generalization_metrics"),
    "corpus": ("study", "corpus"),
    "dimensions": ("study", "dimensions"),
    "measures": ("catalogue", "measures"),
    "open": ("sources", "open_checkpoint"),
    "open_features": ("sources", "open_features"),
    "read_run": ("surveys", "read_run"),
    "record": ("sources", "record_features"),
    "report": ("reports", "report"),
    "smoothed_accuracy": ("generalization", "smoothed_accuracy"),
    "survey": ("surveys", "survey"),
    "text_dimension": ("study", "text_dimension"),
    "track": ("study", "track"),
    "transfer_hyperparameters": ("study", "transfer_hyperparameters"),
    "update_compatibility": ("updates", "update_compatibility"),
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
