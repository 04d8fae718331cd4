"""Surveys of a module that Lightning's Trainer trains."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from theodolite.adapters.errors import package
from theodolite.adapters.training import TrainingSurvey


class SurveyCallback(TrainingSurvey):
    """A `theodolite.adapters.TrainingSurvey` that is a ``lightning.pytorch.Callback``; takes the same arguments.

    Checkpoints that hold weights only tell no callback that they are saved.

    Examples
    --------
    >>> from theodolite.adapters.lightning import SurveyCallback
    >>> callback = SurveyCallback("quick", every=500)  # doctest: +SKIP
    >>> Trainer(max_steps=10_000, callbacks=[callback]).fit(module, data)  # doctest: +SKIP
    """

    @staticmethod
    def trainers_class() -> type:
        """Import ``lightning.pytorch.Callback``, or that of the package ``pytorch_lightning`` where it stands alone.

        Returns
        -------
        type
            The class.
        """
        name = "lightning.pytorch" if find_spec("lightning") or not find_spec("pytorch_lightning") else None
        found: type = package(name or "pytorch_lightning", "lightning").Callback
        return found

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002, D102
        self._began(trainer.global_step)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:  # noqa: D102
        if trainer.is_global_zero:
            self._stepped(pl_module, trainer.global_step, trainer.default_root_dir)

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: Any) -> None:  # noqa: ARG002, D102
        if trainer.is_global_zero:
            self._saved(pl_module, trainer.global_step, trainer.default_root_dir)
