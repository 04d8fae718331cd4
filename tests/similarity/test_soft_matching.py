"""soft_matching: transport of units, against assignment, linear programmes and POT."""

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from theodolite.core import CrossMoments, Outcome, Pair
from theodolite.resample import with_null
from theodolite.similarity import shape_distance, soft_matching

ot = pytest.importorskip("ot", reason="needs the extra [ot]")


def gaussian(rows, features, seed):
    return np.random.default_rng(seed).standard_normal((rows, features))


def centred(rows):
    return rows - rows.mean(axis=0)


def costs_between(x, y):
    x, y = centred(x), centred(y)
    return np.array([[np.sum((x[:, j] - y[:, k]) ** 2) for k in range(y.shape[1])] for j in range(x.shape[1])])


def cheapest(costs):
    """The linear programme itself: every row gives 1/d, every column takes 1/e."""
    d, e = costs.shape
    given_by_rows = np.kron(np.eye(d), np.ones(e))
    taken_by_columns = np.kron(np.ones(d), np.eye(e))
    shares = np.concatenate([np.full(d, 1 / d), np.full(e, 1 / e)])
    solved = linprog(costs.ravel(), A_eq=np.vstack([given_by_rows, taken_by_columns]), b_eq=shares, method="highs")
    assert solved.status == 0
    return solved.fun


@pytest.mark.shared
@pytest.mark.parametrize("name", ["R1", "R3", "R4"])
def test_pot_on_the_squared_distances_of_units(references, name):
    expected = references.values[f"{name}/POT/soft_matching_dist(centred, sq-euclid, uniform)"]
    assert soft_matching(*references.pair(name)).distance == pytest.approx(expected, rel=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["R1", "R3"])
