"""Intervals of what two clouds share: the measure again, without one group of rows after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from theodolite.core import Cloud, Interval, Measure, Note, Outcome, Pair, PairMoments, to_numpy
from theodolite.numerics.deletion import Moments, without_rows
from theodolite.resample.matched import Indices, Matched, constant, indices, kept, rows_of
from theodolite.resample.wrapped import Case, Evidence, Found

FEWEST = 5
"""Least number of groups."""

DIGITS = 1e-4
"""Share of the variance that must be left for it to be known by what was taken away."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class GroupJackknife(Evidence):
    """Leave out groups of rows.

    Parameters
    ----------
    groups : int
        How many groups the rows are divided into, where their moments were not gathered in folds.
    level : float
        Confidence level.
    """

    groups: int
    level: float
    name: ClassVar[str] = "with_interval"

    def check(self, measure: Measure[..., Any]) -> None:
        """Rows can be left out of every pair.

        Parameters
        ----------
        measure : Measure
            The measure.
        """

    def gathered(self, case: Case, rng: np.random.Generator) -> Found:
        """Measure what is left without each group.

        Parameters
        ----------
        case : Case
            The result.
        rng : numpy.random.Generator
            The stream that the groups are drawn from.

        Returns
        -------
        Found
            An interval for each field but what a test gives, or a note why there is none.
        """
        promises = {name: p for name, p in case.traits.fields.items() if not (p.of_test or p.goodness_of_fit)}
        values = {name: value for name, value in case.values.items() if name in promises}
        shares, without, obstacle = self._left_out(case, rng)
        if obstacle:
            return Found({}, {}, tuple(Note(Outcome.NO_INTERVAL, obstacle, field=name) for name in values))
        drawn = case.of_draws(without, rng)
        intervals, notes = {}, []
        for name, value in values.items():
            told = np.isfinite(drawn[name])
            if not told.all():
                detail = (
                    f"no value without {np.count_nonzero(~told)} of {told.size} groups of {rows_of(case.view)} rows"
                )
                notes.append(Note(Outcome.NO_INTERVAL, detail, field=name))
                continue
            se = jackknife_error(value, drawn[name], shares)
            reach = float(stdtrit(shares.size - 1, (1 + self.level) / 2)) * se
            least, most = promises[name].bounds
            low = value - reach if least is None else min(value, max(value - reach, least))
            high = value + reach if most is None else max(value, min(value + reach, most))
            low, high, se = (case.beside(name, number) for number in (low, high, se))
            intervals[name] = Interval(low, high, self.level, se)
        return Found(intervals, {}, tuple(notes))

    def _left_out(self, case: Case, rng: np.random.Generator) -> tuple[Vector, Iterator[Matched], str]:
        """Give the share of the rows in each group, what is left without each, and why that can't be had."""
        pair: Matched = case.view
        count, nothing = rows_of(pair), (np.empty(0), iter(()))
        if isinstance(pair, Pair) and pair.folds:
            held = [index for index, fold in enumerate(pair.folds) if fold.count]
            if len(held) < FEWEST:
                return *nothing, f"the moments were gathered in {len(held)} folds, {FEWEST} are needed"
            shares = np.asarray([pair.folds[index].count for index in held]) / count
            return shares, (pair.without(index) for index in held), ""
        if isinstance(pair, Pair) and "rows" not in pair.has:
            return *nothing, "the view has moments alone; CrossMoments(folds=20) keeps them apart"
        if count <= FEWEST:
            return *nothing, f"{count} rows"
        groups = np.array_split(rng.permutation(count), min(self.groups, count))
        shares = np.asarray([group.size for group in groups]) / count
        pair = constant(pair)
        if not isinstance(pair, Pair):
            return shares, _by_rows(pair, groups), ""
        if max(pair.widths) > count:
            shorter = Pair(Cloud(pair.x.coordinates), Cloud(pair.y.coordinates))
            return shares, _by_rows(shorter if case.holds_on(shorter, rng) else pair, groups), ""
        moments = "rows" not in case.traits.needs and case.holds_on(Pair.from_moments(pair.moments), rng)
        return shares, (_by_moments if moments else _by_rows)(pair, groups), ""


def jackknife_error(value: float, without: Vector, shares: Vector) -> float:
    r"""Estimate a standard error from what is found without each group.

    With :math:`h_j = 1 / \text{share}_j` and the pseudo-values
    :math:`\theta_j = h_j \theta - (h_j - 1) \theta_{-j}`, its square is the mean over the g groups of
    :math:`(\theta_j - \bar\theta)^2 / (h_j - 1)`, where
    :math:`\bar\theta = g \theta - \sum_j (1 - 1/h_j) \theta_{-j}` is the jackknife estimate.

    Parameters
    ----------
    value : float
        The number itself.
    without : ndarray, shape (groups,)
        The same without each group.
    shares : ndarray, shape (groups,)
        Share of the rows in each group; they sum to 1.

    Returns
    -------
    float
        The standard error of the number.

    References
    ----------
    F. M. T. A. Busing, E. Meijer and R. van der Leeden, Delete-m jackknife for unequal m, Statistics and Computing 9
    (1999) 3-8.
    """
    gaps = without - value  # differences from the number itself keep their digits where they are small
    inverse = 1 / shares
    centre = -float(np.sum((1 - shares) * gaps))
    pseudo = -(inverse - 1) * gaps
    return float(np.sqrt(np.mean((pseudo - centre) ** 2 / (inverse - 1))))


def _by_rows(pair: Matched, groups: list[Indices]) -> Iterator[Matched]:
    for group in groups:
        yield kept(pair, np.delete(np.arange(rows_of(pair)), group))


def _by_moments(pair: Pair, groups: list[Indices]) -> Iterator[Matched]:
    (x, y), all_of = (pair.x, pair.y), pair.moments
    totals = pair.totals
    whole = Moments(all_of.count, all_of.means, all_of.scatters, all_of.cross, all_of.fourth)
    for group in groups:
        gone = indices(group, x.rows)
        rest = Pair.from_moments(PairMoments(*without_rows(x.centred, y.centred, whole, gone, (x.squares, y.squares))))
        # What is left of a cloud when its variance goes would be rounding.
        spread = zip(rest.totals, totals, strict=True)
        known = all(float(to_numpy(left)) >= DIGITS * float(to_numpy(total)) for left, total in spread)
        yield rest if known else kept(pair, np.delete(np.arange(pair.count), group))
