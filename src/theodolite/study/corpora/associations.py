"""Rank correlations of every metric with the quality: over all models, within groups, and given baselines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Missing, Note, Outcome, digest
from theodolite.numerics.partial_rank import benjamini_hochberg, holm, partial_kendall, partial_spearman
from theodolite.numerics.rank_correlation import kendall, kendall_error, spearman
from theodolite.numerics.rank_resampling import bootstrap, permutation_test
from theodolite.study.corpora.table import Table
from theodolite.study.corpora.trends import QUALITY, Association, Coefficient, Partial, Scope, Trend

FEWEST = 4
"""Models below which no correlation is given."""

MOST_RESAMPLED = 1000
"""Models above which the interval of tau comes from the jackknife, which is then as good."""

ANSWERED = 0.5
"""Share of the resamples that have to hold an order for an interval."""

PERFECT = 1 - 1e-9

Correction = Literal["holm", "bh", "none"]
Vector = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Sampling:
    """How chance is drawn.

    Attributes
    ----------
    seed : int
        Where the random streams start; those of a metric don't depend on which others are there.
    level : float
        Confidence level of intervals; findings are claimed at one minus it.
    resamples : int
        Of the bootstrap.
    permutations : int
        Orders that are drawn where there are too many to go through all.
    """

    seed: int = 0
    level: float = 0.95
    resamples: int = 2000
    permutations: int = 9999


class _Part(NamedTuple):
    """Models that are correlated: which, in strata of which sizes."""

    scope: Scope
    group: str
    rows: Rows
    sizes: list[int]
    missing: int


def associations(table: Table, columns: Mapping[str, Vector], sampling: Sampling) -> dict[str, Trend]:
    """Correlate columns with the quality.

    Parameters
    ----------
    table : Table
        The models.
    columns : mapping of str to ndarray of shape (models,)
        The columns.
    sampling : Sampling
        How chance is drawn.

    Returns
    -------
    dict of str to Trend
        Without words, partial correlations and corrected p-values.
    """
    by_mask: dict[bytes, list[str]] = {}
    for name, values in columns.items():
        by_mask.setdefault((np.isfinite(values) & np.isfinite(table.values)).tobytes(), []).append(name)
    found: dict[str, list[Association]] = {name: [] for name in columns}
    for mask, names in by_mask.items():
        x = np.stack([columns[name] for name in names])
        for part in _parts(table, np.frombuffer(mask, dtype=bool)):
            stream = digest(str(sampling.seed), part.scope, part.group, mask)
            rng = np.random.default_rng(int(stream[:32], 16))
            for name, one in zip(names, _correlated(x, table.values, part, sampling, rng), strict=True):
                found[name].append(one)
    return {name: _trend(name, several) for name, several in found.items()}


def _trend(name: str, several: Iterable[Association]) -> Trend:
    overall, *others = several
    within = next((one for one in others if one.scope == "within"), None)
    return Trend(name, overall, within, tuple(one for one in others if one.scope == "group"))


def _parts(table: Table, usable: NDArray[np.bool_]) -> list[_Part]:
    """List the models over which a metric is correlated: all, those with another of their group, and each group."""
    there = np.flatnonzero(usable)
    parts = [_Part("all", "", there, [there.size], usable.size - there.size)]
    labels = np.array(table.groups, dtype=object)
    members = {group: np.flatnonzero(usable & (labels == group)) for group in table.group_names}
    if members:
        several = [rows for rows in members.values() if rows.size > 1]
        rows = np.concatenate(several) if several else np.zeros(0, dtype=np.intp)
        parts.append(_Part("within", "", rows, [each.size for each in several], usable.size - rows.size))
        for group, each in members.items():
            lacking = int((labels == group).sum()) - each.size
            parts.append(_Part("group", group, each, [each.size], lacking))
    return parts


def _correlated(
    x: Vector, quality: Vector, part: _Part, sampling: Sampling, rng: np.random.Generator
) -> list[Association]:
    count = part.rows.size
    about = (part.scope, part.group, int(count), int(part.missing))
    if count < FEWEST:
        missing = Missing(Outcome.TOO_FEW_MODELS, f"{count} here")
        return [Association(*about, exact=False, kendall=missing, spearman=missing) for _ in x]
    x, y = x[:, part.rows], quality[part.rows]
    chance = permutation_test(x, y, part.sizes, permutations=sampling.permutations, rng=rng)
    drawn = bootstrap(x, y, part.sizes, resamples=sampling.resamples, rng=rng) if count <= MOST_RESAMPLED else None
    tau, rho = kendall(x, y, part.sizes), spearman(x, y, part.sizes)
    error = kendall_error(x, y, part.sizes) if drawn is None else None
    made = []
    for index in range(len(x)):
        if not math.isfinite(tau[index]):
            of = "the metric" if np.isfinite(kendall(y[None, :], y, part.sizes)[0]) else QUALITY
            missing = Missing(Outcome.CONSTANT_COLUMN, of)
            made.append(Association(*about, exact=chance.exact, kendall=missing, spearman=missing))
            continue
        ends = [
            _jackknifed(value[index], error, index, sampling.level)
            if drawn is None
            else _between(value[index], drawn[which][index], sampling.level)
            for which, value in enumerate((tau, rho))
        ]
        coefficients = [
            Coefficient(float(value[index]), low, high, float(p[index]), notes=notes)
            for value, p, (low, high, notes) in zip((tau, rho), (chance.kendall, chance.spearman), ends, strict=True)
        ]
        made.append(Association(*about, exact=chance.exact, kendall=coefficients[0], spearman=coefficients[1]))
    return made


_Ends = tuple[float | None, float | None, tuple[Note, ...]]


def _between(value: float, drawn: Vector, level: float) -> _Ends:
    """Take the percentiles of the resamples."""
    answered = drawn[np.isfinite(drawn)]
    if abs(value) >= PERFECT:
        return None, None, (Note(Outcome.PERFECT_ORDER),)
    if answered.size < ANSWERED * drawn.size:
        return None, None, (Note(Outcome.NO_INTERVAL, f"{drawn.size - answered.size} of {drawn.size}"),)
    low, high = np.quantile(answered, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high), ()


def _jackknifed(value: float, error: Vector | None, index: int, level: float) -> _Ends:
    """Go as many standard errors up and down on the scale where a correlation has no ends."""
    from scipy.special import ndtri

    if abs(value) >= PERFECT or error is None:
        return None, None, (Note(Outcome.PERFECT_ORDER),)
    reach = float(ndtri((1 + level) / 2)) * float(error[index]) / (1 - value**2)
    return math.tanh(math.atanh(value) - reach), math.tanh(math.atanh(value) + reach), ()


def partials(table: Table, name: str, values: Vector) -> tuple[Partial, ...]:
    """Correlate a metric with the quality, its baselines held fixed.

    Parameters
    ----------
    table : Table
        The models.
    name : str
        The metric.
    values : ndarray of shape (models,)
        Its numbers.

    Returns
    -------
    tuple of Partial
        Over all models, then within groups where there are some; empty where there is no baseline.
    """
    given = table.given_for(name)
    if not given:
        return ()
    held = np.stack([table.baselines[baseline] for baseline in given])
    usable = np.isfinite(values) & np.isfinite(table.values) & np.isfinite(held).all(axis=0)
    found = []
    for part in _parts(table, usable):
        if part.scope == "group":
            continue
        x, y, z = values[part.rows], table.values[part.rows], held[:, part.rows]
        if part.scope == "within" and not np.isfinite(kendall(z, y, part.sizes)).any():
            # Baselines that are the same for a whole group have nothing to say within it.
            continue
        count = int(part.rows.size)
        if count < FEWEST or not np.isfinite(kendall(np.stack([x, y]), y, part.sizes)).all():
            outcome = Outcome.TOO_FEW_MODELS if count < FEWEST else Outcome.CONSTANT_COLUMN
            found.append(Partial(_scope(part), given, count, part.missing, Missing(outcome), None))
            continue
        rho, p_value, freedom = partial_spearman(x, y, z, part.sizes)
        tau = partial_kendall(x, y, z, part.sizes)
        if math.isfinite(rho):
            spearman_or_why: Coefficient | Missing = Coefficient(rho, None, None, p_value)
        else:
            left = math.isfinite(partial_spearman(y, y, z, part.sizes)[0])
            outcome = Outcome.BASELINE_SAYS_ALL if freedom > 0 else Outcome.TOO_FEW_MODELS
            spearman_or_why = Missing(outcome, "the metric" if left else QUALITY)
        found.append(
            Partial(_scope(part), given, count, part.missing, spearman_or_why, tau if math.isfinite(tau) else None)
        )
    return tuple(found)


def _scope(part: _Part) -> Literal["all", "within"]:
    return "all" if part.scope == "all" else "within"


def corrected(trends: Sequence[Trend], correction: Correction) -> list[Trend]:
    """Correct p-values for the number of metrics, over all models, within groups and given baselines each.

    Parameters
    ----------
    trends : sequence of Trend
        All metrics that were looked at.
    correction : {"holm", "bh", "none"}
        How.

    Returns
    -------
    list of Trend
        With the corrected p-values; those of single groups support no claim and stay as they are.
    """
    overall = _corrected([trend.overall for trend in trends], correction)
    within = iter(_corrected([trend.within for trend in trends if trend.within], correction))
    partial: list[list[Partial]] = [[] for _ in trends]
    for scope in ("all", "within"):
        places = [(i, one) for i, trend in enumerate(trends) for one in trend.partial if one.scope == scope]
        adjusted = _adjusted([one.spearman for _, one in places], correction)
        for (index, one), coefficient in zip(places, adjusted, strict=True):
            partial[index].append(replace(one, spearman=coefficient))
    return [
        replace(trend, overall=whole, within=next(within) if trend.within else None, partial=tuple(given))
        for trend, whole, given in zip(trends, overall, partial, strict=True)
    ]


def _corrected(several: Sequence[Association], correction: Correction) -> list[Association]:
    tau = _adjusted([one.kendall for one in several], correction)
    rho = _adjusted([one.spearman for one in several], correction)
    return [replace(one, kendall=a, spearman=b) for one, a, b in zip(several, tau, rho, strict=True)]


def _adjusted(several: Sequence[Coefficient | Missing], correction: Correction) -> list[Coefficient | Missing]:
    p_values = np.array([one.p_value if isinstance(one, Coefficient) else np.nan for one in several])
    adjust: Mapping[Correction, Callable[[Vector], Vector]] = {"holm": holm, "bh": benjamini_hochberg, "none": np.copy}
    return [
        replace(one, p_adjusted=float(p)) if isinstance(one, Coefficient) else one
        for one, p in zip(several, adjust[correction](p_values), strict=True)
    ]
