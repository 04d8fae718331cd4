"""Traps: found where they were planted, removed alone, and what was learned is left as it was."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import theodolite as td
from theodolite import spectra
from theodolite.act import smooth_plan
from theodolite.act.smooth.traps import find_traps, without_traps
from theodolite.numerics.truncation import principal_axes, truncated_blocks


def noise(rows, columns, seed, learned=2.0):
    """Noise with one learned direction, whose singular value is `learned` times the edge."""
    rng = np.random.default_rng(seed)
    left, right = rng.normal(size=rows), rng.normal(size=columns)
    strong = np.outer(left / np.linalg.norm(left), right / np.linalg.norm(right))
    return rng.normal(size=(rows, columns)) + learned * (np.sqrt(rows) + np.sqrt(columns)) * strong


def trapped(matrix, count, size, seed):
    rng = np.random.default_rng([seed, 1])
    at = rng.choice(matrix.size, count, replace=False)
    made = matrix.copy()
    made.flat[at] = size * (np.sqrt(matrix.shape[0]) + np.sqrt(matrix.shape[1])) * rng.choice([-1, 1], count)
    return made, set(at.tolist())


def found_in(matrix, seed=0):
    return find_traps(matrix, np.random.SeedSequence(seed))


def overlaps(one, other):
    """Overlap of each singular direction of a matrix with the same of another, on the side where it is smaller."""
    left, _, right = np.linalg.svd(one, full_matrices=False)
    left2, _, right2 = np.linalg.svd(other, full_matrices=False)
    return np.minimum(np.abs(np.sum(left * left2, axis=0)), np.abs(np.sum(right * right2, axis=1)))


@pytest.mark.parametrize("shape", [(120, 80), (90, 90), (40, 200), (64, 64)])
@pytest.mark.parametrize(("count", "size"), [(1, 1.0), (1, 3.0), (3, 1.5), (8, 1.5)])
def test_planted_traps_are_found_and_no_others(shape, count, size):
    for seed in range(3):
        matrix, at = trapped(noise(*shape, seed), count, size, seed)
        found = found_in(matrix, seed)
        assert {trap.row * shape[1] + trap.column for trap in found} == at
        assert all(trap.value == matrix[trap.row, trap.column] for trap in found)
        cleaned = without_traps(matrix, found)
        assert int(spectra.correlation_traps(cleaned, rng=seed + 100).count) == 0


def test_noise_and_learned_directions_have_none():
    for seed in range(20):
        assert found_in(noise(80, 60, seed, learned=0.0)) == ()
        assert found_in(noise(80, 60, seed, learned=20.0)) == ()


def separated(rows, columns, seed):
    """Singular values further apart than the size of a weight, so that the loss of one weight turns no direction."""
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.normal(size=(rows, columns)))
    right, _ = np.linalg.qr(rng.normal(size=(columns, columns)))
    return (left * np.linspace(columns, columns / 8, columns)) @ right.T


@pytest.mark.parametrize("seed", range(10))
def test_every_other_direction_stays(seed):
    plain = separated(400, 64, seed)
    matrix = plain.copy()
    matrix[17, 5] = 200.0
    (trap,) = found_in(matrix)
    assert (trap.row, trap.column) == (17, 5)
    cleaned = without_traps(matrix, [trap])
    assert overlaps(plain, cleaned).min() >= 0.99


@pytest.mark.parametrize("seed", range(5))
def test_the_learned_direction_is_untouched_and_the_trap_gone(seed):
    plain = noise(300, 200, seed)
    matrix, (at,) = trapped(plain, 1, 1.5, seed)
    cleaned = without_traps(matrix, found_in(matrix))
    assert overlaps(plain, cleaned)[0] >= 0.9999
    strong = np.linalg.svd(plain, compute_uv=False)[0]
    assert np.linalg.svd(cleaned, compute_uv=False)[0] == pytest.approx(strong, rel=1e-3)
    assert cleaned.flat[at] == 0
    assert np.count_nonzero(cleaned != matrix) == 1


def blocks(values, step):
    """Cut descending singular values where neighbours lie further apart than a step."""
    cuts = np.flatnonzero(-np.diff(values) > step) + 1
    return np.split(np.arange(values.size), cuts)


def block_overlaps(one, other, step):
    """Give the smallest cosine between each block of singular directions on the shorter side and that of another."""
    if one.shape[0] < one.shape[1]:
        one, other = one.T, other.T
    _, values, right = np.linalg.svd(one, full_matrices=False)
    right2 = np.linalg.svd(other, full_matrices=False)[2]
    pairs = ((block.size, right[block] @ right2[block].T) for block in blocks(values, step))
    return [(size, np.linalg.svd(pair, compute_uv=False)[-1]) for size, pair in pairs]


def learned(shape, sizes, seed):
    """Noise with learned directions, whose singular values are multiples of the edge."""
    rng = np.random.default_rng(seed)
    left = np.linalg.qr(rng.normal(size=(shape[0], len(sizes))))[0]
    right = np.linalg.qr(rng.normal(size=(shape[1], len(sizes))))[0]
    return rng.normal(size=shape) + left * (np.asarray(sizes) * sum(np.sqrt(shape))) @ right.T


@pytest.mark.parametrize("shape", [(120, 120), (300, 200), (64, 400)], ids=str)
def test_every_learned_direction_stays_and_the_bulk_as_one(shape):
    """Directions further apart than seven weights by themselves; those of noise, which are nearer, as one block."""
    for seed in range(10):
        plain = learned(shape, [2.0, 2.6, 3.2, 4.0, 5.0], seed)
        matrix, (at,) = trapped(plain, 1, 1.5, seed)
        cleaned = without_traps(matrix, found_in(matrix, seed))
        assert cleaned.flat[at] == 0
        assert overlaps(plain, cleaned)[:5].min() >= 0.999
        found = block_overlaps(plain, cleaned, 1 / 0.141)
        assert [size for size, _ in found] == [1] * 5 + [min(shape) - 5]
        assert min(overlap for _, overlap in found) >= 0.99


def test_no_value_in_its_place_keeps_each_direction_of_noise():
    """What was under the trap is lost, and an error of a weight's size mixes directions that are nearer than that."""
    kept = {"zero": 0, "predicted": 0, "drawn": 0}
    for seed in range(12):
        plain = learned((120, 120), [2.0, 3.0], seed)
        matrix, (at,) = trapped(plain, 1, 1.5, seed)
        row, column = divmod(at, 120)
        cleaned = without_traps(matrix, found_in(matrix))
        left, values, right = np.linalg.svd(cleaned, full_matrices=False)
        predicted = float((left[row, :2] * values[:2]) @ right[:2, column])
        for name, value in {"zero": 0.0, "predicted": predicted, "drawn": matrix[0, 0]}.items():
            cleaned[row, column] = value
            found = overlaps(plain, cleaned)
            kept[name] += found.min() >= 0.99
            assert found[:2].min() >= 0.999
    assert max(kept.values()) < 6


