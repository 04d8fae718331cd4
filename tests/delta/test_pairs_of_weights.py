"""Intruders, overlaps and changes on planted pairs whose answers are known."""

import pickle

import ml_dtypes
import numpy as np
import pytest

from theodolite.core import Outcome, ParameterError, Refusal
from theodolite.delta import LowRank, WeightPair, intruder_dimensions, subspace_overlap, weight_change

SIDE = 256


def base(seed: int, spectrum: str, shape: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    weight = np.random.default_rng(seed).standard_normal(shape)
    if spectrum == "iid":
        return weight
    u, _, v = np.linalg.svd(weight, full_matrices=False)
    return u @ np.diag(np.arange(1, min(shape) + 1) ** -0.5) @ v


def directions(seed: int, shape: tuple[int, int] = (SIDE, SIDE)) -> list[np.ndarray]:
    rng = np.random.default_rng(1000 + seed)
    return [x / np.linalg.norm(x) for x in (rng.standard_normal(side) for side in shape)]


def reference(before: np.ndarray, after: np.ndarray, k: int = 10, epsilon: float = 0.5) -> list[int]:
    """Algorithm 1 of Shuttleworth et al. (2024), word by word."""
    u0 = np.linalg.svd(before, full_matrices=False)[0]
    u1 = np.linalg.svd(after, full_matrices=False)[0]
    return [j for j in range(k) if np.abs(u0.T @ u1[:, j]).max() < epsilon]


@pytest.mark.parametrize("spectrum", ["iid", "decaying"])
@pytest.mark.parametrize("seed", range(4))
def test_a_planted_spike_is_exactly_one_intruder(seed, spectrum):
    weight = base(seed, spectrum)
    u, v = directions(seed)
    size = 1.5 * np.linalg.norm(weight, 2)
    for after in (weight + size * np.outer(u, v), LowRank(size * u[:, None], v[None])):
        pair = WeightPair(weight, after)
        for side in ("left", "right", "both"):
            assert pair.intruders(side=side).indices == (0,)
        found = pair.intruders()
        expanded = weight + size * np.outer(u, v)
        assert reference(weight, expanded) == [0]
        assert found.energy == pytest.approx(np.linalg.norm(expanded, 2) ** 2 / np.linalg.norm(expanded) ** 2)
        assert found.spans


@pytest.mark.parametrize("spectrum", ["iid", "decaying"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("level", [0.001, 0.01, 0.05])
def test_dense_noise_is_no_intruder(seed, spectrum, level):
    weight = base(seed, spectrum)
    noise = np.random.default_rng(50 + seed).standard_normal(weight.shape)
    after = weight + noise * level * np.linalg.norm(weight) / np.linalg.norm(noise)
    assert intruder_dimensions(weight, after).count == 0
    assert intruder_dimensions(weight, after, side="right").count == 0
    assert weight_change(weight, after).relative == pytest.approx(level)


def test_more_epsilon_never_means_fewer_intruders():
    weight = base(0, "iid")
    rng = np.random.default_rng(9)
    after = weight + rng.standard_normal((SIDE, 6)) @ rng.standard_normal((6, SIDE)) / 8
    pair = WeightPair(weight, after)
    counts = []
    for epsilon in np.linspace(0.05, 1, 20):
        found = pair.intruders(float(epsilon), gap=0.0)
        assert list(found.indices) == reference(weight, after, epsilon=epsilon)
        counts.append(found.count)
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == 10


def test_both_sides_means_new_on_both():
    weight = base(1, "iid")
    u0, _, v0 = np.linalg.svd(weight)
    u, v = directions(1)
    size = 3 * np.linalg.norm(weight, 2)
    left_only = WeightPair(weight, weight + size * np.outer(u, v0[40]))
    assert left_only.intruders(side="left").indices == (0,)
    assert left_only.intruders(side="right").indices == ()
    assert left_only.intruders(side="both").indices == ()
    assert WeightPair(weight, weight + size * np.outer(u0[:, 40], v)).intruders(side="left").count == 0


def test_near_degenerate_directions_count_as_one_subspace():
    """Two equal singular values: any rotation of their vectors is as good, and no mixture of the two is new."""
    rng = np.random.default_rng(4)
    u, v = (np.linalg.qr(rng.standard_normal((64, 64)))[0] for _ in range(2))
    values = np.concatenate([np.full(16, 5.0), np.linspace(3, 1, 48)])
    before = u @ np.diag(values) @ v.T
    mixed = u[:, :16] @ np.linalg.qr(rng.standard_normal((16, 16)))[0]
    stronger = np.concatenate([np.linspace(9, 8, 16), values[16:]])
    after = np.hstack([mixed, u[:, 16:]]) @ np.diag(stronger) @ v.T
    found = intruder_dimensions(before, after)
    assert found.count == 0
    np.testing.assert_allclose(found.block_cosines, 1, atol=1e-9)
    assert found.cosines.min() < 0.9
    single = intruder_dimensions(before + 1e-3 * rng.standard_normal((64, 64)), after, epsilon=0.9, gap=0.0)
    assert single.count > 0


def test_a_tall_matrix_does_not_span_its_outputs():
    weight = base(0, "iid", (300, 60))
    found = intruder_dimensions(weight, 1.5 * weight)
    assert not found.spans
    assert intruder_dimensions(weight, 1.5 * weight, side="right").spans
    assert not intruder_dimensions(weight.T, 1.5 * weight.T, side="right").spans
    assert found.chance < intruder_dimensions(weight, 1.5 * weight, side="right").chance


def test_overlap_of_planted_subspaces():
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.standard_normal((50, 50)))[0] for _ in range(2))
    before = u @ np.diag(np.linspace(5, 1, 50)) @ v.T
    order = [0, 1, 20, 21, *range(2, 20), *range(22, 50)]
    after = u[:, order] @ np.diag(np.linspace(5, 1, 50)) @ v.T
    found = subspace_overlap(before, after, k=4)
    assert found.left == pytest.approx(0.5)
    assert found.right == pytest.approx(1.0)
    np.testing.assert_allclose(found.left_cosines, [1, 1, 0, 0], atol=1e-7)
    assert (found.left_chance, found.right_chance) == (0.08, 0.08)


def test_random_pairs_overlap_as_chance_says():
    rng = np.random.default_rng(0)
    found = [subspace_overlap(*rng.standard_normal((2, 90, 40)), k=5) for _ in range(60)]
    for side in ("left", "right"):
        chance, spread = getattr(found[0], f"{side}_chance"), getattr(found[0], f"{side}_spread")
        mean = np.mean([getattr(one, side) for one in found])
        assert abs(mean - chance) < 4 * spread / 60**0.5
    assert found[0].left_chance == 5 / 90


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_the_rank_of_a_merged_update_is_seen_through_rounding(dtype):
    rng = np.random.default_rng(3)
    weight = (rng.standard_normal((200, 120)) / 10).astype(dtype)
    update = rng.standard_normal((200, 8)) @ rng.standard_normal((8, 120)) / 20
    after = (weight.astype(np.float64) + update).astype(dtype)
    found = weight_change(weight, after)
    assert found.rank == 8
    if dtype != np.float32:  # whose rounding is below what a Gram matrix in float64 resolves
        assert weight_change(weight.astype(np.float64), after.astype(np.float64)).rank == 120
    assert found.relative == pytest.approx(np.linalg.norm(update) / np.linalg.norm(weight.astype(float)), rel=0.02)


def test_rounding_alone_has_no_rank():
    weight = np.random.default_rng(0).standard_normal((100, 80)).astype(np.float32)
    found = weight_change(weight, weight.astype(ml_dtypes.bfloat16))
    assert found.rank == 0
    assert 0 < found.relative < 2**-8


def test_the_spectrum_of_the_change():
    values = np.array([4.0, 2.0, 1.0])
    weight = np.diag([10.0, 8.0, 6.0])
    found = weight_change(weight, weight + np.diag(values))
    np.testing.assert_allclose(found.singular_values, values)
    p = values / values.sum()
    assert found.effective_rank == pytest.approx(np.exp(-np.sum(p * np.log(p))))
    assert found.stable_rank == pytest.approx(21 / 16)
    assert found.relative_spectral == pytest.approx(0.4)
    assert found.relative == pytest.approx((21 / 200) ** 0.5)


def test_nothing_changed():
    weight = base(0, "iid", (30, 20))
    found = weight_change(weight, LowRank(np.zeros((30, 2)), np.ones((2, 20))))
    assert (found.relative, found.rank, found.stable_rank, found.effective_rank) == (0.0, 0, None, None)
    assert subspace_overlap(weight, weight).left == pytest.approx(1)
    assert intruder_dimensions(weight, weight).count == 0


def test_scale_and_rotation_change_nothing():
    weight = base(2, "iid", (60, 40))
    rng = np.random.default_rng(0)
    after = weight + rng.standard_normal((60, 2)) @ rng.standard_normal((2, 40))
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (60, 40))
    one, other = (WeightPair(a, b) for a, b in ((weight, after), (left @ weight @ right, 3 * left @ after @ right)))
    np.testing.assert_allclose(one.intruders().cosines, other.intruders().cosines, atol=1e-9)
    assert one.overlap().left == pytest.approx(other.overlap().left)
    turned = WeightPair(weight.T, after.T)
    np.testing.assert_allclose(turned.intruders(side="right").cosines, one.intruders().cosines, atol=1e-9)


