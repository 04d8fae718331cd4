"""
Which of 28 metrics goes with the test loss?
============================================

Many numbers have been proposed that are read off a trained network and are said to tell how well it will do. Here 27
small transformers learn to write Python's own documentation, letter by letter, with three amounts of text, three widths
and three learning rates. Each is asked for the 28 metrics, and each metric is asked whether it puts the networks in the
order of their loss on text that none of them saw: the loss itself, not how far it is above the training loss.
"""

# %%
# The text
# --------
# ``pydoc_data.topics`` is what ``help("for")`` prints, in every installation of Python. The last part is kept for the
# test; training takes more or less of the first.

import itertools
import time
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy.stats import kendalltau, spearmanr
from torch import nn

import theodolite as td

started = time.process_time()
torch.set_num_threads(1)

text = "\n".join(topics[name] for name in sorted(topics))
letters = sorted(set(text))
codes = torch.tensor([letters.index(letter) for letter in text])
test_codes = codes[-60_000:]
CONTEXT, STEPS, BATCH = 32, 140, 24
len(text), len(letters)

# %%
# 27 transformers
# ---------------
# Two blocks each, AdamW, the same number of steps, and the same seed for all networks of one width.


class Block(nn.Module):
    def __init__(self, width, heads=4):
        super().__init__()
        self.norm_in, self.norm_mid = nn.LayerNorm(width), nn.LayerNorm(width)
        self.in_proj, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up_proj, self.down_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.heads = heads

    def forward(self, x):
        n, length, width = x.shape
        split = (
            part.view(n, length, self.heads, -1).transpose(1, 2) for part in self.in_proj(self.norm_in(x)).chunk(3, -1)
        )
        mixed = nn.functional.scaled_dot_product_attention(*split, is_causal=True)
        x = x + self.out_proj(mixed.transpose(1, 2).reshape(n, length, width))
        return x + self.down_proj(torch.relu(self.up_proj(self.norm_mid(x))))


class Writer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.tokens = nn.Embedding(len(letters), width)
        self.positions = nn.Embedding(CONTEXT, width)
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, len(letters))

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        return self.head(self.norm(self.blocks(x)))


def windows(source, starts):
    rows = source[starts[:, None] + torch.arange(CONTEXT + 1)]
    return rows[:, :-1], rows[:, 1:]


def loss_of(net, source):
    with torch.no_grad():
        inputs, targets = windows(source, torch.linspace(0, len(source) - CONTEXT - 2, 900).long())
        return float(nn.functional.cross_entropy(net(inputs).flatten(0, 1), targets.flatten()))


def train(size, width, rate):
    torch.manual_seed(width)
    net = Writer(width)
    start = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    seen = codes[:size]
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.1)
    for _ in range(STEPS):
        inputs, targets = windows(seen, torch.randint(0, size - CONTEXT - 1, (BATCH,)))
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(inputs).flatten(0, 1), targets.flatten()).backward()
        optimizer.step()
    return net.eval(), start, seen


# %%
# One call for all metrics
# ------------------------
# The metrics see the weights, the weights before training, and sixteen windows of the *training* text; nothing of the
# test. ``samples`` is the number of windows that the training text holds.