def test_two_wrong_ways_would_not_pass():
    """Subtracting the top direction of the original, or the whole rank-one part of the shuffled matrix."""
    plain = noise(300, 200, 0)
    matrix, (at,) = trapped(plain, 1, 1.5, 0)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    sharpened = matrix - values[0] * np.outer(left[:, 0], right[0])
    assert overlaps(plain, sharpened)[0] < 0.5
    assert sharpened.flat[at] == pytest.approx(matrix.flat[at], rel=0.1)

    apart = separated(400, 64, 0)
    matrix = apart.copy()
    matrix[17, 5] = 200.0
    order = np.random.default_rng(0).permutation(matrix.size)
    shuffled = matrix.reshape(-1)[order].reshape(matrix.shape)
    _, axes = principal_axes(shuffled)
    spike = np.concatenate([kept for _, _, kept in truncated_blocks(shuffled, axes, 1)])
    whole = matrix.reshape(-1).copy()
    whole[order] -= spike.reshape(-1)
    assert overlaps(apart, whole.reshape(matrix.shape)).min() < 0.9


def test_heavy_tails_end():
    heavy = np.random.default_rng(0).standard_t(2.2, size=(80, 80))
    found = found_in(heavy)
    assert len(found) == len({(trap.row, trap.column) for trap in found})
    assert len(found) < 80


def test_what_has_no_answer_has_no_traps():
    assert found_in(np.zeros((9, 9))) == ()
    assert found_in(np.full((9, 9), np.nan)) == ()
    assert found_in(np.ones((3, 4))) == ()


