"""Noise over signal, feature by feature."""

from collections.abc import Mapping
from typing import Annotated, Any

from theodolite.core import Array, Field, Outcome, Pair, Refusal, measure, namespace, to_numpy

_FLAT = 1e-28


def _about_row_means(rows: Array) -> Array:
    return rows - namespace(rows).mean(rows, axis=1, keepdims=True)


def _spread(rows: Array) -> tuple[Array, int]:
    """Variance of each row over its features, and of how many rows it is no more than rounding."""
    library = namespace(rows)
    varying = _about_row_means(rows)
    variance = library.mean(varying * varying, axis=1)
    flat = variance <= _FLAT * library.mean(rows * rows, axis=1)
    return variance, int(library.sum(library.astype(flat, library.int64)))


def _signal(pair: Pair) -> Array:
    """Variance of each row of x over its features."""
    _ = pair.totals  # of entries whose squares leave the range of float64, nothing can be told
    variance, flat = _spread(pair.x.rows)
    if flat:
        raise Refusal(Outcome.FLAT_ROWS, f"{flat} of {pair.count} rows of x")
    if _spread(pair.y.rows)[1] == pair.count:
        raise Refusal(Outcome.FLAT_ROWS, f"all {pair.count} rows of y")
    return variance


def _by_chance(pair: Pair, parameters: Mapping[str, Any]) -> dict[str, float]:  # noqa: ARG001 - asked of any measure
    """Mean over all orders of the rows of y, each of which then stands beside each row of x equally often."""
    x, y = to_numpy(pair.x.rows), _about_row_means(to_numpy(pair.y.rows))
    signal = _signal(pair)
    shared = _about_row_means(x) @ y.mean(axis=0) / x.shape[1]
    return {"value": float(((signal - 2 * shared + (y * y).mean()) / signal).mean())}


@measure(cite="yuan2019signal", needs="rows", chance=_by_chance)
def snr_distance(
    pair: Pair, /
) -> Annotated[
    Array,
    Field(
        unit="1",
        bounds=(0, None),
        invariant_to=("scale", "order"),
        varies=("separate_scale", "translation", "rotation", "permutation", "linear", "exchange"),
        of_itself=0.0,
        reads="0 = the same, 1 = as much noise as signal",
    ),
]:
    r"""Signal-to-noise distance, :math:`\mathrm{mean}_i\, \mathrm{var}(y_i - x_i) / \mathrm{var}(x_i)`.

    The variances are over the features of one row: x is the signal, and what y adds to it is the noise. The mean is
    over the rows.

    Parameters
    ----------
    pair : Pair, or two arrays of shape (rows, features)
        What to compare; feature j of both must mean the same, as in two versions of one network.

    Returns
    -------
    array of shape ()
        At least 0.

    Raises
    ------
    Refusal
        If the clouds have different numbers of features; if all features of a row of x are equal, so that there is no
        signal; or those of every row of y, a dead layer, which would be at distance 1 from any.

    Notes
    -----
    Where a square hides: variances, so that noise of half the signal's size gives a quarter.

    No metric: it is not symmetric, since the first cloud is the signal, and the triangle inequality doesn't hold. Two
    clouds that differ by a constant in each row (the same for all its features) are at distance 0.

    Reads as
    --------
    The inverse of the signal-to-noise ratio with which y carries x, row by row.

    Misleads when
    -------------
    The features are in another order, or rotated: two trained networks are far from each other whatever they have in
    common. Or where some rows have almost no signal: they carry the mean.

    Cost
    ----
    One pass over the rows.

    References
    ----------
    T. Yuan, W. Deng, J. Tang, Y. Tang and B. Chen, Signal-to-noise ratio: a robust distance metric for deep metric
    learning, CVPR 2019, arXiv:1904.02616.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0, -1.0, 1.0, -1.0], [2.0, -2.0, 2.0, -2.0]])
    >>> noise = np.array([[1.0, 1.0, -1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])
    >>> float(snr_distance(x, x + noise))
    0.625
    """
    widths = pair.widths
    if widths[0] != widths[1]:
        raise Refusal(Outcome.DIFFERENT_WIDTHS, f"x has {widths[0]}, y has {widths[1]}")
    signal = _signal(pair)
    noise = _about_row_means(pair.y.rows - pair.x.rows)
    library = namespace(noise)
    return library.mean(library.mean(noise * noise, axis=1) / signal)
