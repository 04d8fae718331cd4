"""Which specimens a measure is tested on where none are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from theodolite.core.clouds import Cloud
from theodolite.core.feature_maps import FeatureMapPair
from theodolite.core.measure import Measure
from theodolite.core.pairs import Pair
from theodolite.core.views import Spectrum, View
from theodolite.testing.clouds import cloud_specimens, pair_specimens, several_specimens
from theodolite.testing.feature_maps import map_specimens
from theodolite.testing.labelled import labelled_specimens
from theodolite.testing.matrices import spectrum_specimens
from theodolite.testing.regressions import regression_specimens
from theodolite.testing.specimens import Specimens

Maker = Callable[[], Specimens]

OF_VIEWS: dict[tuple[tuple[type[View], ...], bool], Maker] = {
    ((Spectrum,), False): spectrum_specimens,
    ((Pair,), False): pair_specimens,
    ((Cloud,), False): cloud_specimens,
    ((Cloud,), True): several_specimens,
    ((FeatureMapPair,), False): map_specimens,
}
"""Makers of specimens by the views of a measure's positional arguments, and whether there may be any number of them."""

OF_MEASURES: dict[str, Maker] = {
    "class_separability": labelled_specimens,
    "coding_rate": labelled_specimens,
    "diffusion_spectral_information": labelled_specimens,
    "exact_inductive_bias": regression_specimens,
    "inductive_bias_complexity": labelled_specimens,
    "label_sharpness": labelled_specimens,
}
"""Makers of specimens for measures of theodolite that take other data than their view does in general, by name."""


def specimens_for(measure: Measure[..., Any]) -> Specimens:
    """Return the data that a measure is tested on by default.

    Parameters
    ----------
    measure : Measure
        The measure.

    Returns
    -------
    Specimens
        Its own, or those for its kind of view.

    Raises
    ------
    ValueError
        If no specimens are known for its views; they are then the caller's to give.
    """
    traits = measure.traits
    ours = measure.__module__.startswith("theodolite.")
    make = OF_MEASURES.get(measure.__name__) if ours else None
    make = make or OF_VIEWS.get((traits.views, traits.variadic))
    if make is None:
        views = ", ".join(view.__name__ for view in traits.views)
        raise ValueError(f"no specimens are known for measures of ({views}); pass specimens=Specimens(...)")
    return make()
