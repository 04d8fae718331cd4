"""expected_simplex_skewness: the dimension from the angles between neighbours."""

from itertools import combinations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.spatial.distance import cdist
from scipy.special import gamma
from scipy.stats import gamma as gamma_law
from scipy.stats import kstest

from theodolite.core import Cloud, Outcome, Refusal
from theodolite.dimension import expected_simplex_skewness, mle
from theodolite.numerics.patch_dimension import dimensions_of_skewness, skewness_of_dimensions
from theodolite.testing import poisson_neighbours


@pytest.mark.parametrize("variant", ["a", "b"])
def test_expectations_are_means_over_the_sphere(variant):
    """Of |sin| or |cos| of the angle between random directions, whose density is sin to the power of m - 2."""
    values = skewness_of_dimensions(60, variant)
    of_angle = np.sin if variant == "a" else np.cos
    for m in (2, 3, 4, 7, 20, 59, 60):
        mean = quad(lambda t, m=m: abs(of_angle(t)) * np.sin(t) ** (m - 2), 0, np.pi, points=[np.pi / 2])[0]
        assert values[m - 1] == pytest.approx(mean / quad(lambda t, m=m: np.sin(t) ** (m - 2), 0, np.pi)[0], rel=1e-9)
        closed = gamma(m / 2) / gamma((m + 1) / 2)
        closed *= gamma(m / 2) / gamma((m - 1) / 2) if variant == "a" else 1 / np.sqrt(np.pi)
        assert values[m - 1] == pytest.approx(closed, rel=1e-13)
    assert values[0] == (0.0 if variant == "a" else 1.0)


@pytest.mark.parametrize("variant", ["a", "b"])
def test_the_inverse_is_a_straight_line_between_whole_numbers(variant):
    values = skewness_of_dimensions(3000, variant)
    at = np.asarray([0, 1, 6, 40, 700, 2500])
    np.testing.assert_allclose(dimensions_of_skewness(values[at], variant)[0], at + 1, rtol=1e-9)
    between = 0.75 * values[at] + 0.25 * values[at + 1]
    found, slopes = dimensions_of_skewness(between, variant)
    np.testing.assert_allclose(found, at + 1.25, rtol=1e-9)
    np.testing.assert_allclose(slopes, 1 / (values[at + 1] - values[at]), rtol=1e-9)


@pytest.mark.parametrize("width", [2, 3, 12, 50])
def test_pair_by_pair(width):
    rows = np.random.default_rng(0).standard_normal((40, width))
    near = np.argsort(np.linalg.norm(rows[:, None] - rows, axis=2), axis=1)[:, 1:11]
    first, second = (expected_simplex_skewness(rows, k=10, variant=variant).extra["skewness"] for variant in "ab")
    for i in range(40):
        v = rows[near[i]] - rows[near[i]].mean(axis=0)
        pairs = list(combinations(range(10), 2))
        lengths = sum(np.linalg.norm(v[a]) * np.linalg.norm(v[b]) for a, b in pairs)
        areas = sum(np.sqrt(np.linalg.det(v[[a, b]] @ v[[a, b]].T)) for a, b in pairs)
        assert first[i] == pytest.approx(areas / lengths, rel=1e-12)
        assert second[i] == pytest.approx(sum(abs(v[a] @ v[b]) for a, b in pairs) / lengths, rel=1e-12)


# scikit-dimension 0.5.0, ESS(ver), whose patches are of 100 neighbours: the first points of the box, and the mean of
# the 149 different flowers.
GIVEN = {
    "a": ([4.913381377021039, 4.955239388919881, 5.097068144581907, 4.947132753288446], 1.793621957267596),
    "b": ([4.9652478618623395, 4.936409618487841, 5.141697500284266, 5.034292935424542], 1.5961778500352006),
}


