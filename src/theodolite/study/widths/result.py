"""What a family of widths shows: one row for each matched matrix and vector, and what they say together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["matrix-like", "vector-like", "fixed"]
SCHEMA = 1


@dataclass(frozen=True)
class MatchedMatrix:
    """One matrix through a family of widths.

    Attributes
    ----------
    name : str
        The tensor's name, with ``#part`` where it has several.
    role : str
        What it does.
    kind : {"matrix-like", "vector-like", "fixed"}
        Whether both of its sides grow with the width, one of them, or none.
    shapes : tuple of (int, int)
        Out x in, for each model.
    sigma : tuple of float
        Largest singular value, for each model.
    ratios : tuple of float
        Of the largest singular values of each width and the one before.
    slope : float or None
        Of log sigma on log width; None where a largest singular value is 0 or could not be had.
    low, high : float or None
        Its interval, where there are three models or more.
    rms_slope : float or None
        The same slope of ``sigma * sqrt(in / out)``: how much the matrix can enlarge the root mean square of the
        entries of its input.
    shape_distances : tuple of float
        Distance in shape between each width's spectrum and that of the one before.
    passes : bool or None
        Whether the absolute slope is within the tolerance; None for matrices that are not matrix-like.
    settled : bool or None
        Whether all of the interval lies on that side of the tolerance; None without an interval.
    note : str
        What is in the way of a number.
    curves : tuple of tuple of (float, float)
        For each model, points (i/n, s_i/s_1) to draw.
    """

    name: str
    role: str
    kind: Kind
    shapes: tuple[tuple[int, ...], ...]
    sigma: tuple[float, ...]
    ratios: tuple[float, ...] = ()
    slope: float | None = None
    low: float | None = None
    high: float | None = None
    rms_slope: float | None = None
    shape_distances: tuple[float, ...] = ()
    passes: bool | None = None
    settled: bool | None = None
    note: str = ""
    curves: tuple[tuple[tuple[float, float], ...], ...] = ()

    @property
    def shape_distance(self) -> float | None:
        """The largest of its distances in shape."""
        return max(self.shape_distances, default=None)

    def explain(self) -> str:
        """Say in a sentence what happens to the matrix with the width.

        Returns
        -------
        str
            The sentence.
        """
        if self.slope is None:
            return f"{self.name} ({self.kind}): no slope, because {self.note}."
        said = f"{self.name} ({self.kind}): σ₁ grows as width^{self.slope:.3f}{self._interval()}"
        said += f"; ratios {', '.join(f'{ratio:.3f}' for ratio in self.ratios)}"
        if self.shape_distance is not None:
            said += f"; shapes at most {self.shape_distance:.3f} apart"
        if self.passes is None:
            return f"{said}."
        sure = {True: "", False: ", but the interval reaches across the tolerance", None: ", without an interval"}
        return f"{said}; {'passes' if self.passes else 'fails'}{sure[self.settled]}."

    def _interval(self) -> str:
        return "" if self.low is None or self.high is None else f" ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class MatchedVector:
    """One vector (a gain or a bias) through a family of widths.

    Attributes
    ----------
    name, role : str
        The tensor.
    sizes : tuple of int
        Its length, for each model.
    rms : tuple of float
        Root mean square of its entries, for each model.
    slope, low, high : float or None
        Of its logarithm on that of the width, as for a matrix.
    note : str
        What is in the way of a number.
    """

    name: str
    role: str
    sizes: tuple[int, ...]
    rms: tuple[float, ...]
    slope: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class WidthTransfer:
    """How the spectra of one architecture change with its width.

    Attributes
    ----------
    models : tuple of str
        Their names, narrowest first.
    widths : tuple of float
        Their widths.
    width_is : str
        Where the widths come from.
    tolerance : float
        Largest the absolute slope with which a matrix passes.
    level : float
        Level of the intervals.
    matrices : tuple of MatchedMatrix
        Matrices that all models have.
    vectors : tuple of MatchedVector
        Gains and biases that all models have.
    unmatched : mapping of str to tuple of str
        Matrices that only some of the models have, with these models' names.
    """

    models: tuple[str, ...]
    widths: tuple[float, ...]
    width_is: str
    tolerance: float
    level: float
    matrices: tuple[MatchedMatrix, ...]
    vectors: tuple[MatchedVector, ...] = ()
    unmatched: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @property
    def judged(self) -> tuple[MatchedMatrix, ...]:
        """The matrix-like matrices that have a slope."""
        return tuple(matrix for matrix in self.matrices if matrix.passes is not None)

    @property
    def unjudged(self) -> tuple[MatchedMatrix, ...]:
        """The matrix-like matrices that have none: zero, or not finite."""
        return tuple(matrix for matrix in self.matrices if matrix.kind == "matrix-like" and matrix.passes is None)

    @property
    def passes(self) -> bool:
        """Whether there are matrix-like matrices, and all of them pass; one without a slope doesn't."""
        return bool(self.judged) and not self.unjudged and all(matrix.passes for matrix in self.judged)

    @property
    def median_slope(self) -> float | None:
        """The median slope of the matrix-like matrices."""
        slopes = sorted(matrix.slope for matrix in self.judged if matrix.slope is not None)
        half = len(slopes) // 2
        return None if not slopes else (slopes[half] + slopes[~half]) / 2

    @property
    def rule(self) -> str:
        """The rule of the verdict, in words."""
        return (
            f"A matrix both of whose sides grow with the width passes when its largest singular value grows or shrinks "
            f"at most as the width to the power {self.tolerance:g}, by a factor of {2**self.tolerance:.3f} when the "
            "width doubles. The family passes when all of them do. Embeddings, heads, gains and biases are shown and "
            "not judged."
        )

    @property
    def frame(self) -> pd.DataFrame:
        """The matrices as a table, one row each."""
        import pandas as pd

        hidden = {"curves", "shapes", "sigma", "ratios", "shape_distances"}
        names = [field.name for field in dataclasses.fields(MatchedMatrix) if field.name not in hidden]
        rows = []
        for matrix in self.matrices:
            row = {name: getattr(matrix, name) for name in names} | {"shape_distance": matrix.shape_distance}
            row |= {f"sigma[{width:g}]": sigma for width, sigma in zip(self._labels, matrix.sigma, strict=True)}
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def _labels(self) -> list[Any]:
        """The widths, or the models' names where widths repeat."""
        return list(self.widths) if len(set(self.widths)) == len(self.widths) else [_Label(m) for m in self.models]

    def headline(self) -> str:
        """Say in a sentence what came out.

        Returns
        -------
        str
            The sentence.
        """
        if self.median_slope is None:
            if self.unjudged:
                lost = _lost(len(self.unjudged))
                return f"There is no slope through widths {self._widths()}: of the matrices that grow, {lost}."
            return f"No matrix grows on both sides through widths {self._widths()}: there is nothing to judge."
        kept = sum(bool(matrix.passes) for matrix in self.judged)
        noun = "matrix keeps its" if len(self.judged) == 1 else "matrices keep their"
        return (
            f"{kept} of {len(self.judged)} {noun} largest singular value through widths {self._widths()} "
            f"(median slope {self.median_slope:.3f}){f', and {_lost(len(self.unjudged))}' if self.unjudged else ''}: "
            f"the family {'passes' if self.passes else 'fails'}."
        )

    def explain(self) -> str:
        """Say what came out: the whole, the rule, a sentence for each matrix, and what was left out.

        Returns
        -------
        str
            One sentence a line.
        """
        lines = [self.headline(), f"Widths: {self.width_is}.", self.rule]
        if len(self.models) < 3:
            lines.append("Of two models a ratio is all there is: a slope without an interval.")
        lines += [matrix.explain() for matrix in self.matrices]
        slopes = sorted(vector.slope for vector in self.vectors if vector.slope is not None)
        if slopes:
            middle = slopes[len(slopes) // 2]
            lines.append(
                f"Vectors: the root mean square of {len(slopes)} gains and biases grows as width^{middle:.3f} in the "
                f"middle, {slopes[0]:.3f} to {slopes[-1]:.3f}."
            )
        lines += [f"{name}: only in {', '.join(models)}." for name, models in self.unmatched.items()]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the drawn curves as JSON values.

        Returns
        -------
        dict
            Field to value, with ``"schema"``, ``"passes"``, ``"median_slope"`` and ``"rule"``.
        """
        plain = dataclasses.asdict(self)
        for matrix in plain["matrices"]:
            del matrix["curves"]
        # JSON knows no NaN; a singular value that could not be had is one.
        for matrix in plain["matrices"]:
            matrix["sigma"] = [None if math.isnan(sigma) else sigma for sigma in matrix["sigma"]]
        for vector in plain["vectors"]:
            vector["rms"] = [None if math.isnan(size) else size for size in vector["rms"]]
        said = {"passes": self.passes, "median_slope": self.median_slope, "rule": self.rule}
        return {"schema": SCHEMA, **said, **plain, "unmatched": {k: list(v) for k, v in self.unmatched.items()}}

    def _widths(self) -> str:
        return ", ".join(f"{width:g}" for width in sorted(set(self.widths)))


def _lost(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'} zero or not finite"


class _Label(str):
    """A model's name where a width would stand."""

    __slots__ = ()

    def __format__(self, _: str) -> str:
        return str(self)
