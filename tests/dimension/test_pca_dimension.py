"""pca_dimension: how many principal directions a cloud takes, by twelve rules."""

import ml_dtypes
import numpy as np
import pytest
from scipy.special import xlogy

from theodolite.core import Cloud, Outcome, ParameterError, Refusal
from theodolite.dimension import pca_dimension
from theodolite.numerics.pca_rules import kritchman_nadler
from theodolite.numerics.tracy_widom import tracy_widom_survival

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
TESTS = ("marchenko_pastur", "gavish_donoho", "kritchman_nadler", "minka")


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


# scikit-dimension 0.5.0 takes s = (-3/2 ln(4 sqrt(pi) 0.0005))^(2/3), the tail to first order, for the quantile; where
# directions hold nothing (the flats, digits) its noise is rounding.
@pytest.mark.shared
@pytest.mark.parametrize(
    ("data", "standard"),
    [("swiss_roll n2000", 1), ("swiss_roll noise.3 n5000", 2), ("iris", 3), ("wine(standardised)", 7)],
)
def test_kritchman_and_nadler_against_scikit_dimension(known, data, standard):
    cloud, given = known[data]
    assert given["skdim.lPCA(KN)"] == standard
    level = tracy_widom_survival((-1.5 * np.log(4 * np.sqrt(np.pi) * 0.0005)) ** (2 / 3))
    assert 1e-4 < level < 5e-4
    assert float(pca_dimension(cloud, rule="kritchman_nadler", level=level).dimension) == standard


def noise_and_directions(seen: np.ndarray, kept: int, freedom: int, features: int) -> float:
    """The noise, from a root finder on all its equations at once; a direction that is noise has no root."""
    from scipy.optimize import fsolve

    others, kept_ones = features - kept, seen[:kept]

    def equations(unknown):
        noise, own = unknown[0], unknown[1:]
        quadratic = own**2 - own * (kept_ones + noise - noise * others / freedom) + kept_ones * noise
        return [noise * others - seen[kept:].sum() - (kept_ones - own).sum(), *quadratic]

    start = seen[kept:].sum() / others / (1 - kept / freedom)
    found = fsolve(equations, [start, *(kept_ones - start)], xtol=1e-12)
    return found[0] if np.allclose(equations(found), 0, atol=1e-8) else start


@pytest.mark.filterwarnings("ignore:The iteration is not making good progress")
@pytest.mark.parametrize(("count", "width"), [(150, 30), (40, 90)])
def test_kritchman_and_nadler_step_by_step(count, width):
    """With Johnstone's constants written out."""
    spread = np.concatenate([[7.0, 5.0, 3.5, 2.6], np.ones(width - 4)])
    found = pca_dimension(
        np.random.default_rng(8).standard_normal((count, width)) * spread, rule="kritchman_nadler", level=0.01
    )
    n, seen = count - 1, found.extra["variances"]
    for kept in range(1, int(found.dimension) + 2):
        noise = noise_and_directions(seen, kept, n, width)
        a, b = np.sqrt(n - 0.5), np.sqrt(width - kept - 0.5)
        statistic = (n * seen[kept - 1] / noise - (a + b) ** 2) / ((a + b) * (1 / a + 1 / b) ** (1 / 3))
        assert (tracy_widom_survival(statistic) < 0.01) == (kept <= found.dimension)
    assert found.dimension == 4


@pytest.mark.parametrize(("count", "width"), [(200, 20), (30, 60)])
def test_noise_alone_is_taken_for_a_direction_as_often_as_said(count, width):
    rng, wrong = np.random.default_rng(9), 0
    for _ in range(400):
        rows = rng.standard_normal((count, width))
        values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)[: min(count - 1, width)] ** 2 / (count - 1)
        strict, loose = (kritchman_nadler(values, count, width, level=level) for level in (1e-6, 0.1))
        assert strict == 0
        wrong += loose > 0
    # The noise is that of the others alone, less than it was with the largest, the more so the fewer there are.
    assert 0.08 < wrong / 400 < 0.32


