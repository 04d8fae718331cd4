"""
Is it a power law?
==================

Four laws are fitted to the same tails: a power law, one with an exponential cut-off, an exponential and a lognormal.
First to samples that were planted, where the answer is known; then to the layers of the small transformer that comes
with the package, and to noise of the same shapes.
"""

# %%
# Planted tails
# -------------
# 600 eigenvalues each, drawn from a law above 1. The start of the common tail is the one that the planted family's own
# search finds.

from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import theodolite as td
from theodolite.numerics.tail_laws import FAMILIES, TailSums, fit_law, survival
from theodolite.spectra import exponential_tail, lognormal_tail, power_law, tail_comparison, truncated_power_law

rng = np.random.default_rng(0)


def cut_off(count, beta, rate):
    """Draw from the power law, and keep each draw with the probability that the cut-off leaves it."""
    kept = np.empty(0)
    while kept.size < count:
        drawn = (1 - rng.random(4 * count)) ** (-1 / (beta - 1))
        kept = np.append(kept, drawn[rng.random(drawn.size) < np.exp(-rate * (drawn - 1))])
    return kept[:count]


planted = {
    "power_law": (1 - rng.random(600)) ** (-1 / 1.5),
    "truncated_power_law": cut_off(600, 1.5, 0.03),
    "exponential": 1 + rng.exponential(4.0, 600),
    "lognormal": np.exp(1.2 * rng.standard_normal(600)),
}
spectra = {family: td.Spectrum.from_eigenvalues(values) for family, values in planted.items()}
answers = {family: tail_comparison(spectrum, xmin=family) for family, spectrum in spectra.items()}
pd.DataFrame(
    {
        "tail": {family: int(found.tail_size) for family, found in answers.items()},
        "not ruled out": {family: ", ".join(found.not_ruled_out) for family, found in answers.items()},
        "preferred": {family: found.preferred or "can't tell" for family, found in answers.items()},
    }
)

# %%
# The tails and their fits
# ------------------------
# The share of eigenvalues above each value, and the four laws fitted to the whole tail. On these axes a power law is
# straight.

colours = dict(zip(FAMILIES, ("#0072B2", "#E69F00", "#009E73", "#CC79A7"), strict=True))


def draw(ax, values, start, title):
    """Draw the tail above a start with the four laws."""
    tail = np.sort(values[values >= start])
    sums, y = TailSums.of(tail, np.array([0])), np.linspace(0, np.log(tail[-1] / tail[0]), 200)
    ax.loglog(tail, 1 - np.arange(tail.size) / tail.size, ".", color="0.6", ms=3)
    for family in FAMILIES:
        law = fit_law(family, sums)[0][:, 0]
        if np.all(np.isfinite(law)):
            share = survival(family, law, y)
            shown = share > 0.3 / tail.size
            ax.plot(start * np.exp(y[shown]), share[shown], color=colours[family], label=family.replace("_", " "))
    ax.set(title=title, xlabel="eigenvalue", ylim=(0.3 / tail.size, 1.3))


fig, axes = plt.subplots(1, 4, figsize=(11, 3), sharey=True, layout="constrained")
for ax, (family, values) in zip(axes, planted.items(), strict=True):
    draw(ax, values, float(answers[family].xmin), f"planted: {family.replace('_', ' ')}")
axes[0].set_ylabel("share above")
axes[-1].legend(frameon=False, fontsize=7)

# %%
# Layers of a trained network, and noise
# --------------------------------------
# Each family searches for its own start. Where the cut-off alone explains a tail, ``beta`` is not a number but the
# outcome ``AT_BOUND``.

with td.open(files("theodolite.cli") / "demo_model") as checkpoint:
    trained = {
        name: np.asarray(weight.array(), dtype=np.float64)
        for name, weight in checkpoint.items()
        if weight.listed_because is None and ".layers." in name
    }
noise = {name: rng.normal(scale=matrix.std(), size=matrix.shape) for name, matrix in trained.items()}
families = [power_law, truncated_power_law, exponential_tail, lognormal_tail, tail_comparison]
readings = {"trained": td.survey(trained, families), "noise": td.survey(noise, families)}
beta = pd.DataFrame(
    {
        label: survey.where("truncated_power_law.beta").frame["outcome"].fillna("fitted").value_counts()
        for label, survey in readings.items()
    }
)
beta.fillna(0).astype(int)

# %%
# What the tails prefer
# ---------------------
# How many layers leave each family standing, at the start that the power law prefers. A layer may leave several: then
# its tail can't tell them apart.

counts = {}
for label, matrices in (("trained", trained), ("noise", noise)):
    left = [tail_comparison(matrix).not_ruled_out for matrix in matrices.values()]
    counts[label] = {family: sum(family in names for names in left) for family in FAMILIES}
    counts[label]["only one left"] = sum(len(names) == 1 for names in left)
pd.DataFrame(counts)

# %%
# One layer in full
# -----------------
# The layer whose exponential fits worst, relative to the power law, and its twin of noise.

ratios = readings["trained"].where("tail_comparison.power_law_over_exponential").frame.dropna(subset=["value"])
name = ratios.loc[ratios["value"].idxmax(), "module"]
full = next(key for key in trained if name in key)
fig, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
for ax, (label, matrices) in zip(axes, (("trained", trained), ("noise", noise)), strict=True):
    spectrum = td.Spectrum(matrices[full])
    draw(ax, spectrum.eigenvalues, float(power_law(spectrum).xmin), f"{label}: {name}")
axes[0].set_ylabel("share above")
axes[1].legend(frameon=False, fontsize=7)
