"""Measure how often the test of a power law rejects one that is true, and others that are not.

Pareto samples are drawn, some with a uniform body below the tail, and tested with `with_p_value`, which should say "at
most 5 %" in 5 % of them and "at most 10 %" in 10 %. The same for samples of an exponential and of a log-normal law,
where it should say so as often as it can. About two minutes of one core:

    OMP_NUM_THREADS=1 python studies/goodness_of_fit.py --samples 400
"""

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

import theodolite as td
from theodolite.resample import with_p_value

Array = NDArray[np.float64]

ALPHA = 2.5
TRUE = ((30, 0), (100, 0), (400, 0), (300, 300), (100, 300))
FALSE: dict[str, Callable[[np.random.Generator], Array]] = {
    "300 exponential": lambda rng: rng.exponential(size=300),
    "1000 exponential": lambda rng: rng.exponential(size=1000),
    "1000 log-normal": lambda rng: np.exp(rng.standard_normal(1000)),
}


def pareto(rng: np.random.Generator, tail: int, body: int) -> Array:
    """Draw a Pareto tail above 1 and a uniform body below."""
    return np.concatenate([(1 - rng.random(tail)) ** (-1 / (ALPHA - 1)), rng.random(body)])


def told(name: str, draw: Callable[[np.random.Generator], Array], samples: int) -> None:
    test = with_p_value(td.spectra.power_law, draws=99)
    found = []
    for seed in range(samples):
        spectrum = td.Spectrum.from_eigenvalues(draw(np.random.default_rng([seed, 5])))
        found.append(test(spectrum, rng=seed).chances["distance"].p_value)
    shares = [100 * np.mean(np.asarray(found) <= level) for level in (0.05, 0.1, 0.5)]
    print(f"{name:24s} at most 5 %: {shares[0]:5.1f} %   10 %: {shares[1]:5.1f} %   50 %: {shares[2]:5.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=400)
    samples = parser.parse_args().samples
    for tail, body in TRUE:
        told(f"{tail} in the tail, {body} below", partial(pareto, tail=tail, body=body), samples)
    for name, draw in FALSE.items():
        told(name, draw, samples)


if __name__ == "__main__":
    main()
