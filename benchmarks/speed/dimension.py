"""Dimension: theodolite against other packages and the ways that they go, in one run, answers compared.

    OMP_NUM_THREADS=1 python benchmarks/speed/dimension.py [--turns N] [--small] [--gptid CHECKOUT]

First the estimators from nearest neighbours together, and expected simplex skewness around each point, against
scikit-dimension 0.5; TwoNN against DADApy. Both peers get an environment of their own on the first run. Then trees.
The minimum spanning tree of a cloud, its nearest neighbours included, against scikit-learn's (HDBSCAN's Prim on the
rows) and against a matrix of all distances with Prim on it, which is the way that GPTID goes. Then the persistent
homology dimension of clouds of the size of a text, with GPTID's sizes, its numbers of parts and medians, on the same
parts: against that way written anew, since GPTID is no package, and against GPTID itself where ``--gptid`` names a
checkout of its repository (github.com/ArGintum/GPTID). One thread, seconds of the processor's time. Writes a Markdown
table into benchmarks/results/.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from dimension_peers import ENVIRONMENT, rows_against_peers
from scipy.spatial.distance import cdist
from sklearn.cluster._hdbscan._linkage import mst_from_data_matrix
from sklearn.metrics import DistanceMetric
from threadpoolctl import threadpool_limits

from spectra import RESULTS, machine
from theodolite import dimension
from theodolite.core import Cloud
from theodolite.numerics.mst import spanning_tree

TREES = ((5000, 384), (20000, 100))
TEXTS = (120, 300, 500)
LISTED = 16
REPEATS = 5  # of a text in one turn: it takes some milliseconds


def cloud(count: int, width: int) -> np.ndarray:
    """Draw points near a subspace of eight dimensions."""
    rng = np.random.default_rng(count)
    return rng.normal(size=(count, 8)) @ rng.normal(size=(8, width)) + 0.05 * rng.normal(size=(count, width))


def by_lists(rows: np.ndarray) -> np.ndarray:
    """Give the lengths of the tree's edges by theodolite, from the rows on."""
    return spanning_tree(Cloud(rows).neighbours(LISTED), rows).lengths


def by_scikit_learn(rows: np.ndarray) -> np.ndarray:
    """Give them by scikit-learn's Prim, which makes each row of distances when it needs it."""
    metric = DistanceMetric.get_metric("euclidean")
    return np.sort(mst_from_data_matrix(rows, np.zeros(len(rows)), metric)["distance"])


def by_matrix(rows: np.ndarray) -> np.ndarray:
    """Give them by Prim on a matrix of all distances."""
    return np.sort(prim(cdist(rows, rows)))


def prim(distances: np.ndarray, power: float = 1.0) -> np.ndarray:
    """Give the powers of the edges in the order in which Prim takes them, with its parents kept as GPTID keeps them."""
    count, far = len(distances), distances.max() + 1
    nearest, parent, joined = np.full(count, far), np.zeros(count, int), np.zeros(count, bool)
    lengths, newest = np.empty(count - 1), 0
    for step in range(count - 1):
        joined[newest] = True
        parent[distances[newest] < nearest] = newest
        nearest = np.minimum(nearest, distances[newest])
        nearest[joined] = far
        newest = int(nearest.argmin())
        lengths[step] = distances[newest, parent[newest]] ** power
    return lengths


def drawn(count: int) -> tuple[list[int], list[list[np.ndarray]]]:
    """Give GPTID's sizes, and its parts three times over."""
    rng = np.random.default_rng(0)
    step = (count - 40) // 7
    sizes = list(range(40, count - step, step))
    draws: list[list[np.ndarray]] = [[], [], []]
    for parts in draws:
        for size in sizes:
            orders = np.tile(np.arange(count), (7 if 2 * size < count else 3, 1))
            parts += [order[:size] for order in rng.permuted(orders, axis=1)]
    return sizes, draws


def slope_by_matrices(rows: np.ndarray) -> float:
    """Give the slope of GPTID's plan with a matrix of distances for each part."""
    slopes = []
    sizes, draws = drawn(len(rows))
    for parts in draws:
        sums: dict[int, list[float]] = {size: [] for size in sizes}
        for part in parts:
            sums[part.size].append(prim(cdist(rows[part], rows[part])).sum())
        medians = [np.median(several) for several in sums.values()]
        slopes.append(np.polyfit(np.log(sizes), np.log(medians), 1)[0])
    return float(np.mean(slopes))


