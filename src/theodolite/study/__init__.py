"""What readings say together: many models, many widths."""

from theodolite.study.corpora import corpus as corpus
from theodolite.study.corpus_result import Corpus as Corpus
from theodolite.study.hyperparameters import ParameterClass as ParameterClass
from theodolite.study.hyperparameters import TransferredHyperparameters as TransferredHyperparameters
from theodolite.study.hyperparameters import transfer_hyperparameters as transfer_hyperparameters
from theodolite.study.matched import MatchedMatrix as MatchedMatrix
from theodolite.study.matched import MatchedVector as MatchedVector
from theodolite.study.matched import WidthTransfer as WidthTransfer
from theodolite.study.results import Association as Association
from theodolite.study.results import Coefficient as Coefficient
from theodolite.study.results import Partial as Partial
from theodolite.study.results import Trend as Trend
from theodolite.study.width import width_transfer as width_transfer
