"""Two things whose rows are matched: rows left out of both, or matched otherwise."""

from __future__ import annotations

from typing import Any, TypeAlias

import array_api_compat as compat
import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, FeatureMapPair, FeatureMaps, Pair, View, namespace

Matched: TypeAlias = Pair | FeatureMapPair
"""What has rows (or images) of two layers."""

MATCHED: dict[type[View], str] = {
    Pair: "td.similarity.cka",
    FeatureMapPair: "td.similarity.shift_invariant_shape",
}
"""The views, with an example of a measure each."""

Indices = NDArray[np.intp]


def rows_of(pair: Matched) -> int:
    """Count what is matched.

    Parameters
    ----------
    pair : Pair or FeatureMapPair
        The layers.

    Returns
    -------
    int
        Rows, or images.
    """
    return pair.count if isinstance(pair, Pair) else pair.x.shape[0]


def constant(pair: Matched) -> Matched:
    """Cut off from gradients what is measured many times and needs none.

    Parameters
    ----------
    pair : Pair or FeatureMapPair
        With rows.

    Returns
    -------
    Pair or FeatureMapPair
        The same where there are no gradients.
    """
    held = [_held(side) for side in (pair.x, pair.y)]
    if not any(getattr(array, "requires_grad", False) for array in held):
        return pair
    return type(pair)(*(array.detach() if hasattr(array, "detach") else array for array in held))


def kept(pair: Matched, chosen: Indices) -> Matched:
    """Keep some of the rows.

    Parameters
    ----------
    pair : Pair or FeatureMapPair
        With rows.
    chosen : ndarray of int, shape (count,)
        Which.

    Returns
    -------
    Pair or FeatureMapPair
        Of these rows alone.
    """
    return type(pair)(*(_taken(_held(side), chosen) for side in (pair.x, pair.y)))


def rematched(pair: Matched, order: Indices) -> Matched:
    """Put the rows of the second layer into another order; what is known of the layers by themselves is kept.

    Parameters
    ----------
    pair : Pair or FeatureMapPair
        With rows.
    order : ndarray of int, shape (rows,)
        A permutation.

    Returns
    -------
    Pair or FeatureMapPair
        The layers, matched otherwise.
    """
    if isinstance(pair, Pair):
        return Pair(pair.x, pair.y.reordered(indices(order, _held(pair.y))))
    return FeatureMapPair(pair.x, FeatureMaps(_taken(pair.y.maps, order)))


def indices(chosen: Indices, model: Array) -> Array:
    """Bring indices into an array library.

    Parameters
    ----------
    chosen : ndarray of int, shape (count,)
        The indices.
    model : array
        An array of the library; its device is used.

    Returns
    -------
    array of shape (count,)
        The same.
    """
    if isinstance(model, (np.ndarray, Cloud)):
        return chosen
    return namespace(model).asarray(chosen.tolist(), device=compat.device(model))


def _held(side: Cloud | FeatureMaps) -> Any:
    """Return the rows, or the cloud itself where something else is known of it."""
    if isinstance(side, Cloud):
        return side.rows if "rows" in side.has else side
    return side.maps


def _taken(array: Any, chosen: Indices) -> Any:
    if isinstance(array, Cloud):
        return array.taken(chosen)
    return namespace(array).take(array, indices(chosen, array), axis=0)
