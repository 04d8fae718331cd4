"""Formulas and docstrings on a terminal."""

import pytest

from theodolite.cli.docstring import read, readable
from theodolite.core.formula import plain


@pytest.mark.parametrize(
    ("latex", "signs"),
    [
        (r"\|W\|_F = \sqrt{\sum_i \lambda_i}", "‖W‖_F = √(Σᵢ λᵢ)"),
        (r"\frac{1}{n} \sum_{i=1}^{n} x_i", "1 / n Σᵢ₌₁ⁿ xᵢ"),
        (r"\frac{a + b}{c}", "(a + b) / c"),
        (r"\hat\alpha = \alpha \log_{10} \lambda_{\max}", "α̂ = α log₁₀ λₘₐₓ"),
        (r"\rho(\lambda) \propto \lambda^{-\alpha}", "ρ(λ) ∝ λ⁻ᵅ"),
        (r"\sum_{j \le k} x_{row}", "Σ_(j ≤ k) x_row"),
        (r"\sqrt{\frac{1}{\sqrt{n}}}", "√(1 / √n)"),
        (r"A^{x+y}", "A^(x+y)"),
        (r"\langle K, L \rangle / |N_x \cap N_y|", "⟨ K, L ⟩ / |Nₓ ∩ N_y|"),
        ("plain words", "plain words"),
    ],
)
def test_formulas_become_signs(latex, signs):
    assert plain(latex) == signs


DOC = r"""Sum of squares, :math:`\sum_i x_i^2`.

    A first line
    that goes on.

    Another paragraph with ``code`` and `name`.

    Parameters
    ----------
    k, n : int
        How many,
        on two lines.
    mode : {"a", "b"}
        Which.

    Reads as
    --------
    Bigger is more.
    """


def test_docstrings_are_taken_apart():
    told = read(DOC)
    assert told.summary == r"Sum of squares, :math:`\sum_i x_i^2`."
    assert list(told.sections) == ["Parameters", "Reads as"]
    assert told.sections["Reads as"] == "Bigger is more."
    assert told.parameters["n"] == ("int", "How many,\non two lines.")
    assert told.parameters["mode"] == ('{"a", "b"}', "Which.")
    assert read(None).summary == ""


def test_prose_is_joined_and_cleaned():
    told = read(DOC)
    assert readable(told.summary).plain == "Sum of squares, Σᵢ xᵢ²."
    assert readable(told.body).plain == "A first line that goes on.\n\nAnother paragraph with code and name."
    assert readable(".. math:: x_i^2").plain == "    xᵢ²"
    assert readable("- one\n- two").plain == "- one\n- two"
