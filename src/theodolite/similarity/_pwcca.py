"""Canonical correlations, each weighted by how much of a cloud it accounts for."""

from typing import Annotated, Any, Literal

from theodolite.core import Array, Estimate, Field, Pair, PairMoments, measure, namespace
from theodolite.similarity._canonical import Bases, whole_bases


@measure(cite="morcos2018insights", needs="moments")
def pwcca(
    pair: Pair,
    /,
    *,
    weights: Literal["narrower", "x", "y"] = "narrower",
    convention: Literal["theodolite", "svcca"] = "theodolite",
) -> Annotated[
    Estimate,
    Field(
        unit="1",
        bounds=(0, 1),
        invariant_to=("scale", "separate_scale", "translation", "permutation", "order"),
        varies=("rotation", "linear", "exchange"),
        reads="1 = the same directions where the cloud's features are",
        of_itself=1.0,
    ),
]:
    r"""Projection-weighted canonical correlation, :math:`\sum_i w_i \rho_i / \sum_i w_i`.

    With :math:`h_i` the canonical variates of one cloud, of unit length, and :math:`x_j` its centred features, the
    weights are :math:`w_i = \sum_j |\langle h_i, x_j \rangle|`.

    Parameters
    ----------
    pair : Pair, two arrays of shape (rows, features), or CrossMoments
        The clouds; their features may differ in number.
    weights : {"narrower", "x", "y"}
        Whose variates and features give the weights. ``"narrower"``: those of the cloud that spans fewer dimensions, as
        in the paper, or of x where both span as many.
    convention : {"theodolite", "svcca"}
        ``"theodolite"``: as above, the paper's formula. ``"svcca"``: as Google's svcca package computes it, for
        comparison with numbers made by it; see the notes.

    Returns
    -------
    Estimate
        The weighted mean, an array of shape (), with a note where some correlations are 1 whatever the clouds.

    Raises
    ------
    Refusal
        If all rows of a cloud are the same, or a cloud spans as many dimensions as the centred rows do: then every
        correlation is 1, whatever the clouds.
    ValueError
        If the convention of svcca is asked for where that package doesn't answer.

    Notes
    -----
    Where a square hides: nothing is squared here; weights are sums of absolute inner products, so that they depend on
    the axes that the features are, and a rotation of the features changes them.

    The package svcca rotates the features without whitening them, and then adds the means back; its directions are not
    the canonical ones, and a shift of the features changes the result. It takes the narrower cloud, the first where
    both are as wide, and fails where that is the second; so does this convention, which asks for clouds of full rank.

    Reads as
    --------
    Mean correlation in which a direction counts by how much of the features runs along it.

    Misleads when
    -------------
    It is taken for symmetric: the weights are those of one side. Several correlations are equal, as where one cloud is
    contained in the other: their variates are then any basis of a space; only if all are equal does nothing depend on
    it. As for `cca`, chance alone gives a lot where there are many features for the rows.

    Cost
    ----
    As `cca`, and the singular vectors.

    References
    ----------
    A. S. Morcos, M. Raghu and S. Bengio, Insights on representational similarity in neural networks with canonical
    correlation, NeurIPS 2018, arXiv:1806.05759.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> rows, other = rng.standard_normal((2, 100, 4))
    >>> other[:, :2] = rows[:, :2]  # correlations of about 1, 1, 0.2 and 0.1: a mean of 0.6
    >>> bool(pwcca(rows * [10, 10, 1, 1], other).value > 0.8)
    True
    """  # noqa: DOC502 - raised where the bases are found
    moments = pair.moments
    bases = whole_bases(pair, as_given=True)
    if convention == "svcca":
        value = _as_svcca(bases, moments, weights)
    else:
        own = "x" if weights == "x" or (weights == "narrower" and bases.sizes[0] <= bases.sizes[1]) else "y"
        value = _weighted(bases, moments, own)
    return Estimate(value, notes=bases.notes("value"))


def _weighted(bases: Bases, moments: PairMoments, own: str) -> Array:
    library = namespace(moments.cross)
    left, correlations, right = library.linalg.svd(bases.products, full_matrices=False)
    if own == "x":
        variates, basis, scatter = left, bases.x, moments.scatters[0]
    else:
        variates, basis, scatter = right.T, bases.y, moments.scatters[1]
    return _mean(library, library.abs(variates.T @ (basis.T @ scatter)), correlations)


def _mean(library: Any, projections: Array, correlations: Array) -> Array:
    weights = library.sum(projections, axis=1)
    return library.clip(library.sum(weights * correlations) / library.sum(weights), max=1.0)


def _as_svcca(bases: Bases, moments: PairMoments, weights: str) -> Array:
    widths = tuple(int(side) for side in moments.cross.shape)
    if widths[0] > widths[1] or weights == "y":
        raise ValueError(
            f"convention: svcca takes its weights from the narrower cloud and fails where that is the second (widths "
            f"{widths[0]} and {widths[1]}, weights={weights!r}); pass the clouds the other way round"
        )
    if bases.sizes != widths:
        raise ValueError("convention: svcca can't invert the scatter of clouds that lack full rank")
    library = namespace(moments.cross)
    roots = [_inverse_root(library, scatter) for scatter in moments.scatters]
    left, correlations, _ = library.linalg.svd(roots[0] @ moments.cross @ roots[1], full_matrices=False)
    mean = moments.means[0]
    products = moments.count * mean[:, None] * mean[None, :]
    directions = left.T @ moments.scatters[0]  # their inner products with the features, about the mean
    lower = library.linalg.cholesky(directions @ left + products)
    return _mean(library, library.abs(library.linalg.solve(lower, directions + products)), correlations)


def _inverse_root(library: Any, scatter: Array) -> Array:
    values, vectors = library.linalg.eigh(scatter)
    return (vectors / library.sqrt(values)[None, :]) @ vectors.T
