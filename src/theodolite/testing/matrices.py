"""What measures of a spectrum are tested on."""

from __future__ import annotations

from typing import Any

import numpy as np

from theodolite.core.views import Spectrum
from theodolite.testing.moves import Arguments, Host, Moved, scaled
from theodolite.testing.planted import gaussian, heavy_tailed, lattice, low_rank, orthogonal, rank_one
from theodolite.testing.specimens import Specimens


def spectrum_specimens() -> Specimens:
    """Return what measures of a spectrum are tested on.

    Returns
    -------
    Specimens
        Matrices and a stack, heavy-tailed and not.
    """
    return Specimens(
        samples={
            "tall": (heavy_tailed(96, 64, 2.6, rng=1),),
            "wide": (gaussian(48, 80, sd=0.3, rng=2) + heavy_tailed(48, 80, 2.2, rng=3),),
            "square": (gaussian(50, 50, sd=0.05, rng=4) + 0.1 * heavy_tailed(50, 50, 3.0, rng=5),),
            "stack": (gaussian(5, 24 * 32, rng=6).reshape(5, 24, 32) + lattice(24, 32),),
        },
        moves={
            "scale": scaled,
            "permutation": _permuted,
            "rotation": _rotated,
            "transpose": lambda arguments: [((np.swapaxes(arguments[0], -1, -2).copy(),), 1.0)],
        },
        equivalents={
            "as a view": lambda arguments: (Spectrum(arguments[0]),),
            "in Fortran order": lambda arguments: (np.asfortranarray(arguments[0]),),
            "as a strided slice": lambda arguments: (np.repeat(arguments[0], 2, axis=-1)[..., ::2],),
            "read lazily by rows": lambda arguments: (_Stored(arguments[0]),),
            "as something with a spectrum": lambda arguments: (_Weight(arguments[0]),),
            "as eigenvalues": _from_eigenvalues,
        },
        malformed=_malformed(),
        degenerate=_degenerate(),
    )


def _malformed() -> dict[str, tuple[Any, ...]]:
    return {
        "NaN": (_spoiled(np.nan),),
        "infinity": (_spoiled(np.inf),),
        "minus infinity": (_spoiled(-np.inf),),
        "NaN in float32": (_spoiled(np.nan).astype(np.float32),),
        "NaN alone": (np.full((1, 1), np.nan),),
        "NaN in a stack": (np.stack([gaussian(12, 8), _spoiled(np.nan)[:12, :8]]),),
        "no rows": (np.empty((0, 5)),),
        "no columns": (np.empty((5, 0)),),
        "no slices": (np.empty((0, 5, 5)),),
        "one dimension": (np.arange(5.0),),
        "no dimension": (np.asarray(1.0),),
        "four dimensions": (np.ones((2, 2, 2, 2)),),
        "a list": ([[1.0, 2.0], [3.0, 4.0]],),
        "integers": (np.arange(20).reshape(4, 5),),
        "booleans": (np.eye(5) > 0,),
        "complex entries": (np.eye(5) * 1j,),
        "strings": (np.asarray([["a", "b"]]),),
        "None": (None,),
        "a number": (3.0,),
        "nothing": (),
    }


def _degenerate() -> dict[str, Arguments]:
    return {
        "zero matrix": (np.zeros((12, 8)),),
        "one entry": (np.ones((1, 1)),),
        "one zero": (np.zeros((1, 1)),),
        "one row": (np.arange(1.0, 8.0)[None, :],),
        "one column": (np.arange(1.0, 8.0)[:, None],),
        "two by two": (np.asarray([[1.0, 2.0], [3.0, 5.0]]),),
        "three by nine": (gaussian(3, 9, rng=7),),
        "identity": (np.eye(30),),
        "orthogonal": (orthogonal(40, 24, rng=8),),
        "rank one": (rank_one(40, 24, size=3.0, rng=9),),
        "low rank": (low_rank(40, 24, 3, rng=10),),
        "equal entries": (np.ones((30, 20)),),
        "one entry that is not zero": (np.diag([1.0] + [0.0] * 19),),
        "huge entries": (1e150 * gaussian(30, 20, rng=11),),
        "tiny entries": (1e-150 * gaussian(30, 20, rng=12),),
        "overflowing squares": (1e200 * gaussian(30, 20, rng=13),),
        "subnormal entries": (5e-324 * np.eye(20),),
        "geometric spectrum": (np.diag(2.0 ** -np.arange(24.0)),),
    }


class _Stored:
    """A tensor on disk, as a source hands it out: rows are read when they are sliced."""

    def __init__(self, rows: Host) -> None:
        self._rows = rows
        self.shape, self.dtype, self.ndim = rows.shape, rows.dtype, rows.ndim

    def __getitem__(self, chosen: slice) -> Host:
        return self._rows[chosen]


class _Weight:
    """A weight of a checkpoint."""

    def __init__(self, rows: Host) -> None:
        self._rows = rows

    def spectrum(self) -> Spectrum:
        return Spectrum(self._rows)


def _permuted(arguments: Arguments) -> Moved:
    (matrix,) = arguments
    rng = np.random.default_rng(20)
    rows, columns = matrix.shape[-2:]
    moved = matrix[..., rng.permutation(rows), :][..., rng.permutation(columns)]
    return [((np.ascontiguousarray(moved),), 1.0)]


def _rotated(arguments: Arguments) -> Moved:
    (matrix,) = arguments
    rows, columns = matrix.shape[-2:]
    return [((orthogonal(rows, rng=21) @ matrix @ orthogonal(columns, rng=22),), 1.0)]


def _from_eigenvalues(arguments: Arguments) -> tuple[Any, ...]:
    (matrix,) = arguments
    values = np.linalg.svd(matrix, compute_uv=False).ravel() ** 2
    return (Spectrum.from_eigenvalues(values, matrix.shape if matrix.ndim == 2 else None),)


def _spoiled(entry: float) -> Host:
    matrix = gaussian(30, 20, rng=14)
    matrix[7, 4] = entry
    return matrix
