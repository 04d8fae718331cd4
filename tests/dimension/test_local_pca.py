"""local_pca: how many principal directions the neighbours of each point take."""

import numpy as np
import pytest

from theodolite.core import Cloud, Outcome, Refusal
from theodolite.dimension import local_pca
from theodolite.numerics.halves import halved
from theodolite.numerics.local_spectra import local_spectra

RULES = ("fo", "participation", "ratio", "entropy", "fan", "maxgap", "kaiser", "broken_stick")


@pytest.mark.shared
def test_against_scikit_dimension(known):
    cloud, given = known["M1_Sphere"]
    expected = given["lPCA.FO.pw100mean"]
    assert float(local_pca(cloud, k=100).dimension) == pytest.approx(expected, rel=1e-6)


def counted(variances: np.ndarray, rule: str) -> float:
    shares = variances / variances.sum()
    match rule:
        case "fo":
            return sum(variances > 0.05 * variances[0])
        case "participation":
            return 1 / sum(shares**2)
        case "ratio":
            return 1 + next(i for i in range(len(shares)) if sum(shares[: i + 1]) >= 0.95)
        case "entropy":
            return np.exp(-sum(p * np.log(p) for p in shares if p > 0))
        case "maxgap":
            return 1 + np.argmax(variances[:-1] / variances[1:])
        case "kaiser":
            return sum(shares > 1 / len(shares))
        case "broken_stick":
            size = len(shares)
            above = [shares[i] >= sum(1 / j for j in range(i + 1, size + 1)) / size for i in range(size)]
            return above.index(False) if False in above else size
    first = next(i for i in range(len(shares)) if sum(shares[: i + 1]) > 0.95)
    left = shares - np.mean(shares[first:])
    wide = [i for i in range(len(left) - 1) if left[i + 1] == 0 or left[i] / left[i + 1] > 10]
    return 1 + min(*wide, len(left), next(i for i in range(len(left)) if sum(left[: i + 1]) > 0.8 * sum(left)))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("width", [4, 30])
def test_against_one_point_at_a_time(rule, width):
    rng = np.random.default_rng(width)
    rows = rng.standard_normal((120, width)) * np.linspace(3, 0.3, width) + 7.0
    found = local_pca(rows, k=12, rule=rule)
    nearest = np.argsort(np.linalg.norm(rows[:, None] - rows, axis=2), axis=1)[:, 1:13]
    expected = []
    for several in nearest:
        patch = rows[several] - rows[several].mean(axis=0)
        expected.append(counted(np.linalg.svd(patch, compute_uv=False)[: min(11, width)] ** 2, rule))
    np.testing.assert_allclose(found.extra["pointwise"], expected, rtol=1e-9)
    assert float(found.dimension) == pytest.approx(np.mean(expected), rel=1e-12)
    assert float(found.median) == pytest.approx(np.median(expected), rel=1e-12)


@pytest.mark.parametrize("width", [3, 25])
def test_spectra_of_any_lists(width):
    rng = np.random.default_rng(10)
    rows, neighbours = rng.standard_normal((40, width)) + 5.0, rng.integers(0, 40, (30, 9))
    neighbours[3] = 7
    for several, variances in zip(neighbours, local_spectra(rows, neighbours), strict=True):
        values = np.linalg.svd(rows[several] - rows[several].mean(axis=0), compute_uv=False) ** 2 / 8
        np.testing.assert_allclose(variances, values[: min(8, width)], rtol=1e-8, atol=1e-12)


def test_the_standard_error_is_that_of_halves():
    rng = np.random.default_rng(11)
    rows = rng.standard_normal((90, 5)) * np.linspace(2, 0.5, 5)
    nearest = np.sort(np.linalg.norm(rows[:, None] - rows, axis=2), axis=1)[:, 1:9]
    squares = []
    for labels in halved(nearest.sum(axis=1)):
        one, other = (float(local_pca(rows[labels == half], k=8).dimension) for half in (0, 1))
        squares.append((one - other) ** 2 / 4)
    interval = local_pca(rows, k=8).intervals["dimension"]
    assert float(interval.se) == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-9)
    assert float(interval.high - interval.low) == pytest.approx(2 * 2.306004135204166 * float(interval.se), rel=1e-9)


