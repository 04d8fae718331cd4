"""A training followed through its checkpoints: counts, steps, curves with a known drift, and what is refused."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

import theodolite as td
from theodolite.core import ParameterError, ReadingRow, Readings, TargetRow
from theodolite.reports import judge
from theodolite.sources import CheckpointError
from theodolite.study import track_checkpoints
from theodolite.study.tracks.steps import checkpoints_in, step_in, steps_of

STEPS = (0, 100, 200, 900)


def training(folder, form="checkpoint-{}"):
    """Ten Gaussian matrices, of which numbers 3 and 7 take up one growing direction."""
    rng = np.random.default_rng(5)
    start = {f"layers.{block}.mlp.weight": rng.standard_normal((96, 64)) for block in range(10)}
    spike = np.outer(rng.standard_normal(96), rng.standard_normal(64))
    for step in STEPS:
        path = folder / form.format(step)
        path.mkdir(parents=True)
        drifted = {f"layers.{block}.mlp.weight": step / 900 * spike for block in (3, 7)}
        np.savez(path / "weights.npz", **{name: array + drifted.get(name, 0.0) for name, array in start.items()})
    return folder


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    folder = training(tmp_path_factory.mktemp("training"))
    return track_checkpoints(folder, ["power_law", "stable_rank"], store=folder.parent / "out.run")


def test_only_what_changed_is_computed(followed):
    assert followed.computed == (10, 2, 2, 2)
    assert followed.reused == (0, 8, 8, 8)


def test_the_same_again_computes_nothing_and_one_more_checkpoint_only_its_own(tmp_path):
    folder = training(tmp_path / "out")
    made = {"measures": ["stable_rank"], "store": tmp_path / "run"}
    paths = checkpoints_in(folder)
    assert track_checkpoints(paths[:3], **made).computed == (10, 2, 2)
    again = track_checkpoints(folder, **made)
    assert again.computed == (0, 0, 0, 2)
    assert again.reused == (10, 10, 10, 8)


def test_curves_are_the_measures_of_the_matrices(followed, tmp_path):
    assert followed.steps == STEPS
    assert followed.steps_are == "names"
    curve = followed.curve("stable_rank", "layers.3.mlp")
    folder = training(tmp_path / "same")
    for step, value in zip(STEPS, curve.values, strict=True):
        weights = np.load(folder / f"checkpoint-{step}" / "weights.npz")["layers.3.mlp.weight"]
        singular = np.linalg.svd(weights, compute_uv=False)
        assert value == pytest.approx((singular**2).sum() / singular[0] ** 2, rel=1e-10)
    assert curve.change == pytest.approx(curve.values[-1] - curve.values[0])
    assert curve.beyond == "chance"
    still = followed.curve("stable_rank", "layers.4.mlp")
    assert len(set(still.values)) == 1
    assert still.beyond == "neither"
    whole = followed.curve("stable_rank.value.mean")
    every = [followed.curve("stable_rank", f"layers.{block}.mlp").values[-1] for block in range(10)]
    assert whole.values[-1] == pytest.approx(np.mean(every))


def test_the_frame_is_long(followed):
    frame = followed.frame
    assert list(frame.columns[:8]) == ["step", "checkpoint", "module", "part", "role", "block", "measure", "field"]
    assert len(frame) == sum(len(readings) for readings in followed.readings)
    one = frame[(frame.module == "layers.3.mlp") & (frame.measure == "stable_rank")]
    assert one.step.tolist() == list(STEPS)
    assert one.value.tolist() == list(followed.curve("stable_rank", "layers.3.mlp").values)


def test_layers_that_stopped_looking_untrained_are_named(followed):
    for position in (0, -1):
        judged = {one.layer.target.module: one.answers[0].holds for one in judge(followed.readings[position])}
        assert followed.untrained(position) == judged
    first, last = followed.untrained(0), followed.untrained(-1)
    turned = [name for name in first if first[name] and not last[name]]
    assert set(turned) <= {"layers.3.mlp", "layers.7.mlp"}
    assert turned
    said = followed.explain()
    assert f"{len(turned)} no longer do at the last: {', '.join(turned)}." in said
    assert "4 checkpoints from step 0 to 900: the numbers of 2 of 10 matrices differ" in said
    assert "16 matrices had to be measured; stored readings of the same content answered for 24." in said
    moved = next(line for line in said.splitlines() if line.startswith("Moved most"))
    assert "stable_rank of layers.3.mlp" in moved or "stable_rank of layers.7.mlp" in moved
    assert "layers.4" not in moved


def test_json_is_everything(followed):
    told = json.loads(json.dumps(followed.to_dict(), allow_nan=False))
    assert told["steps"] == list(STEPS)
    assert told["explanation"] == followed.explain().splitlines()
    (curve,) = [one for one in told["curves"] if (one["name"], one["metric"]) == ("layers.7.mlp", "stable_rank")]
    assert curve["value"] == list(followed.curve("stable_rank", "layers.7.mlp").values)


def test_one_run_with_several_models_is_a_training(followed, tmp_path):
    folder = training(tmp_path / "out")
    track_checkpoints(folder, ["stable_rank"], store=tmp_path / "run")
    read = td.track(tmp_path / "run")
    assert read.names == tuple(f"checkpoint-{step}" for step in STEPS)
    assert read.computed == ()
    assert read.curve("stable_rank", "layers.3.mlp").values == followed.curve("stable_rank", "layers.3.mlp").values


def test_what_else_the_run_holds_is_no_curve(tmp_path):
    made = {"checkpoints": training(tmp_path / "out"), "store": tmp_path / "run"}
    track_checkpoints(measures=["power_law", "hill[k=10]", "with_interval(stable_rank)"], **made)
    track_checkpoints(measures=td.Survey.of("stable_rank", convention="weightwatcher"), **made)
    found = track_checkpoints(measures=["stable_rank", "hill[k=20]"], **made)
    assert found.metrics == ("stable_rank", "hill")
    assert {curve.params for curve in found.curves if curve.measure == "hill"} == {'{"k":20}'}
    assert len([curve for curve in found.curves if curve.metric == "stable_rank"]) == 10
    assert {target.convention for one in found.readings for target in one.targets} == {"theodolite"}
    fitted = track_checkpoints(measures=["power_law"], **made)
    row = fitted.curve("power_law.alpha", "layers.3.mlp").rows[-1]
    assert fitted.readings[-1].array(row).size == 64
    # The reading with its interval answered for the one without.
    assert found.curve("stable_rank", "layers.3.mlp").rows[0].low is not None
    assert set(td.track(tmp_path / "run").metrics) > {"power_law.alpha", "stable_rank", "hill"}


def reading(value, model="m", module="h.0", shape=(8, 8), **columns):
    target = TargetRow(target=f"{model}:{module}.weight", model=model, module=module, shape=shape, fingerprint="ab")
    return Readings([target], [ReadingRow(target=target.target, measure="hill", value=value, **columns)])


def test_given_steps_order_the_curve():
    found = td.track([reading(3.0), reading(1.0), reading(2.0)], steps=[30, 10, 20])
    assert found.curve("hill", "h.0").values == (1.0, 2.0, 3.0)
    assert found.steps_are == "given"


def test_names_without_steps_give_positions_and_say_so():
    found = td.track([reading(2.0, "early"), reading(1.0, "late")])
    assert (found.steps, found.steps_are) == ((0.0, 1.0), "positions")
    assert "positions stand for steps" in found.explain()


def test_intervals_decide_where_there_are_any():
    apart = [reading(4.0, low=3.0, high=5.0, percentile=50.0), reading(1.0, low=0.5, high=1.5, percentile=50.0)]
    near = [reading(4.0, low=3.0, high=5.0, percentile=50.0), reading(1.0, low=0.5, high=3.5, percentile=0.1)]
    crossed = [reading(4.0, percentile=50.0), reading(1.0, percentile=0.1)]
    bare = [reading(4.0), reading(1.0)]
    said = [td.track(pair, steps=[0, 1]).curve("hill", "h.0").beyond for pair in (apart, near, crossed, bare)]
    assert said == ["interval", "neither", "chance", ""]
    assert "can’t be said" in td.track(bare, steps=[0, 1]).explain()


def test_a_matrix_that_some_checkpoints_lack_is_said():
    both = reading(1.0) + reading(2.0, module="h.1")
    found = td.track([both, reading(1.5), both], steps=[0, 1, 2])
    assert found.missing == {"h.1": (1.0,)}
    assert found.curve("hill", "h.1").values == (2.0, None, 2.0)
    assert "h.1 is missing at 1" in found.explain()


def test_measures_are_kept_alone(tmp_path):
    folder = training(tmp_path / "out")
    track_checkpoints(folder, ["power_law", "stable_rank"], store=tmp_path / "run")
    assert td.track(tmp_path / "run", measures=["stable_rank"]).metrics == ("stable_rank",)
    kept = td.track(tmp_path / "run", measures=["power_law.alpha"])
    assert kept.metrics == ("power_law.alpha",)
    assert kept.curve("power_law.alpha.mean").values[0] is not None
    with pytest.raises(ParameterError, match="'stable_rang' was not read; did you mean 'stable_rank'"):
        td.track(tmp_path / "run", measures=["stable_rang"])


@pytest.mark.parametrize(
    ("runs", "options", "says"),
    [
        ([reading(1.0)], {}, "got 1 checkpoint; a curve takes at least two"),
        ([reading(1.0), reading(1.0, "n", "other")], {}, "no matrix is in all of m, n"),
        ([reading(1.0), reading(1.0, "n", shape=(9, 8))], {}, "h.0 has two shapes, 8×8 and 9×8 in n"),
        ([reading(1.0), reading(1.0, "n")], {"steps": [1]}, "got 1 for 2 checkpoints"),
        ([reading(1.0), reading(1.0, "n")], {"steps": [1, 1]}, "1 is given twice"),
        ([reading(1.0), reading(1.0, "n")], {"steps": [0, float("nan")]}, "nan is no step; give finite numbers"),
        ([reading(1.0), reading(1.0, "n")], {"steps": [0, float("inf")]}, "inf is no step; give finite numbers"),
    ],
)
def test_what_makes_no_curve_is_refused(runs, options, says):
    with pytest.raises(ParameterError, match=says):
        td.track(runs, **options)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint-500", 500),
        ("step_001000.safetensors", 1000),
        ("epoch=3-step=1200.ckpt", 1200),
        ("global_step2000", 2000),
        ("iter_0000100", 100),
        ("pythia-70m-step512", 512),
        ("ckpt_7.npz", 7),
        ("step_10k", 10_000),
        ("ckpt-1.5M.pt", 1_500_000),
        ("step2k_final", 2_000),
        ("step3.best", 3),
        ("step3_model", 3),
        ("model-v2-30", 30),
        ("final", None),
    ],
)
def test_steps_are_read_off_names(name, step):
    assert step_in(name) == step


def test_equal_steps_are_no_steps():
    assert steps_of(["a-1", "b-1"]) == ((0.0, 1.0), "positions")


def test_the_state_of_the_trainer_goes_before_names(tmp_path):
    folder = training(tmp_path / "out")
    for step in STEPS:
        (folder / f"checkpoint-{step}" / "trainer_state.json").write_text(json.dumps({"global_step": 2 * step}))
    found = track_checkpoints(folder, ["stable_rank"], store=tmp_path / "run")
    assert (found.steps, found.steps_are) == (tuple(2.0 * step for step in STEPS), "trainer_state.json")


def test_weights_with_the_usual_name_go_by_their_folder(tmp_path):
    for step in (5, 50):
        (tmp_path / f"checkpoint-{step}").mkdir()
        save_file({"w.weight": np.eye(4, dtype=np.float32) * step}, tmp_path / f"checkpoint-{step}/model.safetensors")
    paths = [tmp_path / f"checkpoint-{step}" / "model.safetensors" for step in (50, 5)]
    found = track_checkpoints(paths, ["stable_rank"], store=tmp_path / "run")
    assert (found.steps, found.names) == ((5.0, 50.0), ("checkpoint-5", "checkpoint-50"))
    (tmp_path / "checkpoint-5" / "trainer_state.json").write_text('{"global_step": 6}')
    assert track_checkpoints(paths, ["stable_rank"], store=tmp_path / "run").steps == (5.0, 50.0)
    (tmp_path / "checkpoint-50" / "trainer_state.json").write_text('{"global_step": 60}')
    assert track_checkpoints(paths, ["stable_rank"], store=tmp_path / "run").steps == (6.0, 60.0)


def test_the_real_pair_shares_the_pooler_alone(minilm, tmp_path):
    """all-MiniLM-L6-v2 and its full fine-tune sre-embedding-model 1.0.0."""
    folder = os.environ.get("THEODOLITE_SRE")
    if not folder:
        pytest.skip("needs THEODOLITE_SRE: the folder of sre-embedding-model 1.0.0 that holds model.safetensors")
    found = track_checkpoints([minilm, folder], ["stable_rank"], store=tmp_path / "run", steps=[0, 1])
    assert (found.computed, found.reused) == ((40, 39), (0, 1))


def test_a_folder_is_searched_in_natural_order(tmp_path):
    for step in (1000, 200, 30):
        np.savez(tmp_path / f"step_{step}.npz", w=np.eye(2))
    np.savez(tmp_path / "best-1.npz", w=np.eye(2))
    (tmp_path / "step_5.txt").write_text("no weights")
    (tmp_path / "runs").mkdir()
    assert [path.name for path in checkpoints_in(tmp_path)] == ["step_30.npz", "step_200.npz", "step_1000.npz"]


def test_shards_of_one_checkpoint_are_no_training(tmp_path):
    for shard in (1, 2):
        (tmp_path / f"model-0000{shard}-of-00002.safetensors").write_bytes(b"\0" * 16)
    with pytest.raises(CheckpointError, match="no checkpoints with a number in their names"):
        checkpoints_in(tmp_path)