def test_the_same_seed_finds_the_same():
    matrix, _ = trapped(noise(64, 64, 3), 5, 1.2, 3)
    assert found_in(matrix, 7) == found_in(matrix, 7)


def test_removal_alone_changes_nothing_else(tmp_path):
    matrix, (at,) = trapped(noise(64, 48, 4), 1, 2.0, 4)
    path = tmp_path / "net.safetensors"
    save_file({"fc.weight": matrix.astype(np.float32), "other.weight": noise(64, 48, 5).astype(np.float32)}, path)
    plan = smooth_plan(path, "none", remove_traps=True)
    trap_of, other = plan.matrices
    assert [trap.row * 48 + trap.column for trap in trap_of.traps] == [at]
    assert not other.changes
    sentence = trap_of.explain()
    assert sentence.startswith("fc.weight: all 48 components stay, because only traps are removed; a trap is removed (")
    assert f"in row {at // 48}, column {at % 48}" in sentence
    assert "; 1 trap removed." in plan.headline()
    done = plan.apply(path, tmp_path / "out.safetensors")
    loaded = load_file(done.path)
    expected = matrix.astype(np.float32)
    expected.flat[at] = 0
    np.testing.assert_array_equal(loaded["fc.weight"], expected)
    assert [change.name for change in done.changes] == ["fc.weight"]
    assert done.changes[0].error == 0.0


def test_traps_go_before_the_rule_looks(tmp_path):
    matrix, _ = trapped(noise(96, 64, 6), 2, 3.0, 6)
    path = tmp_path / "net.safetensors"
    save_file({"fc.weight": matrix}, path)
    assert smooth_plan(path, "spikes").matrices[0].rank == 3
    plan = smooth_plan(path, "spikes", remove_traps=True)
    assert plan.matrices[0].rank == 1
    out = load_file(plan.apply(path, tmp_path / "out.safetensors").path)["fc.weight"]
    cleaned = without_traps(matrix, plan.matrices[0].traps)
    left, values, right = np.linalg.svd(cleaned)
    np.testing.assert_allclose(out, values[0] * np.outer(left[:, 0], right[0]), atol=1e-12)


def test_a_kernel_without_its_trap_is_still_a_kernel(tmp_path):
    # One position four times as strong as the others is noise, which the rule knows as long as it knows the positions.
    kernel = np.random.default_rng(0).normal(size=(64, 64, 3, 3)).astype(np.float32)
    kernel[:, :, 1, 1] *= 4
    kernel[3, 4, 0, 0] = 300
    save_file({"conv.weight": kernel}, tmp_path / "net.safetensors")
    (plan,) = smooth_plan(tmp_path / "net.safetensors", "spikes", remove_traps=True).matrices
    assert [(trap.row, trap.column) for trap in plan.traps] == [(3, 36)]
    assert plan.rank == 64
    kernel[3, 4, 0, 0] = 0
    assert spectra.marchenko_pastur(kernel.reshape(64, -1)).spikes > 0  # and doesn't know otherwise


@pytest.mark.parametrize("dead", [False, True])
def test_plan_and_measure_count_the_same_traps_of_a_kernel(tmp_path, dead):
    """Large for its own position and small beside another; large beside another and ordinary for its own."""
    for seed in range(4):
        kernel = np.random.default_rng(seed).normal(size=(64, 48, 3, 3))
        kernel[:, :, 1, 1] *= 30
        kernel[:, :, 2, 0] *= 0.0 if dead else 0.2
        kernel[5, 7, 0, 1] = 60.0
        kernel[9, 11, 2, 2] = -75.0
        path = tmp_path / f"{seed}.safetensors"
        save_file({"conv.weight": kernel}, path)
        weight = td.open(path)["conv.weight"]
        (plan,) = smooth_plan(path, "none", remove_traps=True).matrices
        assert len(plan.traps) == spectra.correlation_traps(weight.spectrum()).count == 2
        assert [(t.row, t.column, t.value) for t in plan.traps] == [(9, 11 * 9 + 8, -75.0), (5, 7 * 9 + 1, 60.0)]
        # Without knowing the positions, the strong one is all that there is to see.
        assert {(t.row, t.column) for t in found_in(kernel.reshape(64, -1))}.isdisjoint({(9, 107), (5, 64)})
