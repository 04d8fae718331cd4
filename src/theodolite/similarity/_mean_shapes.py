"""Any number of clouds brought to one mean shape, from several starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Cloud, Note, Outcome, Refusal, namespace, to_numpy
from theodolite.numerics.mean_shape import MeanShape, flat_mean, spherical_mean
from theodolite.similarity._shapes import Metric

Rows = NDArray[np.float64]

DISAGREE = 1e-6
"""Relative difference of the objective from which two starts ended in different places."""


@dataclass(frozen=True, eq=False)
class Found:
    """The best of several means.

    Attributes
    ----------
    best : MeanShape
        The one with the smallest objective.
    objectives : array of shape (starts,)
        Of all of them, ascending.
    notes : tuple of Note
        Doubts, on the field ``"objective"``.
    """

    best: MeanShape
    objectives: Rows
    notes: tuple[Note, ...]


def found_mean(clouds: tuple[Cloud, ...], metric: Metric, starts: int) -> Found:
    """Find the mean of clouds.

    Parameters
    ----------
    clouds : tuple of Cloud
        With the same rows.
    metric : {"euclidean", "angular"}
        Whether size counts.
    starts : int
        From how many places to start: clouds, and means of clouds turned at random where there are too few. They are
        always the same.

    Returns
    -------
    Found
        The best mean.
    """
    rows = _same_rows(clouds)
    find = flat_mean
    if metric == "angular":
        rows, find = [_of_norm_one(one, place) for place, one in enumerate(rows)], spherical_mean
    means = [find(rows, start) for start in _starts(rows, starts)]
    means.sort(key=lambda mean: mean.objective)
    objectives = np.asarray([mean.objective for mean in means])
    notes = []
    size = sum(float((one**2).sum()) for one in rows)
    if objectives[-1] - objectives[0] > DISAGREE * max(float(objectives[0]), float(np.finfo(np.float64).eps) * size):
        others = int(np.count_nonzero(objectives > (1 + DISAGREE) * objectives[0]))
        notes.append(Note(Outcome.LOCAL_MINIMA, f"{others} of {len(means)} starts", field="objective"))
    elif not means[0].settled:
        notes.append(Note(Outcome.NOT_SETTLED, f"{means[0].objectives.size} steps", field="objective"))
    return Found(means[0], objectives, tuple(notes))


def _same_rows(clouds: tuple[Cloud, ...]) -> list[Rows]:
    """Give the clouds in coordinates, all as wide as the widest."""
    if not clouds:
        raise TypeError("clouds: expected one at least")
    counts = [cloud.count for cloud in clouds]
    if len(set(counts)) > 1:
        raise ValueError(f"clouds: they have {', '.join(map(str, counts))} rows; row i of all must be one stimulus")
    namespace(*(cloud.rows for cloud in clouds))  # arrays of two libraries don't go together
    rows = [to_numpy(cloud.coordinates) for cloud in clouds]
    width = max(one.shape[1] for one in rows)
    return [np.pad(one, ((0, 0), (0, width - one.shape[1]))) for one in rows]


def _of_norm_one(rows: Rows, place: int) -> Rows:
    norm = float(np.linalg.norm(rows))
    if not norm > 0:
        raise Refusal(Outcome.CONSTANT_CLOUD, f"cloud {place}")
    return rows / norm


def _starts(rows: list[Rows], starts: int) -> list[Rows]:
    count, rng = min(starts, len(rows)), np.random.default_rng(starts)
    chosen = [rows[len(rows) * place // count] for place in range(count)]
    for _ in range(starts - count if len(rows) > 2 else 0):  # of two clouds, either start gives the best mean
        turned = np.mean([one @ _rotation(one.shape[1], rng) for one in rows], axis=0)
        size = float(np.linalg.norm(turned))
        chosen.append(turned * (float(np.linalg.norm(rows[0])) / size) if size else turned)
    return chosen


def _rotation(side: int, rng: np.random.Generator) -> Rows:
    basis, triangle = np.linalg.qr(rng.standard_normal((side, side)))
    return basis * np.sign(np.diag(triangle))
