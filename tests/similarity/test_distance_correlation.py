"""distance_correlation: the cosine of centred distance matrices, against the definitions."""

from itertools import permutations

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from theodolite.core import CrossMoments, Outcome, Pair
from theodolite.core.parameters import complete
from theodolite.similarity import cka, distance_correlation


def double_centred(rows):
    d = squareform(pdist(rows))
    return d - d.mean(axis=0) - d.mean(axis=1)[:, None] + d.mean()


def u_centred(rows):
    """Definition 2 of Székely and Rizzo (2014)."""
    d = squareform(pdist(rows))
    n = len(d)
    a = d - d.sum(axis=0) / (n - 2) - d.sum(axis=1)[:, None] / (n - 2) + d.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(a, 0.0)
    return a


def cosine(a, b):
    return np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)


def clouds(rows, first, second, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, first))
    return x + 2.0, np.tanh(x @ rng.standard_normal((first, second))) + 0.3 * rng.standard_normal((rows, second))


@pytest.mark.parametrize("shape", [(4, 1, 1), (7, 3, 2), (60, 5, 4), (30, 70, 3), (1100, 2, 3)])
def test_agrees_with_the_definitions(shape):
    x, y = clouds(*shape)
    biased = np.sqrt(cosine(double_centred(x), double_centred(y)))
    assert distance_correlation(x, y, estimator="biased") == pytest.approx(biased, rel=1e-11)
    assert distance_correlation(x, y) == pytest.approx(cosine(u_centred(x), u_centred(y)), rel=1e-11)


@pytest.mark.shared
@pytest.mark.parametrize("case", ["R1", "R3", "R4", "svcca/MNIST_lay04(n=400 first)"])
def test_biased_agrees_with_resi(references, case):
    x, y = references.pair(case) if case.startswith("R") else (r[:400] for r in references.activations("MNIST_lay04"))
    expected = references.values[f"{case}/resi/DistanceCorrelation"]
    assert distance_correlation(x, y, estimator="biased") == pytest.approx(expected, rel=1e-11)


def test_biased_of_two_points_of_the_line_in_closed_form():
    # k rows at 0 and n - k at 1 have distances whose double centring is that of the outer product of the labels.
    x = np.repeat([0.0, 1.0], [3, 5])[:, None]
    y = np.repeat([1.0, 0.0, 1.0], [2, 4, 2])[:, None]
    expected = np.sqrt(np.corrcoef(x[:, 0], y[:, 0])[0, 1] ** 2)
    assert distance_correlation(x, y, estimator="biased") == pytest.approx(expected, rel=1e-12)


def test_sees_what_no_linear_map_sees():
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)[:, None]
    circle = np.hstack([np.cos(angles), np.sin(angles)])
    assert cka(circle, np.cos(2 * angles)) == pytest.approx(0.0, abs=0.01)
    assert distance_correlation(circle, np.cos(2 * angles)) > 0.05


def test_of_independent_wide_clouds():
    found = {"biased": [], "unbiased": []}
    for seed in range(40):
        x, y = np.random.default_rng(seed).standard_normal((2, 30, 300))
        for estimator, values in found.items():
            values.append(distance_correlation(x, y, estimator=estimator))
    assert min(found["biased"]) > 0.9
    error = np.std(found["unbiased"]) / np.sqrt(40)
    assert abs(np.mean(found["unbiased"])) < 3 * error
    assert error < 0.01


def test_keeps_its_digits_where_all_distances_are_nearly_equal():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 16, 40_000))
    exact = [squareform(pdist(rows.astype(np.longdouble))).astype(np.longdouble) for rows in (x, y)]
    # Differences and sums in extended precision.
    for rows, d in zip((x, y), exact, strict=True):
        for i, j in zip(*np.triu_indices(16, 1), strict=True):
            difference = rows[i].astype(np.longdouble) - rows[j].astype(np.longdouble)
            d[i, j] = d[j, i] = np.sqrt(difference @ difference)
    a, b = (_u_centred_matrix(d) for d in exact)
    expected = float(np.sum(a * b) / np.sqrt(np.sum(a * a)) / np.sqrt(np.sum(b * b)))
    assert distance_correlation(x, y) == pytest.approx(expected, abs=1e-11)


def _u_centred_matrix(d):
    n = len(d)
    a = d - d.sum(axis=0) / (n - 2) - d.sum(axis=1)[:, None] / (n - 2) + d.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(a, 0.0)
    return a


def test_the_unbiased_chance_level_is_the_mean_over_all_orders():
    x, y = clouds(6, 2, 3)
    mean = np.mean([distance_correlation(x, y[list(order)]) for order in permutations(range(6))])
    assert mean == pytest.approx(0.0, abs=1e-12)
    level = distance_correlation.traits.chance
    assert level(Pair(x, y), complete(distance_correlation, {})) == {"value": 0.0}
    assert level(Pair(x, y), complete(distance_correlation, {"estimator": "biased"})) == {}


def test_duplicates_count_like_any_rows():
    x, y = (np.tile(rows, (3, 1)) for rows in clouds(8, 3, 4))
    assert distance_correlation(x, y) == pytest.approx(cosine(u_centred(x), u_centred(y)), rel=1e-9)


def test_degenerate_clouds_are_refused(refusal):
    x, _ = clouds(12, 3, 2)
    assert refusal(distance_correlation, x, np.ones((12, 2))) is Outcome.CONSTANT_CLOUD
    assert refusal(distance_correlation, x[:3], x[:3]) is Outcome.FEWER_ROWS_THAN_NEEDED
    assert refusal(distance_correlation, x[:2], x[:2], estimator="biased") is Outcome.FEWER_ROWS_THAN_NEEDED
    assert refusal(distance_correlation, np.eye(12), x) is Outcome.EQUIDISTANT
    stream = CrossMoments()
    stream.update({"x": x, "y": x})
    assert refusal(distance_correlation, stream) is Outcome.NEEDS_ROWS


@pytest.mark.torch
@pytest.mark.parametrize("estimator", ["unbiased", "biased"])
@pytest.mark.parametrize("width", [3, 12])
def test_gradients(torch, estimator, width):
    pair = [torch.tensor(rows, requires_grad=True) for rows in clouds(8, width, 2)]
    assert torch.autograd.gradcheck(lambda x, y: distance_correlation(x, y, estimator=estimator), pair)


@pytest.mark.torch
def test_the_gradient_at_coinciding_rows_is_finite(torch):
    x, y = (torch.tensor(rows, requires_grad=True) for rows in clouds(8, 3, 2))
    twice = torch.cat([x, x[:2]])
    distance_correlation(twice, torch.cat([y, y[:2] + 1])).backward()
    assert torch.isfinite(x.grad).all()
    assert x.grad.abs().max() > 0
