"""Smoothed copies: Eckart and Young's theorem, types and layouts, tying, memory, and the same bytes every time."""

import dataclasses
import json
import os
import subprocess
import sys
import tracemalloc

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import theodolite as td
from theodolite.act import smooth_plan
from theodolite.numerics.positions import position_scales


def best(array, rank):
    left, values, right = np.linalg.svd(array.astype(np.float64), full_matrices=False)
    return (left[:, :rank] * values[:rank]) @ right[:rank], values


def test_every_matrix_becomes_its_best_approximation(source, model, tmp_path):
    plan = smooth_plan(source, "rank", rank=7)
    done = plan.apply(source, tmp_path / "out.safetensors")
    loaded = load_file(done.path)
    errors = {change.name: change for change in done.changes}
    assert errors.keys() == {m.name for m in plan.matrices}
    for name, array in model.items():
        assert loaded[name].dtype == array.dtype
        if name not in errors:
            assert loaded[name].tobytes() == array.tobytes()
            continue
        wanted, values = best(array, 7)
        np.testing.assert_array_equal(loaded[name], wanted.astype(np.float32))
        expected = np.sqrt(np.sum(values[7:] ** 2) / np.sum(values**2))
        assert errors[name].error == pytest.approx(expected, rel=1e-6)
        assert 0 < errors[name].rounding < 2**-24


def test_in_double_precision_the_error_is_that_of_eckart_and_young(tmp_path):
    rng = np.random.default_rng(0)
    for shape in ((30, 20), (20, 30), (25, 25)):
        array = rng.normal(size=shape)
        save_file({"fc.weight": array}, tmp_path / "f64.safetensors")
        done = smooth_plan(tmp_path / "f64.safetensors", "rank", rank=6).apply(
            tmp_path / "f64.safetensors", tmp_path / "out.safetensors", overwrite=True
        )
        values = np.linalg.svd(array, compute_uv=False)
        error = np.sqrt(np.sum(values[6:] ** 2))
        out = load_file(done.path)["fc.weight"]
        assert np.linalg.norm(array - out) == pytest.approx(error, rel=1e-12)
        assert done.changes[0].error == pytest.approx(error / np.linalg.norm(array), rel=1e-12)
        assert np.linalg.matrix_rank(out) == 6
        assert done.changes[0].rounding == 0.0


def test_all_components_are_the_matrix_bit_for_bit(source, tmp_path):
    plan = smooth_plan(source, "rank", rank=10**6)
    done = plan.apply(source, tmp_path / "out.safetensors")
    assert done.changes == ()
    assert {n: w.fingerprint() for n, w in td.open(done.path).items()} == {
        n: w.fingerprint() for n, w in td.open(source).items()
    }


@pytest.mark.parametrize(
    "kind", [np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2], ids=lambda k: k.__name__
)
def test_narrow_types_are_rounded_to_the_nearest_and_the_error_is_stated(save, tmp_path, kind):
    array = np.random.default_rng(2).normal(size=(40, 24)).astype(kind)
    path = save({"fc.weight": array})
    done = smooth_plan(path, "rank", rank=5).apply(path, tmp_path / "out.safetensors")
    out = td.open(done.path)["fc.weight"].array()
    assert out.dtype == np.dtype(kind)
    wanted, _ = best(array.astype(np.float64), 5)
    every = np.arange(256**out.itemsize, dtype=f"u{out.itemsize}").view(kind)
    with np.errstate(invalid="ignore"):  # ml_dtypes mind signalling NaNs
        every = np.unique(every[np.isfinite(every)].astype(np.float64))
    above = np.clip(np.searchsorted(every, wanted), 1, every.size - 1)
    nearest = np.minimum(np.abs(every[above] - wanted), np.abs(every[above - 1] - wanted))
    np.testing.assert_allclose(np.abs(out.astype(np.float64) - wanted), nearest, atol=1e-7)
    scale = np.linalg.norm(array.astype(np.float64))
    assert done.changes[0].rounding == pytest.approx(np.linalg.norm(out.astype(np.float64) - wanted) / scale, rel=1e-6)
    assert done.changes[0].error == pytest.approx(
        np.linalg.norm(out.astype(np.float64) - array.astype(np.float64)) / scale, rel=1e-9
    )


