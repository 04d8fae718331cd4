"""All that a corpus of models shows: its trends, in words, as a table and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from theodolite.core import Missing, closest
from theodolite.study.corpora.associations import Correction, Sampling
from theodolite.study.corpora.table import Table
from theodolite.study.corpora.trends import Coefficient, Trend, record

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
"""Raised whenever a key of the JSON is dropped or changes its meaning."""


@dataclass(frozen=True)
class Corpus:
    """What a corpus of models shows.

    Attributes
    ----------
    table : Table
        The models with their numbers.
    higher_is_better : bool or None
        Which way the quality is better; None where nobody said.
    sampling : Sampling
        How chance was drawn.
    correction : {"holm", "bh", "none"}
        How p-values were corrected for the number of metrics.
    trends : tuple of Trend
        One for each metric, in the order of the table.
    baselines : tuple of Trend
        One for each baseline.
    """

    table: Table
    higher_is_better: bool | None
    sampling: Sampling
    correction: Correction
    trends: tuple[Trend, ...]
    baselines: tuple[Trend, ...]

    def __repr__(self) -> str:
        return f"Corpus({self.headline})"

    def trend(self, name: str) -> Trend:
        """Return what one metric, or one baseline, does with the quality.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        Trend
            The correlations, the finding, and the words.

        Raises
        ------
        KeyError
            If there is none; the message names the nearest.
        """
        known = {trend.name: trend for trend in (*self.trends, *self.baselines)}
        if name not in known:
            raise KeyError(f"no metric is named {name!r}; {closest(name, known)}")
        return known[name]

    @property
    def threshold(self) -> float:
        """P-value below which something is beyond chance."""
        return round(1 - self.sampling.level, 12)

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        table, several = self.table, len(self.trends)
        groups = f" in {len(table.group_names)} groups of {table.grouping}" if table.grouping else ""
        whole = sum(_says(trend.overall.kendall, self.threshold) for trend in self.trends)
        found = f"{whole} of {several} metric{'' if several == 1 else 's'} {'goes' if whole == 1 else 'go'} with "
        found += f"{table.quality} beyond chance over all models"
        if table.grouping:
            inside = sum(
                trend.within is not None and _says(trend.within.kendall, self.threshold) for trend in self.trends
            )
            found += f", {inside} within {table.grouping}"
        count = int(np.isfinite(table.values).sum())
        return f"{count} models{groups}: {found}."

    @property
    def sentences(self) -> tuple[str, ...]:
        """What stands above the single metrics: paradoxes, baselines, the sign, what is missing, how few there are."""
        return tuple(self._sentences())

    def _sentences(self) -> Iterator[str]:
        table = self.table
        paradoxes = [trend.name for trend in self.trends if trend.finding == "reversed"]
        if paradoxes:
            where = f"over all models and within {table.grouping}"
            yield f"Simpson’s paradox, opposite signs {where}: {', '.join(paradoxes)}."
        # A metric before training stands beside that metric.
        for trend in (one for one in self.baselines if one.name not in table.twins.values()):
            yield f"Baseline: {trend.sentences[0]}"
        if self.baselines:
            more = [
                trend.name for trend in self.trends if any(_says(p.spearman, self.threshold) for p in trend.partial[:1])
            ]
            yield f"Given the baselines, a trend is left for {', '.join(more) if more else 'no metric'}."
        if table.recognised:
            yield f"Taken for baselines by their names: {', '.join(table.recognised)}."
        if table.grouping:
            yield (
                f"Models of one {table.grouping} are not independent draws, as p-values over all models take them to "
                f"be; read those as too small, and go by what holds within {table.grouping}."
            )
        else:
            yield "No group was named: differences between families of models may drive any of these trends."
        yield self._direction()
        yield from self._few()
        yield from self._missing()

    def _direction(self) -> str:
        quality = self.table.quality
        if self.higher_is_better is None:
            return f"Positive means: higher with higher {quality}. Which way is better was not said."
        better = "better" if self.higher_is_better else "worse"
        return f"Positive means: higher with higher {quality}, which is {better}."

    def _few(self) -> Iterator[str]:
        count = int(np.isfinite(self.table.values).sum())
        if 4 <= count <= 6:
            chance = math.factorial(count) // 2
            so = " Nothing can be beyond chance here." if 1 / chance >= self.threshold else ""
            yield f"Only {count} models: a perfect order comes up by chance once in {chance}.{so}"

    def _missing(self) -> Iterator[str]:
        table = self.table
        without = int((~np.isfinite(table.values)).sum())
        if without:
            yield f"{without} of {len(table.models)} models have no {table.quality} and are left out."
        ungrouped = sum(not group for group in table.groups) if table.grouping else 0
        if ungrouped:
            of = f"{ungrouped} of {len(table.models)} models"
            yield f"{of} have no {table.grouping}; they count over all models alone."
        gaps = [trend for trend in (*self.trends, *self.baselines) if trend.overall.missing > without]
        if gaps:
            said = ", ".join(f"{trend.name} ({trend.overall.missing - without})" for trend in gaps[:8])
            yield f"Values that are missing or infinite: {said}{' and more' if len(gaps) > 8 else ''}."

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each metric or baseline, over all models, within groups and in each group."""
        import pandas as pd

        rows = []
        for role, trends in (("metric", self.trends), ("baseline", self.baselines)):
            for trend in trends:
                for one in trend.associations:
                    row: dict[str, Any] = {"name": trend.name, "role": role, "scope": one.scope, "group": one.group}
                    row |= {"models": one.models, "missing": one.missing}
                    for symbol, coefficient in (("tau", one.kendall), ("rho", one.spearman)):
                        row |= _cells(symbol, coefficient)
                    rows.append(row | {"finding": trend.finding if one.scope == "all" else ""})
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as a JSON value.

        Returns
        -------
        dict
            ``schema``, ``headline``, ``sentences``, ``quality``, ``higher_is_better``, ``grouping``, ``groups``,
            ``models``, ``sampling``, ``correction``, ``left_out``, and ``metrics`` and ``baselines``: lists of trends
            with all their correlations.
        """
        table = self.table
        return {
            "schema": SCHEMA,
            "headline": self.headline,
            "sentences": list(self.sentences),
            "quality": table.quality,
            "higher_is_better": self.higher_is_better,
            "grouping": table.grouping,
            "groups": list(table.group_names),
            "models": len(table.models),
            "sampling": record(self.sampling),
            "correction": self.correction,
            "left_out": dict(table.left_out),
            "metrics": [record(trend) for trend in self.trends],
            "baselines": [record(trend) for trend in self.baselines],
        }

    def to_json(self) -> str:
        """Write everything as JSON.

        Returns
        -------
        str
            One object, indented.
        """
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)


def _says(coefficient: Coefficient | Missing, threshold: float) -> bool:
    return isinstance(coefficient, Coefficient) and coefficient.says(threshold)


def _cells(symbol: str, coefficient: Coefficient | Missing) -> dict[str, Any]:
    parts = ("low", "high", "p_value", "p_adjusted")
    if isinstance(coefficient, Missing):
        return {
            symbol: None,
            **{f"{symbol}_{part}": None for part in parts},
            f"{symbol}_outcome": coefficient.outcome.name,
        }
    notes = ", ".join(note.outcome.name for note in coefficient.notes)
    values = {f"{symbol}_{part}": getattr(coefficient, part) for part in parts}
    return {symbol: coefficient.value, **values, f"{symbol}_outcome": notes}
