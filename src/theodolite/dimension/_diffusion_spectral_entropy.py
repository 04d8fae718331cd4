"""The entropy of a random walk's spectrum."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy.special import stdtrit

from theodolite.core import (
    Array,
    Cloud,
    Field,
    Interval,
    Limits,
    Outcome,
    Refusal,
    Result,
    measure,
    to_numpy,
)
from theodolite.dimension._diffusion import Normalization, Walk, scale_notes
from theodolite.dimension._estimate import given_back

_MOST_PARTS = 5


@dataclass(frozen=True, kw_only=True)
class DiffusionSpectralEntropy(Result):
    """Entropy of the spectrum of a random walk on a cloud.

    Attributes
    ----------
    bits : array of shape ()
        The entropy; with its interval where it is the mean over parts of the cloud.
    share : array of shape ()
        The same as a share of ``log2(rows)``.
    bandwidth : array of shape ()
        Of the kernel, in the unit of the features.
    rows : array of shape ()
        Rows of each spectrum: all of the cloud, or those of a part.
    """

    bits: Annotated[
        Array,
        Field(
            unit="bits",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation"),
            unspecified=("order",),
            reads="higher = points that a walk keeps apart",
        ),
    ]
    share: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "translation", "rotation", "permutation"),
            unspecified=("order",),
            reads="0 = one cluster, 1 = as many as points",
        ),
    ]
    bandwidth: Annotated[
        Array,
        Field(
            unit="feature",
            bounds=(0, None),
            invariant_to=("translation", "rotation", "permutation"),
            equivariant={"scale": 1},
            unspecified=("order",),
            reads="points nearer than this are neighbours",
        ),
    ]
    rows: Annotated[
        Array,
        Field(
            unit="rows",
            bounds=(2, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="the entropy is at most the logarithm of it",
        ),
    ]


@measure(cite="liao2024assessing", needs="rows", runs="host")
def diffusion_spectral_entropy(
    cloud: Cloud,
    /,
    *,
    bandwidth: Annotated[float, Limits(gt=0)] = 0.5,
    relative: bool = True,
    time: Annotated[float, Limits(gt=0)] = 1.0,
    normalization: Normalization = "paper",
    most_rows: Annotated[int, Limits(ge=2)] = 10_000,
) -> DiffusionSpectralEntropy:
    r"""Diffusion spectral entropy, :math:`-\sum_i p_i \log_2 p_i` of :math:`p_i = |\lambda_i|^t / \sum |\lambda|^t`.

    :math:`\lambda` are the eigenvalues of the transition probabilities of a walk that goes from point to point by
    :math:`G_{ij} = e^{-|x_i - x_j|^2 / 2 \sigma^2}`.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The points, 2 or more; each row counts, whether or not it repeats another.
    bandwidth : float
        :math:`\sigma`, as a multiple of the median distance between points, or in the unit of the features.
    relative : bool
        Whether it is a multiple.
    time : float
        t, the steps of the walk.
    normalization : {"paper", "released"}
        With g the row sums of G, steps go by :math:`G_{ij} / \sqrt{g_i g_j}` as the paper has it, or by G as in the
        code that was released with it.
    most_rows : int
        Above it, the cloud is dealt out at random, always alike, to parts of at most as many rows, and the mean over up
        to five of them is given with its standard error.

    Returns
    -------
    DiffusionSpectralEntropy
        Bits, their share of ``log2(rows)``, the bandwidth.

    Raises
    ------
    Refusal
        If there are fewer than 2 rows; if half of all pairs of rows or more coincide and the bandwidth is relative.

    Notes
    -----
    Where a factor hides: in :math:`2 \sigma^2`, and in the operator. The released code takes the eigenvalues of
    :math:`G_{ij} / \sqrt{g_i g_j}`, which is not yet a matrix of probabilities; they are those of steps by G. The paper
    divides by the row sums once more. Bits grow with the logarithm of the number of rows, so compare shares, or clouds
    of one size.

    Reads as
    --------
    The logarithm of the number of places that the walk keeps apart. With a bandwidth relative to the median distance it
    is a matter of shape; with a fixed one, as in the paper (10), it rises with the size of activations too.

    Misleads when
    -------------
    The bandwidth is off the scale of the cloud: the entropy is then near 0 or near ``log2(rows)`` whatever the shape. A
    note says so below 5 and above 95 percent.

    Cost
    ----
    O(rows² features + rows³), and three matrices of rows × rows: 2.4 GB at 10,000 rows. Lower ``most_rows`` for less.

    References
    ----------
    D. Liao, C. Liu, B. W. Christensen, A. Tong, G. Huguet, G. Wolf, M. Nickel, I. Adelstein and S. Krishnaswamy,
    Assessing neural network representations during training using noise-resilient diffusion spectral entropy, CISS
    2024, arXiv:2312.04823.

    Examples
    --------
    >>> import numpy as np
    >>> four = np.repeat(100.0 * np.eye(4), 25, axis=0) + 0.001 * np.random.default_rng(0).random((100, 4))
    >>> found = diffusion_spectral_entropy(four, bandwidth=1.0, relative=False)
    >>> round(float(found.bits), 3)
    2.0
    """
    count = cloud.count
    if count < 2:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, f"{count} rows, 2 needed")
    centred = np.asarray(to_numpy(cloud.centred), np.float64)
    bits, shares, widths, rows = [], [], [], count
    for part in _parts(count, most_rows):
        walk = Walk.on(centred[part], bandwidth, relative, time, normalization)
        rows = part.size
        bits.append(walk.entropy())
        widths.append(walk.bandwidth)
        shares.append(min(1.0, bits[-1] / np.log2(rows)))
    share, width = float(np.mean(shares)), float(np.mean(widths))
    return DiffusionSpectralEntropy(
        bits=given_back(cloud, float(np.mean(bits))),
        share=given_back(cloud, share),
        bandwidth=given_back(cloud, width),
        rows=given_back(cloud, float(rows)),
        notes=scale_notes(share, width, "bits"),
        intervals={"bits": _interval(cloud, bits), "share": _interval(cloud, shares)} if len(bits) > 1 else {},
    )


def _parts(count: int, most: int) -> list[np.ndarray]:
    """Deal rows out to parts of equal size that have no row in common, always alike."""
    parts = -(-count // most)
    if parts == 1:
        return [np.arange(count)]
    size = max(2, count // parts)
    dealt = np.random.default_rng(0).permutation(count)
    return [dealt[size * place : size * (place + 1)] for place in range(min(parts, count // size, _MOST_PARTS))]


def _interval(cloud: Cloud, values: list[float]) -> Interval:
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))
    reach = float(stdtrit(len(values) - 1, 0.975)) * error
    ends = (given_back(cloud, max(0.0, mean - reach)), given_back(cloud, mean + reach))
    return Interval(*ends, 0.95, given_back(cloud, error))
