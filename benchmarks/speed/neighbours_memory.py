"""Peak memory of the search for nearest neighbours, of points in memory and in a file, and of trees from its lists.

    python benchmarks/speed/neighbours_memory.py [--count 10000 20000 40000] [--width 100] [--k 20]

Each number of points runs in a process of its own, on one thread: points in single precision are drawn, or written
into a file and mapped, a small search loads what is loaded once, and then the private memory of the process is read
every millisecond while the search runs. What it rises by is held against its parts: the lists, which grow with the
points and the neighbours; a copy of the points, of points in memory only, in single precision or, where there are many
neighbours for the points, in double; and one block, which is all that is left of the matrix of all distances. A search
for 100 neighbours goes the second way. Of `ph_dimension` it is the memory that it takes after the lists: all edges of
all trees, twice, and one block of trees that grow together. Needs Linux, which tells a process its memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spectra import ONE_THREAD, RESULTS, machine
from theodolite.core import Cloud
from theodolite.dimension import ph_dimension
from theodolite.numerics.growth_law import growing_parts
from theodolite.numerics.halves import HALVINGS
from theodolite.numerics.neighbours import POINTS_FOR_EACH_NEIGHBOUR

STATUS = Path("/proc/self/status")
EVERY = 0.001
BLOCK = 64.0
"""Megabytes for one block of scores, or of candidates, or of trees, with all that is made of it."""

PLACES = ("memory", "file")
MANY = 100
"""Neighbours that are searched for in double precision, of so few points as these."""
FEW_POINTS = (5_000, 10_000, 14_000)
EDGE = 2 * 32e-6
"""Megabytes for an edge of a tree: its ends, its length and its tree, put together from pieces."""


def private() -> float:
    """Read the memory in MB that belongs to this process alone; pages of files don't."""
    found = next(each for each in STATUS.read_text(encoding="ascii").splitlines() if each.startswith("RssAnon"))
    return int(found.split()[1]) * 1024 / 1e6


class Peak(threading.Thread):
    """Watch the memory until told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.highest, self.ended = private(), threading.Event()

    def run(self) -> None:
        while not self.ended.wait(EVERY):
            self.highest = max(self.highest, private())


def points(count: int, width: int, folder: Path | None) -> np.ndarray:
    """Draw points, in a file where there is a folder for it."""
    rng = np.random.default_rng(count)
    if folder is None:
        return rng.standard_normal((count, width), np.float32)
    made = np.lib.format.open_memmap(folder / "points.npy", "w+", np.float32, (count, width))
    for start in range(0, count, 1000):
        made[start : start + 1000] = rng.standard_normal((min(1000, count - start), width), np.float32)
    made.flush()
    del made
    return np.load(folder / "points.npy", mmap_mode="r")


def child(count: int, width: int, k: int, place: str) -> None:
    """Search once and print what it took."""
    with tempfile.TemporaryDirectory() as scratch:
        Cloud(points(500, width, None)).neighbours(k)
        cloud = Cloud(points(count, width, Path(scratch) if place == "file" else None))
        rise, seconds, found = watched(lambda: cloud.neighbours(k))
        lists = (found.distances.nbytes + found.indices.nbytes) / 1e6
    print(json.dumps({"rise": rise, "lists": lists, "seconds": seconds}))


def child_of_trees(count: int, width: int) -> None:
    """Measure a dimension from trees once the lists are there, and print what it took."""
    ph_dimension(points(500, width, None))
    cloud = Cloud(points(count, width, None))
    lists = cloud.neighbours(64)
    rise, seconds, found = watched(lambda: ph_dimension(cloud))
    smallest = int(found.extra["sizes"][0])
    parts = growing_parts(count, smallest, 6, (3, HALVINGS), np.random.default_rng(0)).members
    edges = EDGE * sum(part.size - 1 for part in parts)
    told = (lists.distances.nbytes + lists.indices.nbytes) / 1e6
    print(json.dumps({"rise": rise, "lists": told, "edges": edges, "seconds": seconds}))


def watched(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Call, and give by how much the memory rises, how long it takes, and the answer."""
    before, peak, start = private(), Peak(), time.perf_counter()
    peak.start()
    found = call()
    seconds = time.perf_counter() - start
    peak.ended.set()
    peak.join()
    return peak.highest - before, seconds, found


def asked(count: int, width: int, k: int, place: str) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    command = [sys.executable, __file__, "--width", str(width), "--k", str(k), "--count", str(count), "--child", place]
    answer: dict[str, float] = json.loads(subprocess.check_output(command, text=True, env={**os.environ, **ONE_THREAD}))
    return answer


def row_of(told: dict[str, float], counts: tuple[int, int, int], place: str) -> str:
    """Write a line of the table."""
    count, width, k = counts
    if place == "trees":
        copy, extra, name = told["edges"], 0.0, "trees"
    else:
        entry = 8e-6 if k > count // POINTS_FOR_EACH_NEIGHBOUR else 4e-6
        copy, extra, name = (count * (width + 1) * entry if place == "memory" else 0.0), told["lists"], place
    numbers = (count * width * 4e-6, told["lists"], copy, told["rise"], 2 * extra + copy + BLOCK, 4e-6 * count**2)
    line = " | ".join(f"{number:.0f}" for number in numbers)
    return f"| {name} | {k if place != 'trees' else 64} | {count:,} | {line} | {told['seconds']:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, nargs="+", default=[10_000, 20_000, 40_000])
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--child", choices=(*PLACES, "trees"))
    parser.add_argument("--output", type=Path, default=RESULTS / "neighbours_memory.md")
    options = parser.parse_args()
    if options.child == "trees":
        child_of_trees(options.count[0], options.width)
        return
    if options.child:
        child(options.count[0], options.width, options.k, options.child)
        return
    cases = [(place, options.k, count) for place in PLACES for count in options.count]
    cases += [("memory", MANY, count) for count in FEW_POINTS]
    cases += [("trees", options.k, count) for count in options.count[:2]]
    lines = []
    for place, k, count in cases:
        lines.append(row_of(asked(count, options.width, k, place), (count, options.width, k), place))
        print(lines[-1], flush=True)
    text = (
        f"# Memory of the search for neighbours\n\n{machine()}. `Cloud(points).neighbours(k)` of normal points of "
        f"{options.width} features in single precision, one thread. MB by which the private memory of the process "
        "rises during the search, at its peak, sampled every millisecond; the bar is twice the lists (distances and "
        f"indices), the copy of points that are in memory, and {BLOCK:.0f} MB for one block. In the rows *trees*, "
        "`ph_dimension` of points in memory after the lists: what stands under *copy* is there for the edges of all "
        "its trees, and the bar holds no lists. The last column but one is what all distances would take in single "
        "precision.\n\n"
        "| points in | k | points | MB of points | lists | copy | rise | bar | all distances | seconds |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n\n"
        "The seconds are the clock's, whatever else the machine does: they are upper bounds.\n"
    )
    options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
