"""Colours, shapes and letters that all charts and the page share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from theodolite.reports.questions import HEAVIER_THAN_2, LOOKS_UNTRAINED, LOW_RANK, NO_FINDING, TRAP, UNANSWERED

SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'

SHAPES: Mapping[str, str] = {
    LOOKS_UNTRAINED.verdict: (
        "M-1,0A1,1,0,1,1,1,0A1,1,0,1,1,-1,0ZM-0.52,0A0.52,0.52,0,1,0,0.52,0A0.52,0.52,0,1,0,-0.52,0Z"
    ),
    HEAVIER_THAN_2.verdict: "M0,-1L1,0.8L-1,0.8Z",
    LOW_RANK.verdict: "M-1.1,-0.42L1.1,-0.42L1.1,0.42L-1.1,0.42Z",
    TRAP.verdict: "M-0.95,-0.85L0.95,-0.85L-0.95,0.85L0.95,0.85Z",
    NO_FINDING: "M-0.6,0A0.6,0.6,0,1,1,0.6,0A0.6,0.6,0,1,1,-0.6,0Z",
    UNANSWERED: "M-0.9,-0.6L-0.6,-0.9L0,-0.3L0.6,-0.9L0.9,-0.6L0.3,0L0.9,0.6L0.6,0.9L0,0.3L-0.6,0.9L-0.9,0.6L-0.3,0Z",
}
"""Outline of each verdict's sign in the square from -1 to 1: told apart by shape, then by colour."""


@dataclass(frozen=True)
class Theme:
    """One set of colours.

    Attributes
    ----------
    name : str
        ``"light"`` or ``"dark"``.
    paper, panel, ink, muted, line, accent, tone : str
        Background, raised background, text, secondary text, rules, the chosen layer, and the full tone of a value.
    verdicts : mapping of str to str
        Colour of each verdict's sign, after Okabe and Ito.
    """

    name: str
    paper: str
    panel: str
    ink: str
    muted: str
    line: str
    accent: str
    tone: str
    verdicts: Mapping[str, str]

    def colours(self) -> dict[str, str]:
        """Give the colours by name, as the page's variables.

        Returns
        -------
        dict of str to str
            ``"paper"``, ``"ink"``, ... and ``"verdict-0"`` and on, in the order of the verdicts.
        """
        plain = {name: getattr(self, name) for name in ("paper", "panel", "ink", "muted", "line", "accent", "tone")}
        return plain | {f"verdict-{index}": colour for index, colour in enumerate(self.verdicts.values())}


LIGHT = Theme(
    name="light",
    paper="#fbfaf7",
    panel="#ffffff",
    ink="#1b2027",
    muted="#5b636e",
    line="#dcd9d1",
    accent="#a03c00",
    tone="#0b4a68",
    verdicts={
        LOOKS_UNTRAINED.verdict: "#0072b2",
        HEAVIER_THAN_2.verdict: "#d55e00",
        LOW_RANK.verdict: "#b0528f",
        TRAP.verdict: "#00805c",
        NO_FINDING: "#7b838d",
        UNANSWERED: "#7b838d",
    },
)

DARK = Theme(
    name="dark",
    paper="#14171b",
    panel="#1b1f25",
    ink="#e8e6e1",
    muted="#a0a7b0",
    line="#343a42",
    accent="#ffb077",
    tone="#6fa6ba",
    verdicts={
        LOOKS_UNTRAINED.verdict: "#56b4e9",
        HEAVIER_THAN_2.verdict: "#f58231",
        LOW_RANK.verdict: "#dd92c3",
        TRAP.verdict: "#3cc49c",
        NO_FINDING: "#8b939d",
        UNANSWERED: "#8b939d",
    },
)


VARIABLES = Theme(
    "page",
    **{name: f"var(--{name})" for name in ("paper", "panel", "ink", "muted", "line", "accent", "tone")},
    verdicts={verdict: f"var(--verdict-{index})" for index, verdict in enumerate(LIGHT.verdicts)},
)
"""The colours as the page's CSS variables: charts follow the page from light to dark and onto paper undrawn."""


def vega_config(theme: Theme) -> dict[str, Any]:
    """Give a theme as a Vega-Lite configuration.

    Parameters
    ----------
    theme : Theme
        The colours.

    Returns
    -------
    dict
        The configuration; its category and symbol ranges are in the order of the verdicts.
    """
    text = {"labelFont": SANS, "titleFont": SANS, "labelColor": theme.muted, "titleColor": theme.muted}
    return {
        "background": None,
        "font": SANS,
        "view": {"stroke": None},
        "range": {
            "category": list(theme.verdicts.values()),
            "symbol": list(SHAPES.values()),
        },
        "axis": {
            **text,
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "domain": False,
            "tickColor": theme.line,
            "gridColor": theme.line,
            "gridOpacity": 0.7,
            "tickSize": 4,
            "labelPadding": 4,
            "titlePadding": 8,
        },
        "legend": {
            **text,
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "symbolBaseFillColor": theme.tone,
        },
        "header": {**text, "labelFontSize": 12, "labelColor": theme.ink, "labelPadding": 6},
        "title": {"font": SANS, "color": theme.ink, "fontSize": 13, "fontWeight": 600, "anchor": "start", "offset": 10},
        "text": {"font": SANS, "color": theme.ink},
        "rule": {"color": theme.muted},
        "style": {
            # "color" reaches what is stroked and what is filled; "fill" would lose against the default colour.
            "chance": {"color": theme.muted},
            "chosen": {"color": theme.accent},
            "spectrum": {"color": theme.ink},
            "tail": {"color": theme.accent},
            "bulk": {"color": theme.tone},
            "label": {"color": theme.muted},
            "label-halo": {"color": theme.panel, "stroke": theme.panel, "strokeWidth": 4, "strokeJoin": "round"},
            "tone": {"color": theme.tone},
            "halo": {"color": theme.panel},
            "number": {"color": theme.ink},
        },
    }
