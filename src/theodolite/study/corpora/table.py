"""A table of models: which column is the quality, which are metrics, baselines and groups, and what was left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core.names import closest

if TYPE_CHECKING:
    import pandas as pd

Vector = NDArray[np.float64]

NAMES = ("model", "name", "models", "checkpoint", "network")
"""Columns that are taken for the names of the models, where none is named."""

BASELINES = frozenset(
    {
        "parameters", "params", "nparams", "nparameters", "numparams", "numparameters", "parametercount", "depth",
        "layers", "nlayers", "numlayers", "blocks", "nblocks", "numblocks", "flops", "macs",
    }
)  # fmt: skip
"""Columns that are taken for baselines of every metric, where none is named; case and underscores don't matter."""

_UNTRAINED = re.compile(
    r"^(?:(?P<behind>.+)_(?:init|initial|random|untrained)|(?:init|random|untrained)_(?P<before>.+))$"
)


@dataclass(frozen=True)
class Table:
    """Models with their quality, metrics, baselines and groups.

    Attributes
    ----------
    models : tuple of str
        Their names.
    quality : str
        Name of the quality.
    values : ndarray of shape (models,)
        The quality, NaN where it is missing.
    grouping : str
        Name of what groups the models; empty where nothing does.
    groups : tuple of str
        Group of each model, an empty string where it has none.
    metrics, baselines : mapping of str to ndarray of shape (models,)
        Columns with their numbers, NaN where one is missing.
    twins : mapping of str to str
        Metric to the baseline that holds the same metric of the same network at random initialisation.
    left_out : mapping of str to str
        Columns that are none of these, each with the reason.
    recognised : tuple of str
        Baselines that were taken for such by their names.
    """

    models: tuple[str, ...]
    quality: str
    values: Vector
    grouping: str
    groups: tuple[str, ...]
    metrics: Mapping[str, Vector]
    baselines: Mapping[str, Vector]
    twins: Mapping[str, str]
    left_out: Mapping[str, str]
    recognised: tuple[str, ...] = ()

    @property
    def group_names(self) -> tuple[str, ...]:
        """The groups, in the order in which they come."""
        return tuple(dict.fromkeys(group for group in self.groups if group))

    def given_for(self, metric: str) -> tuple[str, ...]:
        """List the baselines that a metric is held against.

        Parameters
        ----------
        metric : str
            The metric.

        Returns
        -------
        tuple of str
            Those of every metric, and its own twin at random initialisation.
        """
        of_others = {baseline for name, baseline in self.twins.items() if name != metric}
        return tuple(name for name in self.baselines if name not in of_others)


@dataclass(frozen=True)
class Columns:
    """Which columns are what.

    Attributes
    ----------
    quality : str
        The quality.
    group : tuple of str
        What groups the models; several columns together make finer groups.
    baselines : tuple of str or None
        None for those that are recognised by their names.
    metrics : tuple of str or None
        None for every other column of numbers.
    names : str or None
        Names of the models; None for a column that is recognised, else the index.
    """

    quality: str
    group: tuple[str, ...] = ()
    baselines: tuple[str, ...] | None = None
    metrics: tuple[str, ...] | None = None
    names: str | None = None


def read_table(frame: pd.DataFrame, columns: Columns) -> Table:
    """Take a table of models apart.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a model.
    columns : Columns
        Which columns are what.

    Returns
    -------
    Table
        The parts.

    Raises
    ------
    ValueError
        If a column is not there, is there twice, has two meanings, or holds no numbers where it should, or if there is
        no model or nothing to set against the quality.
    """
    frame = frame.rename(columns=str)
    _check(frame, columns)
    names = columns.names or next(
        (name for name in frame.columns if _plain(name) in NAMES and name not in _used(columns)), None
    )
    roles = {*_used(columns), *((names,) if names else ())}
    numbers = {name: _numbers(frame[name]) for name in frame.columns if name not in (*columns.group, names)}
    for name in (columns.quality, *(columns.baselines or ()), *(columns.metrics or ())):
        if numbers[name] is None:
            raise ValueError(f"{name!r} holds no numbers; the quality, metrics and baselines are numbers")
    usable = {name: values for name, values in numbers.items() if values is not None}
    others = [name for name in usable if name not in roles or name in (columns.metrics or ())]
    baselines = columns.baselines
    recognised: tuple[str, ...] = ()
    if baselines is None:
        candidates = [name for name in others if name not in (columns.metrics or ())]
        recognised = tuple(name for name in candidates if _plain(name) in BASELINES or untrained_of(name, usable))
        baselines = recognised
    metrics = [
        name for name in others if name not in baselines and (columns.metrics is None or name in columns.metrics)
    ]
    if not metrics and not baselines:
        raise ValueError(f"no column of numbers is left beside {columns.quality!r}; a metric is one")
    left_out = {name: "no column of numbers" for name, values in numbers.items() if values is None}
    left_out |= {name: "not asked for" for name in others if name not in metrics and name not in baselines}
    twins = {stem: name for name in baselines if (stem := untrained_of(name, usable)) in metrics and stem is not None}
    return Table(
        models=tuple(str(name) for name in (frame[names] if names else frame.index)),
        quality=columns.quality,
        values=usable[columns.quality],
        grouping=" × ".join(columns.group),
        groups=_groups(frame, columns.group),
        metrics={name: usable[name] for name in metrics},
        baselines={name: usable[name] for name in baselines},
        twins=twins,
        left_out=left_out,
        recognised=recognised,
    )


def untrained_of(name: str, known: Mapping[str, Any]) -> str | None:
    """Find the metric that a column holds at random initialisation.

    Parameters
    ----------
    name : str
        The column's name.
    known : mapping
        The columns that there are.

    Returns
    -------
    str or None
        The metric; None where the name doesn't say so.

    Examples
    --------
    >>> untrained_of("alpha_init", {"alpha": 0}), untrained_of("alpha_init", {"beta": 0})
    ('alpha', None)
    """
    match = _UNTRAINED.match(name)
    stem = match and (match["behind"] or match["before"])
    return stem if stem in known else None


def _used(columns: Columns) -> tuple[str, ...]:
    named = (columns.quality, *columns.group, *(columns.baselines or ()), *(columns.metrics or ()))
    return (*named, columns.names) if columns.names else named


def _check(frame: pd.DataFrame, columns: Columns) -> None:
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(f"the column {twice[0]!r} is there twice; names of columns are unique")
    if not len(frame):
        raise ValueError("the table has no rows; a row is a model")
    used = _used(columns)
    for name in used:
        if name not in frame.columns:
            raise ValueError(f"there is no column {name!r}; {closest(name, frame.columns)}")
    again = next((name for index, name in enumerate(used) if name in used[:index]), None)
    if again is not None:
        raise ValueError(
            f"the column {again!r} was given two meanings; a column is one of quality, group, baseline, metric"
        )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _numbers(column: pd.Series[Any]) -> Vector | None:
    """Bring a column to float64 with NaN for what is missing or infinite; None where it holds words or dates."""
    import pandas as pd

    if column.isna().all():
        return np.full(len(column), np.nan)
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_complex_dtype(column):
        return None
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _groups(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[str, ...]:
    if not columns:
        return ("",) * len(frame)
    labels = zip(*([_label(value) for value in frame[name]] for name in columns), strict=True)
    return tuple(" · ".join(parts) if all(parts) else "" for parts in labels)


def _label(value: Any) -> str:
    import pandas as pd

    if pd.isna(value):
        return ""
    # A column of whole numbers with a gap comes as floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