def test_a_narrow_type_never_overflows(save, tmp_path):
    array = np.ones((8, 8))
    array[0] = array[:, 0] = 440.0
    array[0, 0] = 1.0
    assert best(array, 1)[0].max() > 448
    path = save({"fc.weight": array.astype(ml_dtypes.float8_e4m3fn)})
    done = smooth_plan(path, "rank", rank=1).apply(path, tmp_path / "out.safetensors")
    out = td.open(done.path)["fc.weight"].array().astype(np.float64)
    assert np.isfinite(out).all()
    assert out.max() == 448


def unequal_kernel(shape, seed):
    """A kernel with one strong position and three directions that stand out of the noise of their own positions."""
    rng = np.random.default_rng(seed)
    out, seen, *sizes = shape
    kernel = rng.normal(size=(out, seen, *sizes))
    left = np.linalg.qr(rng.normal(size=(out, 3)))[0]
    right = np.linalg.qr(rng.normal(size=(seen * np.prod(sizes), 3)))[0]
    noise = np.sqrt(out) + np.sqrt(seen * np.prod(sizes))
    planted = (left * noise * np.array([2.5, 2.0, 1.6])) @ right.T
    kernel += planted.reshape(kernel.shape)
    # What was planted lies at the other positions.
    kernel[:, :, 1, 1] = 20.0 * rng.normal(size=(out, seen))
    kernel[:, :, 0, 0] = 0.0
    return kernel, left


@pytest.mark.parametrize("shape", [(96, 64, 3, 3), (300, 8, 3, 3)], ids=str)
@pytest.mark.parametrize("turned", [False, True])
def test_spikes_of_a_kernel_are_cut_where_they_were_counted(save, tmp_path, shape, turned):
    """In units of each position's noise; the strong position's own noise is not what stays."""
    kernel, left = unequal_kernel(shape, 1)
    stored = np.ascontiguousarray(kernel.swapaxes(0, 1)) if turned else kernel
    name = "up.conv_transpose.weight" if turned else "conv.weight"
    path = save({name: stored})
    weight = td.open(path)[name]
    plan = smooth_plan(path, "spikes")
    assert plan.matrices[0].rank == 3 == int(td.spectra.marchenko_pastur(weight.spectrum()).spikes)
    done = plan.apply(path, tmp_path / "out.safetensors")
    out = load_file(done.path)[name]
    out = (out.swapaxes(0, 1) if turned else out).reshape(shape[0], -1)
    # An independent balance: the planted noise is 1 at seven positions, 20 at one, and one is empty.
    units = np.ones(shape[2:])
    units[1, 1] = 20.0
    units = np.tile(units.reshape(-1), shape[1])
    matrix = kernel.reshape(shape[0], -1)
    wanted = best(matrix / units, 3)[0] * units
    assert np.linalg.matrix_rank(out, tol=1e-8) == 3
    assert np.linalg.norm((out - wanted) / units) < 0.06 * np.linalg.norm(wanted / units)
    assert not out.reshape(kernel.shape)[:, :, 0, 0].any()
    # The planted directions stay; cut without balance, the strong position's noise takes their place.
    span = np.linalg.svd(out / units)[0][:, :3]
    assert np.linalg.svd(span.T @ left, compute_uv=False)[-1] > 0.85
    naive = np.linalg.svd(best(matrix, 3)[0] / units)[0][:, :3]
    assert np.linalg.svd(naive.T @ left, compute_uv=False)[-1] < 0.7
    weighted = np.linalg.svd(matrix / units, compute_uv=False) ** 2
    assert plan.matrices[0].energy == pytest.approx(weighted[:3].sum() / weighted.sum(), rel=0.05)
    assert done.changes[0].error == pytest.approx(np.linalg.norm(out - matrix) / np.linalg.norm(matrix), rel=1e-9)


