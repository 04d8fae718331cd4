"""How to cite what the readings stand on."""

from __future__ import annotations

from theodolite.catalogue import measures
from theodolite.core.bibliography import Reference, reference
from theodolite.core.readings import Readings
from theodolite.core.rows import ReadingRow

CHANCE_SOURCE = "dumitriu2002matrix"
"""Where the way in which chance levels are drawn comes from."""

WEIGHTWATCHER_SOURCE = "martin2021predicting"
"""Where WeightWatcher's choices were published."""


def citations(readings: Readings) -> tuple[tuple[Reference, tuple[str, ...]], ...]:
    """List the sources of the measures that were read.

    Parameters
    ----------
    readings : Readings
        What a survey gave.

    Returns
    -------
    tuple of (Reference, tuple of str)
        Each source with what it stands for, in the order of the readings; measures of packages that are not installed
        are left out.
    """
    known = measures()
    stands_for: dict[str, list[str]] = {}
    for name in dict.fromkeys(row.measure for row in readings.rows):
        if name in known:
            stands_for.setdefault(known[name].traits.cite, []).append(name)
    if any(_drawn(readings, row) for row in readings.rows):
        stands_for.setdefault(CHANCE_SOURCE, []).append("chance levels")
    if any(target.convention == "weightwatcher" for target in readings.targets):
        stands_for.setdefault(WEIGHTWATCHER_SOURCE, []).append("the convention of WeightWatcher")
    return tuple((reference(key), tuple(names)) for key, names in stands_for.items())


def _drawn(readings: Readings, row: ReadingRow) -> bool:
    """Tell whether chance is that of the spectrum of a random matrix; pairs and clouds have other levels."""
    return row.chance is not None and not row.against and readings.target(row.target).view != "cloud"
