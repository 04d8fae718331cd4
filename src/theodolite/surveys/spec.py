"""What a survey measures: a frozen description, from Python or TOML."""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from theodolite.catalogue import measures as catalogue
from theodolite.core import Measure, ParameterError, canonical_json, closest
from theodolite.core.names import fits
from theodolite.core.parameters import check_count, check_options
from theodolite.surveys.requests import Request

Convention = Literal["theodolite", "weightwatcher"]
Unfolding = Literal["unfold", "slices", "fft"]

_NORMS = ("frobenius_norm", "spectral_norm", "nuclear_norm", "log_norm", "log_spectral_norm")
_RANKS = ("stable_rank", "effective_rank", "participation_ratio", "numerical_rank", "spectral_entropy")
_QUICK = (*_NORMS, *_RANKS, "power_law", "alpha_hat", "log_alpha_norm")
_BULK = ("marchenko_pastur", "outliers", "trace_log_rank", "random_distance", "correlation_traps")
_TAILS = ("truncated_power_law", "exponential_tail", "lognormal_tail", "tail_comparison")
_INTERVALS = {"power_law": "with_interval(power_law)"}
_FULL = (*(_INTERVALS.get(name, name) for name in _QUICK), "hill", *_BULK, *_TAILS)

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "quick": MappingProxyType({"measures": _QUICK, "chance": False}),
        "standard": MappingProxyType({"measures": (*_QUICK, "hill"), "chance": True}),
        "full": MappingProxyType({"measures": _FULL, "chance": True}),
    }
)
"""What each preset measures; `standard` is the default."""

_CHOICES = {"convention": ("theodolite", "weightwatcher"), "view": ("unfold", "slices", "fft")}