def test_of_all_matrices_of_its_rank_the_balanced_cut_is_nearest_in_its_units(save, tmp_path):
    kernel, _ = unequal_kernel((64, 40, 3, 3), 2)
    path = save({"conv.weight": kernel})
    out = load_file(smooth_plan(path, "spikes").apply(path, tmp_path / "out.safetensors").path)["conv.weight"]
    scales = np.tile(position_scales(kernel.reshape(64, -1), 9), 40)
    matrix, cut = kernel.reshape(64, -1), out.reshape(64, -1)
    values = np.linalg.svd(matrix * scales, compute_uv=False)
    assert np.linalg.norm((matrix - cut) * scales) == pytest.approx(np.sqrt(np.sum(values[3:] ** 2)), rel=1e-10)


def test_the_other_rules_cut_a_kernel_as_it_is(save, tmp_path):
    kernel, _ = unequal_kernel((64, 40, 3, 3), 3)
    path = save({"conv.weight": kernel})
    out = load_file(smooth_plan(path, "rank", rank=3).apply(path, tmp_path / "out.safetensors").path)["conv.weight"]
    np.testing.assert_allclose(out.reshape(64, -1), best(kernel.reshape(64, -1), 3)[0], atol=1e-11)


def test_readings_of_a_kernel_give_the_same_copy(save, tmp_path):
    kernel, _ = unequal_kernel((64, 40, 3, 3), 4)
    path = save({"conv.weight": kernel})
    planned = smooth_plan(td.survey(path, ["marchenko_pastur", "power_law"]), "spikes")
    expected = smooth_plan(path, "spikes")
    assert (planned.matrices[0].rank, planned.matrices[0].energy) == (expected.matrices[0].rank, None)
    copies = [plan.apply(path, tmp_path / f"{i}.safetensors").path for i, plan in enumerate((planned, expected))]
    assert copies[0].read_bytes() == copies[1].read_bytes()


