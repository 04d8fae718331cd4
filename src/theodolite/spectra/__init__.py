"""Measures of one weight matrix through the eigenvalues of its smaller Gram matrix."""

from theodolite.spectra._alpha_hat import alpha_hat as alpha_hat
from theodolite.spectra._correlation_traps import CorrelationTraps as CorrelationTraps
from theodolite.spectra._correlation_traps import correlation_traps as correlation_traps
from theodolite.spectra._effective_rank import effective_rank as effective_rank
from theodolite.spectra._frobenius_norm import frobenius_norm as frobenius_norm
from theodolite.spectra._hill import hill as hill
from theodolite.spectra._log_alpha_norm import log_alpha_norm as log_alpha_norm
from theodolite.spectra._log_norm import log_norm as log_norm
from theodolite.spectra._log_spectral_norm import log_spectral_norm as log_spectral_norm
from theodolite.spectra._marchenko_pastur import MarchenkoPastur as MarchenkoPastur
from theodolite.spectra._marchenko_pastur import marchenko_pastur as marchenko_pastur
from theodolite.spectra._nuclear_norm import nuclear_norm as nuclear_norm
from theodolite.spectra._numerical_rank import numerical_rank as numerical_rank
from theodolite.spectra._outliers import Outliers as Outliers
from theodolite.spectra._outliers import outliers as outliers
from theodolite.spectra._participation_ratio import participation_ratio as participation_ratio
from theodolite.spectra._power_law import PowerLaw as PowerLaw
from theodolite.spectra._power_law import power_law as power_law
from theodolite.spectra._random_distance import random_distance as random_distance
from theodolite.spectra._spectral_entropy import spectral_entropy as spectral_entropy
from theodolite.spectra._spectral_norm import spectral_norm as spectral_norm
from theodolite.spectra._stable_rank import stable_rank as stable_rank
from theodolite.spectra._trace_log_rank import TraceLogRank as TraceLogRank
from theodolite.spectra._trace_log_rank import trace_log_rank as trace_log_rank
