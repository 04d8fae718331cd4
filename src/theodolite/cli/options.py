"""Options that several commands have, declared once, so that they are called and explained alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

JSON = Annotated[bool, Parameter(help="Everything as one JSON object on standard output.")]
"""``--json``."""

STORE = Annotated[Path | None, Parameter(help="Run folder that keeps every number. [default: none is kept]")]
"""``--store``."""


def at_once(what: str) -> Parameter:
    """Declare ``--jobs``.

    Parameters
    ----------
    what : str
        What is measured, in the plural.

    Returns
    -------
    Parameter
        For an int.

    Examples
    --------
    >>> at_once("layers").help
    'How many layers are measured at once; -1: one per core.'
    """
    return Parameter(help=f"How many {what} are measured at once; -1: one per core.", show_default=True)


def page(pictures: str) -> Parameter:
    """Declare ``--output`` of a command that writes a page.

    Parameters
    ----------
    pictures : str
        What the page shows, in the plural.

    Returns
    -------
    Parameter
        For a path.

    Examples
    --------
    >>> page("charts").help
    'A page: .html with charts, .md or .json, by the ending.'
    """
    return Parameter(name=["--output", "-o"], help=f"A page: .html with {pictures}, .md or .json, by the ending.")
