"""
LoRA against full fine-tuning: what is new in the weights?
==========================================================

`Shuttleworth et al. (2024) <https://arxiv.org/abs/2410.21228>`_ found that LoRA and full fine-tuning reach the same
loss by different roads: LoRA brings in *intruder dimensions*, strong singular directions that resemble none of the
base, and models with them forget more. This example trains a small transformer on Python's documentation, fine-tunes it
on Python's source code in both ways, and compares the checkpoints. All numbers are those of this run: one model, one
task, one seed, and for each method one learning rate of the size that is usual for it. LoRA's is ten times the other
and changes the matrices more, so the contrast below is one of two recipes, not of rank alone.
"""

# %%
# A base model
# ------------
# A decoder of two blocks that predicts characters. Both texts come with Python: the topics of ``help()``, and modules
# of the standard library.

import argparse
import copy
import inspect
import logging
import pydoc_data.topics
import subprocess
import tarfile
import threading
import zipfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

import theodolite as td

torch.manual_seed(0)
torch.set_num_threads(1)
WIDTH, WINDOW, ROLES = 96, 64, ("query", "key", "value", "output", "up", "down")


def characters(text: str) -> torch.Tensor:
    return torch.tensor([min(ord(sign), 127) for sign in text])


topics = pydoc_data.topics.topics
english = characters("\n".join(topics[name] for name in sorted(topics)))
modules = (argparse, logging, subprocess, tarfile, threading, zipfile)
source = characters("\n".join(inspect.getsource(module) for module in modules))
texts = {"old": english.tensor_split([int(0.9 * len(english))]), "new": source.tensor_split([int(0.9 * len(source))])}


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        for name in ("query", "key", "value", "output"):
            setattr(self, name, nn.Linear(WIDTH, WIDTH, bias=False))
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x):
        h = self.first(x)
        heads = (part(h).unflatten(-1, (4, -1)).transpose(1, 2) for part in (self.query, self.key, self.value))
        x = x + self.output(
            nn.functional.scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2).flatten(2)
        )
        return x + self.down(nn.functional.gelu(self.up(self.second(x))))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens, self.positions = nn.Embedding(128, WIDTH), nn.Embedding(WINDOW, WIDTH)
        self.layers = nn.ModuleList(Block() for _ in range(2))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 128, bias=False)

    def forward(self, tokens):
        x = self.embed_tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))


def loss(model, text, generator, windows=32):
    starts = torch.randint(len(text) - WINDOW - 1, (windows,), generator=generator)
    seen = torch.stack([text[start : start + WINDOW + 1] for start in starts])
    return nn.functional.cross_entropy(model(seen[:, :-1]).flatten(0, 1), seen[:, 1:].flatten())


@torch.no_grad()
def held_out(model, which):
    generator = torch.Generator().manual_seed(9)
    return np.mean([loss(model, texts[which][1], generator, 64).item() for _ in range(6)])


def train(model, which, steps, rate):
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model, texts[which][0], generator).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
    return model


base = train(Decoder(), "old", 500, 3e-3)
before = {name: value.numpy().copy() for name, value in base.state_dict().items()}
{"documentation": round(float(held_out(base, "old")), 3), "source code": round(float(held_out(base, "new")), 3)}

# %%
# Fine-tuned whole, and by LoRA
# -----------------------------
# LoRA keeps every matrix and learns the product of two thin factors beside it, here beside all six of each block.


class Adapted(nn.Module):
    def __init__(self, linear, rank):
        super().__init__()
        self.linear, self.scale = linear, 2.0
        self.a = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x):
        return self.linear(x) + self.scale * x @ self.a.T @ self.b.T


def whole():
    tuned = train(copy.deepcopy(base), "new", 250, 1e-3)
    return {name: value.numpy().copy() for name, value in tuned.state_dict().items()}


def lora(rank):
    torch.manual_seed(rank)
    tuned = copy.deepcopy(base).requires_grad_(False)
    for layer in tuned.layers:
        for role in ROLES:
            setattr(layer, role, Adapted(getattr(layer, role), rank))
    train(tuned, "new", 250, 1e-2)
    merged = dict(before)
    for index, layer in enumerate(tuned.layers):
        for role in ROLES:
            part = getattr(layer, role)
            change = (part.scale * part.b @ part.a).detach().numpy()
            merged[f"layers.{index}.{role}.weight"] = before[f"layers.{index}.{role}.weight"] + change
    return merged


