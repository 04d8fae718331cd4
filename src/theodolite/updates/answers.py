"""One version of a model, run on examples: what it answers, and how sure it is of what is right."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from theodolite.core import ParameterError
from theodolite.core.progress import Clock, Progress
from theodolite.generalization.batches import Batches
from theodolite.generalization.evaluation import outputs
from theodolite.sources import Recorder
from theodolite.sources.running import evaluating
from theodolite.updates.decisions import IGNORED, Answers


def answers(
    model: Any,
    data: Any,
    /,
    *,
    batch_size: int = 256,
    layer: str | None = None,
    name: str = "model",
    progress: Callable[[Progress], None] | None = None,
) -> Answers:
    """Run a classifier on examples and keep what `update_compatibility` needs: two numbers a label, no logits.

    Parameters
    ----------
    model : torch.nn.Module
        The model, on any device; it stays as it is.
    data : Batches, pair of arrays or iterable of batches
        Inputs and targets; of the same examples in the same order for both versions.
    batch_size : int
        How many examples are run at a time where arrays are given.
    layer : str, optional
        A layer whose output is kept as the embedding of each example: of tokens the mean over those that are not
        masked, of maps all of them in one row.
    name : str
        What it is called in the progress.
    progress : callable, optional
        Called with `Progress` before the first batch and after each.

    Returns
    -------
    Answers
        Predictions, probabilities and labels.

    Raises
    ------
    ParameterError
        If there are no data, or examples differ in their number of positions. Logits that can't be judged are a
        `LogitsError`.
    """
    batches = data if isinstance(data, Batches) else Batches(data, batch_size=batch_size)
    clock = Clock(batches.total or 0, float(batches.total or 0), progress)
    kept: list[tuple[Any, Any, Any]] = []
    embedded: list[Any] = []
    with evaluating(model), _listening(model, layer) as listen:
        for place, (inputs, targets) in enumerate(batches):
            with listen(inputs, len(targets)) as rows:
                seen = outputs(model, inputs, targets)
            embedded += [one.double().cpu().numpy() for one in rows.values()]
            right = (seen.logits.double().log_softmax(-1)).gather(-1, seen.targets.unsqueeze(-1)).squeeze(-1).exp()
            labels = seen.targets.masked_fill(~seen.counted, IGNORED)
            kept.append(tuple(each.cpu().numpy() for each in (seen.logits.argmax(-1), right, labels)))
            clock.finished(f"{name}, batch {place + 1}", 1.0, computed=True, failed=0)
    if not kept:
        raise ParameterError("data: there is no example")
    widths = {part[0].shape[1] for part in kept}
    if len(widths) > 1:
        raise ParameterError(f"data: batches have {min(widths)} to {max(widths)} positions; pad them to one length")
    predicted, scores, labels = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    embeddings = np.concatenate(embedded) if embedded else None
    return Answers(predicted, np.where(labels == IGNORED, 0.0, scores), labels, embeddings)


@contextmanager
def _listening(model: Any, layer: str | None) -> Generator[Callable[[Any, int], Any], None, None]:
    """Give what opens the recording of one batch; where no layer is asked for, of nothing."""
    if layer is None:
        yield lambda _, __: nullcontext({})
        return
    with Recorder(model, [layer], what="activations") as recorder:
        yield lambda inputs, count: recorder.batch(
            count, inputs.get("attention_mask") if isinstance(inputs, Mapping) else None
        )
