"""Which family of laws a layer's tail was found to follow, in words."""

from __future__ import annotations

from theodolite.numerics.likelihood_ratios import LEVEL, PAIRS, LikelihoodRatio, not_ruled_out
from theodolite.reports.layers import Layer

_IN_WORDS = {
    "power_law": "a power law",
    "truncated_power_law": "a power law with a cut-off",
    "exponential": "an exponential",
    "lognormal": "a lognormal",
}


def families_left(layer: Layer) -> tuple[str, ...]:
    """Return the families of laws that no other one is significantly likelier than on the layer's tail.

    Parameters
    ----------
    layer : Layer
        The layer.

    Returns
    -------
    tuple of str
        Their names; empty where `tail_comparison` was not read.
    """
    found = {}
    for first, second in PAIRS:
        row = layer.rows.get(f"tail_comparison.{first}_over_{second}")
        # The p-value of a null, where one was asked for, stands in the place of the ratio's own.
        own = row is not None and '"with_null"' not in row.params
        if own and row is not None and row.value is not None and row.p_value is not None:
            found[first, second] = LikelihoodRatio(row.value, row.p_value)
    return not_ruled_out(found)


def family_text(layer: Layer) -> str:
    """Say which family the layer's tail follows, as a clause to append.

    Parameters
    ----------
    layer : Layer
        The layer.

    Returns
    -------
    str
        Empty where `tail_comparison` was not read.
    """
    left = [_IN_WORDS[family] for family in families_left(layer)]
    if not left:
        return ""
    if len(left) == 1:
        return f"; of four families the tail prefers {left[0]} (p below {LEVEL:g} against each other)"
    return f"; the tail can’t tell {', '.join(left[:-1])} and {left[-1]} apart"
