"""Every measure there is: the families' namespaces, then those of other packages."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

from theodolite.core.measure import Measure
from theodolite.core.names import closest

FAMILIES = ("spectra", "similarity", "dimension")
"""Packages whose public names are measures; a measure exists by standing in one of them."""


class Catalogue(dict[str, Measure[..., Any]]):
    """Measures by name; a wrong name is answered with the nearest right one."""

    def __missing__(self, name: str) -> Measure[..., Any]:
        for suffix in (name.rpartition(".")[2],):
            if suffix != name and suffix in self and family(self[suffix]) == name.rpartition(".")[0]:
                return self[suffix]
        raise KeyError(f"no measure is named {name!r}; {closest(name, self)}")


def measures() -> Catalogue:
    """Return every measure: the families' own, then those that other packages register.

    Another package adds its measures under the entry point group ``theodolite.measures``.

    Returns
    -------
    Catalogue
        A dictionary from name to measure; an unknown name raises a `KeyError` that suggests the nearest.

    Raises
    ------
    ValueError
        If two measures share a name.

    Examples
    --------
    >>> from theodolite.catalogue import measures
    >>> measures()["stable_rank"].traits.cite
    'rudelson2007sampling'
    """
    found = Catalogue()
    for name in FAMILIES:
        package = importlib.import_module(f"theodolite.{name}")
        found.update({key: value for key, value in vars(package).items() if hasattr(value, "traits")})
    for point in entry_points(group="theodolite.measures"):
        extra = point.load()
        if extra.__name__ in found:
            raise ValueError(f"{point.value}: a measure named {extra.__name__!r} exists; rename it in that package")
        found[extra.__name__] = extra
    return found


def family(measure: Measure[..., Any]) -> str:
    """Name the family that a measure belongs to.

    Parameters
    ----------
    measure : Measure
        A measure.

    Returns
    -------
    str
        ``"spectra"`` and so on; for a measure of another package, that package's name.
    """
    parts = measure.__module__.split(".")
    return parts[1] if parts[0] == "theodolite" else parts[0]
