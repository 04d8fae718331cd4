"""Where weights and features come from: checkpoints and files, opened without being loaded, and live modules."""

from theodolite.sources.activation_recorder import ActivationRecorder
from theodolite.sources.checkpoint import Checkpoint
from theodolite.sources.errors import CheckpointError
from theodolite.sources.feature_files import open_features
from theodolite.sources.features import Features
from theodolite.sources.gradient_recorder import GradientFactors, GradientRecorder
from theodolite.sources.opening import open_checkpoint
from theodolite.sources.parts import Matrix
from theodolite.sources.recorder import Recorder
from theodolite.sources.recording import RecordSettings, record_features
from theodolite.sources.weight import Weight

__all__ = [
    "ActivationRecorder",
    "Checkpoint",
    "CheckpointError",
    "Features",
    "GradientFactors",
    "GradientRecorder",
    "Matrix",
    "RecordSettings",
    "Recorder",
    "Weight",
    "open_checkpoint",
    "open_features",
    "record_features",
]
