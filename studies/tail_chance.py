"""Make the tables of Gaussian chance levels of tail fits that theodolite ships, and report how well they hold.

Three steps, each seeded and resumable:

1. ``draw``: spectra of Gaussian matrices are drawn at a grid of shapes by the bidiagonal model, the tails themselves
   are fitted to each, and their numbers kept, one small file per shape in the work folder.
2. ``table``: quantiles at every shape of the grid, as they are. Nothing is smoothed: of these laws, which come from a
   search for the start of the tail, smooth surfaces over shapes miss several.
3. ``check``: fresh spectra at shapes off the grid; how often they fall below the levels in between.

The whole takes about twenty minutes of one core. Run it as

    OMP_NUM_THREADS=1 python studies/tail_chance.py all --work tail_chance_draws
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
from theodolite.numerics.shape_chance import SHAPE_LEVELS
from theodolite.numerics.tail_chance import ROOTS, SIDES, TAIL_QUANTITIES, standard, tail_chance_level

Array = NDArray[np.float64]

SEED = 20261122
DRAWS = {8: 500, 12: 500, 20: 500, 32: 500, 64: 500, 128: 400, 256: 200, 512: 80, 1024: 40}
CHECKS = (
    (9, 14, 300),
    (16, 16, 300),
    (26, 500, 300),
    (48, 300, 300),
    (100, 110, 200),
    (180, 250, 200),
    (384, 384, 80),
    (384, 1536, 80),
    (768, 3072, 40),
)
CHECKED_LEVELS = (0.025, 0.25, 0.5, 0.75, 0.975)


def statistics(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return the numbers of one matrix, NaN where a measure refuses."""
    view = Spectrum.from_eigenvalues(gaussian_eigenvalues(shape, rng), shape)
    fits: dict[str, object] = {}
    found = []
    for quantity in TAIL_QUANTITIES:
        name, field = quantity.split(".")
        if name not in fits:
            try:
                fits[name] = getattr(spectra, name)(view)
            except Refusal:
                fits[name] = None
        part = getattr(fits[name], field, None)
        found.append(np.nan if part is None or isinstance(part, Missing) else float(part))
    return np.asarray(found)


def sample(shape: tuple[int, int], draws: int, rng: np.random.Generator) -> Array:
    """Return the numbers of several matrices, one row each."""
    return np.stack([statistics(shape, rng) for _ in range(draws)])


def shape_of(side: int, root: float) -> tuple[int, int]:
    """Return the whole-numbered shape next to a side and a root."""
    return side, max(side, round(side / root**2))


def _file(work: Path, side: int, root: float) -> Path:
    return work / f"tails{side:05d}_root{round(root * 80):02d}.npy"


def draw(work: Path, sides: list[int]) -> None:
    """Draw what the grid asks for and the work folder does not hold."""
    work.mkdir(parents=True, exist_ok=True)
    for side in sides:
        for root in ROOTS:
            path = _file(work, side, root)
            if path.exists():
                continue
            start = time.perf_counter()
            found = sample(shape_of(side, root), DRAWS[side], np.random.default_rng([SEED, side, round(root * 80)]))
            with path.with_suffix(".partial").open("wb") as file:
                np.save(file, found)
            path.with_suffix(".partial").rename(path)
            print(f"{shape_of(side, root)}: {len(found)} draws in {time.perf_counter() - start:.1f} s", flush=True)


def table(work: Path, output: Path) -> None:
    """Write the quantiles at every shape of the grid."""
    written = np.empty((len(TAIL_QUANTITIES), len(SIDES), len(ROOTS), len(SHAPE_LEVELS)))
    for row, side in enumerate(SIDES):
        for column, root in enumerate(ROOTS):
            found = np.load(_file(work, side, root))
            for number, quantity in enumerate(TAIL_QUANTITIES):
                known = found[:, number][np.isfinite(found[:, number])]
                if known.size < 0.9 * len(found):
                    print(f"{quantity} at {shape_of(side, root)}: {known.size} of {len(found)} spectra have a number")
                spread = standard(quantity, known, shape_of(side, root))
                written[number, row, column] = np.quantile(spread, SHAPE_LEVELS, method="median_unbiased")
    draws = np.asarray([DRAWS[side] for side in SIDES])
    np.savez_compressed(output, quantiles=written.astype(np.float32), draws=draws, seed=SEED)
    print(f"wrote {output} ({output.stat().st_size / 1000:.0f} kB), {len(ROOTS) * int(draws.sum())} spectra")


def check() -> None:
    """Print how often fresh spectra at shapes off the grid fall below the levels."""
    print("\nFresh spectra off the grid: percentage below the levels")
    print("shape, draws, quantity".ljust(56) + "".join(f"{100 * p:8.1f}" for p in CHECKED_LEVELS))
    errors = []
    for short, long, draws in CHECKS:
        found = sample((short, long), draws, np.random.default_rng([SEED + 1, short, long]))
        for column, quantity in enumerate(TAIL_QUANTITIES):
            law = tail_chance_level(quantity, (short, long))
            known = found[:, column][np.isfinite(found[:, column])]
            if quantity.endswith(".tail_size"):
                # Whole numbers are spread as in the tables: many spectra have the same.
                known = short * standard(quantity, known, (short, long))
            below = [100 * np.mean(known <= law.quantile(p)) for p in CHECKED_LEVELS]
            errors.append([quantity, short, *(np.asarray(below) - 100 * np.asarray(CHECKED_LEVELS))])
            told = f"{short} × {long}, {known.size}, {quantity}".ljust(56)
            print(told + "".join(f"{share:8.1f}" for share in below), flush=True)
    print("\nRoot mean square error of these, in percentage points (that of the fresh draws is in it)")
    for least, most in ((8, 200), (200, 1024)):
        for quantity in TAIL_QUANTITIES:
            square = np.mean(
                [np.square(row[2:]) for row in errors if row[0] == quantity and least < row[1] <= most], axis=0
            )
            told = f"{quantity}, sides of {least} to {most}".ljust(56)
            print(told + "".join(f"{error:8.1f}" for error in np.sqrt(square)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("draw", "table", "check", "all"))
    parser.add_argument("--work", type=Path, default=Path("tail_chance_draws"), help="folder of the draws, kept")
    parser.add_argument("--sides", type=int, nargs="*", default=list(SIDES), help="draw these alone")
    shipped = Path(__file__).parents[1] / "src/theodolite/numerics/tail_chance.npz"
    parser.add_argument("--output", type=Path, default=shipped, help="the tables; the check reads the shipped ones")
    options = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    if options.step in {"draw", "all"}:
        draw(options.work, options.sides)
    if options.step in {"table", "all"}:
        table(options.work, options.output)
    if options.step in {"check", "all"}:
        check()


if __name__ == "__main__":
    main()
