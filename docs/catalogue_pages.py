"""Writes one page for each measure, from its docstring and its declared traits."""

from __future__ import annotations

import inspect
from pathlib import Path

from theodolite.catalogue import family, measures
from theodolite.core import Cloud, Field, Measure, Pair, Spectrum

_HEAD = """\
Catalogue of measures
=====================

One page a measure: what it is, how to read it, when it misleads, what it costs, what it promises, and its source.
Every promise in the tables is tested, and so is what is said to vary.

"""


def write_catalogue(folder: Path) -> None:
    """Write the index and the pages; files that would not change are left alone, so that builds stay incremental."""
    folder.mkdir(exist_ok=True)
    found = measures()
    by_family: dict[str, list[str]] = {}
    for name, measure in sorted(found.items()):
        by_family.setdefault(family(measure), []).append(name)
        _write(folder / f"{name}.rst", _page(name, measure))
    index = _HEAD
    for group, names in by_family.items():
        index += f"{group.capitalize()}\n{'-' * len(group)}\n\n"
        index += ".. list-table::\n   :widths: 25 75\n\n"
        for name in names:
            summary = (inspect.getdoc(found[name]) or "").split("\n\n")[0].replace("\n", " ")
            index += f"   * - :doc:`{name}`\n     - {summary}\n"
        index += "\n"
    listing = "\n".join(f"   {name}" for names in by_family.values() for name in names)
    _write(folder / "index.rst", f"{index}.. toctree::\n   :hidden:\n\n{listing}\n")


def _page(name: str, measure: Measure[..., object]) -> str:
    module = measure.__module__.rpartition("._")[0]
    traits = measure.traits
    rows = "".join(_row(field, promise) for field, promise in traits.fields.items())
    where = "your array library, on its device" if traits.runs == "array" else "NumPy on the host"
    return (
        f"{name}\n{'=' * len(name)}\n\n"
        f".. currentmodule:: {module}\n\n.. autofunction:: {name}\n   :no-index-entry:\n\n"
        f"Promises\n--------\n\n"
        f"Looks at {', '.join(view.__name__ for view in traits.views)}; needs {', '.join(traits.needs)}; "
        f"computes in {where}; version {traits.version}.\n\n"
        f".. list-table::\n   :header-rows: 1\n\n"
        f"   * - field\n     - unit\n     - range\n     - invariant to\n     - scales with\n     - varies with\n"
        f"     - reads\n{rows}\n"
        f"{_command(measure)}Source: :cite:p:`{traits.cite}`\n"
    )


def _command(measure: Measure[..., object]) -> str:
    """Say how it is asked on the command line, if it is."""
    commands = {(Spectrum,): "survey MODEL", (Pair,): "similarity A B", (Cloud,): "dimension FEATURES"}
    asked = None if _needs_more(measure) else commands.get(measure.traits.views)
    return "" if asked is None else f"From the command line::\n\n    theodolite {asked} -m {measure.__name__}\n\n"


def _needs_more(measure: Measure[..., object]) -> bool:
    """Tell whether a measure is given more than a command can: labels, or any number of clouds."""
    given = list(inspect.signature(measure).parameters.values())
    required = [one for one in given if one.kind is one.POSITIONAL_ONLY and one.default is one.empty]
    return measure.traits.variadic or len(required) > len(measure.traits.views)


def _row(field: str, promise: Field) -> str:
    low, high = promise.bounds
    span = f"[{'−∞' if low is None else low}, {'∞' if high is None else high}]"
    scaling = ", ".join(f"{move}\\ :sup:`{degree:g}`" for move, degree in promise.equivariant.items())
    cells = [
        f"``{field}``",
        promise.unit,
        span,
        ", ".join(promise.invariant_to) or "–",
        scaling or "–",
        ", ".join(promise.varies) or "–",
        promise.reads or "–",
    ]
    return "".join(f"   {'* -' if i == 0 else '  -'} {cell}\n" for i, cell in enumerate(cells))


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
