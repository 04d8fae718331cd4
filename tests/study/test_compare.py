"""`td.compare` on planted models, adapters and the real pair."""

import json
import os
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

import theodolite as td
from theodolite.core import ParameterError


def base_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {"embed_tokens.weight": rng.standard_normal((90, 48))}
    for block in range(3):
        made[f"layers.{block}.self_attn.q_proj.weight"] = rng.standard_normal((48, 48))
        made[f"layers.{block}.mlp.up_proj.weight"] = rng.standard_normal((96, 48))
        made[f"layers.{block}.norm.weight"] = np.ones(48)
    return {name: array.astype("f4") for name, array in made.items()}


def tuned_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    made = base_arrays()
    for block in range(3):
        weight = made[f"layers.{block}.mlp.up_proj.weight"]
        noise = rng.standard_normal(weight.shape)
        made[f"layers.{block}.mlp.up_proj.weight"] = weight + (
            noise * 0.02 * (block + 1) * np.linalg.norm(weight) / np.linalg.norm(noise)
        ).astype("f4")
    u, v = (x / np.linalg.norm(x) for x in rng.standard_normal((2, 48)))
    spike = 4 * np.linalg.norm(made["layers.1.self_attn.q_proj.weight"], 2)
    made["layers.1.self_attn.q_proj.weight"] += (spike * np.outer(u, v)).astype("f4")
    made["layers.2.norm.weight"] = np.full(48, 1.5, "f4")
    return made


@pytest.fixture(scope="module")
def found():
    return td.compare(base_arrays(), tuned_arrays(), ["power_law", "stable_rank", "hill"])


def layer(found, name):
    return next(one for one in found.layers if one.name == name)


def test_it_says_what_changed_what_did_not_and_where_the_intruder_is(found):
    told = found.explain().splitlines()
    assert told[0].startswith("4 of 7 matrices differ; median relative change of those that differ ")
    assert told[1].startswith("Changed most: layers.1.self_attn.q_proj by ")
    assert "least: layers.0.mlp.up_proj by 2.0 %." in told[1]
    assert "Identical: embed_tokens, layers.0.self_attn.q_proj, layers.2.self_attn.q_proj." in told
    assert "Of the tensors that are not measured, 1 differs as well." in told
    assert any(
        line.startswith(
            "1 intruder dimension among the 10 leading left singular vectors (epsilon 0.5): "
            "layers.1.self_attn.q_proj (number 1; "
        )
        for line in told
    )
    assert [one.name for one in found.state("identical")] == [
        "embed_tokens",
        "layers.0.self_attn.q_proj",
        "layers.2.self_attn.q_proj",
    ]


def test_shifts_are_those_of_two_surveys_with_their_chance(found):
    one, other = (td.survey(arrays, ["power_law", "stable_rank"]) for arrays in (base_arrays(), tuned_arrays()))
    for one_layer in found.layers:
        for name in ("power_law.alpha", "stable_rank"):
            wanted = [
                next(row for row in readings.where(name) if readings.target(row.target).module == one_layer.name)
                for readings in (one, other)
            ]
            shift = one_layer.shifts[name]
            assert (shift.before, shift.after) == (wanted[0].value, wanted[1].value)
            assert shift.shift == wanted[1].value - wanted[0].value
            assert shift.chance == wanted[0].chance is not None
            assert shift.percentile_after == wanted[1].percentile


def test_one_measure_with_two_sets_of_parameters_shifts_twice():
    arrays = base_arrays(), tuned_arrays()
    found = td.compare(*arrays, ["hill[k=10]", "stable_rank", "hill[k=20]"])
    for name, asked in (("hill", "hill[k=10]"), ("hill[k=20]", "hill[k=20]")):
        one, other = (td.survey(each, [asked]) for each in arrays)
        for matrix in found.layers:
            before, after = (
                next(row.value for row in read.where("hill") if read.target(row.target).module == matrix.name)
                for read in (one, other)
            )
            assert (matrix.shifts[name].before, matrix.shifts[name].after) == (before, after)
    moved = layer(found, "layers.1.self_attn.q_proj")
    assert set(moved.shifts) == {"hill", "stable_rank", "hill[k=20]"}
    assert moved.shifts["hill"].shift != moved.shifts["hill[k=20]"].shift
    assert "hill[k=20].shift" in found.frame
    assert set(found.to_dict()["layers"][0]["shifts"]) == set(moved.shifts)
    furthest = max(abs(one.shifts["hill[k=20]"].shift) for one in found.layers)
    assert found.judge(f"hill[k=20].shift.max >= {furthest} or hill[k=20].shift.min <= -{furthest}").holds
    twice = td.compare(*arrays, ["power_law", "power_law[truncated=true]"])
    assert twice.judge("power_law.alpha.shift.count == 7 and power_law[truncated=true].alpha.shift.count == 7").holds
    with pytest.raises(ParameterError, match=r"unknown name 'alpha\.shift'; did you mean 'power_law"):
        twice.judge("alpha.shift > 0")


