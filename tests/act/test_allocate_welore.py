"""WeLore's ranks against sorting and counting, its gate, and the edges where a threshold has no answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from theodolite.act import allocate
from theodolite.act.allocate.welore import normalised, removed_counts
from theodolite.core import ParameterError


def singular(values, rows, columns, seed=0):
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.standard_normal((side, len(values))))[0] for side in (rows, columns))
    return (left * values) @ right.T


@pytest.fixture
def net(tmp_path):
    """Three matrices: one of fast decay, one of slow, and a long one."""
    arrays = {
        "layers.0.q.weight": singular(0.5 ** np.arange(20), 20, 20),
        "layers.0.k.weight": singular(1 - 0.04 * np.arange(20), 20, 20, 1),
        "layers.0.up.weight": singular(1 / np.arange(1.0, 31), 60, 30, 2),
    }
    save_file(arrays, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors", arrays


@pytest.mark.parametrize("share", [0.01, 0.1, 0.37, 0.5, 0.9, 67 / 70])
def test_it_is_sorting_and_counting(net, share):
    path, arrays = net
    plan = allocate(path, method="welore", budget=share)
    pooled = []
    for array in arrays.values():
        values = np.linalg.svd(array, compute_uv=False)
        pooled.append((values - values.min()) / (values.max() - values.min()))
    threshold = sorted(np.concatenate(pooled))[int(share * 70 + 1e-9)]
    kept = {layer.module: layer.kept for layer in plan.layers}
    for name, each in zip(arrays, pooled, strict=True):
        assert kept[name.removesuffix(".weight")] == sum(t >= threshold - 1e-12 for t in each)
    assert plan.threshold == pytest.approx(threshold, abs=1e-12)
    gone = 70 - sum(kept.values())
    assert 0 <= share * 70 - gone < 1 + 1e-9


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=9), min_size=1, max_size=6), st.floats(0.001, 0.999))
def test_the_target_is_met_within_one_whatever_the_ties(pooled, share):
    arrays = [np.round(np.array([*each, 1.0]), 1) for each in pooled]
    total = sum(each.size for each in arrays)
    try:
        counts, threshold = removed_counts(arrays, share)
    except ParameterError:
        assert int(share * total + 1e-9) > total - sum((each == 1).sum() for each in arrays)
        return
    assert 0 <= share * total - sum(counts) < 1 + 1e-6
    for each, count in zip(arrays, counts, strict=True):
        assert (each < threshold).sum() <= count <= (each <= threshold).sum()
        assert count <= (each < 1).sum()


def test_two_factors_have_to_be_smaller_than_the_matrix(net):
    plan = allocate(net[0], method="welore", budget=0.5)
    for layer in plan.layers:
        rows, columns = layer.shape
        saves = layer.kept * (rows + columns) < rows * columns
        assert layer.rank == (layer.kept if saves and layer.component == "LRC" else 0)
    # Half of a square matrix saves nothing, as the published threshold alone would not notice.
    at_half = allocate(net[0], method="welore", budget=10 / 20, layers="*.k")
    (layer,) = at_half.layers
    assert (layer.kept, layer.rank, layer.component) == (10, 0, "LRC")
    assert "two factors of that rank hold 400 numbers, the matrix 400, so it is left whole" in layer.explain()
    assert "for 0." in at_half.headline()


def test_low_rank_components_lose_more_than_a_share(net):
    plan = allocate(net[0], method="welore", budget=0.6, min_share=0.5)
    for layer in plan.layers:
        lost = layer.side - layer.kept
        assert layer.component == ("LRC" if lost > layer.side / 2 else "N-LRC")
    assert {layer.component for layer in plan.layers} == {"LRC", "N-LRC"}
    kept_whole = next(layer for layer in plan.layers if layer.component == "N-LRC")
    assert kept_whole.rank == 0
    assert "not more than 0.5 of them" in kept_whole.explain()
    assert kept_whole.module not in plan.to_peft()["target_modules"]


def test_equal_singular_values_lose_nothing(tmp_path):
    arrays = {"layers.0.a.weight": np.eye(12), "layers.0.b.weight": singular(0.7 ** np.arange(12), 12, 12)}
    turned = np.linalg.qr(np.random.default_rng(3).standard_normal((12, 12)))[0]
    arrays |= {"layers.0.zero.weight": np.zeros((12, 12)), "layers.0.turned.weight": turned}
    save_file(arrays, tmp_path / "equal.safetensors")
    plan = allocate(tmp_path / "equal.safetensors", method="welore", budget=0.2, layers="*")
    kept = {layer.module[9:]: layer for layer in plan.layers}
    assert kept["b"].kept == 12 - int(0.2 * 48)
    for name in ("a", "zero", "turned"):
        assert kept[name].kept == 12
        assert kept[name].component == "N-LRC"
        assert "its singular values are all equal" in kept[name].explain()
    assert normalised(np.full(3, 2.0)).tolist() == [1, 1, 1]


def test_every_matrix_keeps_its_largest(net):
    plan = allocate(net[0], method="welore", budget=67 / 70)
    assert [layer.kept for layer in plan.layers] == [1, 1, 1]
    with pytest.raises(ParameterError, match="of 70 components at most 67 can go"):
        allocate(net[0], method="welore", budget=68 / 70)


def test_a_matrix_of_equal_singular_values_makes_no_other_lose_its_largest():
    # Of six components one can go; by count alone both of the first matrix would.
    pooled = [np.array([1.0, 0.0]), np.ones(4)]
    assert removed_counts(pooled, 1 / 6) == ([1, 0], 1.0)
    with pytest.raises(ParameterError, match="of 6 components at most 1 can go"):
        removed_counts(pooled, 2 / 6)


def test_parts_of_packed_layers_are_judged_apart_and_no_adapter(tmp_path):
    stacked = np.concatenate([singular(0.3 ** np.arange(16), 16, 16, seed) for seed in range(3)])
    save_file({"h.0.attn.in_proj_weight": stacked}, tmp_path / "packed.safetensors")
    plan = allocate(tmp_path / "packed.safetensors", method="welore", budget=0.6)
    assert [layer.module.partition("#")[2] for layer in plan.layers] == ["query", "key", "value"]
    assert {layer.shape for layer in plan.layers} == {(16, 16)}
    with pytest.raises(ParameterError, match="speaks of parts of packed layers"):
        plan.to_peft()


@pytest.mark.parametrize("entry", [np.nan, np.inf])
def test_a_matrix_that_cannot_be_decomposed_is_named(tmp_path, entry):
    save_file({"layers.0.fc.weight": np.full((9, 9), entry)}, tmp_path / "odd.safetensors")
    with pytest.raises(ParameterError, match=r"layers\.0\.fc: .*NaN or infinite.*leave it out with layers="):
        allocate(tmp_path / "odd.safetensors", method="welore", budget=0.5)


def test_it_says_what_goes(net):
    plan = allocate(net[0], method="welore", budget=0.5)
    assert plan.headline().startswith("net, WeLore's threshold on normalised singular values at 0.")
    assert ": 35 of 70 components go; 3 of 3 matrices are low-rank components" in plan.headline()
    first = next(layer for layer in plan.layers if layer.module == "layers.0.q")
    assert first.explain().startswith(f"layers.0.q: LRC, {first.kept} of 20 components stay, because the other ")
    assert all(layer.score is None for layer in plan.layers)
