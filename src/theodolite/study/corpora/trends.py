"""What a corpus of models shows: correlations with their evidence, metric by metric."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from theodolite.core import Missing, Note

Scope = Literal["all", "within", "group"]
Finding = Literal["reversed", "perhaps reversed", "between groups", "within groups", "consistent", "trend", "none"]

QUALITY = "the quality"
"""What a missing coefficient says it is missing for; else it is the metric."""


@dataclass(frozen=True)
class Coefficient:
    """One rank correlation.

    Attributes
    ----------
    value : float
        From −1 to 1.
    low, high : float or None
        Ends of its interval; None where the notes say why.
    p_value : float
        Two-sided, against random order.
    p_adjusted : float or None
        The same, corrected for all metrics that were looked at; None where a coefficient stands for no claim.
    notes : tuple of Note
        Doubts.
    """

    value: float
    low: float | None
    high: float | None
    p_value: float
    p_adjusted: float | None = None
    notes: tuple[Note, ...] = ()

    def says(self, threshold: float) -> bool:
        """Tell whether it is beyond chance.

        Parameters
        ----------
        threshold : float
            Of the p-value, the corrected one where there is one.

        Returns
        -------
        bool
            True where it is.
        """
        return (self.p_value if self.p_adjusted is None else self.p_adjusted) < threshold


@dataclass(frozen=True)
class Association:
    """How a metric goes with the quality, over some models.

    Attributes
    ----------
    scope : {"all", "within", "group"}
        All models; pairs of models of one group; the models of one group.
    group : str
        The group; empty for the other scopes.
    models : int
        Models that have both numbers (and, within groups, another one in their group).
    missing : int
        Models that lack one of them, or their group.
    exact : bool
        Whether the p-values are of all orders, not of drawn ones.
    kendall, spearman : Coefficient or Missing
        Kendall's tau-b and Spearman's rho.
    """

    scope: Scope
    group: str
    models: int
    missing: int
    exact: bool
    kendall: Coefficient | Missing
    spearman: Coefficient | Missing

    @property
    def tau(self) -> float | None:
        """Kendall's tau-b, or None."""
        return self.kendall.value if isinstance(self.kendall, Coefficient) else None


@dataclass(frozen=True)
class Partial:
    """What is left of a correlation when baselines are held fixed.

    Attributes
    ----------
    scope : {"all", "within"}
        All models, or ranks within groups.
    given : tuple of str
        The baselines.
    models : int
        Models that have all these numbers.
    missing : int
        Models that lack one.
    spearman : Coefficient or Missing
        Partial rho, with its p-value by Student's law and without an interval.
    kendall : float or None
        Partial tau, whose law is not known; None where there is none.
    """

    scope: Scope
    given: tuple[str, ...]
    models: int
    missing: int
    spearman: Coefficient | Missing
    kendall: float | None


@dataclass(frozen=True)
class Trend:
    """What one metric does with the quality.

    Attributes
    ----------
    name : str
        The metric.
    overall : Association
        Over all models.
    within : Association or None
        Over pairs of models of one group; None where nothing groups them.
    groups : tuple of Association
        Group by group.
    partial : tuple of Partial
        Given the baselines, over all models and within groups.
    finding : str
        ``"reversed"`` (Simpson's paradox: beyond chance over all models and within groups, with opposite signs),
        ``"perhaps reversed"`` (opposite signs, of which one is beyond chance and the other of noticeable size),
        ``"between groups"`` and ``"within groups"`` (beyond chance there alone), ``"consistent"`` (both, with one
        sign), ``"trend"`` (beyond chance, and nothing groups the models) or ``"none"``.
    sentences : tuple of str
        The same in words, with the numbers.
    """

    name: str
    overall: Association
    within: Association | None
    groups: tuple[Association, ...]
    partial: tuple[Partial, ...] = ()
    finding: Finding = "none"
    sentences: tuple[str, ...] = ()

    @property
    def associations(self) -> tuple[Association, ...]:
        """Over all models, within groups, and group by group."""
        return (self.overall, *((self.within,) if self.within else ()), *self.groups)

    @property
    def strength(self) -> float:
        """The larger size of tau, over all models and within groups: what trends are sorted by."""
        taus = [one.tau for one in (self.within, self.overall) if one is not None and one.tau is not None]
        return max(map(abs, taus), default=-1.0)


def record(thing: Any) -> Any:
    """Write a result as a JSON value.

    Parameters
    ----------
    thing : object
        A result, or what it is made of.

    Returns
    -------
    JSON-able
        Dicts, lists, strings and numbers; an outcome stands as its name, cause and remedy.
    """
    if isinstance(thing, Missing | Note):
        said = {"outcome": thing.outcome.name, "cause": thing.outcome.cause, "remedy": thing.outcome.remedy}
        return said | ({"detail": thing.detail} if thing.detail else {})
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {field.name: record(getattr(thing, field.name)) for field in dataclasses.fields(thing)}
    if isinstance(thing, tuple | list):
        return [record(each) for each in thing]
    return thing
