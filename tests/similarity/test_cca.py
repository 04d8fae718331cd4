"""cca: correlations of directions that may be chosen freely."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles

from theodolite.core import CrossMoments, Outcome, Pair, Refusal
from theodolite.similarity import cca


def gaussian(rows, features, seed):
    return np.random.default_rng(seed).standard_normal((rows, features))


def by_angles(x, y):
    """Canonical correlations by scipy: cosines of the angles between the column spaces."""
    return np.cos(subspace_angles(x - x.mean(axis=0), y - y.mean(axis=0)))[::-1]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["R1", "R2", "R7"])
def test_every_correlation_is_that_of_google_svcca(references, name):
    # They add 1e-10 of the largest covariance to the diagonals, which shows in the small correlations.
    found = cca(*references.pair(name)).extra["correlations"]
    np.testing.assert_allclose(found, references.arrays[f"{name}/svcca/coefs"], atol=1e-8)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("layer", "rows", "key"),
    [
        ("SVHN_lay06", 1000, "SVHN_lay06(n=1000)"),
        ("SVHN_lay06", 400, "SVHN_lay06(n=400 first)"),
        ("MNIST_lay04", 400, "MNIST_lay04(n=400 first)"),
    ],
)
def test_every_correlation_of_trained_networks(references, layer, rows, key):
    first, second = references.activations(layer)
    found = cca(first[:rows], second[:rows]).extra["correlations"]
    np.testing.assert_allclose(found, references.arrays[f"svcca/{key}/svcca/coefs"], atol=2e-7)


@pytest.mark.shared
@pytest.mark.parametrize(("data", "tolerance"), [("R1", 1e-9), ("svcca/MNIST_lay04(n=400 first)", 2e-7)])
def test_means_of_google_svcca(references, data, tolerance):
    pair = references.pair(data) if data == "R1" else [a[:400] for a in references.activations("MNIST_lay04")]
    found = cca(*pair)
    assert found.mean == pytest.approx(references.values[f"{data}/svcca/mean_cca(eps=1e-10)"], rel=tolerance)
    # Their "mean" is over the largest correlations, as many as make up 98 % of the sum.
    descending = found.extra["correlations"]
    leading = int(np.searchsorted(np.cumsum(descending) / descending.sum(), 0.98)) + 1
    expected = references.values[f"{data}/svcca/mean_top98(eps=1e-10)"]
    assert descending[:leading].mean() == pytest.approx(expected, rel=tolerance)


@pytest.mark.shared
def test_the_eigenspace_overlap_of_clouds_of_one_rank_is_the_mean_square(references):
    # resi doesn't centre; rows and their mirror images have a mean of zero and span the same spaces.
    x, y = (np.concatenate([one, -one]) for one in references.pair("R1"))
    assert cca(x, y).mean_square == pytest.approx(references.values["R1/resi/EigenspaceOverlapScore"], rel=1e-11)
    x, y = (np.concatenate([one[:400], -one[:400]]) for one in references.activations("MNIST_lay04"))
    expected = references.values["svcca/MNIST_lay04(n=400 first)/resi/EigenspaceOverlapScore"]
    assert cca(x, y).mean_square == pytest.approx(expected, rel=1e-9)


@pytest.mark.shared
def test_the_eigenspace_overlap_of_other_ranks_divides_by_the_features(references):
    x, y = (np.concatenate([one, -one]) for one in references.pair("R4"))  # of rank 5 and 15, in 16 features
    rho = cca(x, y).extra["correlations"]
    assert (rho**2).sum() / 16 == pytest.approx(references.values["R4/resi/EigenspaceOverlapScore"], rel=1e-10)


@pytest.mark.shared
@pytest.mark.parametrize("package", ["netrep/linear/alpha=0.0/angular", "repsim/angular_shape/alpha=0.0"])
def test_the_angle_of_the_mean_is_that_of_fully_whitened_shapes(references, package):
    angle = np.arccos(cca(*references.pair("R1")).mean)
    assert angle == pytest.approx(references.values[f"R1/{package}"], rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    widths=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    spare=st.integers(3, 40),
    seed=st.integers(0, 2**32 - 1),
    spread=st.floats(0, 2),
)
def test_agrees_with_the_angles_between_column_spaces(widths, spare, seed, spread):
    rng = np.random.default_rng(seed)
    rows = max(widths) + spare
    x, y = (rng.standard_normal((rows, width)) + 5.0 for width in widths)
    y[:, 0] += x[:, 0]
    expected = by_angles(x, y)
    found = cca(x * 10.0 ** rng.uniform(-spread, spread, widths[0]), y)
    np.testing.assert_allclose(found.extra["correlations"], expected, atol=1e-9)
    assert found.mean == pytest.approx(expected.mean(), rel=1e-9)
    assert found.mean_square == pytest.approx((expected**2).mean(), rel=1e-9)
    assert found.count == min(widths)


def test_units_of_very_different_size_count_alike():
    x, y = gaussian(200, 6, 0), gaussian(200, 5, 1) + gaussian(200, 5, 0)
    sizes = np.array([1e-3, 1.0, 1e3, 1e-2, 30.0, 1.0])
    np.testing.assert_allclose(cca(x * sizes, y).extra["correlations"], by_angles(x, y), rtol=1e-9)


@pytest.mark.shared
def test_dead_and_repeated_units_and_low_rank_change_nothing(references):
    x, y = references.pair("R4")  # zero and constant columns, rank 5; a unit of y is dead
    sides = []
    for one in (x, y):
        left, sizes, _ = np.linalg.svd(one - one.mean(axis=0), full_matrices=False)
        sides.append(left[:, sizes > 1e-10 * sizes[0]])
    expected = np.linalg.svd(sides[0].T @ sides[1], compute_uv=False)
    found = cca(x, y)
    assert found.count == 5 == len(expected)
    np.testing.assert_allclose(found.extra["correlations"], expected, atol=1e-10)
    clean = gaussian(60, 4, 2)
    clumsy = np.column_stack([clean, clean[:, 0], clean[:, 1] - 2 * clean[:, 2], np.full(60, 0.1)])
    other = gaussian(60, 5, 3)
    np.testing.assert_allclose(cca(clumsy, other).extra["correlations"], by_angles(clean, other), rtol=1e-10)


def test_few_rows_of_many_features_of_low_rank():
    rng = np.random.default_rng(4)
    inner = rng.standard_normal((30, 3)), rng.standard_normal((30, 4))
    x, y = (one @ rng.standard_normal((one.shape[1], 200)) for one in inner)
    found = cca(x, y)
    assert found.count == 3
    np.testing.assert_allclose(found.extra["correlations"], by_angles(*inner), atol=1e-9)


@pytest.mark.shared
def test_refuses_as_many_dimensions_as_the_rows_have(references):
    with pytest.raises(Refusal, match=r"cca: .*40 rows, and x spans 39 dimensions") as refused:
        cca(*references.pair("R3"))
    assert refused.value.outcome is Outcome.TOO_FEW_ROWS
    for x, y in ((gaussian(12, 11, 5), gaussian(12, 2, 6)), (gaussian(12, 2, 5), gaussian(12, 30, 6))):
        with pytest.raises(Refusal) as refused:
            cca(x, y)
        assert refused.value.outcome is Outcome.TOO_FEW_ROWS


def test_refuses_a_constant_cloud():
    for constant in (np.zeros((20, 3)), np.full((20, 3), 0.1), np.tile([0.1, 1e8, -3.3], (20, 1))):
        for arguments in ((constant, gaussian(20, 3, 7)), (gaussian(20, 3, 7), constant)):
            with pytest.raises(Refusal) as refused:
                cca(*arguments)
            assert refused.value.outcome is Outcome.CONSTANT_CLOUD


def test_says_how_many_correlations_are_certain():
    found = cca(gaussian(20, 12, 8), gaussian(20, 10, 9))  # 22 directions in 19 dimensions
    certain = found.extra["correlations"] > 1 - 1e-9
    assert certain.sum() == 3
    assert {(note.outcome, note.field) for note in found.notes} == {
        (Outcome.CERTAIN_CORRELATIONS, "mean"),
        (Outcome.CERTAIN_CORRELATIONS, "mean_square"),
    }
    assert "3 of 10" in found.notes[0].detail
    assert cca(gaussian(23, 12, 8), gaussian(23, 10, 9)).notes == ()


def test_streaming_is_dense_however_the_rows_are_split():
    x = gaussian(300, 12, 10) + 3.0
    y = x @ gaussian(12, 9, 11) + gaussian(300, 9, 12)
    dense = cca(x, y)
    rng = np.random.default_rng(13)
    for _ in range(5):
        cuts = np.sort(rng.choice(np.arange(1, 300), size=rng.integers(1, 12), replace=False))
        stream = CrossMoments()
        for rows in np.split(np.arange(300), cuts):
            stream.update({"x": x[rows], "y": y[rows]})
        streamed = cca(stream)
        for field in ("mean", "mean_square"):
            assert getattr(streamed, field) == pytest.approx(getattr(dense, field), rel=1e-12)
        assert streamed.count == dense.count


def test_the_chance_level_is_the_mean_over_all_orders_of_the_rows():
    x, y = gaussian(6, 2, 14), gaussian(6, 3, 15) ** 3  # no Gaussian is needed
    over_all = [cca(x, y[list(order)]).mean_square for order in itertools.permutations(range(6))]
    level = cca.traits.chance(Pair(x, y), {})
    assert level == {"mean_square": pytest.approx(np.mean(over_all), rel=1e-10)}
    assert level["mean_square"] == pytest.approx(3 / 5)


@pytest.mark.shared
def test_independent_clouds_are_at_chance(references):
    x, y = references.pair("R7")
    level = cca.traits.chance(Pair(x, y), {})["mean_square"]
    assert level == pytest.approx(15 / 99)
    assert cca(x, y).mean_square == pytest.approx(level, abs=0.05)


def lopsided(d):
    """How far the worst triangle of a symmetric matrix of dissimilarities is from closing."""
    through = (d[:, :, None] + d[None, :, :]).min(axis=1)
    return float((d - through).max())


def test_two_functions_are_metrics_and_the_plain_difference_is_not():
    rng = np.random.default_rng(16)
    clouds = []
    for _ in range(12):
        base = rng.standard_normal((40, 3))
        clouds += [base, base + 0.5 * rng.standard_normal((40, 3))]
    # A cloud halfway between two others is what breaks the triangle of a squared distance.
    clouds += [clouds[0] + clouds[2]]
    found = [[cca(one, other) for other in clouds] for one in clouds]
    mean, square = (np.array([[getattr(f, name) for f in row] for row in found]) for name in ("mean", "mean_square"))
    assert lopsided(np.arccos(np.clip(mean, 0, 1))) < 1e-7
    assert lopsided(np.sqrt(np.clip(1 - square, 0, 1))) < 1e-7
    assert lopsided(1 - mean) > 0.01


@pytest.mark.torch
def test_gradients_are_right_where_eigenvalues_are_equal(torch):
    rng = np.random.default_rng(17)
    x = rng.standard_normal((30, 4))
    x = np.linalg.qr(x - x.mean(axis=0))[0]  # four equal eigenvalues
    y = x @ rng.standard_normal((4, 4)) + rng.standard_normal((30, 4))
    for field in ("mean", "mean_square"):
        given = torch.tensor(x, requires_grad=True)
        getattr(cca(given, torch.tensor(y)), field).backward()
        way = rng.standard_normal(x.shape)
        step = 1e-6
        ahead, behind = (getattr(cca(x + sign * step * way, y), field) for sign in (1, -1))
        slope = float((given.grad.numpy() * way).sum())
        assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-5)


@pytest.mark.torch
def test_gradients_are_right_beside_dead_and_repeated_units(torch):
    rng = np.random.default_rng(18)
    mixing = np.eye(5)[:, [0, 1, 2, 3, 0]]  # the fifth unit repeats the first
    x, y = rng.standard_normal((40, 5)), rng.standard_normal((40, 3))
    x = np.column_stack([x @ mixing, np.zeros(40)])
    y[:, 0] += x[:, 0]
    way = np.column_stack([rng.standard_normal((40, 5)) @ mixing, np.zeros(40)])  # keeps the rank
    given = torch.tensor(x, requires_grad=True)
    cca(given, torch.tensor(y)).mean.backward()
    ahead, behind = (cca(x + sign * 1e-6 * way, y).mean for sign in (1, -1))
    slope = float((given.grad.numpy() * way).sum())
    assert slope == pytest.approx((ahead - behind) / 2e-6, rel=1e-5)


def test_of_itself_is_one_to_the_last_digits():
    x = gaussian(100, 8, 19) * np.logspace(0, 4, 8)
    for other in (x, x.copy(), x * np.logspace(-6, 0, 8), x @ np.linalg.qr(gaussian(8, 8, 20))[0]):
        assert cca(x, other).mean == pytest.approx(1.0, abs=1e-7)
        assert cca(other, other.copy()).mean == pytest.approx(1.0, abs=1e-10)