@pytest.mark.parametrize("variant", ["a", "b"])
def test_against_scikit_dimension(variant):
    from sklearn.datasets import load_iris

    rows = np.random.default_rng(0).random((120, 5))
    found = expected_simplex_skewness(rows, k=100, variant=variant)
    np.testing.assert_allclose(found.extra["pointwise"][:4], GIVEN[variant][0], rtol=1e-11)
    flowers = expected_simplex_skewness(load_iris().data, k=100, variant=variant)
    assert float(flowers.dimension) == pytest.approx(GIVEN[variant][1], rel=1e-3)
    assert float(flowers.duplicates) == 1


@pytest.mark.parametrize("combine", ["mean", "inverse_mean", "median"])
def test_points_are_put_together(combine):
    rows = np.random.default_rng(2).random((80, 3))
    found = expected_simplex_skewness(rows, combine=combine)
    single = found.extra["pointwise"]
    expected = {"mean": single.mean(), "inverse_mean": 1 / (1 / single).mean(), "median": np.median(single)}
    assert float(found.dimension) == pytest.approx(expected[combine], rel=1e-12)


@pytest.mark.parametrize("variant", ["a", "b"])
@pytest.mark.parametrize("dimension", [2, 3, 6, 12])
def test_flat_patches_have_their_dimension(variant, dimension):
    turned = np.linalg.qr(np.random.default_rng(1).standard_normal((20, dimension)))[0]
    rows = np.random.default_rng(dimension).standard_normal((600, dimension)) @ turned.T
    found = expected_simplex_skewness(rows, k=80, variant=variant)
    assert float(found.dimension) == pytest.approx(dimension, rel=0.03)
    # Lists of distances alone are far below at twelve.
    assert dimension < 12 or float(mle(rows, k=80).dimension) < 0.9 * dimension


@pytest.mark.parametrize("variant", ["a", "b"])
def test_a_line_has_one_dimension_to_the_last_digit(variant):
    rows = np.random.default_rng(0).random((60, 1)) * [[3.0, -1.0, 0.25, 7.0]] + 100.0
    found = expected_simplex_skewness(rows, k=12, variant=variant)
    np.testing.assert_allclose(found.extra["pointwise"], 1.0, rtol=1e-12)
    assert float(found.intervals["dimension"].se) < 1e-12


def test_half_of_the_neighbours_is_a_note():
    rows = np.random.default_rng(7).standard_normal((150, 30))
    assert Outcome.SATURATED in [note.outcome for note in expected_simplex_skewness(rows, k=10).notes]
    assert Outcome.SATURATED not in [note.outcome for note in expected_simplex_skewness(rows, k=90).notes]
    # Corners of a regular simplex are as far from straight as k points can be, and have a number all the same.
    assert np.isfinite(float(expected_simplex_skewness(np.eye(25), k=24).dimension))


def test_intervals_cover(covers):
    for combine in ("inverse_mean", "mean", "median"):
        covers(expected_simplex_skewness, k=20, combine=combine)
    covers(expected_simplex_skewness, k=20, variant="b")


def test_distances_alone_are_not_enough():
    with pytest.raises(Refusal) as refused:
        expected_simplex_skewness(Cloud.from_neighbours(poisson_neighbours(100, 40, 3.0, rng=0)))
    assert refused.value.outcome is Outcome.NEEDS_ROWS


def test_the_goodness_of_fit_by_hand():
    rows = np.random.default_rng(8).standard_normal((200, 4))
    found = expected_simplex_skewness(rows, k=12)
    near = np.sort(cdist(rows, rows), axis=1)[:, 1:13]
    # Of k neighbours the k - 1 nearer ones are even in the volume up to the last: minus their logarithms are
    # exponential, and the sum is of the gamma law.
    sums = float(found.dimension) * np.log(near[:, -1:] / near[:, :-1]).sum(axis=1)
    assert float(found.goodness_of_fit) == pytest.approx(kstest(sums, gamma_law(12 - 1).cdf).statistic, rel=1e-9)
