"""
Do learning rate and weight decay carry over to another width?
==============================================================

Small networks of four widths learn digits with AdamW: with the same learning rate and weight decay at every width, with
both carried over from the narrowest by the rule that is to hold the largest singular values where they are, and with
another common rule. The spectra of the trained weights tell the families apart. It is shown as it comes out.
"""

# %%
# A network of any width
# ----------------------
# Two residual layers between normalisations, a fixed input and a fixed output. The output is divided by the width, as
# the maximal-update parameterisation does it, so that input, head, gains and biases keep their learning rate.

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

import theodolite as td

torch.set_num_threads(1)
WIDTHS = (32, 64, 128, 256)
STEPS, BATCH = 1500, 16
LEARNING_RATE, WEIGHT_DECAY, VECTOR_LEARNING_RATE = 4e-3, 1.0, 2e-3

images, digits = load_digits(return_X_y=True)
images, digits = torch.tensor(images / 16 - 0.3, dtype=torch.float32), torch.tensor(digits)
train, test = slice(0, 1400), slice(1400, None)


class Network(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.input = nn.Linear(64, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(2))
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(3))
        self.head = nn.Linear(width, 10)
        self.divisor = width / WIDTHS[0]

    def forward(self, x):
        x = self.norms[0](self.input(x))
        for layer, norm in zip(self.hidden, self.norms[1:], strict=True):
            x = norm(x + torch.relu(layer(x)))
        return self.head(x) / self.divisor


# %%
# Three ways to set AdamW
# -----------------------
# By the rule the learning rate of the hidden matrices goes as one over the width and their weight decay as its root.
# The other common rule divides the learning rate in the same way and keeps its product with the weight decay.

carried = {
    width: td.transfer_hyperparameters(
        LEARNING_RATE,
        WEIGHT_DECAY,
        width=WIDTHS[0],
        target_width=width,
        vector_learning_rate=VECTOR_LEARNING_RATE,
    )
    for width in WIDTHS
}
print(carried[WIDTHS[-1]].explain())

SAME, CARRIED, PRODUCT = "the same at every width", "carried over", "constant product"
PREDICTED = {SAME: 0.75, CARRIED: 0.0, PRODUCT: -0.25}


# %%
# Training
# --------
# 1500 steps are 6 times 1/(learning rate x weight decay), the time in which the weights forget what they were; at the
# widest network, carried over, they are twice that time.


def trained(width, learning_rate, weight_decay):
    torch.manual_seed(0)
    network, draws = Network(width), torch.Generator().manual_seed(0)
    hidden = list(network.hidden.parameters())
    others = [parameter for name, parameter in network.named_parameters() if not name.startswith("hidden")]
    optimizer = torch.optim.AdamW(
        [
            {"params": hidden, "lr": learning_rate, "weight_decay": weight_decay},
            {"params": others, "lr": VECTOR_LEARNING_RATE, "weight_decay": 0.0},
        ],
        betas=(0.9, 0.95),
    )
    for _ in range(STEPS):
        batch = torch.randint(0, train.stop, (BATCH,), generator=draws)
        loss = nn.functional.cross_entropy(network(images[batch]), digits[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (network(images[test]).argmax(1) == digits[test]).float().mean()
    return network, float(right)


def settings(name, width):
    if name == SAME:
        return LEARNING_RATE, WEIGHT_DECAY
    matrices = carried[width]["matrix-like"]
    return matrices.learning_rate, (
        matrices.weight_decay if name == CARRIED else WEIGHT_DECAY * LEARNING_RATE / matrices.learning_rate
    )


families, accuracies = {name: {} for name in PREDICTED}, {}
for width in WIDTHS:
    for name, models in families.items():
        models[f"width {width}"], accuracies[name, width] = trained(width, *settings(name, width))

# %%
# What the spectra say
# --------------------
# One call for each family. The widths are told from the shapes.

found = {name: td.width_transfer(models) for name, models in families.items()}
for name, result in found.items():
    print(f"{name}: {result.headline()}")
    for matrix in result.judged:
        print(f"  {matrix.explain()}")
    print("  accuracy on test digits:", *(f"{accuracies[name, width]:.3f}" for width in WIDTHS))

# %%
# The law of the steady state, sqrt(learning rate / weight decay) x width^0.75, predicts a slope for each family. It was
# found on transformers. How far these little networks follow it:

for name, result in found.items():
    print(f"{name}: predicted {PREDICTED[name]:+.2f}, median of the matrices {result.median_slope:+.2f}")

# %%
# Dotted: the prediction. To the right: the spectra of one matrix over their largest value, at the four widths. The law
# supposes that this shape does not depend on the width. Here it does: the wider the network, the faster its spectra
# fall.

fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.3), layout="constrained")
for (name, result), colour in zip(found.items(), ("#D55E00", "#009E73", "#0072B2"), strict=True):
    matrix = result.judged[0]
    axes[0].loglog(result.widths, matrix.sigma, "o-", ms=4, color=colour, label=name)
    law = [matrix.sigma[0] * (width / WIDTHS[0]) ** PREDICTED[name] for width in WIDTHS]
    axes[0].loglog(WIDTHS, law, ":", color=colour)
axes[0].set(
    xlabel="width", ylabel="largest singular value", title=found[SAME].judged[0].name, xticks=WIDTHS, xticklabels=WIDTHS
)
axes[0].minorticks_off()
axes[0].legend(frameon=False, fontsize=7)
for ax, name in zip(axes[1:], (SAME, CARRIED), strict=True):
    result = found[name]
    matrix = result.judged[0]
    for width, curve, tone in zip(result.widths, matrix.curves, (0.75, 0.55, 0.35, 0.1), strict=True):
        ax.plot(*zip(*curve, strict=True), color=str(tone), label=f"{width:g}")
    ax.set(xlabel="i / n", ylabel="s_i / s_1", title=f"{matrix.name}\n{name}", ylim=(0, 1))
    ax.title.set_size(9)
axes[2].legend(frameon=False, fontsize=7, title="width", title_fontsize=7)
