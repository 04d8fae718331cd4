"""Chance levels: the measure again, on data that have lost what is in question."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from theodolite.core import Limits, Measure, ParameterError, Spectrum
from theodolite.core.parameters import complete
from theodolite.resample.matched import MATCHED
from theodolite.resample.matrices import NullMatrices
from theodolite.resample.permutations import NullRows
from theodolite.resample.wrapped import Resampled, view_of, wrapped

Null = Literal["gaussian", "permuted", "rotated"]


def with_null(
    measure: Measure[..., Any],
    /,
    *,
    null: Null | None = None,
    draws: Annotated[int, Limits(ge=19)] = 199,
) -> Resampled:
    r"""Set every number of a measure against what it is of data without the structure that it is about.

    Of a spectrum: matrices of independent entries, of the same shape and the same Frobenius norm. Of a pair of clouds:
    the same clouds with the rows of one in random order, so that each cloud keeps its geometry and nothing ties one to
    the other but chance.

    Parameters
    ----------
    measure : Measure or Resampled
        A measure of the spectrum, or of a pair of clouds.
    null : {"gaussian", "permuted", "rotated"}, optional
        Of a spectrum, ``"gaussian"`` where it is not given: independent normal entries, the shape being the matrix's;
        where the measure needs eigenvalues only, they are drawn without the matrix, by the bidiagonal model of chi
        variables. ``"permuted"``: the entries of the matrix itself in random places, which keeps their distribution,
        heavy tails included. Each draw, and each slice of a stack, has the Frobenius norm of the matrix.

        Of a pair, ``"permuted"`` where it is not given: the rows of the second cloud in random order. ``"rotated"``: a
        random rotation of the space of centred rows in the permutation's place, which needs no more than moments; it
        is what stands for a permutation where the pair has only moments.
    draws : int
        How many, at least 19.

    Returns
    -------
    Resampled
        The measure with the median of chance, the percentile and a two-sided p-value beside each number. It takes
        `rng`, an int or a `numpy.random.Generator`.

    Raises
    ------
    TypeError
        If it is no measure of a spectrum or of a pair.
    ParameterError
        If a setting doesn't fit, or the null is none for this kind of measure.

    Notes
    -----
    The percentile counts half of the draws that equal the number, and stays between ``50 / (draws + 1)`` and its
    complement to 100. The p-value is twice the smaller share of draws at least as far out on one side, the number
    itself counted among them: it is at least ``2 / (draws + 1)``, and under the null at most a with a probability of at
    most a. What the null keeps (the Frobenius norm) stands at percentile 50. Half of the p-value is that of the
    one-sided question, where the number lies on the side that was asked about.

    The levels that a survey sets beside alpha, distance, stable and effective rank come from a shipped table of the
    Gaussian null and cost nothing; this wrapper draws for any measure, and for the permuted null.

    Permutations take the rows for exchangeable. Rows that follow each other (frames of a film, tokens of a text) are
    alike in both clouds for that reason alone; thin them out, or take one of each text.

    Under a permutation nothing changes but the cross-moments ``C``. They have mean zero and the covariances
    ``Sxx_ac Syy_bd / (n - 1)`` of their entries ab and cd: as exactly under a random rotation,
    ``C = Sxx^(1/2) T Syy^(1/2)`` with T a corner of a random orthogonal matrix of side n - 1, and in the limit of many
    rows both are normal. Rotations keep what normal limits break, that no canonical correlation exceeds 1. They know
    nothing of rows that stand out; with few rows, or such ones, permute.

    Cost, of a spectrum: one decomposition for each draw with permuted entries; O(n²) for each Gaussian one. Of a pair:
    for each draw what the measure does beyond centring, scatter matrices and Gram matrices, which are kept.

    Examples
    --------
    >>> import numpy as np
    >>> import theodolite as td
    >>> spike = np.random.default_rng(0).standard_normal((64, 64)) + 1.0
    >>> found = with_null(td.spectra.stable_rank, draws=99)(spike, rng=0)
    >>> bool(found.value < 0.5 * found.chance.median), found.chance.percentile, found.chance.p_value
    (True, 0.5, 0.02)
    >>> x, y = td.testing.shared_latent(60, 12, 10, noise=0.5, rng=1)
    >>> found = with_null(td.similarity.cka, draws=99)(x, y, rng=0)
    >>> bool(abs(found.chance.median) < 0.1), found.chance.percentile, found.chance.p_value
    (True, 99.5, 0.02)
    """  # noqa: DOC502 - raised by what is called
    settings = complete(with_null, {"null": null, "draws": draws})
    view = view_of(measure, "with_null", {Spectrum: "td.spectra.stable_rank", **MATCHED})
    spectral = view is Spectrum
    choices = ("gaussian", "permuted") if spectral else ("permuted", "rotated")
    chosen = settings["null"] or choices[0]
    if chosen not in choices:
        raise ParameterError(
            f"with_null: parameter 'null' is {chosen!r}: expected {' or '.join(map(repr, choices))} around "
            f"{measure.__name__}"
        )
    return wrapped(measure, (NullMatrices if spectral else NullRows)(chosen, settings["draws"]))
