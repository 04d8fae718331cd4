"""How many of the largest eigenvalues have a product of one, in units of the mean."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from theodolite.core import Array, Field, Outcome, Refusal, Result, Spectrum, measure, to_numpy
from theodolite.core import like as in_library_of


@dataclass(frozen=True, kw_only=True)
class TraceLogRank(Result):
    """Where the trace of the logarithm of the tail is zero.

    Attributes
    ----------
    rank : array of shape (), integer
        How many eigenvalues are in the tail.
    eigenvalue : array of shape ()
        The smallest of them.
    """

    rank: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(1, None),
            invariant_to=("scale", "permutation", "rotation", "transpose"),
            reads="size of the tail with a product of one",
        ),
    ]
    eigenvalue: Annotated[
        Array,
        Field(
            unit="eigenvalue",
            bounds=(0, None),
            invariant_to=("permutation", "rotation", "transpose"),
            equivariant={"scale": 2},
            reads="where that tail starts",
        ),
    ]


@measure(cite="martin2025setol", runs="host")
def trace_log_rank(spectrum: Spectrum, /) -> TraceLogRank:
    r"""Trace-log rank, the smallest k with :math:`\sum_{i \le k} \ln(\lambda_i / \bar\lambda) < 0`.

    The eigenvalues are taken from the largest down, in units of their mean :math:`\bar\lambda`. Their product rises
    above one, then falls; the tail ends where it falls below one. This is the condition det X = 1 (of an exact step of
    the renormalisation group), the trace of a logarithm.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; the eigenvalues of a stack are pooled.

    Returns
    -------
    TraceLogRank
        The size of the tail and its smallest eigenvalue.

    Raises
    ------
    Refusal
        If every entry is zero, or all eigenvalues are equal.

    Notes
    -----
    Where a square hides: the product is that of eigenvalues; that of singular values in units of their root mean square
    falls below one at the same k. The sum is one of logarithms, where a product overflows or loses the count from a few
    thousand eigenvalues on. The inequality of the means makes the sum over all eigenvalues negative, so that there
    always is a k.

    Reads as
    --------
    A second opinion on where the tail starts: close to `power_law.tail_size`, the two agree on what was learned.

    Misleads when
    -------------
    It is read as a rank: of a square Gaussian matrix it is 73 % of the side, of one four times as long as wide 87 %.
    Compare layers of equal shape. Or when the matrix lacks full rank: zeros lower the mean, so that the tail of a
    matrix of low rank holds every other eigenvalue and the first zero.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix, shared with every other measure of the spectrum.

    References
    ----------
    C. H. Martin and C. Hinrichs, SETOL: a semi-empirical theory of (deep) learning, arXiv:2507.17912 (2025).

    Examples
    --------
    >>> import numpy as np
    >>> tail = trace_log_rank(np.diag([4.0, 1.0, 0.5, 0.5]))  # squares 16, 1, 1/4, 1/4, with mean 4.375
    >>> int(tail.rank), float(tail.eigenvalue)
    (2, 1.0)
    """
    values = spectrum.eigenvalues
    descending = np.asarray(to_numpy(values), dtype=np.float64)[::-1]
    if not descending[0] > 0.0:
        raise Refusal(Outcome.ALL_ZERO)
    if descending[0] - descending[-1] <= 2.0 * spectrum.error_bound:
        raise Refusal(Outcome.NO_SPREAD, f"{descending.size} eigenvalues of {descending[0]:.6g}")
    descending = np.where(descending > spectrum.error_bound, descending, 0.0)
    with np.errstate(divide="ignore"):  # a zero ends the tail: its logarithm is minus infinity
        logs = np.cumsum(np.log(descending / descending.mean()))
    # Rounding can leave the sum over everything at zero where the eigenvalues are almost equal.
    rank = int(np.argmax(logs < 0.0)) + 1 if logs[-1] < 0.0 else descending.size
    return TraceLogRank(rank=in_library_of(rank, values), eigenvalue=in_library_of(float(descending[rank - 1]), values))
