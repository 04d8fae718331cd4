"""Inner products of two centred Gram matrices, and what is left of them when chance is taken off.

Two ways of centring: double centring (rows and columns have the mean zero) and U-centring (the same without the
diagonal, which is set to zero). The inner product of two double-centred matrices is ``(n - 1)²`` times the biased
estimate of the Hilbert-Schmidt independence criterion, that of two U-centred ones is ``n (n - 3)`` times the unbiased.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import array_api_compat as compat

Array = Any

ROUNDING = 1e-13
"""A norm that is smaller than this share of the terms it was summed from is made of rounding errors."""


@dataclass(frozen=True)
class GramProducts:
    """Inner products of centred Gram matrices K and L.

    Parameters
    ----------
    inner : tuple of three 0-dimensional arrays
        ``<K, K>``, ``<K, L>`` and ``<L, L>`` after centring.
    traces : tuple of two 0-dimensional arrays
        Traces of K and L after double centring, whatever the centring of `inner`.
    terms : tuple of two 0-dimensional arrays
        Size of the terms that ``<K, K>`` and ``<L, L>`` were summed from.
    """

    inner: tuple[Array, Array, Array]
    traces: tuple[Array, Array]
    terms: tuple[Array, Array]

    @property
    def cosine(self) -> Array:
        """The cosine of the angle between the centred matrices."""
        sqrt = compat.array_namespace(*self.inner).sqrt
        return self.inner[1] / (sqrt(self.inner[0]) * sqrt(self.inner[2]))

    @property
    def vanishing(self) -> tuple[bool, bool]:
        """Whether nothing but rounding is left of K, and of L."""
        x, y = (not bool(self.inner[2 * side] > ROUNDING * self.terms[side]) for side in (0, 1))
        return x, y


def mean_products(parts: Sequence[GramProducts], weights: Sequence[float]) -> GramProducts:
    """Add up what several groups of rows give, each with a weight.

    Parameters
    ----------
    parts : sequence of GramProducts
        One for each group, at least one.
    weights : sequence of float
        Factor of each.

    Returns
    -------
    GramProducts
        Every number is the weighted sum.
    """

    def total(number: Callable[[GramProducts], Array]) -> Array:
        first, *others = (weight * number(part) for part, weight in zip(parts, weights, strict=True))
        return sum(others, start=first)

    return GramProducts(
        (total(lambda part: part.inner[0]), total(lambda part: part.inner[1]), total(lambda part: part.inner[2])),
        (total(lambda part: part.traces[0]), total(lambda part: part.traces[1])),
        (total(lambda part: part.terms[0]), total(lambda part: part.terms[1])),
    )


def linear_products(
    count: int,
    squares: tuple[Array, Array, Array],
    totals: tuple[Array, Array],
    fourth: tuple[Array, Array, Array] | None,
) -> GramProducts:
    r"""Inner products of the Gram matrices of centred rows, from moments alone.

    Without its diagonal the Gram matrix of centred rows has the row sums :math:`-|x_i|^2`, so that its U-centred inner
    products are

    .. math:: \|X^T Y\|^2 + \frac{\|X\|^2 \|Y\|^2}{(n-1)(n-2)} - \frac{n}{n-2} \sum_i |x_i|^2 |y_i|^2 .

    Parameters
    ----------
    count : int
        How many rows, n.
    squares : tuple of three 0-dimensional arrays
        ``|XᵀX|²``, ``|XᵀY|²`` and ``|YᵀY|²`` of the centred rows.
    totals : tuple of two 0-dimensional arrays
        ``|X|²`` and ``|Y|²``.
    fourth : tuple of three 0-dimensional arrays or None
        ``Σ |x|⁴``, ``Σ |x|² |y|²`` and ``Σ |y|⁴`` for U-centring, which needs 4 rows; None for double centring.

    Returns
    -------
    GramProducts
        Of ``XXᵀ`` and ``YYᵀ``.
    """
    if fourth is None:
        return GramProducts(squares, totals, (squares[0], squares[2]))
    inner, terms = [], []
    for square, part, (one, other) in zip(squares, fourth, ((0, 0), (0, 1), (1, 1)), strict=True):
        constant = totals[one] * totals[other] / ((count - 1) * (count - 2))
        diagonal = count / (count - 2) * part
        inner.append(square + constant - diagonal)
        terms.append(square + constant + diagonal)
    return GramProducts((inner[0], inner[1], inner[2]), totals, (terms[0], terms[2]))


@dataclass(frozen=True)
class OffDiagonal:
    """Sums over two symmetric matrices K and L of n rows, the diagonals apart.

    Parameters
    ----------
    products : tuple of three 0-dimensional arrays
        Sums of ``K²``, ``K L`` and ``L²``, entry by entry, off the diagonal.
    rows : tuple of two arrays of shape (n,)
        Row sums of K and L off the diagonal.
    diagonals : tuple of two arrays of shape (n,)
        Their diagonals.
    """

    products: tuple[Array, Array, Array]
    rows: tuple[Array, Array]
    diagonals: tuple[Array, Array]

    def centred(self, *, unbiased: bool) -> GramProducts:
        """Centre the matrices without touching them.

        Parameters
        ----------
        unbiased : bool
            Whether by U-centring, which needs 4 rows and no diagonal.

        Returns
        -------
        GramProducts
            Of the centred matrices.
        """
        count = int(self.rows[0].shape[0])
        total = compat.array_namespace(*self.rows).sum
        whole = [rows + diagonal for rows, diagonal in zip(self.rows, self.diagonals, strict=True)]
        used = self.rows if unbiased else whole
        of_rows, of_all = (2 / (count - 2), 1 / ((count - 1) * (count - 2))) if unbiased else (2 / count, 1 / count**2)
        inner, terms = [], []
        for (one, other), product in zip(((0, 0), (0, 1), (1, 1)), self.products, strict=True):
            both = product if unbiased else product + total(self.diagonals[one] * self.diagonals[other])
            by_rows = of_rows * total(used[one] * used[other])
            by_all = of_all * total(used[one]) * total(used[other])
            inner.append(both - by_rows + by_all)
            terms.append(both + by_rows + by_all)
        traces = [total(self.diagonals[side]) - total(whole[side]) / count for side in (0, 1)]
        return GramProducts((inner[0], inner[1], inner[2]), (traces[0], traces[1]), (terms[0], terms[2]))
