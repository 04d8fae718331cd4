"""What measures look at: immutable, memoised looks at data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self, TypeVar, cast

import numpy as np

from theodolite.core.arrays import Array, is_array, namespace, to_numpy
from theodolite.core.fingerprint import digest, fingerprint
from theodolite.core.outcomes import Outcome, Refusal
from theodolite.core.traits import Move
from theodolite.numerics.gram import MagnitudeError, NonFiniteError, gram_eigenvalues, singular_values

T = TypeVar("T")

_NEEDS = {
    "matrix": Outcome.NEEDS_MATRIX,
    "singular_values": Outcome.NEEDS_MATRIX,
    "shape": Outcome.NEEDS_SHAPE,
    "rows": Outcome.NEEDS_ROWS,
    "neighbours": Outcome.NEEDS_ROWS,
    "moments": Outcome.NEEDS_ROWS,
}


class View(ABC):
    """A look at data that computes each derived thing once and forgets it when pickled."""

    moves: ClassVar[tuple[Move, ...]]
    """The moves that make sense on this kind of data."""

    @classmethod
    @abstractmethod
    def coerce(cls, target: Any, *, name: str) -> Self:
        """Make the view from what a user passes; `name` is the argument's name in errors."""

    @classmethod
    def from_arguments(cls, arguments: Sequence[Any], *, name: str) -> tuple[Self, int]:
        """Make the view from the first of a measure's positional arguments.

        Parameters
        ----------
        arguments : sequence
            What is left of them; at least one.
        name : str
            Name of the argument in errors.

        Returns
        -------
        view : View
            The view.
        used : int
            How many arguments it took.
        """
        return cls.coerce(arguments[0], name=name), 1

    @property
    @abstractmethod
    def has(self) -> frozenset[str]:
        """What this view can give."""

    @abstractmethod
    def fingerprint(self) -> bytes | None:
        """Hash the content; None where it can't be hashed, so that nothing is cached."""

    def require(self, needs: Iterable[str]) -> None:
        """Refuse where the view lacks what a measure needs.

        Parameters
        ----------
        needs : iterable of str
            Names of what must be there.

        Raises
        ------
        Refusal
            With the outcome that names the first thing missing.
        TypeError
            If no view could ever have it.
        """
        for need in needs:
            if need not in self.has:
                if need not in _NEEDS:
                    raise TypeError(f"needs: {need!r} is nothing that a view can have")
                raise Refusal(_NEEDS[need])

    @cached_property
    def _derived(self) -> dict[Hashable, Any]:
        return {}

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Compute something about this view the first time, and remember it.

        Several measures may rest on one fit; it is made once. Nothing remembered is pickled.

        Parameters
        ----------
        key : hashable
            What is computed, with its parameters.
        compute : callable
            Computes it.

        Returns
        -------
        object
            What `compute` gave the first time.
        """
        if key not in self._derived:
            self._derived[key] = compute()
        return cast("T", self._derived[key])

    def __getstate__(self) -> dict[str, Any]:
        # What can be computed again is dropped.
        return {name: self.__dict__[name] for name in self.__dataclass_fields__ if name in self.__dict__}  # type: ignore[attr-defined]


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum(View):
    """The eigenvalues of a matrix's smaller Gram matrix, and its singular values.

    Parameters
    ----------
    matrix : array of shape (rows, columns) or (slices, rows, columns)
        A matrix in any array library, or anything row-sliceable with `shape`, `dtype` and ``[start:stop]`` (a stored
        tensor). A 3-D stack is one spectrum that pools the eigenvalues of its slices. Half, bfloat16 and float8
        entries are upcast to float64 in blocks; `upcast_from` says so.
    values : array, optional
        The eigenvalues themselves, ascending; use `Spectrum.from_eigenvalues`.
    known_shape : tuple of int, optional
        Shape that `values` came from.

    Attributes
    ----------
    eigenvalues : array of shape (count,)
        Squared singular values, ascending, float64, never below 0. They are *not* divided by the number of rows.
    error_bound : float
        Bound on the absolute error of each eigenvalue.
    singular_values : array of shape (count,)
        Descending, float64, by SVD (not as roots of `eigenvalues`), computed when first asked for.

    Examples
    --------
    >>> import numpy as np
    >>> Spectrum(np.diag([1.0, 2.0])).eigenvalues
    array([1., 4.])
    """

    matrix: Any = None
    values: Any = None
    known_shape: tuple[int, ...] | None = None

    moves: ClassVar[tuple[Move, ...]] = ("scale", "permutation", "rotation", "transpose")

    def __post_init__(self) -> None:
        if self.values is None:
            _check_matrix(self.matrix, "matrix")

    @classmethod
    def from_eigenvalues(cls, values: Array, shape: tuple[int, int] | None = None) -> Spectrum:
        """Look at eigenvalues that were computed elsewhere.

        Parameters
        ----------
        values : array of shape (count,)
            Squared singular values, in any order, finite and not negative.
        shape : tuple of int, optional
            Shape of the matrix that they came from; chance levels and edges need it.

        Returns
        -------
        Spectrum
            A view that has `eigenvalues` (and `shape`), not `matrix`.

        Raises
        ------
        TypeError
            If `values` is no array.
        ValueError
            If `values` is not 1-D, holds negative or non-finite numbers, or is longer than `shape` allows.
        """
        if not is_array(values):
            raise TypeError(f"values: expected a 1-D array, got {type(values).__name__}; use numpy.asarray(values)")
        if values.ndim != 1 or values.shape[0] == 0:
            raise ValueError(f"values: expected a non-empty 1-D array, got shape {tuple(values.shape)}")
        host = to_numpy(values)
        wrong = int(np.count_nonzero(~np.isfinite(host) | (host < 0)))
        if wrong:
            raise ValueError(f"values: {wrong} of {host.size} eigenvalues are negative, NaN or infinite")
        if shape is not None and host.size > min(shape):
            raise ValueError(f"shape: {shape} has at most {min(shape)} eigenvalues, got {host.size}")
        xp = namespace(values)
        return cls(None, xp.sort(xp.astype(values, xp.float64)), shape)

    @classmethod
    def coerce(cls, target: Any, *, name: str = "matrix") -> Spectrum:
        """Make a spectrum of a matrix, a stack, a stored weight, or a spectrum.

        Parameters
        ----------
        target : Spectrum, array, or anything with ``.spectrum()``
            What to look at.
        name : str
            Name of the argument in errors.

        Returns
        -------
        Spectrum
            `target` itself where it is one. What is no array of real floats is a `TypeError`, one of neither two nor
            three dimensions a `ValueError`, one without entries a `Refusal`.
        """
        if isinstance(target, Spectrum):
            return target
        if callable(getattr(target, "spectrum", None)):
            return cls.coerce(target.spectrum(), name=name)
        _check_matrix(target, name)
        return cls(target)

    @property
    def has(self) -> frozenset[str]:
        """What this view can give."""
        given = {"eigenvalues"}
        if self.matrix is not None:
            given |= {"matrix", "singular_values"}
        if self.shape is not None:
            given.add("shape")
        return frozenset(given)

    @property
    def shape(self) -> tuple[int, int] | None:
        """Rows and columns of the matrix (of one slice, for a stack); None where unknown."""
        if self.matrix is not None:
            rows, columns = self.matrix.shape[-2:]
            return int(rows), int(columns)
        return None if self.known_shape is None else (self.known_shape[0], self.known_shape[1])

    @property
    def slices(self) -> int:
        """How many matrices are pooled: 1 but for a stack."""
        return int(self.matrix.shape[0]) if self.matrix is not None and self.matrix.ndim == 3 else 1

    @property
    def count(self) -> int:
        """How many eigenvalues there are: slices times the smaller side."""
        if self.matrix is not None:
            return self.slices * int(min(self.matrix.shape[-2:]))
        return int(self.values.shape[0])

    @property
    def upcast_from(self) -> str | None:
        """The dtype of entries that were upcast to float64, where they had fewer than 24 bits of precision."""
        name = "" if self.matrix is None else str(self.matrix.dtype).rsplit(".", maxsplit=1)[-1]
        return None if name in ("", "float32", "float64") else name

    @property
    def _decomposed(self) -> tuple[Array, Any]:
        # Not a cached_property: before Python 3.12 its lock lets only one spectrum at a time be decomposed.
        return self.once("decomposed", self._decompose)

    def _decompose(self) -> tuple[Array, Any]:
        if self.matrix is None:
            size = float(to_numpy(self.values)[-1])
            return self.values, size * float(np.finfo(np.float64).eps)
        try:
            return gram_eigenvalues(self.matrix)
        except NonFiniteError as error:
            raise Refusal(Outcome.NOT_FINITE, str(error)) from None
        except MagnitudeError as error:
            raise Refusal(Outcome.OUT_OF_RANGE, str(error)) from None

    @property
    def eigenvalues(self) -> Array:
        """Squared singular values, ascending, float64."""
        return self._decomposed[0]

    @property
    def error_bound(self) -> float:
        """Bound on the absolute error of each eigenvalue."""
        bound = self._decomposed[1]
        return bound if isinstance(bound, float) else float(to_numpy(bound))

    @property
    def singular_values(self) -> Array:
        """Singular values by SVD, descending, float64; refused where the view has no matrix."""
        return self.once("singular_values", self._singular_values)

    def _singular_values(self) -> Array:
        self.require(["singular_values"])
        try:
            return singular_values(self.matrix)
        except NonFiniteError as error:
            raise Refusal(Outcome.NOT_FINITE, str(error)) from None
        except MagnitudeError as error:
            raise Refusal(Outcome.OUT_OF_RANGE, str(error)) from None

    def fingerprint(self) -> bytes | None:
        """Hash the matrix (or the eigenvalues), dtype and shape included.

        Returns
        -------
        bytes
            32 bytes of SHA-256.
        """
        if self.matrix is not None:
            return fingerprint(self.matrix)
        return bytes.fromhex(digest(fingerprint(self.values), str(self.known_shape)))

    def __repr__(self) -> str:
        shape = "unknown shape" if self.shape is None else " x ".join(map(str, self.shape))
        pooled = f", {self.slices} pooled slices" if self.slices > 1 else ""
        upcast = f", upcast from {self.upcast_from}" if self.upcast_from else ""
        return f"Spectrum({shape}{pooled}, {self.count} eigenvalues{upcast})"


def _check_matrix(target: Any, name: str) -> None:
    if not (is_array(target) or _row_sliceable(target)):
        raise TypeError(
            f"{name}: expected a 2-D array (rows x columns) or a Spectrum, got {type(target).__name__}; "
            "use numpy.asarray(...) or theodolite.open(path)[tensor name]"
        )
    shape = tuple(int(side) for side in target.shape)
    if len(shape) not in (2, 3):
        raise ValueError(f"{name}: expected a 2-D array (rows x columns) or a 3-D stack, got shape {shape}")
    if 0 in shape:
        raise Refusal(Outcome.EMPTY, f"shape {shape}")
    if not _real_floating(target):
        raise TypeError(f"{name}: expected real floating-point entries, got {target.dtype}; cast them first")


def _row_sliceable(target: Any) -> bool:
    return all(hasattr(target, name) for name in ("shape", "dtype", "ndim", "__getitem__"))


def _real_floating(target: Any) -> bool:
    name = str(target.dtype).rsplit(".", maxsplit=1)[-1]
    return name.startswith(("float", "bfloat"))