tuned = {"full": whole(), **{f"LoRA, rank {rank}": lora(rank) for rank in (1, 4, 16)}}
found = {name: td.compare(before, after, None) for name, after in tuned.items()}
print(found["LoRA, rank 4"].explain())

# %%
# The contrast
# ------------
# ``loss, old`` is that on held-out documentation, and what it gained over the base is what was forgotten. Full
# fine-tuning turned the leading directions a little; LoRA put new ones before them, more with more rank.


def loaded(arrays):
    model = Decoder()
    model.load_state_dict({name: torch.as_tensor(array) for name, array in arrays.items()})
    return model


def in_blocks(comparison):
    return [layer for layer in comparison.layers if layer.after.block is not None]


def row(name):
    layers, model = in_blocks(found[name]), loaded(tuned[name])
    return {
        "loss, new": held_out(model, "new"),
        "loss, old": held_out(model, "old"),
        "intruders, left": sum(layer.intruders["left"].count for layer in layers),
        "intruders, right": sum(layer.intruders["right"].count for layer in layers),
        "relative change": np.median([layer.change.relative for layer in layers]),
        "rank of the change": np.median([layer.change.rank for layer in layers]),
        "overlap, left": np.median([layer.overlap.left for layer in layers]),
    }


pd.DataFrame({name: row(name) for name in tuned}).T.round(3)

# %%
# The same matrix in both, as the page of ``theodolite compare -o page.html`` draws it: a dark diagonal says that the
# leading directions are where they were.

layer = max(in_blocks(found["LoRA, rank 4"]), key=lambda one: one.intruders["left"].count).name
fig, axes = plt.subplots(1, len(found), figsize=(10, 2.8), sharey=True, layout="constrained")
for ax, (name, comparison) in zip(axes, found.items(), strict=True):
    one = next(one for one in comparison.layers if one.name == layer).intruders["left"]
    ax.imshow(one.similarity, cmap="Blues", vmin=0, vmax=1, extent=(0.5, one.k + 0.5, one.k + 0.5, 0.5))
    ax.set(title=f"{name}: {one.count} of {one.k}", xlabel="after", xticks=range(1, one.k + 1, 3))
axes[0].set_ylabel("before")
fig.suptitle(f"left singular vectors of {layer}, and how many intrude")

# %%
# Scaling intruders down
# ----------------------
# Each intruder's share *s u vᵀ* is multiplied by a factor (all matrices at once, without going back to LoRA's rank).
# The paper found that a factor somewhat below 1 gives back much of what was forgotten and costs the new task little.
# Here are both losses, and what the first step down gives and costs in this model.


def scaled(name, factor):
    arrays = dict(tuned[name])
    for one in in_blocks(found[name]):
        key = one.after.target.removeprefix("after:")
        u, s, v = np.linalg.svd(arrays[key].astype(float), full_matrices=False)
        places = list(one.intruders["left"].indices)
        arrays[key] = arrays[key] - ((1 - factor) * u[:, places] * s[places] @ v[places]).astype("f4")
    return loaded(arrays)


factors = (1.0, 0.75, 0.5, 0.25, 0.0)
name = max(found, key=lambda name: row(name)["intruders, left"])
losses = pd.DataFrame(
    {which: [held_out(scaled(name, factor), which) for factor in factors] for which in ("new", "old")}, index=factors
)
fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
for which, colour in (("new", "#0072B2"), ("old", "#E69F00")):
    ax.plot(factors, losses[which], "o-", color=colour, label=f"{which} text")
ax.axhline(held_out(base, "old"), color="#E69F00", ls=":", label="base, old text")
ax.set(xlabel="factor on intruders", ylabel="loss on held-out text", title=name)
ax.legend(frameon=False)
step = losses.loc[0.75] - losses.loc[1.0]
print(f"from 1 to 0.75: old text {step['old']:+.3f}, new text {step['new']:+.3f}")
losses.round(3)
