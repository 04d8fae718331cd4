"""What can be wrong with a run folder."""

from __future__ import annotations

from pathlib import Path


class RunFolderError(ValueError):
    """A folder can't be read or written as a run.

    Parameters
    ----------
    path : Path
        The folder, or the file in it.
    problem : str
        What is wrong.
    remedy : str
        What would help.

    Attributes
    ----------
    path : Path
    problem : str
    remedy : str
    """

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        self.path = path
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{path}: {problem}; {remedy}")

    def __reduce__(self) -> tuple[type[RunFolderError], tuple[Path, str, str]]:
        return RunFolderError, (self.path, self.problem, self.remedy)