def test_frame_values_and_json_hold_the_same(found):
    frame = found.frame
    assert list(frame["name"]) == [one.name for one in found.layers]
    assert frame.loc[frame["state"] == "identical", "relative_change"].eq(0).all()
    np.testing.assert_array_equal(frame["power_law.alpha.shift"], found.values()["alpha.shift"])
    np.testing.assert_array_equal(frame["overlap.left"], found.values()["overlap.left"])
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["counts"] == {
        "matrices": 7.0,
        "changed": 4.0,
        "identical": 3.0,
        "not_compared": 0.0,
        "unmatched": 0.0,
    }
    spiked = next(one for one in record["layers"] if one["name"] == "layers.1.self_attn.q_proj")
    assert spiked["intruders"] == 1.0
    assert spiked["intruder_dimensions"]["left"]["indices"] == [0]
    assert spiked["shifts"]["power_law.alpha"]["chance"] > 0


def test_readings_hold_both_models_and_the_pairs_against_each_other(found):
    pairs = [row for row in found.readings if row.against]
    assert {row.measure for row in pairs} == {"weight_change", "subspace_overlap", "intruder_dimensions"}
    assert all(row.target.startswith("after:") and row.against.startswith("before:") for row in pairs)
    assert found.readings.where("intruder_dimensions.left", module="layers.1.self_attn.q_proj").rows[0].value == 1
    assert found.readings.where("stable_rank", module="embed_tokens").rows


def test_conditions_speak_of_all_of_it(found):
    assert found.judge("intruders > 0 and changed == 4").holds
    assert found.judge("alpha.shift.median > 1 and intruders > 2").holds is False
    assert found.judge("relative_change.max > 5 %").holds
    assert found.judge("hill.before.count == 7").holds
    with pytest.raises(ParameterError, match=r"did you mean 'alpha\.shift'"):
        found.judge("alpha.shfit > 0")


def test_renames_partners_and_shapes_are_reported():
    before = base_arrays()
    after = {f"model.{name}": array for name, array in before.items()}
    after["model.head.weight"] = np.eye(48, dtype="f4")
    after["model.embed_tokens.weight"] = after["model.embed_tokens.weight"][:80]
    with pytest.raises(ParameterError, match=r"'\*=model\.\*'"):
        td.compare(before, after, None)
    found = td.compare(before, after, None, map={"*": "model.*"})
    told = found.explain()
    assert "None of 7 matrices differs; 1 could not be compared." in told
    assert "its shape is 90 x 48 before and 80 x 48 after" in told
    assert "Only in after: model.head.weight." in told
    assert "Matched by renaming: 10 tensors." in told
    assert found.values()["unmatched"] == 1


def test_half_precision_against_full_is_rounding_alone():
    before = base_arrays()
    after = {name: array.astype(ml_dtypes.bfloat16) for name, array in before.items()}
    found = td.compare(before, after, None)
    assert "No change is larger than what rounding to the stored types makes." in found.explain()
    assert all(one.change.rank == 0 and one.intruders["left"].count == 0 for one in found.layers)


def test_an_adapter_folder_is_compared_with_its_base(tmp_path: Path):
    rng = np.random.default_rng(0)
    save_file(base_arrays(), tmp_path / "model.safetensors")
    folder = tmp_path / "lora"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "lora_alpha": 4, "r": 4}))
    name, b, a = "layers.1.self_attn.q_proj", rng.standard_normal((48, 4)), rng.standard_normal((4, 48))
    factors = {f"base_model.model.{name}.lora_A.weight": a, f"base_model.model.{name}.lora_B.weight": b}
    save_file(factors, folder / "adapter_model.safetensors")
    found = td.compare(tmp_path / "model.safetensors", folder, ["stable_rank"])
    assert found.adapter
    assert [one.name for one in found.state("changed")] == [name]
    merged = {**base_arrays()}
    merged[f"{name}.weight"] = merged[f"{name}.weight"].astype(float) + b @ a
    expanded = layer(td.compare(base_arrays(), merged, ["stable_rank"]), name)
    laid = layer(found, name)
    assert laid.change.rank == 4
    assert laid.change.relative == pytest.approx(expanded.change.relative, rel=1e-10)
    assert laid.shifts["stable_rank"].after == pytest.approx(expanded.shifts["stable_rank"].after, rel=1e-10)
    for side in ("left", "right"):
        np.testing.assert_allclose(laid.intruders[side].cosines, expanded.intruders[side].cosines, atol=1e-10)
    with pytest.raises(td.CheckpointError, match="an adapter is compared with its base, which comes first"):
        td.compare(folder, tmp_path / "model.safetensors")


