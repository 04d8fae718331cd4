"""
What does training leave in a spectrum?
=======================================

A random matrix has a spectrum that theory knows. This example surveys the small transformer that comes with the
package beside a twin of the same shapes that was never trained, and looks at the three numbers by which a report tells
them apart.
"""

# %%
# Two networks of one shape
# -------------------------
# The trained one is opened from the installed package. Its twin holds Gaussian entries of the same variance.

from importlib.resources import files

import matplotlib.pyplot as plt
import numpy as np

import theodolite as td

with td.open(files("theodolite.cli") / "demo_model") as checkpoint:
    trained = {
        name: np.asarray(weight.array(), dtype=np.float64)
        for name, weight in checkpoint.items()
        if weight.listed_because is None and ".layers." in name
    }
rng = np.random.default_rng(0)
twin = {name: rng.normal(scale=matrix.std(), size=matrix.shape) for name, matrix in trained.items()}
len(trained)

# %%
# One survey each
# ---------------
# A mapping of arrays is surveyed like a file. ``pivot`` lays the readings out with one row a layer.

readings = {"trained": td.survey(trained), "never trained": td.survey(twin)}
columns = ["power_law.alpha", "stable_rank", "effective_rank"]
readings["trained"].where(module="*layers*").pivot(*columns).round(2).head(8)

# %%
# Against chance, not against a rule of thumb
# -------------------------------------------
# Every exponent comes with its percentile among Gaussian matrices of the same shape. Percentiles of the untrained twin
# scatter evenly; those of the trained layers don't.

fig, axes = plt.subplots(1, 3, figsize=(10, 3), sharey=True, layout="constrained")
for ax, column in zip(axes, columns, strict=True):
    for (label, survey), colour in zip(readings.items(), ("#0072B2", "#E69F00"), strict=True):
        rows = survey.where(column).frame.query("module != '*'")
        ax.plot(np.sort(rows["percentile"]), np.linspace(0, 1, len(rows)), "o-", ms=3, label=label, color=colour)
    ax.set(xlabel="percentile of chance", title=column)
axes[0].set_ylabel("share of layers")
axes[0].legend(frameon=False)

# %%
# One layer in full
# -----------------
# The eigenvalues of one trained matrix above those of its twin, largest first. What stands above the twin's largest is
# what training put there.

name = next(iter(trained))
fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
for matrix, label, colour in ((trained[name], "trained", "#0072B2"), (twin[name], "never trained", "#E69F00")):
    eigenvalues = td.Spectrum(matrix).eigenvalues[::-1]
    ax.loglog(np.arange(1, eigenvalues.size + 1), eigenvalues, ".", label=label, color=colour)
ax.set(xlabel="rank", ylabel="eigenvalue", title=name)
ax.legend(frameon=False)
