"""A model run over data, and what its layers give kept as a sample of rows, as moments, or as both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, CrossMoments, ParameterError, Sample, to_numpy
from theodolite.core.parameters import check_count, check_options
from theodolite.core.progress import Clock, Progress
from theodolite.core.sample import MEMORY
from theodolite.sources.activation_recorder import ActivationRecorder
from theodolite.sources.activation_shapes import EXAMPLES, TOKENS, Channels, Shaping, Tokens
from theodolite.sources.activation_shapes import Features as Shapes
from theodolite.sources.features import Features, Layer, Origin, RowSet
from theodolite.sources.running import check_module, device_and_dtype, evaluating, placed
from theodolite.sources.stimuli import Stimuli, StimulusBatch
from theodolite.sources.stored import StoredTensor

_MOST_BYTES = 1 << 33


@dataclass(frozen=True)
class RecordSettings:
    """What is kept of activations.

    Parameters
    ----------
    rows : int
        How many rows of each layer are kept, chosen by their place and the seed; 0: none.
    moments : bool
        Whether the moments of all rows are kept, of every layer and every pair of layers with the same rows.
    folds : int
        Into how many groups of examples the moments are kept apart, for cross-validation.
    groups : array of int, optional
        A group for each example; examples of one group come into one fold.
    features : {"flatten", "positions", "shift-invariant"}
        What becomes of maps; see `ActivationRecorder`.
    tokens : {"mean", "each", "first", "last"}
        What becomes of tokens.
    channels : {"first", "last"}
        Where the channels of maps lie.
    batch_size : int
        How many examples run together, where data are given whole.
    seed : int
        Which rows are kept, and which examples come into which fold.
    memory : int
        Bytes of rows that are held in memory; beyond, they lie in a temporary file.
    stimuli : str
        What to call the data, where models take the same stimuli in different forms (other tokenizers, other scales);
        by default a digest of the inputs.

    Raises
    ------
    ParameterError
        If a value is none that the parameter can have.
    """

    rows: int = 4096
    moments: bool = False
    folds: int = 1
    groups: Any = None
    features: Shapes = "flatten"
    tokens: Tokens = "mean"
    channels: Channels = "first"
    batch_size: int = 256
    seed: int = 0
    memory: int = MEMORY
    stimuli: str = ""

    def __post_init__(self) -> None:
        for name, least in {"rows": 0, "folds": 1, "batch_size": 1, "seed": 0, "memory": 0}.items():
            check_count(name, getattr(self, name), least)
        Shaping(self.features, self.tokens, self.channels)
        if not self.rows and not self.moments:
            raise ParameterError("rows is 0 and no moments are asked for, so that nothing would be kept; moments=True")
        if self.folds > 1 and not self.moments:
            raise ParameterError(f"folds is {self.folds}, and folds are kept of moments only; moments=True")
        if self.groups is not None and self.folds == 1:
            raise ParameterError("groups say which examples share a fold; give folds=5 as well")

    @classmethod
    def of(cls, **options: Any) -> RecordSettings:
        """Make the description, with an answer for a misspelt option.

        Parameters
        ----------
        **options
            Fields.

        Returns
        -------
        RecordSettings
            The description.

        Raises
        ------
        ParameterError
            If an option is unknown or a value doesn't fit.
        """  # noqa: DOC502 - raised by what is called
        check_options(cls, options, "recording")
        return cls(**options)


def record_features(
    model: Any,
    data: Any,
    layers: Iterable[str] | None = None,
    *,
    name: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> Features:
    """Run a model over data and keep what its layers give.

    The model runs in evaluation mode, without gradients, on the device where it is, and stays as it was. Which rows
    are kept depends on their place in the data and on the seed alone, so that what is recorded of several models over
    the same data can be compared row by row.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    data : array, tuple, mapping, or iterable of batches
        What it is shown: an array, ``(inputs, targets)`` of which the targets are left out, a mapping of the model's
        keywords, or batches of such, as of a DataLoader. An ``attention_mask`` of examples x tokens among the
        keywords says which tokens count.
    layers : str or iterable of str, optional
        Which layers; see `ActivationRecorder`.
    name : str, optional
        Name of the model; by default that of its class.
    progress : callable, optional
        Called with a `Progress` after every batch, where their number is known.
    **options
        Fields of `RecordSettings`: ``rows=2000``, ``moments=True``, ``folds=5``, ``tokens="each"``.

    Returns
    -------
    Features
        The layers by name; ``write(path)`` puts them into a file.

    Raises
    ------
    ParameterError
        If an option, a layer or the data don't fit.
    TypeError
        If the model is no module.
    Refusal
        If activations are not finite.

    Examples
    --------
    >>> import pytest; torch = pytest.importorskip("torch")
    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    >>> features = record_features(net, np.random.default_rng(0).standard_normal((50, 3)), rows=20)
    >>> features["0"]
    Cloud(20 rows x 4 features)
    >>> features.pair("0", "2")
    Pair(20 rows, 4 and 2 features)
    """  # noqa: DOC502 - raised by what is called
    import torch

    settings = RecordSettings.of(**options)
    check_module(model)
    stimuli = Stimuli(data, batch_size=settings.batch_size)
    name = name or type(model).__name__
    kept = _Kept(settings)
    clock = None if progress is None or stimuli.total is None else Clock(stimuli.total, float(stimuli.total), progress)
    shapes: dict[str, Any] = {"features": settings.features, "tokens": settings.tokens, "channels": settings.channels}
    with (
        evaluating(model),
        torch.no_grad(),
        ActivationRecorder(model, layers, **shapes) as recorder,
    ):
        for batch in stimuli:
            with recorder.batch(batch.count, batch.mask) as rows:
                _run(model, batch)
            kept.update(rows, recorder.kinds, batch)
            if clock is not None:
                clock.finished(name, 1.0, computed=True, failed=0)
    if not kept.examples:
        raise ParameterError("data: there is no example")
    kept.check_groups()
    return kept.features(Origin(name, settings.stimuli or stimuli.identity, settings.seed, **shapes))


def _run(model: Any, batch: StimulusBatch) -> None:
    import torch

    device, dtype = device_and_dtype(model)
    arguments, keywords = placed(list(batch.arguments), device, dtype), placed(batch.keywords, device, dtype)
    try:
        model(*arguments, **keywords)
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError, TypeError) as error:
        given = ", ".join(batch.keywords)
        named = f" ({given} given by keyword; the array of a single input is named inputs)" if given else ""
        raise ParameterError(f"data: the model can't be run on these inputs: {error}{named}") from error


@dataclass
class _Kept:
    """What is kept of the rows of each kind."""

    settings: RecordSettings
    examples: int = 0
    samples: dict[str, Sample] = field(default_factory=dict)
    moments: dict[str, CrossMoments] = field(default_factory=dict)
    order: dict[str, str] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)

    def update(self, rows: Mapping[str, Array], kinds: Mapping[str, str], batch: StimulusBatch) -> None:
        """Take in what one batch gave."""
        self.order.update(kinds)
        for kind in dict.fromkeys(kinds.values()):
            of_kind = {name: rows[name] for name, of in kinds.items() if of == kind}
            count = int(next(iter(of_kind.values())).shape[0])
            self.seen[kind] = self.seen.get(kind, 0) + count
            if not count:
                continue
            if self.settings.rows:
                if kind not in self.samples:
                    options = {"seed": self.settings.seed, "memory": self.settings.memory}
                    self.samples[kind] = Sample(self.settings.rows, **options)
                self.samples[kind].update(of_kind)
            if self.settings.moments:
                self._take(kind, of_kind, batch)
        self.examples += batch.count

    def _take(self, kind: str, rows: dict[str, Array], batch: StimulusBatch) -> None:
        if kind not in self.moments:
            _check_moments(rows, self.settings.folds)
            self.moments[kind] = CrossMoments(folds=self.settings.folds, seed=self.settings.seed)
        groups = None
        if self.settings.folds > 1:
            examples = np.arange(self.examples, self.examples + batch.count)
            groups = np.repeat(self._groups(examples), _rows_each(kind, rows, batch))
        # Some accelerators have no float64, which the sums need.
        rows = {name: each.cpu() if each.device.type == "mps" else each for name, each in rows.items()}
        self.moments[kind].update(rows, groups=groups)

    def _groups(self, examples: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.settings.groups is None:
            return examples
        groups = to_numpy(np.asarray(self.settings.groups))
        if groups.ndim != 1 or examples[-1] >= len(groups):
            raise ParameterError(f"groups has shape {groups.shape}, and there are more examples; give one for each")
        return np.asarray(groups[examples])

    def check_groups(self) -> None:
        """Refuse groups of more examples than there were."""
        if self.settings.groups is not None and len(self.settings.groups) != self.examples:
            raise ParameterError(f"groups: there are {len(self.settings.groups)} for {self.examples} examples")

    def features(self, origin: Origin) -> Features:
        """Put together what was kept."""
        sets = {}
        for kind in dict.fromkeys(self.order.values()):
            if not self.seen[kind]:
                raise ParameterError(f"data: there are no {kind} that count")
            sample, moments = self.samples.get(kind), self.moments.get(kind)
            index = None if sample is None else sample.index
            sets[kind] = RowSet(kind, self.seen[kind], index, None if moments is None else _Given(_on_host(moments)))
        layers = []
        for name, kind in self.order.items():
            sample = self.samples.get(kind)
            layers.append(Layer(name, sets[kind], None if sample is None else _SampledRows(sample, name)))
        return Features(layers, origin)


def _rows_each(kind: str, rows: Mapping[str, Array], batch: StimulusBatch) -> int | Sequence[int]:
    """Tell how many rows each example of a batch has."""
    if kind == EXAMPLES:
        return 1
    if kind == TOKENS and batch.mask is not None:
        counts: list[int] = (to_numpy(batch.mask) != 0).sum(axis=1).tolist()
        return counts
    return int(next(iter(rows.values())).shape[0]) // batch.count


def _check_moments(rows: Mapping[str, Array], folds: int) -> None:
    for name, each in rows.items():
        if each.ndim != 2:
            raise ParameterError(
                f"layer {name!r} gives maps, which have no moments; features='positions', or no moments"
            )
    width = sum(int(each.shape[1]) + 1 for each in rows.values())
    needed = folds * width * width * 4
    if needed > _MOST_BYTES:
        raise ParameterError(
            f"the moments of {len(rows)} layers with {width} features together take {needed / 1e9:.0f} GB; record "
            "fewer or smaller layers, positions of maps, or a sample of rows alone"
        )


def _on_host(moments: CrossMoments) -> CrossMoments:
    return CrossMoments.from_state({name: to_numpy(array) for name, array in moments.state().items()})


@dataclass(frozen=True)
class _Given:
    """Moments that are there already."""

    moments: CrossMoments

    def __call__(self) -> CrossMoments:
        return self.moments


@dataclass(frozen=True, eq=False, repr=False)
class _SampledRows(StoredTensor):
    """One layer of a sample, in the order of the stream."""

    sample: Sample
    name: str
    shape: tuple[int, ...] = field(init=False)
    dtype: np.dtype[Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", self.sample.shape(self.name))
        object.__setattr__(self, "dtype", self.sample.dtype(self.name))

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        return self.sample.rows(self.name, start, stop)
