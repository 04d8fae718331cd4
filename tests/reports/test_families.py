"""What a report says of the family of a layer's tail, from readings of real measures."""

import numpy as np
import pytest

import theodolite as td
from theodolite.reports import judge
from theodolite.testing import with_eigenvalues


def evidence(values, *measures):
    matrix = with_eigenvalues(np.sort(values), values.size, values.size + 40, rng=0)
    readings = td.survey({"layers.0.weight": matrix}, ["power_law", "stable_rank", "effective_rank", *measures])
    (judged,) = judge(readings)
    return next(check.says for answer in judged.answers if answer.question.key == "heavy" for check in answer.checks)


@pytest.fixture(scope="module")
def uniform():
    return (np.arange(200) + 0.5) / 200


def test_the_preferred_family_stands_beside_alpha(uniform):
    heavier = np.exp(0.9 * (-np.log1p(-uniform)) ** 1.05)  # no lognormal and no cut-off is left for such a tail
    assert "of four families the tail prefers a power law (p below 0.1" in evidence(heavier, "tail_comparison")


def test_families_that_cannot_be_told_apart_are_named(uniform):
    light = 2.0 - np.log1p(-uniform) / 0.3
    says = evidence(light, "tail_comparison")
    assert "the tail can’t tell" in says
    assert says.endswith("apart")


def test_nothing_is_said_where_nothing_was_compared(uniform):
    says = evidence((1 - uniform) ** -0.9)
    assert "tail prefers" not in says
    assert "tell" not in says
