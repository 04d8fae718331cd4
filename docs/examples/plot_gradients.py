"""
What would this text teach the model?
=====================================

Li et al. (2025) look at the gradients that single examples make, and find that better data come with smaller nuclear
norms and higher effective ranks. Here a small transformer has learned a little of Python's own documentation, letter by
letter, and is shown more of it: as it is, with its words shuffled, and with its letters shuffled, and in pieces of
several lengths. What the numbers are is computed below, and reported as it comes out.
"""

# %%
# A model that has read something
# -------------------------------
# ``pydoc_data.topics`` is what ``help("for")`` prints. The last part is kept; the model trains on the rest for some
# seconds, enough to know words and no more.

import random
import time
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

import theodolite as td

started = time.process_time()
torch.set_num_threads(1)
torch.manual_seed(0)

text = "\n".join(topics[name] for name in sorted(topics))
letters = sorted(set(text))
code = {letter: place for place, letter in enumerate(letters)}
seen, kept = text[:-60_000], text[-60_000:]
WIDTH, CONTEXT, STEPS, BATCH = 64, 64, 300, 24


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x):
        n, length, _ = x.shape
        split = (
            project(x).view(n, length, 4, -1).transpose(1, 2) for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = nn.functional.scaled_dot_product_attention(*split, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).reshape(n, length, WIDTH))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_in, self.self_attn, self.norm_mid = nn.LayerNorm(WIDTH), Attention(), nn.LayerNorm(WIDTH)
        self.up_proj, self.down_proj = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        x = x + self.self_attn(self.norm_in(x))
        return x + self.down_proj(torch.relu(self.up_proj(self.norm_mid(x))))


class Writer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(len(letters), WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.layers = nn.Sequential(*(Block() for _ in range(3)))
        self.norm, self.lm_head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, len(letters))

    def forward(self, tokens):
        x = self.embed_tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        return self.lm_head(self.norm(self.layers(x)))


model = Writer()
codes = torch.tensor([code[letter] for letter in seen])
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for _ in range(STEPS):
    rows = codes[torch.randint(len(codes) - CONTEXT, (BATCH, 1)) + torch.arange(CONTEXT + 1)]
    loss = nn.functional.cross_entropy(model(rows[:, :-1]).transpose(1, 2), rows[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
round(loss.item(), 2)

# %%
# The same text, worse and worse
# ------------------------------
# 48 pieces of the part that was kept. Their words are shuffled within each piece, then their letters: every piece keeps
# its length and its letters.

EXAMPLES = 48
pieces = [kept[start : start + CONTEXT + 1] for start in range(0, EXAMPLES * 1000, 1000)]
shuffle = random.Random(0)


def shuffled_words(piece):
    words = piece.split(" ")
    shuffle.shuffle(words)
    return " ".join(words)


def shuffled_letters(piece):
    return "".join(shuffle.sample(piece, len(piece)))


def data(some, length=CONTEXT):
    rows = torch.tensor([[code[letter] for letter in piece[: length + 1]] for piece in some])
    return rows[:, :-1], rows[:, 1:]


texts = {
    "as it is": pieces,
    "words shuffled": [shuffled_words(piece) for piece in pieces],
    "letters shuffled": [shuffled_letters(piece) for piece in pieces],
}
print(texts["as it is"][0], texts["words shuffled"][0], texts["letters shuffled"][0], sep="\n---\n")

# %%
# Gradients, example by example
# -----------------------------
# ``td.gradients`` gives, for every linear layer, the mean over examples with its standard error; beside it, in
# ``chance``, the same number where the targets of all pieces are dealt out anew.

readings = {name: td.gradients(model, data(some), name=name, batch_size=16) for name, some in texts.items()}


def column(found, field, of="value"):
    return pd.Series({found.target(row.target).module: getattr(row, of) for row in found.where(f"gradient.{field}")})


table = pd.DataFrame(
    {
        (field, name): column(found, field)
        for field in ("nuclear_norm", "effective_rank")
        for name, found in readings.items()
    }
)
table.round(2)

# %%
# The losses: what the model expects of these texts, and of the same letters at the wrong places.

pd.DataFrame(
    {name: found.where("gradient.loss").frame.iloc[0][["value", "se", "chance"]] for name, found in readings.items()}
).round(2)

# %%
# In the picture every layer has its mean with two standard errors on each side; the stroke
# is the null.

figure, panels = plt.subplots(1, 2, figsize=(11, 6), sharey=True)
for panel, field in zip(panels, ("nuclear_norm", "effective_rank"), strict=True):
    for offset, (name, found) in zip((-0.22, 0, 0.22), readings.items(), strict=True):
        value, error, chance = (column(found, field, of).astype(float) for of in ("value", "se", "chance"))
        places = np.arange(len(value)) + offset
        drawn = panel.errorbar(value, places, xerr=2 * error, fmt="o", markersize=4, label=name)
        panel.scatter(chance, places, marker="|", s=60, color=drawn[0].get_color(), alpha=0.6)
    panel.set_xlabel(field.replace("_", " "))
panels[0].set_xscale("log")
panels[0].set_xticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
panels[0].tick_params(axis="x", which="minor", labelbottom=False)
panels[0].set_yticks(range(len(value)), value.index)
panels[0].invert_yaxis()
panels[1].legend(loc="lower right")
figure.tight_layout()

# %%
# In how many layers is the ranking that of the paper, with the smaller norm and the higher rank for the better text?

verdicts = {}
for worse in ("words shuffled", "letters shuffled"):
    for field, sign in (("nuclear_norm", 1), ("effective_rank", -1)):
        gap = sign * (column(readings[worse], field) - column(readings["as it is"], field))
        error = np.hypot(column(readings[worse], field, "se"), column(readings["as it is"], field, "se"))
        verdicts[worse, field] = {
            "as the paper says": int((gap > 0).sum()),
            "by two standard errors": int((gap > 2 * error).sum()),
            "opposite by two": int((gap < -2 * error).sum()),
            "layers": len(gap),
        }
pd.DataFrame.from_dict(verdicts, orient="index")

# %%
# Length alone
# ------------
# The same text, as it is, in pieces of 8 to 64 letters. Both numbers move with the length, for true targets and for
# targets that were dealt out; that is why two data sets are compared at equal lengths, or each with its own null.

lengths = {}
for length in (8, 16, 32, 64):
    found = td.gradients(model, data(pieces, length), batch_size=16)
    for field in ("nuclear_norm", "effective_rank"):
        lengths.setdefault((field, "true"), {})[length] = column(found, field).mean()
        lengths.setdefault((field, "dealt out"), {})[length] = column(found, field, "chance").mean()
by_length = pd.DataFrame(lengths)
by_length.round(2)

# %%
# The cosines
# -----------
# Between the projections of one attention, and between neighbouring blocks: smallest, mean and largest over layers.

cosines = readings["as it is"].frame.query("field.str.endswith('_cosine')")
cosines.groupby("field")["value"].agg(["count", "min", "mean", "max"]).round(3)

# %%
# All of it took this many seconds of processor time.

round(time.process_time() - started, 1)
