"""How many dimensions a cloud of points has, and how sure that is: estimates from nearest neighbours."""

from theodolite.dimension._ann_recall import ANNRecall as ANNRecall
from theodolite.dimension._ann_recall import ann_recall as ann_recall
from theodolite.dimension._binomial_dimension import BinomialDimension as BinomialDimension
from theodolite.dimension._binomial_dimension import binomial_dimension as binomial_dimension
from theodolite.dimension._class_separability import ClassSeparability as ClassSeparability
from theodolite.dimension._class_separability import class_separability as class_separability
from theodolite.dimension._coding_rate import CodingRate as CodingRate
from theodolite.dimension._coding_rate import coding_rate as coding_rate
from theodolite.dimension._correlation_dimension import CorrelationDimension as CorrelationDimension
from theodolite.dimension._correlation_dimension import correlation_dimension as correlation_dimension
from theodolite.dimension._danco import DANCo as DANCo
from theodolite.dimension._danco import danco as danco
from theodolite.dimension._decimation import Decimation as Decimation
from theodolite.dimension._decimation import decimation as decimation
from theodolite.dimension._diffusion_spectral_entropy import DiffusionSpectralEntropy as DiffusionSpectralEntropy
from theodolite.dimension._diffusion_spectral_entropy import diffusion_spectral_entropy as diffusion_spectral_entropy
from theodolite.dimension._diffusion_spectral_information import (
    DiffusionSpectralInformation as DiffusionSpectralInformation,
)
from theodolite.dimension._diffusion_spectral_information import (
    diffusion_spectral_information as diffusion_spectral_information,
)
from theodolite.dimension._exact_inductive_bias import ExactInductiveBias as ExactInductiveBias
from theodolite.dimension._exact_inductive_bias import exact_inductive_bias as exact_inductive_bias
from theodolite.dimension._expected_simplex_skewness import ExpectedSimplexSkewness as ExpectedSimplexSkewness
from theodolite.dimension._expected_simplex_skewness import expected_simplex_skewness as expected_simplex_skewness
from theodolite.dimension._fisher_separability import FisherSeparability as FisherSeparability
from theodolite.dimension._fisher_separability import fisher_separability as fisher_separability
from theodolite.dimension._gride import Gride as Gride
from theodolite.dimension._gride import gride as gride
from theodolite.dimension._hyper_sphericity import HyperSphericity as HyperSphericity
from theodolite.dimension._hyper_sphericity import hyper_sphericity as hyper_sphericity
from theodolite.dimension._inductive_bias_complexity import InductiveBiasComplexity as InductiveBiasComplexity
from theodolite.dimension._inductive_bias_complexity import inductive_bias_complexity as inductive_bias_complexity
from theodolite.dimension._knn_graph_dimension import KNNGraphDimension as KNNGraphDimension
from theodolite.dimension._knn_graph_dimension import knn_graph_dimension as knn_graph_dimension
from theodolite.dimension._label_sharpness import LabelSharpness as LabelSharpness
from theodolite.dimension._label_sharpness import label_sharpness as label_sharpness
from theodolite.dimension._lid import LID as LID
from theodolite.dimension._lid import lid as lid
from theodolite.dimension._local_pca import LocalPCA as LocalPCA
from theodolite.dimension._local_pca import local_pca as local_pca
from theodolite.dimension._mada import MADA as MADA
from theodolite.dimension._mada import mada as mada
from theodolite.dimension._method_of_moments import MethodOfMoments as MethodOfMoments
from theodolite.dimension._method_of_moments import method_of_moments as method_of_moments
from theodolite.dimension._mind import MiND as MiND
from theodolite.dimension._mind import mind as mind
from theodolite.dimension._mle import MLE as MLE
from theodolite.dimension._mle import mle as mle
from theodolite.dimension._pca_dimension import PCADimension as PCADimension
from theodolite.dimension._pca_dimension import pca_dimension as pca_dimension
from theodolite.dimension._ph_dimension import PHDimension as PHDimension
from theodolite.dimension._ph_dimension import ph_dimension as ph_dimension
from theodolite.dimension._shape_proportion import ShapeProportion as ShapeProportion
from theodolite.dimension._shape_proportion import shape_proportion as shape_proportion
from theodolite.dimension._tight_local import TightLocal as TightLocal
from theodolite.dimension._tight_local import tight_local as tight_local
from theodolite.dimension._two_nn import TwoNN as TwoNN
from theodolite.dimension._two_nn import two_nn as two_nn
