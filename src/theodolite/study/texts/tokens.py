"""Texts as tokens, all cut to one length, and the vectors that a layer gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import ParameterError, to_numpy
from theodolite.sources.activation_layers import chosen_layers
from theodolite.sources.activation_recorder import ActivationRecorder
from theodolite.sources.running import check_module, device_and_dtype, evaluating

Index = NDArray[np.int64]

_SPECIAL = "special_tokens_mask"
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, eq=False)
class Tokens:
    """A text, cut.

    Attributes
    ----------
    ids : ndarray of int
        Its tokens, without those that the tokenizer puts around every text.
    inputs : dict of str to list of int
        What the model is given, those around it included.
    counted : list of bool
        Of these, which are the text's own.
    words : list of str
        Words of the text as far as it was kept, in small letters.
    """

    ids: Index
    inputs: dict[str, list[int]]
    counted: list[bool]
    words: list[str]

    @property
    def type_token_ratio(self) -> float:
        """Different words per word."""
        return len(set(self.words)) / len(self.words) if self.words else 0.0

    @property
    def unique_token_ratio(self) -> float:
        """Different tokens per token."""
        return np.unique(self.ids).size / self.ids.size


def cut(tokenizer: Any, text: str, length: int) -> Tokens:
    """Make tokens of a text, and keep the first of them.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        The tokenizer.
    text : str
        The text.
    length : int
        How many of its own tokens are kept.

    Returns
    -------
    Tokens
        As many as that, or all where there are fewer.
    """
    around = tokenizer.num_special_tokens_to_add(pair=False)
    found = tokenizer(text, truncation=True, max_length=length + around, padding=False, **{f"return_{_SPECIAL}": True})
    inputs = {name: [int(entry) for entry in found[name]] for name in found if name != _SPECIAL}
    counted = [not special for special in found[_SPECIAL]]
    ids = np.asarray(inputs["input_ids"], dtype=np.int64)[np.asarray(counted, dtype=bool)]
    words = _WORD.findall(tokenizer.decode(ids.tolist()).casefold())
    return Tokens(ids, inputs, counted, words)


def chosen_layer(model: Any, layer: str | None) -> str:
    """Choose one layer.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    layer : str, optional
        Its name, or a pattern that fits it alone; by default the block in the middle.

    Returns
    -------
    str
        Its name.

    Raises
    ------
    ParameterError
        If none fits, or several.
    """
    check_module(model)
    try:
        names = list(chosen_layers(model, layer)[0])
    except ParameterError as error:
        raise ParameterError(str(error).replace("layers:", "layer:", 1)) from None
    if layer is None:
        return names[(len(names) - 1) // 2]
    if len(names) > 1:
        raise ParameterError(
            f"layer: {layer!r} fits {len(names)} layers, {names[0]} and {names[1]} among them; name one"
        )
    return names[0]


def check_length(model: Any, tokenizer: Any, length: int) -> None:
    """Refuse a length that the model has no positions for.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    tokenizer : transformers.PreTrainedTokenizerBase
        The tokenizer.
    length : int
        Tokens of a text.

    Raises
    ------
    ParameterError
        If the model has fewer positions, or the tokenizer is none.
    """
    if not callable(tokenizer) or not hasattr(tokenizer, "num_special_tokens_to_add"):
        raise ParameterError(f"tokenizer is of type {type(tokenizer).__name__}; give one of transformers")
    most = _positions(model)
    around = tokenizer.num_special_tokens_to_add(pair=False)
    if most is not None and most < length + around:
        raise ParameterError(
            f"length is {length}, and the model has {most} positions, {around} of them for the tokens around a text; "
            f"at most {most - around}"
        )


def _positions(model: Any) -> int | None:
    """Say how many tokens a model has positions for, as far as its configuration tells."""
    most = getattr(getattr(model, "config", None), "max_position_embeddings", None)
    if not isinstance(most, int) or most <= 0:
        return None
    # Families that number positions from behind the padding's leave the first ones out (RoBERTa, MPNet).
    tables = (part for name, part in model.named_modules() if name.endswith("position_embeddings"))
    skipped = [part.padding_idx + 1 for part in tables if getattr(part, "padding_idx", None) is not None]
    return most - max(skipped, default=0)


def vectors(model: Any, layer: str, texts: Sequence[Tokens], batch_size: int) -> Iterator[NDArray[Any]]:
    """Run a model over texts of one length.

    Parameters
    ----------
    model : torch.nn.Module
        The model; it stays where and as it was.
    layer : str
        Whose vectors are taken.
    texts : sequence of Tokens
        The texts.
    batch_size : int
        How many run together.

    Yields
    ------
    ndarray of shape (tokens, features)
        The vectors of each text in turn.

    Raises
    ------
    ParameterError
        If the layer has no vector for each token.
    """
    import torch

    device, _ = device_and_dtype(model)
    for start in range(0, len(texts), batch_size):
        batch = texts[start : start + batch_size]
        names = batch[0].inputs
        given = {name: torch.tensor([each.inputs[name] for each in batch], device=device) for name in names}
        counted = torch.tensor([each.counted for each in batch])
        with evaluating(model), torch.no_grad(), ActivationRecorder(model, [layer], tokens="each") as recorder:
            with recorder.batch(len(batch), counted) as rows:
                model(**given)
            kept = rows[layer].float()
        if len(kept) != sum(each.ids.size for each in batch):
            raise ParameterError(f"layer: {layer!r} gives no vector for each token; name a block, or leave it out")
        yield from to_numpy(kept.reshape(len(batch), -1, kept.shape[-1]))