def test_what_has_no_directions_is_refused():
    weight = base(0, "iid", (12, 9))
    zero = np.zeros_like(weight)
    for pair in ((zero, weight), (weight, zero)):
        with pytest.raises(Refusal) as refused:
            intruder_dimensions(*pair)
        assert refused.value.outcome is Outcome.ALL_ZERO
    assert weight_change(zero, weight).relative is None
    assert weight_change(weight, zero).relative == pytest.approx(1)
    with pytest.raises(Refusal) as refused:
        subspace_overlap(weight, np.full_like(weight, np.inf))
    assert refused.value.outcome is Outcome.NOT_FINITE


def test_wrong_arguments_are_named():
    weight = base(0, "iid", (12, 9))
    with pytest.raises(ValueError, match=r"after: got shape \(9, 12\); the matrix before has \(12, 9\)"):
        weight_change(weight, weight.T)
    with pytest.raises(ValueError, match="share the rank"):
        LowRank(np.ones((4, 2)), np.ones((3, 4)))
    with pytest.raises(TypeError, match="before: expected real floating-point entries"):
        weight_change(weight.astype(int), weight)
    with pytest.raises(TypeError, match="after: expected a matrix, got list"):
        weight_change(weight, [[1.0]])
    for wrong, says in (({"k": 0}, "k is 0"), ({"epsilon": 0}, "epsilon is 0"), ({"gap": 1.0}, "gap is 1.0")):
        with pytest.raises(ParameterError, match=says):
            intruder_dimensions(weight, weight, **wrong)
    with pytest.raises(ParameterError, match="side is 'up'"):
        intruder_dimensions(weight, weight, side="up")


def test_inputs_stay_as_they_are_and_results_pickle():
    weight = base(0, "iid", (40, 30))
    after = weight + 0.1
    kept = weight.copy(), after.copy()
    found = intruder_dimensions(weight, after)
    np.testing.assert_array_equal(weight, kept[0])
    np.testing.assert_array_equal(after, kept[1])
    again = pickle.loads(pickle.dumps(found))
    assert again.to_dict() == found.to_dict()


@pytest.mark.torch
def test_tensors_are_taken_as_they_come(torch):
    weight = base(0, "iid", (40, 30)).astype(np.float32)
    after = weight * 1.1
    found = weight_change(torch.from_numpy(weight), torch.from_numpy(after))
    assert found.relative == pytest.approx(weight_change(weight, after).relative)
