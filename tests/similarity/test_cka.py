"""cka: the cosine of two centred Gram matrices, against the definitions on matrices of rows x rows."""

import tracemalloc
from functools import partial
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

import theodolite as td
from theodolite.core import CrossMoments, Outcome, Pair
from theodolite.core.parameters import complete
from theodolite.similarity import cka, distance_correlation
from theodolite.testing import check_measure
from theodolite.testing.planted_clouds import correlated


def clouds(rows, first, second, seed=0, shared=1.0):
    """Two clouds off the origin that have something in common."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, first))
    y = shared * x @ rng.standard_normal((first, second)) + rng.standard_normal((rows, second))
    return x + 3.0, 0.2 * y - 1.0


def linear(rows):
    return rows @ rows.T


def hsic_of_quadruples(k, m):
    """The U-statistic of Song et al. (2012, eq. 4) by its definition: the mean over ordered quadruples."""
    n = len(k)
    terms = [k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in permutations(range(n), 4)]
    return np.mean(terms)


def hsic_of_matrices(k, m):
    """The same as sums over the n x n matrices (eq. 5 there)."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    one = np.ones(n)
    constant = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return (np.trace(k @ m) + constant - 2 / (n - 2) * one @ k @ m @ one) / (n * (n - 3))


def hsic_biased(k, m):
    h = np.eye(len(k)) - 1 / len(k)
    return np.trace(k @ h @ m @ h)


def alignment(hsic, k, m):
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def dense_kernel(rows, kernel, bandwidth=1.0, degree=2):
    centred = rows - rows.mean(axis=0)
    distances = squareform(pdist(rows))
    length = bandwidth * np.median(pdist(rows))
    products = centred @ centred.T
    norms = np.sqrt(np.diag(products))
    return {
        "linear": products,
        "rbf": np.exp(-(distances**2) / (2 * length**2)),
        "laplace": np.exp(-distances / length),
        "cosine": products / np.outer(norms, norms),
        "polynomial": (1 + products / np.mean(norms**2)) ** degree,
    }[kernel]


