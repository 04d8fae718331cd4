"""Shape distance between feature maps after the best circular shift."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from theodolite.core import Array, Field, Outcome, Refusal, Result, measure, namespace
from theodolite.core.feature_maps import FeatureMapPair
from theodolite.numerics.alignment import angle, nuclear_norms, root, rotated_residual
from theodolite.numerics.shifts import flat_pixels, shifted, shifted_products
from theodolite.similarity._shapes import NEAR


@dataclass(frozen=True, kw_only=True)
class ShiftInvariantShape(Result):
    """Distance between the shapes of feature maps.

    Attributes
    ----------
    distance : array of shape ()
        The smallest over all shifts. ``extra["map"]`` has the distance under each shift, of shape (height, width), with
        no shift at ``[height // 2, width // 2]``.
    unshifted : array of shape ()
        Where nothing is shifted: positions taken as samples.
    """

    distance: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, None),
            invariant_to=(
                "scale",
                "separate_scale",
                "translation",
                "rotation",
                "permutation",
                "order",
                "shift",
                "exchange",
            ),
            varies=("linear",),
            reads="0 = the same up to a shift, a rotation of channels and size",
            of_itself=0.0,
        ),
    ]
    unshifted: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, None),
            invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order", "exchange"),
            varies=("linear", "shift"),
            reads="no less than the distance",
            of_itself=0.0,
        ),
    ]


@measure(cite="williams2021generalized", needs="maps")
def shift_invariant_shape(
    pair: FeatureMapPair, /, *, metric: Literal["angular", "euclidean"] = "angular"
) -> ShiftInvariantShape:
    r"""Shape distance of convolutional features, :math:`\min_{s, T} d(X, (Y \circ s)\, T)`.

    Every position of every image is a sample of the channels. Over circular shifts :math:`s` of all images by the same
    rows and columns, and orthogonal maps :math:`T` of the channels, the smallest Procrustes distance is taken. The
    inner products of the channels under all shifts at once are a circular correlation, computed through the fast
    Fourier transform.

    Parameters
    ----------
    pair : FeatureMapPair, or two arrays of shape (images, height, width, channels)
        Maps of the same images, of one height and width; the channels may differ in number.
    metric : {"angular", "euclidean"}
        The angle between the centred maps, or the Frobenius norm of their difference, which counts size too.

    Returns
    -------
    ShiftInvariantShape
        The distance after the best shift and without a shift; the map over all shifts stands in ``extra["map"]``.

    Raises
    ------
    Refusal
        If all positions of all images of a layer are the same, so that there is no angle.

    Notes
    -----
    Where a square hides: nowhere, as in `angular_procrustes`. Images are taken as tori: what leaves at one edge comes
    in at the opposite one, which is exact for networks with circular padding and else an approximation that is the
    better, the smaller the shift. What is declared above holds for angles; the Euclidean distance follows the scale.

    Reads as
    --------
    A metric on feature maps up to shifts, rotations of channels and size. Far below `unshifted`: the layers hold the
    same features at displaced positions, as after different padding or strides.

    Misleads when
    -------------
    The best shift is large: around the edges, things meet that never met in the image. Or when maps are small, so that
    a shift is a large part of the image.

    Cost
    ----
    Two Fourier transforms, the products of the channels at each frequency, n h w c^2 in all, and the singular values
    of h w matrices of side c, which are held in memory together; without the transform, h w times the products.

    References
    ----------
    A. H. Williams, E. Kunz, S. Kornblith and S. W. Linderman, Generalized shape metrics on neural representations,
    Advances in Neural Information Processing Systems 34 (2021), arXiv:2110.14739, section 2.3.

    Examples
    --------
    >>> import numpy as np
    >>> maps = np.random.default_rng(0).standard_normal((10, 6, 6, 3))
    >>> found = shift_invariant_shape(maps, np.roll(maps, (1, -2), axis=(1, 2))[..., ::-1])
    >>> bool(found.distance < 1e-13), bool(found.unshifted > 1.0)
    (True, True)
    """
    x, y = pair.x.centred, pair.y.centred
    library = namespace(x, y)
    norms = [library.sqrt(pair.x.total), library.sqrt(pair.y.total)]
    if metric == "angular":
        for norm, name in zip(norms, "xy", strict=True):
            if not bool(norm > 0):
                raise Refusal(Outcome.CONSTANT_CLOUD, name)
        x, y = x / norms[0], y / norms[1]
        norms = [library.ones_like(norms[0])] * 2
    channels = (int(x.shape[3]), int(y.shape[3]))
    rank = min(*channels, math.prod(pair.x.shape[:3]) - 1)
    squares = norms[0] ** 2 + norms[1] ** 2
    squared = squares - 2 * nuclear_norms(shifted_products(x, y), norms[0] * norms[1], rank)
    if bool(library.any(squared < NEAR * squares)):
        squared = _refined(x, y, squared, NEAR * squares)
    by_shift = angle(squared / 2) if metric == "angular" else root(squared)
    return ShiftInvariantShape(
        distance=library.min(by_shift),
        unshifted=by_shift[0, 0],
        extra={"map": library.fft.fftshift(by_shift, axes=(0, 1))},
    )


def _refined(x: Array, y: Array, squared: Array, near: Array) -> Array:
    """Take squared distances below a bound from the maps themselves, which keep the digits that a difference loses."""
    library = namespace(squared)
    height, width = (int(side) for side in squared.shape)
    pixels = flat_pixels(y)
    found = [
        rotated_residual(flat_pixels(shifted(x, (i, j))), pixels) if bool(squared[i, j] < near) else squared[i, j]
        for i in range(height)
        for j in range(width)
    ]
    return library.reshape(library.stack(found), (height, width))