@dataclass(frozen=True)
class Survey:
    """What to measure and how, with nothing of where or when.

    Parameters
    ----------
    measures : tuple of Request
        The measures with their parameters; `Survey.of` makes them of names.
    convention : {"theodolite", "weightwatcher"}
        How weights become matrices and how measures with such a parameter compute.
    view : {"unfold", "slices", "fft"}
        How convolutions become matrices.
    layers : str, optional
        Keep the tensors whose name or module matches; ``*`` and ``?`` as in file names, alternatives separated by
        commas.
    chance : bool
        Whether to set values against the chance level of a Gaussian matrix of the same shape.
    seed : int
        Where every random stream starts.
    preset : str
        The preset that this survey was made from, if any.

    Raises
    ------
    ParameterError
        If a value is none that the parameter can have.

    Examples
    --------
    >>> Survey.of(["stable_rank", "hill[k=20]"], seed=1).seed
    1
    """

    measures: tuple[Request, ...]
    convention: Convention = "theodolite"
    view: Unfolding = "unfold"
    layers: str | None = None
    chance: bool = True
    seed: int = 0
    preset: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            given = getattr(self, name)
            if given not in choices:
                raise ParameterError(f"{name} is {given!r}; {closest(str(given), choices)}")
        for name, kind, meant in (("chance", bool, "true or false"), ("preset", str, "a string")):
            if not isinstance(getattr(self, name), kind):
                raise ParameterError(f"{name} is {getattr(self, name)!r}; it must be {meant}")
        check_count("seed", self.seed, 0)
        if self.layers is not None and (not isinstance(self.layers, str) or not self.layers.strip()):
            raise ParameterError(f"layers is {self.layers!r}; it must be a pattern such as '*attention*'")
        asked = tuple(dict.fromkeys(Request.of(request) for request in self.measures))
        if not asked:
            raise ParameterError("measures: a survey needs at least one")
        owners: dict[str, Measure[..., Any]] = {}
        for request in asked:
            if owners.setdefault(request.name, request.bare) is not request.bare:
                raise ParameterError(f"measures: two different measures are named {request.name!r}; rename one")
        object.__setattr__(self, "measures", asked)

    @classmethod
    def of(cls, measures: Any = "standard", **overrides: Any) -> Survey:
        """Make a survey of a preset's name, of measures, or of another survey.

        Parameters
        ----------
        measures : Survey, Mapping, str, Measure, functools.partial, Request, or an iterable of the last five
            A preset (``"quick"``, ``"standard"``, ``"full"``), a measure (``"hill[k=20]"``), or several of both.
        **overrides
            Other fields of the survey: `convention`, `view`, `layers`, `chance`, `seed`.

        Returns
        -------
        Survey
            The description.

        Raises
        ------
        ParameterError
            If an override is unknown or a value doesn't fit.
        """  # noqa: DOC502 - raised by what is called
        check_options(cls, overrides, "a survey")
        if isinstance(measures, Survey):
            return dataclasses.replace(measures, **overrides)
        if isinstance(measures, Mapping) and "measure" not in measures:
            return cls.from_dict({**measures, **overrides})
        return cls._listed(_several(measures), overrides)

    @classmethod
    def _listed(cls, items: list[Any], overrides: Mapping[str, Any]) -> Survey:
        known = catalogue()
        requests: list[Any] = []
        presets: list[str] = []
        for item in items:
            if isinstance(item, str) and _is_preset(item, known):
                presets.append(item)
                requests += PRESETS[item]["measures"]
            else:
                requests.append(item)
        options: dict[str, Any] = {"preset": "+".join(presets)}
        if presets:
            options["chance"] = any(PRESETS[preset]["chance"] for preset in presets)
        return cls(tuple(Request.of(request, known) for request in requests), **{**options, **overrides})

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Survey:
        """Make a survey of a record, as JSON or TOML gives it.

        Parameters
        ----------
        record : mapping
            Keys as the parameters of a survey. `measures` is a list of measures and presets, or a table from measure
            to its parameters; with a `preset`, its measures come before.

        Returns
        -------
        Survey
            The description.

        Raises
        ------
        ParameterError
            If a key is unknown, with the nearest right one, or a value doesn't fit.
        """
        known = [f.name for f in dataclasses.fields(cls)]
        for key in record:
            if key not in known:
                raise ParameterError(f"unknown key {key!r}; {closest(key, known)}")
        options = {key: value for key, value in record.items() if key not in ("measures", "preset")}
        listed = record.get("measures", ())
        if isinstance(listed, Mapping):
            listed = [{"measure": name, "parameters": _table(name, given)} for name, given in listed.items()]
        if isinstance(listed, str) or not isinstance(listed, Iterable):
            raise ParameterError(f"measures is {listed!r}; it must be a list of names, or a table [measures.NAME]")
        preset = record.get("preset", "" if "measures" in record else "standard")
        if not isinstance(preset, str):
            raise ParameterError(f"preset is {preset!r}; it must be a string")
        return cls._listed([*filter(None, preset.split("+")), *listed], options)

    @classmethod
    def from_toml(cls, path: str | PathLike[str]) -> Survey:
        """Read a survey from a TOML file.

        Parameters
        ----------
        path : path
            The file.

        Returns
        -------
        Survey
            The description.

        Raises
        ------
        ParameterError
            If the file is no TOML, has an unknown key, or a value doesn't fit; the message names the file.
        """
        try:
            return cls.from_dict(tomllib.loads(Path(path).read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ParameterError(f"{path}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Give the survey as JSON values, from which `from_dict` makes an equal one.

        Returns
        -------
        dict
            Field to value.
        """
        record = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "preset"}
        return {**record, "measures": [request.to_dict() for request in self.measures]}

    def keeps(self, name: str, module: str) -> bool:
        """Tell whether a tensor is among the layers that this survey looks at.

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

    def __hash__(self) -> int:
        return hash(canonical_json(self.to_dict()))


def _several(measures: Any) -> list[Any]:
    if isinstance(measures, (str, Request, functools.partial, Mapping)) or callable(measures):
        return [measures]
    if isinstance(measures, Iterable):
        return list(measures)
    raise TypeError(f"measures: expected a preset, a measure or a list of them, got {type(measures).__name__}")


def _is_preset(name: str, known: Mapping[str, Any]) -> bool:
    if name in PRESETS:
        return True
    if not name.isidentifier() or name in known:
        return False
    if closest(name, PRESETS).startswith("did you mean"):
        raise ParameterError(f"preset {name!r} does not exist; {closest(name, PRESETS)}")
    return False


def _table(name: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ParameterError(f"measures.{name} is {given!r}; it must be a table of parameters")
    return given