def test_models_of_one_name_are_told_apart(tmp_path: Path):
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        save_file(base_arrays(), tmp_path / run / "epoch.safetensors")
    found = td.compare(tmp_path / "first/epoch.safetensors", tmp_path / "second/epoch.safetensors", None)
    assert (found.before, found.after) == ("first/epoch", "second/epoch")
    same = td.compare(tmp_path / "first/epoch.safetensors", tmp_path / "first/epoch.safetensors", ["stable_rank"])
    assert (same.before, same.after) == ("epoch (before)", "epoch (after)")
    assert same.explain() == "None of 7 matrices differs: all are identical."


def test_progress_and_jobs():
    seen = []
    found = td.compare(base_arrays(), tuned_arrays(), None, jobs=2, progress=seen.append)
    assert (seen[0].done, seen[-1].done, seen[-1].total) == (0, 10, 10)
    assert found.explain() == td.compare(base_arrays(), tuned_arrays(), None).explain()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"k": 0}, "k is 0; it must be an integer of at least 1"),
        ({"k": 2.0}, "k is 2.0; it must be an integer of at least 1"),
        ({"epsilon": 2}, "epsilon is 2"),
        ({"gap": -1}, "gap is -1"),
        ({"eps": 1}, "unknown option 'eps' of compare; did you mean 'epsilon'"),
    ],
)
def test_wrong_options_are_named(options, says):
    with pytest.raises(ParameterError, match=says):
        td.compare(base_arrays(), tuned_arrays(), None, **options)


def test_the_real_pair(minilm: Path):
    """all-MiniLM-L6-v2 and its full fine-tune sre-embedding-model 1.0.0."""
    folder = os.environ.get("THEODOLITE_SRE")
    if not folder:
        pytest.skip("needs THEODOLITE_SRE: the folder of sre-embedding-model 1.0.0 that holds model.safetensors")
    found = td.compare(minilm, folder, None)
    assert found.headline() == "39 of 40 matrices differ; median relative change of those that differ 1.3 %."
    assert [one.name for one in found.state("identical")] == ["pooler.dense"]
    assert found.values()["changed"] == 39
    assert 0.012 < np.median([one.change.relative for one in found.state("changed")]) < 0.014
    assert found.judge("intruders > 0 or intruders.right > 0").holds is False
    assert "The changes are of full rank." in found.explain()


@pytest.mark.peft
def test_counts_are_those_of_peft(torch, tmp_path: Path):
    """PEFT counts left intruders on a live model (`reduce_intruder_dimension`); here two folders are enough."""
    peft = pytest.importorskip("peft", reason="needs the extra [peft]")
    intruders = pytest.importorskip("peft.tuners.lora.intruders", reason="needs a PEFT that counts intruders")
    torch.manual_seed(0)
    sizes = [(64, 64), (64, 96), (96, 64), (64, 64), (64, 64)]
    net = torch.nn.Sequential(*(torch.nn.Linear(*size, bias=False) for size in sizes))
    save_file({name: value.numpy() for name, value in net.state_dict().items()}, tmp_path / "base.safetensors")
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=[str(i) for i in range(len(sizes))])
    tuned = peft.get_peft_model(net, config)
    with torch.no_grad():
        for name, value in tuned.named_parameters():
            if "lora_" in name:
                value.normal_(std=0.02 * (1 + int(name.split(".")[2])))
    tuned.save_pretrained(tmp_path / "adapter")
    found = td.compare(tmp_path / "base.safetensors", tmp_path / "adapter", None)
    said: list[str] = []
    intruders.reduce_intruder_dimension(tuned, logging_sink=said.append)
    counts = [int(line.rpartition(" ")[2]) if "Intruders:" in line else 0 for line in said if "ntruders" in line]
    assert [layer.intruders["left"].count for layer in found.layers] == counts
    assert len(set(counts)) > 1


def test_a_large_matrix_that_became_zero_is_a_change_without_directions():
    weight = np.random.default_rng(0).standard_normal((280, 270))
    found = td.compare({"a.weight": weight}, {"a.weight": np.zeros_like(weight)}, None)
    (one,) = found.layers
    assert (one.state, one.overlap) == ("changed", None)
    assert one.change.relative == pytest.approx(1.0, abs=1e-12)
    assert "Without directions to compare: a (" in found.explain()


def test_a_gate_counts_every_tensor_that_could_not_be_compared():
    weight = np.random.default_rng(0).standard_normal((8, 8))
    one, other = ({"a.weight": weight, "a.bias": np.ones(size)} for size in (8, 9))
    found = td.compare(one, other, None)
    assert [(tensor.after, tensor.state) for tensor in found.others] == [("a.bias", "not compared")]
    assert found.judge("not_compared > 0").holds
    assert found.to_dict()["counts"]["not_compared"] == 1.0
