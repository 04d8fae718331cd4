"""Peak memory of the search for nearest neighbours, of points in memory and in a file.

    python benchmarks/speed/neighbours_memory.py [--count 10000 20000 40000] [--width 100] [--k 20]

Each number of points runs in a process of its own, on one thread: points in single precision are drawn, or written
into a file and mapped, a small search loads what is loaded once, and then the private memory of the process is read
every millisecond while the search runs. What it rises by is held against its parts: the lists, which grow with the
points and the neighbours; a copy of the points in single precision, of points in memory only; and one block of scores,
which is all that is left of the matrix of all distances. Needs Linux, which tells a process its memory.
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
from pathlib import Path

import numpy as np

from spectra import ONE_THREAD, RESULTS, machine
from theodolite.core import Cloud

STATUS = Path("/proc/self/status")
EVERY = 0.001
BLOCK = 64.0
"""Megabytes for one block of scores with all that is made of it."""

PLACES = ("memory", "file")


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
        before, peak, start = private(), Peak(), time.perf_counter()
        peak.start()
        found = cloud.neighbours(k)
        seconds = time.perf_counter() - start
        peak.ended.set()
        peak.join()
        lists = (found.distances.nbytes + found.indices.nbytes) / 1e6
        uncertain = found.uncertain
    print(json.dumps({"rise": peak.highest - before, "lists": lists, "seconds": seconds, "uncertain": uncertain}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, nargs="+", default=[10_000, 20_000, 40_000])
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--child", choices=PLACES)
    parser.add_argument("--output", type=Path, default=RESULTS / "neighbours_memory.md")
    options = parser.parse_args()
    if options.child:
        child(options.count[0], options.width, options.k, options.child)
        return
    command = [sys.executable, __file__, "--width", str(options.width), "--k", str(options.k)]
    lines = []
    for place in PLACES:
        for count in options.count:
            environment = {**os.environ, **ONE_THREAD}
            told = json.loads(
                subprocess.check_output([*command, "--count", str(count), "--child", place], text=True, env=environment)
            )
            copy = count * (options.width + 1) * 4e-6 if place == "memory" else 0.0
            bar, whole = 2 * told["lists"] + copy + BLOCK, 4e-6 * count**2
            numbers = (count * options.width * 4e-6, told["lists"], copy, told["rise"], bar, whole)
            row = " | ".join(f"{number:.0f}" for number in numbers)
            lines.append(f"| {place} | {count:,} | {row} | {told['seconds']:.0f} |")
            print(lines[-1], flush=True)
    text = (
        f"# Memory of the search for neighbours\n\n{machine()}. `Cloud(points).neighbours({options.k})` of normal "
        f"points of {options.width} features in single precision, one thread. MB by which the private memory of the "
        "process rises during the search, at its peak, sampled every millisecond; the bar is twice the lists "
        f"(distances and indices), the copy of points that are in memory, and {BLOCK:.0f} MB for one block of scores. "
        "The last column but one is what all distances would take in single precision.\n\n"
        "| points in | points | MB of points | lists | copy | rise | bar | all distances | seconds |\n"
        "|---|---|---|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n\n"
        "The seconds are the clock's, whatever else the machine does: they are upper bounds.\n"
    )
    options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
