"""Transformers and their tokenizers, from a folder."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from theodolite.sources.errors import CheckpointError, shown

_REMEDY = "Give a folder with config.json, weights and the tokenizer's files, as save_pretrained writes them."


def load_transformer(folder: str | os.PathLike[str]) -> tuple[Any, Any]:
    """Load a transformer and its tokenizer, as transformers itself does, from files on this machine alone.

    Parameters
    ----------
    folder : path
        Of a model as ``save_pretrained`` writes it, the tokenizer beside it. Code that it brings is not run.

    Returns
    -------
    model : torch.nn.Module
        Without a head, in float32, in evaluation mode; of models with an encoder and a decoder, the encoder.
    tokenizer : transformers.PreTrainedTokenizerBase
        Its tokenizer.

    Raises
    ------
    CheckpointError
        If the folder holds no model that transformers knows, no tokenizer, or not all of the weights.
    ImportError
        If transformers is not installed.
    """
    place = Path(folder)
    if not place.is_dir():
        raise CheckpointError("it is no folder", file=place, remedy=_REMEDY)
    try:
        transformers = importlib.import_module("transformers")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"transformers cannot be imported ({error}); it comes with the extra [transformers]"
        ) from error
    broken = importlib.import_module("safetensors").SafetensorError
    here = {"local_files_only": True, "trust_remote_code": False}
    with _quiet(transformers):
        try:
            model, loading = transformers.AutoModel.from_pretrained(str(place), output_loading_info=True, **here)
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(place), **here)
        except (OSError, ValueError, KeyError, RuntimeError, ImportError, broken) as error:
            seen = shown(next(iter(str(error).splitlines()), type(error).__name__)).removesuffix(".")
            raise CheckpointError(f"transformers can't load it ({seen})", file=place, remedy=_REMEDY) from error
    # Without its files, transformers makes some tokenizers up that know no word.
    files = {"tokenizer.json", *getattr(type(tokenizer), "vocab_files_names", {}).values()}
    if len(files) > 1 and not any((place / file).is_file() for file in files):
        listed = ", ".join(sorted(files))
        raise CheckpointError(f"it holds no tokenizer: none of {listed}", file=place, remedy=_REMEDY)
    # What is missing would be drawn at random. The pooler stands behind all tokens.
    lacking = sorted(name for name in loading["missing_keys"] if not name.startswith("pooler."))
    if lacking:
        raise CheckpointError(
            f"{len(lacking)} weights of the model are not in its files, {shown(lacking[0])} among them",
            file=place,
            remedy=_REMEDY,
        )
    if getattr(model.config, "is_encoder_decoder", False):
        model = model.get_encoder()
    return model.float().eval(), tokenizer


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    told = transformers.utils.logging
    level, bars = told.get_verbosity(), told.is_progress_bar_enabled()
    told.set_verbosity(told.CRITICAL)
    told.disable_progress_bar()
    try:
        yield
    finally:
        told.set_verbosity(level)
        if bars:
            told.enable_progress_bar()
