"""fisher_separability: the sphere whose points are as hard to separate by planes."""

import numpy as np
import pytest
from scipy.integrate import quad

from theodolite.core import Outcome, Refusal
from theodolite.dimension import fisher_separability
from theodolite.numerics.fisher_separability import equivalent_dimension, inseparable_share


def sphere(count: int, space: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((count, space))
    return drawn / np.linalg.norm(drawn, axis=1)[:, None]


@pytest.mark.shared
def test_against_scikit_dimension(agrees):
    assert agrees(fisher_separability, "skdim.FisherS", "FisherS") == 18


@pytest.mark.parametrize("space", [2, 3, 5, 10])
def test_the_share_on_a_sphere_is_that_of_its_cap(space):
    found = fisher_separability(sphere(3000, space, space), law="exact")
    for margin, share in zip(found.extra["margins"], found.extra["inseparable"], strict=True):
        angle = np.arccos(margin)
        cap, _ = quad(lambda t: np.sin(t) ** (space - 2), 0, angle)
        whole, _ = quad(lambda t: np.sin(t) ** (space - 2), 0, np.pi)
        assert inseparable_share(space, margin, "exact") == pytest.approx(cap / whole, rel=1e-9)
        assert share == pytest.approx(cap / whole, abs=6 * np.sqrt(cap / whole) / 3000)
    interval = found.intervals["dimension"]
    assert abs(float(found.dimension) - space) < 3.5 * interval.se + 0.01
    assert float(interval.se) < 0.1


def test_the_limit_is_near_the_cap_in_many_dimensions_and_not_in_few():
    for space, near in ((2, 0.5), (100, 0.05)):
        share = inseparable_share(space, 0.6, "exact")
        assert equivalent_dimension(share, 0.6, "exact")[0] == pytest.approx(space, rel=1e-9)
        ratio = equivalent_dimension(share, 0.6, "limit")[0] / space
        assert abs(ratio - 1) < near
        assert abs(ratio - 1) > 0.1 or space == 100


@pytest.mark.parametrize("law", ["limit", "exact"])
def test_the_solution_solves_and_its_sensitivity_is_a_derivative(law):
    for margin in (0.6, 0.8, 0.98):
        for share in (0.3, 0.01, 1e-6):
            dimension, sensitivity = equivalent_dimension(share, margin, law)
            assert inseparable_share(dimension, margin, law) == pytest.approx(share, rel=1e-9)
            other = equivalent_dimension(share * 1.001, margin, law)[0]
            assert (dimension - other) / 0.001 == pytest.approx(sensitivity, rel=0.01)


def test_against_all_pairs():
    rows = np.random.default_rng(1).standard_normal((150, 6)) * np.array([3, 3, 2, 2, 0.1, 0.1])
    centred = rows - rows.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    kept = values**2 > values[0] ** 2 / 10
    white = left[:, kept]
    white /= np.linalg.norm(white, axis=1)[:, None]
    products = white @ white.T - 2 * np.eye(150)
    found = fisher_separability(rows)
    assert float(found.directions) == kept.sum() == 4
    inside = products > float(found.margin)
    assert float(found.inseparable) == pytest.approx(inside.sum() / (150 * 149), rel=1e-12)
    assert float(found.separable) == pytest.approx((~inside.any(axis=1)).mean(), rel=1e-12)
    shares = np.asarray([(products > margin).sum() / (150 * 149) for margin in found.extra["margins"]])
    np.testing.assert_allclose(found.extra["inseparable"], shares, rtol=1e-12)
    largest = found.extra["margins"][shares > 0].max()
    assert abs(float(found.margin) - 0.9 * largest) <= 0.0101


def test_where_all_are_separable_there_is_a_lower_bound():
    found = fisher_separability(np.random.default_rng(2).standard_normal((200, 150)))
    assert found.notes[0].outcome is Outcome.ALL_SEPARABLE
    assert 10 < float(found.dimension) < 150
    assert not found.intervals
    assert np.isnan(found.extra["dimensions"]).all()
    more = fisher_separability(np.random.default_rng(2).standard_normal((800, 150)))
    assert float(more.dimension) > float(found.dimension)


def test_intervals_cover():
    for space in (4, 8):
        found = [fisher_separability(sphere(240, space, seed)) for seed in range(80)]
        # At one margin, so that all estimate the same.
        margins = [float(one.margin) for one in found]
        common = max(set(margins), key=margins.count)
        same = [one for one in found if float(one.margin) == common]
        values = np.asarray([float(one.dimension) for one in same])
        intervals = [one.intervals["dimension"] for one in same]
        assert np.mean([one.low <= values.mean() <= one.high for one in intervals]) >= 0.9
        assert np.mean([one.se for one in intervals]) < 2.5 * values.std()


def test_blind_to_a_duplicate_shift_scale_and_rotation():
    rng = np.random.default_rng(3)
    rows = (np.round(rng.standard_normal((150, 5)) * 2**10) / 2**10).astype(np.float32)
    value = float(fisher_separability(rows).dimension)
    twice = fisher_separability(np.concatenate([rows, rows[40:41]]))
    assert float(twice.dimension) == pytest.approx(value, rel=1e-9)
    assert float(twice.duplicates) == 1
    turned = rows.astype(float) @ np.linalg.qr(rng.standard_normal((5, 5)))[0]
    for other in (rows + np.float32(1024), rows * np.float32(1e-6), rows * np.float32(1e6), turned):
        assert float(fisher_separability(other).dimension) == pytest.approx(value, rel=1e-5)
    stretched = rows * np.asarray([100, 1, 1, 1, 1], np.float32)
    assert float(fisher_separability(stretched).dimension) < 0.5 * value


def test_wide_and_tall_are_the_same():
    rows = np.random.default_rng(4).standard_normal((60, 4))
    wide = fisher_separability(np.pad(rows, ((0, 0), (0, 80))))
    assert float(wide.dimension) == pytest.approx(float(fisher_separability(rows).dimension), rel=1e-9)
    assert float(wide.directions) == 4


def test_bad_input_is_refused():
    for given in (np.ones((20, 3)), np.repeat(np.eye(2), 5, axis=0)):
        with pytest.raises(Refusal) as refused:
            fisher_separability(given)
        assert refused.value.outcome is Outcome.FEWER_ROWS_THAN_NEEDED
    broken = np.random.default_rng(5).random((10, 3))
    broken[0, 0] = np.nan
    with pytest.raises(Refusal) as refused:
        fisher_separability(broken)
    assert refused.value.outcome is Outcome.NOT_FINITE_ROWS
