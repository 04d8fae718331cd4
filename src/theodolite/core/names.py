"""What to say when somebody misspells a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
