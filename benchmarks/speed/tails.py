"""Truncated power laws: theodolite against powerlaw 1.5, in one run, answers compared.

    python benchmarks/speed/tails.py [--spectra FOLDER] [--turns N]

Makes powerlaw an environment of its own on the first run (pinned). Both sides work with one BLAS thread and take turns
over the same eigenvalues, once with every eigenvalue as a candidate for the start and once with those near the peak of
the histogram alone. The peer's search stops at its optimiser's tolerance, so that answers are compared in three ways:
the parameters at the peer's own start, the likelihood there (ours may not be lower), and the distances of the two
searches. Writes a Markdown table into benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np

from spectra import ONE_THREAD, RESULTS, machine
from theodolite.numerics.nulls import gaussian_eigenvalues
from theodolite.numerics.tail_laws import TailSums, fit_law, log_likelihoods
from theodolite.numerics.tail_search import fit_tail, spectral_peak

HERE = Path(__file__).resolve().parent
PEER = ["powerlaw==1.5", "numpy==2.4.6", "scipy==1.17.1", "mpmath==1.4.1"]
TURNS = 3
MOST_FOR_ALL = 200  # eigenvalues; the peer takes a minute and more for 512 candidates
REPEATS = 20  # of ours in one turn: a fit takes some milliseconds


class Peer:
    """A process that fits what it is sent."""

    def __init__(self, python: str) -> None:
        self.process = subprocess.Popen(
            [python, str(HERE / "peer_powerlaw.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD},
            text=True,
        )

    def fit(self, values: np.ndarray, within: tuple[float, float] | None) -> dict[str, Any]:
        """Have one fit made."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"values": values.tolist(), "within": within}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def peer_python(folder: Path) -> str:
    """Make the peer's environment where it isn't there, and return its interpreter."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER], check=True)
        (folder / "complete").touch()
    return str(python)


def samples(folder: Path | None) -> dict[str, np.ndarray]:
    """Return planted spectra, a random one, and the printed ones where their folder is given."""
    rng = np.random.default_rng(0)
    found = {
        "Pareto, alpha 2.5, 120": (1.0 - rng.random(120)) ** (-1 / 1.5),
        "lognormal, sigma 1.5, 150": np.exp(1.5 * rng.standard_normal(150)),
        "Gaussian 64 x 128": gaussian_eigenvalues((64, 128), 1),
    }
    if folder is not None:
        found |= {f"printed, {name}, 512": np.load(folder / f"tail_{name}.npy") for name in ("good", "mediocre", "bad")}
    return {name: np.sort(values[values > 1e-5]) for name, values in found.items()}


def contest(name: str, values: np.ndarray, peer: Peer, *, near_peak: bool, turns: int) -> str:
    """Let both sides take turns over one spectrum, and write a row."""
    peak = spectral_peak(values)
    within = (0.95 * peak, 1.05 * peak) if near_peak else None
    rounds: list[tuple[float, float]] = []
    for _ in range(turns):
        start = time.perf_counter()
        for _ in range(REPEATS):
            ours = fit_tail(values, "truncated_power_law", sides="left", within=within)
        seconds = (time.perf_counter() - start) / REPEATS
        theirs = peer.fit(values, within)
        rounds.append((theirs["seconds"], seconds))
    assert ours is not None
    first = int(np.searchsorted(values, theirs["xmin"]))
    at_theirs = fit_law("truncated_power_law", TailSums.of(values, np.asarray([first])))[0][:, 0]
    logs = np.log(values[first:] / values[first])
    likelihood = (
        log_likelihoods("truncated_power_law", at_theirs, logs).sum() - logs.sum() - logs.size * np.log(values[first])
    )
    gain = likelihood - theirs["likelihood"]
    if gain < -1e-6 or ours.distance > theirs["distance"] + 5e-3:
        raise SystemExit(f"{name}: likelihood {gain:+.2e}, distances {ours.distance:.5f} and {theirs['distance']:.5f}")
    ratios = [slow / fast for slow, fast in rounds]
    medians = [statistics.median(side) for side in zip(*rounds, strict=True)]
    row = (
        f"| {name} | {'peak' if near_peak else 'all'} | {medians[0]:.2f} | {medians[1] * 1000:.1f} "
        f"| **{medians[0] / medians[1]:.0f}** ({min(ratios):.0f}–{max(ratios):.0f}) "
        f"| {theirs['b']:.4f}, {at_theirs[0]:.4f} | {theirs['rate']:.5f}, {at_theirs[1] / values[first]:.5f} "
        f"| {gain:+.1e} | {theirs['distance']:.4f}, {ours.distance:.4f} |"
    )
    print(row, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spectra", type=Path, help="folder with tail_good.npy, tail_mediocre.npy and tail_bad.npy")
    parser.add_argument("--environment", type=Path, default=HERE.parent / ".environments" / "powerlaw")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--output", type=Path, default=RESULTS / "tails_speed.md")
    options = parser.parse_args()
    peer = Peer(peer_python(options.environment))
    fit_tail(np.arange(1.0, 40.0), "truncated_power_law")
    peer.fit(np.arange(1.0, 12.0), None)
    rows = [
        contest(name, values, peer, near_peak=near_peak, turns=options.turns)
        for name, values in samples(options.spectra).items()
        for near_peak in (True, False)
        if near_peak or values.size <= MOST_FOR_ALL
    ]
    peer.close()
    head = (
        f"# Truncated power laws against powerlaw 1.5\n\n{machine()}; one BLAS thread on both sides; median of "
        f"{options.turns} turns after a warm-up, alternating; the ratio's range over the turns in brackets. Candidates "
        "for the start are all eigenvalues, or those near the peak of the histogram. Exponents and rates are those at "
        "the peer's start, the peer's first; the likelihood is our logarithm less the peer's there, which must not be "
        "negative. The distances are those of the two searches, the peer's first: its optimiser stops early at some "
        "candidates.\n\n"
        "| eigenvalues | candidates | powerlaw s | theodolite ms | times faster | exponents | rates | likelihood "
        "| distances |\n|---|---|---|---|---|---|---|---|---|\n"
    )
    options.output.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
