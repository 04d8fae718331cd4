"""
The same answers by other means: five networks that add
=======================================================

Networks that learn to add modulo a prime do it with a few frequencies, and each run ends with frequencies of its own
(`Nanda et al. 2023 <https://arxiv.org/abs/2301.05217>`_). So it is known what such networks have in common, and
measures of similarity can be held against it: of networks that give the same answers, do those with common frequencies
come out more alike? Where five `published networks <https://github.com/ApolloResearch/rib>`_ are at hand, this page
shows them; else five smaller ones that are trained on the spot.
"""

# %%
# One block of attention and one hidden layer
# -------------------------------------------
# The tokens are *a*, *b* and "="; the answer is read at the last. Four layers are looked at there: ``mid`` behind the
# attention, the ``hidden`` units, ``post`` behind these, and the ``logits``.

import itertools
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr

import theodolite as td

torch.set_num_threads(1)
LAYERS = ("mid", "hidden", "post", "logits")


def forward(weights, a, b):
    """Compute the four layers at the last token."""
    attention = {key[-3:]: value for key, value in weights.items() if ".attn." in key}
    mlp = {key.split(".")[-1]: value for key, value in weights.items() if ".mlp." in key}
    tokens = torch.stack([a, b, torch.full_like(a, weights["embed.W_E"].shape[0] - 1)], dim=1)
    x = weights["embed.W_E"][tokens] + weights["pos_embed.W_pos"]
    query, key, value = (
        torch.einsum("npd,hde->nhpe", x, attention[f"W_{name}"]) + attention[f"b_{name}"][:, None] for name in "QKV"
    )
    pattern = (query[:, :, -1:] @ key.mT / query.shape[-1] ** 0.5).softmax(-1)
    mixed = torch.einsum("nhe,hed->nd", (pattern @ value)[:, :, 0], attention["W_O"])
    mid = x[:, -1] + mixed + attention["b_O"]
    hidden = torch.relu(mid @ mlp["W_in"] + mlp["b_in"])
    post = mid + hidden @ mlp["W_out"] + mlp["b_out"]
    return dict(zip(LAYERS, (mid, hidden, post, post @ weights["unembed.W_U"] + weights["unembed.b_U"]), strict=True))


# %%
# The networks
# ------------
# They are looked for in ``modular_addition`` in the folder that ``THEODOLITE_ASSETS`` names, and beside the checkout.

FOLDERS = [Path(os.environ.get("THEODOLITE_ASSETS", ".")), Path("../../../shared/data")]
folder = next((one / "modular_addition" for one in FOLDERS if (one / "modular_addition").is_dir()), None)
SEEDS = range(5)


def published(seed):
    with td.open(folder / f"seed{seed}.safetensors") as checkpoint:
        return {
            name: torch.tensor(np.asarray(weight.array(), dtype=np.float32))
            for name, weight in checkpoint.items()
            if "W_" in name or ".b_" in name
        }


