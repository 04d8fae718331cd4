"""Accuracy of a smoothed copy: closed forms on planted classifiers, and a model that stays as it is."""

import doctest
import hashlib
import json

import numpy as np
import pytest

import theodolite as td
from theodolite.core import ParameterError
from theodolite.generalization import LogitsError, smoothed_accuracy

pytestmark = pytest.mark.torch

SIZES = (9.0, 7.0, 5.0, 4.0, 3.0, 2.0)
COUNTS = (11, 7, 5, 13, 3, 2)


@pytest.fixture
def planted(torch):
    """Six classes of ten, each on a right singular vector of its own; what is lost is taken for the first class."""
    rng = np.random.default_rng(0)
    axes, _ = np.linalg.qr(rng.normal(size=(64, 64)))
    weight = np.zeros((10, 64))
    weight[:6] = np.array(SIZES)[:, None] * axes[:, :6].T
    model = torch.nn.Linear(64, 10)
    model.weight.data = torch.from_numpy(weight).float()
    model.bias.data = torch.zeros(10)
    model.bias.data[0] = 0.01
    targets = np.repeat(np.arange(6), COUNTS)
    # Beside its class's vector an example holds much that the weights don't see.
    inputs = axes[:, targets].T + 3 * rng.normal(size=(len(targets), 58)) @ axes[:, 6:].T
    return model, inputs.astype(np.float32), targets


def state(model):
    """Everything of a model that could change."""
    digest = hashlib.sha256()
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        digest.update(f"{name}{tensor.dtype}{tensor.requires_grad}{tensor.data_ptr()}{tensor._version}".encode())
        digest.update(tensor.detach().contiguous().view(-1).numpy().tobytes())
        digest.update(b"" if tensor.grad is None else tensor.grad.numpy().tobytes())
    modes = [(layer.training, len(layer._forward_hooks), len(layer._forward_pre_hooks)) for layer in model.modules()]
    return digest.hexdigest(), modes


@pytest.mark.parametrize("rank", [6, 7, 10])
def test_at_the_rank_of_the_weights_nothing_is_lost(planted, rank):
    model, inputs, targets = planted
    found = smoothed_accuracy(model, (inputs, targets), by="rank", rank=rank)
    assert float(found.accuracy) == float(found.smoothed_accuracy) == 1.0
    assert float(found.drop) == 0.0
    assert found.ranks == {"weight": rank}
    assert (found.examples, found.count) == (41, 41)


@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
def test_below_it_the_classes_on_the_weakest_directions_go(planted, rank):
    model, inputs, targets = planted
    found = smoothed_accuracy(model, (inputs, targets), by="rank", rank=rank)
    kept = sum(COUNTS[:rank]) / 41
    assert float(found.accuracy) == 1.0
    assert float(found.smoothed_accuracy) == kept
    assert float(found.drop) == pytest.approx(1 - kept)
    assert found.drop.interval.se == pytest.approx(np.sqrt(kept * (1 - kept) / 41))
    assert found.drop.interval.low < 1 - kept < found.drop.interval.high


def test_the_rules_are_those_of_smoothing(planted):
    model, inputs, targets = planted
    energy = np.cumsum(np.square(SIZES)) / np.sum(np.square(SIZES))
    found = smoothed_accuracy(model, (inputs, targets), by="energy", energy=float(energy[3]) - 1e-3)
    assert found.ranks == {"weight": 4}
    assert found.ranks == {
        m.name: m.rank for m in td.act.smooth_plan(model, "energy", energy=energy[3] - 1e-3).matrices
    }
    described = smoothed_accuracy(model, (inputs, targets), by=td.act.Smoothing("rank", rank=2))
    planned = smoothed_accuracy(model, (inputs, targets), by=td.act.smooth_plan(model, "rank", rank=2))
    assert described.to_dict() == planned.to_dict()
    left_out = smoothed_accuracy(torch_pair(model), (inputs, targets), by="rank", rank=1, layers="1*")
    assert left_out.ranks == {"1.weight": 1}


def torch_pair(model):
    import torch

    return torch.nn.Sequential(torch.nn.Identity(), model)


def test_one_by_one_is_the_same_as_all_at_once(torch, planted):
    model, inputs, targets = planted
    singles = [(torch.from_numpy(inputs[i : i + 1]), torch.tensor(targets[i : i + 1])) for i in range(41)]
    whole = smoothed_accuracy(model, (inputs, targets), by="rank", rank=3)
    for given in (singles, iter(singles)):
        assert smoothed_accuracy(model, given, by="rank", rank=3).to_dict() == whole.to_dict()
    assert smoothed_accuracy(model, (inputs, targets), by="rank", rank=3, batch_size=5).to_dict() == whole.to_dict()


