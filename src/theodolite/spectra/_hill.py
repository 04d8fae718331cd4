"""The exponent of a tail of given size."""

from typing import Annotated

from theodolite.core import Estimate, Field, Interval, Limits, Outcome, Refusal, Spectrum, measure, namespace
from theodolite.numerics.gram import gram_error_bound
from theodolite.spectra._tail import SMALLEST_COUNT

_Z95 = 1.959963984540054


@measure(cite="hill1975simple")
def hill(
    spectrum: Spectrum, /, *, k: Annotated[int, Limits(ge=2)] | None = None
) -> Annotated[
    Estimate,
    Field(
        unit="1",
        bounds=(1, None),
        invariant_to=("scale", "permutation", "rotation", "transpose"),
        reads="lower = heavier tail",
    ),
]:
    r"""Hill's exponent of the k largest eigenvalues, :math:`1 + k / \sum_{j \le k} \ln(\lambda_j / \lambda_k)`.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; the eigenvalues of a stack are pooled.
    k : int, optional
        How many of the largest eigenvalues, at least 2. By default half of them.

    Returns
    -------
    Estimate
        The exponent, with the standard error :math:`(\alpha - 1) / \sqrt{k}`.

    Raises
    ------
    Refusal
        If every entry is zero, if there are fewer than 8 eigenvalues, if fewer than `k` are above the error of the
        decomposition, or if the k largest are equal.

    Notes
    -----
    Where a square hides: the exponent is that of eigenvalues, which are squared singular values. Nothing is searched
    for, so that it is smooth in the weights, can be trained against, and has an honest standard error, but for a tail
    of `k` eigenvalues whether or not they follow a power law.

    Reads as
    --------
    Lower means a heavier tail. With k = n / 2 it ranks the layers of one network for temperature balancing.

    Misleads when
    -------------
    The upper half of the spectrum is no power law (a random matrix): then it moves with k and with the shape. Noise has
    2.12 if square, whatever its size, and 3.46 if four times as long as wide, which says "heavy" of nothing. Read the
    percentile of chance beside it, or look at `power_law` and its distance.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix, shared with every other measure of the spectrum.

    References
    ----------
    B. M. Hill, A simple general approach to inference about the tail of a distribution, Annals of Statistics 3 (1975)
    1163-1174. Y. Zhou, T. Pang, K. Liu, C. H. Martin, M. W. Mahoney and Y. Yang, Temperature balancing, layer-wise
    weight analysis, and neural network training, NeurIPS 36 (2023), arXiv:2312.00359.

    Examples
    --------
    >>> import numpy as np
    >>> exponent = hill(np.diag(2.0 ** np.arange(10)), k=3)  # 1 + 3 / (ln 16 + ln 4 + ln 1)
    >>> round(float(exponent), 4), round(float(exponent.interval.se), 4)
    (1.7213, 0.4165)
    """
    values = spectrum.eigenvalues
    xp = namespace(values)
    if not bool(values[-1] > 0):
        raise Refusal(Outcome.ALL_ZERO)
    if spectrum.count < SMALLEST_COUNT:
        raise Refusal(Outcome.TOO_FEW_EIGENVALUES, f"{spectrum.count}, at least {SMALLEST_COUNT} needed")
    size = spectrum.count // 2 if k is None else k
    bound = gram_error_bound(spectrum.shape or (spectrum.count, spectrum.count), values[-1])
    if size > spectrum.count or not bool(values[-size] > bound):
        above = int(xp.sum(xp.astype(values > bound, xp.int64)))
        raise Refusal(Outcome.TOO_FEW_EIGENVALUES, f"{above} are above the numerical zero, k is {size}")
    tail = values[-size:]
    if not bool(tail[-1] - tail[0] > 2 * bound):
        raise Refusal(Outcome.NO_SPREAD, f"the {size} largest")
    rate = size / xp.sum(xp.log(tail / tail[0]))
    se = rate / size**0.5
    low = xp.clip(1 + rate - _Z95 * se, min=1.0)
    return Estimate(1 + rate, Interval(low, 1 + rate + _Z95 * se, 0.95, se))
