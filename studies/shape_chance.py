"""Make the surfaces of Gaussian chance levels of shape metrics that theodolite ships, and report how well they hold.

Three steps, each seeded and resumable:

1. ``draw``: spectra of Gaussian matrices are drawn at a design of shapes by the bidiagonal model, the measures
   themselves are taken of each, and their numbers kept, one small file per shape in the work folder.
2. ``fit``: the numbers are standardised (`theodolite.numerics.shape_chance.shape_standardisation`), and each level of
   each law is smoothed over shapes by a weighted fit.
3. ``check``: fresh spectra at shapes off the design; how often they fall below the levels of the surfaces.

The whole takes about ten minutes of one core. Run it as

    OMP_NUM_THREADS=1 python studies/shape_chance.py all --work shape_chance_draws
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theodolite import Spectrum, spectra
from theodolite.core import Missing, Refusal
from theodolite.numerics.nulls import gaussian_eigenvalues
from theodolite.numerics.shape_chance import (
    SHAPE_LEVELS,
    SHAPE_QUANTITIES,
    shape_chance_level,
    shape_standardisation,
    surface_terms,
)
from theodolite.spectra import _random_distance as random_distance

Array = NDArray[np.float64]

SEED = 20261121
ROOTS = (1.0, 0.8, 0.5, 0.25, 1 / 16)
DESIGN = {8: 800, 12: 600, 20: 600, 32: 600, 64: 600, 128: 500, 256: 250, 512: 40, 1024: 12}
# Each shape is also worth what its neighbours say: the surfaces have 13 or 16 terms for 45 shapes.
CHECKS = (
    (9, 14, 200),
    (20, 20, 200),
    (48, 300, 200),
    (100, 110, 200),
    (384, 384, 60),
    (384, 1536, 60),
    (768, 3072, 20),
)
CHECKED_LEVELS = (0.025, 0.25, 0.5, 0.75, 0.975)


def statistics(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return the numbers of one matrix, NaN where a measure refuses."""
    values = gaussian_eigenvalues(shape, rng)
    view = Spectrum.from_eigenvalues(values, (int(shape[0]), int(shape[1])))
    found = []
    for quantity in SHAPE_QUANTITIES:
        name, field = quantity.split(".")
        if name == "random_distance":
            found.append(_random_distance(values, shape, rng))
            continue
        try:
            result = getattr(spectra, name)(view)
        except Refusal:
            found.append(np.nan)
            continue
        part = getattr(result, field) if hasattr(result, field) else result
        found.append(np.nan if isinstance(part, Missing) else float(part))
    return np.asarray(found)