@pytest.fixture
def network(torch):
    """Convolution, batch norm, packed attention, tied weights and dropout, with gradients and a hook."""

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(30, 16)
            self.conv = torch.nn.Conv1d(16, 16, 3, padding=1)
            self.norm = torch.nn.BatchNorm1d(16)
            self.attention = torch.nn.MultiheadAttention(16, 2, batch_first=True, dropout=0.5)
            self.head = torch.nn.Linear(16, 30, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, tokens):
            x = self.norm(self.conv(self.embed(tokens).mT)).mT
            return self.head(x + self.attention(x, x, x, need_weights=False)[0])

    torch.manual_seed(0)
    model = Network().train()
    model.norm.eval()
    model.conv.weight.requires_grad_(False)
    tokens = torch.randint(0, 30, (8, 12))
    torch.nn.functional.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten()).backward()
    model.register_forward_hook(lambda module, given, answer: None)
    targets = tokens.clone()
    targets[:, 9:] = -100
    return model, tokens, targets


@pytest.mark.parametrize("broken", ["", "inputs", "targets", "iterator", "plan", "rule"])
def test_the_model_stays_as_it_is_whatever_happens(torch, network, broken):
    model, tokens, targets = network
    foreign = td.act.smooth_plan(torch.nn.Linear(9, 9), "rank", rank=2)
    before, rng = state(model), torch.get_rng_state()
    data, by = (tokens, targets), "energy"
    if broken == "inputs":
        data = (tokens + 30, targets)
    elif broken == "targets":
        data = (tokens, targets + 30)
    elif broken == "iterator":
        data = (batch for batch in [(tokens, targets), None])
    elif broken == "plan":
        by = foreign
    elif broken == "rule":
        by = "energetic"
    if broken:
        with pytest.raises((ValueError, IndexError)):
            smoothed_accuracy(model, data, by=by)
    else:
        found = smoothed_accuracy(model, data, by=by)
        assert (found.count, found.examples) == (72, 8)
    assert state(model) == before
    assert torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), rng)
    assert model.head.weight is model.embed.weight


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_the_copy_has_the_weights_that_a_smoothed_checkpoint_has(torch, network, tmp_path, dtype):
    model, tokens, targets = network
    model.to(getattr(torch, dtype))
    torch.save(model.state_dict(), tmp_path / "net.pt")
    plan = td.act.smooth_plan(tmp_path / "net.pt", "rank", rank=5)
    plan.apply(tmp_path / "net.pt", tmp_path / "smooth.safetensors")
    from safetensors.torch import load_file

    loaded = load_file(tmp_path / "smooth.safetensors")
    twin = td.act.smooth_plan(model, "rank", rank=5).smoothed(model)
    assert type(twin) is type(model)
    assert twin.head.weight is twin.embed.weight
    assert twin.conv.weight.requires_grad is False
    own = twin.state_dict()
    assert own.keys() == loaded.keys()
    for name, tensor in own.items():
        assert torch.equal(tensor, loaded[name]), name
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, own[name])}
    assert changed == {
        "embed.weight", "head.weight", "conv.weight", "attention.in_proj_weight", "attention.out_proj.weight"
    }  # fmt: skip
    other = type(model)().to(getattr(torch, dtype))
    other.load_state_dict(loaded)
    with torch.no_grad():
        right = (other.eval()(tokens).argmax(-1) == targets)[targets != -100].double().mean()
    assert float(smoothed_accuracy(model, (tokens, targets), by="rank", rank=5).smoothed_accuracy) == float(right)


def test_each_part_of_a_packed_tensor_has_a_rank(network):
    model, tokens, targets = network
    found = smoothed_accuracy(model, (tokens, targets), by="rank", rank=3, layers="attention*")
    assert found.ranks == {
        **{f"attention.in_proj_weight#{part}": 3 for part in ("query", "key", "value")},
        "attention.out_proj.weight": 3,
    }


def test_tokens_of_one_sequence_count_as_going_together(torch):
    class Echo(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.diag(torch.tensor([3.0, 2.0, 1.0])))

        def forward(self, tokens):
            return self.weight[tokens] + torch.tensor([0.01, 0.0, 0.0])

    # Half of the sequences hold only the class that goes, 20 times each.
    tokens = torch.tensor([[2] * 20] * 5 + [[0] * 20] * 5)
    found = smoothed_accuracy(Echo(), (tokens, tokens), by="rank", rank=2)
    assert (float(found.drop), found.count, found.examples) == (0.5, 200, 10)
    assert found.drop.interval.se == pytest.approx(np.sqrt(0.25 / 10))
    assert "on 200 targets of 10 examples" in found.explain()


