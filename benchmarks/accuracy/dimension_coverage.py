"""How often the intervals of the dimension estimates hold the estimates' own mean.

    python benchmarks/accuracy/dimension_coverage.py [--seeds N] [--points N]

Draws many clouds of each of three shapes, takes every estimate from nearest neighbours of each, and counts how often
the interval of 95 percent holds the mean of that estimate over all clouds: what the interval is to cover is the
estimate's own scatter, not its bias, which the mean shows. Writes a Markdown table into benchmarks/results/.
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
MOST_NEIGHBOURS = 64


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


def estimates() -> dict[str, Callable[[td.Cloud], Any]]:
    """Every estimate that is compared, by the name it has in the table."""
    dimension = td.dimension
    made: dict[str, Callable[[td.Cloud], Any]] = {
        f"two_nn, {fit}": partial(dimension.two_nn, fit=fit) for fit in ("linear", "ml", "censored")
    }
    made |= {f"gride, {n} and {2 * n}": partial(dimension.gride, neighbour=n) for n in (1, 2, 4, 8, 16, 32)}
    made |= {f"decimation, 1/{2**s}": partial(dimension.decimation, halvings=s) for s in (1, 3)}
    for combine in ("mackay_ghahramani", "levina_bickel", "median"):
        made |= {f"mle, {combine}, k = {k}": partial(dimension.mle, combine=combine, k=k) for k in (10, 20)}
    made |= {f"lid, k = {k}": partial(dimension.lid, k=k) for k in (20,)}
    made |= {f"mind, k = {k}": partial(dimension.mind, k=k) for k in (10, 20)}
    made |= {f"method_of_moments, k = {k}": partial(dimension.method_of_moments, k=k) for k in (20, 50)}
    made |= {f"mada, k = {k}": partial(dimension.mada, k=k) for k in (20,)}
    made |= {"ph_dimension": dimension.ph_dimension, "knn_graph_dimension": dimension.knn_graph_dimension}
    return made | {f"binomial_dimension, k = {k}": partial(dimension.binomial_dimension, k=k) for k in (10, 50)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--output", type=Path, default=RESULTS / "dimension_coverage.md")
    options = parser.parse_args()
    tried = estimates()
    rows, worst = [], 1.0
    for shape, make in SHAPES.items():
        found: dict[str, list[tuple[float, ...]]] = {name: [] for name in tried}
        for seed in range(options.seeds):
            cloud = td.Cloud(make(options.points, np.random.default_rng([seed, options.points])))
            cloud.neighbours(MOST_NEIGHBOURS)
            for name, estimate in tried.items():
                one = estimate(cloud)
                interval = one.intervals["dimension"]
                numbers = (one.dimension, interval.se, interval.low, interval.high)
                found[name].append(tuple(map(float, numbers)))
        for name, several in found.items():
            value, error, low, high = np.asarray(several).T
            inside = float(np.mean((low <= value.mean()) & (value.mean() <= high)))
            worst = min(worst, inside)
            spread = value.std(ddof=1)
            rows.append(
                f"| {shape} | {name} | {value.mean():.3f} | {spread:.4f} | {error.mean():.4f} | "
                f"{error.mean() / spread:.2f} | **{100 * inside:.1f} %** |"
            )
            print(rows[-1], flush=True)
    options.output.write_text(page(options, rows, worst), encoding="utf-8")


def page(options: argparse.Namespace, rows: list[str], worst: float) -> str:
    told = (
        f"{options.seeds} clouds of {options.points} points of each shape. An interval of 95 % covers where it holds "
        "the mean of the estimate over all clouds of the shape. How far a mean is below the dimension of the shape is "
        f"bias: edges, curvature, few points for many dimensions. The lowest coverage is {100 * worst:.1f} %."
    )
    head = "| shape, dimension | estimate | mean | spread | mean standard error | ratio | covers |"
    title = "# Do the intervals of the dimension estimates cover?"
    return "\n".join([title, "", told, "", head, "|---|---|---|---|---|---|---|", *rows, ""])


if __name__ == "__main__":
    main()