def test_pot_on_the_correlations(references, name):
    x, y = references.pair(name)
    r = np.corrcoef(x.T, y.T)[: x.shape[1], x.shape[1] :]
    expected = -ot.emd2([], [], -r)
    assert soft_matching(x, y).correlation == pytest.approx(expected, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(widths=st.tuples(st.integers(1, 7), st.integers(1, 7)), seed=st.integers(0, 2**32 - 1))
def test_is_the_optimum_of_the_linear_programme(widths, seed):
    x, y = gaussian(12, widths[0], seed), gaussian(12, widths[1], seed + 1) * 2 + 3
    y[:, 0] += x[:, 0]
    found = soft_matching(x, y)
    assert found.distance == pytest.approx(np.sqrt(cheapest(costs_between(x, y))), rel=1e-9)
    r = np.corrcoef(x.T, y.T)[: widths[0], widths[0] :]
    assert found.correlation == pytest.approx(-cheapest(-r), abs=1e-9)
    plan = found.extra["plan"]
    np.testing.assert_allclose(plan.sum(axis=0), 1 / widths[1])
    np.testing.assert_allclose(plan.sum(axis=1), 1 / widths[0])
    assert np.sum(plan * costs_between(x, y)) == pytest.approx(found.distance**2, rel=1e-9)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_equal_widths_are_the_best_of_all_orders(width):
    x, y = gaussian(20, width, 1), gaussian(20, width, 2)
    costs = costs_between(x, y)
    by_order = [np.mean([costs[j, k] for j, k in enumerate(order)]) for order in itertools.permutations(range(width))]
    assert soft_matching(x, y).distance == pytest.approx(np.sqrt(min(by_order)), rel=1e-12)


@pytest.mark.parametrize("width", [3, 16])
def test_equal_widths_are_permutation_procrustes_over_the_root_of_the_width(width):
    x, y = gaussian(30, width, 3), gaussian(30, width, 4) + 0.5 * gaussian(30, width, 3)[:, ::-1]
    whole = shape_distance(x, y, group="permutation", metric="euclidean", scale="none")
    assert soft_matching(x, y).distance == pytest.approx(whole / np.sqrt(width), rel=1e-12)


@pytest.mark.parametrize("widths", [(6, 6), (4, 6), (3, 6)])
def test_on_standardised_units_distance_and_correlation_say_the_same(widths):
    x, y = (centred(gaussian(25, width, 5 + place)) for place, width in enumerate(widths))
    x, y = x / np.linalg.norm(x, axis=0), y / np.linalg.norm(y, axis=0)
    found = soft_matching(x, y)
    assert found.distance**2 == pytest.approx(2 - 2 * found.correlation, rel=1e-12)


@pytest.mark.parametrize("copies", [(1, 1), (1, 3), (2, 3)])
def test_units_in_another_order_and_copied_are_the_same(copies):
    x = gaussian(40, 6, 7)
    order = np.random.default_rng(8).permutation(6)
    one, other = np.repeat(x, copies[0], axis=1), np.repeat(x[:, order] + 7.0, copies[1], axis=1)
    found = soft_matching(one, other)
    assert found.distance < 1e-13
    assert found.correlation == pytest.approx(1, abs=1e-14)


def test_a_rotation_is_far():
    x = gaussian(40, 6, 7)
    turned = x @ np.linalg.qr(gaussian(6, 6, 9))[0]
    found = soft_matching(x, turned)
    assert found.distance > 1
    assert found.correlation < 0.9


def test_a_near_copy_keeps_its_digits():
    x = gaussian(50, 7, 10)
    noise = centred(gaussian(50, 7, 11))
    found = soft_matching(x, x + 1e-9 * noise).distance
    assert found == pytest.approx(1e-9 * np.sqrt(np.sum(noise**2) / 7), rel=1e-6)


@pytest.mark.parametrize("widths", [(4, 4, 4), (2, 4, 8), (3, 4, 5)])
def test_satisfies_the_triangle_inequality(widths):
    for seed in range(20):
        clouds = [gaussian(6, width, 100 * seed + place) for place, width in enumerate(widths)]
        clouds[1] += clouds[0].mean(axis=1, keepdims=True)
        sides = [soft_matching(clouds[i], clouds[j]).distance for i, j in ((0, 1), (1, 2), (0, 2))]
        assert max(sides) <= (sum(sides) - max(sides)) * (1 + 1e-12)


def test_neither_the_square_nor_one_less_the_correlation_does():
    broken = {"square": 0, "correlation": 0}
    for seed in range(30):
        x, z = gaussian(5, 3, seed), gaussian(5, 3, 1000 + seed)
        clouds = [x, (x + z) / 2, z]
        found = [soft_matching(clouds[i], clouds[j]) for i, j in ((0, 1), (1, 2), (0, 2))]
        for name, sides in (
            ("square", [one.distance**2 for one in found]),
            ("correlation", [1 - one.correlation for one in found]),
        ):
            broken[name] += max(sides) > 1.001 * (sum(sides) - max(sides))
    assert min(broken.values()) > 5


def test_far_above_chance_for_shuffled_units_with_noise():
    rng = np.random.default_rng(12)
    x = rng.standard_normal((100, 8))
    y = x[:, rng.permutation(8)] + 0.5 * rng.standard_normal((100, 8))
    found = with_null(soft_matching, draws=39)(x, y, rng=0)
    assert found.correlation > 0.8
    assert found.chances["correlation"].median < 0.25
    assert found.chances["distance"].p_value == 0.05
    assert found.distance < 0.6 * found.chances["distance"].median


def test_streaming_is_dense_however_the_rows_are_split():
    x, y = gaussian(200, 6, 13) + 5, gaussian(200, 9, 14) - 2
    y[:, :3] += 2 * x[:, 1:4]
    dense = soft_matching(x, y)
    for seed in range(3):
        cuts = np.sort(np.random.default_rng(seed).choice(np.arange(1, 200), size=5, replace=False))
        stream = CrossMoments()
        for rows in np.split(np.arange(200), cuts):
            stream.update({"x": x[rows], "y": y[rows]})
        found = soft_matching(stream)
        assert found.distance == pytest.approx(dense.distance, rel=1e-12)
        assert found.correlation == pytest.approx(dense.correlation, rel=1e-12)


def test_constant_units_stay_in_the_distance_and_leave_the_correlation():
    x = np.concatenate([gaussian(30, 3, 15), np.full((30, 1), 0.1)], axis=1)
    y = np.concatenate([gaussian(30, 2, 16), np.full((30, 2), 0.3)], axis=1)
    found = soft_matching(x, y)
    assert found.distance == pytest.approx(np.sqrt(cheapest(costs_between(x, y))), rel=1e-10)
    assert found.correlation == pytest.approx(soft_matching(x[:, :3], y[:, :2]).correlation)
    (note,) = found.notes
    assert (note.outcome, note.detail) == (Outcome.CONSTANT_UNITS, "1 of 4 of x, 2 of 4 of y")
    assert not soft_matching(x[:, :3], y[:, :2]).notes


def test_a_single_point_has_no_correlation():
    found = soft_matching(np.full((30, 4), 0.1), gaussian(30, 4, 17))
    assert found.correlation.outcome is Outcome.CONSTANT_CLOUD
    assert found.distance == pytest.approx(np.sqrt(np.sum(centred(gaussian(30, 4, 17)) ** 2) / 4))


def test_without_pot_equal_widths_and_multiples_are_measured(monkeypatch, refusal):
    monkeypatch.setitem(sys.modules, "ot", None)
    x, y, z = gaussian(10, 3, 18), gaussian(10, 6, 19), gaussian(10, 4, 20)
    assert soft_matching(x, y).distance == pytest.approx(np.sqrt(cheapest(costs_between(x, y))), rel=1e-10)
    assert soft_matching(y, x).distance == soft_matching(x, y).distance
    assert refusal(soft_matching, x, z) is Outcome.NEEDS_TRANSPORT
    with pytest.raises(ValueError, match=r"^soft_matching: .*POT.*\(3 and 4 units\).*theodolite\[ot\]"):
        soft_matching(Pair(x, z))


@pytest.mark.torch
@pytest.mark.parametrize("widths", [(4, 4), (3, 5), (2, 6)])
def test_gradients(torch, widths):
    pair = [torch.tensor(gaussian(9, width, 21 + width), requires_grad=True) for width in widths]
    for field in ("distance", "correlation"):
        assert torch.autograd.gradcheck(lambda x, y, field=field: getattr(soft_matching(x, y), field), pair)


@pytest.mark.torch
def test_the_gradient_at_the_same_cloud_is_zero_not_undefined(torch):
    x = torch.tensor(gaussian(9, 4, 22), requires_grad=True)
    soft_matching(x, x.detach()[:, [2, 0, 1, 3]]).distance.backward()
    assert not x.grad.any()
