"""How a checkpoint is to be smoothed: a frozen description."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from theodolite.core import ParameterError, closest
from theodolite.core.names import fits
from theodolite.core.parameters import check_count, check_options

Rule = Literal["trace_log", "spikes", "energy", "rank", "none"]

DEFAULT_ENERGY = 0.95

RULES: Mapping[str, str] = MappingProxyType(
    {
        "trace_log": "the trace-log condition",
        "spikes": "what stands out from the random bulk",
        "energy": "the share of energy",
        "rank": "a rank",
        "none": "no rule: only traps are removed",
    }
)
"""What each rule goes by, in words."""


@dataclass(frozen=True)
class Smoothing:
    """Which components of every matrix stay.

    Parameters
    ----------
    by : {"trace_log", "spikes", "energy", "rank", "none"}
        The rule. ``"trace_log"``: as many as `spectra.trace_log_rank` counts. ``"spikes"``: those that stand out from
        the random bulk, as `spectra.marchenko_pastur` counts them: of an unfolded kernel with its positions scaled to
        noise of one variance, and scaled back afterwards. ``"energy"``: the fewest that hold a share of the
        sum of squared singular values. ``"rank"``: a number of them. ``"none"``: all, for removing traps alone.
    energy : float, optional
        The share, above 0 and at most 1, for ``by="energy"``; 0.95 where none is given.
    rank : int or float, optional
        For ``by="rank"``: a whole number of components, or below 1 a fraction of the shorter side.
    remove_traps : bool
        Whether huge single entries that make a spike however the entries are shuffled are set to zero first.
    layers : str, optional
        Only tensors whose name or module matches; ``*`` and ``?`` as in file names, alternatives separated by commas.
    seed : int
        Where the random streams of the shuffles start.

    Raises
    ------
    ParameterError
        If a value is none that the parameter can have, or goes with another rule.

    Examples
    --------
    >>> Smoothing("energy", energy=0.9).describe()
    'the share of energy (0.9)'
    """

    by: Rule = "trace_log"
    energy: float | None = None
    rank: float | None = None
    remove_traps: bool = False
    layers: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.by not in get_args(Rule):
            raise ParameterError(f"by is {self.by!r}; {closest(str(self.by), get_args(Rule))}")
        if self.by == "energy" and self.energy is None:
            object.__setattr__(self, "energy", DEFAULT_ENERGY)
        if self.rank is not None and _is_number(self.rank) and float(self.rank).is_integer():
            object.__setattr__(self, "rank", int(self.rank))
        self._check_amounts()
        if not isinstance(self.remove_traps, bool):
            raise ParameterError(f"remove_traps is {self.remove_traps!r}; it must be true or false")
        if self.by == "none" and not self.remove_traps:
            raise ParameterError("by is 'none', and remove_traps is not asked for: nothing would change")
        if self.layers is not None and (not isinstance(self.layers, str) or not self.layers.strip()):
            raise ParameterError(f"layers is {self.layers!r}; it must be a pattern such as '*attention*'")
        check_count("seed", self.seed, 0)

    def _check_amounts(self) -> None:
        for name in ("energy", "rank"):
            given = getattr(self, name)
            if given is not None and self.by != name:
                raise ParameterError(f"{name} is {given!r}, which goes with by={name!r}; by is {self.by!r}")
        if self.energy is not None and not (_is_number(self.energy) and 0 < self.energy <= 1):
            raise ParameterError(f"energy is {self.energy!r}; it must be a share above 0 and at most 1, as 0.95")
        if self.by == "rank" and not _is_rank(self.rank):
            raise ParameterError(f"rank is {self.rank!r}; it must be a whole number above 0, or a fraction below 1")

    @classmethod
    def of(cls, smoothing: Any = "trace_log", **options: Any) -> Smoothing:
        """Make a description of a rule's name, a record, or another description.

        Parameters
        ----------
        smoothing : Smoothing, str or mapping
            A rule, or what `to_dict` gave.
        **options
            Other fields.

        Returns
        -------
        Smoothing
            The description.

        Raises
        ------
        ParameterError
            If an option is unknown or a value doesn't fit.
        TypeError
            If `smoothing` is something else.
        """
        given = dict(smoothing) if isinstance(smoothing, Mapping) else {}
        check_options(cls, (*given, *options), "smoothing")
        if isinstance(smoothing, Smoothing):
            return dataclasses.replace(smoothing, **options)
        if isinstance(smoothing, Mapping):
            return cls(**{**given, **options})
        if not isinstance(smoothing, str):
            raise TypeError(f"smoothing: expected a rule's name or a Smoothing, got {type(smoothing).__name__}")
        if options.setdefault("by", smoothing) != smoothing:
            raise ParameterError(f"by is {options['by']!r}, and the rule is {smoothing!r}; give one")
        return cls(**options)

    @property
    def balances(self) -> bool:
        """Whether the components of an unfolded kernel are those with its positions scaled to noise of one variance."""
        return self.by == "spikes"

    def keeps(self, name: str, module: str) -> bool:
        """Tell whether a tensor is among those that are smoothed.

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
        """Say in words what the rule goes by.

        Returns
        -------
        str
            A phrase.
        """
        number = self.energy if self.by == "energy" else self.rank
        return RULES[self.by] + ("" if number is None else f" ({number:g})")

    def to_dict(self) -> dict[str, Any]:
        """Give the description as JSON values.

        Returns
        -------
        dict
            Field to value.
        """
        return dataclasses.asdict(self)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_rank(value: Any) -> bool:
    return _is_number(value) and (0 < value < 1 or (value >= 1 and float(value).is_integer()))
