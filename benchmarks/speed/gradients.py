"""Peak memory of the numbers about two gradients: through their factors, and of the gradients themselves.

    python benchmarks/speed/gradients.py [--hidden 4096] [--tokens 64]

Each way runs in a process of its own, on two square layers in float64 that read the same tokens: nuclear norm and
effective rank of both gradients, and their cosine. Needs Linux, which can set a process's peak back.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
from pathlib import Path

import torch

from spectra import RESULTS, machine
from theodolite.numerics.factored import factored_inner, factored_singular_values
from theodolite.sources import Recorder

STATUS = Path("/proc/self/status")


def megabytes(line: str) -> float:
    """Read the resident memory (VmRSS) or its peak (VmHWM)."""
    found = next(each for each in STATUS.read_text(encoding="ascii").splitlines() if each.startswith(line))
    return int(found.split()[1]) * 1024 / 1e6


def shape_of(values: torch.Tensor) -> tuple[float, float, float]:
    shares = values[values > 0] / values.sum()
    return float(values.sum()), float(torch.exp(-(shares * shares.log()).sum())), float((values**2).sum().sqrt())


def from_factors(model: torch.nn.ModuleDict, tokens: torch.Tensor) -> list[float]:
    with Recorder(model) as recorder:
        torch.autograd.grad(loss_of(model, tokens), recorder.edges)
        (example,) = recorder.examples(1)
    pairs = [(factors.outputs, factors.inputs) for factors in example.values()]
    shapes = [shape_of(factored_singular_values(*pair)) for pair in pairs]
    cosine = float(factored_inner(*pairs[0], *pairs[1])) / (shapes[0][2] * shapes[1][2])
    return [*shapes[0], *shapes[1], cosine]


def dense(model: torch.nn.ModuleDict, tokens: torch.Tensor) -> list[float]:
    loss_of(model, tokens).backward()
    gradients = [layer.weight.grad for layer in model.values()]
    shapes = [shape_of(torch.linalg.svdvals(gradient)) for gradient in gradients]
    cosine = float(torch.dot(gradients[0].ravel(), gradients[1].ravel())) / (shapes[0][2] * shapes[1][2])
    return [*shapes[0], *shapes[1], cosine]


WAYS = {"through the factors": from_factors, "the gradients themselves": dense}


def loss_of(model: torch.nn.ModuleDict, tokens: torch.Tensor) -> torch.Tensor:
    return torch.tanh(model["key"](tokens) * model["query"](tokens)).square().sum()


def child(way: str, hidden: int, tokens: int) -> None:
    """Measure one way and print what it took and what it found."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    # LAPACK and autograd allocate once for all: that is no part of either way.
    small = torch.nn.ModuleDict({role: torch.nn.Linear(8, 8, bias=False) for role in ("query", "key")}).double()
    WAYS[way](small, torch.randn(4, 8, dtype=torch.float64))
    made = {role: torch.nn.Linear(hidden, hidden, bias=False, dtype=torch.float64) for role in ("query", "key")}
    model = torch.nn.ModuleDict(made)
    given = torch.randn(tokens, hidden, dtype=torch.float64)
    with torch.no_grad():
        loss_of(model, given)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, start = megabytes("VmRSS"), time.perf_counter()
    found = WAYS[way](model, given)
    seconds = time.perf_counter() - start
    print(json.dumps({"before": before, "peak": megabytes("VmHWM"), "seconds": seconds, "found": found}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=4096)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--output", type=Path, default=RESULTS / "gradients_memory.md")
    options = parser.parse_args()
    if options.way:
        child(options.way, options.hidden, options.tokens)
        return
    size = ["--hidden", str(options.hidden), "--tokens", str(options.tokens)]
    told = {
        way: json.loads(subprocess.check_output([sys.executable, __file__, *size, "--way", way], text=True))
        for way in WAYS
    }
    ours, theirs = (told[way] for way in WAYS)
    pairs = list(zip(ours["found"], theirs["found"], strict=True))
    apart = max(abs(one / other - 1) for one, other in pairs[:-1])
    cosines = abs(pairs[-1][0] - pairs[-1][1])
    added = {way: each["peak"] - each["before"] for way, each in told.items()}
    lines = [
        f"| {way} | {each['before']:.0f} | {added[way]:.1f} | {each['seconds']:.1f} |" for way, each in told.items()
    ]
    ratio = added["the gradients themselves"] / added["through the factors"]
    text = (
        f"# Memory of measuring gradients\n\n{machine()}. Two layers of {options.hidden} x {options.hidden} in float64 "
        f"that read the same {options.tokens} tokens: nuclear norm, effective rank and Frobenius norm of both "
        "gradients, and their cosine. Each way in a process of its own, one thread; the peak is that of the resident "
        "memory above what the model and its input hold.\n\n"
        "| way | MB before | MB added at the peak | seconds |\n|---|---|---|---|\n" + "\n".join(lines) + "\n\n"
        f"Through the factors: {ratio:.0f} times less memory. The two ways agree to {apart:.1e} relative in norms and "
        f"ranks, and to {cosines:.1e} in the cosine.\n"
    )
    options.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
