"""The rules by which a trend gets its finding, case by case, and how numbers are written."""

import pytest

from theodolite.core import Missing, Outcome
from theodolite.study import Association, Coefficient, Trend
from theodolite.study.corpora.words import Setting, evidence, finding_of, sentences_of


def association(scope, tau, p, group="", models=20):
    coefficient = None if tau is None else Coefficient(tau, tau - 0.1, tau + 0.1, p / 2, p)
    said = Missing(Outcome.CONSTANT_COLUMN, "the metric") if coefficient is None else coefficient
    return Association(scope, group, models, 0, exact=False, kendall=said, spearman=said)


def trend(overall, within=None, groups=()):
    inside = None if within is None else association("within", *within)
    return Trend("m", association("all", *overall), inside, tuple(association("group", *one) for one in groups))


@pytest.mark.parametrize(
    ("overall", "within", "finding"),
    [
        ((0.5, 0.01), (-0.5, 0.01), "reversed"),
        ((0.5, 0.01), (-0.02, 0.04), "reversed"),
        ((0.5, 0.01), (-0.3, 0.2), "perhaps reversed"),
        ((0.2, 0.3), (-0.6, 0.01), "perhaps reversed"),
        ((0.5, 0.01), (-0.05, 0.8), "between groups"),
        ((0.5, 0.01), (0.3, 0.2), "between groups"),
        ((0.05, 0.8), (-0.6, 0.01), "within groups"),
        ((0.5, 0.01), (0.5, 0.01), "consistent"),
        ((0.2, 0.3), (-0.2, 0.3), "none"),
        ((0.5, 0.05), None, "none"),
        ((0.5, 0.049), None, "trend"),
        ((None, 1), (None, 1), "none"),
        ((0.5, 0.01), (None, 1), "between groups"),
    ],
)
def test_a_finding_rests_on_corrected_p_values_and_signs(overall, within, finding):
    assert finding_of(trend(overall, within), 0.05) == finding


def test_the_groups_are_named_by_direction_strongest_first():
    one = trend((0.1, 0.6), (0.0, 1.0), [(0.2, 0.5, "a"), (-0.8, 0.01, "16"), (0.9, 0.01, "c"), (None, 1, "d")])
    setting = Setting("acc", None, "depth", 0.05, {}, {})
    main, groups = sentences_of(one, setting)
    assert main.startswith("m shows no trend with acc beyond chance, neither over all 20 models (τ = +0.10")
    assert groups.startswith("It rises within c (τ = +0.90, p = 0.005; 0.01 corrected) and a (τ = +0.20")
    assert "and falls within depth 16 (τ = −0.80" in groups


@pytest.mark.parametrize(
    ("coefficient", "text"),
    [
        (Coefficient(0.5, None, None, 0.012), "τ = +0.50, p = 0.012"),
        (Coefficient(-0.5, None, None, 0.012, 0.012), "τ = −0.50, p = 0.012"),
        (Coefficient(-0.5, None, None, 0.012, 0.36), "τ = −0.50, p = 0.012; 0.36 corrected"),
        (Coefficient(0.001, None, None, 1e-9, 1e-7), "τ = 0.00, p < 0.0001"),
        (Coefficient(0.9, None, None, 1e-9, 1e-3), "τ = +0.90, p < 0.0001; 0.001 corrected"),
    ],
)
def test_evidence_is_written_for_people(coefficient, text):
    assert evidence(coefficient) == text
