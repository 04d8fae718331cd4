"""What is to be allocated, and by what: a frozen description."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from theodolite.core import ParameterError, closest
from theodolite.core.names import fits
from theodolite.core.parameters import check_options

Method = Literal["proportional", "alphalora", "welore"]
Score = Literal["alpha", "effective_rank", "energy", "uniform"]
Unit = Literal["parameters", "mean_rank", "experts", "share"]
Exponent = Literal["hill", "released", "power_law"]

UNITS: Mapping[str, tuple[Unit, ...]] = MappingProxyType(
    {"proportional": ("parameters", "mean_rank"), "alphalora": ("experts",), "welore": ("share",)}
)
"""What the budget of each method counts; the first where nothing is said."""

EXPONENTS: Mapping[str, str] = MappingProxyType(
    {
        "hill": "Hill's exponent of the larger half of the spectrum, AlphaLoRA's PL_Alpha_Hill",
        "released": "the exponent of AlphaLoRA's released code, its tail searched near the peak of the density",
        "power_law": "the exponent of the best-fitting tail",
    }
)
"""What each choice of alpha is, in words."""

DEFAULT_BETA = 2.5
DEFAULT_ENERGY = 0.9
DEFAULT_EXPERT_RANK = 8

# Options that mean something in some cases only, and the case.
_ONLY = {
    "alpha": ("by", "alpha"),
    "energy": ("by", "energy"),
    "min_share": ("method", "welore"),
    "expert_rank": ("method", "alphalora"),
}


@dataclass(frozen=True)
class Allocation:
    """How a budget is shared out among the matrices of a model.

    Parameters
    ----------
    budget : float
        How much there is, in the unit.
    method : {"proportional", "alphalora", "welore"}
        ``"proportional"``: ranks of adapters in proportion to a score. ``"alphalora"``: experts of adapters, by block,
        in proportion to a power of the block's mean exponent. ``"welore"``: how many components of every matrix stay,
        by one threshold for all.
    by : {"alpha", "effective_rank", "energy", "uniform"}, optional
        The score. ``"alpha"``: a power-law exponent, so that what is trained least gets most. ``"effective_rank"``:
        `spectra.effective_rank`. ``"energy"``: how many components hold a share of the squared singular values.
        ``"uniform"``: the same for all. ``"alpha"`` where nothing is said; WeLore has none.
    unit : {"parameters", "mean_rank", "experts", "share"}, optional
        What the budget counts: trained parameters, r (m + n) for a rank r; the mean rank; experts in the whole model;
        the share of all components that goes.
    alpha : {"hill", "released", "power_law"}, optional
        Which exponent, for ``by="alpha"``; ``"hill"`` where nothing is said.
    beta : float, optional
        The power of the score that shares are proportional to; 2.5 for AlphaLoRA, else 1.
    floor : int
        The least for each: a rank, or experts. 0 lets matrices go without.
    energy : float, optional
        The share, for ``by="energy"``; 0.9 where none is given.
    min_share : float, optional
        For WeLore: a matrix is a low-rank component if more than this share of its components goes; 0 where nothing is
        said, as in its released code.
    expert_rank : int, optional
        Rank of one expert, for AlphaLoRA; 8 where none is given.
    layers : str, optional
        Only tensors whose name or module matches; by default all matrices of linear layers inside the blocks.

    Raises
    ------
    ParameterError
        If a value is none that the parameter can have, or goes with another choice.

    Examples
    --------
    >>> print(Allocation(30, "alphalora").describe())
    AlphaLoRA by alpha (Hill's exponent of the larger half of the spectrum, AlphaLoRA's PL_Alpha_Hill), beta 2.5
    """

    budget: float
    method: Method = "proportional"
    by: Score | None = None
    unit: Unit | None = None
    alpha: Exponent | None = None
    beta: float | None = None
    floor: int = 1
    energy: float | None = None
    min_share: float | None = None
    expert_rank: int | None = None
    layers: str | None = None

    def __post_init__(self) -> None:
        self._check_choices()
        for name, (choice, value) in _ONLY.items():
            if getattr(self, name) is not None and getattr(self, choice) != value:
                raise ParameterError(
                    f"{name} is {getattr(self, name)!r}, which goes with {choice}={value!r}; "
                    f"{choice} is {getattr(self, choice)!r}"
                )
        self._fill()
        self._check_numbers()
        self._check_budget()

    def _check_choices(self) -> None:
        for name, choices in (("method", Method), ("by", Score), ("unit", Unit), ("alpha", Exponent)):
            given = getattr(self, name)
            if given not in get_args(choices) and (given is not None or name == "method"):
                raise ParameterError(f"{name} is {given!r}; {closest(str(given), get_args(choices))}")
        if self.method == "welore" and self.by is not None:
            raise ParameterError(f"by is {self.by!r}; WeLore goes by the singular values alone, leave it out")
        if self.method == "welore" and self.beta is not None:
            raise ParameterError(f"beta is {self.beta!r}; WeLore has no power, leave it out")
        if self.method == "alphalora" and self.by not in {None, "alpha"}:
            raise ParameterError(f"by is {self.by!r}; AlphaLoRA goes by 'alpha', leave it out")
        units = UNITS[self.method]
        if self.unit is not None and self.unit not in units:
            raise ParameterError(f"unit is {self.unit!r}; the budget of {self.method!r} is in {' or '.join(units)}")
        object.__setattr__(self, "unit", self.unit or units[0])
        if self.method != "welore":
            object.__setattr__(self, "by", self.by or "alpha")

    def _fill(self) -> None:
        fill: dict[str, Any] = {}
        if self.by == "alpha":
            fill["alpha"] = "hill"
        if self.by == "energy":
            fill["energy"] = DEFAULT_ENERGY
        if self.method != "welore":
            fill["beta"] = DEFAULT_BETA if self.method == "alphalora" else 1.0
        else:
            fill["min_share"] = 0.0
        if self.method == "alphalora":
            fill["expert_rank"] = DEFAULT_EXPERT_RANK
        for name, value in fill.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    def _check_numbers(self) -> None:
        if self.beta is not None and not (_is_number(self.beta) and self.beta >= 0):
            raise ParameterError(f"beta is {self.beta!r}; it must be a number of at least 0, such as 2.5")
        if not _is_whole(self.floor) or self.floor < 0:
            raise ParameterError(f"floor is {self.floor!r}; it must be a whole number of at least 0")
        if self.expert_rank is not None and (not _is_whole(self.expert_rank) or self.expert_rank < 1):
            raise ParameterError(f"expert_rank is {self.expert_rank!r}; it must be a whole number above 0")
        if self.energy is not None and not (_is_number(self.energy) and 0 < self.energy <= 1):
            raise ParameterError(f"energy is {self.energy!r}; it must be a share above 0 and at most 1, as 0.9")
        if self.min_share is not None and not (_is_number(self.min_share) and 0 <= self.min_share < 1):
            raise ParameterError(f"min_share is {self.min_share!r}; it must be a share of at least 0 and below 1")
        if self.layers is not None and (not isinstance(self.layers, str) or not self.layers.strip()):
            raise ParameterError(f"layers is {self.layers!r}; it must be a pattern such as '*attention*'")

    def _check_budget(self) -> None:
        if not _is_number(self.budget):
            raise ParameterError(f"budget is {self.budget!r}; it must be a number")
        if self.unit == "share":
            if not 0 < self.budget < 1:
                raise ParameterError(f"budget is {self.budget!r}; the share that goes must be above 0 and below 1")
        elif self.budget <= 0:
            raise ParameterError(f"budget is {self.budget!r}; it must be above 0")
        elif self.unit in {"parameters", "experts"}:
            if not float(self.budget).is_integer():
                raise ParameterError(f"budget is {self.budget!r}; a number of {self.unit} is whole")
            object.__setattr__(self, "budget", int(self.budget))

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Allocation:
        """Make a description of a record or of options.

        Parameters
        ----------
        record : mapping
            Field to value, as `to_dict` gives it.

        Returns
        -------
        Allocation
            The description.

        Raises
        ------
        ParameterError
            If an option is unknown or a value doesn't fit.
        """
        check_options(cls, record, "an allocation")
        if "budget" not in record:
            raise ParameterError("budget is missing; say how much there is to share out")
        return cls(**record)

    def keeps(self, name: str, module: str) -> bool:
        """Tell whether a tensor matches `layers`.

        Parameters
        ----------
        name, module : str
            The tensor's name and its module's.

        Returns
        -------
        bool
            True where `layers` is None or matches one of them.
        """
        return fits(self.layers, name, module)

    def describe(self) -> str:
        """Say in words what it goes by.

        Returns
        -------
        str
            A phrase.
        """
        if self.method == "welore":
            return "WeLore's threshold on normalised singular values"
        score = {
            "alpha": f"alpha ({EXPONENTS[self.alpha or 'hill']})",
            "effective_rank": "effective rank",
            "energy": f"how many components hold {self.energy or DEFAULT_ENERGY:g} of the energy",
            "uniform": "",
        }[self.by or "alpha"]
        if self.by == "uniform":
            return "alike for all"
        power = "" if self.beta == 1 else f", beta {self.beta:g}"
        return f"{'AlphaLoRA by' if self.method == 'alphalora' else 'in proportion to'} {score}{power}"

    def to_dict(self) -> dict[str, Any]:
        """Give the description as JSON values.

        Returns
        -------
        dict
            Field to value.
        """
        return dataclasses.asdict(self)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
