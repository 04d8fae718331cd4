"""Measure the dimension of many clouds."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from theodolite.catalogue import measures as catalogue
from theodolite.core import Readings
from theodolite.core.progress import Progress
from theodolite.study.profiles.result import DimensionProfile
from theodolite.surveys.clouds import VIEW
from theodolite.surveys.each_cloud import of_one_cloud, run_clouds
from theodolite.surveys.evidence import taken_apart


def dimensions(
    items: Any,
    measures: Any = None,
    *,
    labels: Any = None,
    store: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> DimensionProfile:
    """Estimate how many dimensions each of many clouds has: the layers of a network, or several networks.

    Parameters
    ----------
    items : mapping of str to array or Cloud, features, path, or a list of these
        The clouds. They need not have rows in common.
    measures : str, Measure, functools.partial, Request, an iterable of these, or a Survey, optional
        Measures of one cloud, by default ``two_nn``, ``gride`` and ``mle``. A `Survey` brings also a seed and a choice
        of layers: ``td.Survey.of(["two_nn"], seed=1, layers="*conv*")``.
    labels : array, sequence, or mapping of str to these, optional
        A label for each row, for measures that look at them (``label_sharpness``, ``class_separability``, ...): one
        array for all clouds, or one for each by its name. Of features recorded here that keep some of the rows alone,
        those of all examples will do.
    store : path, optional
        Run folder. What it holds already, for clouds with the same content, is not computed again, so that a run that
        was interrupted goes on, and one more measure or network costs its own numbers alone.
    jobs : int
        Clouds in flight at a time, as joblib counts them.
    progress : callable, optional
        Called with `Progress` before the first cloud and after each.

    Returns
    -------
    DimensionProfile
        Every number with its interval, layer by layer, and the curves over scales.

    Raises
    ------
    ParameterError
        If there are no clouds; if a measure is none of one cloud, or needs labels and there are none; if there are
        more or fewer labels than rows, or no measure looks at them.
    ValueError
        If `jobs` is none that there can be.
    RunFolderError
        If `store` is something else than a run folder.
    RunLocked
        If another process is writing to it.

    Notes
    -----
    The neighbours of each cloud are found once, as many as the measure that looks farthest needs, and cut where fewer
    are wanted. Arrays beside the numbers are kept, so that curves can be drawn from a run folder.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> plane = rng.random((500, 2)) @ rng.standard_normal((2, 30))
    >>> found = dimensions({"plane": plane, "space": rng.random((500, 3))}, measures=["two_nn"])
    >>> found.values().round()
    array([2., 3.])
    """  # noqa: DOC502 - raised by what is called
    run = run_clouds(items, measures, labels=labels, store=store, jobs=jobs, progress=progress)
    known, seed = {*run.clouds}, run.survey.seed
    rows = [
        row
        for row in run.readings.rows
        if row.target in known and not row.against and row.seed == seed
        if (row.measure, taken_apart(row.params)[0]) in run.asked
    ]
    order = {name: place for place, name in enumerate(run.traits)}
    rows.sort(key=lambda row: order[row.measure])
    targets = [run.readings.target(one) for one in run.clouds]
    return DimensionProfile(Readings(targets, rows, run.readings.array), run.clouds, run.traits)


def dimensions_of(readings: Readings) -> DimensionProfile:
    """Take up what an earlier run has read of single clouds.

    Parameters
    ----------
    readings : Readings
        What `read_run` gives of its folder.

    Returns
    -------
    DimensionProfile
        Every cloud of which there are readings.
    """
    known = catalogue()
    traits = {name: one.traits for name, one in known.items() if of_one_cloud(one.traits)}
    rows = [row for row in readings.rows if not row.against and readings.target(row.target).view == VIEW]
    measured = {row.target for row in rows}
    targets = [one for one in readings.targets if one.target in measured]
    told = {row.measure: traits[row.measure] for row in rows if row.measure in traits}
    return DimensionProfile(Readings(targets, rows, readings.array), tuple(one.target for one in targets), told)
