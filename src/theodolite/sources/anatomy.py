"""What a checkpoint as a whole says about its tensors: shapes of siblings and the model's configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

_LEAVES = frozenset(
    {"weight", "bias", "kernel", "gamma", "beta", "scale", "running_mean", "running_var", "num_batches_tracked"}
)
_NESTED_CONFIGS = ("text_config", "language_config", "llm_config", "ffn_config", "attn_config", "decoder")


class Anatomy:
    """Names, shapes and configuration of one checkpoint.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        The tensors' shapes by name.
    config : mapping
        The model's configuration; empty where there is none.
    layers : mapping of str to str
        Class names of the tensors' layers, where the source is a live module.
    """

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        config: Mapping[str, Any] | None = None,
        layers: Mapping[str, str] | None = None,
    ) -> None:
        self.shapes = shapes
        self.config = config or {}
        self.layers = layers or {}

    def number(self, *keys: str) -> int | None:
        """Look a positive whole number up in the configuration.

        Parameters
        ----------
        *keys : str
            Names it goes by, the first one present wins.

        Returns
        -------
        int or None
            The number, or None where no such name holds one.
        """
        nested = [self.config.get(name) for name in _NESTED_CONFIGS]
        for table in (self.config, *(one for one in nested if isinstance(one, Mapping))):
            for key in keys:
                value = table.get(key)
                if type(value) is int and value > 0:
                    return value
        return None

    def flag(self, key: str) -> bool:
        """Look a switch up in the configuration.

        Parameters
        ----------
        key : str
            Its name.

        Returns
        -------
        bool
            Whether it is there and on.
        """
        return self.config.get(key) is True

    @cached_property
    def family(self) -> str:
        """The configuration's ``model_type``.

        Returns
        -------
        str
            The type in lower case, empty where unknown.
        """
        value = self.config.get("model_type", "")
        return value.lower() if isinstance(value, str) else ""

    @cached_property
    def hidden(self) -> int | None:
        """Width of the residual stream, as the configuration says.

        Returns
        -------
        int or None
            The width.
        """
        return self.number("hidden_size", "n_embd", "d_model", "dim", "hidden_dim")

    @cached_property
    def heads(self) -> int | None:
        """Number of attention heads, as the configuration says.

        Returns
        -------
        int or None
            The number.
        """
        return self.number("num_attention_heads", "n_head", "num_heads", "n_heads")

    @cached_property
    def kv_heads(self) -> int | None:
        """Number of key and value heads, as the configuration says.

        Returns
        -------
        int or None
            The number.
        """
        return self.number("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")

    @cached_property
    def has_experts(self) -> bool:
        """Whether any tensor belongs to an expert.

        Returns
        -------
        bool
            True for mixtures of experts.
        """
        return any(_EXPERT.search(name) for name in self.shapes)

    def is_turned(self, name: str) -> bool:
        """Tell whether a linear layer is stored in x out, as GPT-2's Conv1D is, rather than out x in.

        Where the layers' classes are unknown, the names alone do not tell: other models use GPT-2's for ordinary
        linear layers. The expanding ``c_fc`` and the packed ``c_attn`` of the same checkpoint do, because they are
        not square.

        Parameters
        ----------
        name : str
            The tensor's name.

        Returns
        -------
        bool
            True where it is stored in x out.
        """
        if name in self.layers:
            return self.layers[name] == "Conv1D"
        return self._conv1d_votes > 0 and _CONV1D.search(name) is not None

    @cached_property
    def _conv1d_votes(self) -> int:
        votes = 0
        for name, shape in self.shapes.items():
            if len(shape) == 2 and _TELLING.search(name):
                votes += (shape[0] < shape[1]) - (shape[0] > shape[1])
        return votes

    def sibling(self, module: str, *names: str) -> tuple[int, ...] | None:
        """Find the shape of the first of some tensors beside a module.

        Parameters
        ----------
        module : str
            A module's path; its last component is replaced by each name in turn.
        *names : str
            Names of tensors relative to the module's parent.

        Returns
        -------
        tuple of int or None
            The shape, or None where none of them exists.
        """
        parent = module.rpartition(".")[0]
        for name in names:
            shape = self.shapes.get(f"{parent}.{name}" if parent else name)
            if shape is not None:
                return shape
        return None


_CONV1D = re.compile(r"(^|\.)(c_attn|c_proj|c_fc|q_attn)\.weight$")
_TELLING = re.compile(r"(^|\.)(c_fc|c_attn)\.weight$")
_EXPERT = re.compile(r"(^|\.)(local_)?experts(\.|_)|block_sparse_moe\.(input|output)_linear")


def is_expert(name: str) -> bool:
    """Tell whether a tensor belongs to the experts of a mixture.

    Parameters
    ----------
    name : str
        The tensor's name.

    Returns
    -------
    bool
        True for routed experts, not for shared ones.
    """
    return _EXPERT.search(name) is not None


def module_of(name: str) -> str:
    """Drop the last component of a tensor's name where it names a parameter of a layer.

    Parameters
    ----------
    name : str
        The tensor's name.

    Returns
    -------
    str
        The layer's name, or the whole name where the tensor is a parameter of its own.
    """
    module, dot, leaf = name.rpartition(".")
    return module if dot and leaf in _LEAVES else name
