"""Measure how often intervals hold the truth: of the power law's exponent, and of means over a heavy tail.

Pareto samples are drawn, some with a uniform body below the tail, and fitted with the search for the start of the tail.
Printed for each kind of sample: the spread of the exponent over draws in units of the printed sigma; the bootstrap's
standard error in the same units; and the share of draws in which each interval at 95 % holds the truth: the percentile
interval of the bootstrap (`with_interval`), the basic, the bias-corrected, that of resamples smoothed between
neighbours, that of the fitted law itself, and the one of `alpha_interval`. About ten minutes of one core:

    OMP_NUM_THREADS=1 python studies/bootstrap_coverage.py --draws 400
"""

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

import theodolite as td
from theodolite.numerics.powerlaw import alpha_interval, fit_power_law
from theodolite.numerics.refits import fit_power_laws
from theodolite.resample import with_interval

Array = NDArray[np.float64]

ALPHA = 2.5
RESAMPLES = 200
KINDS = ((30, 0), (100, 0), (400, 0), (300, 300), (100, 300))
MEANS = ("effective_rank", "participation_ratio", "spectral_entropy", "hill")


def sample(rng: np.random.Generator, tail: int, body: int) -> Array:
    """Draw a Pareto tail above 1 and a uniform body below."""
    drawn = np.concatenate([(1 - rng.random(tail)) ** (-1 / (ALPHA - 1)), rng.random(body)])
    return np.sort(drawn)


def exponents(samples: Array) -> Array:
    return np.array([fit.alpha for fit in fit_power_laws(np.sort(samples, axis=1)) if fit is not None])


def middle(values: Array, low: float = 0.025, high: float = 0.975) -> tuple[float, float]:
    ends = np.quantile(values, [low, high], method="weibull")
    return float(ends[0]), float(ends[1])


def variants(ordered: Array, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Return every interval for one sample, and the two standard errors over sigma as a pair."""
    fit = fit_power_law(ordered)
    if fit is None:
        raise ValueError("a Pareto sample has a fit")
    n = ordered.size
    plain = exponents(ordered[rng.integers(n, size=(RESAMPLES, n))])
    low, high = middle(plain)
    shift = 2 * ndtri((np.sum(plain < fit.alpha) + 0.5 * np.sum(plain == fit.alpha) + 0.5) / (plain.size + 1))
    place = rng.random((RESAMPLES, n)) * (n - 1)
    smooth = exponents(np.exp(np.interp(place, np.arange(n), np.log(ordered))))
    law = fit.xmin * (1 - rng.random((RESAMPLES, n))) ** (-1 / (fit.alpha - 1))
    below = rng.random((RESAMPLES, n)) >= fit.tail_size / n
    law[below] = ordered[rng.integers(max(n - fit.tail_size, 1), size=int(below.sum()))]
    return {
        "percentile": (low, high),
        "basic": (2 * fit.alpha - high, 2 * fit.alpha - low),
        "bias-corrected": middle(plain, float(ndtr(shift - 1.96)), float(ndtr(shift + 1.96))),
        "smoothed": middle(smooth),
        "fitted law": middle(exponents(law)),
        "alpha_interval": alpha_interval(fit.alpha, fit.sigma)[1:],
        "scales": ((fit.alpha - ALPHA) / fit.sigma, float(plain.std(ddof=1)) / fit.sigma),
    }


def of_exponent(draws: int) -> None:
    for tail, body in KINDS:
        rng = np.random.default_rng([tail, body, 3])
        found = [variants(sample(rng, tail, body), rng) for _ in range(draws)]
        off, se = np.array([one.pop("scales") for one in found]).T
        print(f"{tail} in the tail, {body} below: spread {np.std(off):.2f} sigma, bootstrap {np.median(se):.2f} sigma")
        for name in found[0]:
            holds = np.mean([low <= ALPHA <= high for low, high in (one[name] for one in found)])
            print(f"    {name:15s} holds {100 * holds:5.1f} %")


def of_means(draws: int) -> None:
    for name in MEANS:
        measure = getattr(td.spectra, name)
        for n in (50, 400):
            rng = np.random.default_rng([n, 4])
            truth = np.mean([float(measure(td.Spectrum.from_eigenvalues(sample(rng, n, 0)))) for _ in range(2000)])
            ends = [
                with_interval(measure)(td.Spectrum.from_eigenvalues(sample(rng, n, 0)), rng=seed).interval
                for seed in range(draws)
            ]
            print(f"{name} of {n}: {100 * np.mean([end.low <= truth <= end.high for end in ends]):5.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=400)
    draws = parser.parse_args().draws
    of_exponent(draws)
    of_means(draws)


if __name__ == "__main__":
    main()
