"""A change of weights that is given as a product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theodolite.core import Array, to_numpy


@dataclass(frozen=True, eq=False)
class LowRank:
    """A change of weights as a product of two factors, which is never multiplied out.

    Parameters
    ----------
    left : array of shape (rows, rank)
        LoRA's ``B``, with the scaling (``alpha / r``) in it or in the other.
    right : array of shape (rank, columns)
        LoRA's ``A``.

    Examples
    --------
    >>> import numpy as np
    >>> LowRank(np.ones((4, 2)), np.ones((2, 3))).shape
    (4, 3)
    """

    left: Array
    right: Array

    def __post_init__(self) -> None:
        for name in ("left", "right"):
            factor = to_numpy(getattr(self, name))
            if factor.ndim != 2 or 0 in factor.shape:
                raise ValueError(f"{name}: got shape {tuple(factor.shape)}; a factor is a matrix with entries")
            if factor.dtype.kind == "c":
                raise TypeError(f"{name}: got {factor.dtype}; expected real entries")
            object.__setattr__(self, name, factor.astype(np.float64))
        if self.left.shape[1] != self.right.shape[0]:
            raise ValueError(
                f"left, right: got shapes {self.left.shape} and {self.right.shape}; they share the rank between them"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the product."""
        return int(self.left.shape[0]), int(self.right.shape[1])
