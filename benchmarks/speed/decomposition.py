"""Eigenvalues of the smaller Gram matrix against their floor: one dsyrk and one LAPACK dsytrd, timed alone.

    python benchmarks/speed/decomposition.py

The floor is what no method by reduction to tridiagonal form can go below. One BLAS thread, median of the turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.linalg import blas, lapack
from threadpoolctl import threadpool_limits

from spectra import RESULTS, machine
from theodolite.numerics.gram import gram_eigenvalues

SHAPES = [(1024, 1024), (1024, 4096), (2048, 2048), (2048, 8192)]


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def floor(matrix: np.ndarray) -> float:
    """Time the two operations alone, on operands that are ready for them."""
    wide = np.asarray(matrix, dtype=np.float64)
    gram: list[np.ndarray] = []
    accumulate = seconds(lambda: gram.append(blas.dsyrk(1.0, wide.T, trans=1, lower=1)))
    size = int(lapack.dsytrd_lwork(gram[0].shape[0], lower=1)[0])
    return accumulate + seconds(lambda: lapack.dsytrd(gram[0], lower=1, lwork=size, overwrite_a=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS / "decomposition_speed.md")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    lines = []
    with threadpool_limits(1, user_api="blas"):
        for shape in SHAPES:
            matrix = rng.normal(size=shape).astype(np.float32)
            gram_eigenvalues(matrix)
            pairs = [(seconds(lambda m=matrix: gram_eigenvalues(m)), floor(matrix)) for _ in range(options.turns)]
            ours, least = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(mine / alone for mine, alone in pairs)
            lines.append(f"| {shape[0]} × {shape[1]} | {least:.3f} | {ours:.3f} | **{ratio:.2f}** |")
            print(lines[-1], flush=True)
    head = (
        f"# Decomposition against its floor\n\n{machine()}; one BLAS thread; float32 input; median of {options.turns} "
        "turns. The floor is a timed dsyrk plus a timed dsytrd on float64 operands that are ready.\n\n"
        "| shape | floor s | eigenvalues s | ratio |\n|---|---|---|---|\n"
    )
    options.output.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
