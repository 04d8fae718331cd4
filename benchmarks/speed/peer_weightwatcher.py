"""The peer's side of `spectra.py`, in an environment of its own: one line of JSON for each line it reads."""

import contextlib
import io
import json
import logging
import sys
import time
import warnings

import torch

COLUMNS = [
    "longname", "alpha", "xmin", "D", "sigma", "num_pl_spikes", "alpha_weighted", "log_alpha_norm", "log_norm",
    "log_spectral_norm", "norm", "spectral_norm", "stable_rank", "matrix_rank", "entropy",
]  # fmt: skip


FULL = ["sigma_mp", "num_spikes", "mp_softrank", "detX_num"]


def module_tree(tensors: dict[str, torch.Tensor]) -> torch.nn.Module:
    """Build bare modules around weights, so that no model class is needed: the peer looks at types and weights."""
    root = torch.nn.Module()
    for name, tensor in tensors.items():
        path, _, leaf = name.rpartition(".")
        if leaf != "weight" or tensor.ndim not in {2, 4}:
            continue
        parent = root
        *stems, last = path.split(".")
        for stem in stems:
            if not hasattr(parent, stem):
                parent.add_module(stem, torch.nn.Module())
            parent = getattr(parent, stem)
        parent.add_module(last, _layer(name, tensor))
    return root


def _layer(name: str, tensor: torch.Tensor) -> torch.nn.Module:
    if tensor.ndim == 4:
        out, into, *kernel = tensor.shape
        layer: torch.nn.Module = torch.nn.Conv2d(into, out, tuple(kernel), bias=False)
    elif "embeddings" in name:
        layer = torch.nn.Embedding(*tensor.shape)
    else:
        layer = torch.nn.Linear(tensor.shape[1], tensor.shape[0], bias=False)
    layer.weight = torch.nn.Parameter(tensor, requires_grad=False)
    return layer


def load(path: str) -> dict[str, torch.Tensor]:
    """Read a checkpoint of either format."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name.removeprefix("module."): tensor for name, tensor in state["state_dict"].items()}


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()):
        import weightwatcher

        model = module_tree(load(sys.argv[1]))
        watcher = weightwatcher.WeightWatcher(model=model)
    full = sys.argv[2] == "full"
    for _ in sys.stdin:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            start = time.perf_counter()
            details = watcher.analyze(mp_fit=True, randomize=True, detX=True) if full else watcher.analyze()
            seconds = time.perf_counter() - start
        columns = COLUMNS + FULL if full else COLUMNS
        print(json.dumps({"seconds": seconds, "rows": details[columns].to_dict("records")}), flush=True)


if __name__ == "__main__":
    main()
