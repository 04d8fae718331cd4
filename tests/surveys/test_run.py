"""Running: one decomposition a target, and no error that stops the others."""

import functools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Array, Estimate, Field, Interval, Missing, Note, Outcome, Refusal, Result, Spectrum, measure
from theodolite.core import views as core_views
from theodolite.numerics.chance import chance_levels
from theodolite.sources import Weight
from theodolite.surveys import Progress, Survey, read_run
from theodolite.surveys.keys import stream

MOVES = ("scale", "permutation", "rotation", "transpose")
FREE = Field(unit="1", unspecified=MOVES)
Model = dict[str, np.ndarray]

calls: list[tuple[int, int] | None] = []


@pytest.fixture(autouse=True)
def _forget_calls() -> Iterator[None]:
    calls.clear()
    yield
    calls.clear()


@measure(cite="none")
def largest(spectrum: Spectrum, /, *, power: float = 1.0) -> Annotated[Array, FREE]:
    """Count how often it is asked."""
    calls.append(spectrum.shape)
    return spectrum.eigenvalues[-1] ** power


@measure(cite="none")
def breaks(spectrum: Spectrum, /) -> Annotated[Array, FREE]:
    """Fail on the matrices of the MLP."""
    if spectrum.shape == (48, 24):
        raise ZeroDivisionError("the second layer\nis special")
    return spectrum.eigenvalues[0]


@measure(cite="none")
def starves(spectrum: Spectrum, /) -> Annotated[Array, FREE]:
    """Ask for more memory than there is."""
    raise MemoryError


@measure(cite="none")
def infinite(spectrum: Spectrum, /) -> Annotated[Array, FREE]:
    """Return what is no number."""
    return spectrum.eigenvalues[-1] * np.inf


@measure(cite="none")
def refuses(spectrum: Spectrum, /) -> Annotated[Array, FREE]:
    """Decline."""
    raise Refusal(Outcome.NO_SPREAD, "24 of 24 equal")


@measure(cite="none")
def draws(spectrum: Spectrum, /, *, rng: int = 0) -> Annotated[Array, FREE]:
    """Return a random number, which needs a seed that is a plain integer."""
    assert type(rng) is int
    return np.float64(np.random.default_rng(rng).uniform())


@measure(cite="none")
def follows(
    spectrum: Spectrum, /, *, convention: Literal["theodolite", "weightwatcher"] = "theodolite"
) -> Annotated[Array, FREE]:
    """Say which convention it was asked under."""
    return np.float64(convention == "weightwatcher")


@dataclass(frozen=True, kw_only=True)
class Pair(Result):
    """A result with two fields."""

    here: Annotated[Array, FREE]
    gone: Annotated[Array, FREE]


@measure(cite="none")
def halves(spectrum: Spectrum, /) -> Pair:
    """Give one field and miss the other."""
    return Pair(here=spectrum.eigenvalues[-1], gone=Missing(Outcome.TOO_FEW_EIGENVALUES, "3 of 8"))


@measure(cite="none")
def doubtful(spectrum: Spectrum, /) -> Annotated[Array, FREE]:
    """Give an estimate with everything beside it."""
    low, high = np.float64(0.5), np.float64(1.5)
    note = Note(Outcome.SHORT_TAIL, "12 values")
    return Estimate(np.float64(1.0), Interval(low, high, 0.95, np.float64(0.25)), (note,))


def cells(readings: td.Readings, measure: str, column: str = "value") -> dict[str, object]:
    layers = [row for row in readings if row.measure == measure and not row.target.endswith(":*")]
    return {row.target.rpartition(":")[2]: getattr(row, column) for row in layers}


MATRICES = [
    name for block in range(3) for name in (f"layers.{block}.attention.query.weight", f"layers.{block}.mlp.up.weight")
]


