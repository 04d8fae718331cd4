"""The 28 metrics by the names that their authors gave them: kind, needs and formula."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["scale", "shape", "hybrid"]
Need = Literal["init", "model", "data"]


_OF_THE_WHOLE = frozenset(
    {"PATH_NORM", "INVERSE_MARGIN", "PATH_NORM_OVER_MARGIN", "PACBAYES_FLATNESS", "PACBAYES_MAG_FLATNESS"}
)


@dataclass(frozen=True)
class Definition:
    """What a metric is.

    Attributes
    ----------
    name : str
        The authors' name.
    kind : {"scale", "shape", "hybrid"}
        Whether it grows with the weights, looks at the shape of spectra alone, or mixes both.
    needs : tuple of {"init", "model", "data"}
        What it needs besides the weights.
    formula : str
        Its definition in a line, before the adjustment to the number of samples.
    adjusted : bool
        Whether the number of samples m enters last: ``LOG_*`` become (v - ln m)/2, the others sqrt(v/m).
    """

    name: str
    kind: Kind
    needs: tuple[Need, ...]
    formula: str
    adjusted: bool

    @property
    def logarithmic(self) -> bool:
        """Whether the formula gives a logarithm."""
        return self.name.startswith("LOG_")

    @property
    def over_layers(self) -> bool:
        """Whether it sums or averages over layers."""
        return self.name not in _OF_THE_WHOLE


_INIT: tuple[Need, ...] = ("init",)
_DATA: tuple[Need, ...] = ("model", "data")
_ALL: tuple[Need, ...] = ("init", "model", "data")
_ADJUSTED: tuple[tuple[str, tuple[Need, ...], str], ...] = (
    ("PARAM_NORM", (), "Σ_l ‖W_l‖²_F"),
    ("FRO_DIST", _INIT, "Σ_l ‖W_l − W⁰_l‖²_F"),
    ("DIST_SPEC_INIT", _INIT, "Σ_l ‖W_l − W⁰_l‖²₂"),
    ("PATH_NORM", ("model",), "Σ_i f_i(1; w²): the outputs for an input of ones, every weight squared"),
    ("INVERSE_MARGIN", _DATA, "1/γ²"),
    ("LOG_PROD_OF_SPEC_OVER_MARGIN", _DATA, "Σ_l ln ‖W_l‖²₂ − 2 ln γ"),
    ("LOG_SUM_OF_SPEC_OVER_MARGIN", _DATA, "ln d + (Σ_l ln ‖W_l‖²₂ − 2 ln γ)/d"),
    ("LOG_PROD_OF_FRO_OVER_MARGIN", _DATA, "Σ_l ln ‖W_l‖²_F − 2 ln γ"),
    ("LOG_SUM_OF_FRO_OVER_MARGIN", _DATA, "ln d + (Σ_l ln ‖W_l‖²_F − 2 ln γ)/d"),
    ("PATH_NORM_OVER_MARGIN", _DATA, "(Σ_i f_i(1; w²))/γ²"),
    ("PACBAYES_INIT", _ALL, "‖w − w⁰‖²/(4σ²) + ln(m/σ) + 10"),
    ("PACBAYES_ORIG", _DATA, "‖w‖²/(4σ²) + ln(m/σ) + 10"),
    ("PACBAYES_FLATNESS", _DATA, "1/σ²"),
    ("PACBAYES_MAG_INIT", _ALL, "¼ Σ_i ln[(ε² + (σ′² + 1)‖w − w⁰‖²/ω)/(ε² + σ′²(w − w⁰)²_i)] + ln(m/σ′) + 10"),
    ("PACBAYES_MAG_ORIG", _ALL, "¼ Σ_i ln[(ε² + (σ′² + 1)‖w‖²/ω)/(ε² + σ′²(w − w⁰)²_i)] + ln(m/σ′) + 10"),
    ("PACBAYES_MAG_FLATNESS", _DATA, "1/σ′²"),
)
_MEANS: tuple[tuple[str, Kind, str], ...] = (
    ("log_norm", "scale", "mean_l log₁₀ ‖W_l‖²_F"),
    ("log_spectral_norm", "scale", "mean_l log₁₀ ‖W_l‖²₂"),
    ("mp_softrank", "shape", "mean_l (edge of the random bulk)/λ_max"),
    ("stable_rank", "shape", "mean_l ‖W_l‖²_F/‖W_l‖²₂"),
    ("PL_alpha", "shape", "mean_l exponent α of the power law"),
    ("E_TPL_beta", "shape", "mean_l exponent β of the truncated power law from the peak on"),
    ("E_TPL_lambda", "shape", "mean_l rate λ of the truncated power law from the peak on"),
    ("EXP_lambda", "shape", "mean_l rate λ of the exponential tail from the peak on"),
    ("PL_KS_distance", "shape", "mean_l distance between tail and power law"),
    ("E_TPL_KS_distance", "shape", "mean_l distance between tail and truncated power law"),
    ("alpha_weighted", "hybrid", "mean_l α log₁₀ λ_max"),
    ("log_alpha_norm", "hybrid", "mean_l log₁₀ Σ_i λ_i^α"),
)

METRICS: Mapping[str, Definition] = MappingProxyType(
    {
        **{name: Definition(name, "scale", needs, formula, True) for name, needs, formula in _ADJUSTED},
        **{name: Definition(name, kind, (), formula, False) for name, kind, formula in _MEANS},
    }
)
"""Every metric by its name, in the order of the paper's tables: norms, margins, bounds, then means over layers."""
