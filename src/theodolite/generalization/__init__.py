"""How well a network will do, asked of its weights, of its start, and of data that it is run on."""

from theodolite.generalization.definitions import METRICS as METRICS
from theodolite.generalization.definitions import Definition as Definition
from theodolite.generalization.evaluation import Evaluation as Evaluation
from theodolite.generalization.evaluation import LogitsError as LogitsError
from theodolite.generalization.evaluation import evaluate as evaluate
from theodolite.generalization.metrics import generalization_metrics as generalization_metrics
from theodolite.generalization.result import GeneralizationMetrics as GeneralizationMetrics
from theodolite.generalization.result import Metric as Metric
from theodolite.generalization.settings import MetricSettings as MetricSettings
from theodolite.generalization.smoothed_copy import SmoothedAccuracy as SmoothedAccuracy
from theodolite.generalization.smoothed_copy import smoothed_accuracy as smoothed_accuracy
