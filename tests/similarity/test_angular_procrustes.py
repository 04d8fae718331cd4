"""angular_procrustes: the angle between shapes."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import CrossMoments, Outcome
from theodolite.similarity import angular_procrustes
from theodolite.testing.planted import orthogonal
from theodolite.testing.planted_clouds import correlated


def centred(rows):
    return rows - rows.mean(axis=0)


def streamed(x, y, rng):
    moments, start = CrossMoments(), 0
    while start < len(x):
        stop = start + int(rng.integers(1, 25))
        moments.update({"x": x[start:stop], "y": y[start:stop]})
        start = stop
    return moments.view()


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "R3", "R4"])
@pytest.mark.parametrize(
    "key",
    ["netrep/linear/alpha=1.0/angular", "repsim/angular_shape/alpha=1.0", "resi/OrthogonalAngularShapeMetricCentered"],
)
def test_agrees_with_netrep_repsim_and_resi(references, data, key):
    assert angular_procrustes(*references.pair(data)) == pytest.approx(references.values[f"{data}/{key}"], rel=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("names", ["XY", "XZ", "YZ"])
def test_agrees_with_repsim_on_three_clouds(references, names):
    one, other = (references.arrays[f"R1/{name}"] for name in names)
    expected = references.values[f"R1/repsim/angular_shape/length/{names}"]
    assert angular_procrustes(one, other) == pytest.approx(expected, rel=1e-12)


@pytest.mark.shared
def test_agrees_with_netrep_on_logits(references):
    x, y = (rows[:400] for rows in references.activations("MNIST_lay04"))
    expected = references.values["svcca/MNIST_lay04(n=400 first)/netrep/linear/alpha=1.0/angular"]
    assert angular_procrustes(x, y) == pytest.approx(expected, rel=1e-11)


@pytest.mark.shared
def test_agrees_with_netrep_on_a_convolution(references):
    # netrep 0186b8a, all 1000 rows of layer 6 of two networks trained on SVHN (google/svcca), to the digits kept
    assert angular_procrustes(*references.activations("SVHN_lay06")) == pytest.approx(0.666502, abs=5e-7)


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "R3", "R4"])
def test_its_cosine_is_the_bures_similarity_of_rsatoolbox(references, data):
    # which takes roots of eigenvalues that are zero, and has half the digits
    expected = references.values[f"{data}/rsatoolbox/euclidean/bures"]
    assert np.cos(angular_procrustes(*references.pair(data))) == pytest.approx(expected, abs=1e-6)


@pytest.mark.shared
def test_agrees_with_netrep_on_every_pair_of_layers_of_five_transformers(references):
    expected = references.arrays["mod/D/netrep_linear_angular_a1"]
    names = [f"s{seed}_{layer}" for seed in range(5) for layer in ("mid", "hid", "post", "logits")]
    layers = [references.arrays[f"mod/acts/{name}"].astype(np.float64) for name in names]
    for i, j in itertools.combinations(range(20), 2):
        assert angular_procrustes(layers[i], layers[j]) == pytest.approx(expected[i, j], rel=1e-9), (names[i], names[j])


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_of_planted_correlations_is_known(data):
    d, e = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 8))
    rho = data.draw(st.lists(st.floats(0, 1), max_size=min(d, e)))
    x, y = correlated(d + e + 4, d, e, rho, rng=data.draw(st.integers(0, 1000)))
    expected = np.arccos(min(1.0, sum(rho) / np.sqrt(d * e)))
    assert np.cos(angular_procrustes(x, y)) == pytest.approx(np.cos(expected), abs=1e-13)


@pytest.mark.parametrize("turn", [1e-2, 1e-4, 1e-6, 1e-8, 1e-10])
def test_keeps_the_digits_of_small_angles(turn):
    # one of two orthonormal features turned out of their plane: the cosine is (1 + cos turn) / 2
    basis = np.linalg.qr(centred(np.random.default_rng(0).standard_normal((40, 3))))[0]
    x = basis[:, :2]
    y = np.column_stack([np.cos(turn) * basis[:, 0] + np.sin(turn) * basis[:, 2], basis[:, 1]])
    expected = 2 * np.arcsin(np.sin(turn / 2) / np.sqrt(2))
    found = angular_procrustes(x, 7.0 * y @ orthogonal(2, rng=1) - 1.0)
    assert found == pytest.approx(expected, rel=max(1e-9, 1e-15 / turn))
    assert abs(angular_procrustes(streamed(x, y, np.random.default_rng(2))) - expected) < 1e-7


@pytest.mark.parametrize("shape", [(300, 40), (40, 300)])
def test_of_a_rotated_copy_is_zero(shape):
    x = np.random.default_rng(1).standard_normal(shape) * np.logspace(0, -3, shape[1])
    assert angular_procrustes(x, x) < 1e-13
    assert angular_procrustes(x, 0.1 * x @ orthogonal(shape[1], rng=2) + 5.0) < 1e-13


def test_of_a_rotated_copy_is_zero_but_for_what_rounding_hides():
    # the squares of the last directions are below the rounding of the first
    x = np.random.default_rng(1).standard_normal((300, 40)) * np.logspace(0, -8, 40)
    assert angular_procrustes(x, x @ orthogonal(40, rng=2)) < 1e-7


def test_of_uncorrelated_clouds_is_a_right_angle():
    x, y = correlated(40, 3, 5, [])
    assert angular_procrustes(x, y) == pytest.approx(np.pi / 2, rel=1e-13)


def test_of_independent_gaussian_clouds_is_what_the_docstring_says():
    x, y = np.random.default_rng(3).standard_normal((2, 20000, 100))
    assert np.cos(angular_procrustes(x, y)) == pytest.approx(0.85 * np.sqrt(100 / 20000), rel=0.02)


def test_doesnt_count_features_that_are_zero():
    x, y = np.random.default_rng(4).standard_normal((2, 30, 6))
    wide = np.column_stack([y, np.zeros((30, 50))])
    assert angular_procrustes(x, wide) == pytest.approx(angular_procrustes(x, y), rel=1e-13)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(3, 60), d=st.integers(1, 20), e=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
def test_of_a_stream_equals_that_of_the_rows(n, d, e, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, d)) + 1e3, 1e-3 * rng.standard_normal((n, e))
    cosine = np.cos(angular_procrustes(x, y))
    assert np.cos(angular_procrustes(streamed(x, y, rng))) == pytest.approx(cosine, rel=1e-12)


def test_of_a_stream_equals_that_of_the_rows_where_the_spectrum_falls_far():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((500, 60)) * np.logspace(0, -6, 60)
    y = x @ rng.standard_normal((60, 40)) + 1e-3 * rng.standard_normal((500, 40))
    for _ in range(3):
        assert angular_procrustes(streamed(x, y, rng)) == pytest.approx(angular_procrustes(x, y), rel=1e-12)


def test_is_a_metric_and_one_less_the_cosine_is_none():
    broken = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, z = rng.standard_normal((2, 15, 4))
        y = x @ orthogonal(4, rng=seed) + rng.uniform(0, 1.5) * rng.standard_normal((15, 4))
        sides = [float(angular_procrustes(*pair)) for pair in ((y, z), (x, z), (x, y))]
        for a, b, c in itertools.permutations(sides):
            assert a <= b + c + 1e-12
            broken += 1 - np.cos(a) > 2 - np.cos(b) - np.cos(c) + 1e-9
    assert broken > 20  # the test sees what is no metric


def test_a_single_point_is_refused(refusal):
    x, point = np.random.default_rng(6).standard_normal((20, 4)), np.full((20, 4), 0.1)
    assert refusal(angular_procrustes, x, point) is Outcome.CONSTANT_CLOUD
    assert refusal(angular_procrustes, point, x) is Outcome.CONSTANT_CLOUD
    moments = CrossMoments()
    moments.update({"x": x[:9], "y": point[:9]})
    moments.update({"x": x[9:], "y": point[9:]})
    assert refusal(angular_procrustes, moments) is Outcome.CONSTANT_CLOUD


def test_two_rows_are_one_shape_whatever_they_are(refusal):
    x, y = np.random.default_rng(8).standard_normal((2, 2, 5))
    assert refusal(angular_procrustes, x, y) is Outcome.FEWER_ROWS_THAN_NEEDED
    assert angular_procrustes(*np.random.default_rng(8).standard_normal((2, 3, 5))) > 0.01


@pytest.mark.torch
def test_gradient_agrees_with_finite_differences_near_and_far(torch):
    rng = np.random.default_rng(7)
    x = torch.tensor(rng.standard_normal((9, 3)), requires_grad=True)
    far = torch.tensor(rng.standard_normal((9, 4)))
    near = x.detach() + 1e-3 * torch.tensor(rng.standard_normal((9, 3)))  # taken from the rows
    assert angular_procrustes(x, near) ** 2 < 1e-4
    assert torch.autograd.gradcheck(lambda rows: angular_procrustes(rows, far), x)
    assert torch.autograd.gradcheck(lambda rows: angular_procrustes(rows, near), x, eps=1e-7, atol=1e-3, rtol=1e-4)