def test_weak_directions_in_more_features_than_rows():
    """Where the law of the noise is that of features over rows, and not of a square."""
    for rule in TESTS:
        for seed in range(3):
            rng = np.random.default_rng(seed)
            drawn = rng.standard_normal((60, 3))
            left = np.linalg.qr(drawn - drawn.mean(axis=0))[0]
            right = np.linalg.qr(rng.standard_normal((600, 3)))[0]
            rows = rng.standard_normal((60, 600)) + left * [60, 55, 50] @ right.T
            found = pca_dimension(rows, rule=rule)
            assert 3 <= float(found.dimension) <= (5 if rule == "marchenko_pastur" else 3)
            twice = pca_dimension(np.concatenate([rows, rows[:1]]), rule=rule)
            assert 3 <= float(twice.dimension) <= (6 if rule == "marchenko_pastur" else 4)
            assert twice.notes[0].outcome is Outcome.NO_NOISE


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
    if rule not in TESTS:
        assert float(pca_dimension(sheared, rule=rule).dimension) != pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize("rule", ["participation", "entropy"])
@pytest.mark.parametrize(("count", "width"), [(40, 6), (12, 30)])
def test_the_standard_error_is_that_of_what_each_row_adds(rule, count, width):
    """Against derivatives in the weights of rows, taken by differences."""
    rows = np.random.default_rng(10).standard_normal((count, width)) * np.linspace(2, 0.3, width) + 4.0

    def weighted(weights):
        weights = weights / weights.sum()
        about = rows - weights @ rows
        values = np.linalg.svd(about * np.sqrt(weights)[:, None], compute_uv=False) ** 2
        shares = values / values.sum()
        return 1 / (shares**2).sum() if rule == "participation" else np.exp(-xlogy(shares, shares).sum())

    step = 1e-5 * np.eye(count)
    parts = np.asarray([(weighted(1 + move) - weighted(1 - move)) / 2e-5 for move in step])
    expected = np.sqrt((parts**2).sum() * count / (count - 1))
    interval = pca_dimension(rows, rule=rule).intervals["dimension"]
    assert float(interval.se) == pytest.approx(expected, rel=1e-4)
    assert float(interval.high - interval.low) == pytest.approx(2 * 1.959963984540054 * expected, rel=1e-4)


CASES = {
    "falling": lambda rng: rng.standard_normal((200, 12)) * np.linspace(3, 0.3, 12),
    "in noise": lambda rng: rng.standard_normal((120, 30)) * np.concatenate([[4, 3, 2.2, 1.8], np.ones(26)]),
    "wide": lambda rng: rng.standard_normal((50, 120)) * np.concatenate([[6, 5, 4, 3], np.ones(116)]),
    "cube": lambda rng: rng.random((150, 3)),
}


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_intervals_cover(make):
    clouds = [Cloud(make(np.random.default_rng(seed))) for seed in range(40)]
    for rule in SHAPES + TESTS:
        found = [pca_dimension(cloud, rule=rule) for cloud in clouds]
        mean = np.mean([float(one.dimension) for one in found])
        intervals = [one.intervals["dimension"] for one in found]
        slack = 1e-9 * mean
        assert np.mean([bool(one.low - slack <= mean <= one.high + slack) for one in intervals]) >= 0.85, rule
        spread = np.std([float(one.dimension) for one in found])
        assert np.mean([one.high - one.low for one in intervals]) < max(2 * 3.92 * spread, 1.6), rule


def test_an_interval_of_whole_numbers_is_half_a_unit_at_least():
    rows = planted([100, 99, 98, 1, 1])
    interval = pca_dimension(rows, rule="fo").intervals["dimension"]
    assert (float(interval.low), float(interval.high), float(interval.se)) == (2.5, 3.5, 0.0)
    all_of_them = pca_dimension(planted([2.0, 2, 2]), rule="fo").intervals["dimension"]
    assert (float(all_of_them.low), float(all_of_them.high)) == (2.5, 3.0)


def test_intervals_are_those_of_the_rows_in_any_order_and_moments_have_none():
    rng = np.random.default_rng(11)
    rows = rng.standard_normal((90, 8)) * np.linspace(2, 0.5, 8)
    moved = 1e3 + 1e-3 * rows[rng.permutation(90)] @ np.linalg.qr(rng.standard_normal((8, 8)))[0]
    for rule in SHAPES + TESTS:
        one, other = (pca_dimension(given, rule=rule).intervals["dimension"] for given in (rows, moved))
        np.testing.assert_allclose([other.se, other.low, other.high], [one.se, one.low, one.high], rtol=1e-6)
        whole = Cloud(rows)
        assert not pca_dimension(Cloud.from_moments(90, whole.mean, whole.scatter), rule=rule).intervals
        assert not pca_dimension(rows[:7], rule=rule).intervals


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
    half = flat.astype(ml_dtypes.bfloat16)
    assert float(pca_dimension(half).rank) == 5
    assert float(pca_dimension(half.astype(np.float32)).rank) == 40


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