def _random_distance(values: Array, shape: tuple[int, int], rng: np.random.Generator) -> float:
    # A shuffled Gaussian matrix is another Gaussian matrix; as many shuffles as the measure makes by default.
    times = min(20, -(-random_distance._POOL // values.size))  # noqa: SLF001
    others = (gaussian_eigenvalues(shape, rng) for _ in range(times))
    return float(np.mean([random_distance._distance(values, other) for other in others]))  # noqa: SLF001


def sample(shape: tuple[int, int], draws: int, rng: np.random.Generator) -> Array:
    """Return the numbers of several matrices, one row each."""
    return np.stack([statistics(shape, rng) for _ in range(draws)])


def shape_of(side: int, root: float) -> tuple[int, int]:
    """Return the whole-numbered shape next to a side and a root."""
    return side, max(side, round(side / root**2))


def _file(work: Path, side: int, root: float) -> Path:
    return work / f"side{side:05d}_root{round(root * 80):02d}.npy"


def draw(work: Path, sides: list[int]) -> None:
    """Draw what the design asks for and the work folder does not hold."""
    work.mkdir(parents=True, exist_ok=True)
    for side in sides:
        for root in ROOTS:
            path = _file(work, side, root)
            if path.exists():
                continue
            start = time.perf_counter()
            found = sample(shape_of(side, root), DESIGN[side], np.random.default_rng([SEED, side, round(root * 80)]))
            with path.with_suffix(".partial").open("wb") as file:
                np.save(file, found)
            path.with_suffix(".partial").rename(path)
            print(f"{shape_of(side, root)}: {len(found)} draws in {time.perf_counter() - start:.1f} s", flush=True)


def fit(work: Path, output: Path) -> None:
    """Write the coefficients of the surfaces."""
    shapes = [(side, root) for side in DESIGN for root in ROOTS]
    samples = [np.load(_file(work, side, root))[: DESIGN[side]] for side, root in shapes]
    places = [shape_of(side, root) for side, root in shapes]
    sides = np.asarray([float(short) for short, _ in places])
    roots = np.asarray([np.sqrt(short / long) for short, long in places])
    draws = np.asarray([len(found) for found in samples], dtype=float)
    written: dict[str, Array] = {}
    worth = []
    for column, quantity in enumerate(SHAPE_QUANTITIES):
        levels = np.empty((len(shapes), len(SHAPE_LEVELS)))
        for row, (found, place) in enumerate(zip(samples, places, strict=True)):
            known = found[:, column][np.isfinite(found[:, column])]
            standard = shape_standardisation(quantity, place).forward(known)
            levels[row] = np.quantile(standard, SHAPE_LEVELS, method="median_unbiased")
        spread = (levels[:, 8] - levels[:, 2]) / 3.29
        weight = np.sqrt(draws) / spread
        terms = surface_terms(quantity, sides, roots)
        scaled = terms * weight[:, None]
        written[quantity] = np.linalg.lstsq(scaled, levels * weight[:, None], rcond=None)[0].astype(np.float32)
        # How many draws at one shape would fix its median as well, at the shape where the surfaces know least.
        variance = np.sum((terms @ np.linalg.pinv(scaled)) ** 2, axis=1)
        worth.append(int(np.min(spread**2 / variance)))
        error = (terms @ written[quantity] - levels) / spread[:, None]
        missing = max(float(np.mean(~np.isfinite(found[:, column]))) for found in samples)
        print(
            f"{quantity:32s} residual in standard deviations: median {np.sqrt(np.mean(error[:, 5] ** 2)):.3f} "
            f"2.5 % {np.sqrt(np.mean(error[:, 1] ** 2)):.3f} 97.5 % {np.sqrt(np.mean(error[:, 9] ** 2)):.3f}; "
            f"worth {worth[-1]} draws; refused at most {missing:.3f}"
        )
    np.savez_compressed(output, draws=np.asarray(worth), seed=SEED, **written)
    print(f"wrote {output} ({output.stat().st_size / 1000:.0f} kB), {int(draws.sum())} spectra")


def check() -> None:
    """Print how often fresh spectra at shapes off the design fall below the levels."""
    print("\nFresh spectra off the design: percentage below the levels")
    print("shape, draws, quantity".ljust(56) + "".join(f"{100 * p:8.1f}" for p in CHECKED_LEVELS))
    for short, long, draws in CHECKS:
        found = sample((short, long), draws, np.random.default_rng([SEED + 1, short, long]))
        for column, quantity in enumerate(SHAPE_QUANTITIES):
            law = shape_chance_level(quantity, (short, long))
            known = found[:, column][np.isfinite(found[:, column])]
            below = [100 * np.mean(known <= law.quantile(p)) for p in CHECKED_LEVELS]
            told = f"{short} × {long}, {known.size}, {quantity}".ljust(56)
            print(told + "".join(f"{share:8.1f}" for share in below), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("draw", "fit", "check", "all"))
    parser.add_argument("--work", type=Path, default=Path("shape_chance_draws"), help="folder of the draws, kept")
    parser.add_argument("--sides", type=int, nargs="*", default=list(DESIGN), help="draw these alone")
    shipped = Path(__file__).parents[1] / "src/theodolite/numerics/shape_chance.npz"
    parser.add_argument("--output", type=Path, default=shipped, help="the surfaces; the check reads the shipped ones")
    options = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    if options.step in {"draw", "all"}:
        draw(options.work, options.sides)
    if options.step in {"fit", "all"}:
        fit(options.work, options.output)
    if options.step in {"check", "all"}:
        check()


if __name__ == "__main__":
    main()
