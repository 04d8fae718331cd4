"""NumPy docstrings, read so that a terminal can show them."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

_UNDERLINE = re.compile(r"^-{3,}$")
_MARKS = re.compile(r":math:`([^`]+)`|:\w+:`~?([^`]+)`|``([^`]+)``|`([^`]+)`")


@dataclass(frozen=True)
class Docstring:
    """A docstring taken apart.

    Attributes
    ----------
    summary : str
        The first paragraph, on one line.
    body : str
        What follows it, before the first section.
    sections : dict of str to str
        Text of each section by its heading, in order.
    """

    summary: str
    body: str
    sections: dict[str, str]

    @property
    def parameters(self) -> dict[str, tuple[str, str]]:
        """Type and description of each parameter.

        Returns
        -------
        dict of str to (str, str)
            In the order of the docstring.
        """
        found: dict[str, tuple[str, str]] = {}
        for entry in re.split(r"\n(?=\S)", self.sections.get("Parameters", "")):
            head, _, text = entry.partition("\n")
            names, _, kind = head.partition(" : ")
            for name in names.split(", "):
                found[name.strip()] = (kind.strip(), inspect.cleandoc(text))
        return found


def read(text: str | None) -> Docstring:
    """Take a NumPy docstring apart.

    Parameters
    ----------
    text : str or None
        The docstring.

    Returns
    -------
    Docstring
        Its parts; empty where there is none.
    """
    lines = inspect.cleandoc(text or "").splitlines()
    heads = [i for i in range(len(lines) - 1) if lines[i].strip() and _UNDERLINE.match(lines[i + 1].strip())]
    ends = [*heads[1:], len(lines)][: len(heads)]
    sections = {
        lines[start].strip(): "\n".join(lines[start + 2 : end]).strip("\n")
        for start, end in zip(heads, ends, strict=True)
    }
    opening = "\n".join(lines[: heads[0] if heads else len(lines)])
    summary, _, body = opening.partition("\n\n")
    return Docstring(" ".join(summary.split()), body.strip("\n"), sections)


def readable(text: str) -> Text:
    """Show a docstring's prose: joined paragraphs, marked-up names in colour, formulas as they are written.

    Parameters
    ----------
    text : str
        Prose with the docstring's inline markup.

    Returns
    -------
    rich.text.Text
        Text that wraps at the width of the terminal; indented lines keep their places.
    """
    from rich.text import Text

    from theodolite.core.formula import plain

    shown = Text()
    displayed = re.compile(r"^\.\. math::\s*(.+(?:\n +\S.*)*)$", re.MULTILINE)  # perhaps of several lines
    text = displayed.sub(lambda m: f"    {plain(' '.join(m[1].split()))}", text)
    text = re.sub(r"^\.\. (\[\w+\])", r"\1", text, flags=re.MULTILINE)
    text = re.sub(r"(\[\w+\])_", r"\1", text)
    joined = re.sub(r"(?<=\S)\n(?=[^\s>*\-\[])", " ", text)
    place = 0
    for mark in _MARKS.finditer(joined):
        shown.append(joined[place : mark.start()])
        formula, *names = mark.groups()
        inside = plain(formula) if formula else next(name for name in names if name)
        shown.append(inside, style="italic" if formula else "cyan")
        place = mark.end()
    shown.append(joined[place:])
    return shown