KERNELS = ["linear", "rbf", "laplace", "cosine", "polynomial"]
HSIC = {"unbiased": hsic_of_matrices, "biased": hsic_biased}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("rows", [4, 5, 7])
def test_is_the_ratio_of_the_u_statistics_over_quadruples(kernel, rows):
    x, y = clouds(rows, 3, 5, seed=rows)
    expected = alignment(hsic_of_quadruples, dense_kernel(x, kernel), dense_kernel(y, kernel))
    assert cka(x, y, kernel=kernel) == pytest.approx(expected, rel=1e-11)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(5, 40),
    first=st.integers(1, 60),
    second=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
    estimator=st.sampled_from(["unbiased", "biased"]),
)
def test_linear_agrees_with_matrices_of_rows_by_rows(rows, first, second, seed, estimator):
    x, y = clouds(rows, first, second, seed)
    expected = alignment(HSIC[estimator], linear(x), linear(y))
    assert cka(x, y, estimator=estimator) == pytest.approx(expected, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("estimator", ["unbiased", "biased"])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shape", [(60, 7, 3), (30, 50, 4), (31, 4, 80), (1100, 2, 3)])
def test_every_kernel_agrees_with_matrices_of_rows_by_rows(kernel, estimator, shape):
    x, y = clouds(*shape)
    given_to_kernel = {"bandwidth": 0.7, "degree": 3}
    k, m = (dense_kernel(rows, kernel, **given_to_kernel) for rows in (x, y))
    found = cka(x, y, kernel=kernel, estimator=estimator, **given_to_kernel)
    assert found == pytest.approx(alignment(HSIC[estimator], k, m), rel=1e-11)


@pytest.mark.shared
@pytest.mark.parametrize("case", ["R1", "R3", "R4", "svcca/MNIST_lay04(n=400 first)"])
def test_agrees_with_other_packages(references, case):
    if case.startswith("R"):
        x, y = references.pair(case)
        rsatoolbox = references.values[f"{case}/rsatoolbox/euclidean/cosine_cov"]
        assert cka(x, y, estimator="biased") == pytest.approx(rsatoolbox, rel=1e-12)
    else:
        x, y = (rows[:400] for rows in references.activations("MNIST_lay04"))
    assert cka(x, y, estimator="biased") == pytest.approx(references.values[f"{case}/resi/CKA"], rel=1e-11)
    assert cka(x, y) == pytest.approx(references.values[f"{case}/repsim/cka_song_unbiased"], rel=1e-11)


@pytest.mark.shared
def test_of_a_layer_of_two_svhn_networks(references):
    # The number is that of the form on rows x rows matrices, to the six digits it was noted with.
    assert cka(*references.activations("SVHN_lay06")) == pytest.approx(0.867853, abs=5e-7)


def test_biased_of_planted_canonical_correlations():
    correlations = [0.9, 0.5, 0.2]
    x, y = correlated(80, 5, 7, correlations)
    expected = sum(rho**2 for rho in correlations) / np.sqrt(5 * 7)
    assert cka(x, y, estimator="biased") == pytest.approx(expected, rel=1e-12)


def test_biased_of_single_units_is_their_squared_correlation():
    x, y = clouds(50, 1, 1)
    assert cka(x, y, estimator="biased") == pytest.approx(np.corrcoef(x[:, 0], y[:, 0])[0, 1] ** 2, rel=1e-12)


def test_of_independent_gaussian_clouds():
    found = {"biased": [], "unbiased": []}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((2, 50, 200))
        for estimator, values in found.items():
            values.append(cka(x, y, estimator=estimator))
    assert np.mean(found["biased"]) == pytest.approx(0.80, abs=0.005)
    error = np.std(found["unbiased"]) / np.sqrt(60)
    assert abs(np.mean(found["unbiased"])) < 3 * error
    assert error < 0.01


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), estimator=st.sampled_from(["unbiased", "biased"]))
def test_streaming_equals_all_at_once(data, seed, estimator):
    rows = data.draw(st.integers(20, 120))
    cuts = data.draw(st.lists(st.integers(1, rows - 1), max_size=6, unique=True))
    parts = data.draw(st.integers(1, 3))
    x, y = clouds(rows, data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)), seed)
    streams = [CrossMoments() for _ in range(parts)]
    for turn, (start, stop) in enumerate(pairwise([0, *sorted(cuts), rows])):
        streams[turn % parts].update({"x": x[start:stop], "y": y[start:stop]})
    whole = streams[0]
    for stream in streams[1:]:
        if stream.count:
            whole = whole.merge(stream)
    dense = cka(x, y, estimator=estimator)
    # The unbiased number is a difference: what rounding leaves is relative to its terms, the biased ones.
    assert cka(whole, estimator=estimator) == pytest.approx(dense, rel=1e-12, abs=1e-12)


def test_a_polynomial_of_degree_one_is_linear():
    for shape in ((40, 5, 6), (20, 30, 6)):
        x, y = clouds(*shape)
        for estimator in ("unbiased", "biased", "minibatch"):
            powers = cka(x, y, kernel="polynomial", degree=1, estimator=estimator, batch_size=8)
            assert powers == pytest.approx(cka(x, y, estimator=estimator, batch_size=8), rel=1e-11)


def test_wide_kernels_are_linear_and_the_distance():
    x, y = clouds(80, 5, 6)
    assert cka(x, y, kernel="rbf", bandwidth=1e5) == pytest.approx(cka(x, y), rel=1e-8)
    assert cka(x, y, kernel="laplace", bandwidth=1e8) == pytest.approx(distance_correlation(x, y), rel=1e-6)


def test_a_narrow_bandwidth_sees_nearest_neighbours_only():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((20, 4))
    twins = np.repeat(centres, 2, axis=0) + 1e-4 * rng.standard_normal((40, 4))
    others = np.repeat(rng.permutation(centres), 2, axis=0) + 1e-4 * rng.standard_normal((40, 4))
    assert abs(cka(twins, others)) < 0.3
    assert cka(twins, others, kernel="rbf", bandwidth=0.02) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("kernel", ["linear", "cosine", "polynomial", "rbf"])
