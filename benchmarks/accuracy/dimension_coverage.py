"""How often the intervals of the dimension estimates hold the estimates' own mean.

    python benchmarks/accuracy/dimension_coverage.py [--seeds N] [--points N] [--only NAME ...]

Draws many clouds of each of three shapes, takes every estimate of each from one search for neighbours, and counts how
often the interval of 95 percent holds the mean of that estimate over all clouds: what the interval is to cover is the
estimate's own scatter, not its bias, which the mean shows. What draws at random (DANCo its balls, trees their parts)
draws anew for each cloud. Writes a Markdown table into benchmarks/results/; with --only the named estimates alone are
taken ("mle" for all that start so, or one as it stands in the table), and the other lines of the table stay.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import theodolite as td

RESULTS = Path(__file__).resolve().parents[1] / "results"
SEEDS, POINTS = 200, 1000
MOST_NEIGHBOURS = 192
NOISE = 0.03  # of a distance; nearest neighbours are 0.24, 0.61 and 0.06 apart on average
SHAPE_RULES = ("participation", "entropy", "fo", "kaiser", "ratio", "fan", "maxgap", "broken_stick")
NOISE_RULES = ("marchenko_pastur", "gavish_donoho", "kritchman_nadler", "minka")
HEAD = ("shape, dimension", "estimate", "clouds", "points", "mean", "spread", "mean standard error", "ratio", "covers")

Lines = dict[tuple[str, str], list[str]]


def ball(count: int, dimension: int, rng: np.random.Generator) -> np.ndarray:
    return sphere(count, dimension - 1, rng) * rng.random((count, 1)) ** (1 / dimension)


def sphere(count: int, dimension: int, rng: np.random.Generator) -> np.ndarray:
    directions = rng.standard_normal((count, dimension + 1))
    return directions / np.linalg.norm(directions, axis=1)[:, None]


SHAPES: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "ball, 5": lambda count, rng: ball(count, 5, rng),
    "sphere, 10": lambda count, rng: sphere(count, 10, rng),
    "cube, 3": lambda count, rng: rng.random((count, 3)),
}


def estimates(seed: int) -> dict[str, Callable[[td.Cloud], Any]]:
    """Every estimate, by the name it has in the table, with what it draws at random drawn by the seed."""
    return from_ratios(seed) | from_places(seed)


def from_ratios(seed: int) -> dict[str, Callable[[td.Cloud], Any]]:
    """Those that look at distances to neighbours."""
    dimension = td.dimension
    made: dict[str, Callable[[td.Cloud], Any]] = {
        f"two_nn, {fit}": partial(dimension.two_nn, fit=fit) for fit in ("linear", "ml", "censored")
    }
    made |= {f"gride, {n} and {2 * n}": partial(dimension.gride, neighbour=n) for n in (1, 2, 4, 8, 16, 32)}
    made |= {f"decimation, 1/{2**s}": partial(dimension.decimation, halvings=s, rng=seed) for s in (1, 3)}
    for combine in ("mackay_ghahramani", "levina_bickel", "median"):
        made |= {f"mle, {combine}, k = {k}": partial(dimension.mle, combine=combine, k=k) for k in (10, 20)}
    made |= {f"lid, k = {k}": partial(dimension.lid, k=k) for k in (20,)}
    made |= {f"mle, with noise, k = {k}": partial(dimension.mle, noise=NOISE, k=k) for k in (20,)}
    made |= {f"mind, k = {k}": partial(dimension.mind, k=k) for k in (10, 20)}
    made |= {f"mind, integer, k = {k}": partial(dimension.mind, values="integer", k=k) for k in (10,)}
    made |= {f"method_of_moments, k = {k}": partial(dimension.method_of_moments, k=k) for k in (20, 50)}
    made |= {f"mada, k = {k}": partial(dimension.mada, k=k) for k in (20,)}
    return made | {f"binomial_dimension, k = {k}": partial(dimension.binomial_dimension, k=k) for k in (10, 50)}


def from_places(seed: int) -> dict[str, Callable[[td.Cloud], Any]]:
    """Those that look at pairs, at growth, or at where points lie."""
    dimension = td.dimension
    made: dict[str, Callable[[td.Cloud], Any]] = {"correlation_dimension": dimension.correlation_dimension}
    made |= {"ph_dimension": partial(dimension.ph_dimension, rng=seed)}
    made |= {"ph_dimension, gptid": partial(dimension.ph_dimension, plan="gptid", rng=seed)}
    made |= {"knn_graph_dimension": partial(dimension.knn_graph_dimension, rng=seed)}
    made |= {f"tight_local, k = {k}": partial(dimension.tight_local, k=k) for k in (10, 20)}
    for combine in ("mean", "median"):
        made |= {f"tight_local, {combine}, k = 20": partial(dimension.tight_local, combine=combine)}
    for variant in ("a", "b"):
        skewness = partial(dimension.expected_simplex_skewness, variant=variant)
        made |= {f"expected_simplex_skewness, {variant}, k = {k}": partial(skewness, k=k) for k in (30, 100)}
    for combine in ("inverse_mean", "median"):
        skewness = partial(dimension.expected_simplex_skewness, combine=combine)
        made |= {f"expected_simplex_skewness, {combine}, k = {k}": partial(skewness, k=k) for k in (30,)}
    made |= {"danco, k = 10": partial(dimension.danco, k=10, rng=seed)}
    for rule in SHAPE_RULES:
        made |= {f"local_pca, {rule}, k = 50": partial(dimension.local_pca, rule=rule, k=50)}
    for rule in (*SHAPE_RULES, *NOISE_RULES):
        made |= {f"pca_dimension, {rule}": partial(dimension.pca_dimension, rule=rule)}
    return made | {
        f"fisher_separability, {law}": partial(dimension.fisher_separability, law=law) for law in ("limit", "exact")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these estimates alone; the other lines stay")
    parser.add_argument("--output", type=Path, default=RESULTS / "dimension_coverage.md")
    options = parser.parse_args()
    names = list(estimates(0))
    wanted = [name for name in names if not options.only or {name, name.split(",")[0]} & set(options.only)]
    if unknown := set(options.only or ()) - {part for name in names for part in (name, name.split(",")[0])}:
        parser.error(f"--only: no estimate is called {', '.join(sorted(unknown))}; there are {'; '.join(names)}")
    lines = read(options.output)
    for shape in SHAPES:
        found = tried(shape, wanted, options.seeds, options.points)
        for name, numbers in found.items():
            lines[shape, name] = line(shape, name, options.points, numbers)
            print(*lines[shape, name], sep=" | ", flush=True)
    kept = [lines[shape, name] for shape in SHAPES for name in names if (shape, name) in lines]
    options.output.write_text(page(kept), "utf-8")


def tried(shape: str, wanted: list[str], seeds: int, points: int) -> dict[str, np.ndarray]:
    """Take the estimates of clouds of one shape: value, standard error and both ends, a row for each cloud."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in wanted}
    for seed in range(seeds):
        cloud = td.Cloud(SHAPES[shape](points, np.random.default_rng([seed, points])))
        cloud.neighbours(min(MOST_NEIGHBOURS, points - 1))
        made = estimates(seed)
        for name in wanted:
            one = made[name](cloud)
            interval = one.intervals.get("dimension")
            # Without an interval nothing is covered.
            rest = (np.nan, np.nan, np.nan) if interval is None else (interval.se, interval.low, interval.high)
            found[name].append(tuple(map(float, (one.dimension, *rest))))
    return {name: np.asarray(several) for name, several in found.items()}


