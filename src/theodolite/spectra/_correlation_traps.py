"""What stands out of a matrix because of its entries themselves, found by shuffling them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Field, Limits, Outcome, Refusal, Result, Spectrum, measure
from theodolite.core import like as in_library_of
from theodolite.numerics.bulk import fit_weightwatcher_bulk
from theodolite.numerics.marchenko_pastur import marchenko_pastur_edges, spike_position
from theodolite.spectra._balanced import balanced
from theodolite.spectra._bulk import fit_slices, long_side
from theodolite.spectra._shuffles import Rng, Vector, entries_of, shuffled_slices

LEVEL = 0.01
"""Probability of any spike in one shuffle of entries that are noise."""

PERSISTENCE = 0.95
"""Share of the shuffles in which a trap must stand out."""

_FEW, _REPLICAS, _SAMPLE = 100, 5, 1 << 13


@dataclass(frozen=True, kw_only=True)
class CorrelationTraps(Result):
    """What stands out of a matrix whatever the order of its entries; ``extra["strengths"]`` has one number for each.

    Attributes
    ----------
    count : array of shape (), integer
        How many eigenvalues stand out in at least 95 % of the shuffles.
    strength : array of shape ()
        The largest eigenvalue over the edge of the bulk, after shuffling: median over the shuffles.
    mean : array of shape ()
        Where the common mean of all entries alone puts an eigenvalue, over the edge of the bulk.
    """

    count: Annotated[
        Array,
        Field(
            unit="traps",
            bounds=(0, None),
            invariant_to=("scale",),
            unspecified=("permutation", "transpose", "rotation"),
            reads="0 = nothing stands out but what was learned",
        ),
    ]
    strength: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, None),
            invariant_to=("scale",),
            varies=("rotation",),
            unspecified=("permutation", "transpose"),
            reads="about 1 = none, higher = stronger",
        ),
    ]
    mean: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(1, None),
            invariant_to=("scale",),
            unspecified=("permutation", "transpose", "rotation"),
            reads="1 = the mean doesn't show, higher = it is a trap",
        ),
    ]


@measure(cite="martin2025setol", needs=("eigenvalues", "matrix", "shape"), runs="host", version=2)
def correlation_traps(
    spectrum: Spectrum,
    /,
    *,
    shuffles: Annotated[int, Limits(ge=1, le=1000)] = 20,
    convention: Literal["theodolite", "weightwatcher"] = "theodolite",
    rng: Rng = 0,
) -> CorrelationTraps:
    r"""Correlation traps, eigenvalues beyond the random bulk that survive shuffling, :math:`\lambda > x_+`.

    Putting all entries into random order destroys whatever was learned about which input goes with which output. What
    still stands out from the bulk (`marchenko_pastur`, at a level of 1 % for each shuffle) comes from the entries
    themselves: one so large that it makes a direction of its own, or a mean of all that is far from zero. A trap is
    counted if it stands out in at least 95 % of the shuffles.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure. The entries of a stack are shuffled within each slice, and each slice has its own bulk.
    shuffles : int
        How many shuffles decide.
    convention : {"theodolite", "weightwatcher"}
        ``"theodolite"``: as above. ``"weightwatcher"``: as WeightWatcher 0.7.7 with ``randomize=True``: its own fit to
        the pooled eigenvalues of one shuffle, of five together below 100 eigenvalues, whatever `shuffles` says.
    rng : numpy.random.Generator or int
        Generator or seed of the shuffles.

    Returns
    -------
    CorrelationTraps
        How many, how strong the strongest is, and how strong one that the mean alone makes; the strengths of all in
        ``extra["strengths"]``, descending. Of a stack `mean` is the largest over slices.

    Raises
    ------
    Refusal
        If every entry is zero, if the shuffled matrix (or a slice) has fewer than 8 eigenvalues above zero, if they are
        equal, or if it has no bulk; in the view `fft`, whose blocks hold no weights.

    Notes
    -----
    Where a square hides: `strength` is a ratio of eigenvalues; its root is that of singular values. Shuffling stops as
    soon as no further shuffle could make a trap, which is after two of twenty where there is none: the count is that of
    all shuffles, the strength the median over those that were made.

    A mean :math:`\mu` is the rank-one matrix :math:`\mu 1 1^\top`, which no order of the entries changes; `mean` is
    the place in noise of a direction of its size, in the limit of large matrices, with the entries left out that are
    far enough from the others to be spikes of their own. Where it is close to one of the strengths, that trap is the
    mean, and setting single entries to zero won't remove it.

    No chance level stands beside: the shuffles are the comparison with chance. A matrix of noise has a count of 0, a
    `strength` of about 1, and a `mean` of 1 or little above.

    Under the convention of WeightWatcher the positions of a kernel are pooled: where their variances differ, as they do
    in every trained convolution, noise itself has traps; and the answer is that of a single shuffle.

    Reads as
    --------
    A few weights that grew out of all proportion, which is a sign of a learning rate too high or of overfitting; or, if
    `mean` says so, weights that are mostly of one sign.

    Misleads when
    -------------
    All entries have a heavy tail: then the bulk itself has no edge, and the count depends on the shuffles. Or several
    entries are huge in a small matrix: two that a shuffle puts into one row or column make one spike, so that of three
    in 80 x 60 often two are counted.

    Cost
    ----
    A shuffle and a decomposition for each shuffle that is made: two where there is no trap, `shuffles` where there is.

    References
    ----------
    C. H. Martin and C. Hinrichs, SETOL: a semi-empirical theory of (deep) learning, arXiv:2507.17912 (2025). C. H.
    Martin and M. W. Mahoney, Implicit self-regularization in deep neural networks, Journal of Machine Learning Research
    22 (2021) 165, arXiv:1810.01075.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal((60, 40))
    >>> noise[3, 5] = 30.0
    >>> found = correlation_traps(noise)
    >>> int(found.count), round(float(found.strength), 1)
    (1, 5.1)
    """
    if not spectrum.eigenvalues[-1] > 0:
        raise Refusal(Outcome.ALL_ZERO)
    if convention == "weightwatcher":
        return _as_weightwatcher(spectrum, rng)
    spectrum = balanced(spectrum)
    tolerated = int((1.0 - PERSISTENCE) * shuffles + 1e-9)
    counts: list[int] = []
    strengths: list[Vector] = []
    for parts in islice(shuffled_slices(spectrum, rng), shuffles):
        fitted = fit_slices(parts, long_side(spectrum), LEVEL, 2.0 * spectrum.error_bound)
        counts.append(sum(s.bulk.spikes for s in fitted))
        strengths.append(np.sort(np.concatenate([s.values / s.edge for s in fitted]))[::-1])
        if counts.count(0) > tolerated:
            break
    live = (flat for flat, part in zip(_flat(spectrum), parts, strict=True) if part.size)
    own = max(_of_mean(flat, s.values.size, s.long, s.bulk.variance) for flat, s in zip(live, fitted, strict=True))
    return _result(spectrum, sorted(counts)[min(tolerated, len(counts) - 1)], strengths, own)


def _as_weightwatcher(spectrum: Spectrum, rng: Rng) -> CorrelationTraps:
    times = _REPLICAS if spectrum.count < _FEW else 1
    parts = [part for several in islice(shuffled_slices(spectrum, rng), times) for part in several]
    positive = np.sort(np.concatenate(parts))
    pooled = np.concatenate([np.zeros(spectrum.count * times - positive.size), positive])
    if pooled[-1] - pooled[0] <= 2.0 * spectrum.error_bound:
        raise Refusal(Outcome.NO_SPREAD, f"{pooled.size} eigenvalues of {pooled[-1]:.6g}")
    short, long = sorted(spectrum.shape or (1, 1))
    bulk = fit_weightwatcher_bulk(pooled, short, long)
    edge = bulk.variance * (np.sqrt(short) + np.sqrt(long)) ** 2
    own = max(_of_mean(flat, short, long, bulk.variance) for flat in _flat(spectrum))
    return _result(spectrum, bulk.spikes, [pooled[::-1] / edge], own)


def _flat(spectrum: Spectrum) -> NDArray[np.floating]:
    """Lay the entries of each slice out in a row."""
    host = entries_of(spectrum)
    return host.reshape(-1, host.shape[-2] * host.shape[-1])


def _of_mean(entries: NDArray[np.floating], short: int, long: int, variance: float) -> float:
    """Say where noise lets a direction as large as the common mean appear, over the edge of the noise."""
    # An entry that is a spike of its own is no part of what is common; the middle needs no more than a sample.
    middle = float(np.median(entries[:: max(1, entries.size // _SAMPLE)].astype(np.float64)))
    reach = float(np.sqrt(variance)) * entries.size**0.25
    common = entries
    if max(float(entries.max()) - middle, middle - float(entries.min())) >= reach:
        common = entries[np.abs(entries - middle) < reach]
    mean = float(np.mean(common, dtype=np.float64)) if common.size else 0.0
    ratio = short / long
    size = abs(mean) * float(np.sqrt(entries.size / (long * variance)))
    return max(1.0, spike_position(size, ratio) / marchenko_pastur_edges(ratio)[1])


def _result(spectrum: Spectrum, count: int, strengths: Sequence[Vector], mean: float) -> CorrelationTraps:
    shortest = min(one.size for one in strengths)
    typical = np.median([one[:shortest] for one in strengths], axis=0)
    values = spectrum.eigenvalues
    return CorrelationTraps(
        count=in_library_of(count, values),
        strength=in_library_of(float(typical[0]), values),
        mean=in_library_of(mean, values),
        extra={"strengths": in_library_of(typical[:count], values)},
    )