@pytest.mark.parametrize("width", [3, 40])
def test_minibatches_average_before_the_ratio(kernel, width):
    x, y = clouds(50, width, 4)
    found = cka(x, y, estimator="minibatch", batch_size=12, kernel=kernel)
    bounds = [(0, 12), (12, 25), (25, 38), (38, 50)]
    if kernel == "rbf":
        k, m = (_rbf_of_batches(rows, bounds) for rows in (x, y))
    else:
        k, m = (dense_kernel(rows, kernel) for rows in (x, y))

    def hsic(one, other):
        return np.mean([hsic_of_matrices(one[a:b, a:b], other[a:b, a:b]) for a, b in bounds])

    assert found == pytest.approx(alignment(hsic, k, m), rel=1e-11)


def _rbf_of_batches(rows, bounds):
    """The kernel with the median over the pairs that share a batch."""
    median = np.median(np.concatenate([pdist(rows[start:stop]) for start, stop in bounds]))
    return np.exp(-(squareform(pdist(rows)) ** 2) / (2 * median**2))


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_minibatch_is_all(kernel):
    x, y = clouds(30, 4, 5)
    whole = cka(x, y, kernel=kernel)
    assert cka(x, y, estimator="minibatch", batch_size=16, kernel=kernel) == pytest.approx(whole, rel=1e-12)
    assert cka(x, y, estimator="minibatch", batch_size=15, kernel=kernel) != pytest.approx(whole, rel=1e-6)


def test_minibatches_are_unbiased_whatever_their_size():
    x, y = clouds(4096, 6, 6, shared=0.3)
    whole = cka(x, y)
    for size in (16, 64, 256):
        assert cka(x, y, estimator="minibatch", batch_size=size) == pytest.approx(whole, abs=0.02)


@pytest.mark.parametrize(
    "parameters",
    [{"estimator": estimator} for estimator in ("unbiased", "biased")]
    + [{"estimator": "minibatch", "batch_size": 4}]
    + [{"estimator": estimator, "kernel": "rbf"} for estimator in ("unbiased", "biased")],
    ids=str,
)
def test_the_chance_level_is_the_mean_over_all_orders(parameters):
    rows = 8 if parameters["estimator"] == "minibatch" else 6
    x, y = clouds(rows, 2, 3, seed=4)
    if parameters["estimator"] == "minibatch":
        # Orders within the batches are enough: the norms don't depend on them, so neither does their mean.
        orders = [(*first, *second) for first in permutations(range(4)) for second in permutations(range(4, 8))]
    else:
        orders = list(permutations(range(rows)))
    mean = np.mean([cka(x, y[list(order)], **parameters) for order in orders])
    level = cka.traits.chance(Pair(x, y), complete(cka, parameters))
    assert level == {"value": pytest.approx(mean, abs=1e-12)}


def test_the_biased_chance_level_is_that_of_unrelated_clouds():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((50, 200)), rng.standard_normal((50, 100))
    level = cka.traits.chance(Pair(x, y), complete(cka, {"estimator": "biased"}))["value"]
    assert level == pytest.approx(cka(x, y, estimator="biased"), abs=0.02)
    assert level > 0.7


@pytest.mark.parametrize("kernel", KERNELS[1:])
def test_other_kernels_keep_the_promises(kernel):
    check_measure(partial(cka, kernel=kernel))


def test_moments_are_enough_for_the_linear_kernel_only(refusal):
    stream = CrossMoments()
    stream.update(dict(zip("xy", clouds(30, 4, 3), strict=True)))
    for parameters in ({"kernel": "rbf"}, {"kernel": "polynomial"}, {"estimator": "minibatch", "batch_size": 8}):
        assert refusal(cka, stream, **parameters) is Outcome.NEEDS_ROWS


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("estimator", ["unbiased", "biased", "minibatch"])
def test_a_constant_cloud_is_refused(refusal, kernel, estimator):
    x, _ = clouds(20, 4, 3)
    flat = np.full((20, 3), 0.1)
    for pair in ((x, flat), (flat, x)):
        assert refusal(cka, *pair, kernel=kernel, estimator=estimator) is Outcome.CONSTANT_CLOUD


