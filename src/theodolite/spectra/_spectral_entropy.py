"""How evenly the eigenvalues share the weight."""

from typing import Annotated, Literal

from theodolite.core import Array, Field, Outcome, Refusal, Spectrum, measure, namespace
from theodolite.spectra._numerical_rank import numerical_rank

_WEIGHTWATCHER_EPSILON = 1e-10


def shannon(values: Array) -> Array:
    """Return the entropy in nats of the shares of non-negative values, of which some are positive."""
    xp = namespace(values)
    shares = values / xp.sum(values)
    inside = xp.where(shares > 0, shares, xp.ones_like(shares))  # 0 log 0 = 0, with a finite derivative
    return -xp.sum(shares * xp.log(inside))


@measure(cite="martin2021implicit")
def spectral_entropy(
    spectrum: Spectrum, /, *, convention: Literal["theodolite", "weightwatcher"] = "theodolite"
) -> Annotated[
    Array,
    Field(
        unit="1",
        bounds=(0, 1),
        invariant_to=("scale", "permutation", "rotation", "transpose"),
        reads="1 = all eigenvalues equal, 0 = one alone",
    ),
]:
    r"""Entropy of the eigenvalues, :math:`-\sum_i p_i \ln p_i / \ln n` with :math:`p_i = \lambda_i / \sum_j \lambda_j`.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; a stack of slices counts as one.
    convention : {"theodolite", "weightwatcher"}
        ``"weightwatcher"``: as WeightWatcher 0.7.7, with 1e-10 added to each share and to the rank, and
        ``ln(rank + 1e-10)`` in the denominator.

    Returns
    -------
    array of shape ()
        Between 0 (rank one) and 1 (all n eigenvalues equal).

    Raises
    ------
    Refusal
        If every entry is zero, if there is one eigenvalue only, or, under the convention of WeightWatcher, if the rank
        is 1, where its denominator vanishes.

    Notes
    -----
    Where a square hides: the shares are of eigenvalues, which are squared singular values. The denominator is the
    logarithm of the number n of eigenvalues; WeightWatcher's is that of the numerical rank, a whole number that jumps,
    so that a low-rank matrix with equal eigenvalues has entropy 1 there and less than 1 here.

    Reads as
    --------
    Evenness of the spectrum on a scale from 0 to 1 that shapes share.

    Misleads when
    -------------
    Values near 1 are compared: a square Gaussian matrix has 0.88 at side 64, 0.92 at 384 and 0.93 at 1000, one of
    384 x 1536 has 0.98. Of noise it is about ``1 - n / (2 m ln n)`` for sides n and m. Read the percentile of chance
    beside it; `effective_rank` of the eigenvalues is ``n ** entropy`` and keeps the differences apart.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix, shared with every other measure of the spectrum.

    References
    ----------
    C. H. Martin and M. W. Mahoney, Implicit self-regularization in deep neural networks: evidence from random matrix
    theory and implications for learning, Journal of Machine Learning Research 22 (2021) 165, arXiv:1810.01075.

    Examples
    --------
    >>> import numpy as np
    >>> spectral_entropy(np.eye(4))
    np.float64(1.0)
    """
    values = spectrum.eigenvalues
    if not bool(values[-1] > 0):
        raise Refusal(Outcome.ALL_ZERO)
    if spectrum.count == 1:
        raise Refusal(Outcome.TOO_FEW_EIGENVALUES, "1 eigenvalue, at least 2 needed")
    xp = namespace(values)
    if convention == "theodolite":
        count = xp.full_like(values[-1], float(spectrum.count))
        return xp.clip(shannon(values) / xp.log(count), min=0.0, max=1.0)
    rank = xp.astype(numerical_rank(spectrum), values.dtype)
    if bool(rank <= 1):
        raise Refusal(Outcome.TOO_FEW_EIGENVALUES, "rank 1, at least 2 needed")
    shares = values / xp.sum(values) + _WEIGHTWATCHER_EPSILON
    return -xp.sum(shares * xp.log(shares)) / xp.log(rank + _WEIGHTWATCHER_EPSILON)
