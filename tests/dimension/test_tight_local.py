"""tight_local: the dimension from all distances within a neighbourhood."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import gamma as gamma_law
from scipy.stats import kstest

from theodolite.core import Cloud, Outcome, Refusal
from theodolite.dimension import mle, tight_local
from theodolite.testing import poisson_neighbours


def nearest(rows: np.ndarray, k: int) -> np.ndarray:
    apart = np.linalg.norm(rows[:, None] - rows, axis=2)
    return np.argsort(apart, axis=1)[:, 1 : k + 1]


def to_forty_digits(point: np.ndarray, around: np.ndarray, drop: float = 1e-8) -> float:
    """The definition, term by term, with more digits than can cancel."""
    with localcontext() as context:
        context.prec = 40
        vectors = [[Decimal(float(a)) - Decimal(float(b)) for a, b in zip(one, point, strict=True)] for one in around]
        u = [sum(x * x for x in one).sqrt() for one in vectors]
        r, total, terms = max(u), Decimal(0), 0
        for j, distance in enumerate(u):
            if distance >= Decimal(drop) * r:
                total, terms = total + 2 * (distance / r).ln(), terms + (distance < r)
            for i in range(len(u)):
                squares = [
                    sum((x + sign * y) ** 2 for x, y in zip(vectors[i], vectors[j], strict=True)) for sign in (-1, 1)
                ]
                roots = []
                for square in squares:
                    w = u[i] ** 2 + square - u[j] ** 2
                    if u[i] == r:
                        roots.append(r * square / w if w else Decimal(0))
                    else:
                        rim = r**2 - u[i] ** 2
                        roots.append(r * ((w**2 + 4 * square * rim).sqrt() - w) / (2 * rim))
                if i != j and min(roots) >= Decimal(drop) * r:
                    total, terms = total + (roots[0] / r).ln() + (roots[1] / r).ln(), terms + (u[j] < r)
        return float(-2 * terms / total)


CLOUDS = {
    "a box": lambda rng: rng.random((40, 3)),
    "a line in space": lambda rng: rng.random((40, 1)) * [[1.0, -2.0, 0.5]] + 3.0,
    "a curve": lambda rng: np.stack([np.cos(t := 6 * rng.random(40)), np.sin(t), t], axis=1),
    "more features than points": lambda rng: rng.standard_normal((40, 60)),
    "pairs that all but coincide": lambda rng: np.repeat(rng.random((20, 3)), 2, axis=0) + 1e-6 * rng.random((40, 3)),
}


@pytest.mark.parametrize("make", CLOUDS.values(), ids=CLOUDS)
def test_by_the_definition(make):
    rows = make(np.random.default_rng(0))
    near = nearest(rows, 8)
    found = tight_local(rows, k=8).extra["pointwise"]
    for i in range(0, 40, 7):
        assert found[i] == pytest.approx(to_forty_digits(rows[i], rows[near[i]]), rel=1e-9)


def test_to_the_last_digits_where_nothing_cancels():
    rows = np.random.default_rng(1).random((60, 4))
    near = nearest(rows, 10)
    found = tight_local(rows, k=10).extra["pointwise"]
    np.testing.assert_allclose(found[:12], [to_forty_digits(rows[i], rows[near[i]]) for i in range(12)], rtol=1e-12)


@pytest.mark.shared
def test_against_scikit_dimension(agrees):
    # Whole numbers have neighbours that lie equally far, of which each takes other ones; what is left out below 1e-4,
    # whatever the scale, is more than rounding where 1000 points lie along a line.
    usual = {"combine": "mean", "convention": "scikit-dimension"}
    assert agrees(tight_local, "skdim.TLE(k=20,mean)", "TLE20", but=("digits", "M5a_Helix1d"), **usual) == 16


def test_points_are_put_together():
    rows = np.random.default_rng(2).random((80, 3))
    single = tight_local(rows).extra["pointwise"]
    expected = {"mean": single.mean(), "inverse_mean": 1 / (1 / single).mean(), "median": np.median(single)}
    for combine, value in expected.items():
        assert float(tight_local(rows, combine=combine).dimension) == pytest.approx(value, rel=1e-12)


def test_a_small_cloud_is_a_cloud():
    rows = np.random.default_rng(3).random((120, 3))
    for size in (1e-30, 1e-4, 1e30):
        found = tight_local(size * rows)
        np.testing.assert_allclose(found.extra["pointwise"], tight_local(rows).extra["pointwise"], rtol=1e-9)


@pytest.mark.parametrize(("dimension", "count"), [(1, 1500), (2, 2500), (3, 6000)])
def test_flat_patches_have_their_dimension(dimension, count):
    """Away from edges the inverse mean has no bias at any k; counting the farthest neighbour adds k / (k - 1)."""
    turned = np.linalg.qr(np.random.default_rng(5).standard_normal((8, dimension)))[0]
    places = np.random.default_rng(4).random((count, dimension))
    rows = places @ turned.T
    inner = (np.abs(places - 0.5) < 0.3).all(axis=1)
    for k in (6, 20):
        single = tight_local(rows, k=k).extra["pointwise"][inner]
        error = (1 / single).std() / np.sqrt(inner.sum() / k) * dimension**2
        assert 1 / (1 / single).mean() == pytest.approx(dimension, abs=2 * error)
        usual = tight_local(rows, k=k, convention="scikit-dimension").extra["pointwise"][inner]
        np.testing.assert_allclose(usual, single * k / (k - 1), rtol=1e-12)


def test_points_that_all_but_coincide_are_left_out_by_their_share_of_the_distance():
    rows = np.random.default_rng(5).random((80, 3))
    twins = np.concatenate([rows, rows + 1e-12 * np.random.default_rng(6).random((80, 3))])
    found = tight_local(twins, k=10)
    assert 2 < float(found.dimension) < 4
    assert float(tight_local(twins, k=10, drop=1e-15).dimension) < 1.5


def test_points_that_differ_in_the_last_digit_are_no_equal_distances():
    """Such a pair at the rim of a neighbourhood lies at the rim both times, and far from no one."""
    rng = np.random.default_rng(0)
    rows = rng.random((80, 3))
    nearly = rows.copy()
    nearly[:, 0] = np.nextafter(rows[:, 0], 2.0)
    # The nearest is the twin, and with ten more the last two are twins too.
    found = tight_local(np.concatenate([rows, nearly]), k=11)
    assert np.isfinite(found.extra["pointwise"]).all()
    apart = tight_local(np.concatenate([rows, rows + 1e-12 * rng.random(rows.shape)]), k=11)
    assert float(found.dimension) == pytest.approx(float(apart.dimension), rel=0.01)


def test_half_of_the_neighbours_is_a_note():
    rows = np.random.default_rng(7).standard_normal((150, 30))
    noted = tight_local(rows, k=10)
    assert Outcome.SATURATED in [note.outcome for note in noted.notes]
    flat = tight_local(rows[:, :2], k=10)
    assert Outcome.SATURATED not in [note.outcome for note in flat.notes]


def test_intervals_cover(covers):
    for combine in ("inverse_mean", "mean", "median"):
        covers(tight_local, k=10, combine=combine)


def test_it_is_less_noisy_than_the_list_of_distances(clouds):
    for several in clouds.values():
        both = np.asarray([[float(e(c, k=6).dimension) for e in (tight_local, mle)] for c in several])
        spread = both.std(axis=0) / both.mean(axis=0)
        assert spread[0] < spread[1]


def test_equal_distances_are_refused():
    with pytest.raises(Refusal) as refused:
        tight_local(np.eye(25))
    assert refused.value.outcome is Outcome.EQUAL_DISTANCES


def test_distances_alone_are_not_enough():
    with pytest.raises(Refusal) as refused:
        tight_local(Cloud.from_neighbours(poisson_neighbours(100, 20, 3.0, rng=0)))
    assert refused.value.outcome is Outcome.NEEDS_ROWS


def test_the_goodness_of_fit_by_hand():
    rows = np.random.default_rng(8).standard_normal((200, 4))
    found = tight_local(rows, k=9)
    near = np.sort(cdist(rows, rows), axis=1)[:, 1:10]
    # Of k neighbours the k - 1 nearer ones are even in the volume up to the last: minus their logarithms are
    # exponential, and the sum is of the gamma law.
    sums = float(found.dimension) * np.log(near[:, -1:] / near[:, :-1]).sum(axis=1)
    assert float(found.goodness_of_fit) == pytest.approx(kstest(sums, gamma_law(9 - 1).cdf).statistic, rel=1e-9)
