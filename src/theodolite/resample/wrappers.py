"""The wrappers by name, for whoever reads them from text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from theodolite.resample.fit import with_p_value
from theodolite.resample.interval import with_interval
from theodolite.resample.null import with_null
from theodolite.resample.wrapped import Resampled

WRAPPERS: Mapping[str, Callable[..., Resampled]] = MappingProxyType(
    {"with_interval": with_interval, "with_null": with_null, "with_p_value": with_p_value}
)
"""What can be put around a measure."""
