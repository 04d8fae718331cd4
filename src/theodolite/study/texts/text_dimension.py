"""Measure the dimension of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from theodolite.core import ParameterError
from theodolite.core.progress import Clock, Progress
from theodolite.sources.running import described
from theodolite.study.texts.estimates import TextReading, refused_reading, text_reading
from theodolite.study.texts.result import TextDimensions
from theodolite.study.texts.settings import TextSettings
from theodolite.study.texts.tokens import Tokens, check_length, chosen_layer, cut, vectors

Texts = Mapping[str, Iterable[str]] | Iterable[str]

_ALONE = "texts"
"""What texts are called that are given without a name."""


def text_dimension(
    model: Any,
    tokenizer: Any,
    texts: Texts,
    *,
    layer: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> TextDimensions:
    """Estimate how many dimensions the token vectors of each text have, and compare genres by them.

    Every text is cut to the same number of tokens, since all of these numbers depend on it, and shorter ones are
    refused. What a tokenizer puts around a text (CLS, SEP, BOS) is given to the model and not measured.

    Parameters
    ----------
    model : torch.nn.Module
        A transformer, as `transformers` makes it; it runs where it is, and stays as it was.
    tokenizer : transformers.PreTrainedTokenizerBase
        Its tokenizer.
    texts : iterable of str, or mapping of str to iterable of str
        The texts, or those of each genre by name.
    layer : str, optional
        Whose vectors are taken, by name as `named_modules` gives it; by default the block in the middle.
    progress : callable, optional
        Called with `Progress` before the first text and after each.
    **options
        Fields of `TextSettings`: ``length=160``, ``alpha=1.0``, ``repeats=10``, ``reruns=3``, ``k=20``, ``rng=0``,
        ``batch_size=16``.

    Returns
    -------
    TextDimensions
        Every text with its numbers, the genres, and how well each number tells them apart: dimensions, and beside them
        the share of different words and of different tokens.

    Raises
    ------
    ParameterError
        If an option, the layer or the texts don't fit, or no text is long enough.
    TypeError
        If the model is no module.
    Refusal
        If vectors are not finite.

    Notes
    -----
    `ph_dimension` is the inverse of the mean inverse over the reruns. Its standard error says what other tokens would
    change, its spread what other draws would. A difference between genres that the share of different tokens shows as
    well may be nothing else: repeated words have vectors close to each other, which lowers every dimension.

    References
    ----------
    E. Tulchinskii et al., Intrinsic dimension estimation for robust detection of AI-generated texts, NeurIPS 2023,
    arXiv:2306.04723. Genres: V. Pedashenko et al., Unveiling intrinsic dimension of texts: from academic abstract to
    creative story, 2025, arXiv:2511.15210.

    Examples
    --------
    >>> model, tokenizer = load_transformer("models/minilm")  # doctest: +SKIP
    >>> found = text_dimension(model, tokenizer, {"news": news, "stories": stories})  # doctest: +SKIP
    >>> print(found.explain())  # doctest: +SKIP
    """  # noqa: DOC502 - raised by what is called
    settings = TextSettings.of(**options)
    layer = chosen_layer(model, layer)
    check_length(model, tokenizer, settings.length)
    clouds = _checked(texts)
    cuts = [
        (genre, place, cut(tokenizer, text, settings.length))
        for genre, members in clouds.items()
        for place, text in enumerate(members)
    ]
    long = [each for each in cuts if each[2].ids.size == settings.length]
    if not long:
        most = max(each[2].ids.size for each in cuts)
        raise ParameterError(f"length is {settings.length}, and the longest text has {most} tokens; none is left")
    clock = Clock(len(long), len(long), progress)
    measured: dict[tuple[str, int], TextReading] = {}
    runs = vectors(model, layer, [tokens for _, _, tokens in long], settings.batch_size)
    for (genre, place, tokens), rows in zip(long, runs, strict=True):
        measured[genre, place] = text_reading(genre, place, tokens, rows, settings)
        clock.finished(f"{genre} {place + 1}", 1, computed=True, failed=0)
    readings = tuple(_reading(measured, each, settings) for each in cuts)
    return TextDimensions(readings, tuple(clouds), type(model).__name__, layer, settings)


def _reading(
    measured: Mapping[tuple[str, int], TextReading], given: tuple[str, int, Tokens], settings: TextSettings
) -> TextReading:
    found = measured.get(given[:2])
    return refused_reading(*given, settings) if found is None else found


def _checked(texts: Texts) -> dict[str, list[str]]:
    if isinstance(texts, str):
        raise ParameterError("texts is one text; give a list of them, or a mapping of genres to lists")
    genres = texts if isinstance(texts, Mapping) else {_ALONE: texts}
    found = {str(genre): [members] if isinstance(members, str) else list(members) for genre, members in genres.items()}
    for genre, members in found.items():
        if not members:
            raise ParameterError(f"texts: {genre!r} has none")
        odd = next((one for one in members if not isinstance(one, str)), None)
        if odd is not None:
            raise ParameterError(f"texts: {genre!r} holds something {described(odd)}; give strings")
    if not found:
        raise ParameterError("texts: there are none")
    return found
