"""pca_dimension: how many principal directions a cloud takes, by eleven rules."""

import numpy as np
import pytest

from theodolite.core import Cloud, Outcome, ParameterError, Refusal
from theodolite.dimension import pca_dimension

RULES = {
    "fo": "FO",
    "ratio": "ratio,.95",
    "participation": "participation_ratio",
    "fan": "Fan",
    "maxgap": "maxgap",
    "kaiser": "Kaiser",
    "broken_stick": "broken_stick",
    "marchenko_pastur": "MP",
    "gavish_donoho": "GD",
    "minka": "Minka",
}
SHAPES = ("fo", "ratio", "participation", "fan", "maxgap", "kaiser", "broken_stick", "entropy")
TESTS = ("marchenko_pastur", "gavish_donoho", "minka")


def planted(variances, rng=None, count=400) -> np.ndarray:
    """Rows whose variances about the mean are these to the last digits."""
    rng = np.random.default_rng(0) if rng is None else rng
    drawn = rng.standard_normal((count, len(variances)))
    left = np.linalg.qr(drawn - drawn.mean(axis=0))[0]
    basis = np.linalg.qr(rng.standard_normal((len(variances), len(variances))))[0]
    return left * np.sqrt((count - 1) * np.asarray(variances, float)) @ basis + rng.standard_normal(len(variances))


@pytest.mark.shared
@pytest.mark.parametrize("rule", RULES)
def test_against_scikit_dimension(known, rule):
    """All but the largest ratio within rounding noise, where exact flats and constant features leave nothing else."""
    compared = 0
    for data, (cloud, given) in known.items():
        short = {"fo": "lPCA.FO", "participation": "lPCA.PR"}.get(rule, "")
        expected = given.get(f"skdim.lPCA({RULES[rule]})", given.get(short))
        exact = pca_dimension(cloud).rank < cloud.width
        if expected is None or (exact and rule in {"maxgap", "minka"}):
            continue
        assert float(pca_dimension(cloud, rule=rule).dimension) == pytest.approx(expected, rel=1e-6), data
        compared += 1
    assert compared >= 3


@pytest.mark.shared
def test_an_exact_flat_is_seen(known):
    """Where scikit-dimension gives 60 for 20 dimensions."""
    cloud, given = known["affine cube d20 in R100 n2000"]
    assert given["skdim.lPCA(maxgap)"] == 60
    assert float(pca_dimension(cloud, rule="maxgap").dimension) == 20
    for rule in TESTS:
        found = pca_dimension(cloud, rule=rule)
        assert float(found.rank) == 20
        assert found.notes[0].outcome is Outcome.NO_NOISE
        assert float(found.dimension) <= 20


SPECTRA = [
    ("participation", [4, 2, 1, 1], 64 / 22),
    ("participation", [1, 1, 1, 1], 4),
    ("entropy", [1, 1, 1, 0], 3),
    ("entropy", [4, 2, 1, 1], 8 / 4**0.5 / 2**0.25),
    ("ratio", [94, 2, 2, 2], 2),
    ("ratio", [95.1, 2, 2, 0.9], 1),
    ("fo", [100, 5.1, 4.9, 1], 2),
    ("kaiser", [4, 3, 2, 1], 2),
    ("kaiser", [1, 1, 1, 1], 0),
    ("broken_stick", [55, 26, 12, 7], 1),
    ("broken_stick", [50, 30, 12, 8], 0),
    ("broken_stick", [53, 28, 12, 7], 2),
    ("broken_stick", [53, 27.5, 14.6, 4.9], 3),
    ("maxgap", [8, 7, 1, 0.9], 2),
    ("maxgap", [8, 7, 1, 0], 3),
    ("fan", [40, 30, 20, 5, 4, 1], 3),
    ("fan", [60, 2, 2, 2], 1),
    ("fan", [97, 1, 1, 1], 1),
]


@pytest.mark.parametrize(("rule", "variances", "expected"), SPECTRA)
def test_of_spectra_whose_dimension_is_known(rule, variances, expected):
    found = pca_dimension(planted(variances), rule=rule)
    assert float(found.dimension) == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(found.extra["variances"], np.asarray(variances, float), rtol=1e-9, atol=1e-9)
    held = sum(variances[: int(np.ceil(expected - 1e-9))]) / sum(variances)
    assert float(found.explained) == pytest.approx(held, rel=1e-9)