def test_few_points_have_no_interval_and_neighbourhoods_as_large_as_the_cloud_have_one():
    rows = np.random.default_rng(12).random((60, 3))
    assert not local_pca(rows[:7], k=4).intervals
    for count, k in ((8, 4), (8, 7), (60, 55)):
        assert np.isfinite(float(local_pca(rows[:count], k=k).intervals["dimension"].se))


@pytest.mark.parametrize("rule", ["fo", "maxgap"])
def test_pieces_of_flats_have_their_dimension(rule):
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    flats = [rng.random((300, d)) @ basis[:d] + 50.0 * basis[-i - 1] for i, d in enumerate((1, 2, 4))]
    found = local_pca(np.concatenate(flats), k=40, rule=rule)
    np.testing.assert_array_equal(found.extra["pointwise"], np.repeat([1.0, 2.0, 4.0], 300))
    assert float(found.dimension) == pytest.approx(7 / 3, rel=1e-12)
    assert float(found.explained) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("rule", ["participation", "entropy", "fo", "ratio", "kaiser"])
def test_intervals_cover_and_are_no_wider_than_need_be(clouds, rule):
    for shape, several in clouds.items():
        found = [local_pca(cloud, k=20, rule=rule) for cloud in several[:40]]
        values = np.asarray([float(one.dimension) for one in found])
        intervals = [one.intervals["dimension"] for one in found]
        inside = [bool(one.low <= values.mean() <= one.high) for one in intervals]
        if values.std() < 0.005:
            # Whole numbers that all but never differ: what a few points do isn't normal.
            assert np.mean([one.high - one.low for one in intervals]) < 0.03, shape
        else:
            assert np.mean(inside) >= 0.85, shape
            assert np.mean([one.high - one.low for one in intervals]) < 1.8 * 3.92 * values.std(), shape


def test_neighbourhoods_that_are_too_small_are_noted():
    rows = np.random.default_rng(1).random((400, 12))
    small, large = local_pca(rows, k=10), local_pca(rows, k=100)
    assert small.notes[0].outcome is Outcome.NEIGHBOURHOODS_TOO_SMALL
    assert 4.5 < float(small.dimension) <= 9
    assert not large.notes
    assert float(large.dimension) == pytest.approx(12, abs=0.2)


@pytest.mark.parametrize("rule", RULES)
def test_blind_to_a_duplicate_shift_scale_rotation_and_empty_features(rule):
    rng = np.random.default_rng(2)
    rows = (np.round(rng.standard_normal((150, 4)) * np.linspace(2, 0.5, 4) * 2**10) / 2**10).astype(np.float32)
    value = float(local_pca(rows, k=15, rule=rule).dimension)
    twice = local_pca(np.concatenate([rows, rows[40:41]]), k=15, rule=rule)
    assert float(twice.dimension) == pytest.approx(value, rel=1e-9)
    assert float(twice.duplicates) == 1
    assert float(twice.points) == 150
    turned = rows.astype(float) @ np.linalg.qr(rng.standard_normal((4, 4)))[0]
    for other in (rows + np.float32(1024), rows * np.float32(1e-6), rows * np.float32(1e6), turned):
        assert float(local_pca(other, k=15, rule=rule).dimension) == pytest.approx(value, rel=1e-5)
    if rule in {"fo", "participation", "ratio", "entropy"}:
        padded = np.pad(rows, ((0, 0), (0, 30)))
        assert float(local_pca(padded, k=15, rule=rule).dimension) == pytest.approx(value, rel=1e-9)
    moved = rows * np.asarray([1, 1, 1, 20], np.float32)
    assert float(local_pca(moved, k=15, rule=rule).dimension) != pytest.approx(value, rel=1e-4)


def test_bad_input_is_refused():
    rows = np.random.default_rng(3).random((60, 3))
    for given in (np.ones((60, 3)), rows[:20], np.repeat(rows[:2], 30, axis=0)):
        with pytest.raises(Refusal) as refused:
            local_pca(given)
        assert refused.value.outcome is Outcome.TOO_FEW_POINTS
    rows[5, 1] = np.nan
    with pytest.raises(Refusal) as refused:
        local_pca(rows)
    assert refused.value.outcome is Outcome.NOT_FINITE_ROWS
    with pytest.raises(Refusal) as refused:
        local_pca(Cloud.from_neighbours(Cloud(rows[6:]).neighbours(9)), k=5)
    assert refused.value.outcome is Outcome.NEEDS_ROWS
