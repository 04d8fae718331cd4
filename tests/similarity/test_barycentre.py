"""barycentre: the mean of clouds up to rotations."""

import itertools

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from theodolite.core import Outcome
from theodolite.similarity import angular_procrustes, barycentre, procrustes
from theodolite.testing.planted import orthogonal


def centred(rows):
    return rows - rows.mean(axis=0)


def networks(count, shape, noise, seed=0):
    """Rotated, moved copies of one shape, each with noise of its own."""
    rng = np.random.default_rng(seed)
    shape_ = rng.standard_normal(shape)
    noisy = [shape_ + noise * rng.standard_normal(shape) for _ in range(count)]
    return shape_, [rows @ orthogonal(shape[1], rng=rng) + rng.standard_normal(shape[1]) for rows in noisy]


def slow_mean(clouds, start, steps=150):
    """Generalised Procrustes analysis as it is written, by SciPy's rotations."""
    mean = start
    for _ in range(steps):
        turned = [rows @ orthogonal_procrustes(rows, mean)[0] for rows in clouds]
        mean = np.mean(turned, axis=0)
    return sum(np.linalg.norm(rows - mean) ** 2 for rows in turned)


@pytest.mark.parametrize("shape", [(30, 4), (6, 15)])
@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_is_no_worse_than_the_written_iteration_from_many_starts(shape, noise):
    _, clouds = networks(5, shape, noise)
    clouds = [centred(rows) for rows in clouds]
    rng = np.random.default_rng(1)
    starts = [*clouds, *(rng.standard_normal(shape) for _ in range(3))]
    best = min(slow_mean(clouds, start) for start in starts)
    assert barycentre(*clouds, starts=8).objective == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("widths", [(4, 4), (3, 7), (20, 12)])
def test_of_two_clouds_lies_half_way(widths):
    rng = np.random.default_rng(2)
    x, y = (rng.standard_normal((15, width)) + 1.0 for width in widths)
    found = barycentre(x, y)
    assert found.objective == pytest.approx(procrustes(x, y) ** 2 / 2, rel=1e-12)
    assert found.spread == pytest.approx(procrustes(x, y) / 2, rel=1e-12)
    assert procrustes(found.extra["mean"], x) == pytest.approx(procrustes(x, y) / 2, rel=1e-10)
    angular = barycentre(x, y, metric="angular")
    assert angular.objective == pytest.approx(angular_procrustes(x, y) ** 2 / 2, rel=1e-10)
    assert angular_procrustes(angular.extra["mean"], y) == pytest.approx(angular_procrustes(x, y) / 2, rel=1e-6)


def test_finds_the_shape_under_the_noise():
    base, clouds = networks(40, (50, 5), 0.5)
    mean = barycentre(*clouds).extra["mean"]
    # the mean of 40 has 40 times less noise in squares than one
    assert procrustes(mean, base) < 0.3 * min(procrustes(rows, base) for rows in clouds)


@pytest.mark.parametrize("metric", ["euclidean", "angular"])
def test_aligned_clouds_are_rotations_that_fit_best(metric):
    _, clouds = networks(6, (12, 20), 0.7, seed=3)
    found = barycentre(*clouds, metric=metric)
    mean, aligned = found.extra["mean"], found.extra["aligned"]
    distance = procrustes if metric == "euclidean" else angular_procrustes
    for rows, turned in zip(clouds, aligned, strict=True):
        assert angular_procrustes(turned, rows) < 1e-7
        fit = turned.T @ mean
        assert fit == pytest.approx(fit.T, abs=1e-6 * np.abs(fit).max())  # symmetric, with no eigenvalue below zero:
        assert np.linalg.eigvalsh(fit + fit.T).min() > -1e-6 * np.abs(fit).max()  # no rotation fits better
    distances = np.asarray([distance(rows, mean) for rows in clouds])
    assert (distances**2).sum() == pytest.approx(float(found.objective), rel=1e-9)
    assert found.spread == pytest.approx(np.sqrt((distances**2).mean()), rel=1e-9)