@pytest.mark.parametrize(("estimator", "fewest"), [("unbiased", 4), ("biased", 3), ("minibatch", 4)])
def test_too_few_rows_are_refused(refusal, estimator, fewest):
    x, y = clouds(fewest, 3, 3)
    assert -1 <= cka(x, y, estimator=estimator) <= 1
    for rows in range(1, fewest):
        assert refusal(cka, x[:rows], y[:rows], estimator=estimator) is Outcome.FEWER_ROWS_THAN_NEEDED


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_hot_rows_have_nothing_off_the_diagonal(refusal, kernel):
    x, _ = clouds(20, 4, 3)
    one_hot = np.eye(20)
    assert refusal(cka, x, one_hot, kernel=kernel) is Outcome.EQUIDISTANT
    assert 0 < cka(x, one_hot, kernel=kernel, estimator="biased") < 1


def test_duplicates_count_like_any_rows():
    x, y = clouds(12, 3, 4)
    twice, both = np.tile(x, (2, 1)), np.tile(y, (2, 1))
    for kernel in KERNELS:
        k, m = dense_kernel(twice, kernel), dense_kernel(both, kernel)
        assert cka(twice, both, kernel=kernel) == pytest.approx(alignment(hsic_of_matrices, k, m), rel=1e-9)


def test_a_bandwidth_of_zero_is_refused(refusal):
    x, y = clouds(20, 3, 3)
    x[2:] = x[1]
    assert refusal(cka, x, y, kernel="rbf") is Outcome.COINCIDENT_ROWS
    assert refusal(cka, y, x, kernel="laplace") is Outcome.COINCIDENT_ROWS


def test_a_row_at_the_mean_has_no_cosine(refusal):
    x, y = clouds(20, 3, 3)
    x[7] = np.delete(x, 7, axis=0).mean(axis=0)
    assert refusal(cka, x, y, kernel="cosine") is Outcome.ROW_AT_MEAN
    assert np.isfinite(cka(x, y))


@pytest.mark.parametrize("wrong", [{"bandwidth": 0.0}, {"degree": 0}, {"batch_size": 3}, {"kernel": "sigmoid"}])
def test_parameters_out_of_range(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        cka(*clouds(20, 3, 3), **wrong)


def test_copies_of_stimuli_undo_the_correction_as_the_docstring_says():
    rng = np.random.default_rng(0)
    once, copied = [], []
    for _ in range(40):
        x, y = rng.standard_normal((2, 25, 100))
        once.append(cka(x, y))
        copied.append(cka(np.repeat(x, 4, axis=0), np.repeat(y, 4, axis=0)))
    assert np.mean(once) == pytest.approx(0.0, abs=0.03)
    assert np.mean(copied) == pytest.approx(0.76, abs=0.01)


def test_holds_no_matrix_of_rows_by_rows():
    x, y = clouds(6000, 4, 4)
    whole = 6000**2 * 8
    for kernel, share in (("linear", 0.02), ("rbf", 0.4)):
        tracemalloc.start()
        cka(x, y, kernel=kernel)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < share * whole


@pytest.mark.torch
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("estimator", ["unbiased", "biased", "minibatch"])
@pytest.mark.parametrize("width", [4, 12])
def test_gradients(torch, kernel, estimator, width):
    pair = [torch.tensor(rows, requires_grad=True) for rows in clouds(9, width, 3)]
    assert torch.autograd.gradcheck(partial(cka, kernel=kernel, estimator=estimator, batch_size=4), pair)


def test_runs_note_stimuli_that_are_there_several_times():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 25, 40))
    measures = ["cka", "cka[estimator=biased]", "cka[kernel=rbf]", "angular_cka", "distance_correlation", "cka_test"]
    twice = {"x": np.tile(x, (2, 1)), "y": np.tile(y, (2, 1))}
    rows = [row for row in td.all_pairs(twice, measures=measures).readings.rows if row.against]
    assert {row.measure for row in rows if row.outcome} == {"cka", "angular_cka", "distance_correlation", "cka_test"}
    for row in rows:
        biased = '"estimator":"biased"' in row.params
        assert row.outcome == ("" if biased else "DUPLICATE_ROWS"), row
        assert row.value is not None
        assert biased or row.note.startswith("25 rows")
    # Rows that coincide in one cloud alone, as in a layer of dead units, undo no correction.
    partly = {"x": x * (np.arange(25) > 8)[:, None], "y": y}
    assert np.unique(partly["x"], axis=0).shape[0] < 25
    rows = [row for row in td.all_pairs(partly, measures=measures).readings.rows if row.against != row.target]
    assert len(rows) == 8
    assert not any(row.outcome for row in rows)
