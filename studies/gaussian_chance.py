"""Make the table of Gaussian chance levels that theodolite ships, and report how well it holds.

Three steps, each seeded and resumable:

1. ``draw``: spectra of Gaussian matrices are drawn at a design of shapes by the bidiagonal model, and the exponent,
   distance, stable rank and effective rank of each are kept, one small file per shape in the work folder. A shape that
   is there is not drawn again.
2. ``table``: the quantities are standardised (`theodolite.numerics.nulls.standardisation`), the quantiles of each shape
   are smoothed over shapes by a weighted sum of powers of the shorter side times polynomials of √(shorter / longer),
   and the smooth surfaces are written on a grid.
3. ``check``: fresh spectra at shapes off the design; how often they fall below the quantiles of the table.

The whole takes about half an hour of one core, most of it for the sides from 4096 on. Run it as

    OMP_NUM_THREADS=1 python studies/gaussian_chance.py all --work gaussian_chance_draws
"""

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray
from scipy.special import ndtri

from theodolite.numerics.chance import LEVELS, chance_levels, quantiles_of_draws
from theodolite.numerics.nulls import QUANTITIES, simulate_chance, standardisation

Array = NDArray[np.float64]

SEED = 20250727
ROOTS = (1.0, 0.9, 0.75, 0.5, 0.25, 1 / 64)
# Shorter side: draws per shape, and √(shorter / longer side) of the shapes drawn.
DESIGN: dict[int, tuple[int, tuple[float, ...]]] = {
    **dict.fromkeys((8, 10, 12, 16, 20, 24, 32, 48, 64), (10000, ROOTS)),
    96: (8000, ROOTS),
    128: (8000, ROOTS),
    192: (5000, ROOTS),
    256: (4000, ROOTS),
    512: (2000, ROOTS),
    1024: (1000, ROOTS),
    2048: (300, ROOTS),
    4096: (120, ROOTS),
    8192: (60, (1.0, 0.75, 0.5, 1 / 64)),
    16384: (20, (1.0, 0.5, 1 / 64)),
}
# The surfaces: powers of the shorter side n, each times a polynomial of √(shorter / longer side) of the degree given.
# Three of the standardised laws have limits; the exponent grows with log n for as long as it was drawn.
CONVERGING = ((0.0, 4), (-0.5, 3), (-1.0, 3), (-1.5, 2))
SURFACES: dict[str, tuple[tuple[float | str, int], ...]] = {
    "power_law.alpha": ((0.0, 4), ("log", 3), (-0.5, 3), (-1.0, 3), (-1.5, 2)),
    "power_law.distance": CONVERGING,
    "stable_rank.value": CONVERGING,
    "effective_rank.value": CONVERGING,
}
SPREAD: tuple[tuple[float | str, int], ...] = ((0.0, 2), ("log", 2), (-0.5, 2), (-1.0, 1))
GRID_SIDES = np.round(2.0 ** np.concatenate([np.arange(3, 5, 0.25), np.arange(5, 14.5, 0.5)]))
GRID_ROOTS = np.linspace(0.0, 1.0, 9)
# Shapes off the design, with the number of fresh spectra for each.
CHECKS = (
    (9, 9, 20000),
    (9, 11, 20000),
    (14, 15, 20000),
    (40, 130, 10000),
    (64, 576, 10000),
    (77, 77, 10000),
    (384, 384, 2000),
    (384, 1536, 2000),
    (512, 30522, 1000),
    (768, 3072, 800),
    (1536, 1600, 200),
    (3000, 8192, 100),
)
CHECKED_LEVELS = (0.005, 0.0125, 0.025, 0.25, 0.5, 0.75, 0.975, 0.9875, 0.995)


