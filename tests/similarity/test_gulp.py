"""gulp: how far apart ridge predictions from two clouds are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import CrossMoments, Outcome, Refusal
from theodolite.similarity import cca, gulp


def gaussian(rows, features, seed):
    return np.random.default_rng(seed).standard_normal((rows, features))


def by_hat_matrices(x, y, penalty):
    """The distance of the two matrices that turn targets into ridge predictions, of the size rows x rows."""
    hats = []
    for one in (x, y):
        centred = one - one.mean(axis=0)
        gram = centred @ centred.T / np.sum(centred**2)
        hats.append(np.linalg.solve(gram + penalty * np.eye(len(gram)), gram))
    return np.linalg.norm(hats[0] - hats[1])


@settings(max_examples=50, deadline=None)
@given(
    rows=st.integers(5, 40),
    widths=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    penalty=st.floats(1e-6, 10.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_is_the_distance_of_the_hat_matrices(rows, widths, penalty, seed):
    rng = np.random.default_rng(seed)
    x, y = (5.0 * rng.standard_normal((rows, width)) - 1.0 for width in widths)
    expected = by_hat_matrices(x, y, penalty)
    assert gulp(x, y, penalty=penalty) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.shared
def test_without_penalty_its_square_is_what_resi_gives(references):
    found = gulp(*references.pair("R1"), penalty=0.0)
    assert found**2 == pytest.approx(references.values["R1/resi/Gulp"], rel=1e-12)


@pytest.mark.shared
def test_trained_networks_against_resi(references):
    x, y = (one[:400] for one in references.activations("MNIST_lay04"))
    expected = references.values["svcca/MNIST_lay04(n=400 first)/resi/Gulp"]
    assert gulp(x, y, penalty=0.0) ** 2 == pytest.approx(expected, rel=1e-7)


@pytest.mark.shared
def test_directions_of_rounding_error_are_no_directions(references):
    # Of rank 5 and 15; resi counts three eigenvalues of rounding error that happen to be positive.
    found = gulp(*references.pair("R4"), penalty=0.0)
    assert found**2 == pytest.approx(references.values["R4/resi/Gulp"] - 3.0, rel=1e-10)


def test_without_penalty_it_says_what_the_correlations_say():
    x, y = gaussian(80, 5, 0), gaussian(80, 8, 1) + gaussian(80, 8, 0)
    rho = cca(x, y).extra["correlations"]
    assert gulp(x, y, penalty=0.0) ** 2 == pytest.approx(5 + 8 - 2 * np.sum(rho**2), rel=1e-12)
    assert gulp(x, y @ gaussian(8, 8, 2), penalty=0.0) == pytest.approx(gulp(x, y, penalty=0.0), rel=1e-9)


def test_a_small_penalty_tends_to_none():
    x, y = gaussian(80, 5, 0), gaussian(80, 8, 1)
    assert gulp(x, y, penalty=1e-10) == pytest.approx(gulp(x, y, penalty=0.0), rel=1e-7)


def test_a_penalty_is_a_share_of_the_total_variance():
    x, y = gaussian(80, 5, 3), gaussian(80, 8, 4)
    assert gulp(1e3 * x, 1e-3 * y) == pytest.approx(gulp(x, y), rel=1e-12)


def lopsided(d):
    through = (d[:, :, None] + d[None, :, :]).min(axis=1)
    return float((d - through).max())


@pytest.mark.parametrize("penalty", [0.0, 0.01, 1.0])
def test_is_a_metric_and_its_square_is_not(penalty):
    rng = np.random.default_rng(5)
    clouds = []
    for width in (3, 3, 4, 5, 3, 4):
        base, away = rng.standard_normal((2, 30, width))
        clouds += [base, base + 0.2 * away, base + 0.4 * away]  # steps along a line: squares of lengths don't add up
    d = np.array([[gulp(one, other, penalty=penalty) for other in clouds] for one in clouds])
    np.testing.assert_allclose(d, d.T, rtol=1e-9)
    assert lopsided(d) < 1e-7
    assert lopsided(d**2) > 1e-3 * d.max() ** 2


@pytest.mark.parametrize("features", [3, 40, 300])
def test_a_rotated_copy_is_at_no_distance(features):
    x = gaussian(200, features, 6)
    copy = 3.0 * x @ np.linalg.qr(gaussian(features, features, 7))[0] + 5.0
    for penalty in (1e-4, 0.01, 1.0):
        assert gulp(x, copy, penalty=penalty) < 1e-7
        assert gulp(x, x.copy(), penalty=penalty) < 1e-7
        assert gulp(x, x + 1e-3 * gaussian(200, features, 8), penalty=penalty) > 1e-6


def test_streaming_is_dense_however_the_rows_are_split():
    x, y = gaussian(200, 9, 9) + 2.0, gaussian(200, 7, 10)
    rng = np.random.default_rng(11)
    for penalty in (0.0, 0.01):
        stream = CrossMoments()
        for rows in np.split(np.arange(200), np.sort(rng.choice(np.arange(1, 200), size=5, replace=False))):
            stream.update({"x": x[rows], "y": y[rows]})
        assert gulp(stream, penalty=penalty) == pytest.approx(gulp(x, y, penalty=penalty), rel=1e-12)


def test_more_features_than_rows_need_a_penalty():
    x, y = gaussian(20, 30, 12), gaussian(20, 50, 13)
    assert gulp(x, y) == pytest.approx(by_hat_matrices(x, y, 0.01), rel=1e-10)
    with pytest.raises(Refusal) as refused:
        gulp(x, y, penalty=0.0)
    assert refused.value.outcome is Outcome.TOO_FEW_ROWS
    with pytest.raises(Refusal) as refused:
        gulp(x, np.ones((20, 3)))
    assert refused.value.outcome is Outcome.CONSTANT_CLOUD


def test_two_rows_are_one_direction_whatever_they_are(refusal):
    x, y = gaussian(2, 4, 15), gaussian(2, 6, 16)
    assert by_hat_matrices(x, y, 0.01) < 1e-12
    assert refusal(gulp, x, y) is Outcome.FEWER_ROWS_THAN_NEEDED


def test_no_distance_has_no_sign():
    for seed in range(20):
        x = gaussian(30, 4, seed)
        assert not np.signbit(gulp(x, x[:, ::-1]))


@pytest.mark.torch
def test_has_a_gradient_of_zero_at_no_distance(torch):
    given = torch.tensor(gaussian(40, 5, 14), requires_grad=True)
    value = gulp(given, given.detach())
    value.backward()
    assert bool(value < 1e-7)
    assert bool(torch.isfinite(given.grad).all())