@pytest.mark.parametrize("rule", TESTS)
def test_strong_directions_in_noise_are_counted(rule):
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((1000, 50))
    rows[:, :4] *= np.array([6.0, 5.0, 4.0, 3.0])
    found = pca_dimension(rows @ np.linalg.qr(rng.standard_normal((50, 50)))[0], rule=rule)
    assert float(found.dimension) == 4 if rule != "marchenko_pastur" else 4 <= float(found.dimension) <= 6
    assert not found.notes


def test_minka_is_that_of_scikit_learn():
    decomposition = pytest.importorskip("sklearn.decomposition")
    rng = np.random.default_rng(2)
    for seed in range(12):
        rows = rng.standard_normal((60 + 30 * seed, 12)) * np.linspace(3, 0.4, 12) ** (seed / 4)
        expected = decomposition.PCA(n_components="mle", svd_solver="full").fit(rows).n_components_
        assert float(pca_dimension(rows, rule="minka").dimension) == expected


def test_equal_variances_leave_minka_finite():
    found = pca_dimension(np.concatenate([np.eye(6), -np.eye(6)]), rule="minka")
    assert 1 <= float(found.dimension) <= 6


@pytest.mark.parametrize("rule", SHAPES + TESTS)
def test_moments_will_do(rule):
    rows = np.random.default_rng(3).standard_normal((80, 7)) * np.linspace(3, 0.5, 7)
    whole = Cloud(rows)
    moments = Cloud.from_moments(80, whole.mean, whole.scatter)
    one, other = (float(pca_dimension(cloud, rule=rule).dimension) for cloud in (whole, moments))
    assert other == pytest.approx(one, rel=1e-12)


@pytest.mark.parametrize("rule", SHAPES + TESTS)
def test_blind_to_shift_scale_and_rotation_and_not_to_shear(rule):
    rng = np.random.default_rng(4)
    rows = (np.round(rng.standard_normal((200, 6)) * np.linspace(3, 0.5, 6) * 2**10) / 2**10).astype(np.float32)
    value = float(pca_dimension(rows, rule=rule).dimension)
    moved = [rows + np.float32(1024), rows * np.float32(1e6), rows * np.float32(1e-6)]
    for other in [*moved, rows @ np.linalg.qr(rng.standard_normal((6, 6)))[0], np.pad(rows, ((0, 0), (2, 0)))[:, 2:]]:
        assert float(pca_dimension(other, rule=rule).dimension) == pytest.approx(value, rel=1e-5)
    sheared = rows * np.asarray([1e3, 0.1, 1, 1, 1, 1], np.float32)
    if rule not in {"marchenko_pastur", "gavish_donoho", "minka"}:
        assert float(pca_dimension(sheared, rule=rule).dimension) != pytest.approx(value, rel=1e-3)


def test_more_features_than_rows():
    rows = np.random.default_rng(5).standard_normal((20, 300))
    found = pca_dimension(rows)
    assert float(found.rank) == 19
    values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)[:19] ** 2 / 19
    np.testing.assert_allclose(found.extra["variances"], values, rtol=1e-10)


def test_rounding_of_single_precision_is_no_direction():
    rng = np.random.default_rng(6)
    flat = (rng.standard_normal((3000, 5)) @ rng.standard_normal((5, 40)) + 1.0).astype(np.float32)
    assert float(pca_dimension(flat).rank) == 5


def test_bad_input_is_refused():
    with pytest.raises(Refusal) as refused:
        pca_dimension(np.ones((10, 3)))
    assert refused.value.outcome is Outcome.CONSTANT_CLOUD
    broken = np.random.default_rng(7).random((10, 3))
    broken[2, 1] = np.inf
    with pytest.raises(Refusal) as refused:
        pca_dimension(broken)
    assert refused.value.outcome is Outcome.NOT_FINITE_ROWS
    with pytest.raises(ParameterError, match="broken_stick"):
        pca_dimension(np.eye(4), rule="brokenstick")
