"""svcca: correlations of the directions that hold the variance."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import Cloud, CrossMoments, Outcome, Pair, Refusal
from theodolite.similarity import cca, svcca
from theodolite.testing.planted_clouds import shared_latent


def gaussian(rows, features, seed):
    return np.random.default_rng(seed).standard_normal((rows, features))


def by_svd(x, y, variance):
    """Correlations of leading left singular vectors, by SVD of the rows."""
    bases = []
    for one in (x, y):
        left, sizes, _ = np.linalg.svd(one - one.mean(axis=0), full_matrices=False)
        share = np.cumsum(sizes**2) / np.sum(sizes**2)
        bases.append(left[:, : int(np.searchsorted(share, variance)) + 1])
    return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False), [base.shape[1] for base in bases]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["R1", "R3", "R4", "MNIST_lay04(n=400 first)"])
@pytest.mark.parametrize("percent", [99, 90])
def test_google_svcca_on_the_leading_components(references, name, percent):
    if name.startswith("R"):
        x, y = references.pair(name)
        expected = references.values[f"{name}/svcca/svcca_var{percent}(eps=1e-10)"]
    else:
        x, y = (one[:400] for one in references.activations("MNIST_lay04"))
        expected = references.values[f"svcca/{name}/svcca/svcca_var{percent}(eps=1e-10)"]
    assert svcca(x, y, variance=percent / 100).mean == pytest.approx(expected, rel=1e-8)


@pytest.mark.shared
def test_every_pair_of_layers_of_five_networks(references):
    # Widths of 114 to 512 with 400 rows: what is kept has 8 to 21 dimensions, so that all of them can be compared.
    names = [f"s{seed}_{layer}" for seed in range(5) for layer in ("mid", "hid", "post", "logits")]
    clouds = [Cloud(references.arrays[f"mod/acts/{name}"]) for name in names]
    expected = references.arrays["mod/D/svcca99_google"]
    for i, j in itertools.combinations(range(len(names)), 2):
        found = svcca(Pair(clouds[i], clouds[j])).mean
        assert found == pytest.approx(expected[i, j], rel=2e-8), (names[i], names[j])


@settings(max_examples=50, deadline=None)
@given(
    rows=st.integers(30, 60),
    widths=st.tuples(st.integers(1, 80), st.integers(1, 80)),
    seed=st.integers(0, 2**32 - 1),
    variance=st.floats(0.3, 0.9),
)
def test_agrees_with_singular_vectors_of_the_rows(rows, widths, seed, variance):
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal((rows, width)) * np.logspace(0, -2, width) + 1.0 for width in widths)
    y[:, 0] += x[:, 0]
    expected, sizes = by_svd(x, y, variance)
    found = svcca(x, y, variance=variance)
    assert [int(found.dimensions_x), int(found.dimensions_y)] == sizes
    np.testing.assert_allclose(found.extra["correlations"], np.minimum(expected, 1.0), atol=1e-9)


def test_finds_the_shared_directions_and_their_number():
    x, y = shared_latent(400, 30, 12, shared=8, noise=1e-2, rng=1)
    found = svcca(x, y)
    assert (int(found.dimensions_x), int(found.dimensions_y)) == (8, 8)
    assert found.mean > 0.999
    assert cca(x, y).mean < 0.9


def test_shares_of_variance_not_of_singular_values():
    # Singular values 3, 1, 1: the first holds 9/11 of the variance and 3/5 of their sum.
    rows = np.linalg.qr(gaussian(50, 3, 0) - gaussian(50, 3, 0).mean(axis=0))[0] * [3.0, 1.0, 1.0]
    assert svcca(rows, rows, variance=0.8).dimensions_x == 1
    assert svcca(rows, rows, variance=0.85).dimensions_x == 2


def test_equal_shares_are_counted_exactly():
    # Ten directions of equal variance: nine of them hold exactly nine tenths.
    rows = np.linalg.qr(gaussian(80, 10, 1) - gaussian(80, 10, 1).mean(axis=0))[0]
    assert svcca(rows, rows, variance=0.9).dimensions_x == 9


def test_all_the_variance_is_cca():
    x, y = gaussian(100, 6, 2), gaussian(100, 9, 3) + gaussian(100, 9, 2)
    found, whole = svcca(x, y, variance=1.0), cca(x, y)
    assert found.mean == pytest.approx(whole.mean, rel=1e-12)
    assert found.mean_square == pytest.approx(whole.mean_square, rel=1e-12)


def test_a_fixed_number_of_dimensions():
    x, y = gaussian(100, 6, 4) * np.arange(1, 7), gaussian(100, 3, 5)
    found = svcca(x, y, dimensions=4)
    assert (int(found.dimensions_x), int(found.dimensions_y)) == (4, 3)
    strongest = (x - x.mean(axis=0)) @ np.linalg.svd(x - x.mean(axis=0))[2][:4].T
    np.testing.assert_allclose(found.extra["correlations"], cca(strongest, y).extra["correlations"], rtol=1e-10)


def test_stretching_a_direction_changes_what_is_kept():
    x = gaussian(100, 5, 6)
    stretched = x * [1000.0, 1, 1, 1, 1]
    assert svcca(stretched, x).dimensions_x == 1
    assert svcca(x, x).dimensions_x == 5


def test_refuses_what_any_two_clouds_share():
    with pytest.raises(Refusal, match="20 rows, and x spans 19 dimensions") as refused:
        svcca(gaussian(20, 50, 7), gaussian(20, 50, 8), variance=1.0)
    assert refused.value.outcome is Outcome.TOO_FEW_ROWS
    with pytest.raises(Refusal) as refused:
        svcca(np.ones((20, 3)), gaussian(20, 3, 8))
    assert refused.value.outcome is Outcome.CONSTANT_CLOUD


def test_says_how_many_correlations_are_certain():
    found = svcca(gaussian(20, 50, 7), gaussian(20, 50, 8), dimensions=12)
    assert (found.extra["correlations"] > 1 - 1e-9).sum() == 5
    assert {note.outcome for note in found.notes} == {Outcome.CERTAIN_CORRELATIONS}


def test_streaming_is_dense_however_the_rows_are_split():
    x, y = shared_latent(300, 20, 25, shared=6, noise=0.3, rng=2)
    dense = svcca(x, y)
    rng = np.random.default_rng(9)
    for _ in range(4):
        stream = CrossMoments()
        for rows in np.split(np.arange(300), np.sort(rng.choice(np.arange(1, 300), size=6, replace=False))):
            stream.update({"x": x[rows], "y": y[rows]})
        streamed = svcca(stream)
        assert streamed.mean == pytest.approx(dense.mean, rel=1e-12)
        assert (streamed.dimensions_x, streamed.dimensions_y) == (dense.dimensions_x, dense.dimensions_y)


def test_the_chance_level_is_the_mean_over_all_orders_of_the_rows():
    x, y = gaussian(6, 9, 10), gaussian(6, 4, 11) * [9.0, 4.0, 1.0, 0.1]
    parameters = {"variance": 0.99, "dimensions": 3}
    over_all = [svcca(x, y[list(order)], **parameters).mean_square for order in itertools.permutations(range(6))]
    level = svcca.traits.chance(Pair(x, y), parameters)
    assert level == {"mean_square": pytest.approx(np.mean(over_all), rel=1e-10)}


@pytest.mark.torch
@pytest.mark.parametrize("equal", [False, True], ids=["distinct", "equal eigenvalues"])
def test_gradients_follow_the_kept_space_as_it_turns(torch, equal):
    rng = np.random.default_rng(12)
    sizes = np.array([4.0, 4.0, 4.0, 1.0, 1.0, 1.0]) if equal else np.array([5.0, 4.5, 4.0, 1.2, 1.0, 0.7])
    x = rng.standard_normal((40, 6))
    x = np.linalg.qr(x - x.mean(axis=0))[0] * sizes
    y = x @ rng.standard_normal((6, 4)) + rng.standard_normal((40, 4))
    given = torch.tensor(x, requires_grad=True)
    svcca(given, torch.tensor(y), dimensions=3).mean.backward()
    way = rng.standard_normal(x.shape)
    ahead, behind = (svcca(x + sign * 1e-6 * way, y, dimensions=3).mean for sign in (1, -1))
    slope = float((given.grad.numpy() * way).sum())
    assert slope == pytest.approx((ahead - behind) / 2e-6, rel=1e-5)


@pytest.mark.shared
def test_streaming_of_more_features_than_rows(references):
    x, y = references.pair("R3")
    stream = CrossMoments()
    for rows in np.array_split(np.arange(40), 3):
        stream.update({"x": x[rows], "y": y[rows]})
    found = svcca(stream)
    assert (found.dimensions_x, found.dimensions_y) == (10, 10)
    assert found.mean == pytest.approx(svcca(x, y).mean, rel=1e-12)
