"""Surveys of a model that the Trainer of Hugging Face's transformers trains."""

from __future__ import annotations

from typing import Any

from theodolite.adapters.errors import package
from theodolite.adapters.training import TrainingSurvey


class SurveyCallback(TrainingSurvey):
    """A `theodolite.adapters.TrainingSurvey` that is a ``transformers.TrainerCallback``; takes the same arguments.

    Examples
    --------
    >>> from theodolite.adapters.transformers import SurveyCallback
    >>> callback = SurveyCallback("quick", every=500)  # doctest: +SKIP
    >>> Trainer(model, arguments, train_dataset=data, callbacks=[callback])  # doctest: +SKIP
    """

    @staticmethod
    def trainers_class() -> type:
        """Import ``transformers.TrainerCallback``.

        Returns
        -------
        type
            The class.
        """
        found: type = package("transformers", "transformers").TrainerCallback
        return found

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002, D102
        self._began(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002, D102
        if state.is_world_process_zero:
            self._stepped(kwargs["model"], state.global_step, args.output_dir)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002, D102
        if state.is_world_process_zero:
            self._saved(kwargs["model"], state.global_step, args.output_dir)