def test_progress_is_told_and_the_answer_explained(planted):
    model, inputs, targets = planted
    seen = []
    found = smoothed_accuracy(
        model, (inputs, targets), by="rank", rank=4, batch_size=20, progress=lambda p: seen.append((p.target, p.done))
    )
    assert seen == [
        ("", 0), ("weight", 1),
        ("", 0), ("weight", 1), ("bias", 2),
        ("", 0), ("batch 1", 1), ("batch 2", 2), ("batch 3", 3),
    ]  # fmt: skip
    first, second = found.explain().splitlines()
    # Five of 41 are lost; Bonett and Price add one of each kind.
    middle, half = 5 / 43, 1.959964 * np.sqrt(7 - 25 / 43) / 43
    ends = f"{middle - half:.4f} to {middle + half:.4f}"
    assert first == (
        f"Accuracy 1.0000 as it is and 0.8780 smoothed, a drop of 0.1220 (95 % interval {ends}), on 41 targets."
    )
    assert second == "Linear, smoothed by a rank (4): 1 of 1 matrix changes; 4 of 10 components stay."
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["drop"]["value"] == pytest.approx(5 / 41)
    assert told["ranks"] == {"weight": 4}


def test_a_copy_that_gives_no_numbers_is_refused(torch):
    class Divided(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.diag(torch.tensor([2.0, 1.0])))

        def forward(self, x):
            return x / self.weight[1, 1]

    with pytest.raises(LogitsError, match="data: 1 value of a batch of inputs is NaN or infinite"):
        smoothed_accuracy(Divided(), (torch.tensor([[1.0, 2.0], [3.0, float("nan")]]), torch.tensor([1, 0])))
    with pytest.raises(LogitsError, match="2 of 2 predictions"):
        smoothed_accuracy(Divided(), (torch.ones(2, 2), torch.tensor([1, 0])), by="rank", rank=1)


def test_what_doesnt_fit_is_refused_before_anything_is_decomposed(torch, planted):
    model, inputs, targets = planted
    with pytest.raises(TypeError, match=r"expected a torch.nn.Module"):
        smoothed_accuracy("net.pt", (inputs, targets))
    with pytest.raises(ParameterError, match="'rank' goes with a rule, and by is a plan"):
        smoothed_accuracy(model, (inputs, targets), by=td.act.smooth_plan(model, "rank", rank=2), rank=3)
    with pytest.raises(ParameterError, match="by is 'rnak'; did you mean 'rank'"):
        smoothed_accuracy(model, (inputs, targets), by="rnak")
    with pytest.raises(ParameterError, match="holds no matrix"):
        smoothed_accuracy(torch.nn.LayerNorm(64), (inputs, targets))
    with pytest.raises(ParameterError, match="no example with a target"):
        smoothed_accuracy(model, (inputs[:0], targets[:0]), progress=lambda _: pytest.fail("it was planned"))
    with pytest.raises(ValueError, match=r"the plan has 1.weight of 10 x 64, and Linear has no such matrix"):
        smoothed_accuracy(model, (inputs, targets), by=td.act.smooth_plan(torch_pair(model), "rank", rank=2))


def test_a_model_that_cant_be_copied_is_named(torch, planted):
    model, inputs, targets = planted
    model.kept = model(torch.from_numpy(inputs))
    with pytest.raises(ValueError, match=r"Linear can't be copied \("):
        smoothed_accuracy(model, (inputs, targets), by="rank", rank=2)


def test_on_an_accelerator_the_answer_is_the_same(torch, planted):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    model, inputs, targets = planted
    wanted = smoothed_accuracy(model, (inputs, targets), by="rank", rank=3).to_dict()
    model.cuda()
    assert smoothed_accuracy(model, (inputs, targets), by="rank", rank=3).to_dict() == wanted
    twin = td.act.smooth_plan(model, "rank", rank=3).smoothed(model)
    assert twin.weight.device == model.weight.device


def test_the_example_in_the_docstring_is_right(torch):
    assert "import torch" in smoothed_accuracy.__doc__
    text = smoothed_accuracy.__doc__.replace("  # doctest: +SKIP", "")
    example = doctest.DocTestParser().get_doctest(text, {"smoothed_accuracy": smoothed_accuracy}, "example", None, 0)
    assert len(example.examples) == 5
    assert doctest.DocTestRunner().run(example).failed == 0


def test_random_distance_is_the_metric_of_shape_that_needs_no_data(torch):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(60, 90), torch.nn.ReLU(), torch.nn.Linear(90, 60))
    untrained = td.survey(model, ["random_distance"])
    with torch.no_grad():
        model[2].weight += torch.outer(torch.ones(60), torch.randn(90)) / 5
    rows = {row.field: row.value for row in td.survey(model, ["random_distance"]).where(module="*").rows}
    layers = [
        float(td.spectra.random_distance(model[i].weight.detach(), rng=seed).value)
        for i in (0, 2)
        for seed in range(20)
    ]
    assert rows["value.mean"] == pytest.approx((np.mean(layers[:20]) + np.mean(layers[20:])) / 2, rel=0.05)
    assert rows["value.count"] == 2
    before = {row.field: row.value for row in untrained.where(module="*").rows}["value.mean"]
    assert rows["value.mean"] > 3 * before
