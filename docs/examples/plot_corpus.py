"""
Which metrics go with accuracy, and what drives it?
===================================================

Whoever sorts networks by a number of their weights finds that some numbers go with accuracy. Do they speak of training,
or of the families that the networks come from? Of the networks of one contest, numbers that go one way over all of them
were found to go the other way within families :cite:p:`martin2021post`. This example trains a small corpus, asks both
questions, and shows what comes out.
"""

# %%
# A corpus in which families differ
# ---------------------------------
# 24 networks read the handwritten digits of scikit-learn. They come in three depths, and, as often in the wild, the
# deeper families were also given more to learn from. Within a family the networks differ in how many images they saw.

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits

import theodolite as td

torch.set_num_threads(1)
digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.target))
images = torch.tensor(digits.data[order] / 8 - 1, dtype=torch.float32)
labels = torch.tensor(digits.target[order])
test = slice(1200, None)

SEEN = {depth: np.geomspace(low, 4 * low, 8).astype(int) for depth, low in ((1, 25), (3, 90), (5, 300))}


def network(depth):
    """Hidden layers of 48 units and a head."""
    sides = [64, *[48] * depth]
    hidden = [layer for a, b in itertools.pairwise(sides) for layer in (torch.nn.Linear(a, b), torch.nn.Tanh())]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(48, 10))


def train(model, seen):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    for _ in range(300):
        batch = torch.randint(int(seen), (64,))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
        optimizer.step()


# %%
# Every network is surveyed twice, as it is and as it was before training. One row of the table is one network; its
# metrics are means over its layers, and those that end in ``_init`` are the same metrics before training.

what = td.Survey.of(
    ["log_norm", "log_spectral_norm", "nuclear_norm", "stable_rank", "effective_rank", "power_law", "alpha_hat"],
    chance=False,
)
METRICS = [
    "log_norm",
    "log_spectral_norm",
    "nuclear_norm",
    "stable_rank",
    "effective_rank",
    "power_law.alpha",
    "alpha_hat",
]


def metrics_of(model):
    """The mean over layers of every metric."""
    mean = td.survey(model, what).frame.query("module != '*'").groupby(["measure", "field"])["value"].mean()
    return {name: mean[(*name.split("."), "value")[:2]] for name in METRICS}


rows = []
for depth, counts in SEEN.items():
    for seed, seen in enumerate(counts):
        torch.manual_seed(100 * depth + seed)
        model = network(depth)
        before = {f"{name}_init": value for name, value in metrics_of(model).items()}
        train(model, seen)
        with torch.no_grad():
            accuracy = float((model(images[test]).argmax(1) == labels[test]).float().mean())
        name = f"{depth} deep, {seen} seen"
        rows.append({"model": name, "depth": depth, "accuracy": accuracy} | metrics_of(model) | before)
table = pd.DataFrame(rows)
table[["model", "accuracy", *METRICS]].round(3).iloc[::4]

# %%
# What the corpus says
# --------------------
# Depth is the group here. It is recognised as a baseline too, by its name, and so are the metrics before training.

corpus = td.corpus(table, quality="accuracy", group="depth", higher_is_better=True)
print(corpus.headline, *corpus.sentences, sep="\n")

# %%
# And metric by metric, with the numbers that the words rest on:

for trend in corpus.trends:
    print(f"{trend.finding.upper():18}", " ".join(trend.sentences), "\n")

# %%
# Over all networks, and within a depth
# -------------------------------------
# Kendall's tau of each metric with accuracy: over all networks (circles), over pairs of networks of one depth
# (diamonds), each with its interval, and depth by depth (crosses). Where circle and diamond lie on opposite sides of
# zero, the difference between the families speaks, and not what happened in training.

fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for place, trend in enumerate(reversed(corpus.trends)):
    for one, shift, mark, colour in ((trend.overall, 0.14, "o", "#1b2027"), (trend.within, -0.14, "D", "#a03c00")):
        tau = one.kendall
        if tau.low is not None:
            ax.plot([tau.low, tau.high], [place + shift] * 2, color=colour, lw=1.3)
        ax.plot(tau.value, place + shift, mark, color=colour, ms=6)
    ax.plot([one.tau for one in trend.groups], [place] * len(trend.groups), "x", color="#7b838d", ms=5)
ax.axvline(0, color="#7b838d", lw=0.8, ls="--")
ax.set(yticks=range(len(corpus.trends)), yticklabels=[trend.name for trend in reversed(corpus.trends)])
ax.set(xlim=(-1.02, 1.02), xlabel="Kendall's τ with accuracy")

# %%
# The metric whose two answers lie farthest apart, network by network:

apart = max(corpus.trends, key=lambda trend: abs(trend.overall.tau - trend.within.tau))
fig, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
for depth, colour, mark in zip(SEEN, ("#0072B2", "#D55E00", "#00805C"), "os^", strict=True):
    of_depth = table[table["depth"] == depth]
    ax.plot(of_depth[apart.name], of_depth["accuracy"], mark, color=colour, label=f"{depth} deep")
ax.set(xlabel=apart.name, ylabel="accuracy", title=apart.finding)
ax.legend(frameon=False)

# %%
# 24 networks of one data set settle nothing about networks elsewhere. ``theodolite.reports.corpus_report(corpus,
# "page.html")`` writes all of this as a page, and ``theodolite corpus TABLE.csv --quality accuracy --group depth`` does
# the same for a table of your own.