def by_gptid(checkout: Path) -> Callable[[np.ndarray], float]:
    """Make the function that has GPTID itself give the slope, on the parts that are handed to it."""
    found = spec_from_file_location("gptid", checkout / "IntrinsicDim.py")
    assert found is not None
    assert found.loader is not None
    module = module_from_spec(found)
    found.loader.exec_module(module)

    class OnGivenParts(module.PHD):  # type: ignore[name-defined]
        def _sample_W(self, W: np.ndarray, nSamples: int) -> np.ndarray:  # noqa: N802 - its name
            part = next(self.parts)
            assert part.size == nSamples
            return np.asarray(W[part])

    def slope(rows: np.ndarray) -> float:
        sizes, draws = drawn(len(rows))
        step, slopes = sizes[1] - sizes[0], []
        for parts in draws:
            peer = OnGivenParts(alpha=1.0, n_reruns=1)
            peer.parts = iter(parts)
            slopes.append(
                1.0 - 1.0 / peer.fit_transform(rows, min_points=40, max_points=len(rows) - step, point_jump=step)
            )
        return float(np.mean(slopes))

    return slope


def slope_by_lists(rows: np.ndarray) -> float:
    """Give it by theodolite."""
    return float(dimension.ph_dimension(rows, plan="gptid").slope)


def timed(call: Callable[[np.ndarray], Any], rows: np.ndarray, times: int = 1) -> tuple[float, Any]:
    """Call, and give the seconds of one call with the answer."""
    start = time.process_time()
    for _ in range(times):
        answer = call(rows)
    return (time.process_time() - start) / times, answer


def compared(name: str, rows: np.ndarray, ours: Any, peers: dict[str, Any], options: tuple[int, int]) -> list[str]:
    """Take turns, compare answers, and write a line for each peer."""
    turns, times = options
    ours(rows)
    taken: dict[str, list[float]] = {"": [], **{peer: [] for peer in peers}}
    apart = dict.fromkeys(peers, 0.0)
    for _ in range(turns):
        seconds, answer = timed(ours, rows, times)
        taken[""].append(seconds)
        for peer, call in peers.items():
            seconds, theirs = timed(call, rows)
            taken[peer].append(seconds)
            apart[peer] = max(apart[peer], float(np.max(np.abs(theirs - answer) / np.abs(theirs))))
            assert apart[peer] < 1e-9, (name, peer, apart[peer])
    lines = []
    for peer in peers:
        ratios = [theirs / own for theirs, own in zip(taken[peer], taken[""], strict=True)]
        spread = f" ({min(ratios):.1f}–{max(ratios):.1f})" if turns > 1 else ""
        lines.append(
            f"| {name} | {peer} | {statistics.median(taken[peer]):.3f} | {statistics.median(taken['']):.4f} | "
            f"**{statistics.median(ratios):.1f}**{spread} | {apart[peer]:.0e} |"
        )
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="without the clouds of 20,000 points")
    parser.add_argument("--environment", type=Path, default=ENVIRONMENT, help="of the peers; made where it isn't there")
    parser.add_argument("--gptid", type=Path, help="a checkout of GPTID, whose own code is run beside")
    parser.add_argument("--output", type=Path, default=RESULTS / "dimension_speed.md")
    options = parser.parse_args()
    lines = []
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        lines += rows_against_peers(
            cloud, Path(folder), options.turns, small=options.small, environment=options.environment
        )
        for count, width in TREES[: 1 if options.small else None]:
            peers: dict[str, Any] = {"scikit-learn, Prim": by_scikit_learn, "matrix and Prim": by_matrix}
            turns = options.turns if count < 10_000 else 1
            lines += compared(f"tree, {count} × {width}", cloud(count, width), by_lists, peers, (turns, 1))
        for count in TEXTS:
            peers = {"matrices and Prim": slope_by_matrices}
            if options.gptid is not None:
                peers["GPTID"] = by_gptid(options.gptid)
            name = f"PHD of {count} tokens, 384 features"
            lines += compared(name, cloud(count, 384), slope_by_lists, peers, (options.turns, REPEATS))
    options.output.write_text(
        "# Dimension from neighbours and from spanning trees\n\n"
        f"{machine()}; one thread, seconds of processor time, median of {options.turns} turns (one for trees of "
        "20,000 points and for skewness), alternating; the ratio's range in brackets. Ours begins with the rows, the "
        "search for neighbours included. The last column is the largest relative difference of the answers: of the "
        "edges, of the slope, or of the dimensions.\n\n"
        "| what | against | peer s | theodolite s | times faster | differ by |\n|---|---|---|---|---|---|\n"
        + "\n".join(lines)
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