rows = []
for size, width, rate in itertools.product((2_000, 10_000, 300_000), (16, 32, 64), (1e-3, 4e-3, 1.6e-2)):
    net, start, seen = train(size, width, rate)
    shown = windows(seen, torch.linspace(0, size - CONTEXT - 2, 16).long())
    metrics = td.generalization_metrics(net, start, data=shown, samples=size // CONTEXT)
    rows.append(
        {
            "text": size, "width": width, "learning rate": rate,
            "test loss": loss_of(net, test_codes), "training loss": loss_of(net, seen),
            "parameters": sum(p.numel() for p in net.parameters()),
            **metrics.numbers,
        }
    )  # fmt: skip
models = pd.DataFrame(rows)
models.iloc[:, :6].round(4)

# %%
# What one network looks like
# ---------------------------
# Each metric is a number or the reason why there is none. Layers that gave none (a tail too short to fit, a fit at the
# edge of what it can be) are left out of the mean, and counted.

metrics.frame[["value", "kind", "layers", "left_out", "outcome"]]

# %%
# Rank correlations
# -----------------
# Of every metric, lower is said to be better, so that a bar to the right speaks for the metric and one to the left
# against it. The number of parameters stands beside them as the baseline.

KINDS = {name: metric.kind for name, metric in metrics.items()}
table = pd.DataFrame(
    {
        name: {
            "kind": KINDS.get(name, "baseline"),
            "networks": int(models[name].notna().sum()),
            "Kendall": kendalltau(models[name], models["test loss"], nan_policy="omit").statistic,
            "Spearman": spearmanr(models[name], models["test loss"], nan_policy="omit").statistic,
        }
        for name in ["parameters", *KINDS]
        if name in models and models[name].notna().sum() >= 20
    }
).T.sort_values("Kendall")
COLOURS = {"scale": "#D55E00", "shape": "#0072B2", "hybrid": "#E69F00", "baseline": "#000000"}

fig, ax = plt.subplots(figsize=(8, 8), layout="constrained")
ax.barh(table.index, table["Kendall"].astype(float), color=[COLOURS[kind] for kind in table["kind"]])
ax.plot(table["Spearman"].astype(float), range(len(table)), "k|", ms=9)
ax.axvline(0, color="0.5", lw=0.8)
ax.set(xlim=(-1, 1), xlabel="rank correlation with the test loss (bar: Kendall, tick: Spearman)")
ax.legend(handles=[plt.Rectangle((0, 0), 1, 1, color=c, label=k) for k, c in COLOURS.items()], loc="lower right")

# %%
# In words, as computed:

strongest = table["Kendall"].astype(float).drop("parameters")
print(f"strongest for:      {strongest.idxmax()}, Kendall {strongest.max():+.2f}")
print(f"strongest against:  {strongest.idxmin()}, Kendall {strongest.min():+.2f}")
print(f"parameters:         Kendall {float(table.loc['parameters', 'Kendall']):+.2f}")
for kind in ("scale", "shape", "hybrid"):
    of_kind = table[table["kind"] == kind]["Kendall"].astype(float)
    print(
        f"{kind:<7} metrics:    {int((of_kind > 0).sum())} of {len(of_kind)} positive, median {of_kind.median():+.2f}"
    )

# %%
# Within one amount of text
# -------------------------
# The number of samples m enters sixteen of the metrics by definition, and the test loss goes with the amount of text:
# part of a correlation above may be that of m. Among the nine networks that saw the same text m is constant. A metric
# that helps to choose among them has the same sign in all three groups.

within = pd.DataFrame(
    {
        f"{size:,} letters": {
            name: kendalltau(group[name], group["test loss"], nan_policy="omit").statistic for name in table.index
        }
        for size, group in models.groupby("text")
    }
)
within["all"] = table["Kendall"].astype(float)
same_sign = (np.sign(within).abs().sum(axis=1) == 4) & (np.sign(within).sum(axis=1).abs() == 4)
print("one sign everywhere:        ", ", ".join(within.index[same_sign]) or "none")
for group in within.columns[:-1]:
    print(f"{group:<20} positive: {int((within[group] > 0).sum()):2d} of {len(within)}")
within.astype(float).round(2)

# %%
# Of 27 networks a Kendall correlation of 0.27 is beyond chance at the level of 5 %, of nine one of 0.56, and 28 metrics
# are 28 chances: the table is a look at this family and no verdict on the metrics. What points one way over all
# networks and the other way within a group is no guide within that group.

print(f"{len(models)} networks in {time.process_time() - started:.0f} s of processor time")
