"""What each rule decides, against closed forms and brute force; and what a plan says of itself."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

import theodolite as td
from theodolite.act import MatrixPlan, Smoothing, SmoothPlan, smooth_plan
from theodolite.core import ParameterError


def by_name(plan):
    return {matrix.name: matrix for matrix in plan.matrices}


def values_of(array):
    return np.linalg.svd(array.astype(np.float64), compute_uv=False)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.999, 1.0])
def test_energy_keeps_the_fewest_that_hold_the_share(source, model, share):
    plan = smooth_plan(source, "energy", energy=share)
    assert len(plan.matrices) == 5
    for name, matrix in by_name(plan).items():
        squares = values_of(model[name]) ** 2
        total, held, rank = squares.sum(), 0.0, 0
        while held < share * total * (1 - 1e-13):
            held += squares[rank]
            rank += 1
        assert matrix.rank == rank
        assert matrix.energy == pytest.approx(squares[:rank].sum() / total, rel=1e-9)
        assert matrix.energy >= share * (1 - 1e-12)


def test_energy_at_a_tie_is_exact(tmp_path):
    save_file({"fc.weight": np.diag([2.0, 2.0, 2.0, 2.0])}, tmp_path / "tie.safetensors")
    ranks = [
        smooth_plan(tmp_path / "tie.safetensors", "energy", energy=e).matrices[0].rank for e in (0.25, 0.26, 0.5, 0.75)
    ]
    assert ranks == [1, 2, 2, 3]


def test_trace_log_keeps_as_many_as_the_condition_counts(source, model):
    for name, matrix in by_name(smooth_plan(source)).items():
        squares = values_of(model[name]) ** 2
        logs = np.log(squares / squares.mean())
        total, rank = 0.0, 0
        while True:
            total += logs[rank]
            rank += 1
            if total < 0:
                break
        assert matrix.rank == rank


def test_spikes_keeps_what_was_planted_and_leaves_noise_alone(source):
    plan = by_name(smooth_plan(source, "spikes"))
    noise = plan.pop("noise.weight")
    assert {matrix.rank for matrix in plan.values()} == {3}
    assert noise.rank == 40
    assert not noise.changes
    assert "keeping nothing would erase the layer" in noise.explain()


@pytest.mark.parametrize(("asked", "expected"), [(1, 1), (7, 7), (10**6, 40), (0.25, 10), (0.001, 1), (0.51, 20)])
def test_rank_takes_a_number_or_a_fraction(source, asked, expected):
    assert by_name(smooth_plan(source, "rank", rank=asked))["noise.weight"].rank == expected


def test_layers_restricts(source):
    plan = smooth_plan(source, "rank", rank=2, layers="*.query, noise.*")
    assert list(by_name(plan)) == [
        "layers.0.attention.query.weight",
        "layers.1.attention.query.weight",
        "noise.weight",
    ]
    with pytest.raises(ParameterError, match="net holds no matrix that matches layers='nothing'"):
        smooth_plan(source, layers="nothing")


ODD = {
    "zero": (np.zeros((9, 12)), "every entry is zero"),
    "not a number": (np.where(np.arange(108).reshape(9, 12) == 5, np.nan, 1.0), "NaN or infinite entries"),
    "too large": (np.full((9, 12), 1e200), "leave the range of float64"),
    "orthogonal": (np.eye(12), "all eigenvalues"),
    "small": (np.arange(12.0).reshape(3, 4), "too few eigenvalues"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_matrix_without_an_answer_stays_as_it_is(tmp_path, name):
    array, reason = ODD[name]
    save_file({"fc.weight": array}, tmp_path / "odd.safetensors")
    (matrix,) = smooth_plan(tmp_path / "odd.safetensors", "spikes").matrices
    assert not matrix.changes
    assert matrix.energy == 1.0
    assert reason in matrix.explain()


@pytest.mark.parametrize("name", ["zero", "not a number", "too large"])
def test_so_does_one_whose_rank_was_asked_for(tmp_path, name):
    save_file({"fc.weight": ODD[name][0]}, tmp_path / "odd.safetensors")
    for rule in ({"rank": 2}, {"energy": 0.5}):
        (matrix,) = smooth_plan(tmp_path / "odd.safetensors", next(iter(rule)), **rule).matrices
        assert not matrix.changes


def test_a_plan_does_not_depend_on_who_computes_it(source):
    for rule in ("trace_log", "spikes", "energy"):
        alone = smooth_plan(source, rule, remove_traps=True)
        assert smooth_plan(source, rule, remove_traps=True, jobs=4) == alone
        assert smooth_plan(td.open(source), rule, remove_traps=True) == alone


@pytest.mark.parametrize("rule", ["trace_log", "spikes", "energy", "rank"])
def test_readings_give_the_same_plan(source, rule, tmp_path):
    options = {"rank": 5} if rule == "rank" else {}
    readings = td.survey(source, ["trace_log_rank", "marchenko_pastur", "power_law"], store=tmp_path / "run")
    planned, expected = smooth_plan(readings, rule, **options), smooth_plan(source, rule, **options)
    assert [m.name for m in planned.matrices] == [m.name for m in expected.matrices]
    for mine, other in zip(planned.matrices, expected.matrices, strict=True):
        assert (mine.rank, mine.shape, mine.role, mine.reason) == (other.rank, other.shape, other.role, other.reason)
        assert mine.energy == pytest.approx(other.energy)
    stored = smooth_plan(td.read_run(tmp_path / "run"), rule, layers="noise.*", **options)
    assert [m.name for m in stored.matrices] == ["noise.weight"]


def test_a_refused_reading_leaves_the_matrix_alone(tmp_path):
    save_file({"fc.weight": np.zeros((9, 12)), "other.weight": np.eye(12)[:9] + 1}, tmp_path / "net.safetensors")
    plan = smooth_plan(td.survey(tmp_path / "net.safetensors", ["marchenko_pastur"]), "spikes")
    assert not by_name(plan)["fc.weight"].changes
    assert "every entry is zero" in by_name(plan)["fc.weight"].explain()


def test_readings_that_lack_something_say_what(source):
    readings = td.survey(source, ["stable_rank"])
    with pytest.raises(
        ParameterError, match=r"hold no trace_log_rank\.rank of net:.*survey again with 'trace_log_rank'"
    ):
        smooth_plan(readings)
    with pytest.raises(ParameterError, match="carry no eigenvalues"):
        smooth_plan(readings, "energy")
    with pytest.raises(ParameterError, match="remove_traps: readings don't say which"):
        smooth_plan(readings, remove_traps=True)
    with pytest.raises(ParameterError, match="under the convention 'weightwatcher'"):
        smooth_plan(td.survey(source, td.Survey.of("stable_rank", convention="weightwatcher")), "rank", rank=2)
    both = td.survey([source, td.open(source, model="other")], ["stable_rank"])
    with pytest.raises(ParameterError, match="readings are of 2 models"):
        smooth_plan(both, "rank", rank=2)
    assert smooth_plan(readings, "rank", rank=2).matrices[0].energy is None


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"smoothing": "tracelog"}, "did you mean 'trace_log'"),
        ({"smoothing": "energy", "energy": 0}, "energy is 0; it must be a share above 0"),
        ({"smoothing": "energy", "energy": 1.5}, "at most 1"),
        ({"smoothing": "energy", "energy": float("nan")}, "energy is nan"),
        ({"smoothing": "rank"}, "rank is None; it must be a whole number"),
        ({"smoothing": "rank", "rank": 2.5}, "rank is 2.5"),
        ({"smoothing": "rank", "rank": 0}, "rank is 0"),
        ({"smoothing": "rank", "rank": True}, "rank is True"),
        ({"smoothing": "spikes", "rank": 3}, "rank is 3, which goes with by='rank'; by is 'spikes'"),
        ({"smoothing": "none"}, "nothing would change"),
        ({"layers": " "}, "layers is ' '"),
        ({"seed": -1}, "seed is -1"),
        ({"remove_traps": 1}, "remove_traps is 1"),
        ({"energi": 1}, "unknown option 'energi' of smoothing; did you mean 'energy'"),
        ({"smoothing": "rank", "by": "energy"}, "give one"),
        ({"jobs": 0}, "jobs is 0; it must be at least 1"),
    ],
)
def test_wrong_options_are_named(source, options, match):
    with pytest.raises(ParameterError, match=match):
        smooth_plan(source, **options)
    with pytest.raises(TypeError, match="smoothing: expected a rule's name"):
        smooth_plan(source, 3)


def test_it_explains_itself_a_sentence_a_matrix(source):
    lines = smooth_plan(source, "spikes").explain().splitlines()
    assert (
        lines[0]
        == "net, smoothed by what stands out from the random bulk: 4 of 5 matrices change; 52 of 232 components stay."
    )
    assert len(lines) == 6
    assert lines[1].startswith("layers.0.attention.query.weight: 3 of 48 components stay with ")
    assert lines[1].endswith("% of the energy, because 3 stand out from the random bulk.")
    assert lines[-1].startswith("noise.weight: stays as it is, because nothing stands out")


def test_json_and_back(source):
    plan = smooth_plan(source, "rank", rank=0.5, layers="*", seed=3, remove_traps=True)
    again = SmoothPlan.from_json(plan.to_json())
    assert again == plan
    assert json.loads(plan.to_json())["smoothing"]["rank"] == 0.5
    with pytest.raises(ValueError, match="schema: got 7"):
        SmoothPlan.from_dict({**plan.to_dict(), "schema": 7})
    with pytest.raises(ValueError, match="it is no plan of smoothing"):
        SmoothPlan.from_dict({"schema": 1, "model": "x"})


def test_packed_parts_are_told_apart():
    plan = MatrixPlan("attn.in_proj_weight", "query", "query", (8, 8), 2, None, "a rank of 2 was asked for")
    assert plan.explain() == "attn.in_proj_weight#query: 2 of 8 components stay, because a rank of 2 was asked for."


def test_a_description_can_be_made_of_another():
    described = Smoothing.of("energy", energy=0.9)
    assert Smoothing.of(described, seed=4) == Smoothing("energy", energy=0.9, seed=4)
    assert Smoothing.of(described.to_dict()) == described
    assert Smoothing("rank", rank=3.0).to_dict()["rank"] == 3
    assert Smoothing("energy").energy == 0.95


@pytest.mark.parametrize(
    ("share", "says"), [(0.9986, "99.9 %"), (0.5, "50 %"), (0.0286, "2.9 %"), (0.9996, "more than 99.9 %")]
)
def test_the_energy_that_stays_is_rounded_but_never_to_the_whole(share, says):
    plan = MatrixPlan("fc.weight", "", "other", (80, 70), 2, share, "so")
    assert f"2 of 70 components stay with {says} of the energy" in plan.explain()