def draw(work: Path) -> None:
    """Draw what the design asks for and the work folder does not hold."""
    work.mkdir(parents=True, exist_ok=True)
    for side, (draws, roots) in DESIGN.items():
        for root in roots:
            path = _file(work, side, root)
            if path.exists():
                continue
            start = time.perf_counter()
            rng = np.random.default_rng([SEED, side, round(root * 64)])
            sample = simulate_chance((side, side / root**2), draws, rng)
            with path.with_suffix(".partial").open("wb") as file:
                np.save(file, sample)
            path.with_suffix(".partial").rename(path)
            print(f"{side} × {side / root**2:.0f}: {draws} draws in {time.perf_counter() - start:.1f} s", flush=True)


def _file(work: Path, side: int, root: float) -> Path:
    return work / f"side{side:05d}_root{round(root * 64):02d}.npy"


def basis(sides: Array, roots: Array, surface: tuple[tuple[float | str, int], ...]) -> Array:
    """Return the terms of a surface at each shape, one row per shape."""
    terms = []
    for power, degree in surface:
        size = (np.log2(sides) - 8.5) / 5.5 if isinstance(power, str) else (sides / 8.0) ** power
        terms.append(size[:, None] * chebvander(2 * roots - 1, degree))
    return np.concatenate(terms, axis=1)


class Draws:
    """Standardised quantiles of every shape drawn, and what a smooth surface through them says elsewhere."""

    def __init__(self, work: Path) -> None:
        shapes = [(side, root) for side, (_, roots) in DESIGN.items() for root in roots]
        self.sides, self.roots = np.array(shapes).T
        samples = [np.load(_file(work, side, root)) for side, root in shapes]
        self.draws = np.array([len(sample) for sample in samples])
        self.quantiles = np.empty((len(QUANTITIES), len(shapes), len(LEVELS)))
        for place, (sample, (side, root)) in enumerate(zip(samples, shapes, strict=True)):
            for index, quantity in enumerate(QUANTITIES):
                standard = standardisation(quantity, (side, side / root**2)).forward(sample[:, index])
                self.quantiles[index, place] = quantiles_of_draws(standard[:, None], np.array(LEVELS))[:, 0]

    def spread(self, quantity: int, sides: Array, roots: Array) -> Array:
        """Return the standard deviation at some shapes, as the quartiles have it, smoothed over shapes."""
        quartiles = self.quantiles[quantity][:, [LEVELS.index(0.25), LEVELS.index(0.75)]]
        spread = np.log((quartiles[:, 1] - quartiles[:, 0]) / (ndtri(0.75) - ndtri(0.25)))
        weight = np.sqrt(self.draws)
        terms = basis(self.sides, self.roots, SPREAD) * weight[:, None]
        return np.exp(basis(sides, roots, SPREAD) @ np.linalg.lstsq(terms, spread * weight, rcond=None)[0])

    def surface(self, quantity: int, level: int, at: tuple[Array, Array], without: float = 0.0) -> tuple[Array, Array]:
        """Return one level's surface at some shapes and how many draws there would give it the same standard error.

        Shapes whose draws say nothing of the level, and those of the side `without`, take no part.
        """
        p = LEVELS[level]
        used = (self.draws * min(p, 1 - p) >= 2) & (self.sides != without)
        weight = np.sqrt(self.draws[used]) / self.spread(quantity, self.sides[used], self.roots[used])
        terms = SURFACES[QUANTITIES[quantity]]
        wanted = basis(*at, terms) @ np.linalg.pinv(basis(self.sides[used], self.roots[used], terms) * weight[:, None])
        worth = self.spread(quantity, *at) ** 2 / np.sum(wanted**2, axis=-1)
        return wanted @ (self.quantiles[quantity][used, level] * weight), worth


