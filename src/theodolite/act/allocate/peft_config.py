"""Ranks as PEFT takes them, with every name checked, because PEFT is silent about names that fit nothing."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from theodolite.core import ParameterError, closest

if TYPE_CHECKING:
    from theodolite.act.allocate.plan import LayerRank

_SHOWN = 3


def lora_options(layers: Sequence[LayerRank], model: Any, *, prefix: str, scaling: float) -> dict[str, Any]:
    r"""Give layers as options of `peft.LoraConfig`; see `RankPlan.to_peft`.

    PEFT tries ``(.*\.)?(KEY)$`` on the name of every module and takes the first key that fits, so that a bare name
    fits every longer name that ends in it. A ``^`` at its beginning lets nothing stand before it.

    Parameters
    ----------
    layers : sequence of LayerRank
        The layers, those of rank 0 included.
    model : torch.nn.Module or None
        What their names and shapes are checked against.
    prefix : str
        What stands before their names there.
    scaling : float
        ``lora_alpha`` over the rank.

    Returns
    -------
    dict
        The options, as JSON values.

    Raises
    ------
    ParameterError
        If nothing is adapted, or something doesn't fit.
    """
    if isinstance(scaling, bool) or not (math.isfinite(scaling) and scaling > 0):
        raise ParameterError(f"scaling is {scaling!r}; it must be a number above 0")
    adapted = {prefix + layer.module: layer for layer in layers if layer.rank}
    if not adapted:
        raise ParameterError("the plan gives no layer an adapter; there is nothing to configure")
    packed = [name for name in adapted if "#" in name]
    if packed:
        raise ParameterError(f"the plan speaks of parts of packed layers ({packed[0]!r}), which PEFT adapts as a whole")
    known: Collection[str] | None = None
    if model is not None:
        modules = dict(model.named_modules())
        _check(adapted, modules, prefix)
        known = modules.keys()
    common = _commonest([layer.rank for layer in adapted.values()])
    keys = {f"^{re.escape(name)}": layer.rank for name, layer in adapted.items() if layer.rank != common}
    return {
        "r": common,
        "lora_alpha": _scaled(common, scaling),
        "target_modules": _targets(adapted, known),
        "rank_pattern": keys,
        "alpha_pattern": {key: _scaled(rank, scaling) for key, rank in keys.items()},
    }


def _commonest(ranks: list[int]) -> int:
    counts = Counter(ranks)
    return min(counts, key=lambda rank: (-counts[rank], rank))


def _scaled(rank: int, scaling: float) -> float:
    alpha = rank * scaling
    return int(alpha) if float(alpha).is_integer() else alpha


def _targets(adapted: Collection[str], known: Collection[str] | None) -> list[str] | str:
    """List the names where no other module's name ends in one, which a list would adapt too; else as one pattern."""
    # A model that isn't known may hold the planned one inside: a list would fit there and the keys would not, and PEFT
    # would train the commonest rank everywhere without a word. Of a pattern that fits nothing it does say so.
    if known is not None:
        others = [name for name in known if name not in adapted]
        # Every end of a name that begins after a dot, so that the search takes one look at each.
        ends = {name[place + 1 :] for name in others for place, sign in enumerate(name) if sign == "."}
        if ends.isdisjoint(adapted):
            return list(adapted)
    return f"(?:{'|'.join(re.escape(name) for name in adapted)})"


def _check(adapted: Mapping[str, LayerRank], modules: Mapping[str, Any], prefix: str) -> None:
    missing = [name for name in adapted if name not in modules]
    if missing:
        shown = ", ".join(map(repr, missing[:_SHOWN])) + (", ..." if len(missing) > _SHOWN else "")
        found = _prefixes([name.removeprefix(prefix) for name in adapted], modules)
        remedy = (
            f"they are there under {found[0]!r}: pass prefix={found[0]!r}"
            if found
            else f"of {missing[0]!r}: {closest(missing[0], [name for name in modules if name])}"
        )
        raise ParameterError(
            f"model: {len(missing)} of the plan's {len(adapted)} layers are not among its modules: {shown}; {remedy}"
        )
    for name, layer in adapted.items():
        shape = tuple(getattr(getattr(modules[name], "weight", None), "shape", ()))
        # Some layers hold their matrix in x out.
        if sorted(shape) != sorted(layer.shape):
            held = " x ".join(map(str, shape)) or "no matrix"
            raise ParameterError(
                f"model: {name!r} holds {held}, and the plan is for {' x '.join(map(str, layer.shape))}; "
                "plan from the weights of this model"
            )


def _prefixes(names: Sequence[str], modules: Mapping[str, Any]) -> list[str]:
    """Find what, put before all the names, makes them names of modules."""
    tried = [module.removesuffix(names[0]) for module in modules if module.endswith(names[0])]
    return [prefix for prefix in tried if all(prefix + name in modules for name in names)]
