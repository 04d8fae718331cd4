"""What can be taken for the points of a cloud."""

from __future__ import annotations

from typing import Any

from theodolite.core.arrays import is_array
from theodolite.core.outcomes import Outcome, Refusal


def check_points(target: Any, name: str) -> None:
    """Refuse what is no table of rows and features.

    Parameters
    ----------
    target : object
        What was given.
    name : str
        Name of the argument in errors.

    Raises
    ------
    TypeError
        If it is no array of real floating-point numbers, nor sliceable like one.
    ValueError
        If it has not two axes.
    Refusal
        If it has no entries.
    """
    sliceable = all(hasattr(target, attribute) for attribute in ("shape", "dtype", "ndim", "__getitem__"))
    if not (is_array(target) or sliceable):
        raise TypeError(
            f"{name}: expected a 2-D array (rows x features) or a Cloud, got {type(target).__name__}; "
            "use numpy.asarray(...)"
        )
    shape = tuple(int(side) for side in target.shape)
    if len(shape) != 2:
        raise ValueError(f"{name}: expected a 2-D array (rows x features), got shape {shape}; flatten the other axes")
    if 0 in shape:
        raise Refusal(Outcome.EMPTY, f"shape {shape}")
    if not str(target.dtype).rsplit(".", maxsplit=1)[-1].startswith(("float", "bfloat")):
        raise TypeError(f"{name}: expected real floating-point entries, got {target.dtype}; cast them first")
