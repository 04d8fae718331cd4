"""What a trend means, in words: rules on the correlations, and sentences with the numbers they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from theodolite.core import Missing, Outcome
from theodolite.study.corpora.trends import QUALITY, Association, Coefficient, Finding, Partial, Trend

MOST_NAMED = 4

NOTICEABLE = 0.1
"""Size of tau below which a correlation that is not beyond chance counts as none, not as one of the other sign."""


@dataclass(frozen=True)
class Setting:
    """What the words are about.

    Attributes
    ----------
    quality : str
        Name of the quality.
    higher_is_better : bool or None
        Which way is better; None where nobody said.
    grouping : str
        Name of what groups the models; empty where nothing does.
    threshold : float
        Of p-values.
    twins : mapping of str to str
        Metric to the baseline that holds it at random initialisation.
    baselines : mapping of str to Trend
        What the baselines do.
    """

    quality: str
    higher_is_better: bool | None
    grouping: str
    threshold: float
    twins: Mapping[str, str]
    baselines: Mapping[str, Trend]


def finding_of(trend: Trend, threshold: float) -> Finding:
    """Judge a trend.

    Parameters
    ----------
    trend : Trend
        The correlations.
    threshold : float
        Of the corrected p-values of tau.

    Returns
    -------
    str
        As `Trend.finding` lists them.
    """
    overall, within = trend.overall.kendall, trend.within.kendall if trend.within else None
    whole = isinstance(overall, Coefficient) and overall.says(threshold)
    if within is None:
        return "trend" if whole else "none"
    inside = isinstance(within, Coefficient) and within.says(threshold)
    if isinstance(overall, Coefficient) and isinstance(within, Coefficient) and overall.value * within.value < 0:
        if whole and inside:
            return "reversed"
        if (whole or inside) and min(abs(overall.value), abs(within.value)) >= NOTICEABLE:
            return "perhaps reversed"
    if whole and inside:
        return "consistent"
    return "between groups" if whole else "within groups" if inside else "none"


def sentences_of(trend: Trend, setting: Setting) -> tuple[str, ...]:
    """Say what a metric does with the quality.

    Parameters
    ----------
    trend : Trend
        The metric, its finding decided.
    setting : Setting
        What the words are about.

    Returns
    -------
    tuple of str
        The trend, the groups where they differ, the baselines, and what the number of models allows.
    """
    if isinstance(trend.overall.kendall, Missing):
        return (_none(trend, trend.overall.kendall, setting),)
    return (
        _main(trend, setting),
        *_groups(trend, setting),
        *_baselines(trend, setting),
        *_twin(trend, setting),
        *_caution(trend, setting),
    )


def rises(value: float) -> str:
    """Name the direction of a correlation.

    Parameters
    ----------
    value : float
        The correlation.

    Returns
    -------
    str
        ``"rises"``, ``"falls"``, or ``"neither rises nor falls"``.
    """
    return "rises" if value > 0 else "falls" if value < 0 else "neither rises nor falls"


def signed(value: float) -> str:
    """Write a correlation with its sign.

    Parameters
    ----------
    value : float
        The correlation.

    Returns
    -------
    str
        With two decimals.

    Examples
    --------
    >>> signed(0.5), signed(-0.857), signed(-0.001)
    ('+0.50', '−0.86', '0.00')
    """
    text = f"{abs(value):.2f}"
    return text if float(text) == 0 else f"{'+' if value > 0 else '−'}{text}"


def p_text(p_value: float) -> str:
    """Write a p-value.

    Parameters
    ----------
    p_value : float
        In [0, 1].

    Returns
    -------
    str
        Two significant digits.

    Examples
    --------
    >>> p_text(0.0417), p_text(0.00002), p_text(1.0)
    ('p = 0.042', 'p < 0.0001', 'p = 1')
    """
    return "p < 0.0001" if p_value < 1e-4 else f"p = {p_value:.2g}"


def evidence(coefficient: Coefficient | Missing, symbol: str = "τ") -> str:
    """Write a correlation with its p-value, or why there is none.

    Parameters
    ----------
    coefficient : Coefficient or Missing
        The correlation.
    symbol : str
        What it is called.

    Returns
    -------
    str
        A clause.
    """
    if isinstance(coefficient, Missing):
        return coefficient.outcome.cause.rstrip(".").lower()
    adjusted = coefficient.p_adjusted
    if adjusted is None or adjusted <= coefficient.p_value * 1.001 or adjusted < 1e-4:
        more = ""
    else:
        more = f"; {p_text(adjusted).removeprefix('p ').removeprefix('= ')} corrected"
    return f"{symbol} = {signed(coefficient.value)}, {p_text(coefficient.p_value)}{more}"


def _none(trend: Trend, why: Missing, setting: Setting) -> str:
    count = trend.overall.models
    if why.outcome is Outcome.TOO_FEW_MODELS:
        return f"{trend.name}: only {count} of the models {'has' if count == 1 else 'have'} both numbers, too few."
    what = setting.quality if why.detail == QUALITY else trend.name
    return f"{what} is the same for all {count} models, so that there is no order to compare."


def _main(trend: Trend, setting: Setting) -> str:
    name, quality, within = trend.name, setting.quality, trend.within
    over = f"over all {trend.overall.models} models"
    whole = evidence(trend.overall.kendall)
    up = rises(trend.overall.tau or 0.0)
    better = _better(trend, setting)
    if trend.finding == "trend":
        return f"{name} {up} with {quality} {over} ({whole}){better}."
    if within is None:
        return f"{name} shows no trend with {quality} beyond chance ({whole})."
    if isinstance(within.kendall, Missing):
        return f"{name} {up} with {quality} {over} ({whole}); {_same(within.kendall, setting)}."
    inside = evidence(within.kendall)
    up_inside, groups = rises(within.tau or 0.0), f"within {setting.grouping}"
    if trend.finding == "reversed":
        return (
            f"Simpson’s paradox: {name} {up} with {quality} {over} ({whole}) and {up_inside} {groups} ({inside}): "
            "the differences between groups drive the overall trend."
        )
    if trend.finding == "perhaps reversed":
        first = isinstance(trend.overall.kendall, Coefficient) and trend.overall.kendall.says(setting.threshold)
        if first:
            return (
                f"{name} {up} with {quality} {over} ({whole}); {groups} it {up_inside} if anything, not beyond chance "
                f"({inside}): the differences between groups drive the overall trend."
            )
        return (
            f"{name} {up_inside} with {quality} {groups} ({inside}); {over} it {up} if anything, not beyond chance "
            f"({whole}): the differences between groups work against it."
        )
    if trend.finding == "consistent":
        return f"{name} {up} with {quality} {over} ({whole}) and {groups} ({inside}){better}."
    if trend.finding == "between groups":
        return (
            f"{name} {up} with {quality} {over} ({whole}), but {groups} not beyond chance ({inside}): it may be "
            "no more than the differences between groups."
        )
    if trend.finding == "within groups":
        return (
            f"{name} {up_inside} with {quality} {groups} ({inside}){better}; {over} the differences between groups "
            f"hide it ({whole})."
        )
    return f"{name} shows no trend with {quality} beyond chance, neither {over} ({whole}) nor {groups} ({inside})."


def _same(why: Missing, setting: Setting) -> str:
    if why.outcome is Outcome.TOO_FEW_MODELS:
        return f"too few models share a {setting.grouping} to look within"
    what = setting.quality if why.detail == QUALITY else "it"
    return f"{what} is the same for all models of one {setting.grouping}, so that only groups can drive it"


def _better(trend: Trend, setting: Setting) -> str:
    if setting.higher_is_better is None:
        return ""
    decisive = trend.within if trend.finding == "within groups" and trend.within else trend.overall
    higher = ((decisive.tau or 0.0) > 0) is setting.higher_is_better
    return f": better models have {'higher' if higher else 'lower'} values"


def _groups(trend: Trend, setting: Setting) -> Iterator[str]:
    """Name the groups by direction, where they differ."""
    known = [one for one in trend.groups if one.tau is not None]
    up, down = ([one for one in known if (one.tau or 0.0) * way > 0] for way in (1, -1))
    if up and down:
        yield f"It rises within {_named(up, setting)}, and falls within {_named(down, setting)}."
    few = [_called(one, setting) for one in trend.groups if one.tau is None and _too_few(one)]
    if few and known and trend.finding != "none":
        yield f"Too few models to tell within {_listed(few)}."


def _too_few(one: Association) -> bool:
    return isinstance(one.kendall, Missing) and one.kendall.outcome is Outcome.TOO_FEW_MODELS


def _called(one: Association, setting: Setting) -> str:
    """Name a group; one that is a number says of what."""
    return one.group if any(sign.isalpha() for sign in one.group) else f"{setting.grouping} {one.group}"


def _named(several: Sequence[Association], setting: Setting) -> str:
    strongest = sorted(several, key=lambda one: -abs(one.tau or 0.0))
    return _listed([f"{_called(one, setting)} ({evidence(one.kendall)})" for one in strongest])


def _listed(names: Sequence[str]) -> str:
    if len(names) > MOST_NAMED:
        return f"{', '.join(names[:MOST_NAMED])} and {len(names) - MOST_NAMED} more"
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _baselines(trend: Trend, setting: Setting) -> Iterator[str]:
    mine = trend.overall.tau
    closer = []
    for name in trend.partial[0].given if trend.partial else ():
        other = setting.baselines[name].overall.tau
        if name != setting.twins.get(trend.name) and mine is not None and other is not None:
            closer += [f"{name} (τ = {signed(other)})"] if abs(other) >= abs(mine) - 1e-9 else []
    if closer:
        go = "goes" if len(closer) == 1 else "go"
        yield f"{_listed(closer)} alone {go} with {setting.quality} at least as closely."
    for one in trend.partial:
        yield _given(one, trend.name, setting)


def _given(one: Partial, metric: str, setting: Setting) -> str:
    held = _listed(list(one.given))
    where = "" if one.scope == "all" else f" within {setting.grouping}"
    if isinstance(one.spearman, Missing):
        if one.spearman.outcome is Outcome.BASELINE_SAYS_ALL:
            what = setting.quality if one.spearman.detail == QUALITY else metric
            return f"{held} already put{'s' if len(one.given) == 1 else ''} these models in the order of {what}{where}."
        return f"Given {held},{where} there is no answer: {one.spearman.outcome.cause.rstrip('.').lower()}."
    says = one.spearman.says(setting.threshold)
    left = "a trend is left" if says else "no trend beyond chance is left"
    end = f": {metric} says more than {held}" if says else ""
    return f"Given {held},{where} {left} ({evidence(one.spearman, 'partial ρ')}){end}."


def _twin(trend: Trend, setting: Setting) -> Iterator[str]:
    name = setting.twins.get(trend.name, "")
    before = setting.baselines[name].overall.kendall if name else None
    if isinstance(before, Coefficient):
        end = ": that much is the architecture" if before.says(setting.threshold) else ""
        yield f"Before training ({name}) the same metric gives {evidence(before)}{end}."


def _caution(trend: Trend, setting: Setting) -> Iterator[str]:
    tau = trend.overall.kendall
    if isinstance(tau, Coefficient) and abs(tau.value) > 1 - 1e-9 and tau.p_value > setting.threshold / 10:
        yield (
            f"{trend.overall.models} models are few: an order as perfect comes up by chance once in "
            f"{round(1 / tau.p_value)}."
        )