def test_packed_and_turned_tensors_keep_their_layout(save, tmp_path):
    rng = np.random.default_rng(4)
    attention, up = rng.normal(size=(16, 48)), rng.normal(size=(16, 64))
    path = save({"h.0.attn.c_attn.weight": attention, "h.0.mlp.c_fc.weight": up}, "gpt/model.safetensors")
    (path.parent / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_head": 4, "n_embd": 16}))
    plan = smooth_plan(path.parent, "rank", rank=3)
    assert [m.part for m in plan.matrices] == ["query", "key", "value", ""]
    done = plan.apply(path.parent, tmp_path / "out")
    loaded = load_file(done.path / "model.safetensors")
    thirds = [best(part, 3)[0] for part in np.split(attention, 3, axis=1)]
    np.testing.assert_allclose(loaded["h.0.attn.c_attn.weight"], np.concatenate(thirds, axis=1), atol=1e-13)
    np.testing.assert_allclose(loaded["h.0.mlp.c_fc.weight"], best(up, 3)[0], atol=1e-13)
    record = json.loads((done.path / "smoothing.json").read_text())
    assert record["smoothing"]["rank"] == 3
    assert record["changes"].keys() == {m.name for m in plan.matrices}
    assert td.act.SmoothPlan.from_dict(record) == plan


def test_one_part_may_change_and_its_siblings_not(save, tmp_path):
    array = np.random.default_rng(5).normal(size=(24, 8))
    path = save({"attn.in_proj_weight": array, "attn.out_proj.weight": np.eye(8)})
    plan = smooth_plan(path, "rank", rank=3)
    key = next(matrix for matrix in plan.matrices if matrix.part == "key")
    done = dataclasses.replace(plan, matrices=(key,)).apply(path, tmp_path / "out.safetensors")
    out = load_file(done.path)["attn.in_proj_weight"]
    np.testing.assert_allclose(out[8:16], best(array[8:16], 3)[0], atol=1e-13)
    np.testing.assert_array_equal(np.delete(out, np.s_[8:16], 0), np.delete(array, np.s_[8:16], 0))
    assert [change.name for change in done.changes] == ["attn.in_proj_weight#key"]


def test_tied_tensors_stay_equal(save, tmp_path):
    table = np.random.default_rng(6).normal(size=(50, 12)).astype(np.float32)
    path = save(
        {"lm_head.weight": table, "model.embed_tokens.weight": table, "model.layers.0.mlp.up_proj.weight": table}
    )
    opened = td.open(path)
    (second,) = [w.name for w in opened.values() if w.tied_to]
    plan = smooth_plan(path, "rank", rank=4)
    assert second not in {m.tensor for m in plan.matrices}
    done = plan.apply(path, tmp_path / "out.safetensors")
    loaded = load_file(done.path)
    assert loaded["lm_head.weight"].tobytes() == loaded["model.embed_tokens.weight"].tobytes()
    np.testing.assert_array_equal(loaded["lm_head.weight"], best(table, 4)[0].astype(np.float32))
    assert td.open(done.path)[second].tied_to == opened[second].tied_to


def test_the_bytes_don_t_depend_on_how_many_work(source, tmp_path):
    plan = smooth_plan(source)
    files = [plan.apply(source, tmp_path / f"{jobs}.safetensors", jobs=jobs).path for jobs in (1, 2, 5)]
    assert len({path.read_bytes() for path in files}) == 1


def test_the_input_is_not_touched(source, tmp_path):
    before, stamp = source.read_bytes(), source.stat().st_mtime_ns
    smooth_plan(source, remove_traps=True).apply(source, tmp_path / "out", jobs=2)
    assert source.read_bytes() == before
    assert source.stat().st_mtime_ns == stamp


def test_another_model_is_refused_and_nothing_written(source, tmp_path):
    plan = smooth_plan(source, "rank", rank=3)
    save_file({"noise.weight": np.ones((3, 3))}, tmp_path / "other.safetensors")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(
        ValueError, match=r"plan has layers\.0\.attention\.query\.weight of 48 x 48, and other has no such"
    ):
        plan.apply(tmp_path / "other.safetensors", tmp_path / "out")
    part = smooth_plan(source, "rank", rank=3, layers="noise*")
    with pytest.raises(ValueError, match=r"noise\.weight of 40 x 60, and other has one of 3 x 3"):
        part.apply(tmp_path / "other.safetensors", tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


def test_progress_ends_with_everything_done(source, tmp_path):
    seen = []
    plan = smooth_plan(source, progress=seen.append)
    assert [(p.done, p.total) for p in seen] == [(i, 5) for i in range(6)]
    seen.clear()
    plan.apply(source, tmp_path / "out", progress=seen.append, jobs=2)
    assert [(p.done, p.total) for p in seen] == [(i, 8) for i in range(9)]
    assert seen[-1].seconds_left == 0


def test_an_interrupt_leaves_nothing(source, tmp_path):
    def stop(progress):
        if progress.done == 3:
            raise KeyboardInterrupt

    before = sorted(tmp_path.iterdir())
    for jobs in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            smooth_plan(source).apply(source, tmp_path / "out", progress=stop, jobs=jobs)
        assert sorted(tmp_path.iterdir()) == before


def test_a_matrix_gone_bad_since_the_plan_is_named(source, model, tmp_path):
    plan = smooth_plan(source, "rank", rank=2)
    model["noise.weight"][3, 3] = np.inf
    save_file(model, tmp_path / "bad.safetensors")
    with pytest.raises(ValueError, match=r"noise\.weight: matrix: 1 of its 2400 entries are NaN or Inf"):
        plan.apply(tmp_path / "bad.safetensors", tmp_path / "out")


@pytest.mark.parametrize("jobs", [1, 2])
def test_memory_holds_few_tensors_however_many_there_are(tmp_path, jobs):
    tensors = {f"layers.{i}.fc.weight": np.ones((8192, 32), np.float32) for i in range(40)}
    save_file(tensors, tmp_path / "many.safetensors")
    size = tensors["layers.0.fc.weight"].nbytes
    del tensors
    plan = smooth_plan(tmp_path / "many.safetensors", "rank", rank=2)
    tracemalloc.start()
    plan.apply(tmp_path / "many.safetensors", tmp_path / "out.safetensors", jobs=jobs)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The tensor, its copy, and a handful of float64 blocks for each worker, and none of the other 39.
    assert peak < 16 * size * jobs


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills as Unix does")
def test_a_kill_leaves_no_half_of_a_copy(source, tmp_path):
    code = (
        "import os, signal, sys\n"
        "import theodolite as td\n"
        "plan = td.act.smooth_plan(sys.argv[1])\n"
        "for at in range(9):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        die = lambda p: p.done == at and os.kill(os.getpid(), signal.SIGKILL)\n"
        "        plan.apply(sys.argv[1], sys.argv[2], progress=die)\n"
        "        os._exit(0)\n"
        "    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), at\n"
        "    assert not os.path.exists(sys.argv[2]), at\n"
    )
    out = tmp_path / "out"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code, str(source), str(out)], check=True, env=environment)
    smooth_plan(source).apply(source, out)
    assert td.open(out).keys() == td.open(source).keys()


