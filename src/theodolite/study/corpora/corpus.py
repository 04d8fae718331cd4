"""Many models at once: which metrics go with their quality, and what drives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from theodolite.core import ParameterError, Readings, closest
from theodolite.core.parameters import check_options
from theodolite.study.corpora.associations import Correction, Sampling, associations, corrected, partials
from theodolite.study.corpora.models import models_frame
from theodolite.study.corpora.result import Corpus
from theodolite.study.corpora.table import Columns, Table, read_table
from theodolite.study.corpora.trends import Trend
from theodolite.study.corpora.words import Setting, finding_of, sentences_of

if TYPE_CHECKING:
    import pandas as pd

CORRECTIONS = ("holm", "bh", "none")


class Options(TypedDict, total=False):
    """What can be said beside the columns; see `corpus`."""

    metrics: Sequence[str] | None
    names: str | None
    level: float
    resamples: int
    permutations: int
    correction: Correction


def corpus(
    data: pd.DataFrame | Readings,
    *,
    quality: str | Mapping[str, float],
    group: str | Sequence[str] | Mapping[str, str] | None = None,
    baselines: Sequence[str] | None = None,
    higher_is_better: bool | None = None,
    rng: int | np.random.Generator = 0,
    **options: Unpack[Options],
) -> Corpus:
    r"""Say which metrics go with the quality of models, over all of them and within groups.

    Each metric is set against the quality by rank: Kendall's tau-b and Spearman's rho, over all models, within each
    group, and pooled within groups. Opposite signs over all models and within groups are Simpson's paradox, and are
    called so where both are beyond chance.

    Parameters
    ----------
    data : pandas.DataFrame or Readings
        One row a model and one column a metric; or what `survey` gave of several models, whose means over layers are
        then the metrics, with the numbers of parameters and of layers as baselines.
    quality : str or mapping of str to float
        The column of the quality; or each model's, by its name. Correlations are with these numbers as they stand.
    group : str, sequence of str, or mapping of str to str, optional
        The column, or columns, that say which models are of one family (of one depth, of one data set); or each
        model's group, by its name.
    baselines : sequence of str, optional
        Columns that a metric has to say more than; none with ``()``. By default those recognised by their names:
        numbers of parameters or layers, and ``METRIC_init`` for a metric's value at random initialisation, which stands
        beside that metric alone.
    higher_is_better : bool, optional
        Which way the quality is better; without it, words speak of the column alone.
    rng : int or numpy.random.Generator
        Seed of resamples and permutations.
    **options
        `metrics` (columns; by default every other column of numbers), `names` (column of the models' names), `level`
        (0.95), `resamples` (2000), `permutations` (9999), and `correction` for the number of metrics: ``"holm"``
        (default; bounds the chance of one false finding), ``"bh"`` (bounds the share of false ones) or ``"none"``.

    Returns
    -------
    Corpus
        Trends with evidence and words; `theodolite.reports.corpus_report` makes a page of it. An option that is unknown
        or out of its range is a `ParameterError`; a column that is not there, or there twice, or has two meanings or no
        numbers, is a `ValueError`.

    Notes
    -----
    *Within groups* tau counts the pairs of models of one group alone, :math:`\tau_w = \sum_g S_g / \sqrt{\sum_g X_g
    \sum_g Y_g}` with the concordant minus discordant pairs of a group and its pairs that are not tied in the metric and
    in the quality; rho is Pearson's correlation of ranks within groups, each divided by the group's size plus one and
    centred, so that every model counts alike.

    *P-values* are two-sided and put the quality into random order, within groups where pairs are: all orders where
    there are at most 50,000, which is exact, else `permutations` drawn ones as :math:`(b + 1) / (m + 1)`. Above 300
    models tau's comes from the normal law with the variance for ties.

    *Intervals* are percentiles of the bootstrap, stratified by group within groups. Copies of one model in a resample
    are tied in both columns, and tau-b leaves such pairs out. On normal populations 95 % intervals of tau held the true
    value in 94 to 100 % of the samples of 6 to 40 models, and within groups of 4 to 19. A perfect order has none.

    *Given baselines*, rho is the partial correlation of the ranks, with Student's law of n − k − 2 degrees of freedom
    (k baselines; within groups one less for each further group), and tau is Kendall's partial tau.

    Values that are missing or infinite are left out column by column, and counted.

    References
    ----------
    Kendall (1938), "A new measure of rank correlation"; Kendall (1942), "Partial rank correlation";
    Simpson (1951), "The interpretation of interaction in contingency tables"; Martin, Peng and Mahoney (2021),
    "Predicting trends in the quality of state-of-the-art neural networks without access to training or testing data";
    Martin and Mahoney (2021), "Post-mortem on a deep learning contest".

    Examples
    --------
    >>> import pandas as pd
    >>> size, loss = [1, 2, 3, 4, 11, 12, 13, 14], [4, 3, 2, 1, 14, 13, 12, 11]
    >>> frame = pd.DataFrame({"alpha": size, "loss": loss, "family": list("aaaabbbb")})
    >>> found = corpus(frame, quality="loss", group="family", higher_is_better=False)
    >>> trend = found.trend("alpha")
    >>> round(trend.overall.kendall.value, 2), round(trend.within.kendall.value, 2)
    (0.14, -1.0)
    """
    options = _checked(options)
    seed = rng if isinstance(rng, int) else int(rng.integers(1 << 62))
    sampling = Sampling(
        seed, options.get("level", 0.95), options.get("resamples", 2000), options.get("permutations", 9999)
    )
    frame, columns = _arranged(data, quality, group)
    metrics = options.get("metrics")
    columns = replace(
        columns,
        baselines=None if baselines is None else tuple(baselines),
        metrics=None if metrics is None else tuple(metrics),
        names=options.get("names") or columns.names,
    )
    return _studied(read_table(frame, columns), higher_is_better, sampling, options.get("correction", "holm"))


def _studied(table: Table, higher_is_better: bool | None, sampling: Sampling, correction: Correction) -> Corpus:
    threshold = round(1 - sampling.level, 12)
    others = associations(table, table.baselines, sampling)
    setting = Setting(table.quality, higher_is_better, table.grouping, threshold, table.twins, others)
    baselines = [_told(trend, setting) for trend in others.values()]
    found = associations(table, table.metrics, sampling)
    whole = [replace(trend, partial=partials(table, name, table.metrics[name])) for name, trend in found.items()]
    trends = [_told(trend, setting) for trend in corrected(whole, correction)]
    return Corpus(table, higher_is_better, sampling, correction, tuple(trends), tuple(baselines))


def _told(trend: Trend, setting: Setting) -> Trend:
    judged = replace(trend, finding=finding_of(trend, setting.threshold))
    return replace(judged, sentences=sentences_of(judged, setting))


def _arranged(
    data: pd.DataFrame | Readings,
    quality: str | Mapping[str, float],
    group: str | Sequence[str] | Mapping[str, str] | None,
) -> tuple[pd.DataFrame, Columns]:
    """Bring every form of the input to a table and names of columns."""
    frame = models_frame(data) if isinstance(data, Readings) else data
    made = {}
    if isinstance(quality, Mapping):
        made["quality"] = _by_name(frame, quality, "quality")
    if isinstance(group, Mapping):
        made["group"] = _by_name(frame, group, "group")
    several = ("group",) if isinstance(group, Mapping) else (group,) if isinstance(group, str) else tuple(group or ())
    named = "quality" if isinstance(quality, Mapping) else quality
    return frame.assign(**made), Columns(named, several)


def _by_name(frame: pd.DataFrame, values: Mapping[str, Any], what: str) -> list[Any]:
    names = [str(name) for name in frame.index]
    for name in values:
        if name not in names:
            raise ValueError(f"{what}: there is no model {name!r}; {closest(name, names)}")
    return [values.get(name) for name in names]


def _checked(options: Options) -> Options:
    check_options(Options, options, "corpus")
    if not 0.5 <= options.get("level", 0.95) < 1:
        raise ParameterError(f"corpus: level is {options['level']}; it must be at least 0.5 and below 1")
    counts = {"resamples": options.get("resamples", 2000), "permutations": options.get("permutations", 9999)}
    for name, count in counts.items():
        if count < 100:
            raise ParameterError(f"corpus: {name} is {count}; it must be at least 100")
    if options.get("correction", "holm") not in CORRECTIONS:
        raise ParameterError(f"corpus: correction is {options['correction']!r}; choose from {', '.join(CORRECTIONS)}")
    return options
