"""
Do layers converge from the bottom up?
======================================

SVCCA was introduced with the observation that lower layers reach their final representation before higher ones
:cite:p:`raghu2017svcca`. Here a small network is trained from several seeds, and what its layers give is recorded on
the way. Each recording is compared with that at the end, by SVCCA and by unbiased centred kernel alignment
:cite:p:`kornblith2019similarity`, which need not agree. Is it from the bottom up? It is shown as it comes out.
"""

# %%
# The images
# ----------
# Fashion-MNIST, where the Debian package dataset-fashion-mnist is installed; else scikit-learn's digits.

import gzip
import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import nn

import theodolite as td

torch.set_num_threads(1)
FASHION = Path("/usr/share/datasets/fashion-mnist")


def idx(name, header):
    return np.frombuffer(gzip.decompress((FASHION / name).read_bytes()), np.uint8, offset=header)


if FASHION.is_dir():
    pixels = {part: idx(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 784) for part in ("train", "t10k")}
    classes = {part: idx(f"{part}-labels-idx1-ubyte.gz", 8) for part in ("train", "t10k")}
    images, labels = pixels["train"] / 255 - 0.3, classes["train"]
    shown, shown_labels = pixels["t10k"][:2000] / 255 - 0.3, classes["t10k"][:2000]
    print(f"Fashion-MNIST: {len(labels)} images to learn from, {len(shown)} others to compare layers on.")
else:
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images, labels = digits.data[order[:1000]] / 16 - 0.3, digits.target[order[:1000]]
    shown, shown_labels = digits.data[order[1000:]] / 16 - 0.3, digits.target[order[1000:]]
    print(f"Fashion-MNIST is not installed. Digits: {len(labels)} to learn from, {len(shown)} to compare layers on.")
images, shown = (torch.tensor(each, dtype=torch.float32) for each in (images, shown))
labels, shown_labels = (torch.tensor(each.astype(np.int64)) for each in (labels, shown_labels))

# %%
# Training, and recording on the way
# ----------------------------------
# Five hidden layers of 64 units, four seeds. `td.record` keeps what every ReLU gives for images that training doesn't
# see, the same ones at every step.

SEEDS, STEPS, HIDDEN = range(4), (0, 10, 30, 100, 200, 400, 800), 5


def network():
    sizes = [images.shape[1], *[64] * HIDDEN]
    hidden = [part for a, b in itertools.pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(64, 10))


LAYERS = [str(2 * place + 1) for place in range(HIDDEN)]


