"""What two clouds would share if their rows had nothing to do with each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from theodolite.core import Pair, PairMoments, View, to_numpy
from theodolite.numerics.rotations import rotation_block, scatter_root
from theodolite.resample.draws import NullDraws
from theodolite.resample.matched import Matched, constant, rematched, rows_of
from theodolite.resample.wrapped import Case


@dataclass(frozen=True)
class NullRows(NullDraws):
    """Put the rows of one cloud into random order.

    Parameters
    ----------
    null : {"permuted", "rotated"}
        The rows permuted, or turned at random in the space that they span, which moments suffice for.
    draws : int
        How many.
    """

    name: ClassVar[str] = "with_null"

    def obstacle(self, case: Case) -> str:
        """Say why nothing can be drawn.

        Parameters
        ----------
        case : Case
            The result.

        Returns
        -------
        str
            Empty where it can.
        """
        if self.null == "rotated" and ("rows" in case.traits.needs or not isinstance(case.view, Pair)):
            return "the measure looks at the rows themselves, and random rotations leave none"
        count = rows_of(case.view)
        return "" if count > 2 else f"{count} rows"

    def drawn(self, case: Case, rng: np.random.Generator) -> Iterator[View]:
        """Draw as often as asked.

        Parameters
        ----------
        case : Case
            The result.
        rng : numpy.random.Generator
            The stream to draw from.

        Returns
        -------
        iterator of Pair or FeatureMapPair
            Each with the same two layers, their rows matched otherwise.
        """
        pair: Matched = case.view
        if isinstance(pair, Pair) and (self.null == "rotated" or "rows" not in pair.has):
            return self._rotated(case, rng)
        return self._permuted(constant(pair), rng)

    def _permuted(self, pair: Matched, rng: np.random.Generator) -> Iterator[View]:
        for _ in range(self.draws):
            yield rematched(pair, rng.permutation(rows_of(pair)))

    def _rotated(self, case: Case, rng: np.random.Generator) -> Iterator[View]:
        known = on_host(case.view.moments)
        along = along_axes(known)
        if case.holds_on(Pair.from_moments(along), rng):
            known = along
        count, totals = known.count, [float(np.trace(scatter)) for scatter in known.scatters]
        roots = [scatter_root(scatter, count) for scatter in known.scatters]
        spread = [max(fourth - total**2 / count, 0.0) for fourth, total in zip(known.fourth[::2], totals, strict=True)]
        for _ in range(self.draws):
            turn = rotation_block(count - 1, roots[0].shape[1], roots[1].shape[1], rng)
            # The squared norms of the rows are matched at random too; their product has this mean and variance.
            product = totals[0] * totals[1] / count
            product += rng.standard_normal() * np.sqrt(spread[0] * spread[1] / (count - 1))
            fourth = (known.fourth[0], np.maximum(product, 0.0), known.fourth[2])
            yield Pair.from_moments(replace(known, cross=roots[0] @ turn @ roots[1].T, fourth=fourth))


def along_axes(moments: PairMoments) -> PairMoments:
    """Bring each cloud into the coordinates of its principal axes, those left out along which nothing is spread.

    Parameters
    ----------
    moments : PairMoments
        Of NumPy.

    Returns
    -------
    PairMoments
        Of fewer features than rows; measures that no rotation moves see no difference.
    """
    roots = [scatter_root(scatter, moments.count) for scatter in moments.scatters]
    spreads = [np.sum(root * root, axis=0) for root in roots]
    axes = [root / np.sqrt(spread) for root, spread in zip(roots, spreads, strict=True)]
    return replace(
        moments,
        means=(moments.means[0] @ axes[0], moments.means[1] @ axes[1]),
        scatters=(np.diag(spreads[0]), np.diag(spreads[1])),
        cross=axes[0].T @ moments.cross @ axes[1],
    )


def on_host(moments: PairMoments) -> PairMoments:
    """Bring moments to NumPy.

    Parameters
    ----------
    moments : PairMoments
        In any array library.

    Returns
    -------
    PairMoments
        The same numbers.
    """
    return PairMoments(
        moments.count,
        (to_numpy(moments.means[0]), to_numpy(moments.means[1])),
        (to_numpy(moments.scatters[0]), to_numpy(moments.scatters[1])),
        to_numpy(moments.cross),
        (to_numpy(moments.fourth[0]), to_numpy(moments.fourth[1]), to_numpy(moments.fourth[2])),
    )
