"""What is missing is said, what is there is computed, and the user's network is never touched."""

import copy
import json
import math
import pickle

import numpy as np
import pytest

import theodolite as td
from theodolite.core import ParameterError
from theodolite.generalization import METRICS, MetricSettings
from theodolite.generalization.metrics import generalization_metrics

RNG = np.random.default_rng(0)
WEIGHTS = {"a.weight": RNG.normal(size=(30, 40)), "a.bias": RNG.normal(size=30), "b.weight": RNG.normal(size=(20, 30))}
START = {name: array / 2 for name, array in WEIGHTS.items()}
NEED_NOTHING = {name for name, metric in METRICS.items() if not metric.needs}


def outcomes(found):
    return {name: metric.outcome.name for name, metric in found.items() if metric.outcome is not None}


def test_weights_alone_give_13_metrics_and_a_reason_for_each_other():
    rising = (1 - (np.arange(300) + 0.5) / 300) ** -1.5
    found = generalization_metrics({"a.weight": np.diag(np.sqrt(rising / (1 + rising / 60)))})
    assert found.numbers.keys() == NEED_NOTHING
    assert len(NEED_NOTHING) == 13
    missing = outcomes(found)
    assert missing.keys() == METRICS.keys() - NEED_NOTHING
    assert {missing[name] for name in ("FRO_DIST", "DIST_SPEC_INIT", "PACBAYES_INIT")} == {"NEEDS_INIT"}
    assert missing["PACBAYES_MAG_ORIG"] == "NEEDS_INIT"
    assert found["FRO_DIST"].reason.startswith("This metric measures the way from the initial weights")
    assert "not given: init, model, data" in found["PACBAYES_INIT"].reason
    assert all(metric.reason for metric in found.values() if metric.value is None)
    assert not any(metric.reason for metric in found.values() if metric.value is not None)


