"""Adapters to other packages; nothing of theirs is imported before an adapter is made.

`transformers.SurveyCallback` and `lightning.SurveyCallback` survey a model while it is trained; `mlflow.MLflowTracker`,
`wandb.WandbTracker` and `tensorboard.TensorBoardTracker` take what `Readings.flat` gives. `torch_loss.MeasureLoss` is a
measure of two clouds as a loss. `sklearn.PairEstimator` fits an alignment of them; its module imports scikit-learn.
"""

from theodolite.adapters.errors import TrackerError as TrackerError
from theodolite.adapters.training import TrainingSurvey as TrainingSurvey
