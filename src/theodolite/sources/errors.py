"""The error of every checkpoint that cannot be read."""

from __future__ import annotations

from pathlib import Path


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, with the place and the way out.

    Parameters
    ----------
    problem : str
        What is wrong, in one clause.
    file : str or Path, optional
        The file, folder or object at fault.
    tensor : str, optional
        The tensor at fault, where one can be named.
    remedy : str
        What the user can do about it.

    Attributes
    ----------
    problem, file, tensor, remedy
        As given; ``file`` and ``tensor`` are strings or None.
    """

    def __init__(
        self, problem: str, *, file: str | Path | None = None, tensor: str | None = None, remedy: str = ""
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.tensor = tensor
        self.remedy = remedy
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        place = [shown(self.file, 400)] if self.file is not None else []
        if self.tensor is not None:
            place.append(f"tensor {shown(self.tensor)!r}")
        head = f"{', '.join(place)}: {self.problem}" if place else self.problem
        return f"{head}. {self.remedy}" if self.remedy else head

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self.problem, self.file, self.tensor, self.remedy)


def shown(text: str, limit: int = 200) -> str:
    """Shorten and clean a text taken from an untrusted file so that it can be printed.

    Parameters
    ----------
    text : str
        The text, of any length and content.
    limit : int
        The longest answer, in characters.

    Returns
    -------
    str
        The text without control characters or lone surrogates.
    """
    cut = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(c if c.isprintable() else "�" for c in cut)


def _restore(problem: str, file: str | None, tensor: str | None, remedy: str) -> CheckpointError:
    return CheckpointError(problem, file=file, tensor=tensor, remedy=remedy)
