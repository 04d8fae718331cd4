"""A plan of smoothing: what would be kept of every matrix and why, and the way to do it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theodolite.act.smooth.smoothing import Smoothing
from theodolite.act.smooth.traps import Trap

if TYPE_CHECKING:
    from theodolite.act.smooth.applying import Smoothed
    from theodolite.core.progress import Progress

SCHEMA = 1
_SHOWN_TRAPS = 3


@dataclass(frozen=True)
class MatrixPlan:
    """What is kept of one matrix.

    Attributes
    ----------
    tensor : str
        Name of the tensor that holds it.
    part : str
        Its part of a packed tensor, else empty.
    role : str
        What it does.
    shape : tuple of int
        Out x in.
    rank : int
        How many components stay, of ``min(shape)``.
    energy : float or None
        Their share of the sum of squared singular values (by ``"spikes"``, of a kernel with its positions scaled to
        noise of one variance); None where that is not known.
    reason : str
        Why that many.
    traps : tuple of Trap
        Entries that are set to zero first.
    """

    tensor: str
    part: str
    role: str
    shape: tuple[int, int]
    rank: int
    energy: float | None
    reason: str
    traps: tuple[Trap, ...] = ()

    @property
    def name(self) -> str:
        """The tensor's name, with ``#part`` where it has several."""
        return f"{self.tensor}#{self.part}" if self.part else self.tensor

    @property
    def side(self) -> int:
        """How many components there are."""
        return min(self.shape)

    @property
    def changes(self) -> bool:
        """Whether anything of the matrix will be another."""
        return self.rank < self.side or bool(self.traps)

    def explain(self) -> str:
        """Say in a sentence what happens to the matrix and why.

        Returns
        -------
        str
            The sentence.
        """
        if self.rank >= self.side:
            done = f"all {self.side} components stay" if self.traps else "stays as it is"
        else:
            held = "" if self.energy is None else f" with {_percent(self.energy)} of the energy"
            done = f"{self.rank} of {self.side} components stay{held}"
        return f"{self.name}: {done}, because {_clause(self.reason)}{self._trapped()}."

    def _trapped(self) -> str:
        if not self.traps:
            return ""
        shown = [f"{trap.value:.4g} in row {trap.row}, column {trap.column}" for trap in self.traps[:_SHOWN_TRAPS]]
        more = f" and {len(self.traps) - _SHOWN_TRAPS} more" if len(self.traps) > _SHOWN_TRAPS else ""
        kind = "a trap is" if len(self.traps) == 1 else f"{len(self.traps)} traps are"
        return f"; {kind} removed ({', '.join(shown)}{more})"

    def to_dict(self) -> dict[str, Any]:
        """Give the plan as JSON values.

        Returns
        -------
        dict
            Field to value.
        """
        return {**dataclasses.asdict(self), "shape": list(self.shape), "traps": [vars(trap) for trap in self.traps]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> MatrixPlan:
        """Make the plan of what `to_dict` gave.

        Parameters
        ----------
        record : mapping
            Field to value.

        Returns
        -------
        MatrixPlan
            The plan.
        """
        rows, columns = record["shape"]
        traps = tuple(Trap(**trap) for trap in record["traps"])
        return cls(**{**record, "shape": (int(rows), int(columns)), "traps": traps})


@dataclass(frozen=True)
class SmoothPlan:
    """What smoothing would keep of every matrix of a checkpoint.

    Parameters
    ----------
    model : str
        Name of the model.
    smoothing : Smoothing
        How it was decided.
    matrices : tuple of MatrixPlan
        One for every matrix that was looked at; every other tensor is copied.

    Examples
    --------
    >>> rows = MatrixPlan("head.weight", "", "head", (8, 4), 1, 0.75, "1 stands out from the random bulk")
    >>> print(SmoothPlan("net", Smoothing("spikes"), (rows,)).explain())
    net, smoothed by what stands out from the random bulk: 1 of 1 matrix changes; 1 of 4 components stay.
    head.weight: 1 of 4 components stay with 75 % of the energy, because 1 stands out from the random bulk.
    """

    model: str
    smoothing: Smoothing
    matrices: tuple[MatrixPlan, ...]

    def explain(self) -> str:
        """Say what would be done and why: a sentence for the whole, then one for each matrix.

        Returns
        -------
        str
            One sentence a line.
        """
        return "\n".join((self.headline(), *(matrix.explain() for matrix in self.matrices)))

    def headline(self) -> str:
        """Say in a sentence what would be done to the whole.

        Returns
        -------
        str
            The sentence.
        """
        changed = sum(matrix.changes for matrix in self.matrices)
        kept, of = sum(m.rank for m in self.matrices), sum(m.side for m in self.matrices)
        traps = sum(len(matrix.traps) for matrix in self.matrices)
        removed = f"; {traps} trap{'' if traps == 1 else 's'} removed" if self.smoothing.remove_traps else ""
        noun = "matrix" if len(self.matrices) == 1 else "matrices"
        verb = "changes" if changed == 1 else "change"
        return (
            f"{self.model}, smoothed by {self.smoothing.describe()}: {changed} of {len(self.matrices)} {noun} {verb}; "
            f"{kept} of {of} components stay{removed}."
        )

    def apply(
        self,
        checkpoint: Any,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        jobs: int = 1,
        progress: Callable[[Progress], None] | None = None,
    ) -> Smoothed:
        """Write a smoothed copy of a checkpoint; the checkpoint itself is not touched.

        Parameters
        ----------
        checkpoint : path, Checkpoint or torch.nn.Module
            What the plan was made for, or another one with the same tensors.
        path : path
            A file if it ends in ``.safetensors``, else a folder. Tensors that don't change are copied byte by byte;
            the others keep their type and layout. Nothing appears at the path before the copy is complete.
        overwrite : bool
            Whether an earlier copy there is replaced.
        jobs : int
            How many tensors are worked on, and held in memory, at a time; -1: one per core. The bytes written don't
            depend on it.
        progress : callable, optional
            Called with a `Progress` after every tensor.

        Returns
        -------
        Smoothed
            Where it was written, and how far every changed matrix is from what it was.

        Raises
        ------
        CheckpointError
            If the checkpoint can't be read, or a tensor of it has no place in a safetensors file.
        FileExistsError
            If something is at the path that may not be replaced.
        ValueError
            If the checkpoint doesn't have the plan's matrices, or the path is the checkpoint itself.
        """  # noqa: DOC502 - raised by what is called
        from theodolite.act.smooth.applying import apply

        return apply(self, checkpoint, Path(path), overwrite=overwrite, jobs=jobs, progress=progress)

    def smoothed(self, module: Any, *, jobs: int = 1, progress: Callable[[Progress], None] | None = None) -> Any:
        """Make a smoothed copy of a live module in memory; the module itself is not touched.

        Parameters
        ----------
        module : torch.nn.Module
            What the plan was made for, or another one with the same tensors.
        jobs : int
            How many tensors are worked on at a time; -1: one per core.
        progress : callable, optional
            Called with a `Progress` after every tensor.

        Returns
        -------
        torch.nn.Module
            A deep copy on the same devices and in the same mode, with the weights that `apply` would write.

        Raises
        ------
        TypeError
            If it is no module.
        ValueError
            If the module doesn't have the plan's matrices, or can't be copied.
        """  # noqa: DOC502 - raised by what is called
        from theodolite.act.smooth.in_memory import smoothed_module

        return smoothed_module(self, module, jobs=jobs, progress=progress)

    def to_dict(self) -> dict[str, Any]:
        """Give the plan as JSON values.

        Returns
        -------
        dict
            From which `from_dict` makes an equal plan.
        """
        return {
            "schema": SCHEMA,
            "model": self.model,
            "smoothing": self.smoothing.to_dict(),
            "matrices": [matrix.to_dict() for matrix in self.matrices],
        }

    def to_json(self) -> str:
        """Write the plan as JSON.

        Returns
        -------
        str
            Indented by one space.
        """
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> SmoothPlan:
        """Make the plan of what `to_dict` gave.

        Parameters
        ----------
        record : mapping
            The record; keys that a plan doesn't have are passed over.

        Returns
        -------
        SmoothPlan
            The plan.

        Raises
        ------
        ValueError
            If the record is none of a plan, or of a later schema.
        """
        if record.get("schema") != SCHEMA:
            raise ValueError(f"schema: got {record.get('schema')!r}; this version reads plans of schema {SCHEMA}")
        try:
            matrices = tuple(MatrixPlan.from_dict(matrix) for matrix in record["matrices"])
            return cls(record["model"], Smoothing.of(record["smoothing"]), matrices)
        except (KeyError, TypeError) as error:
            raise ValueError(f"record: it is no plan of smoothing ({error})") from error

    @classmethod
    def from_json(cls, text: str) -> SmoothPlan:
        """Make the plan of what `to_json` gave.

        Parameters
        ----------
        text : str
            JSON.

        Returns
        -------
        SmoothPlan
            The plan.

        Raises
        ------
        ValueError
            If the text is no JSON of a plan.
        """  # noqa: DOC502 - raised by what is called
        return cls.from_dict(json.loads(text))


def _percent(share: float) -> str:
    # 100 % is said of the whole alone.
    return "more than 99.9 %" if 0.999 < share < 1.0 else f"{round(100.0 * share, 1):g} %"


def _clause(reason: str) -> str:
    return reason[:1].lower() + reason[1:]
