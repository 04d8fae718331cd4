"""JSON from files that nobody vouches for: bounded in size, depth and numbers, without duplicate keys."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from theodolite.sources.errors import CheckpointError, shown
from theodolite.sources.opened import SourceFile

# Possessive, and an unclosed string ends with the text: otherwise each of its quotes would be searched from anew.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def parse_object(
    data: bytes | bytearray, *, file: Path, what: str, depth: int, constants: bool = False
) -> dict[str, Any]:
    """Parse one JSON object.

    Parameters
    ----------
    data : bytes
        The text, in UTF-8.
    file : Path
        Named in errors.
    what : str
        What the text is, for errors ("header", "index").
    depth : int
        The deepest nesting that is accepted.
    constants : bool
        Whether ``NaN``, ``Infinity`` and a byte order mark are accepted, which are not JSON but stand in
        configurations that editors and frameworks have written.

    Returns
    -------
    dict
        The object.

    Raises
    ------
    CheckpointError
        If the text is not one JSON object, nests too deeply or repeats a key.
    """
    remedy = "The file is damaged or not what its name says: fetch or save it again."
    if _deepest(data, depth) > depth:
        raise CheckpointError(f"the {what} nests brackets more than {depth} deep", file=file, remedy=remedy)

    def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise CheckpointError(
                f"the {what} holds the key {shown(repeated)!r} twice", file=file, tensor=repeated, remedy=remedy
            )
        return found

    try:
        constant = float if constants else _no_constant
        text = data.decode("utf-8-sig" if constants else "utf-8")
        parsed = json.loads(text, object_pairs_hook=without_duplicates, parse_constant=constant)
    except CheckpointError:
        raise
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"the {what} is not valid JSON ({shown(str(error))})", file=file, remedy=remedy
        ) from error
    if not isinstance(parsed, dict):
        raise CheckpointError(f"the {what} is not a JSON object", file=file, remedy=remedy)
    return parsed


def read_object(path: Path, *, what: str, limit: int, depth: int, constants: bool = False) -> dict[str, Any]:
    """Read and parse one JSON file.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it is, for errors.
    limit : int
        The largest accepted size in bytes.
    depth : int
        The deepest accepted nesting.
    constants : bool
        As for `parse_object`.

    Returns
    -------
    dict
        The object.

    Raises
    ------
    CheckpointError
        If the file is missing, too large, or not one JSON object.
    """
    file = SourceFile(path)
    try:
        if file.size > limit:
            raise CheckpointError(
                f"the {what} has {file.size} bytes, more than the {limit} that are accepted",
                file=path,
                remedy="Check that this is the right file.",
            )
        return parse_object(file.read(0, file.size), file=path, what=what, depth=depth, constants=constants)
    finally:
        file.close()


def _deepest(data: bytes | bytearray, limit: int) -> int:
    level = deepest = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", data)):
        level += 1 if bracket.group() in b"[{" else -1
        deepest = max(deepest, level)
        if deepest > limit:
            break
    return deepest


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
