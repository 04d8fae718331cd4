"""Shape metrics and CKA: theodolite against netrep, and against n x n Gram matrices, in one run, answers compared.

    python benchmarks/speed/similarity.py [--netrep SOURCE] [--turns N]

Makes netrep an environment of its own on the first run. It is on no package index; by default pip installs it from its
git repository at a pinned commit, and ``--netrep`` takes any other source that pip understands, such as the path of a
clone. Both sides work in one thread and take turns over the same data after a warm-up of each; medians of CPU time are
compared, with the ratio's range over the turns. Answers that differ by more than 1e-9, relative, end the run. Writes a
Markdown table into benchmarks/results/.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np

import theodolite as td
from spectra import ONE_THREAD, RESULTS, machine
from theodolite.core import Cloud
from theodolite.numerics.threads import blas_threads

HERE = Path(__file__).resolve().parent
COMMIT = "0186b8a77ec1ebaf541cc8f7173cb2556df8a8f0"
NETREP = f"netrep @ git+https://github.com/ahwillia/netrep@{COMMIT}"
PEER = ["numpy==2.4.6", "scipy==1.17.1", "scikit-learn==1.9.1", "tqdm"]
TURNS = 3
AGREEMENT = 1e-9
NAMES = {
    "networks": "angular Procrustes, 40 networks of 1000 stimuli x 256 units, all 780 pairs",
    "wide": "angular Procrustes, 4 networks of 300 stimuli x 2048 units, all 6 pairs",
    "maps": "shift map, 60 images of 8 x 8 x 24",
    "rows": "unbiased CKA, 5000 stimuli x 64 units, against n x n Gram matrices and their product",
    "sums": "the same, against n x n Gram matrices and their sums alone",
}


class Peer:
    """A process that does one task for each line it is sent."""

    def __init__(self, python: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [python, str(HERE / "peer_netrep.py"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD},
            text=True,
        )

    def turn(self, task: str) -> tuple[float, np.ndarray]:
        """Have one task done; return seconds and answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{task}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["seconds"], np.asarray(answer["values"])

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def peer_python(folder: Path, source: str) -> str:
    """Make the peer's environment where it isn't there, and return its interpreter."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        for packages in (["setuptools", "wheel", *PEER], ["--no-build-isolation", source]):
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (folder / "complete").touch()
    return str(python)


def write_data(folder: Path) -> None:
    """Write networks that share latent variables, each with mixing and noise of its own."""
    rng = np.random.default_rng(0)
    for name, (count, rows, units, latent) in {"networks": (40, 1000, 256, 64), "wide": (4, 300, 2048, 64)}.items():
        shared = rng.standard_normal((rows, latent))
        mixing = rng.standard_normal((count, latent, units)) / np.sqrt(latent)
        np.save(folder / f"{name}.npy", shared @ mixing + rng.standard_normal((count, rows, units)))
    maps = rng.standard_normal((60, 8, 8, 24))
    moved = np.roll(maps, (2, -1), axis=(1, 2)) @ rng.standard_normal((24, 24)) / 5
    np.save(folder / "maps.npy", np.stack([maps, moved + 0.5 * rng.standard_normal(maps.shape)]))
    cloud = rng.standard_normal((5000, 64)) + 1.0
    np.save(folder / "rows.npy", np.stack([cloud, cloud @ rng.standard_normal((64, 64)) / 8 + 1.0]))


def all_pairs(networks: np.ndarray) -> list[float]:
    """Measure the angle between all pairs; clouds remember what belongs to one of them alone."""
    clouds = [Cloud(rows) for rows in networks]
    return [float(td.similarity.angular_procrustes(x, y)) for x, y in itertools.combinations(clouds, 2)]


def shift_map(layers: np.ndarray) -> np.ndarray:
    """Measure the angle under every shift."""
    return td.similarity.shift_invariant_shape(*layers).extra["map"].ravel()


def unbiased_cka(clouds: np.ndarray) -> list[float]:
    """Measure unbiased linear CKA."""
    return [float(td.similarity.cka(*clouds))]


TASKS: dict[str, Callable[[np.ndarray], list[float] | np.ndarray]] = {
    "networks": all_pairs,
    "wide": all_pairs,
    "maps": shift_map,
    "rows": unbiased_cka,
    "sums": unbiased_cka,
}


def our_turn(task: str, folder: Path, *, warm_up: bool = False) -> tuple[float, np.ndarray]:
    """Do one task, for a warm-up on a part of the data; return seconds and answers."""
    data = np.load(folder / f"{task.replace('sums', 'rows')}.npy")
    data = data[:2, :500] if warm_up else data
    start = time.process_time()
    values = TASKS[task](data)
    return time.process_time() - start, np.asarray(values)


def contest(task: str, peer: Peer, folder: Path, turns: int) -> str:
    """Let both sides take turns over one task, and write a row."""
    our_turn(task, folder, warm_up=True)
    peer.turn(f"{task} warm-up")
    rounds, worst = [], 0.0
    for _ in range(turns):
        theirs, expected = peer.turn(task)
        ours, found = our_turn(task, folder)
        rounds.append((theirs, ours))
        worst = max(worst, float(np.abs(found / expected - 1).max()))
    if worst > AGREEMENT:
        raise SystemExit(f"{NAMES[task]}: answers differ by {worst:.1e}")
    ratios = [slow / fast for slow, fast in rounds]
    medians = [statistics.median(side) for side in zip(*rounds, strict=True)]
    row = (
        f"| {NAMES[task]} | {medians[0]:.4g} | {medians[1]:.4g} "
        f"| **{medians[0] / medians[1]:.1f}** ({min(ratios):.1f}–{max(ratios):.1f}) | {worst:.1e} |"
    )
    print(row, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--netrep", default=NETREP, help="where pip finds netrep; default: its git repository, pinned")
    parser.add_argument("--environment", type=Path, default=HERE.parent / ".environments" / "netrep")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--tasks", nargs="+", choices=NAMES, default=[*NAMES], help="some of the rows only")
    parser.add_argument("--output", type=Path, default=RESULTS / "similarity_speed.md")
    options = parser.parse_args()
    python = peer_python(options.environment, options.netrep)
    with tempfile.TemporaryDirectory() as name, blas_threads(1):
        folder = Path(name)
        write_data(folder)
        peer = Peer(python, folder)
        rows = [contest(task, peer, folder, options.turns) for task in NAMES if task in options.tasks]
        peer.close()
    head = (
        f"# Similarity against netrep {COMMIT[:7]}\n\n{machine()}; one thread on both sides; CPU time, median of "
        f"{options.turns} turns after a warm-up, alternating; the ratio's range over the turns in brackets. Ours "
        "starts from the arrays in every turn. netrep has no unbiased CKA: there, the other side is its definition "
        "with n x n Gram matrices in NumPy, with their product as it is written, or without it, as sums of rows "
        "allow.\n\n"
        "| task | other s | theodolite s | times faster | largest relative difference |\n|---|---|---|---|---|\n"
    )
    options.output.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
