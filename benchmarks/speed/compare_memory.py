"""Peak memory of a comparison of two large sharded checkpoints, made here from a seed.

    python benchmarks/speed/compare_memory.py [--gigabytes 1.0] [--jobs 1] [--measures standard]

The second checkpoint is the first with 1 % of noise. The bar is that of a survey: 300 MB plus four times the largest
Gram matrix in float64.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np
from memory import HIDDEN, INNER, VOCABULARY, make, peak_of
from safetensors.numpy import load_file, save_file

from spectra import RESULTS, machine

NOISE = 0.01


def tuned(base: Path, folder: Path) -> None:
    """Write the same shards with a little noise on every entry."""
    rng = np.random.default_rng(1)
    index = json.loads((base / "model.safetensors.index.json").read_text())
    for name in sorted(set(index["weight_map"].values())):
        made = {}
        for key, array in load_file(base / name).items():
            wide = array.astype(np.float32)
            wide += rng.normal(scale=NOISE * 0.02, size=wide.shape).astype(np.float32)
            made[key] = wide.astype(ml_dtypes.bfloat16)
        save_file(made, folder / name)
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1])
    parser.add_argument("--measures", default="standard")
    parser.add_argument("--output", type=Path, default=RESULTS / "compare_memory.md")
    options = parser.parse_args()
    gram = HIDDEN**2 * 8
    bar = 300e6 + 4 * gram
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        base, after = Path(scratch) / "base", Path(scratch) / "tuned"
        base.mkdir()
        after.mkdir()
        size = make(base, options.gigabytes)
        tuned(base, after)
        for jobs in options.jobs:
            compare = ["compare", str(base), str(after), "--jobs", str(jobs), "--measures", options.measures, "--json"]
            peak, seconds = peak_of([sys.executable, "-m", "theodolite", *compare])
            row = (f"{size / 1e9:.2f}", str(jobs), options.measures, f"{peak / 1e6:.0f}", f"{bar / 1e6:.0f}")
            lines.append(f"| {' | '.join(row)} | {seconds:.0f} |")
            print(lines[-1], flush=True)
    head = (
        f"# Memory of a comparison\n\n{machine()}. `theodolite compare --json` of two seeded BF16 checkpoints of "
        f"Llama's layout (hidden {HIDDEN}, inner {INNER}, vocabulary {VOCABULARY}; largest Gram matrix "
        f"{gram / 1e6:.0f} MB), in one shard a block; the second is the first with {NOISE:.0%} of noise. Peak of the "
        "whole process tree, sampled every 5 ms; the bar is 300 MB + 4 × the largest Gram matrix.\n\n"
        "| each GB | jobs | measures | peak MB | bar MB | seconds |\n|---|---|---|---|---|---|\n"
    )
    options.output.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
