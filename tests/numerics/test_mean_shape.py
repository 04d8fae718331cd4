"""Means of clouds up to rotations: descent, geometry of the sphere, components."""

import numpy as np
import pytest

from theodolite.numerics.mean_shape import flat_mean, principal_tangents, spherical_mean, tangents_at
from theodolite.testing.planted import orthogonal


def clouds(count, shape, noise, seed=0, norm=None):
    rng = np.random.default_rng(seed)
    base = rng.standard_normal(shape)
    made = [(base + noise * rng.standard_normal(shape)) @ orthogonal(shape[1], rng=rng) for _ in range(count)]
    made = [rows - rows.mean(axis=0) for rows in made]
    return made if norm is None else [norm * rows / np.linalg.norm(rows) for rows in made]


@pytest.mark.parametrize("mean", [flat_mean, spherical_mean])
@pytest.mark.parametrize("noise", [0.1, 1.0, 10.0])
def test_no_step_raises_the_objective(mean, noise):
    given = clouds(6, (12, 5), noise, norm=1.0)
    found = mean(given, given[0])
    assert found.settled
    assert len(found.objectives) > 2
    assert np.diff(found.objectives).max() <= 1e-14 * found.objectives[0]
    assert found.objectives[-1] < found.objectives[0]


@pytest.mark.parametrize("mean", [flat_mean, spherical_mean])
def test_stops_when_its_steps_run_out(mean):
    given = clouds(6, (12, 5), 3.0, norm=1.0)
    found = mean(given, given[0], 3)
    assert not found.settled
    assert len(found.objectives) == 3
    assert found.objective > mean(given, given[0]).objective


def test_the_flat_mean_leaves_its_clouds_alone():
    given = clouds(3, (6, 2), 0.5)
    kept = [rows.copy() for rows in given]
    flat_mean(given, given[0])
    assert all((rows == before).all() for rows, before in zip(given, kept, strict=True))


def test_vectors_at_the_spherical_mean_cancel():
    given = clouds(7, (10, 4), 1.0, seed=1, norm=1.0)
    found = spherical_mean(given, given[0])
    vectors = tangents_at(found.centre, found.aligned)
    assert np.linalg.norm(vectors.mean(axis=0)) < 1e-6
    assert np.einsum("nd,knd->k", found.centre, vectors) == pytest.approx(np.zeros(7), abs=1e-14)
    assert (vectors**2).sum() == pytest.approx(found.objective, rel=1e-14)


def test_of_points_on_an_arc_the_spherical_mean_is_the_mean_of_their_angles():
    # One column: rotations are signs, and the points lie on a circle, on one side of it.
    across = np.array([[1.0], [-1.0], [0.0]]) / np.sqrt(2), np.array([[1.0], [1.0], [-2.0]]) / np.sqrt(6)
    turns = np.array([0.1, 0.25, 0.7, 0.75])
    given = [np.cos(turn) * across[0] + np.sin(turn) * across[1] for turn in turns]
    found = spherical_mean(given, given[3])
    assert found.centre == pytest.approx(np.cos(0.45) * across[0] + np.sin(0.45) * across[1], abs=1e-7)
    assert found.objective == pytest.approx(((turns - 0.45) ** 2).sum(), rel=1e-12)


def test_tangent_vectors_lead_to_the_clouds():
    given = np.stack(clouds(4, (8, 3), 1.0, seed=2, norm=1.0))
    centre = given[0]
    for rows, vector in zip(given, tangents_at(centre, given), strict=True):
        length = np.linalg.norm(vector)
        assert np.cos(length) == pytest.approx((centre * rows).sum(), abs=1e-14)
        reached = np.cos(length) * centre + np.sinc(length / np.pi) * vector
        assert reached == pytest.approx(rows, abs=1e-13)


def test_components_are_those_of_the_singular_value_decomposition():
    vectors = np.random.default_rng(3).standard_normal((6, 5, 4))
    vectors -= vectors.mean(axis=0)
    variances, scores, directions = principal_tangents(vectors)
    left, sizes, right = np.linalg.svd(vectors.reshape(6, -1), full_matrices=False)
    assert variances == pytest.approx(sizes[:5] ** 2 / 6, rel=1e-12)
    signs = np.sign(np.einsum("kc,kc->c", scores, left[:, :5]))
    assert scores * signs == pytest.approx(left[:, :5] * sizes[:5], abs=1e-12)
    assert directions.reshape(5, -1) * signs[:, None] == pytest.approx(right[:5], abs=1e-12)


def test_directions_without_variance_are_zero():
    vectors = np.zeros((4, 3, 2))
    vectors[:, 0, 0] = [-1.0, 0.0, 0.0, 1.0]
    variances, scores, directions = principal_tangents(vectors)
    assert variances == pytest.approx([0.5, 0, 0], abs=1e-15)
    assert np.linalg.norm(directions, axis=(1, 2)) == pytest.approx([1, 0, 0])
    assert np.isfinite(scores).all()
