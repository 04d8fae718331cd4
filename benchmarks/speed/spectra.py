"""Weight spectra: theodolite against WeightWatcher, in one run, answers compared.

    python benchmarks/speed/spectra.py --resnets FOLDER [--minilm FILE] [--full] [--turns N]

Makes WeightWatcher an environment of its own on the first run (pinned; PyTorch's CPU build is enough). Both sides work
with one BLAS thread, are warmed up once, and then take turns five times; the medians are compared, with the ratio's
range over the turns. Memory is the sum over each side's process tree, sampled. Writes a Markdown table into
benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
import venv
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
PEER = ["weightwatcher==0.7.7", "numpy==1.26.4"]  # whose arithmetic of float32 times a scalar is that of the references
TORCH = "torch==2.13.0"
TURNS = 5
CHILDREN_EVERY = 0.5  # seconds
FULL_NOTE = (
    "\n\nThe first two rows of a checkpoint answer what the peer answers, under its conventions. The rows of the "
    "preset `full` do more than it: all measures of the preset, traps judged by 20 shuffles (two where nothing stands "
    "out) instead of one, intervals of the exponent from 200 resamples, each with its own search, and chance levels of "
    "random matrices. Their answers follow our own convention, and are not compared."
)
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Side:
    """A process that does one round of work for each line it is sent."""

    def __init__(self, python: str, script: str, checkpoint: Path, columns: str) -> None:
        command = [python, str(HERE / script), str(checkpoint), columns]
        environment = {**os.environ, **ONE_THREAD}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        self.peak = 0
        self.working = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        root = psutil.Process(self.process.pid)
        tree, looked = [root], 0.0
        while self.process.poll() is None:
            self.working.wait()
            try:
                if time.monotonic() - looked > CHILDREN_EVERY:  # finding them goes through every process there is
                    tree, looked = [root, *root.children(recursive=True)], time.monotonic()
                self.peak = max(self.peak, sum(process.memory_info().rss for process in tree))
            except psutil.Error:
                tree = [root]
            time.sleep(0.01)

    def round(self, jobs: int = 1) -> dict[str, Any]:
        """Have one round done."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.working.set()
        self.process.stdin.write(f"{jobs}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.working.clear()
        return answer

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def peer_python(folder: Path) -> str:
    """Make the peer's environment where it isn't there, and return its interpreter."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        for packages in ([TORCH], [*PEER, "safetensors"]):
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (folder / "complete").touch()
    return str(python)


def compare_answers(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> tuple[int, float, str]:
    """Match the layers and return their number, the largest relative difference, and where it is."""
    mine = {row["longname"]: row for row in ours}
    worst, place = 0.0, ""
    for row in theirs:
        for column, value in row.items():
            if column == "longname":
                continue
            difference = abs(mine[row["longname"]][column] - value) / max(abs(value), 1e-300)
            if difference > worst:
                worst, place = difference, f"{column} of {row['longname']}"
    if len(mine) != len(theirs):
        raise SystemExit(f"{len(mine)} layers here, {len(theirs)} there: {set(mine) ^ {r['longname'] for r in theirs}}")
    return len(theirs), worst, place


def contest(name: str, checkpoint: Path, python: str, options: argparse.Namespace) -> list[str]:
    """Let both sides take turns over one checkpoint, and write a row for each number of jobs."""
    columns = "full" if options.full else "plain"
    ours = Side(sys.executable, "ours.py", checkpoint, columns)
    peer = Side(python, "peer_weightwatcher.py", checkpoint, columns)
    sides = {"": ours}
    if options.full:
        sides[", preset `full`"] = Side(sys.executable, "ours.py", checkpoint, "preset")
    first, answer = ours.round(), peer.round()
    layers, worst, place = compare_answers(first["rows"], answer["rows"])
    for side in [*sides.values()][1:]:
        side.round()
    rounds: dict[tuple[str, int], list[float]] = {(what, jobs): [] for what in sides for jobs in (1, 2)}
    theirs: list[float] = []
    for _ in range(options.turns):
        theirs.append(peer.round()["seconds"])
        for (what, jobs), seconds in rounds.items():
            seconds.append(sides[what].round(jobs)["seconds"])
    for side in (peer, *sides.values()):
        side.close()
    lines = []
    for (what, jobs), seconds in rounds.items():
        ratios = [their / mine for their, mine in zip(theirs, seconds, strict=True)]
        ratio = statistics.median(theirs) / statistics.median(seconds)
        lines.append(
            f"| {name}{what} | {layers} | {jobs} | {statistics.median(theirs):.3f} | {statistics.median(seconds):.3f} "
            f"| **{ratio:.2f}** ({min(ratios):.2f}–{max(ratios):.2f}) | {peer.peak / 1e6:.0f} "
            f"| {sides[what].peak / 1e6:.0f} | {'another convention' if what else f'{worst:.1e} ({place})'} |"
        )
        print(lines[-1], flush=True)
    return lines


def machine() -> str:
    """Name the machine."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resnets", type=Path, help="folder with resnet20*.th and resnet56*.th")
    parser.add_argument("--minilm", type=Path, help="model.safetensors; fetched as for `theodolite demo` if not given")
    parser.add_argument("--environment", type=Path, default=HERE.parent / ".environments" / "weightwatcher")
    parser.add_argument("--full", action="store_true", help="with mp_fit, randomize and detX: minutes a turn")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--output", type=Path, help="default: in benchmarks/results/")
    options = parser.parse_args()
    options.output = options.output or RESULTS / ("spectra_full_speed.md" if options.full else "spectra_speed.md")
    if options.minilm is None:
        from theodolite.cli.minilm import model_folder

        options.minilm = model_folder() / "model.safetensors"
    contestants = [("all-MiniLM-L6-v2", options.minilm)]
    if options.resnets is not None:
        for depth in (20, 56):
            contestants += [(f"ResNet-{depth}", path) for path in options.resnets.glob(f"resnet{depth}-*.th")]
    python = peer_python(options.environment)
    lines = [line for name, path in contestants for line in contest(name, path, python, options)]
    title = ", with mp_fit, randomize and detX" if options.full else ""
    note = FULL_NOTE if options.full else ""
    head = (
        f"# Weight spectra against WeightWatcher 0.7.7{title}\n\n{machine()}; one BLAS thread on both sides; median "
        f"of {options.turns} turns after one warm-up, alternating; the ratio's range over the turns in brackets. Ours "
        "reads the weights from the open file in every turn, the peer has its model in memory. Memory is the peak of "
        f"the whole process tree.{note}\n\n"
        "| checkpoint | layers | our jobs | WeightWatcher s | theodolite s | times faster | peer MB | our MB "
        "| largest relative difference |\n|---|---|---|---|---|---|---|---|---|\n"
    )
    options.output.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
