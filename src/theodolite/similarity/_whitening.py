"""Clouds whose principal axes are evened out in part or in full before they are compared."""

from __future__ import annotations

from typing import Literal

from theodolite.core import Array, Cloud, Outcome, Pair, Refusal, namespace
from theodolite.numerics.whitening import mixed_gains, principal_axes
from theodolite.similarity._shapes import Group, Shapes

Scale = Literal["frobenius", "none", "netrep", "repsim"]
"""In which units the spread of a cloud is when whitening mixes it with 1, and what is restored afterwards."""

NETREP_LEAST = 1e-7
"""Smallest eigenvalue that netrep whitens with; zero eigenvalues count as this."""


def whitened(pair: Pair, group: Group, alpha: float, scale: Scale) -> Shapes:
    """Whiten two clouds.

    Parameters
    ----------
    pair : Pair
        The clouds.
    group : {"rotation", "permutation", "none"}
        What the clouds may be put through; whitened features stay in their places unless it is a rotation.
    alpha : float
        1 leaves a cloud as it is, 0 gives every principal axis the same spread.
    scale : {"frobenius", "none", "netrep", "repsim"}
        Units of the spread.

    Returns
    -------
    Shapes
        The whitened clouds.

    Raises
    ------
    Refusal
        If a cloud is a single point, or if full whitening leaves nothing to compare.
    """
    plain = Shapes.of(pair, group)
    spreads, axes, gains = [], [], []
    for (spread, axis), name in zip(_principal(pair, group), "xy", strict=True):
        if not spread.shape[0]:
            raise Refusal(Outcome.CONSTANT_CLOUD, name)
        if alpha == 0.0 and spread.shape[0] >= pair.count - 1:
            detail = f"{name} has rank {spread.shape[0]} with {pair.count} rows"
            raise Refusal(Outcome.TOO_FEW_ROWS, detail)
        spreads.append(spread)
        axes.append(axis)
        gains.append(_gains(spread, alpha, scale, (pair.count, max(pair.widths))))
    one, other = (axis * gain for axis, gain in zip(axes, gains, strict=True))
    if group != "rotation":
        one, other = one @ axes[0].T, other @ axes[1].T
    library = namespace(plain.cross)
    norm, second = (library.sqrt(library.sum((s * g) ** 2)) for s, g in zip(spreads, gains, strict=True))
    rows = plain.rows
    return Shapes(
        one.T @ plain.cross @ other,
        (norm, second),
        min(int(spread.shape[0]) for spread in spreads),
        None if rows is None else lambda: _mapped(rows(), one, other),
    )


def _mapped(rows: tuple[Array, Array], one: Array, other: Array) -> tuple[Array, Array]:
    return rows[0] @ one, rows[1] @ other


def _principal(pair: Pair, group: Group) -> list[tuple[Array, Array]]:
    """Find the spreads and the principal axes of both clouds."""
    if "rows" in pair.has:
        return [_cloud_axes(cloud, group) for cloud in (pair.x, pair.y)]
    return pair.once("principal axes", lambda: [principal_axes(scatter, pair.count) for scatter in pair.scatters])


def _cloud_axes(cloud: Cloud, group: Group) -> tuple[Array, Array]:
    coordinates = cloud.coordinates

    def compute() -> tuple[Array, Array]:
        scatter = cloud.scatter if coordinates is cloud.centred else coordinates.T @ coordinates
        return principal_axes(scatter, cloud.count)

    spreads, axes = cloud.in_any_order("principal axes", compute)
    if group == "rotation" or coordinates is cloud.centred:
        return spreads, axes
    # Scores of unit length, brought back: the principal axes in the features as they are.
    return spreads, cloud.in_any_order(
        "axes of features", lambda: cloud.centred.T @ (coordinates @ (axes / spreads**2))
    )


def _gains(spreads: Array, alpha: float, scale: Scale, size: tuple[int, int]) -> Array:
    """Say by what each principal axis is multiplied; `size` is rows and the wider cloud's features."""
    library = namespace(spreads)
    count, width = size
    if scale == "repsim":
        return mixed_gains(spreads / count**0.5, alpha)
    if scale == "none":
        return mixed_gains(spreads, alpha)
    if scale == "frobenius":
        shares = spreads / library.sqrt(library.sum(spreads**2))
        mixed = shares * mixed_gains(shares, alpha)
        return mixed / library.sqrt(library.sum(mixed**2)) / spreads
    # Zero eigenvalues, those of padding included, are raised and then counted in the variance that is restored.
    clipped = library.sqrt(library.clip(spreads**2, min=NETREP_LEAST))
    raised, least = width - int(spreads.shape[0]), NETREP_LEAST**0.5
    gains = mixed_gains(clipped, alpha)
    before = library.sum(clipped**2) + raised * NETREP_LEAST
    after = library.sum((clipped * gains) ** 2) + raised * (alpha * least + (1.0 - alpha)) ** 2
    return gains * library.sqrt(before / after)
