"""Measure all pairs of clouds."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from theodolite.catalogue import measures as catalogue
from theodolite.core import Readings, canonical_json
from theodolite.core.progress import Progress
from theodolite.study.similarities.result import AllPairs
from theodolite.surveys.all_pairs import run_pairs
from theodolite.surveys.clouds import VIEW
from theodolite.surveys.evidence import taken_apart


def all_pairs(
    items: Any,
    against: Any = None,
    measures: Any = None,
    *,
    store: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> AllPairs:
    """Compare many clouds of points, each with each other, or those of one set with those of another.

    Parameters
    ----------
    items : mapping of str to array or Cloud, features, path, CrossMoments, or a list of these
        The clouds: networks, layers, seeds. Row i of all of them belongs to one stimulus. Of a list, every cloud of
        every entry is compared with every other.
    against : the same, optional
        Another set: then each of the first is compared with each of this one only.
    measures : str, Measure, functools.partial, Request, an iterable of these, or a Survey, optional
        Measures of two clouds, by default ``cka``, ``angular_procrustes`` and ``mutual_knn``. Around each, wrappers of
        `theodolite.resample` give intervals and chance levels by drawing: ``"with_interval(cka)"``. A chance level that
        has a closed form stands beside the number without drawing. A `Survey` brings also a seed and a choice of
        layers: ``td.Survey.of(["cka"], seed=1, layers="*conv*")``.
    store : path, optional
        Run folder. What it holds already, for clouds with the same content, is not computed again, so that a run that
        was interrupted goes on, and one more network costs its own pairs alone.
    jobs : int
        Pairs in flight at a time, as joblib counts them.
    progress : callable, optional
        Called with `Progress` before the first pair and after each.

    Returns
    -------
    AllPairs
        Matrices of what was read, best matches, distances, an embedding.

    Raises
    ------
    ParameterError
        If there are fewer than two clouds, their rows differ in number, or a measure is none of two clouds.
    ValueError
        If `jobs` is none that there can be.
    RunFolderError
        If `store` is something else than a run folder.
    RunLocked
        If another process is writing to it.

    Notes
    -----
    Each cloud is read once from its file to know its content. What is computed of a single cloud (its centring, its
    Gram matrix, its whitening) is computed once for all of its pairs as long as all clouds take up less than
    two gigabytes; else the rows go block by block, and clouds of the columns are read again for each block.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> one = rng.standard_normal((50, 4))
    >>> nets = {"one": one, "turned": one @ np.linalg.qr(rng.standard_normal((4, 4)))[0], "other": one**3}
    >>> found = all_pairs(nets, measures=["cka"])
    >>> np.round(found.matrix("cka")[0, 1], 6)
    np.float64(1.0)
    """  # noqa: DOC502 - raised by what is called
    run = run_pairs(items, against, measures, store=store, jobs=jobs, progress=progress)
    asked = {
        (request.name, taken_apart(canonical_json(request.completed("theodolite")))[0])
        for request in run.survey.measures
    }
    known, seed = {*run.rows, *run.columns}, run.survey.seed
    rows = [
        row
        for row in run.readings.rows
        if row.target in known and row.against in known and row.seed == seed
        if (row.measure, taken_apart(row.params)[0]) in asked
    ]
    order = {name: place for place, name in enumerate(run.traits)}
    rows.sort(key=lambda row: order[row.measure])
    readings = Readings([run.readings.target(one) for one in dict.fromkeys((*run.rows, *run.columns))], rows)
    return AllPairs(readings, run.rows, run.columns, run.traits)


def all_pairs_of(readings: Readings) -> AllPairs:
    """Take up what an earlier run has read of all pairs.

    Parameters
    ----------
    readings : Readings
        What `read_run` gives of its folder.

    Returns
    -------
    AllPairs
        Every cloud in rows and columns; pairs that were not compared have no number.
    """
    targets = [one for one in readings.targets if one.view == VIEW and not one.listed_because]
    ids = tuple(one.target for one in targets)
    known, places = catalogue(), set(ids)
    rows = [row for row in readings.rows if row.target in places and row.against in places]
    traits = {row.measure: known[row.measure].traits for row in rows if row.measure in known}
    return AllPairs(Readings(targets, rows), ids, ids, traits)
