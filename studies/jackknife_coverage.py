"""Measure how often intervals of pairs hold the mean over samples: the jackknife's, and what the bootstrap would give.

Pairs of clouds with shared latent variables are drawn, with normal rows and with rows of a heavy tail (the exponential
of normal ones). The truth is the mean of the number over 1000 further samples of as many rows. Printed for each
measure: the share of draws in which the interval at 95 % of `with_interval` holds it, the mean standard error over the
true one, and for comparison the share for the percentile interval of rows drawn with replacement. Some ten minutes of
one core:

    OMP_NUM_THREADS=1 python studies/jackknife_coverage.py --draws 300
"""

import argparse

import numpy as np
from numpy.typing import NDArray

import theodolite as td
from theodolite.core import Result
from theodolite.resample import with_interval

Array = NDArray[np.float64]

FURTHER = 1000
RESAMPLES = 79
CASES = (("normal", 40), ("normal", 120), ("heavy", 120))
MEASURES = {
    "cka": {},
    "angular_procrustes": {},
    "procrustes": {},
    "cca": {},
    "mutual_knn": {"k": 5},
    "rsa": {},
    "distance_correlation": {},
}


def samples(kind: str, rows: int, count: int) -> list[tuple[Array, Array]]:
    """Draw samples from one source: the features that look at the latent variables are the same in all."""
    x, y = td.testing.shared_latent(rows * count, 7, 5, shared=3, noise=0.7, rng=0)
    if kind == "heavy":
        x, y = np.exp(0.7 * x), np.exp(0.7 * y)
    return list(zip(np.split(x, count), np.split(y, count), strict=True))


def number(result: object) -> float:
    return float(result.mean if isinstance(result, Result) else result)  # type: ignore[arg-type, attr-defined]


def bootstrap(name: str, pair: tuple[Array, Array], rng: np.random.Generator) -> tuple[float, float]:
    """Return the percentile interval of rows drawn with replacement."""
    compare, rows = getattr(td.similarity, name), pair[0].shape[0]
    drawn = [
        number(compare(*(cloud[chosen] for cloud in pair), **MEASURES[name]))
        for chosen in rng.integers(rows, size=(RESAMPLES, rows))
    ]
    low, high = np.quantile(drawn, [0.025, 0.975], method="weibull")
    return float(low), float(high)


def row(name: str, kind: str, rows: int, draws: int) -> str:
    compare, given = getattr(td.similarity, name), MEASURES[name]
    drawn = samples(kind, rows, FURTHER + draws)
    values = [number(compare(*pair, **given)) for pair in drawn[draws:]]
    truth, measured = np.mean(values), with_interval(compare)
    held, theirs, errors = [], [], []
    for seed, pair in enumerate(drawn[:draws]):
        result = measured(*pair, rng=seed, **given)
        interval = result.intervals["mean"] if isinstance(result, Result) else result.interval
        held.append(interval.low <= truth <= interval.high)
        errors.append(interval.se)
        if 5 * seed < draws:
            low, high = bootstrap(name, pair, np.random.default_rng(seed))
            theirs.append(low <= truth <= high)
    error = np.mean(errors) / np.std(values)
    return f"{name:22}{kind:8}{rows:5}{np.mean(held):10.2f}{error:10.2f}{np.mean(theirs):12.2f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=300)
    draws = parser.parse_args().draws
    print(f"{'measure':22}{'rows':13}{'jackknife':>10}{'error':>10}{'bootstrap':>12}")
    for name in MEASURES:
        for kind, rows in CASES:
            print(row(name, kind, rows, draws), flush=True)


if __name__ == "__main__":
    main()