def trained(seed):
    torch.manual_seed(seed)
    net = network()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
    recorded = {}
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            recorded[step] = td.record(net, shown, LAYERS)
        batch = torch.randint(len(labels), (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return recorded, float((net(shown).argmax(1) == shown_labels).double().mean())


runs, accuracies = zip(*map(trained, SEEDS), strict=True)
print("Accuracy at the end:", *(f"{value:.3f}" for value in accuracies))

# %%
# How far from the end?
# ---------------------
# Every layer at every step against itself at the end. The interval is a jackknife over ten groups of images: it
# tells how much hangs on which images were shown, not on the seed. SVCCA of ten components each stands beside the one
# that keeps 99 % of the variance, however many components that takes.

MEASURES = {
    "unbiased CKA": (td.similarity.cka, {}, "value"),
    "SVCCA, 99 %": (td.similarity.svcca, {}, "mean"),
    "SVCCA, 10 each": (td.similarity.svcca, {"dimensions": 10}, "mean"),
}
rows = []
for seed, recorded in zip(SEEDS, runs, strict=True):
    for step in STEPS[:-1]:
        for place, layer in enumerate(LAYERS, 1):
            pair = recorded[step].pair(layer, layer, recorded[STEPS[-1]])
            for name, (measure, options, field) in MEASURES.items():
                answer = td.resample.with_interval(measure, groups=10)(pair, **options, rng=0)
                value = getattr(answer, field)
                interval = answer.interval if field == "value" else answer.intervals[field]
                rows.append((name, seed, step, place, float(value), float(interval.low), float(interval.high)))
table = pd.DataFrame(rows, columns=["measure", "seed", "step", "layer", "value", "low", "high"])

colours = plt.get_cmap("viridis")(np.linspace(0, 0.85, HIDDEN))
fig, axes = plt.subplots(1, 3, figsize=(11, 3.3), sharey=True, layout="constrained")
for ax, name in zip(axes, MEASURES, strict=True):
    for place, colour in enumerate(colours, 1):
        one = table.query("measure == @name and layer == @place")
        mean = one.groupby("step")["value"].mean()
        for seed, of_seed in one.groupby("seed"):
            at = np.arange(len(of_seed)) + 0.08 * (place - 3) + 0.015 * seed
            ax.vlines(at, of_seed["low"], of_seed["high"], color=colour, lw=0.8, alpha=0.6)
        ax.plot(np.arange(len(mean)) + 0.08 * (place - 3), mean, "o-", ms=3, color=colour, label=f"layer {place}")
    ax.set(title=name, xlabel="training step", xticks=range(len(STEPS) - 1), xticklabels=STEPS[:-1])
axes[0].set_ylabel("similarity to the end")
axes[0].legend(frameon=False, fontsize=7)
width = table.assign(width=table["high"] - table["low"]).groupby("measure")["width"].median()
print("Median length of the intervals:", ", ".join(f"{name} {width[name]:.3f}" for name in MEASURES))

# %%
# From the bottom up?
# -------------------
# For each seed: the similarity to the end, averaged over the steps on the way, against the number of the layer, by
# Spearman's correlation. -1: the lower the layer, the sooner it is what it will be, as the observation has it. +1: the
# opposite. With five layers only the sign and the agreement between seeds say much.

mean = table.groupby(["measure", "seed", "layer"])["value"].mean().unstack()
orders = pd.DataFrame(
    {name: [spearmanr(range(HIDDEN), row).statistic for row in mean.loc[name].to_numpy()] for name in MEASURES}
)
for name in MEASURES:
    down, up = int((orders[name] < 0).sum()), int((orders[name] > 0).sum())
    says = "from the bottom up" if up == 0 else "from the top down" if down == 0 else "either way"
    print(f"{name}: {orders[name].min():+.2f} to {orders[name].max():+.2f} over {len(SEEDS)} seeds: {says}.")
orders.T.round(2).rename_axis(columns="seed")

# %%
# How many dimensions a layer uses
# --------------------------------
# The components that hold 99 % of the variance, on average over the seeds. SVCCA averages its correlations over so
# many, the strongest and the weakest alike, so what one layer is judged by may be three numbers, and another by thirty.

dimensions = pd.DataFrame(
    {
        step: [
            np.mean(
                [float(td.similarity.svcca(one[step].pair(layer, layer, one[STEPS[-1]])).dimensions_x) for one in runs]
            )
            for layer in LAYERS
        ]
        for step in STEPS
    },
    index=pd.Index(range(1, HIDDEN + 1), name="layer"),
).rename_axis(columns="step")
fig, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
drawn = ax.imshow(dimensions, cmap="Blues", aspect="auto")
ax.set(xticks=range(len(STEPS)), xticklabels=STEPS, yticks=range(HIDDEN), yticklabels=dimensions.index)
ax.set(xlabel="training step", ylabel="layer")
fig.colorbar(drawn, label="components for 99 %")
start, end = dimensions[STEPS[0]], dimensions[STEPS[-1]]
print(
    f"Before training from {start.min():.1f} to {start.max():.1f}, at the end from {end.min():.1f} to {end.max():.1f}."
)
dimensions.round(1)

# %%
# Do the seeds end alike?
# -----------------------
# The same layer in two seeds at the end: mean over the six pairs of seeds, and the smallest and largest. Are lower
# layers more alike across seeds than higher ones? Below, Spearman's correlation with the number of the layer, pair by
# pair; the sign of the angle is turned, so that -1 always says that lower layers are the more alike.

ends = {}
for place, layer in enumerate(LAYERS, 1):
    final = {f"seed {seed}": recorded[STEPS[-1]][layer] for seed, recorded in zip(SEEDS, runs, strict=True)}
    found = td.all_pairs(final, None, ["cka", "svcca", "angular_procrustes"])
    pairs = np.triu_indices(len(final), 1)
    for name in ("cka", "svcca.mean", "angular_procrustes"):
        ends[name, place] = found.matrix(name)[pairs]
values = pd.DataFrame(ends)
for name, of_layers in values.T.groupby(level=0):
    sign = -1 if name == "angular_procrustes" else 1
    along = [sign * spearmanr(range(HIDDEN), of_layers[pair]).statistic for pair in of_layers]
    down, up = sum(value < 0 for value in along), sum(value > 0 for value in along)
    print(
        f"{name}: {min(along):+.2f} to {max(along):+.2f}; lower layers are more alike in {down} pairs, higher in {up}."
    )
summary = values.agg(lambda one: f"{one.mean():.3f} ({one.min():.3f} to {one.max():.3f})")
summary.unstack(0).rename_axis("layer")
