"""``theodolite inspect``: what a checkpoint holds, what would be measured, what not and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console

    from theodolite.sources import Checkpoint, Weight

USAGE = "theodolite inspect PATH [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite inspect model.safetensors   also .npz, .pt, .pth, .bin
  theodolite inspect ./llama             a folder with shards and an index
  theodolite inspect ./llama --all       every tensor on its own line
  theodolite inspect ./llama --json      one JSON object a tensor

Nothing is decomposed and no weight is read: only the headers are."""

_COLUMNS = ("tensor", "blocks", "shape", "dtype", "role", "seen as")

View = Literal["unfold", "slices", "fft"]
Convention = Literal["theodolite", "weightwatcher"]


def inspect(
    path: Annotated[str, Parameter(name="PATH", help="A checkpoint: a file, or a folder with shards.")],
    /,
    *,
    all_tensors: Annotated[
        bool, Parameter(name="--all", help="Every tensor on its own line, not one line for those that repeat.")
    ] = False,
    convention: Annotated[Convention, Parameter(help="How weights become matrices.")] = "theodolite",
    view: Annotated[View, Parameter(help="How convolutions become matrices.")] = "unfold",
    json: Annotated[bool, Parameter(help="One JSON object a tensor on standard output.")] = False,
) -> int:
    """Show what is in a checkpoint, and what would be measured.

    Tensors, roles, dtypes and shapes, the matrices that each tensor is seen as, and what would not be measured and why.

    Parameters
    ----------
    path : str
        A checkpoint: a file, or a folder with shards.
    all_tensors : bool
        Every tensor on its own line, not one line for those that repeat from block to block.
    convention : {"theodolite", "weightwatcher"}
        How weights become matrices.
    view : {"unfold", "slices", "fft"}
        How convolutions become matrices.
    json : bool
        One JSON object a tensor on standard output.

    Returns
    -------
    int
        The exit code.
    """
    import json as encoder

    from theodolite.cli.display import machine_lines, stdout
    from theodolite.cli.exits import reading_input
    from theodolite.sources import open_checkpoint

    with reading_input(), open_checkpoint(path) as checkpoint:
        lines = [_line(weight, view, convention) for weight in checkpoint.values()]
        if json:
            machine_lines(encoder.dumps(line.record(), ensure_ascii=False) for line in lines)
        else:
            where = stdout()
            _head(where, checkpoint, lines)
            _measured(where, _folded(lines) if not all_tensors else lines)
            _listed(where, _folded(lines) if not all_tensors else lines)
            _next(where, path, lines)
    return 0


@dataclass
class _Line:
    """One tensor, or several that differ in nothing but the block they belong to."""

    tensor: str
    shape: tuple[int, ...]
    dtype: str
    parameters: int
    role: str
    block: int | None
    file: str | None
    parts: dict[str, tuple[tuple[int, ...], str]]
    because: str
    remark: str
    blocks: list[int] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        matrices = [{"part": part, "shape": list(shape), "role": role} for part, (shape, role) in self.parts.items()]
        return {
            "tensor": self.tensor,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "parameters": self.parameters,
            "role": self.role,
            "block": self.block,
            "file": self.file,
            "matrices": matrices,
            "listed_because": self.because,
            "remark": self.remark,
        }

    @property
    def kind(self) -> tuple[Any, ...]:
        """What tensors that are shown on one line have in common."""
        name = _in_any_block(self.tensor, self.block)
        return (
            name,
            self.shape,
            self.dtype,
            self.role,
            tuple(self.parts.items()),
            _in_any_block(self.because, self.block),
        )


def _line(weight: Weight, view: View, convention: Convention) -> _Line:
    because = weight.listing(convention) or ""
    matrices = {} if because else weight.matrices(view, convention)
    return _Line(
        weight.name,
        weight.shape,
        weight.dtype,
        weight.parameters,
        weight.role,
        weight.block,
        weight.file,
        {part: (tuple(matrix.shape), matrix.role) for part, matrix in matrices.items()},
        because,
        weight.remark or "",
    )


def _in_any_block(name: str, block: int | None) -> str:
    """Put a star in the place of the block's index: where it stands between dots, else where it stands alone."""
    if block is None:
        return name
    starred, places = re.subn(rf"(?<![^.]){block}(?![^.])", "*", name, count=1)
    return starred if places else re.sub(rf"(?<![0-9]){block}(?![0-9])", "*", name, count=1)