def test_a_network_that_can_not_be_run_for_want_of_torch(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    missing = outcomes(generalization_metrics(WEIGHTS))
    assert missing["INVERSE_MARGIN"] == "NEEDS_TORCH"
    assert missing["FRO_DIST"] == "NEEDS_INIT"


def test_initial_weights_add_the_distances():
    found = generalization_metrics(WEIGHTS, START)
    assert found.numbers.keys() == generalization_metrics(WEIGHTS).numbers.keys() | {"FRO_DIST", "DIST_SPEC_INIT"}
    assert found["FRO_DIST"].value == pytest.approx(found["PARAM_NORM"].value / 2, rel=1e-12)
    assert outcomes(found)["PACBAYES_INIT"] in {"NEEDS_MODEL", "NEEDS_TORCH"}


def test_vectors_and_biases_enter_no_norm():
    squares = sum(float((WEIGHTS[name] ** 2).sum()) for name in ("a.weight", "b.weight"))
    found = generalization_metrics(WEIGHTS)
    assert found["PARAM_NORM"].value == pytest.approx(math.sqrt(squares), rel=1e-12)
    assert (found.layers, found.parameters) == (2, 30 * 40 + 20 * 30)


def test_the_number_of_samples_enters_last():
    few, many = (generalization_metrics(WEIGHTS, samples=m) for m in (1, 100))
    assert many["PARAM_NORM"].value == pytest.approx(few["PARAM_NORM"].value / 10, rel=1e-12)
    assert many["stable_rank"] == few["stable_rank"]
    assert (few.samples, many.samples, generalization_metrics(WEIGHTS).samples) == (1, 100, 1)


def test_a_layer_without_a_number_is_left_out_of_the_mean_and_counted():
    weights = {**WEIGHTS, "c.weight": np.eye(20), "d.weight": np.ones((2, 3))}
    found, without = generalization_metrics(weights), generalization_metrics(WEIGHTS)
    assert found["PL_alpha"].value == without["PL_alpha"].value
    assert found["PL_alpha"].layers == 2
    assert dict(found["PL_alpha"].left_out) == {"c.weight": "NO_SPREAD", "d.weight": "TOO_FEW_EIGENVALUES"}
    assert found["stable_rank"].layers == 4


def test_a_layer_that_is_not_finite_spoils_the_sums_and_is_named():
    broken = {**WEIGHTS, "c.weight": np.full((10, 10), np.nan)}
    found = generalization_metrics(broken)
    assert found["PARAM_NORM"].outcome.name == "NOT_FINITE"
    assert "c.weight" in found["PARAM_NORM"].reason
    assert found["log_norm"].layers == 2


def test_packed_projections_count_as_three_and_tied_matrices_once():
    packed = RNG.normal(size=(96, 32))
    net = {"h.0.attn.in_proj_weight": packed, "embed.weight": RNG.normal(size=(50, 32))}
    found = generalization_metrics(net)
    assert found.layers == 4
    assert found["stable_rank"].layers == 4
    parts = [packed[:32], packed[32:64], packed[64:], net["embed.weight"]]
    rank = np.mean([np.sum(p**2) / np.linalg.norm(p, 2) ** 2 for p in parts])
    assert found["stable_rank"].value == pytest.approx(rank, rel=1e-10)


@pytest.mark.parametrize(
    ("start", "says"),
    [
        ({"a.weight": WEIGHTS["a.weight"]}, r"init: arrays holds no b\.weight"),
        ({**WEIGHTS, "b.weight": np.ones((30, 20))}, r"init: arrays holds b\.weight in the shape \(30, 20\)"),
    ],
)
def test_initial_weights_of_another_network_are_refused(start, says):
    with pytest.raises(ValueError, match=says):
        generalization_metrics(WEIGHTS, start)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sample": 3}, r"unknown option 'sample' of generalization_metrics; did you mean 'samples'"),
        ({"samples": 0}, "samples is 0; it must be an integer of at least 1"),
        ({"samples": True}, "samples is True"),
        ({"convention": "author"}, "did you mean 'authors'"),
        ({"displaced": "error"}, "it must be 'accuracy' or 'loss'"),
        ({"displacement": 0.0}, "it must be above 0"),
        ({"draws": 0}, "draws is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_options_that_do_not_fit(options, says):
    with pytest.raises(ParameterError, match=says):
        generalization_metrics(WEIGHTS, **options)


def test_one_network_at_a_time():
    with pytest.raises(TypeError, match="expected one network"):
        generalization_metrics([WEIGHTS, START])


def test_the_result_is_a_mapping_a_table_and_json():
    found = generalization_metrics(WEIGHTS, START)
    assert [*found] == [*METRICS]
    assert len(found) == 28
    with pytest.raises(KeyError, match="did you mean 'PL_alpha'"):
        found["pl_alpha"]
    frame = found.frame
    assert [*frame.index] == [*METRICS]
    assert frame.loc["PARAM_NORM", "value"] == found["PARAM_NORM"].value
    assert math.isnan(frame.loc["PATH_NORM", "value"])
    assert frame.loc["PATH_NORM", "needs"] == "model"
    again = json.loads(json.dumps(found.to_dict()))
    assert {row["metric"]: row["value"] for row in again["metrics"]}["FRO_DIST"] == found["FRO_DIST"].value
    assert again["settings"]["convention"] == "theodolite"
    assert pickle.loads(pickle.dumps(found)) == found


def test_settings_say_how_far():
    assert MetricSettings().amount("accuracy") == 0.1
    assert MetricSettings(displacement=0.3).amount("loss") == 0.3


def test_files_and_mappings_give_the_same(tmp_path):
    np.savez(tmp_path / "net.npz", **WEIGHTS)
    np.savez(tmp_path / "init.npz", **START)
    from_files = generalization_metrics(tmp_path / "net.npz", tmp_path / "init.npz")
    assert from_files.numbers == generalization_metrics(WEIGHTS, START).numbers
    assert from_files.model == "net"


# with a network to run


@pytest.fixture
def trained(torch):
    """A rectified network on two noisy clusters, its start, and its data."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(16, 3))
    start = copy.deepcopy(net.state_dict())
    targets = torch.arange(90) % 3
    inputs = torch.randn(90, 6) * 0.4 + torch.eye(3, 6)[targets] * 2
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(inputs), targets).backward()
        optimizer.step()
    return net, start, (inputs, targets)


@pytest.mark.torch
def test_everything_given_is_everything_taken(trained):
    net, start, data = trained
    found = generalization_metrics(net, start, data=data)
    assert found.numbers.keys() == METRICS.keys() - set(outcomes(found))
    assert set(outcomes(found)) <= {"E_TPL_beta", "E_TPL_lambda", "EXP_lambda", "E_TPL_KS_distance", "PL_alpha",
                                    "PL_KS_distance", "alpha_weighted", "log_alpha_norm", "mp_softrank"}  # fmt: skip
    assert found.samples == 90
    assert found.accuracy > 0.9
    assert all(math.isfinite(value) for value in found.numbers.values())


@pytest.mark.torch
def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(trained):
    net, start, data = trained
    first, second, third = (generalization_metrics(net, start, data=data, seed=seed) for seed in (1, 1, 2))
    assert first == second
    assert first["PACBAYES_FLATNESS"].value != third["PACBAYES_FLATNESS"].value
    assert first["PATH_NORM"] == third["PATH_NORM"]


@pytest.mark.torch
def test_batches_give_what_the_whole_gives(trained):
    net, start, (inputs, targets) = trained
    whole = generalization_metrics(net, start, data=(inputs, targets))
    pairs = [(inputs[i : i + 7], targets[i : i + 7]) for i in range(0, 90, 7)]
    for data in (pairs, {"inputs": inputs.numpy(), "targets": targets.numpy()}):
        cut = generalization_metrics(net, start, data=data)
        assert cut.samples == 90
        assert cut.numbers == pytest.approx(whole.numbers, rel=1e-4)


@pytest.mark.torch
@pytest.mark.parametrize("convention", ["theodolite", "authors"])
def test_the_network_is_left_as_it_was(torch, trained, convention):
    net, start, data = trained
    net.train()
    net[3].eval()
    seen = []
    net[0].register_forward_hook(lambda *_: seen.append(1))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    state = torch.get_rng_state()
    generalization_metrics(net, start, data=data, convention=convention)
    assert [module.training for module in net] == [True, True, True, False]
    assert all(p.requires_grad for p in net.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert len(net[0]._forward_hooks) == 1


@pytest.mark.torch
@pytest.mark.parametrize("stop_after", [2, 5, 30])
def test_an_interrupt_leaves_the_network_as_it_was(torch, trained, stop_after):
    net, start, data = trained

    class Counting(torch.nn.Module):
        runs = 0

        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            Counting.runs += 1
            if Counting.runs == stop_after:
                raise KeyboardInterrupt
            return self.net(x)

    counting = Counting().train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(KeyboardInterrupt):
        generalization_metrics(counting, {f"net.{name}": t for name, t in start.items()}, data=data)
    assert net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.torch
def test_a_checkpoint_goes_into_a_module_of_its_architecture(torch, trained, tmp_path):
    net, start, data = trained
    torch.save(net.state_dict(), tmp_path / "net.pt")
    empty = copy.deepcopy(net)
    for parameter in empty.parameters():
        torch.nn.init.zeros_(parameter)
    from_file = generalization_metrics(tmp_path / "net.pt", start, empty, data)
    assert from_file.numbers == generalization_metrics(net, start, data=data).numbers
    assert not any(bool(p.any()) for p in empty.parameters())
    other = torch.nn.Sequential(torch.nn.Linear(6, 17), torch.nn.ReLU(), torch.nn.Dropout(), torch.nn.Linear(17, 3))
    with pytest.raises(ParameterError, match=r"0\.weight"):
        generalization_metrics(tmp_path / "net.pt", model=other)
    with pytest.raises(TypeError, match=r"model: expected a torch\.nn\.Module"):
        generalization_metrics(tmp_path / "net.pt", model="net:build")


@pytest.mark.torch
def test_logits_and_targets_have_to_fit(trained):
    net, _, (inputs, _) = trained
    with pytest.raises(ValueError, match="don't go with targets"):
        generalization_metrics(net, data=(inputs, np.zeros((90, 2), dtype=int)))
    with pytest.raises(ParameterError, match="no example with a target"):
        generalization_metrics(net, data=(inputs, np.full(90, -100)))
    with pytest.raises(ParameterError, match="no example"):
        generalization_metrics(net, data=[])


@pytest.mark.torch
def test_positions_without_a_target_count_for_nothing(torch):
    """Logits over (positions, vocabulary) at -100 change nothing, and the loss is what noise displaces."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Embedding(9, 12), torch.nn.Linear(12, 9))
    inputs = torch.randint(0, 9, (8, 5))
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    for _ in range(80):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(inputs).flatten(0, 1), inputs.flatten()).backward()
        optimizer.step()
    # A wrong target behind the mask would halve the accuracy and turn the margin.
    padded = torch.cat([inputs, inputs], 1)
    targets = torch.cat([inputs, torch.full_like(inputs, -100)], 1)
    plain, masked = (
        generalization_metrics(net, data=data, samples=8, draws=120) for data in ((inputs, inputs), (padded, targets))
    )
    for name in ("INVERSE_MARGIN", "PACBAYES_FLATNESS", "PACBAYES_ORIG", "PATH_NORM"):
        assert masked[name].value == pytest.approx(plain[name].value, rel=1e-5), name
    assert masked.margin == pytest.approx(plain.margin, rel=1e-6)
    # The loss under noise of that level, measured here, is half a nat above the loss without.
    losses = []
    for draw in range(300):
        rng = np.random.default_rng([77, draw])
        noisy = copy.deepcopy(net)
        with torch.no_grad():
            for layer in (noisy[0], noisy[1]):
                layer.weight += torch.from_numpy(rng.standard_normal(layer.weight.shape)).float() * plain.sigma
            losses.append(float(torch.nn.functional.cross_entropy(noisy(inputs).flatten(0, 1), inputs.flatten())))
    assert np.mean(losses) - plain.loss == pytest.approx(0.5, abs=0.1)


@pytest.mark.torch
def test_a_margin_of_zero_and_a_bound_below_zero_are_said(torch):
    constant = torch.nn.Linear(4, 3, bias=False)
    torch.nn.init.ones_(constant.weight)
    found = generalization_metrics(constant, data=(torch.ones(6, 4), torch.zeros(6, dtype=torch.long)))
    assert found["INVERSE_MARGIN"].outcome.name == "ZERO_MARGIN"
    small, far = {"weight": np.full((3, 4), 1e-6)}, {"weight": np.full((3, 4), 1e3)}
    from theodolite.generalization.bounds import adjusted

    with pytest.raises(td.Refusal, match="negative"):
        adjusted(-1.0, 10, logarithmic=False)
    assert generalization_metrics(small, far).numbers["FRO_DIST"] > 0


@pytest.mark.torch
def test_a_network_no_better_than_chance_has_no_noise_level(torch):
    torch.manual_seed(0)
    net = torch.nn.Linear(5, 4)
    found = generalization_metrics(net, data=(torch.randn(80, 5), torch.arange(80) % 4), displacement=0.9)
    assert found["PACBAYES_FLATNESS"].outcome.name == "NO_NOISE_LEVEL"
    assert "not by 0.9" in found["PACBAYES_FLATNESS"].reason
    assert found["INVERSE_MARGIN"].value is not None


def test_no_torch_is_loaded_for_weights():
    import subprocess
    import sys

    code = (
        "import sys, numpy as np, theodolite as td; "
        "td.generalization_metrics({'a.weight': np.diag(np.arange(1., 30.))}); "
        "print(*{'torch', 'pandas', 'scipy.stats'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