def trained(prime, width, hidden, train, steps=500):
    """Train all seeds at once, each with its own start."""
    heads, draws = 2, torch.Generator().manual_seed(0)
    attention = {f"W_{name}": (heads, width, width // heads) for name in "QKV"}
    attention |= {f"b_{name}": (heads, width // heads) for name in "QKV"}
    attention |= {"W_O": (heads, width // heads, width), "b_O": (width,)}
    mlp = {"W_in": (width, hidden), "b_in": (hidden,), "W_out": (hidden, width), "b_out": (width,)}
    shapes = {"embed.W_E": (prime + 1, width), "pos_embed.W_pos": (3, width)}
    shapes |= {f"blocks.0.attn.{name}": shape for name, shape in attention.items()}
    shapes |= {f"blocks.0.mlp.{name}": shape for name, shape in mlp.items()}
    shapes |= {"unembed.W_U": (width, prime + 1), "unembed.b_U": (prime + 1,)}
    weights = {
        name: torch.zeros(len(SEEDS), *shape)
        if ".b_" in name
        else torch.randn(len(SEEDS), *shape, generator=draws) / width**0.5
        for name, shape in shapes.items()
    }
    weights = {name: value.requires_grad_() for name, value in weights.items()}
    optimizer = torch.optim.AdamW(weights.values(), lr=1e-2, weight_decay=1.0, betas=(0.9, 0.98))
    every = torch.func.vmap(forward, (0, None, None))
    answers = (train.sum(1) % prime).repeat(len(SEEDS))
    for _ in range(steps):
        logits = every(weights, *train.T)["logits"].flatten(0, 1)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, answers, reduction="sum").div(len(train)).backward()
        optimizer.step()
    return [{name: value[seed].detach() for name, value in weights.items()} for seed in SEEDS]


def all_sums(prime):
    return torch.tensor(list(itertools.product(range(prime), repeat=2)))


def split(prime, share):
    """Divide all sums at random as the published networks had them: a generator with the seed 0."""
    order = torch.randperm(prime**2, generator=torch.Generator().manual_seed(0))
    return order.tensor_split([int(share * prime**2)])


if folder is None:
    print("The published networks are not at hand. Instead: five smaller ones, modulo 29, trained on 80 % of all sums.")
    prime, share = 29, 0.8
    networks = trained(prime, 32, 128, all_sums(prime)[split(prime, share)[0]])
else:
    print("The published networks, modulo 113, trained on 30 % of all sums.")
    prime, share = 113, 0.3
    networks = [published(seed) for seed in SEEDS]
sums = all_sums(prime)
names = [f"seed {seed}" for seed in SEEDS]
with torch.no_grad():
    activations = [{layer: rows.double().numpy() for layer, rows in forward(net, *sums.T).items()} for net in networks]

# %%
# The same answers
# ----------------
# Accuracy on the sums that were kept from training, and how many of all answers a network shares with the others. The
# published accuracies are 0.9995525, 0.9988813, 1, 0.9997763 and 1.

kept = split(prime, share)[1].numpy()
answers = np.array([one["logits"].argmax(1) for one in activations])
right = answers == (sums.sum(1) % prime).numpy()
same = np.array([[np.mean(one == other) for other in answers] for one in answers])
table = pd.DataFrame({"test accuracy": right[:, kept].mean(1), "least agreement": same.min(1)}, index=names)
print(len(kept), "sums were kept.")
table.map("{:.7f}".format)

# %%
# Other frequencies
# -----------------
# The embedding of the numbers, as a signal over 0, 1, 2, …, has its power at a few frequencies. The overlap of two
# networks is the sum over frequencies of the root of the product of their shares: 1 where the shares are the same, 0
# where no frequency is shared.


def shares(weights):
    power = np.abs(np.fft.rfft(weights["embed.W_E"][:prime].double().numpy(), axis=0)[1:]) ** 2
    return power.sum(1) / power.sum()


spectrum = np.array([shares(net) for net in networks])
overlap = np.sqrt(spectrum) @ np.sqrt(spectrum).T
fig, ax = plt.subplots(figsize=(9, 2.2), layout="constrained")
shown = ax.imshow(spectrum, cmap="Blues", aspect="auto", extent=(0.5, spectrum.shape[1] + 0.5, 4.5, -0.5))
ax.set(xlabel="frequency", yticks=range(5), yticklabels=names)
fig.colorbar(shown, label="share of power")
pd.DataFrame(overlap, names, names).round(2)

# %%
# How alike are they?
# -------------------
# Each layer of each network over the same sums, drawn at random where there are many; six measures.

MEASURES = ["angular_procrustes", "cka", "distance_correlation", "rsa", "svcca", "mutual_knn"]
rows = np.sort(np.random.default_rng(0).permutation(len(sums))[:600])
found = {
    layer: td.all_pairs({name: one[layer][rows] for name, one in zip(names, activations, strict=True)}, None, MEASURES)
    for layer in LAYERS
}
fig, axes = plt.subplots(1, 4, figsize=(11, 2.7), sharey=True, layout="constrained")
for ax, layer in zip(axes, LAYERS, strict=True):
    values = found[layer].matrix("cka")
    shown = ax.imshow(values, cmap="viridis", vmin=0, vmax=1)
    for row, column in itertools.product(SEEDS, repeat=2):
        ink = "black" if values[row, column] > 0.6 else "white"
        ax.text(column, row, f"{values[row, column]:z.2f}", ha="center", va="center", color=ink, fontsize=7)
    ax.set(title=f"cka, {layer}", xticks=SEEDS, xticklabels=SEEDS, yticks=SEEDS, yticklabels=names)
pairs = np.triu_indices(len(names), 1)
for layer in LAYERS:
    alike = found[layer].matrix("cka")[pairs]
    print(f"{layer}: unbiased CKA of two networks from {alike.min():z.2f} to {alike.max():.2f} (by chance 0);", end=" ")
    print(f"share of equal answers at least {same.min():.3f}.")

# %%
# Do they follow the frequencies?
# -------------------------------
# One point for each pair of networks.

fig, axes = plt.subplots(1, 4, figsize=(11, 2.8), sharey=True, layout="constrained")
axes[0].set_ylabel("angular Procrustes")
for ax, layer in zip(axes, LAYERS, strict=True):
    angle = found[layer].matrix("angular_procrustes")[pairs]
    ax.plot(overlap[pairs], angle, "o", color="#0072B2")
    ax.set(title=f"{layer}: {spearmanr(overlap[pairs], angle).statistic:+.2f}", xlabel="overlap of frequencies")

# %%
# Spearman's correlation with the overlap, layer by layer and measure by measure; the sign of the distance is turned, so
# that +1 always means that networks with common frequencies are the more alike. Ten pairs of five networks are not ten
# independent points. The p-value is exact all the same: the networks of one side are renamed in all 120 ways, and it is
# the share of these that give at least as high a correlation.


def followed(values):
    """Correlate with the overlap, and give the share of all renamings that do so as well."""

    def statistic(order):
        return spearmanr(overlap[np.ix_(order, order)][pairs], values[pairs]).statistic

    every = np.array([statistic(order) for order in itertools.permutations(SEEDS)])
    return every[0], float(np.mean(every >= every[0] - 1e-12))


def name_of(measure):
    return "svcca.mean" if measure == "svcca" else measure


tested = {
    (measure, layer): followed(
        found[layer].matrix(name_of(measure)) * (-1 if measure == "angular_procrustes" else 1),
    )
    for measure in MEASURES
    for layer in LAYERS
}
below = [f"{measure} at {layer}" for (measure, layer), (_, p) in tested.items() if p < 0.05]
strongest = max(tested, key=lambda key: tested[key][0])
print(f"{len(below)} of {len(tested)} have p < 0.05, where chance alone gives {0.05 * len(tested):.1f};", end=" ")
print(f"the strongest is {strongest[0]} at {strongest[1]}:", end=" ")
print(f"{tested[strongest][0]:+.2f}.")
pd.DataFrame(
    [
        [f"{tested[measure, layer][0]:+.2f} (p {tested[measure, layer][1]:.3f})" for layer in LAYERS]
        for measure in MEASURES
    ],
    index=MEASURES,
    columns=LAYERS,
)

# %%
# The numbers depend on what is called overlap. With the sum of the smaller shares in its place, for the angle:

smaller = np.minimum(spectrum[:, None], spectrum[None]).sum(-1)
for layer in LAYERS:
    angle = found[layer].matrix("angular_procrustes")[pairs]
    print(f"{layer}: {spearmanr(smaller[pairs], -angle).statistic:+.2f}")

# %%
# Twenty layers as points
# -----------------------
# All layers of all networks, by the angle. A line joins the layers of one network from ``mid`` to ``logits``. Where the
# stress is above 0.2 the plane is too small for the angles: near points may be trusted, exact distances not.

everything = td.all_pairs(
    {name: {layer: one[layer][rows] for layer in LAYERS} for name, one in zip(names, activations, strict=True)},
    measures=["angular_procrustes"],
)
picture = everything.embed(method="metric")
fig, ax = plt.subplots(figsize=(5.5, 4.2), layout="constrained")
for name, points in zip(names, picture.coordinates.reshape(len(names), len(LAYERS), 2), strict=True):
    ax.plot(*points.T, "o-", ms=5, label=name)
    ax.annotate("mid", points[0], fontsize=7, xytext=(3, 3), textcoords="offset points")
ax.set(title=f"stress {picture.stress:.2f}", xticks=[], yticks=[], aspect="equal")
ax.legend(frameon=False, fontsize=8)
nearest = everything.distances().values + np.diag(np.full(len(everything.names), np.inf))
same_net = np.mean([near // len(LAYERS) == place // len(LAYERS) for place, near in enumerate(nearest.argmin(1))])
print(f"The nearest other layer is one of the same network for {100 * same_net:.0f} % of the layers.")
