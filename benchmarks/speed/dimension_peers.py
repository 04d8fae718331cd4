"""What `dimension.py` compares with in another process: scikit-dimension 0.5 and DADApy 0.3.

Both get an environment of their own, made on the first run. Ours begins with the rows, on every turn; so does theirs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectra import ONE_THREAD
from theodolite import dimension
from theodolite.core import Cloud

HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE.parent / ".environments" / "dimension"
PEERS = ["numpy==1.26.4", "scipy==1.17.1", "scikit-learn==1.9.1", "scikit-dimension==0.5.0", "dadapy==0.3.4"]
WARM_UP = 400  # points
MOST_FOR_SMALL = 10_000


class Peer:
    """A process that does one task for each line it is sent."""

    def __init__(self, environment: Path) -> None:
        self.process = subprocess.Popen(
            [peer_python(environment), str(HERE / "peer_dimension.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD, "NUMBA_NUM_THREADS": "1"},
            text=True,
        )

    def turn(self, task: str, file: Path) -> tuple[float, np.ndarray]:
        """Have one task done; return seconds and answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{task} {file}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["seconds"], np.asarray(answer["values"])

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def peer_python(folder: Path) -> str:
    """Make the peers' environment where it isn't there, and return its interpreter."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
        (folder / "complete").touch()
    return str(python)


def family(rows: np.ndarray) -> list[float]:
    """Estimate by seven estimators from one search for neighbours, under scikit-dimension's conventions."""
    cloud = Cloud(rows)
    cloud.neighbours(100)
    usual = {"convention": "scikit-dimension"}
    return [
        float(dimension.two_nn(cloud).dimension),
        *dimension.gride(cloud, **usual).extra["dimensions"],
        float(dimension.mle(cloud).dimension),
        float(dimension.method_of_moments(cloud, k=100, **usual).dimension),
        float(dimension.mada(cloud, **usual).dimension),
        float(dimension.correlation_dimension(cloud).dimension),
        float(dimension.mind(cloud, k=20, values="integer").dimension),
    ]


def skewness(rows: np.ndarray) -> list[float]:
    """Estimate around each point by expected simplex skewness."""
    return dimension.expected_simplex_skewness(rows, k=100).extra["pointwise"].tolist()


def two_nn(rows: np.ndarray) -> list[float]:
    """Estimate from the two nearest neighbours."""
    return [float(dimension.two_nn(rows).dimension)]


@dataclass(frozen=True)
class Contest:
    """One task on points of one size."""

    task: str
    name: str
    peer: str
    ours: Callable[[np.ndarray], list[float]]
    shape: tuple[int, int]
    agreement: float
    turns: int | None = None


# Where a pair lies at the very radius of the correlation integral, rounding counts it or not.
CONTESTS = (
    Contest("family", "seven estimators, 5000 × 384", "scikit-dimension", family, (5000, 384), 1e-4),
    Contest("skewness", "ESS around each point, 1000 × 100", "scikit-dimension", skewness, (1000, 100), 1e-9, 1),
    Contest("two_nn", "TwoNN, 20000 × 100", "DADApy", two_nn, (20000, 100), 1e-7),
)


def rows_against_peers(
    draw: Callable[[int, int], np.ndarray], folder: Path, turns: int, *, small: bool, environment: Path = ENVIRONMENT
) -> Iterator[str]:
    """Let both sides take turns over all tasks, and write a line for each; answers that differ end the run."""
    peer = Peer(environment)
    for one in CONTESTS:
        if small and one.shape[0] > MOST_FOR_SMALL:
            continue
        files = {"warm": folder / "warm.npy", "rows": folder / f"{one.task}.npy"}
        np.save(files["warm"], draw(WARM_UP, 20))
        np.save(files["rows"], draw(*one.shape))
        peer.turn(one.task, files["warm"])
        one.ours(np.load(files["warm"]))
        rounds, apart = [], 0.0
        for _ in range(min(turns, one.turns or turns)):
            theirs, expected = peer.turn(one.task, files["rows"])
            rows = np.load(files["rows"])
            start = time.process_time()
            found = np.asarray(one.ours(rows))
            rounds.append((theirs, time.process_time() - start))
            apart = max(apart, float(np.max(np.abs(found - expected) / np.abs(expected))))
        if apart > one.agreement:
            raise SystemExit(f"{one.name}: answers differ by {apart:.1e}")
        yield _line(one, rounds, apart)
    peer.close()


def _line(one: Contest, rounds: list[tuple[float, float]], apart: float) -> str:
    theirs, ours = (statistics.median(side) for side in zip(*rounds, strict=True))
    ratios = [slow / fast for slow, fast in rounds]
    spread = f" ({min(ratios):.1f}–{max(ratios):.1f})" if len(ratios) > 1 else ""
    ratio = statistics.median(ratios)
    line = f"| {one.name} | {one.peer} | {theirs:.3f} | {ours:.4f} | **{ratio:.1f}**{spread} | {apart:.0e} |"
    print(line, flush=True)
    return line
