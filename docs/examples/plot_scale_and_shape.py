"""
Scale, shape, and a smoothed copy
=================================

A family of small networks of one depth and one width differs in nothing but how it was regularised. Which numbers tell
its good members from the others: how large the weights are, what shape their spectra have, or what a copy still knows
that keeps only the strongest directions? Of the networks of one contest it was found that, at one depth and with
regularisation varied, numbers of shape do well and numbers of scale can do poorly :cite:p:`martin2021post`. This
example trains a family of its own, measures it, and reports what comes out.
"""

# %%
# The family
# ----------
# Sixteen perceptrons learn handwritten digits from 400 examples, of which a fifth has a random label. There is
# something to learn and something that should not be memorised, so regularisation matters: weight decay and dropout
# take four values each. The test set has right labels.

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits

import theodolite as td

torch.set_num_threads(1)
digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.target))
images = torch.tensor(digits.data[order] / 16, dtype=torch.float32)
labels = torch.tensor(digits.target[order])
test = images[800:], labels[800:]

rng = np.random.default_rng(1)
wrong = rng.random(400) < 0.2
train = images[:400], torch.where(torch.tensor(wrong), torch.tensor(rng.integers(0, 10, 400)), labels[:400])


def network(dropout):
    """Three hidden layers of 128 units and a head."""
    hidden = [
        layer
        for inputs in (64, 128, 128)
        for layer in (torch.nn.Linear(inputs, 128), torch.nn.ReLU(), torch.nn.Dropout(dropout))
    ]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(128, 10))


def trained(weight_decay, dropout, seed):
    torch.manual_seed(seed)
    model = network(dropout)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=weight_decay)
    for _ in range(600):
        batch = torch.randint(0, 400, (64,))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(train[0][batch]), train[1][batch]).backward()
        optimizer.step()
    return model.eval()


settings = list(product((0.0, 0.1, 0.3, 1.0), (0.0, 0.2, 0.4, 0.6)))
family = [trained(*setting, seed) for seed, setting in enumerate(settings)]

# %%
# What is measured
# ----------------
# Without data: log norm and log spectral norm (*scale*), alpha, stable rank and random distance (*shape*), and
# alpha-hat, which is some of both; each is the mean over the hidden layers. With the training data and their labels,
# right and wrong: the accuracy of the network, that of its smoothed copy, and the drop from the one to the other.
# The smoothed copy keeps of every matrix what the trace-log condition counts.

kinds = {
    "log_norm": "scale",
    "log_spectral_norm": "scale",
    "alpha_hat": "both",
    "alpha": "shape",
    "stable_rank": "shape",
    "random_distance": "shape",
    "training accuracy": "data",
    "smoothed accuracy": "data",
    "drop": "data",
}
survey = td.Survey.of(
    ["log_norm", "log_spectral_norm", "alpha_hat", "power_law", "stable_rank", "random_distance"], layers="0,3,6"
)


def measured(model):
    readings = td.survey(model, survey).where(module="*")
    means = {row.measure: row.value for row in readings.rows if row.field in {"value.mean", "alpha.mean"}}
    smoothed = td.smoothed_accuracy(model, train)
    return {
        "test accuracy": td.generalization.evaluate(model, test).accuracy,
        **{"alpha" if name == "power_law" else name: value for name, value in means.items()},
        "training accuracy": float(smoothed.accuracy),
        "smoothed accuracy": float(smoothed.smoothed_accuracy),
        "drop": float(smoothed.drop),
    }


table = pd.DataFrame(map(measured, family))
table.insert(0, "weight decay", [decay for decay, _ in settings])
table.insert(1, "dropout", [dropout for _, dropout in settings])
table.round(3)

# %%
# What tracks test accuracy
# -------------------------
# Kendall's tau of every number with the test accuracy: +1 is the same order, -1 the opposite one, both of use; a number
# near 0 tells nothing. `td.corpus` takes it over the whole family, and within groups: among networks of one weight
# decay only dropout differs, and among those of one dropout only weight decay does. Lines are 95 % bootstrap intervals,
# and with sixteen networks they are wide.

asked = {"quality": "test accuracy", "metrics": list(kinds), "higher_is_better": True}
by_decay = td.corpus(table, group="weight decay", **asked)
by_dropout = td.corpus(table, group="dropout", **asked)
taus = pd.DataFrame(
    {
        "whole family": {name: by_decay.trend(name).overall.kendall for name in kinds},
        "dropout turned": {name: by_decay.trend(name).within.kendall for name in kinds},
        "weight decay turned": {name: by_dropout.trend(name).within.kendall for name in kinds},
    }
)

colours = {"scale": "#0072B2", "both": "#56B4E9", "shape": "#E69F00", "data": "#009E73"}
fig, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
for ax, scope in zip(axes, taus, strict=True):
    ax.axvline(0, color="0.7", lw=1)
    for place, (name, tau) in enumerate(taus[scope][::-1].items()):
        ends = [end if end is not None else tau.value for end in (tau.low, tau.high)]
        ax.plot(ends, [place, place], color=colours[kinds[name]], lw=2)
        ax.plot(tau.value, place, "o", color=colours[kinds[name]])
    ax.set(xlim=(-1.05, 1.05), title=scope, xlabel="Kendall's tau")
axes[0].set_yticks(range(len(taus)), taus.index[::-1])
marks = [plt.Line2D([], [], marker="o", color=colour) for colour in colours.values()]
fig.legend(marks, list(colours), loc="outside right center", frameon=False)

# %%
# As it comes out
# ---------------
# A number that keeps its sign says the same whichever regulariser made the network better. One that changes it says
# something of the regulariser, and over the family as a whole the two cancel: Simpson's paradox in sixteen networks.

values = taus.map(lambda tau: tau.value)
print(f"Test accuracy runs from {table['test accuracy'].min():.3f} to {table['test accuracy'].max():.3f}.")
same = values["dropout turned"] * values["weight decay turned"] > 0
print(f"Keep their sign: {', '.join(values.index[same]) or 'none'}.")
print(f"Change it: {', '.join(values.index[~same]) or 'none'}.")
print(f"Strongest over the whole family: {values['whole family'].abs().idxmax()}.")
values.round(2)

# %%
# Smoothing on training data
# --------------------------
# What a network loses when only its strongest directions stay, against how it does on the test set. Before reading much
# into it, note the training accuracy itself in the table above: with wrong labels among the training data, how many of
# them a network has memorised can be read off without any smoothing.

fig, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True, layout="constrained")
for ax, column in zip(axes, ("training accuracy", "drop"), strict=True):
    shown = ax.scatter(table[column], table["test accuracy"], c=table["dropout"], cmap="viridis")
    ax.set_xlabel(column)
axes[0].set_ylabel("test accuracy")
fig.colorbar(shown, label="dropout")