def test_every_matrix_is_measured_and_every_other_tensor_listed_with_its_reason(model: Model) -> None:
    readings = td.survey(model, ["frobenius_norm", "stable_rank"])
    norms = cells(readings, "frobenius_norm")
    assert list(norms) == MATRICES
    for name, norm in norms.items():
        assert norm == pytest.approx(np.linalg.norm(model[name].astype(float)), rel=1e-12)
    listed = {t.target.removeprefix("arrays:"): t.listed_because for t in readings.targets if t.listed_because}
    assert set(listed) == set(model) - set(MATRICES)
    assert listed["steps"] == "integers are not measured"
    assert [t.target for t in readings.targets] == [*(f"arrays:{name}" for name in model), "arrays:*"]
    target = readings.target("arrays:layers.1.mlp.up.weight")
    assert (target.block, target.shape, target.dtype, target.view) == (1, (48, 24), "F32", "matrix")
    assert len(target.fingerprint) == 64


def test_one_decomposition_serves_all_measures(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []

    def counting(matrix: object) -> object:
        counted.append(matrix)
        return core_views_gram(matrix)

    core_views_gram = core_views.gram_eigenvalues
    monkeypatch.setattr(core_views, "gram_eigenvalues", counting)
    td.survey(model, "standard")
    assert len(counted) == len(MATRICES)


def test_one_fit_serves_the_measures_that_rest_on_it(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from theodolite.spectra import _tail

    fits = []
    original = _tail.fit_power_law
    monkeypatch.setattr(_tail, "fit_power_law", lambda *a, **k: (fits.append(1), original(*a, **k))[1])
    td.survey(model, ["power_law", "alpha_hat", "log_alpha_norm"])
    assert len(fits) == len(MATRICES)


def test_unforeseen_errors_become_failed_rows_and_the_run_goes_on(model: Model) -> None:
    readings = td.survey(model, [breaks, starves, infinite, "stable_rank"])
    statuses = cells(readings, "breaks", "status")
    assert [statuses[name] for name in MATRICES] == ["ok", "failed"] * 3
    notes = cells(readings, "breaks", "note")
    assert notes["layers.0.mlp.up.weight"] == "ZeroDivisionError: the second layer is special"
    assert set(cells(readings, "starves", "note").values()) == {"MemoryError"}
    assert set(cells(readings, "infinite", "status").values()) == {"failed"}
    assert all("a measure gave inf" in str(note) for note in cells(readings, "infinite", "note").values())
    assert set(cells(readings, "stable_rank", "status").values()) == {"ok"}


def test_refusals_are_skipped_rows_with_what_was_seen(model: Model) -> None:
    readings = td.survey(model, [refuses])
    assert {row.status for row in readings if row.target in {f"arrays:{n}" for n in MATRICES}} == {"skipped"}
    assert set(cells(readings, "refuses", "note").values()) == {"24 of 24 equal"}


def test_notes_and_uncertainty_stand_beside_the_value(model: Model) -> None:
    row = next(iter(td.survey(model, [doubtful])))
    assert (row.value, row.se, row.low, row.high, row.level) == (1.0, 0.25, 0.5, 1.5, 0.95)
    assert (row.outcome, row.note, row.status) == ("SHORT_TAIL", "12 values", "note")


def test_a_missing_field_is_skipped_while_its_siblings_stand(model: Model) -> None:
    readings = td.survey(model, [halves])
    rows = [row for row in readings if row.target == "arrays:layers.0.mlp.up.weight"]
    assert [(row.field, row.status, row.note) for row in rows] == [("here", "ok", ""), ("gone", "skipped", "3 of 8")]


def test_a_decomposition_that_fails_is_tried_once_and_answers_every_measure(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def starving(matrix: object) -> object:
        tried.append(matrix)
        raise MemoryError("9 GiB")

    monkeypatch.setattr(core_views, "gram_eigenvalues", starving)
    readings = td.survey(model, ["power_law", "stable_rank", largest])
    assert len(tried) == len(MATRICES)
    assert set(cells(readings, "stable_rank", "note").values()) == {"MemoryError: 9 GiB"}
    assert calls == []
    assert all(row.array == "" for row in readings)


def test_entries_that_are_not_finite_are_an_outcome_of_every_measure(model: Model) -> None:
    model["layers.1.mlp.up.weight"][3, 4] = np.nan
    readings = td.survey(model, "quick")
    spoiled = [row for row in readings if row.target == "arrays:layers.1.mlp.up.weight"]
    assert {row.outcome for row in spoiled} == {"NOT_FINITE"}
    assert len(spoiled) == len([row for row in readings if row.target == "arrays:layers.0.mlp.up.weight"])


def test_a_tensor_that_can_not_be_read_fails_alone(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Weight.fingerprint

    def torn(weight: Weight) -> bytes:
        if weight.name == "layers.1.mlp.up.weight":
            raise OSError("the disk is gone")
        return original(weight)

    monkeypatch.setattr(Weight, "fingerprint", torn)
    readings = td.survey(checkpoint, ["stable_rank"])
    failed = [row for row in readings if row.status == "failed"]
    assert [(row.target, row.note) for row in failed] == [("small:layers.1.mlp.up.weight", "OSError: the disk is gone")]


def test_a_tensor_whose_matrices_can_not_be_told_fails_alone(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Weight.matrices

    def lost(weight: Weight, *args: object, **kwargs: object) -> object:
        if weight.name == "layers.1.mlp.up.weight":
            raise KeyError("heads")
        return original(weight, *args, **kwargs)

    monkeypatch.setattr(Weight, "matrices", lost)
    readings = td.survey(checkpoint, ["stable_rank"])
    failed = [row for row in readings if row.status == "failed"]
    assert [(row.target, row.note) for row in failed] == [("small:layers.1.mlp.up.weight", "KeyError: 'heads'")]


def test_random_streams_belong_to_the_reading_and_not_to_the_order(model: Model) -> None:
    whole = cells(td.survey(model, [draws, "stable_rank"]), "draws")
    assert len(set(whole.values())) == len(MATRICES)
    backwards = cells(td.survey(dict(reversed(model.items())), ["stable_rank", draws]), "draws")
    assert whole == backwards
    other = cells(td.survey(model, Survey.of([draws], seed=1)), "draws")
    assert not set(other.values()) & set(whole.values())


def test_a_stream_is_a_known_number() -> None:
    # numpy.random.SeedSequence([3, 0xff]).generate_state(1, "uint64"), whose algorithm NumPy keeps stable.
    assert stream(3, "ff") == int(np.random.SeedSequence([3, 255]).generate_state(1, np.uint64)[0])
    assert stream(3, "ff") != stream(4, "ff") != stream(3, "fe")


def test_the_convention_reaches_the_weights_and_the_measures(model: Model) -> None:
    rng = np.random.default_rng(0)
    kernel = {"conv.weight": rng.normal(size=(16, 8, 3, 3)).astype(np.float32)}
    ours = td.survey(kernel, [follows, "frobenius_norm"])
    theirs = td.survey(kernel, Survey.of([follows, "frobenius_norm"], convention="weightwatcher"))
    assert cells(ours, "follows") == {"conv.weight": 0.0}
    assert cells(theirs, "follows") == {"conv.weight": 1.0}
    assert theirs.rows[0].target == "arrays@weightwatcher:conv.weight"
    ratio = cells(theirs, "frobenius_norm")["conv.weight"] / cells(ours, "frobenius_norm")["conv.weight"]
    assert ratio == pytest.approx(0.5**0.5, rel=1e-6)
    asked = functools.partial(follows, convention="theodolite")
    assert set(cells(td.survey(kernel, Survey.of([asked], convention="weightwatcher")), "follows").values()) == {0.0}


def test_chance_levels_stand_beside_default_readings_only(model: Model) -> None:
    truncated = functools.partial(td.spectra.power_law, truncated=True)
    readings = td.survey(model, ["stable_rank", "power_law", truncated, "frobenius_norm"])
    level = chance_levels((24, 48))["stable_rank.value"]
    row = next(r for r in readings if r.measure == "stable_rank" and r.target.endswith("0.mlp.up.weight"))
    assert row.chance == level.median
    assert row.percentile == level.percentile(row.value)
    beside = {(r.name, r.params) for r in readings if r.chance is not None}
    fitted = {f"power_law.{field}" for field in ("alpha", "distance", "tail_size")}
    assert {name for name, _ in beside} == {"stable_rank", *fitted}
    assert not any("true" in params for _, params in beside)
    assert all(r.chance is None for r in td.survey(model, "quick"))
    small = td.survey({"w.weight": np.diag(np.arange(1.0, 8.0))}, ["stable_rank"])
    assert (small.rows[0].outcome, small.rows[0].chance) == ("TOO_SMALL_FOR_CHANCE", None)


def test_every_shape_metric_has_its_chance_level(model: Model) -> None:
    readings = td.survey(model, "full")
    rows = {r.name: r for r in readings if r.target.endswith("0.mlp.up.weight")}
    with_percentile = {
        *("power_law.alpha", "power_law.distance", "stable_rank", "effective_rank", "hill", "spectral_entropy"),
        *("participation_ratio", "random_distance", "marchenko_pastur.distance", "marchenko_pastur.soft_rank"),
        *("truncated_power_law.distance", "lognormal_tail.distance", "exponential_tail.distance"),
        *("power_law.tail_size", "truncated_power_law.tail_size", "lognormal_tail.tail_size", "lognormal_tail.sigma"),
    }
    for name in with_percentile:
        if rows[name].value is not None:
            assert rows[name].chance is not None, name
            assert 0 < rows[name].percentile < 100, name
    for name, value in (("numerical_rank", 24), ("marchenko_pastur.sigma", 1), ("marchenko_pastur.spikes", 0)):
        if rows[name].value is not None:
            assert (rows[name].chance, rows[name].percentile) == (value, None)
    # What has a unit of weights has no chance level that a shape could give.
    for name in ("frobenius_norm", "exponential_tail.rate", "exponential_tail.xmin", "marchenko_pastur.variance"):
        assert rows[name].chance is None


def test_layers_that_are_left_out_are_listed(model: Model) -> None:
    readings = td.survey(model, Survey.of(["stable_rank"], layers="*attention*"))
    assert list(cells(readings, "stable_rank")) == [name for name in MATRICES if "attention" in name]
    left_out = readings.target("arrays:layers.0.mlp.up.weight")
    assert left_out.listed_because == "left out by layers='*attention*'"


def test_eigenvalues_of_a_power_law_can_be_had_from_memory(model: Model) -> None:
    readings = td.survey(model, ["power_law"])
    row = readings.where("power_law.alpha", target="arrays:layers.0.mlp.up.weight").rows[0]
    expected = np.linalg.svd(model["layers.0.mlp.up.weight"].astype(float), compute_uv=False)[::-1] ** 2
    np.testing.assert_allclose(readings.array(row), expected, rtol=1e-10)


def test_packed_experts_are_hashed_once_and_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    stacked = {"layers.0.mlp.experts.down_proj": rng.normal(size=(4, 12, 20)).astype(np.float32)}
    hashed = []
    original = Weight.fingerprint
    monkeypatch.setattr(Weight, "fingerprint", lambda weight: (hashed.append(weight.name), original(weight))[1])
    readings = td.survey(stacked, ["stable_rank"])
    parts = [t for t in readings.targets if t.part]
    assert [t.part for t in parts] == [f"expert.{index}" for index in range(4)]
    assert len({t.fingerprint for t in parts}) == 4
    assert len({row.key for row in readings}) == len(readings)
    assert hashed == ["layers.0.mlp.experts.down_proj"]


def test_tied_tensors_are_measured_once(model: Model, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    table = np.random.default_rng(1).normal(size=(64, 24)).astype(np.float32)
    safetensors.save_file({"model.embed_tokens.weight": table, "lm_head.weight": table}, tmp_path / "tied.safetensors")
    readings = td.survey(tmp_path / "tied.safetensors", ["stable_rank"])
    tied = [t for t in readings.targets if t.tied_to]
    assert len(tied) == 1
    assert "tied" in tied[0].listed_because
    assert len(cells(readings, "stable_rank")) == 1


def test_progress_counts_targets_and_estimates_what_is_left(model: Model) -> None:
    seen: list[Progress] = []
    td.survey(model, [breaks], progress=seen.append)
    assert [p.done for p in seen] == list(range(len(MATRICES) + 1))
    assert {p.total for p in seen} == {len(MATRICES)}
    assert (seen[0].seconds_left, seen[0].target) == (None, "")
    assert seen[-1].seconds_left == 0.0
    assert seen[-1].failed == 3
    assert all(p.seconds_left > 0 for p in seen[1:-1])


def test_several_models_of_one_name_are_told_apart_by_their_folders(model: Model, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    paths = []
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        paths.append(tmp_path / run / "weights-3.safetensors")
        safetensors.save_file(model, paths[-1])
    readings = td.survey(paths, ["stable_rank"])
    assert readings.models == ("first/weights-3", "second/weights-3")
    with pytest.raises(ValueError, match="two models are named 'arrays'"):
        td.survey([model, model], ["stable_rank"])
    with pytest.raises(ValueError, match="the list is empty"):
        td.survey([], ["stable_rank"])


@pytest.mark.parametrize("jobs", [0, True, 1.5, None])
def test_jobs_that_make_no_sense(jobs: object, model: Model) -> None:
    with pytest.raises(ValueError, match="jobs: got"):
        td.survey(model, "quick", jobs=jobs)  # type: ignore[arg-type]


@pytest.mark.parametrize("shard", [(0, 2), (3, 2), ("1", 2)])
def test_shards_that_do_not_exist(shard: tuple[int, int], model: Model, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        td.survey(model, "quick", shard=shard, store=tmp_path / "run")


def test_a_shard_needs_a_store(model: Model) -> None:
    with pytest.raises(ValueError, match="give store="):
        td.survey(model, "quick", shard=(1, 2))


def test_a_mapping_must_lead_to_arrays() -> None:
    with pytest.raises(TypeError, match="'b' leads to list"):
        td.survey({"a": np.eye(3), "b": [1]}, "quick")


@pytest.mark.torch
def test_a_live_module_and_its_state_dict_agree(torch: object) -> None:
    from torch import manual_seed, nn

    manual_seed(0)
    network = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 10)).bfloat16()
    from_module = cells(td.survey(network, ["stable_rank"]), "stable_rank")
    from_state = cells(td.survey(network.state_dict(), ["stable_rank"]), "stable_rank")
    assert from_state == from_module
    assert len(from_state) == 2


def test_memory_and_folder_agree_to_the_byte(checkpoint: Path, tmp_path: Path) -> None:
    in_memory = td.survey(checkpoint)
    in_folder = td.survey(checkpoint, store=tmp_path / "run")
    assert in_memory.canonical() == in_folder.canonical() == read_run(tmp_path / "run").canonical()
    row = in_folder.where("power_law.alpha").rows[0]
    np.testing.assert_array_equal(in_memory.array(row), in_folder.array(row))


def test_the_operator_of_a_convolution() -> None:
    kernel = {"conv.weight": np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)}
    readings = td.survey(kernel, Survey.of(["spectral_norm", "stable_rank"], view="fft"))
    row = readings.rows[0]
    assert (row.target, row.status, row.chance) == ("arrays@fft:conv.weight", "ok", None)
    transformed = np.fft.fft2(kernel["conv.weight"].astype(float), (32, 32)).transpose(2, 3, 0, 1)
    assert row.value == pytest.approx(np.linalg.svd(transformed, compute_uv=False).max(), rel=1e-6)


def test_a_survey_loads_neither_pandas_nor_what_one_job_does_not_need() -> None:
    program = (
        "import sys, numpy as np, theodolite as td\n"
        "readings = td.survey({'a.weight': np.eye(9) + 1.0})\n"
        "print(sorted({'pandas', 'joblib', 'torch', 'scipy.stats', 'altair'} & set(sys.modules)), len(readings))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.startswith("[] ")
