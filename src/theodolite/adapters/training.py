"""Surveys of a model while it is trained: what the callbacks of all trainers share."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

from theodolite.core import Readings
from theodolite.sources import open_checkpoint
from theodolite.surveys import Survey, survey

Tracker = Callable[[Mapping[str, float], int], None]
"""Takes the numbers of `Readings.flat` and the step they belong to."""

FOLDER = "training.theodolite"
"""Name of the run folder in the trainer's own folder, where no other is given."""

_TROUBLE = (ArithmeticError, LookupError, MemoryError, OSError, RuntimeError, ValueError)
"""What weights, disks and services do; a mistake in a program (TypeError, AttributeError) is no such trouble."""


class TrainingSurvey:
    """Surveys the model in place every so many steps, or whenever a checkpoint is saved.

    Only the first process of a distributed run surveys. Weights, mode and random states stay as they are. A tensor that
    has not changed since the survey before, such as a frozen one, is not measured again. A survey that fails is warned
    about and left out.

    Parameters
    ----------
    measures : Survey, str, Measure, Request, or an iterable of these
        What `Survey.of` takes.
    every : int, optional
        Survey after every so many optimizer steps; None surveys whenever a checkpoint is saved.
    store : path, optional
        Run folder; by default ``training.theodolite`` in the trainer's folder.
    to : iterable of callable
        Trackers, each called with the numbers and the step.
    fields : iterable of str
        Which readings go to the trackers, as `Readings.flat` takes them; all where none is given.
    layers : bool
        False to send only the means over the model.

    Attributes
    ----------
    history : dict of int to dict
        What was read at each step, in the form of `Readings.flat`.
    readings : Readings or None
        The latest survey.

    Raises
    ------
    ValueError
        If `every` is no positive number.
    """

    def __init__(
        self,
        measures: Any = "quick",
        *,
        every: int | None = None,
        store: str | os.PathLike[str] | None = None,
        to: Iterable[Tracker] = (),
        fields: Iterable[str] = (),
        layers: bool = True,
    ) -> None:
        if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise ValueError(f"every: got {every!r}; give a number of steps from 1, or None to survey at saves")
        self.history: dict[int, dict[str, float]] = {}
        self.readings: Readings | None = None
        self._asked = Survey.of(measures)
        self._every = every
        self._store = None if store is None else Path(store)
        self._to = tuple(to)
        self._fields = (fields,) if isinstance(fields, str) else tuple(fields)
        self._layers = layers
        self._reached = 0

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Make an object that is of the trainer's class of callbacks too, which is imported here."""
        made: Self = object.__new__(_joined(cls))  # type: ignore[arg-type]
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _blank, (type(self).__bases__[0],), self.__dict__

    @staticmethod
    def trainers_class() -> type:
        """Import the class that the trainer wants its callbacks to be of.

        Returns
        -------
        type
            A class without arguments.
        """
        return object

    def _began(self, step: int) -> None:
        self._reached = step

    def _stepped(self, model: Any, step: int, folder: str | os.PathLike[str]) -> None:
        """Survey if a multiple of `every` was reached; a trainer may count several optimizers' steps at once."""
        before, self._reached = self._reached, step
        if self._every is not None and step // self._every > before // self._every:
            self._look(model, step, folder)

    def _saved(self, model: Any, step: int, folder: str | os.PathLike[str]) -> None:
        if self._every is None and step not in self.history:
            self._look(model, step, folder)

    def _look(self, model: Any, step: int, folder: str | os.PathLike[str]) -> None:
        try:
            checkpoint = open_checkpoint(model)
            everything = survey(checkpoint, self._asked, store=self._store or Path(folder) / FOLDER)
            self.readings = everything.where(model=checkpoint.model)
            values = self.readings.flat(*self._fields, layers=self._layers)
        except _TROUBLE as error:
            warnings.warn(f"the survey at step {step} is left out: {error}", stacklevel=4)
            return
        failed = [row for row in self.readings if row.status == "failed"]
        if failed:
            text = f"{len(failed)} readings failed at step {step}; {failed[0].target} {failed[0].name}: "
            warnings.warn(text + (failed[0].note or failed[0].outcome), stacklevel=4)
        self.history[step] = values
        for tracker in self._to:
            try:
                tracker(values, step)
            except _TROUBLE as error:
                warnings.warn(f"a tracker did not take the survey at step {step}: {error}", stacklevel=4)


@cache
def _joined(cls: type[TrainingSurvey]) -> type:
    return type(cls.__name__, (cls, cls.trainers_class()), {"__module__": cls.__module__, "__doc__": cls.__doc__})


def _blank(cls: type[TrainingSurvey]) -> TrainingSurvey:
    return cls.__new__(cls)
