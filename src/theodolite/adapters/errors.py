"""What can go wrong on the way to a tracker."""

from __future__ import annotations

import importlib
from typing import Any


class TrackerError(RuntimeError):
    """A tracker did not take what it was given."""


def package(name: str, extra: str) -> Any:
    """Import a package of somebody else when it is needed.

    Parameters
    ----------
    name : str
        The package.
    extra : str
        The extra of theodolite that brings it.

    Returns
    -------
    module
        The package.

    Raises
    ------
    ImportError
        If it is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ImportError(f"{name} cannot be imported ({error}); it comes with the extra [{extra}]") from error
