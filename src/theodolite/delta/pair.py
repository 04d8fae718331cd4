"""Two matrices of one shape, before and after, decomposed once however much is asked of them."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Outcome, ParameterError, Refusal, Spectrum, is_array, to_numpy
from theodolite.delta.low_rank import LowRank
from theodolite.delta.results import IntruderDimensions, Side, SubspaceOverlap, WeightChange
from theodolite.numerics.gram import MagnitudeError, NonFiniteError
from theodolite.numerics.pairs import DecomposedPair, decomposed_pair
from theodolite.numerics.subspaces import (
    block_cosines,
    chance_cosine,
    chance_overlap,
    near_degenerate,
    principal_cosines,
)
from theodolite.spectra import effective_rank, stable_rank

GAP = 1e-4
"""Relative gap below which singular values count as near-degenerate, unless another is given."""


class WeightPair:
    """A weight matrix before and after.

    Parameters
    ----------
    before : array of shape (rows, columns)
        In any array library, or anything row-sliceable with `shape` and `dtype` (a stored matrix), which is read in
        blocks.
    after : array of the same shape, or LowRank
        What became of it; a `LowRank` is what was added to it.
    k : int
        How many leading singular vectors are looked at; more than there are means all.

    Raises
    ------
    ValueError
        If there is no matrix, or the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> pair = WeightPair(np.diag([3.0, 2.0, 1.0]), np.diag([3.0, 2.0, 1.5]), k=2)
    >>> pair.change().rank
    1
    """

    def __init__(self, before: Array, after: Array | LowRank, *, k: int = 10) -> None:
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ParameterError(f"k is {k!r}; it must be at least 1")
        self._before = _matrix(before, "before")
        self._after = after if isinstance(after, LowRank) else _matrix(after, "after")
        shape, other = (tuple(int(side) for side in one.shape) for one in (self._before, self._after))
        if shape != other:
            raise ValueError(f"after: got shape {other}; the matrix before has {shape}")
        self.shape = (shape[0], shape[1])
        self.k = min(k, *self.shape)
        self._found: DecomposedPair | None = None

    @property
    def decomposed(self) -> DecomposedPair:
        """Both decompositions, computed when first asked for; what holds no spectrum is a `Refusal`."""
        if self._found is None:
            factored = isinstance(self._after, LowRank)
            factors = (self._after.left, self._after.right) if factored else None
            try:
                self._found = decomposed_pair(self._before, None if factored else self._after, self.k, factors)
            except NonFiniteError as error:
                raise Refusal(Outcome.NOT_FINITE, str(error)) from None
            except MagnitudeError as error:
                raise Refusal(Outcome.OUT_OF_RANGE, str(error)) from None
        return self._found

    def change(self) -> WeightChange:
        """Measure the difference.

        Returns
        -------
        WeightChange
            Its size, its ranks and its spectrum.
        """
        found = self.decomposed
        values = found.change
        largest = float(values[0]) if values.size else 0.0
        floor = max(self._rounding(found), found.change_error)
        ranks: tuple[float | None, float | None] = (None, None)
        if largest > 0:
            spectrum = Spectrum.from_eigenvalues(values**2)
            ranks = (float(stable_rank(spectrum)), float(effective_rank(spectrum)))
        norm, top = found.norms[0], float(found.before[0])
        return WeightChange(
            relative=float(np.linalg.norm(values)) / norm if norm > 0 else None,
            relative_spectral=largest / top if top > 0 else None,
            rank=int(np.count_nonzero(values > floor)),
            stable_rank=ranks[0],
            effective_rank=ranks[1],
            singular_values=values,
            floor=floor,
        )

    def overlap(self) -> SubspaceOverlap:
        """Measure how far the leading singular subspaces are the same.

        Returns
        -------
        SubspaceOverlap
            Principal angles of both sides, with what chance gives. Where one of the matrices has fewer than `k`
            singular values that differ from zero, the subspaces are as small. A zero matrix is a `Refusal`.
        """
        found = self._not_zero()
        k = min(found.after.size, found.used)
        left, right = (principal_cosines(side[:k, :k]) for side in (found.left, found.right))
        rows, columns = self.shape
        (left_chance, left_spread), (right_chance, right_spread) = chance_overlap(k, rows), chance_overlap(k, columns)
        return SubspaceOverlap(
            k=k,
            left=float(np.mean(left**2)),
            right=float(np.mean(right**2)),
            left_cosines=left,
            right_cosines=right,
            left_chance=left_chance,
            right_chance=right_chance,
            left_spread=left_spread,
            right_spread=right_spread,
        )

    def intruders(self, epsilon: float = 0.5, side: Side = "left", gap: float = GAP) -> IntruderDimensions:
        """Count intruder dimensions.

        Parameters
        ----------
        epsilon : float
            A vector is an intruder if its cosine with every one before is below this.
        side : {"left", "right", "both"}
            Which singular vectors; ``"both"``: intruders of both sides at once.
        gap : float
            Relative gap below which singular values before are taken as one group.

        Returns
        -------
        IntruderDimensions
            Which they are, with their cosines. A zero matrix is a `Refusal`.

        Raises
        ------
        ParameterError
            If a value is none that the parameter can have.
        """
        if not 0 < epsilon <= 1:
            raise ParameterError(f"epsilon is {epsilon!r}; it must be above 0 and at most 1")
        if not 0 <= gap < 1:
            raise ParameterError(f"gap is {gap!r}; it must be at least 0 and below 1")
        if side not in ("left", "right", "both"):
            raise ParameterError(f"side is {side!r}; it must be 'left', 'right' or 'both'")
        found = self._not_zero()
        shown = {"left": (found.left,), "right": (found.right,), "both": (found.left, found.right)}[side]
        starts = near_degenerate(found.before[: found.used], gap)
        near = np.max([np.minimum(np.abs(one).max(axis=0), 1.0) for one in shown], axis=0)
        blocks = np.max([block_cosines(one[: found.used], starts) for one in shown], axis=0)
        indices = np.flatnonzero(blocks < epsilon)
        sizes = {"left": self.shape[:1], "right": self.shape[1:], "both": self.shape}[side]
        return IntruderDimensions(
            side=side,
            k=int(found.after.size),
            epsilon=float(epsilon),
            gap=float(gap),
            indices=tuple(int(index) for index in indices),
            cosines=near,
            block_cosines=blocks,
            singular_values=found.after,
            energy=float(np.sum(found.after[indices] ** 2) / found.norms[1] ** 2),
            similarity=np.abs(shown[0][: self.k]),
            spans=all(found.used == size for size in sizes),
            chance=max(chance_cosine(found.used, size) for size in sizes),
        )

    def _not_zero(self) -> DecomposedPair:
        found = self.decomposed
        if not found.used or not found.after.size:
            which = "before" if not found.used else "after"
            raise Refusal(Outcome.ALL_ZERO, f"the matrix {which}")
        return found

    def _rounding(self, found: DecomposedPair) -> float:
        """Bound what rounding to the coarser of the stored types makes of a singular value of the difference."""
        if isinstance(self._after, LowRank):
            return 0.0
        # Rounding errors are independent of each other, each at most the unit roundoff times its entry; a random matrix
        # of that size has no singular value above its root mean square times the roots of both sides, added.
        unit = max(float(ml_dtypes.finfo(one.dtype).eps) / 2 for one in (self._before, self._after))
        rows, columns = self.shape
        return unit * max(found.norms) * float(rows**-0.5 + columns**-0.5)


def _matrix(given: Any, name: str) -> Any:
    array = to_numpy(given) if is_array(given) and not isinstance(given, np.ndarray) else given
    if not all(hasattr(array, attribute) for attribute in ("shape", "dtype", "__getitem__")):
        raise TypeError(f"{name}: expected a matrix, got {type(given).__name__}")
    shape = tuple(int(side) for side in array.shape)
    if len(shape) != 2:
        raise ValueError(f"{name}: got shape {shape}; expected (rows, columns)")
    if 0 in shape:
        raise Refusal(Outcome.EMPTY, f"shape {shape}")
    if not str(array.dtype).startswith(("float", "bfloat")):
        raise TypeError(f"{name}: expected real floating-point entries, got {array.dtype}; cast them first")
    return array


def pair_of(before: Array, after: Array | LowRank, k: int) -> WeightPair:
    """Make a pair of what a user passes.

    Parameters
    ----------
    before, after : array, or anything with ``.matrices()`` that gives one matrix
        A weight of an open checkpoint is its matrix.
    k : int
        As for `WeightPair`.

    Returns
    -------
    WeightPair
        The pair.
    """
    return WeightPair(_whole(before, "before"), _whole(after, "after"), k=k)


def _whole(given: Any, name: str) -> Any:
    parts = getattr(given, "matrices", None)
    if not callable(parts):
        return given
    made: dict[str, NDArray[Any]] = parts()
    if len(made) != 1:
        raise ValueError(f"{name}: {given!r} holds {len(made)} matrices; take one of its .matrices()")
    return next(iter(made.values()))
