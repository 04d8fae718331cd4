"""How far a spectrum is from that of its own entries in random order."""

from itertools import islice
from typing import Annotated, Literal

import numpy as np
from scipy.special import rel_entr

from theodolite.core import Estimate, Field, Interval, Limits, Outcome, Refusal, Spectrum, measure, to_numpy
from theodolite.core import like as in_library_of
from theodolite.spectra._shuffles import Rng, Vector, shuffled_slices

BINS = 100
_POOL = 300
_Z95 = 1.959963984540054


@measure(cite="lin1991divergence", needs=("eigenvalues", "matrix"), runs="host", version=2)
def random_distance(
    spectrum: Spectrum,
    /,
    *,
    reading: Literal["spectra", "histogram"] = "spectra",
    shuffles: Annotated[int, Limits(ge=1, le=1000)] | None = None,
    rng: Rng = 0,
) -> Annotated[
    Estimate,
    Field(
        unit="1",
        bounds=(0, float(np.sqrt(np.log(2)))),
        invariant_to=("scale",),
        varies=("rotation",),
        unspecified=("permutation", "transpose"),
        reads="0 = no structure beyond the entries",
    ),
]:
    r"""Distance to the shuffled spectrum, :math:`\sqrt{\mathrm{JS}(p, q)}`, averaged over shuffles.

    JS is the divergence of Jensen and Shannon with the natural logarithm. The name goes with two readings of what p and
    q are, which give different numbers.

    Parameters
    ----------
    spectrum : Spectrum, array of shape (rows, columns), or weight
        What to measure. The entries of a stack are shuffled within each slice, and its eigenvalues pooled.
    reading : {"spectra", "histogram"}
        ``"spectra"``: p and q are the two sorted spectra themselves, each divided by its sum; what WeightWatcher
        computes as ``rand_distance``. ``"histogram"``: p and q are the shares of the eigenvalues in 100 equal bins from
        zero to the largest of both.
    shuffles : int, optional
        How many shuffles to average over. By default as many as give 300 eigenvalues together, at most 20.
    rng : numpy.random.Generator or int
        Generator or seed of the shuffles.

    Returns
    -------
    Estimate
        The mean over shuffles, with its standard error where there are several.

    Raises
    ------
    Refusal
        If every entry is zero, and in the view `fft`, whose blocks hold no weights.

    Notes
    -----
    Where a square hides: both readings are of eigenvalues, which are squared singular values. Between single shuffles
    the reading of spectra spreads by about 5 % for matrices of some dozen eigenvalues.

    Reads as
    --------
    How much of the spectrum comes from where the weights stand, rather than from how large they are.

    Misleads when
    -------------
    All weights have a common mean, which no shuffle changes. Or matrices of different sizes are compared: the distance
    between two random square ones shrinks under the reading of spectra, from 0.09 at side 8 over 0.048 at 20, 0.010 at
    128 and 0.0056 at 256 to 0.0016 at 1024, and grows with emptier bins under that of histograms. Read the percentile
    of chance beside it.

    Cost
    ----
    One more decomposition for each shuffle, and the shuffle itself.

    References
    ----------
    J. Lin, Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory 37 (1991) 145-151.
    D. M. Endres and J. E. Schindelin, A new metric for probability distributions, IEEE Transactions on Information
    Theory 49 (2003) 1858-1860.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal((60, 40))
    >>> bool(random_distance(noise).value < 0.05)
    True
    >>> bool(random_distance(noise + np.outer(noise[:, 0], noise[0])).value > 0.2)
    True
    """
    own = np.asarray(to_numpy(spectrum.eigenvalues), dtype=np.float64)
    if not own[-1] > 0.0:
        raise Refusal(Outcome.ALL_ZERO)
    times = min(20, -(-_POOL // own.size)) if shuffles is None else shuffles
    found = []
    for parts in islice(shuffled_slices(spectrum, rng), times):
        positive = np.sort(np.concatenate(parts))
        other = np.concatenate([np.zeros(own.size - positive.size), positive])
        found.append(_distance(own, other) if reading == "spectra" else _of_histograms(own, other))
    mean = float(np.mean(found))
    value = in_library_of(mean, spectrum.eigenvalues)
    if times == 1:
        return Estimate(value)
    se = float(np.std(found, ddof=1) / np.sqrt(times))
    ends = (max(mean - _Z95 * se, 0.0), mean + _Z95 * se, se)
    low, high, error = (in_library_of(end, spectrum.eigenvalues) for end in ends)
    return Estimate(value, Interval(low, high, 0.95, error))


def _distance(one: Vector, other: Vector) -> float:
    p, q = one / one.sum(), other / other.sum()
    middle = 0.5 * (p + q)
    divergence = 0.5 * float(rel_entr(p, middle).sum() + rel_entr(q, middle).sum())
    return float(np.sqrt(min(max(divergence, 0.0), np.log(2))))


def _of_histograms(one: Vector, other: Vector) -> float:
    top = max(float(one[-1]), float(other[-1]))
    counts = [np.histogram(values / top, bins=BINS, range=(0.0, 1.0))[0].astype(np.float64) for values in (one, other)]
    return _distance(counts[0], counts[1])
