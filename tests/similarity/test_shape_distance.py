"""shape_distance: partial whitening, groups of maps, conventions of other packages."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import CrossMoments, Outcome, ParameterError
from theodolite.similarity import angular_procrustes, procrustes, shape_distance
from theodolite.testing.planted import orthogonal

ALPHAS = ("0.0", "0.25", "0.5", "0.75", "1.0")
MNIST = "svcca/MNIST_lay04(n=400 first)"


def clouds_of(references, data):
    return [a[:400] for a in references.activations("MNIST_lay04")] if data == MNIST else references.pair(data)


def centred(rows):
    return rows - rows.mean(axis=0)


def formula(rows, alpha):
    """Whitening as it is written, by a dense inverse root."""
    rows = centred(rows)
    values, vectors = np.linalg.eigh(rows.T @ rows)
    return rows @ (alpha * np.eye(rows.shape[1]) + (1 - alpha) * (vectors / np.sqrt(values)) @ vectors.T)


def uncentred(rows):
    return np.concatenate([rows, -rows])


@pytest.mark.shared
@pytest.mark.parametrize("metric", ["angular", "euclidean"])
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("data", ["R1", "R3", "R4", "svcca"])
def test_agrees_with_netrep(references, data, alpha, metric, refusal):
    if data == "svcca":
        data, pair = "svcca/MNIST_lay04(n=400 first)", [a[:400] for a in references.activations("MNIST_lay04")]
    else:
        pair = references.pair(data)
    given = {"whitening": 1 - float(alpha), "metric": metric, "convention": "netrep"}
    if data == "R3" and alpha == "0.0":  # 40 rows, 100 and 80 features: netrep gives 0.0 for whatever they are
        assert refusal(shape_distance, *pair, **given) is Outcome.TOO_FEW_ROWS
        return
    expected = references.values[f"{data}/netrep/linear/alpha={alpha}/{metric}"]
    assert shape_distance(*pair, **given) == pytest.approx(expected, rel=1e-11)


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "R3", "R4", MNIST])
def test_of_clouds_on_their_negatives_agrees_with_netrep_without_centring(references, data):
    x, y = map(uncentred, clouds_of(references, data))
    expected = references.values[f"{data}/netrep/linear/alpha=1.0/angular/uncentered"]
    assert shape_distance(x, y, convention="netrep") == pytest.approx(expected, rel=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("metric", ["angular", "euclidean"])
@pytest.mark.parametrize("data", ["R1", "R3", "R4", "svcca"])
def test_of_permutations_agrees_with_netrep(references, data, metric):
    if data == "svcca":
        data, pair = "svcca/MNIST_lay04(n=400 first)", [a[:400] for a in references.activations("MNIST_lay04")]
    else:
        pair = references.pair(data)
    expected = references.values[f"{data}/netrep/perm/{metric}"]
    assert shape_distance(*pair, group="permutation", metric=metric, convention="netrep") == pytest.approx(
        expected, rel=1e-12
    )


@pytest.mark.shared
def test_of_permutations_agrees_with_netrep_on_every_pair_of_layers_of_five_transformers(references):
    expected = references.arrays["mod/D/netrep_perm_angular"]
    names = [f"s{seed}_{layer}" for seed in range(5) for layer in ("mid", "hid", "post", "logits")]
    layers = [references.arrays[f"mod/acts/{name}"].astype(np.float64) for name in names]
    for i, j in itertools.combinations(range(20), 2):
        found = shape_distance(layers[i], layers[j], group="permutation")
        assert found == pytest.approx(expected[i, j], rel=1e-9), (names[i], names[j])


@pytest.mark.shared
@pytest.mark.parametrize("alpha", ["0.0", "0.5", "1.0"])
@pytest.mark.parametrize("data", ["R1", "R4", "R3", MNIST])
def test_agrees_with_repsim(references, data, alpha, refusal):
    pair, given = clouds_of(references, data), {"whitening": 1 - float(alpha), "convention": "repsim"}
    if data == "R3" and alpha == "0.0":
        assert refusal(shape_distance, *pair, **given) is Outcome.TOO_FEW_ROWS
        return
    expected = references.values[f"{data}/repsim/angular_shape/alpha={alpha}"]
    assert shape_distance(*pair, **given) == pytest.approx(expected, rel=1e-11)


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "R3", "R4", MNIST])
def test_agrees_with_resi(references, data):
    # its Procrustes distance of centred clouds of norm 1 is our Euclidean one; its permutations don't centre
    pair, values = clouds_of(references, data), references.values
    of_norm_one = values[f"{data}/resi/OrthogonalProcrustesCenteredAndNormalized"]
    assert shape_distance(*pair, metric="euclidean") == pytest.approx(of_norm_one, rel=1e-12)
    found = shape_distance(*map(uncentred, pair), group="permutation", metric="euclidean", scale="none") / np.sqrt(2)
    assert found == pytest.approx(values[f"{data}/resi/PermutationProcrustes"], rel=1e-12)


@pytest.mark.parametrize("convention", ["netrep", "repsim"])
def test_two_conventions_differ_by_the_scale_at_which_they_whiten(convention):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 6)) * np.arange(1, 7)
    y = x @ rng.standard_normal((6, 6))
    factor = np.sqrt(80) if convention == "repsim" else 1.0
    given = shape_distance(factor * x, factor * y, whitening=0.5, convention=convention)
    assert given == pytest.approx(shape_distance(x, y, whitening=0.5, scale="none"), rel=1e-12)
    assert given != pytest.approx(shape_distance(x, y, whitening=0.5), rel=1e-3)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("group", ["rotation", "permutation", "none"])
@pytest.mark.parametrize("metric", ["angular", "euclidean"])
def test_is_the_formula(alpha, group, metric):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((30, 4)) @ rng.standard_normal((4, 4)) + 2.0
    y = x @ rng.standard_normal((4, 4)) + rng.standard_normal((30, 4))
    one, other = formula(x, alpha), formula(y, alpha)
    maps = {
        "rotation": [np.linalg.svd(one.T @ other)[0] @ np.linalg.svd(one.T @ other)[2]],
        "permutation": [np.eye(4)[list(order)] for order in itertools.permutations(range(4))],
        "none": [np.eye(4)],
    }[group]
    if metric == "angular":
        cosines = [np.sum((one @ each) * other) / np.linalg.norm(one) / np.linalg.norm(other) for each in maps]
        expected = np.arccos(max(cosines))
    else:
        expected = min(np.linalg.norm(one @ each - other) for each in maps)
    found = shape_distance(x, y, whitening=1 - alpha, group=group, metric=metric, scale="none")
    assert found == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("group", ["rotation", "permutation"])
@pytest.mark.parametrize("alpha", [0.4, 1.0])
def test_of_more_features_than_rows_is_the_formula_with_the_pseudoinverse(group, alpha):
    rng = np.random.default_rng(2)
    clouds = [centred(rng.standard_normal((7, 20))) for _ in range(2)]
    mapped = []
    for rows in clouds:
        left, spreads, right = np.linalg.svd(rows, full_matrices=False)
        spreads = np.where(spreads > 1e-9, alpha * spreads + (1 - alpha), 0.0)
        mapped.append((left * spreads) @ right)
    cross = mapped[0].T @ mapped[1]
    if group == "rotation":
        fit = np.linalg.svd(cross, compute_uv=False).sum()
    else:
        from scipy.optimize import linear_sum_assignment

        fit = cross[linear_sum_assignment(cross, maximize=True)].sum()
    expected = np.arccos(fit / np.linalg.norm(mapped[0]) / np.linalg.norm(mapped[1]))
    assert shape_distance(*clouds, whitening=1 - alpha, group=group, scale="none") == pytest.approx(expected, rel=1e-10)


def test_without_whitening_is_procrustes():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 40, 5))
    assert shape_distance(x, y) == pytest.approx(angular_procrustes(x, y), rel=1e-13)
    assert shape_distance(x, y, metric="euclidean", scale="none") == pytest.approx(procrustes(x, y), rel=1e-13)
    assert shape_distance(x, y, metric="euclidean") == pytest.approx(
        2 * np.sin(angular_procrustes(x, y) / 2), rel=1e-12
    )


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_at_norm_one_the_length_is_the_chord_of_the_angle(alpha):
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((2, 40, 5))
    chord = 2 * np.sin(shape_distance(x, 3 * y, whitening=1 - alpha) / 2)
    assert shape_distance(x, 3 * y, whitening=1 - alpha, metric="euclidean") == pytest.approx(chord, rel=1e-12)


def test_of_fully_whitened_clouds_is_the_mean_canonical_correlation():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((60, 4))
    y = x @ rng.standard_normal((4, 4)) + rng.standard_normal((60, 4))
    bases = [np.linalg.qr(centred(rows))[0] for rows in (x, y)]
    mean = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False).mean()
    assert shape_distance(x, y, whitening=1.0) == pytest.approx(np.arccos(mean), rel=1e-12)


def test_sees_linear_maps_unless_it_whitens_fully():
    rng = np.random.default_rng(6)
    x = rng.standard_normal((60, 4))
    mixed = x @ rng.standard_normal((4, 4))
    assert shape_distance(x, mixed, whitening=1.0) < 1e-13
    assert shape_distance(x, mixed, whitening=0.5) > 0.05
    assert shape_distance(x, x @ orthogonal(4, rng=7), whitening=0.5) < 1e-13


def test_sees_rotations_where_only_permutations_are_allowed():
    rng = np.random.default_rng(8)
    x = rng.standard_normal((60, 4))
    order = rng.permutation(4)
    assert shape_distance(x, x[:, order], group="permutation") < 1e-14
    assert shape_distance(x, x @ orthogonal(4, rng=9), group="permutation") > 0.3
    assert shape_distance(x, x[:, order], group="none") > 0.3
    assert shape_distance(x, 3 * x + 1, group="none") < 1e-14
    assert shape_distance(x, -x, group="none") == pytest.approx(np.pi, abs=1e-7)


@pytest.mark.parametrize("group", ["rotation", "permutation"])
def test_the_narrower_cloud_is_filled_up_with_zeros(group):
    rng = np.random.default_rng(10)
    x, y = rng.standard_normal((30, 7)), rng.standard_normal((30, 3))
    wide = np.column_stack([y, np.zeros((30, 4))])
    for metric in ("angular", "euclidean"):
        given = {"group": group, "metric": metric, "scale": "none"}
        assert shape_distance(x, y, **given) == pytest.approx(shape_distance(x, wide, **given), rel=1e-12)


def test_small_distances_between_paired_features_keep_their_digits():
    rng = np.random.default_rng(11)
    x = centred(rng.standard_normal((30, 5)))
    order = rng.permutation(5)
    near = (1 + 1e-8) * x[:, order]
    found = shape_distance(x, near, group="permutation", metric="euclidean", scale="none")
    assert found == pytest.approx(1e-8 * np.linalg.norm(x), rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(12, 60),
    seed=st.integers(0, 2**32 - 1),
    alpha=st.sampled_from([0.0, 0.5, 1.0]),
    group=st.sampled_from(["rotation", "permutation"]),
)
def test_of_a_stream_equals_that_of_the_rows(n, seed, alpha, group):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, 6)) + 100.0, rng.standard_normal((n, 4))
    moments, start = CrossMoments(), 0
    while start < n:
        stop = start + int(rng.integers(1, 15))
        moments.update({"x": x[start:stop], "y": y[start:stop]})
        start = stop
    given = {"whitening": 1 - alpha, "group": group}
    # 12 rows and 6 features can be nearly dependent, and inverse roots lose what that takes
    spreads = np.linalg.svd(centred(x), compute_uv=False)
    tolerance = 1e-12 * (1.0 if alpha == 1.0 else 10 * (spreads[0] / spreads[-1]) ** 2)
    assert shape_distance(moments, **given) == pytest.approx(shape_distance(x, y, **given), rel=tolerance)


@pytest.mark.parametrize("given", [{"whitening": 1.0}, {"whitening": 0.5}, {"group": "permutation"}, {"group": "none"}])
@pytest.mark.parametrize("metric", ["angular", "euclidean"])
def test_is_a_metric(given, metric):
    broken = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        x, step, noise = rng.standard_normal((3, 20, 4))
        z = x + rng.choice([0.2, 3.0]) * step  # near, where the three are all but on a line, and far
        y = (x + z) / 2 + 0.02 * noise
        sides = [float(shape_distance(*pair, metric=metric, **given)) for pair in ((y, z), (x, z), (x, y))]
        for a, b, c in itertools.permutations(sides):
            assert a <= b + c + 1e-12
            broken += a**2 > b**2 + c**2 + 1e-9
    assert broken > 5  # the square is none, and the test sees it


def test_full_whitening_with_as_many_dimensions_as_rows_allow_is_refused(refusal):
    rng = np.random.default_rng(12)
    x, y = rng.standard_normal((2, 12, 11))
    assert refusal(shape_distance, x, y[:, :2], whitening=1.0) is Outcome.TOO_FEW_ROWS
    assert refusal(shape_distance, y[:, :2], x, whitening=1.0) is Outcome.TOO_FEW_ROWS
    assert shape_distance(x[:, :10], y[:, :10], whitening=1.0) > 0
    assert shape_distance(x, y, whitening=1 - 1e-3) > 0


def test_a_single_point_is_refused(refusal):
    x, point = np.random.default_rng(13).standard_normal((20, 4)), np.full((20, 4), 0.1)
    for chosen in ({}, {"whitening": 0.5}, {"whitening": 1.0}, {"group": "permutation"}, {"metric": "euclidean"}):
        assert refusal(shape_distance, x, point, **chosen) is Outcome.CONSTANT_CLOUD


def test_unequal_widths_cant_be_compared_one_by_one(refusal):
    x = np.random.default_rng(14).standard_normal((20, 4))
    assert refusal(shape_distance, x, x[:, :3], group="none") is Outcome.DIFFERENT_WIDTHS


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"whitening": 1.5}, "whitening"),
        ({"whitening": -0.1}, "whitening"),
        ({"group": "rotations"}, "'rotation' or 'permutation' or 'none'"),
        ({"convention": "netrep", "scale": "none"}, "the convention 'netrep' has its own"),
        ({"alpha": 0.5}, "unknown parameter 'alpha'"),
    ],
)
def test_bad_parameters_are_named(given, words):
    x = np.random.default_rng(15).standard_normal((20, 4))
    with pytest.raises(ParameterError, match=f"shape_distance: .*{re.escape(words)}"):
        shape_distance(x, x, **given)


def test_dead_features_are_left_out_of_whitening():
    rng = np.random.default_rng(16)
    x, y = rng.standard_normal((2, 40, 5))
    dead = np.column_stack([x, np.full(40, 0.1), x[:, 0]])  # one constant, one repeated
    assert shape_distance(dead, y, whitening=1.0) == pytest.approx(shape_distance(x, y, whitening=1.0), rel=1e-10)


def test_two_rows_are_refused_where_they_are_one_shape_whatever_they_are(refusal):
    x, y = np.random.default_rng(30).standard_normal((2, 2, 5))
    for setting in ({}, {"metric": "euclidean"}, {"whitening": 0.5, "scale": "none"}):
        assert refusal(shape_distance, x, y, **setting) is Outcome.FEWER_ROWS_THAN_NEEDED
    assert shape_distance(x, y, metric="euclidean", scale="none") == pytest.approx(procrustes(x, y), rel=1e-12)
    assert shape_distance(x, y, group="none") > 0.1
