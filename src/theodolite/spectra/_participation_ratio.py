"""How many eigenvalues take part."""

from typing import Annotated

from theodolite.core import Array, Field, Outcome, Refusal, Spectrum, measure, namespace


@measure(cite="gao2017theory")
def participation_ratio(
    spectrum: Spectrum, /
) -> Annotated[
    Array,
    Field(
        unit="dimensions",
        bounds=(1, None),
        invariant_to=("scale", "permutation", "rotation", "transpose"),
        reads="lower = fewer eigenvalues carry the weight",
    ),
]:
    r"""Participation ratio, :math:`(\sum_i \lambda_i)^2 / \sum_i \lambda_i^2`.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure; a stack of slices counts as one.

    Returns
    -------
    array of shape ()
        Between 1 (rank one) and the number of eigenvalues (all equal).

    Raises
    ------
    Refusal
        If every entry is zero.

    Notes
    -----
    Where a square hides: the eigenvalues are squared singular values already, so that singular values enter to the
    fourth power in the denominator. It equals the exponential of the Rényi entropy of order 2 of
    :math:`p = \lambda / \sum \lambda`, and lies between the stable rank (order infinity) and `effective_rank` of the
    eigenvalues (order 1).

    Reads as
    --------
    How many equal eigenvalues would be as concentrated as these. The dimensions of neural activity are counted so.

    Misleads when
    -------------
    The tail of many small eigenvalues matters: it is all but ignored. Or it is read without its
    chance level: a Gaussian matrix of sides n and m has ``n m / (n + m)``, half the side of a square one.

    Cost
    ----
    The eigenvalues of the smaller Gram matrix, shared with every other measure of the spectrum.

    References
    ----------
    P. Gao, E. Trautmann, B. Yu, G. Santhanam, S. Ryu, K. Shenoy and S. Ganguli, A theory of multineuronal
    dimensionality, dynamics and measurement, bioRxiv 214262 (2017).

    Examples
    --------
    >>> import numpy as np
    >>> participation_ratio(np.diag([1.0, 1.0, 0.0]))
    np.float64(2.0)
    """
    values = spectrum.eigenvalues
    if not bool(values[-1] > 0):
        raise Refusal(Outcome.ALL_ZERO)
    xp = namespace(values)
    relative = values / values[-1]
    return xp.clip(xp.sum(relative) ** 2 / xp.sum(relative**2), min=1.0)
