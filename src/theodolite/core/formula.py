r"""Formulas of docstrings in plain text: ``\lambda_i^2`` becomes ``λᵢ²``."""

from __future__ import annotations

import re

_SIGNS = {
    "alpha": "α", "beta": "β", "chi": "χ", "delta": "δ", "epsilon": "ε", "eta": "η", "gamma": "γ", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "omega": "ω", "phi": "φ", "pi": "π", "psi": "ψ", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "theta": "θ", "xi": "ξ", "zeta": "ζ", "Delta": "Δ", "Gamma": "Γ", "Lambda": "Λ", "Omega": "Ω",
    "Phi": "Φ", "Sigma": "Σ",
    "sum": "Σ", "prod": "∏", "int": "∫", "infty": "∞", "partial": "∂", "propto": "∝", "approx": "≈", "sim": "~",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "ll": "≪", "gg": "≫", "in": "∈",
    "times": "×", "cdot": "·", "pm": "±", "to": "→", "mid": "|", "dots": "…", "ldots": "…", "cdots": "⋯", "top": "ᵀ",
    "langle": "⟨", "rangle": "⟩", "cap": "∩", "cup": "∪", "circ": "∘", "sin": "sin", "cos": "cos", "prime": "′",
    "quad": "  ", "qquad": "    ", "left": "", "right": "", "sqrt": "√", "|": "‖", ",": " ", ";": " ", "!": "",
    "{": "{", "}": "}",
}  # fmt: skip
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303"}
_PLAIN = ("mathrm", "mathbf", "mathbb", "mathcal", "operatorname", "text")
_ABOVE = str.maketrans("0123456789+-−=()nikTα", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱᵏᵀᵅ")
_BELOW = str.maketrans("0123456789+-−=()aeijkmnopstx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑᵢⱼₖₘₙₒₚₛₜₓ")
_INNERMOST = r"\{([^{}]*)\}"


def plain(formula: str) -> str:
    r"""Write a formula in signs instead of commands.

    Parameters
    ----------
    formula : str
        LaTeX, as docstrings hold it.

    Returns
    -------
    str
        One line of signs; what is unknown is left as a word.

    Examples
    --------
    >>> plain(r"\sqrt{\sum_i \lambda_i^2} / \lambda_{\max}")
    '√(Σᵢ λᵢ²) / λₘₐₓ'
    """
    text = re.sub(r"\\(hat|bar|tilde)\s*\{?(\\[A-Za-z]+|\w)\}?", lambda m: f"{m[2]}{_ACCENTS[m[1]]}", formula)
    text = re.sub(rf"\\({'|'.join(_PLAIN)})\s*{_INNERMOST}", r"\2", text)
    text = re.sub(r"\\([A-Za-z]+|[|,;!{}])", lambda m: _SIGNS.get(m[1], m[1]), text)
    text = re.sub(r"([_^])(\w|\*|∞)", lambda m: _raised(m[1], m[2]), text)
    while True:
        shorter = re.sub(rf"frac{_INNERMOST}{_INNERMOST}", lambda m: f"{_grouped(m[1])} / {_grouped(m[2])}", text)
        shorter = re.sub(rf"([_^]){_INNERMOST}", lambda m: _raised(m[1], m[2]), shorter)
        shorter = re.sub(rf"√{_INNERMOST}", lambda m: f"√{_grouped(m[1])}", shorter)
        if shorter == text:
            return text
        text = shorter


def _raised(sign: str, inside: str) -> str:
    """Set an index or an exponent small where there are such letters."""
    table = _ABOVE if sign == "^" else _BELOW
    if all(ord(letter) in table for letter in inside):
        return inside.translate(table)
    return f"{sign}{inside if inside == '*' else _grouped(inside)}"


def _grouped(inside: str) -> str:
    return inside if re.fullmatch(r"√?\w+", inside) else f"({inside})"
