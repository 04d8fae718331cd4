"""Do plans of rank beat uniform ranks? The demo's model, adapted from Moby-Dick to Python's own documentation.

python studies/allocation_trial.py          # about ten minutes on one core; needs the extra [peft]
"""

import argparse
import json
import pydoc_data.topics
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

import theodolite as td
from theodolite.act import TrialSettings, allocate, try_plan

MODEL = Path(str(files("theodolite.cli"))) / "demo_model"
WINDOW = 64
PLANS = {
    "alpha, beta 2.5": {"by": "alpha", "beta": 2.5},
    "alpha by the released code, beta 2.5": {"by": "alpha", "alpha": "released", "beta": 2.5},
    "effective rank, beta 2.5": {"by": "effective_rank", "beta": 2.5},
    "energy": {"by": "energy"},
}


def build() -> Any:
    """Load the demo's model with its weights."""
    import transformers

    return transformers.LlamaForCausalLM.from_pretrained(MODEL, dtype="float32")


def text(examples: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut windows of the documentation that every Python carries, as the model's characters; targets are the next."""
    known = json.loads((MODEL / "config.json").read_text())["characters"]
    codes = {sign: code for code, sign in enumerate(known)}
    whole = "\n".join(pydoc_data.topics.topics[name] for name in sorted(pydoc_data.topics.topics))
    signs = np.array([codes.get(sign, 0) for sign in whole])
    starts = np.random.default_rng(0).permutation(len(signs) // (WINDOW + 1))[:examples] * (WINDOW + 1)
    windows = signs[starts[:, None] + np.arange(WINDOW + 1)]
    return windows[:, :-1], windows[:, 1:]


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--budget", type=int, default=30_000)
    given.add_argument("--steps", type=int, default=150)
    given.add_argument("--seeds", type=int, default=5)
    given.add_argument("--examples", type=int, default=2000)
    chosen = given.parse_args()
    settings = TrialSettings(steps=chosen.steps, seeds=chosen.seeds, batch_size=16, learning_rate=3e-3)
    data = text(chosen.examples)
    with td.open(MODEL) as checkpoint:
        plans = {name: allocate(checkpoint, budget=chosen.budget, **how) for name, how in PLANS.items()}
    for name, plan in plans.items():
        print(f"{name}: ranks {[layer.rank for layer in plan.layers]}", flush=True)
        print(try_plan(plan, build, data, settings=settings).describe(), flush=True)


if __name__ == "__main__":
    main()