@pytest.mark.torch
def test_the_network_computes_what_truncated_matrices_compute(tmp_path, torch):
    from safetensors.torch import load_file as load_torch

    torch.manual_seed(0)
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 6, 2, stride=2, groups=2),
        nn.Flatten(),
        nn.Linear(6 * 16 * 16, 20),
        nn.Tanh(),
        nn.Linear(20, 10),
    ).eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    done = smooth_plan(net, "rank", rank=2).apply(net, tmp_path / "net.safetensors")
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    batch = torch.randn(4, 3, 8, 8)
    with torch.no_grad():
        original = net(batch)
        net.load_state_dict(load_torch(done.path), strict=True)
        smoothed = net(batch)
        net.load_state_dict(before)
        for name in ("0.weight", "5.weight", "7.weight"):
            flat = net.state_dict()[name].flatten(1)
            left, values, right = torch.linalg.svd(flat.double(), full_matrices=False)
            net.get_parameter(name).copy_(((left[:, :2] * values[:2]) @ right[:2]).reshape_as(net.get_parameter(name)))
        # in x out/groups x sizes: each group's outputs are rows, one below the other.
        turned = net.get_parameter("3.weight")
        rows = torch.cat([group.transpose(0, 1) for group in turned.chunk(2)]).flatten(1)
        left, values, right = torch.linalg.svd(rows.double(), full_matrices=False)
        low = ((left[:, :2] * values[:2]) @ right[:2]).reshape(6, 4, 2, 2).float()
        turned.copy_(torch.cat([group.transpose(0, 1) for group in low.chunk(2)]))
        expected = net(batch)
    torch.testing.assert_close(smoothed, expected, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(smoothed, original, atol=1e-2)


@pytest.mark.torch
def test_a_tied_module_stays_tied(tmp_path, torch):
    from safetensors.torch import load_file as load_torch

    net = torch.nn.ModuleDict({"embed": torch.nn.Embedding(30, 8), "head": torch.nn.Linear(8, 30, bias=False)})
    net["head"].weight = net["embed"].weight
    loaded = load_torch(smooth_plan(net, "rank", rank=2).apply(net, tmp_path / "net.safetensors").path)
    assert torch.equal(loaded["embed.weight"], loaded["head.weight"])
    assert torch.linalg.matrix_rank(loaded["head.weight"], rtol=1e-5) == 2


@pytest.mark.shared
@pytest.mark.torch
def test_resnet_20(shared, tmp_path, torch):
    source = shared / "data" / "resnets" / "resnet20-12fca82f.th"
    done = smooth_plan(source, "energy", energy=0.9).apply(source, tmp_path / "resnet.safetensors")
    assert len(done.changes) == 20
    assert max(change.error for change in done.changes) <= np.sqrt(0.1) + 1e-6
    opened = td.open(source)
    assert {n: w.shape for n, w in td.open(done.path).items()} == {n: w.shape for n, w in opened.items()}
