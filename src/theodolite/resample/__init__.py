"""Uncertainty and chance around measures of a spectrum or a pair: resamples, null draws and synthetic samples."""

from theodolite.resample.fit import with_p_value as with_p_value
from theodolite.resample.interval import with_interval as with_interval
from theodolite.resample.null import with_null as with_null
from theodolite.resample.wrapped import Resampled as Resampled
from theodolite.resample.wrappers import WRAPPERS as WRAPPERS