def _folded(lines: Iterable[_Line]) -> list[_Line]:
    groups: dict[tuple[Any, ...], list[_Line]] = {}
    for line in lines:
        groups.setdefault(line.kind, []).append(line)
    return [_one(group) for group in groups.values()]


def _one(group: list[_Line]) -> _Line:
    first = group[0]
    if len(group) == 1:
        return first
    return _Line(
        _in_any_block(first.tensor, first.block),
        first.shape,
        first.dtype,
        sum(line.parameters for line in group),
        first.role,
        first.block,
        first.file,
        first.parts,
        _in_any_block(first.because, first.block),
        first.remark,
        [line.block for line in group if line.block is not None],
    )


def _head(where: Console, checkpoint: Checkpoint, lines: list[_Line]) -> None:
    from rich.text import Text

    from theodolite.cli.display import count

    total = sum(line.parameters for line in lines)
    size = sum(file.stat().st_size for file in checkpoint.files)
    dtypes = ", ".join(dict.fromkeys(line.dtype for line in lines))
    architecture = ", ".join(map(str, checkpoint.config.get("architectures") or []))
    where.print(Text.assemble((checkpoint.model, "bold"), f"  {architecture or checkpoint.format}"))
    files = count(len(checkpoint.files), "file")
    where.print(
        f"{count(len(lines), 'tensor')}, {total:,} parameters, {dtypes}; "
        f"{files}, {checkpoint.format}, {size / 1e6:,.1f} MB"
    )


def _measured(where: Console, lines: Iterable[_Line]) -> None:
    from theodolite.cli.display import table

    measured = [line for line in lines if line.parts]
    rows = [
        (line.tensor, _ranges(line.blocks), _sides(line.shape), line.dtype, line.role, _seen_as(line))
        for line in measured
    ]
    # Columns that would say nothing leave their room to the names.
    kept = [place for place in range(len(_COLUMNS)) if any(row[place] for row in rows)]
    shown = table(*(_COLUMNS[place] for place in kept), wrap=("tensor", "seen as"), title="Would be measured")
    for row in rows:
        shown.add_row(*(row[place] for place in kept))
    where.print()
    if shown.row_count:
        where.print(shown)
    else:
        where.print("Nothing here would be measured.")
    for remark in dict.fromkeys(line.remark for line in measured if line.remark):
        where.print(f"Note: {remark}")


def _seen_as(line: _Line) -> str:
    """Name the matrices of a tensor; nothing where it is one as it stands."""
    if list(line.parts) == [""]:
        seen = _sides(line.parts[""][0])
        return "" if seen == _sides(line.shape) else seen
    shapes = dict.fromkeys(_sides(shape) for shape, _ in line.parts.values())
    names = list(line.parts)
    said = ", ".join(names) if len(names) <= 3 else f"{len(names)} parts, {names[0]} to {names[-1]}"
    return f"{said}: {', '.join(shapes)}"


def _listed(where: Console, lines: Iterable[_Line]) -> None:
    from theodolite.cli.display import table

    groups: dict[str, list[_Line]] = {}
    for line in lines:
        if not line.parts:
            groups.setdefault(line.because or "it holds no matrix", []).append(line)
    if not groups:
        return
    numbers = ("tensors", "parameters")
    shown = table("why not", *numbers, "for example", right=numbers, wrap=("why not", "for example"))
    shown.title = "Would be listed, not measured"
    for because, group in groups.items():
        tensors = sum(max(1, len(line.blocks)) for line in group)
        shown.add_row(because, f"{tensors:,}", f"{sum(line.parameters for line in group):,}", group[0].tensor)
    where.print()
    where.print(shown)


def _next(where: Console, path: str, lines: list[_Line]) -> None:
    import shlex

    if any(line.parts for line in lines):
        where.print()
        where.print(f"Measure it: theodolite survey {shlex.quote(path)}", soft_wrap=True)


def _sides(shape: Iterable[int]) -> str:
    return " × ".join(map(str, shape)) or "scalar"


def _ranges(blocks: list[int]) -> str:
    """Write block indices as ranges: 0–5, 7."""
    return ", ".join(_runs(sorted(set(blocks))))


def _runs(blocks: list[int]) -> Iterator[str]:
    start = 0
    for place in range(1, len(blocks) + 1):
        if place == len(blocks) or blocks[place] != blocks[place - 1] + 1:
            first, last = blocks[start], blocks[place - 1]
            yield str(first) if first == last else f"{first}–{last}"
            start = place
