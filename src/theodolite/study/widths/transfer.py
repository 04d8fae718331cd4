"""Width transfer: whether training held the top singular values of an architecture at one level through its widths."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from theodolite.core import ParameterError, Refusal, Spectrum
from theodolite.numerics.threads import blas_threads, blas_threads_for
from theodolite.sources import Checkpoint, CheckpointError, Matrix, Weight
from theodolite.study.widths.result import Kind, MatchedMatrix, MatchedVector, WidthTransfer
from theodolite.study.widths.scaling import log_log_slope, shape_distance, successive_ratios
from theodolite.surveys.targets import opened

DRAWN = 48
"""Points of a spectrum that are kept to be drawn."""

_VECTOR_REASONS = ("bias", "a vector, not a matrix", "gain of a normalisation")


def width_transfer(
    checkpoints: Mapping[str, Any] | Sequence[Any],
    *,
    widths: Sequence[float] | Mapping[str, float] | None = None,
    tolerance: float = 0.125,
    level: float = 0.95,
    rename: Mapping[str, str] | None = None,
) -> WidthTransfer:
    """Compare the spectra of models of one architecture and different widths.

    Under AdamW with decoupled weight decay training ends in a steady state in which the singular values of a matrix
    scale as sqrt(eta/lambda), with a shape that hardly depends on the width d, and the largest as
    sqrt(eta/lambda) d^0.75 [1]_. Learning rate eta and weight decay lambda carry over from a narrow model to a wide
    one when the largest singular values of matched matrices are equal: a ratio of 1, a slope of log sigma_1 on log d
    of 0. This is that diagnostic; `transfer_hyperparameters` is the rule that brings it about.

    Parameters
    ----------
    checkpoints : mapping of str to model, or sequence of models
        Two models or more: paths, Checkpoints, mappings of arrays, or torch modules. Several of one width (seeds) are
        welcome: they narrow the interval.
    widths : sequence or mapping, optional
        Their widths, in the same order or by name. By default the side that most matrices share and that grows through
        the family; the result says which it was.
    tolerance : float
        Largest slope, up or down, with which a matrix passes. The default is half of 0.25: other common rules leave
        slopes of 0.25 (eta ~ 1/d, constant lambda), -0.25 (eta ~ 1/d, eta lambda constant) and 0.75 (both constant).
    level : float
        Level of the slopes' intervals.
    rename : mapping of str to str, optional
        Regular expressions and what to replace them with in the tensors' names, for models that name theirs
        differently.

    Returns
    -------
    WidthTransfer
        A row for every matched matrix and vector, `.frame`, `.explain()`, `.to_dict()`.

    Raises
    ------
    ParameterError
        If there are fewer than two models or widths, a width is not positive, or nothing matches.

    References
    ----------
    .. [1] Fan, Liu, Zhao, Yuan & Gu (2025), "Robust layerwise scaling rules by proper weight decay tuning",
       arXiv:2510.15262. Copies of its abstract circulate without the square roots; sqrt(eta/lambda) d^0.75 and
       lambda ~ sqrt(d) are the ones under which the top singular value is constant.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> def model(d):
    ...     return {"up.weight": rng.normal(size=(4 * d, d)), "down.weight": rng.normal(size=(d, 4 * d))}
    >>> print(width_transfer([model(d) for d in (16, 32, 64)]).headline())
    0 of 2 matrices keep their largest singular value through widths 16, 32, 64 (median slope 0.534): the family fails.
    """
    if not 0 < level < 1:
        raise ParameterError(f"level: got {level}; expected a number between 0 and 1")
    if not tolerance > 0:
        raise ParameterError(f"tolerance: got {tolerance}; expected a positive number")
    with ExitStack() as stack:
        models = _models(checkpoints, stack)
        tables = {name: _table(model, rename or {}) for name, model in models.items()}
        shared = [name for name in next(iter(tables.values())) if all(name in table for table in tables.values())]
        if not any(isinstance(next(iter(tables.values()))[name], _Part) for name in shared):
            known = "; ".join(f"{name}: {', '.join(list(table)[:3])}" for name, table in tables.items())
            raise ParameterError(f"checkpoints: no matrix has the same name in all of them ({known}); see rename")
        found, said = _widths(widths, tables, shared)
        order = sorted(tables, key=lambda name: found[name])
        tables = {name: tables[name] for name in order}
        measured = _Measured(tuple(found[name] for name in order), tolerance, level)
        rows = [measured.row(name, [table[name] for table in tables.values()]) for name in shared]
    return WidthTransfer(
        tuple(order),
        measured.widths,
        said,
        tolerance,
        level,
        tuple(row for row in rows if isinstance(row, MatchedMatrix)),
        tuple(row for row in rows if isinstance(row, MatchedVector)),
        _unmatched(tables, shared),
    )


@dataclass(frozen=True)
class _Part:
    """A matrix of a model."""

    role: str
    matrix: Matrix

    @property
    def axes(self) -> tuple[int, ...]:
        # The positions of a kernel are no width.
        out, seen = self.matrix.shape[-2:]
        return out, seen // self.matrix.positions


@dataclass(frozen=True)
class _Vector:
    """A gain or a bias of a model."""

    role: str
    weight: Weight

    @property
    def axes(self) -> tuple[int, ...]:
        return (self.weight.parameters,)


_Table = dict[str, _Part | _Vector]


def _models(checkpoints: Any, stack: ExitStack) -> dict[str, Checkpoint]:
    if isinstance(checkpoints, Mapping):
        models = {str(name): next(iter(opened(one, stack).values())) for name, one in checkpoints.items()}
    elif isinstance(checkpoints, Sequence) and not isinstance(checkpoints, str):
        bare = [isinstance(one, Mapping) and not isinstance(one, Checkpoint) for one in checkpoints]
        if any(bare) or any(callable(getattr(one, "named_parameters", None)) for one in checkpoints):
            # Arrays and live modules have no paths that could tell them apart.
            models = {f"model {i}": next(iter(opened(one, stack).values())) for i, one in enumerate(checkpoints)}
        else:
            models = opened(list(checkpoints), stack) if checkpoints else {}
    else:
        raise ParameterError(f"checkpoints: expected several models, got {type(checkpoints).__name__}")
    if len(models) < 2:
        raise ParameterError(f"checkpoints: widths are compared between models; got {len(models)}")
    return models


def _table(model: Checkpoint, rename: Mapping[str, str]) -> _Table:
    table: _Table = {}
    for stored, weight in model.items():
        name = stored
        for pattern, replacement in rename.items():
            name = re.sub(pattern, replacement, name)
        for key, one in _entries(name, weight):
            if key in table:
                raise ParameterError(f"rename: two tensors of {model.model} would be called {key!r}")
            table[key] = one
    return table


def _entries(name: str, weight: Weight) -> Iterator[tuple[str, _Part | _Vector]]:
    reason = weight.listed_because
    if reason is None:
        for part, matrix in weight.matrices().items():
            yield f"{name}#{part}" if part else name, _Part(matrix.role, matrix)
    elif reason.startswith(_VECTOR_REASONS) and weight.dtype.startswith(("F", "BF")) and weight.has_content:
        yield name, _Vector(weight.role, weight)


def _widths(given: Any, tables: Mapping[str, _Table], shared: Sequence[str]) -> tuple[dict[str, float], str]:
    if given is None:
        return _inferred(tables, shared)
    if isinstance(given, Mapping):
        missing = [name for name in tables if name not in given]
        if missing:
            raise ParameterError(f"widths: none is given for {missing[0]!r}; the models are {', '.join(tables)}")
        found = {name: float(given[name]) for name in tables}
    elif len(given) == len(tables):
        found = dict(zip(tables, map(float, given), strict=True))
    else:
        raise ParameterError(f"widths: got {len(given)} for {len(tables)} models")
    if not all(math.isfinite(width) and width > 0 for width in found.values()):
        raise ParameterError(f"widths: got {sorted(found.values())}; expected positive numbers")
    if len(set(found.values())) < 2:
        raise ParameterError("widths: all are the same; there is nothing to compare")
    return found, "as they were given"


def _inferred(tables: Mapping[str, _Table], shared: Sequence[str]) -> tuple[dict[str, float], str]:
    """Take the sides that grow in the proportion most common, and of these the one most often met."""
    sides = [
        axis
        for name in shared
        if isinstance(next(iter(tables.values()))[name], _Part)
        for axis in zip(*(table[name].axes for table in tables.values()), strict=True)
        if len(set(axis)) > 1
    ]
    if not sides:
        raise ParameterError("widths: no side of a matrix differs between the models; give the widths")
    profile = Counter(_profile(side) for side in sides).most_common(1)[0][0]
    growing = Counter(side for side in sides if _profile(side) == profile)
    most = max(growing.values())
    width = min(side for side, count in growing.items() if count == most)
    told = f"the side met most often among the {sum(growing.values())} of {len(sides)} growing sides that keep in step"
    return dict(zip(tables, map(float, width), strict=True)), told


def _profile(side: Sequence[int]) -> tuple[float, ...]:
    return tuple(round(n / side[0], 6) for n in side)


@dataclass(frozen=True)
class _Measured:
    """Measures rows; all of them with the same widths."""

    widths: tuple[float, ...]
    tolerance: float
    level: float

    def row(self, name: str, entries: Sequence[_Part | _Vector]) -> MatchedMatrix | MatchedVector | None:
        parts = [one for one in entries if isinstance(one, _Part)]
        if len(parts) == len(entries):
            return self.matrix(name, parts)
        vectors = [one for one in entries if isinstance(one, _Vector)]
        return self.vector(name, vectors) if len(vectors) == len(entries) else None

    def matrix(self, name: str, parts: Sequence[_Part]) -> MatchedMatrix:
        shapes = tuple(tuple(int(n) for n in part.matrix.shape) for part in parts)
        kind, role = self.kind([part.axes for part in parts]), parts[0].role
        values: list[np.ndarray[Any, Any]] = []
        note = ""
        for width, part in zip(self.widths, parts, strict=True):
            try:
                with blas_threads(blas_threads_for(part.matrix.shape)):
                    values.append(np.sqrt(Spectrum.coerce(part.matrix).eigenvalues[::-1]))
            except (Refusal, CheckpointError) as error:
                values.append(np.full(1, np.nan))
                note = f"at width {width:g}: {error}"
            if values[-1][0] == 0:
                note = f"it is zero at width {width:g}"
        sigma = tuple(float(each[0]) for each in values)
        if note:
            return MatchedMatrix(name, role, kind, shapes, sigma, note=note)
        slope = log_log_slope(self.widths, sigma, self.level)
        gains = [s * math.sqrt(shape[-1] / shape[-2]) for s, shape in zip(sigma, shapes, strict=True)]
        passes = abs(slope.value) <= self.tolerance if kind == "matrix-like" else None
        return MatchedMatrix(
            name,
            role,
            kind,
            shapes,
            sigma,
            successive_ratios(self.widths, sigma),
            slope.value,
            slope.low,
            slope.high,
            log_log_slope(self.widths, gains).value,
            tuple(shape_distance(a, b) for a, b in pairwise(values)),
            passes,
            None if passes is None else self.settled(slope.low, slope.high, passes),
            curves=tuple(_curve(each) for each in values),
        )

    def settled(self, low: float | None, high: float | None, passes: bool) -> bool | None:
        if low is None or high is None:
            return None
        inside = -self.tolerance <= low and high <= self.tolerance
        outside = low > self.tolerance or high < -self.tolerance
        return inside if passes else outside

    def kind(self, axes: Sequence[tuple[int, ...]]) -> Kind:
        growing = sum(self.grows(side) for side in zip(*axes, strict=True))
        return ("fixed", "vector-like", "matrix-like")[growing]

    def grows(self, side: Sequence[int]) -> bool:
        at = dict(zip(self.widths, side, strict=True))
        return at[max(at)] > at[min(at)]

    def vector(self, name: str, vectors: Sequence[_Vector]) -> MatchedVector:
        sizes = tuple(vector.weight.parameters for vector in vectors)
        rms = tuple(_rms(vector.weight) for vector in vectors)
        made = MatchedVector(name, vectors[0].role, sizes, rms)
        if not all(size > 0 and math.isfinite(size) for size in rms):
            return MatchedVector(name, made.role, sizes, rms, note="its entries are all 0, or not finite")
        slope = log_log_slope(self.widths, rms, self.level)
        return MatchedVector(name, made.role, sizes, rms, slope.value, slope.low, slope.high)


def _rms(weight: Weight) -> float:
    entries = np.asarray(weight.array(), dtype=np.float64)
    return float(np.sqrt(np.mean(entries**2))) if np.isfinite(entries).all() else math.nan


def _curve(values: np.ndarray[Any, Any]) -> tuple[tuple[float, float], ...]:
    count = values.size
    kept = np.unique(np.round(np.linspace(0, count - 1, min(DRAWN, count))).astype(int))
    return tuple((float(i + 1) / count, float(values[i] / values[0])) for i in kept)


def _unmatched(tables: Mapping[str, _Table], shared: Sequence[str]) -> dict[str, tuple[str, ...]]:
    both = set(shared)
    names = [name for table in tables.values() for name, one in table.items() if isinstance(one, _Part)]
    return {
        name: tuple(model for model, table in tables.items() if name in table)
        for name in dict.fromkeys(names)
        if name not in both
    }