def test_the_mean_is_that_of_the_aligned_clouds_and_obeys_huygens():
    _, clouds = networks(5, (20, 4), 0.5, seed=4)
    found = barycentre(*clouds)
    aligned = found.extra["aligned"]
    assert found.extra["mean"] == pytest.approx(aligned.mean(axis=0), abs=1e-12)
    between = sum(np.linalg.norm(a - b) ** 2 for a, b in itertools.combinations(aligned, 2)) / 5
    assert found.objective == pytest.approx(between, rel=1e-12)
    least = sum(procrustes(a, b) ** 2 for a, b in itertools.combinations(clouds, 2)) / 5
    assert found.objective >= least


@pytest.mark.parametrize("metric", ["euclidean", "angular"])
def test_no_mean_nearby_is_better(metric):
    _, clouds = networks(4, (15, 3), 0.8, seed=5)
    found = barycentre(*clouds, metric=metric)
    distance = procrustes if metric == "euclidean" else angular_procrustes
    rng = np.random.default_rng(6)
    for size in (0.5, 1e-2, 1e-4):
        for _ in range(20):
            mean = found.extra["mean"]
            moved = mean + size * np.linalg.norm(mean) / mean.size**0.5 * centred(rng.standard_normal(mean.shape))
            assert sum(distance(rows, moved) ** 2 for rows in clouds) > found.objective


def test_the_angular_mean_has_norm_one_and_doesnt_see_size():
    _, clouds = networks(4, (15, 3), 0.8, seed=7)
    found = barycentre(*clouds, metric="angular")
    resized = barycentre(*(size * rows for size, rows in zip((1, 10, 0.1, 3), clouds, strict=True)), metric="angular")
    assert np.linalg.norm(found.extra["mean"]) == pytest.approx(1, rel=1e-14)
    assert resized.objective == pytest.approx(float(found.objective), rel=1e-10)
    assert angular_procrustes(resized.extra["mean"], found.extra["mean"]) < 1e-6


def test_of_single_features_is_the_best_choice_of_signs():
    # Rotations of one dimension are signs: the problem is a search among 2 ** 8 corners, with many local minima.
    clouds = np.random.default_rng(8).standard_normal((9, 6, 1))
    clouds = [centred(rows) for rows in clouds]

    def objective(signs):
        turned = [sign * rows for sign, rows in zip((1, *signs), clouds, strict=True)]
        return sum(np.linalg.norm(rows - np.mean(turned, axis=0)) ** 2 for rows in turned)

    best = min(objective(signs) for signs in itertools.product((1, -1), repeat=8))
    found = barycentre(*clouds, starts=60)
    assert found.objective == pytest.approx(best, rel=1e-12)
    assert found.extra["objectives"][0] == found.objective
    assert found.extra["objectives"][-1] > 1.001 * best
    (note,) = found.notes
    assert (note.outcome, note.field) == (Outcome.LOCAL_MINIMA, "objective")


def test_starts_that_agree_are_not_noted():
    _, clouds = networks(6, (20, 3), 0.1, seed=9)
    found = barycentre(*clouds, starts=10)
    assert found.notes == ()
    assert found.extra["objectives"].shape == (10,)


@pytest.mark.parametrize("metric", ["euclidean", "angular"])
def test_of_copies_is_one_of_them(metric):
    _, clouds = networks(4, (20, 3), 0.0, seed=10)
    found = barycentre(*clouds, metric=metric)
    assert found.spread < 1e-12
    assert angular_procrustes(found.extra["mean"], clouds[0]) < 1e-12
    alone = barycentre(clouds[0], metric=metric)
    assert float(alone.objective) < 1e-24


def test_clouds_that_dont_go_together_are_rejected(refusal):
    x = np.random.default_rng(11).standard_normal((20, 3))
    with pytest.raises(ValueError, match="barycentre: clouds: they have 20, 19 rows"):
        barycentre(x, x[:19])
    with pytest.raises(TypeError, match="barycentre: clouds: expected one at least"):
        barycentre()
    assert refusal(barycentre, x, np.full((20, 2), 0.1), metric="angular") is Outcome.CONSTANT_CLOUD
