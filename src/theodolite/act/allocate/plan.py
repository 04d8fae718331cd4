"""A plan of ranks: what every matrix would get and why, and the forms in which other tools take it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from theodolite.act.allocate.allocation import Allocation
from theodolite.act.allocate.peft_config import lora_options

SCHEMA = 1


@dataclass(frozen=True)
class LayerRank:
    """What one layer gets.

    Attributes
    ----------
    module : str
        Name of the layer.
    role : str
        What it does.
    block : int or None
        Index of its block.
    shape : tuple of int
        Out x in.
    rank : int
        Rank of its adapter; 0 means none.
    score : float or None
        What the share was computed from; None where that had no answer, and for WeLore.
    reason : str
        Why this rank, as a clause.
    kept : int or None
        For WeLore: how many components stay, whether or not two factors of that rank are smaller than the matrix.
    component : str
        For WeLore: ``"LRC"``, a low-rank component, or ``"N-LRC"``; else empty.
    """

    module: str
    role: str
    block: int | None
    shape: tuple[int, int]
    rank: int
    score: float | None
    reason: str
    kept: int | None = None
    component: str = ""

    @property
    def side(self) -> int:
        """The shorter side, which is the largest rank there is."""
        return min(self.shape)

    @property
    def parameters(self) -> int:
        """Numbers in two factors of this rank: r (m + n)."""
        return self.rank * sum(self.shape)

    def explain(self) -> str:
        """Say in a sentence what the layer gets and why.

        Returns
        -------
        str
            The sentence.
        """
        if self.kept is not None:
            got = f"{self.component}, {self.kept} of {self.side} components stay"
        else:
            got = f"rank {self.rank} ({self.parameters:,} parameters)" if self.rank else "no adapter"
        return f"{self.module}: {got}, because {self.reason}."

    def to_dict(self) -> dict[str, Any]:
        """Give the layer as JSON values.

        Returns
        -------
        dict
            Field to value.
        """
        return {**dataclasses.asdict(self), "shape": list(self.shape)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> LayerRank:
        """Make the layer of what `to_dict` gave.

        Parameters
        ----------
        record : mapping
            Field to value.

        Returns
        -------
        LayerRank
            The layer.
        """
        rows, columns = record["shape"]
        return cls(**{**record, "shape": (int(rows), int(columns))})


@dataclass(frozen=True)
class BlockExperts:
    """How many experts a block gets.

    Attributes
    ----------
    block : int
        Index of the block.
    alpha : float
        Mean exponent of its layers.
    share : float
        Its exact share of the experts.
    experts : int
        The whole number that came of it.
    reason : str
        Why, as a clause.
    """

    block: int
    alpha: float
    share: float
    experts: int
    reason: str

    @property
    def top_k(self) -> int:
        """How many experts see each token: two, or the only one."""
        return 2 if self.experts > 1 else 1

    def explain(self) -> str:
        """Say in a sentence how many experts the block gets and why.

        Returns
        -------
        str
            The sentence.
        """
        noun = "expert" if self.experts == 1 else "experts"
        return f"Block {self.block}: {self.experts} {noun}, because {self.reason}."


@dataclass(frozen=True)
class RankPlan:
    """How a budget would be shared out among the layers of a model.

    Parameters
    ----------
    model : str
        Name of the model.
    allocation : Allocation
        How it was decided.
    layers : tuple of LayerRank
        One for every layer that was looked at.
    blocks : tuple of BlockExperts
        For AlphaLoRA: the experts of every block; else empty.
    left_over : int
        What of the budget whole numbers could not use, in its unit.
    threshold : float or None
        For WeLore: below this normalised singular value components go.

    Examples
    --------
    >>> layer = LayerRank("fc", "up", 0, (8, 4), 2, 3.1, "its alpha 3.1 asks for 2.2, rounded down")
    >>> plan = RankPlan("net", Allocation(30), (layer,), left_over=6)
    >>> print(plan.explain().splitlines()[-1])
    fc: rank 2 (24 parameters), because its alpha 3.1 asks for 2.2, rounded down.
    >>> plan.to_peft()["rank_pattern"], plan.to_peft()["r"]
    ({}, 2)
    """

    model: str
    allocation: Allocation
    layers: tuple[LayerRank, ...]
    blocks: tuple[BlockExperts, ...] = ()
    left_over: int = 0
    threshold: float | None = None

    @property
    def parameters(self) -> int:
        """Numbers in all the factors together: what an adapter of this plan trains."""
        return sum(layer.parameters for layer in self.layers)

    def explain(self) -> str:
        """Say what every layer gets and why: a sentence for the whole, then one for each block and each layer.

        Returns
        -------
        str
            One sentence a line.
        """
        blocks, layers = ([each.explain() for each in rows] for rows in (self.blocks, self.layers))
        return "\n".join((self.headline(), *blocks, *layers))

    def headline(self) -> str:
        """Say in a sentence what is shared out, by what, and what comes of it.

        Returns
        -------
        str
            The sentence.
        """
        by = self.allocation.describe()
        if self.allocation.method == "welore":
            return f"{self.model}, {self._welore(by)}"
        if self.blocks:
            counts = ", ".join(str(block.experts) for block in self.blocks)
            total = sum(block.experts for block in self.blocks)
            return f"{self.model}, {by}: {total} experts over {len(self.blocks)} blocks, {counts}."
        ranks = [layer.rank for layer in self.layers if layer.rank]
        spread = f"{min(ranks)} to {max(ranks)}" if min(ranks) < max(ranks) else f"{min(ranks)}"
        over = f"; {self.left_over:,} are left over" if self.left_over else ""
        return (
            f"{self.model}, {by}: {len(ranks)} of {len(self.layers)} layers get an adapter, of rank {spread}, with "
            f"{self.parameters:,} parameters{over}."
        )

    def _welore(self, by: str) -> str:
        of = sum(layer.side for layer in self.layers)
        gone = of - sum(layer.kept or 0 for layer in self.layers)
        low = sum(layer.component == "LRC" for layer in self.layers)
        saving = [layer for layer in self.layers if layer.rank]
        whole = sum(layer.shape[0] * layer.shape[1] for layer in saving)
        saved = f", from {whole:,} parameters to {self.parameters:,}" if saving else ""
        return (
            f"{by} at {self.threshold or 0:.6g}: {gone:,} of {of:,} components go; {low} of {len(self.layers)} "
            f"matrices are low-rank components, and two factors would be smaller than the matrix for {len(saving)}"
            f"{saved}."
        )

    def to_peft(self, model: Any = None, *, prefix: str = "", scaling: float = 1.0) -> dict[str, Any]:
        """Give the plan as options of `peft.LoraConfig`.

        Layers of rank 0 are left out of ``target_modules``. Every key of ``rank_pattern`` and of ``alpha_pattern``
        begins with ``^`` and is escaped, so that it fits the one module that it names; the commonest rank is ``r``, and
        needs no key. ``lora_alpha`` grows with the rank, so that every adapter is scaled alike.

        Parameters
        ----------
        model : torch.nn.Module, optional
            The model that will be adapted. PEFT passes over keys that fit nothing, and then trains other ranks than
            planned; with a model, every name and shape is checked against its modules. Without one,
            ``target_modules`` is a pattern that fits these names alone, so that PEFT refuses a model without them.
        prefix : str
            What stands before the plan's names in the model, such as ``"bert."``.
        scaling : float
            ``lora_alpha`` over the rank.

        Returns
        -------
        dict
            ``r``, ``lora_alpha``, ``target_modules``, ``rank_pattern``, ``alpha_pattern``.

        Raises
        ------
        ParameterError
            If no layer gets an adapter, or a layer is not in the model or has another shape there.
        """  # noqa: DOC502 - raised by what is called
        return lora_options(self.layers, model, prefix=prefix, scaling=scaling)

    def to_dict(self) -> dict[str, Any]:
        """Give the plan as JSON values.

        Returns
        -------
        dict
            From which `from_dict` makes an equal plan.
        """
        return {
            "schema": SCHEMA,
            "model": self.model,
            "allocation": self.allocation.to_dict(),
            "parameters": self.parameters,
            "left_over": self.left_over,
            "threshold": self.threshold,
            "blocks": [{**dataclasses.asdict(block), "top_k": block.top_k} for block in self.blocks],
            "layers": [layer.to_dict() for layer in self.layers],
        }

    def to_json(self) -> str:
        """Write the plan as JSON.

        Returns
        -------
        str
            Indented by one space.
        """
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> RankPlan:
        """Make the plan of what `to_dict` gave.

        Parameters
        ----------
        record : mapping
            The record.

        Returns
        -------
        RankPlan
            The plan.

        Raises
        ------
        ValueError
            If the record is none of a plan, or of a later schema.
        """
        if record.get("schema") != SCHEMA:
            raise ValueError(f"schema: got {record.get('schema')!r}; this version reads plans of schema {SCHEMA}")
        try:
            blocks = tuple(
                BlockExperts(**{name: block[name] for name in BlockExperts.__dataclass_fields__})
                for block in record["blocks"]
            )
            layers = tuple(LayerRank.from_dict(layer) for layer in record["layers"])
            described = Allocation.of(record["allocation"])
            return cls(record["model"], described, layers, blocks, record["left_over"], record["threshold"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"record: it is no plan of ranks ({error})") from error

    @classmethod
    def from_json(cls, text: str) -> RankPlan:
        """Make the plan of what `to_json` gave.

        Parameters
        ----------
        text : str
            JSON.

        Returns
        -------
        RankPlan
            The plan.

        Raises
        ------
        ValueError
            If the text is no JSON of a plan.
        """  # noqa: DOC502 - raised by what is called
        return cls.from_dict(json.loads(text))
