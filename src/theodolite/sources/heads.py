"""Projections whose heads have an axis of their own, as TransformerLens stores them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def heads_to_rows(stored: NDArray[Any]) -> NDArray[Any]:
    """Lay heads x d_model x d_head out as (heads·d_head) x d_model: all heads' projections, out x in.

    Parameters
    ----------
    stored : array of shape (heads, d_model, d_head)
        A projection as TransformerLens stores it.

    Returns
    -------
    array of shape (heads * d_head, d_model)
        The projection as one linear layer.
    """
    return np.ascontiguousarray(stored.swapaxes(1, 2)).reshape(-1, stored.shape[1])


def rows_to_heads(matrix: NDArray[Any], heads: int) -> NDArray[Any]:
    """Undo `heads_to_rows`.

    Parameters
    ----------
    matrix : array of shape (heads * d_head, d_model)
        A projection as one linear layer.
    heads : int
        Number of heads.

    Returns
    -------
    array of shape (heads, d_model, d_head)
        The projection as TransformerLens stores it.
    """
    return matrix.reshape(heads, -1, matrix.shape[1]).swapaxes(1, 2)