def table(work: Path, output: Path) -> None:
    """Write the smoothed quantiles on the grid."""
    drawn = Draws(work)
    at = np.meshgrid(GRID_SIDES, GRID_ROOTS, indexing="ij")
    standard = np.empty((len(QUANTITIES), *at[0].shape, len(LEVELS)))
    draws = np.empty((len(QUANTITIES), *at[0].shape))
    for quantity in range(len(QUANTITIES)):
        for level in reversed(range(len(LEVELS))):
            flat, worth = drawn.surface(quantity, level, (at[0].ravel(), at[1].ravel()))
            standard[quantity, ..., level] = flat.reshape(at[0].shape)
        draws[quantity] = worth.reshape(at[0].shape)  # of the lowest level, which the fewest shapes speak of
    np.savez_compressed(
        output,
        quantities=np.array(QUANTITIES),
        sides=GRID_SIDES.astype(np.int32),
        roots=GRID_ROOTS,
        levels=np.array(LEVELS),
        draws=np.floor(draws).astype(np.int32),
        standard=np.sort(standard, axis=-1).astype(np.float32),
        seed=SEED,
    )
    print(f"wrote {output} ({output.stat().st_size / 1000:.0f} kB), {drawn.draws.sum()} spectra")
    print("\nDraws that the law of each quantity is worth at its outermost levels, least and most over aspects")
    for side in (8, 64, 512, 1024, 2048, 4096, 8192, 16384):
        ends = [f"{rows[side == GRID_SIDES].min():.0f} to {rows[side == GRID_SIDES].max():.0f}" for rows in draws]
        print(f"{side:6d}  " + "; ".join(ends))


def leave_one_out(work: Path) -> None:
    """Print how far each side's quantiles lie from the surface through all other sides, in standard deviations."""
    drawn = Draws(work)
    print(
        "\nLeft-out side against the surface of the others: error / standard deviation, root mean square over aspects"
    )
    print("(in brackets what the side's own draws would leave)")
    levels = [LEVELS.index(p) for p in (0.025, 0.5, 0.975)]
    for side in list(DESIGN)[1:-1]:
        own = drawn.sides == side
        at = drawn.sides[own], drawn.roots[own]
        line = []
        for quantity, name in enumerate(QUANTITIES):
            spread = drawn.spread(quantity, *at)
            errors = [
                np.sqrt(
                    np.mean(
                        ((drawn.surface(quantity, k, at, side)[0] - drawn.quantiles[quantity][own, k]) / spread) ** 2
                    )
                )
                for k in levels
            ]
            line.append(
                f"{name.split('.')[0 if 'rank' in name else 1]} " + " ".join(f"{error:.3f}" for error in errors)
            )
        draws = drawn.draws[own][0]
        noise = [
            np.sqrt(p * (1 - p) / draws) / (np.exp(-(ndtri(p) ** 2) / 2) / np.sqrt(2 * np.pi)) for p in (0.025, 0.5)
        ]
        print(f"{side:6d}  " + "; ".join(line) + f"  [{noise[0]:.3f} {noise[1]:.3f}]")


def check() -> None:
    """Print how often fresh spectra at shapes off the design fall below the table's quantiles."""
    print("\nFresh spectra off the design: percentage below the table's levels")
    print("shape, draws, quantity".ljust(46) + "".join(f"{100 * p:8.2f}" for p in CHECKED_LEVELS))
    for short, long, draws in CHECKS:
        sample = simulate_chance((short, long), draws, np.random.default_rng([SEED + 1, short, long]))
        laws = chance_levels((short, long))
        for column, quantity in enumerate(QUANTITIES):
            below = [100 * np.mean(sample[:, column] <= laws[quantity].quantile(p)) for p in CHECKED_LEVELS]
            print(
                f"{short} × {long}, {draws}, {quantity}".ljust(46) + "".join(f"{share:8.2f}" for share in below),
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("draw", "table", "check", "all"))
    parser.add_argument("--work", type=Path, default=Path("gaussian_chance_draws"), help="folder of the draws, kept")
    shipped = Path(__file__).parents[1] / "src/theodolite/numerics/gaussian_chance.npz"
    parser.add_argument("--output", type=Path, default=shipped, help="the table; the check reads the shipped one")
    options = parser.parse_args()
    if options.step in {"draw", "all"}:
        draw(options.work)
    if options.step in {"table", "all"}:
        table(options.work, options.output)
        leave_one_out(options.work)
    if options.step in {"check", "all"}:
        check()


if __name__ == "__main__":
    main()
