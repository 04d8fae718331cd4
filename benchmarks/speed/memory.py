"""Peak memory of a survey of a large sharded checkpoint, made here from a seed.

    python benchmarks/speed/memory.py [--gigabytes 1.0] [--jobs 1]

The bar is 300 MB plus four times the largest Gram matrix in float64.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ml_dtypes
import numpy as np
import psutil
from safetensors.numpy import save_file

from spectra import RESULTS, machine

HIDDEN, INNER, VOCABULARY = 2048, 5632, 32000


def block(index: int) -> dict[str, tuple[int, int]]:
    """Name the matrices of one decoder block, Llama's way."""
    stem = f"model.layers.{index}"
    square = {f"{stem}.self_attn.{role}_proj.weight": (HIDDEN, HIDDEN) for role in "qkvo"}
    return {
        **square,
        f"{stem}.mlp.gate_proj.weight": (INNER, HIDDEN),
        f"{stem}.mlp.up_proj.weight": (INNER, HIDDEN),
        f"{stem}.mlp.down_proj.weight": (HIDDEN, INNER),
    }


def make(folder: Path, gigabytes: float) -> int:
    """Write the shards and their index; return the number of bytes."""
    rng = np.random.default_rng(0)
    shards = [{"model.embed_tokens.weight": (VOCABULARY, HIDDEN)}]
    while sum(2 * rows * columns for shard in shards for rows, columns in shard.values()) < gigabytes * 1e9:
        shards.append(block(len(shards) - 1))
    weight_map, total = {}, 0
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        tensors = {
            key: rng.normal(scale=0.02, size=shape).astype(np.float32).astype(ml_dtypes.bfloat16)
            for key, shape in shard.items()
        }
        save_file(tensors, folder / name)
        weight_map |= dict.fromkeys(shard, name)
        total += sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return total


def peak_of(command: list[str]) -> tuple[int, float]:
    """Run a command; return the peak of its process tree in bytes, and its seconds."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    root, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            peak = max(peak, sum(p.memory_info().rss for p in [root, *root.children(recursive=True)]))
        except psutil.Error:
            break
        time.sleep(0.005)
    if process.wait():
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return peak, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--output", type=Path, default=RESULTS / "memory.md")
    options = parser.parse_args()
    gram = HIDDEN**2 * 8
    bar = 300e6 + 4 * gram
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = Path(scratch) / "checkpoint"
        checkpoint.mkdir()
        size = make(checkpoint, options.gigabytes)
        for jobs in options.jobs:
            run = Path(scratch) / f"run{jobs}"
            survey = ["survey", str(checkpoint), "--no-report", "--jobs", str(jobs), "-o", str(run)]
            peak, seconds = peak_of([sys.executable, "-m", "theodolite", *survey])
            lines.append(f"| {size / 1e9:.2f} | {jobs} | {peak / 1e6:.0f} | {bar / 1e6:.0f} | {seconds:.0f} |")
            print(lines[-1], flush=True)
    head = (
        f"# Memory of a survey\n\n{machine()}. `theodolite survey --no-report` of a seeded BF16 checkpoint of "
        f"Llama's layout (hidden {HIDDEN}, inner {INNER}, vocabulary {VOCABULARY}; largest Gram matrix "
        f"{gram / 1e6:.0f} MB), in one shard a block. Peak of the whole process tree, sampled every 5 ms; the bar is "
        "300 MB + 4 × the largest Gram matrix.\n\n"
        "| checkpoint GB | jobs | peak MB | bar MB | seconds |\n|---|---|---|---|---|\n"
    )
    options.output.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
