"""shift_invariant_shape: feature maps up to circular shifts."""

import numpy as np
import pytest

from theodolite.core import Outcome
from theodolite.similarity import angular_procrustes, procrustes, shift_invariant_shape
from theodolite.testing.planted import orthogonal


def flat(maps):
    return maps.reshape(-1, maps.shape[-1])


@pytest.mark.shared
def test_agrees_with_netrep_under_every_shift(references):
    expected = references.arrays["R9/netrep/convolve_linear_alpha1_angular"]
    found = shift_invariant_shape(*references.pair("R9"))
    assert found.extra["map"] == pytest.approx(expected, rel=1e-12)
    assert found.distance == pytest.approx(expected.min(), rel=1e-12)
    assert found.unshifted == pytest.approx(expected[2, 2], rel=1e-12)


@pytest.mark.parametrize("shape", [(4, 5, 3, 3, 3), (3, 4, 6, 2, 5), (2, 1, 7, 4, 2), (1, 2, 2, 6, 7)])
@pytest.mark.parametrize("metric", ["angular", "euclidean"])
def test_is_the_best_of_all_shifts_one_by_one(shape, metric):
    *space, c, e = shape
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((*space, c)) + 3.0, 0.5 * rng.standard_normal((*space, e))
    distance = {"angular": angular_procrustes, "euclidean": procrustes}[metric]
    _, height, width = space
    expected = [
        [distance(flat(np.roll(x, (i - height // 2, j - width // 2), axis=(1, 2))), flat(y)) for j in range(width)]
        for i in range(height)
    ]
    found = shift_invariant_shape(x, y, metric=metric)
    assert found.extra["map"] == pytest.approx(np.asarray(expected), rel=1e-11)
    assert found.distance == pytest.approx(np.min(expected), rel=1e-11)
    assert found.unshifted == pytest.approx(distance(flat(x), flat(y)), rel=1e-11)


def test_finds_the_shift_that_was_made():
    x = np.random.default_rng(1).standard_normal((10, 6, 5, 4))
    moved = 2.0 * np.roll(x, (2, -1), axis=(1, 2)) @ orthogonal(4, rng=2) - 1.0
    found = shift_invariant_shape(x, moved)
    assert found.distance < 1e-13
    assert found.unshifted > 0.5
    assert np.unravel_index(found.extra["map"].argmin(), (6, 5)) == (6 // 2 + 2, 5 // 2 - 1)


def test_a_small_distance_keeps_its_digits():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((6, 4, 4, 3))
    near = (1 + 1e-9) * np.roll(x, (1, 2), axis=(1, 2))
    norm = np.linalg.norm(x - x.mean(axis=(0, 1, 2)))
    assert shift_invariant_shape(x, near, metric="euclidean").distance == pytest.approx(1e-9 * norm, rel=1e-5)


def test_is_no_more_than_that_of_cropped_maps_for_content_that_is_moved_around():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((8, 6, 6, 3))
    y = np.roll(x, (0, 1), axis=(1, 2)) + 0.1 * rng.standard_normal(x.shape)
    assert shift_invariant_shape(x, y).distance < 0.2 < 1.0 < angular_procrustes(flat(x), flat(y))


def test_constant_maps_are_refused(refusal):
    x = np.random.default_rng(5).standard_normal((4, 3, 3, 2))
    assert refusal(shift_invariant_shape, x, np.full((4, 3, 3, 5), 0.1)) is Outcome.CONSTANT_CLOUD
    assert refusal(shift_invariant_shape, np.full((4, 3, 3, 5), 0.1), x) is Outcome.CONSTANT_CLOUD


def test_what_doesnt_fit_is_said():
    x = np.random.default_rng(6).standard_normal((4, 3, 3, 2))
    with pytest.raises(ValueError, match=r"shift_invariant_shape: y: its images, height and width are \(4, 3, 2\)"):
        shift_invariant_shape(x, x[:, :, :2])
    with pytest.raises(ValueError, match=r"shift_invariant_shape: x: expected a 4-D array .* got shape"):
        shift_invariant_shape(x[0], x)
    with pytest.raises(TypeError, match="shift_invariant_shape: pair: expected feature maps of two layers"):
        shift_invariant_shape(x)


@pytest.mark.torch
def test_gradient_agrees_with_finite_differences(torch):
    rng = np.random.default_rng(7)
    x = torch.tensor(rng.standard_normal((3, 2, 3, 2)), requires_grad=True)
    y = torch.tensor(rng.standard_normal((3, 2, 3, 2)))
    assert torch.autograd.gradcheck(lambda maps: shift_invariant_shape(maps, y).distance, x)
