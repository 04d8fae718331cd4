"""What readings say together: two models side by side, one through its training, many models, many widths."""

from theodolite.study.comparisons.compare import compare as compare
from theodolite.study.comparisons.result import Comparison as Comparison
from theodolite.study.comparisons.result import LayerComparison as LayerComparison
from theodolite.study.comparisons.result import Shift as Shift
from theodolite.study.corpora.corpus import corpus as corpus
from theodolite.study.corpora.result import Corpus as Corpus
from theodolite.study.corpora.trends import Association as Association
from theodolite.study.corpora.trends import Coefficient as Coefficient
from theodolite.study.corpora.trends import Partial as Partial
from theodolite.study.corpora.trends import Trend as Trend
from theodolite.study.tracks.result import Curve as Curve
from theodolite.study.tracks.result import Track as Track
from theodolite.study.tracks.track import track as track
from theodolite.study.tracks.track import track_checkpoints as track_checkpoints
from theodolite.study.widths.hyperparameters import ParameterClass as ParameterClass
from theodolite.study.widths.hyperparameters import TransferredHyperparameters as TransferredHyperparameters
from theodolite.study.widths.hyperparameters import transfer_hyperparameters as transfer_hyperparameters
from theodolite.study.widths.result import MatchedMatrix as MatchedMatrix
from theodolite.study.widths.result import MatchedVector as MatchedVector
from theodolite.study.widths.result import WidthTransfer as WidthTransfer
from theodolite.study.widths.transfer import width_transfer as width_transfer
