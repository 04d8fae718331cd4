"""Measure the error rates of rules that call a weight matrix untrained, of low rank, or heavier than alpha = 2.

Dense matrices with Gaussian and with uniform entries (the initialisations in use) are decomposed, and the share that
each rule accepts is printed, together with what the rules say of planted structure and, with ``--checkpoint``, of the
2-D weights of a trained network. The chance levels are those that theodolite ships. About ten minutes of one core:

    OMP_NUM_THREADS=1 python studies/chance_rules.py --draws 1000 --checkpoint model.safetensors
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theodolite.numerics.chance import chance_levels
from theodolite.numerics.nulls import QUANTITIES
from theodolite.numerics.powerlaw import alpha_interval, fit_power_law

Array = NDArray[np.float64]
Entries = Callable[[np.random.Generator, int, int], Array]

SEED = 6
SHAPES = ((64, 64), (384, 384), (384, 1536), (512, 2048))


def gaussian(rng: np.random.Generator, rows: int, columns: int) -> Array:
    return rng.standard_normal((rows, columns))


def uniform(rng: np.random.Generator, rows: int, columns: int) -> Array:
    return rng.uniform(-1.0, 1.0, (rows, columns))


def spiked(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """Return noise and one direction whose singular value alone would lie at 1.2 times the edge of the noise."""
    left, right = rng.standard_normal(rows), rng.standard_normal(columns)
    size = 1.2 * (np.sqrt(rows) + np.sqrt(columns)) / np.linalg.norm(left) / np.linalg.norm(right)
    planted: Array = size * np.outer(left, right)
    return planted + rng.standard_normal((rows, columns))


def student(rng: np.random.Generator, rows: int, columns: int) -> Array:
    return rng.standard_t(3, (rows, columns))


def graded(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """Return Gaussian rows whose scales differ by a log-normal factor of 0.5."""
    noise: Array = rng.standard_normal((rows, columns))
    return noise * rng.lognormal(0.0, 0.5, (rows, 1))


def pareto(rng: np.random.Generator, rows: int, columns: int) -> Array:
    """Return Gaussian rows whose variances follow a power law of exponent 3."""
    noise: Array = rng.standard_normal((rows, columns))
    scales: Array = np.power(1 - rng.random((rows, 1)), -0.25)
    return noise * scales


def low_rank(rng: np.random.Generator, rows: int, columns: int) -> Array:
    rank = min(rows, columns) // 8
    product: Array = rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, columns))
    product /= np.sqrt(rank)
    return product + 0.1 * rng.standard_normal((rows, columns))


NULLS: dict[str, Entries] = {"Gaussian": gaussian, "uniform": uniform}
STRUCTURES: dict[str, Entries] = {
    "one direction at 1.2 × edge": spiked,
    "Student t, 3 degrees": student,
    "row scales log-normal 0.5": graded,
    "row variances Pareto 3": pareto,
    "rank n/8 and noise": low_rank,
}


def reading(matrix: Array) -> Array:
    """Return the percentiles of the four quantities, effective rank over side, alpha and its upper end."""
    short, long = sorted(matrix.shape)
    gram = matrix @ matrix.T if matrix.shape[0] == short else matrix.T @ matrix
    values = np.maximum(np.linalg.eigvalsh(gram), 0)
    values = values[values > 0]
    fit = fit_power_law(values, sides="both")
    if fit is None:
        raise ValueError("the matrix has a single singular value")
    share = np.sqrt(values) / np.sqrt(values).sum()
    effective = float(np.exp(-np.sum(share * np.log(share))))
    found = (fit.alpha, fit.distance, float(values.sum() / values[-1]), effective)
    laws = chance_levels((short, long))
    ranks = [laws[quantity].percentile(value) for quantity, value in zip(QUANTITIES, found, strict=True)]
    return np.array([*ranks, effective / short, fit.alpha, alpha_interval(fit.alpha, fit.sigma)[2]])


def rules(readings: Array) -> dict[str, NDArray[np.bool_]]:
    """Return which readings each candidate rule accepts."""
    alpha, distance, stable, effective, share, _, upper = readings.T

    def central(percentile: Array, coverage: float) -> NDArray[np.bool_]:
        return np.abs(percentile - 50) <= coverage / 2 + 1e-6

    accepted = {}
    for coverage in (95.0, 97.5, 98.0):
        both = central(alpha, coverage) & central(distance, coverage)
        label = f"alpha and D each in the central {coverage:g} %"
        accepted[label] = both
        accepted[f"{label}, stable rank > 0.5 %"] = both & (stable > 0.5 + 1e-6)
        accepted[f"{label}, stable rank > 1 %"] = both & (stable > 1)
    return accepted | {
        "stable rank > 1 % alone": stable > 1,
        "effective rank < 1 %": effective < 1,
        "… and below half the side": (effective < 1) & (share < 0.5),
        "upper end of alpha below 2": upper < 2,
    }


def show(title: str, columns: dict[str, Array]) -> None:
    """Print the share of readings that each rule accepts, one column per set."""
    print(f"\n{title}\n")
    print("| rule | " + " | ".join(columns) + " |")
    print("|---|" + "---:|" * len(columns))
    accepted = {name: rules(found) for name, found in columns.items()}
    for rule in next(iter(accepted.values())):
        print(f"| {rule} | " + " | ".join(f"{100 * np.mean(a[rule]):.1f}" for a in accepted.values()) + " |")


def simulate(entries: Entries, shape: tuple[int, int], draws: int) -> Array:
    rng = np.random.default_rng([SEED, *shape])
    return np.stack([reading(entries(rng, *shape)) for _ in range(draws)])


def checkpoint(path: Path) -> Array:
    """Return the readings of the two-dimensional weights of a checkpoint with sides of at least 64, and print them."""
    from safetensors import safe_open

    found = []
    print("\nPercentiles of alpha, D, stable rank, effective rank; effective rank / side; alpha and its upper end")
    with safe_open(path, "np") as file:
        for name in file.keys():  # noqa: SIM118
            shape = file.get_slice(name).get_shape()
            if len(shape) == 2 and min(shape) >= 64:
                found.append(reading(file.get_tensor(name).astype(np.float64)))
                print(" ".join(f"{value:8.2f}" for value in found[-1]), name, shape, flush=True)
    return np.stack(found)


def heavier_by_mistake(draws: int) -> None:
    """Print how often a tail with the exponent 2 exactly, alone or above a body, is called heavier than 2."""
    sizes = (64, 128, 384, 1536)
    print("\nSamples whose tail has the exponent 2: upper end of alpha below 2, %\n")
    print("| sample | " + " | ".join(map(str, sizes)) + " |")
    print("|---|" + "---:|" * len(sizes))
    for name, body in (("Pareto throughout", 0.0), ("half of it a flat body", 0.5)):
        shares = []
        for size in sizes:
            rng = np.random.default_rng([SEED, size])
            wrong = 0
            for _ in range(draws):
                sample = np.where(rng.random(size) < body, rng.random(size), 1 / (1 - rng.random(size)))
                fit = fit_power_law(sample, sides="both")
                wrong += fit is not None and alpha_interval(fit.alpha, fit.sigma)[2] < 2
            shares.append(100 * wrong / draws)
        print(f"| {name} | " + " | ".join(f"{share:.1f}" for share in shares) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000, help="matrices per shape and kind of entries")
    parser.add_argument("--checkpoint", type=Path, help="a .safetensors file in F16, F32 or F64")
    options = parser.parse_args()
    for name, entries in NULLS.items():
        sets = {f"{rows} × {columns}": simulate(entries, (rows, columns), options.draws) for rows, columns in SHAPES}
        show(f"{name} entries, {options.draws} matrices each: accepted, %", sets)
        lines = [np.mean(found[:, :4], axis=0) for found in sets.values()]
        print("\nMean percentiles (50 without bias):", [np.round(line, 1).tolist() for line in lines], flush=True)
    heavier_by_mistake(options.draws)
    fewer = max(options.draws // 5, 1)
    for shape in ((384, 384), (384, 1536)):
        sets = {name: simulate(entries, shape, fewer) for name, entries in STRUCTURES.items()}
        show(f"Planted structure, {shape[0]} × {shape[1]}, {fewer} matrices each: accepted, %", sets)
    if options.checkpoint is not None:
        show("Trained", {options.checkpoint.name: checkpoint(options.checkpoint)})


if __name__ == "__main__":
    main()
