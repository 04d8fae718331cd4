"""What to say when somebody misspells a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase


def closest(word: str, choices: Iterable[str]) -> str:
    """Say which known name a mistyped one may have meant.

    Parameters
    ----------
    word : str
        What was written.
    choices : iterable of str
        What could have been written.

    Returns
    -------
    str
        A clause that ends an error message: ``"did you mean 'hill'?"``, or the list of choices where none is near.

    Examples
    --------
    >>> closest("stablerank", ["stable_rank", "hill"])
    "did you mean 'stable_rank'?"
    >>> closest("x", ["hill", "power_law"])
    'choose from: hill, power_law'
    """
    known = sorted(set(choices))
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(repr(name) for name in near)}?"
    return f"choose from: {', '.join(known)}" if known else "there are none"


def fits(patterns: str | None, *names: str) -> bool:
    """Tell whether one of some names fits one of some patterns.

    Parameters
    ----------
    patterns : str or None
        Patterns with ``*`` and ``?`` as in file names, separated by commas; None fits everything.
    *names : str
        The names.

    Returns
    -------
    bool
        True where one fits.

    Examples
    --------
    >>> fits("*.mlp.*, head", "layers.0.mlp.up.weight")
    True
    >>> fits("*.mlp.*, head", "layers.0.attention.key.weight")
    False
    """
    parts = ["*"] if patterns is None else [part.strip() for part in patterns.split(",")]
    return any(fnmatchcase(name, part) for part in parts for name in names)
