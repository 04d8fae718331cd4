"""Where weights come from: checkpoints on disk and live modules, opened without being loaded."""

from theodolite.sources.checkpoint import Checkpoint
from theodolite.sources.errors import CheckpointError
from theodolite.sources.opening import open_checkpoint
from theodolite.sources.parts import Matrix
from theodolite.sources.recorder import GradientFactors, Recorder
from theodolite.sources.weight import Weight

__all__ = ["Checkpoint", "CheckpointError", "GradientFactors", "Matrix", "Recorder", "Weight", "open_checkpoint"]
