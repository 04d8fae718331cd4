"""Adapters to trainers and experiment trackers; nothing of theirs is imported before an adapter is made.

`transformers.SurveyCallback` and `lightning.SurveyCallback` survey a model while it is trained; `mlflow.MLflowTracker`,
`wandb.WandbTracker` and `tensorboard.TensorBoardTracker` take what `Readings.flat` gives.
"""

from theodolite.adapters.errors import TrackerError as TrackerError
from theodolite.adapters.training import TrainingSurvey as TrainingSurvey