def line(shape: str, name: str, points: int, numbers: np.ndarray) -> list[str]:
    """Write the cells of one line of the table."""
    value, error, low, high = numbers.T
    inside = float(np.mean((low <= value.mean()) & (value.mean() <= high)))
    spread = float(value.std(ddof=1))
    ratio = f"{error.mean() / spread:.2f}" if spread else "–"
    means = [f"{value.mean():.3f}", f"{spread:.4f}", f"{error.mean():.4f}", ratio]
    return [shape, name, str(value.size), str(points), *means, f"**{100 * inside:.1f} %**"]


def read(path: Path) -> Lines:
    """Read the table as it stands."""
    written = path.read_text("utf-8").splitlines() if path.exists() else []
    cells = [[cell.strip() for cell in each.strip("|").split("|")] for each in written if each.startswith("|")]
    return {(each[0], each[1]): each for each in cells[2:] if len(each) == len(HEAD)}


def page(lines: list[list[str]]) -> str:
    least = min(lines, key=lambda cells: float(cells[-1].strip("* %")))
    told = (
        "An interval of 95 % covers where it holds the mean of the estimate over all clouds of the shape. How far a "
        "mean is from the dimension of the shape is bias: edges, curvature, few points for many dimensions. "
        "Where the spread is 0, one number came of all clouds, and that it is covered says nothing: shapes that are as "
        "wide in every direction have no piece of a stick (`broken_stick`) and nothing above noise to count, and an "
        "integer is sure. "
        f"The lowest coverage is {least[-1].strip('*')}, of {least[1]} ({least[0]})."
    )
    rows = ["| " + " | ".join(cells) + " |" for cells in (HEAD, *lines)]
    rows.insert(1, "|---" * len(HEAD) + "|")
    return "\n".join(["# Do the intervals of the dimension estimates cover?", "", told, "", *rows, ""])


if __name__ == "__main__":
    main()
