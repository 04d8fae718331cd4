"""Accuracy, loss and margin on data of every form, and nothing of the model left otherwise than it was."""

import ml_dtypes
import numpy as np
import pytest

from theodolite.core import ParameterError
from theodolite.generalization import LogitsError, evaluate
from theodolite.generalization.batches import Batches
from theodolite.generalization.evaluation import outputs
from theodolite.sources.running import evaluating

pytestmark = pytest.mark.torch


@pytest.fixture
def model(torch):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 16), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(16, 4))


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(103, 5)).astype(np.float32), rng.integers(0, 4, 103)


def by_hand(model, inputs, targets):
    """Accuracy, loss and the lowest tenth of the margins in NumPy, from the weights themselves."""
    first, last = model[0], model[-1]
    w, b, v, c = (p.detach().numpy().astype(np.float64) for p in (first.weight, first.bias, last.weight, last.bias))
    logits = np.maximum(inputs @ w.T + b, 0) @ v.T + c
    rows = np.arange(len(targets))
    own = logits[rows, targets]
    others = np.where(np.eye(4, dtype=bool)[targets], -np.inf, logits).max(1)
    loss = np.log(np.exp(logits).sum(1)) - own
    return np.mean(logits.argmax(1) == targets), loss.mean(), np.percentile(own - others, 10)


def test_the_numbers_are_those_computed_by_hand(model, data):
    found = evaluate(model, data)
    accuracy, loss, margin = by_hand(model, *data)
    assert found.accuracy == accuracy
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert found.margin == pytest.approx(margin, rel=1e-4)
    assert (found.examples, found.count) == (103, 103)


def test_the_data_may_come_in_any_form(torch, model, data):
    inputs, targets = map(torch.from_numpy, data)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), batch_size=10)
    one_by_one = [(inputs[i : i + 1], targets[i : i + 1]) for i in range(103)]
    forms = {
        "tensors": (inputs, targets),
        "a list": [inputs, targets],
        "float64": (data[0].astype(np.float64), data[1].astype(np.uint8)),
        "big-endian": (data[0].astype(">f4"), data[1].astype(">i2")),
        "a mapping": {"inputs": data[0], "targets": data[1]},
        "arguments": ([data[0]], data[1]),
        "keywords": ({"input": data[0]}, data[1]),
        "a loader": loader,
        "one by one": one_by_one,
        "an iterator": iter(one_by_one),
        "two batches": ((inputs[:50], targets[:50]), (inputs[50:], targets[50:])),
    }
    wanted = evaluate(model, data)
    for form, given in forms.items():
        found = evaluate(model, given, batch_size=7)
        assert (found.accuracy, found.count) == (wanted.accuracy, wanted.count), form
        assert found.loss == pytest.approx(wanted.loss, rel=1e-6), form
        assert found.margin == pytest.approx(wanted.margin, rel=1e-5), form


def test_narrow_types_and_token_ids_reach_the_model_as_they_should(torch):
    class Kinds(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.eye(3, dtype=torch.bfloat16))
            self.seen = []

        def forward(self, x):
            self.seen.append(x.dtype)
            return self.weight[x] if not x.is_floating_point() else x @ self.weight

    model, targets = Kinds(), np.arange(3)
    assert evaluate(model, (np.eye(3, dtype=ml_dtypes.bfloat16), targets)).accuracy == 1
    assert evaluate(model, (np.arange(3, dtype=np.int32), targets)).accuracy == 1
    assert evaluate(model, (torch.eye(3, dtype=torch.bfloat16), targets)).accuracy == 1
    assert model.seen == [torch.bfloat16, torch.int32, torch.bfloat16]


def test_positions_without_a_target_dont_count_whatever_their_logits_are(torch):
    class Tokens(torch.nn.Module):
        def forward(self, logits):
            return {"logits": logits}

    logits = torch.zeros(2, 3, 5)
    logits[0, 0, 1] = logits[0, 1, 2] = logits[1, 0, 4] = 1.0
    logits[1, 2] = float("nan")
    targets = torch.tensor([[1, 2, 3], [0, -100, -100]])
    found = evaluate(Tokens(), (logits, targets))
    # Right, right, wrong (the first of equal ones is 0), wrong.
    assert (found.accuracy, found.count, found.examples) == (0.5, 4, 2)
    assert found.margin == pytest.approx(np.percentile([1, 1, 0, -1], 10))
    seen = outputs(Tokens(), logits, targets)
    assert seen.right().tolist() == [2, 0]
    assert seen.counts().tolist() == [3, 1]


def test_logits_below_zero_and_no_gradients(torch, model, data):
    class Below(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x):
            assert not torch.is_grad_enabled()
            assert not self.inner.training
            return self.inner(x) - 100

    found, wanted = evaluate(Below(), data), evaluate(model, data)
    assert found.accuracy == wanted.accuracy
    assert found.margin == pytest.approx(wanted.margin, abs=1e-4)
    assert found.loss == pytest.approx(wanted.loss, abs=1e-4)


@pytest.mark.parametrize("fails", [False, True])
def test_every_layer_keeps_its_mode_and_nothing_else_changes(torch, model, data, fails):
    model.append(torch.nn.BatchNorm1d(4)).train()
    model[2].eval()
    model[0].weight.grad = torch.ones_like(model[0].weight)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [layer.training for layer in model.modules()]
    inputs, targets = torch.from_numpy(data[0]), data[1]
    kept = inputs.clone()
    if fails:
        model.append(torch.nn.Flatten(0))
        modes.append(True)
        with pytest.raises(LogitsError, match="don't go with targets"):
            evaluate(model, (inputs, targets))
    else:
        evaluate(model, (inputs, targets))
    assert [layer.training for layer in model.modules()] == modes
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(model[0].weight.grad, torch.ones_like(model[0].weight))
    assert torch.is_grad_enabled()
    assert torch.equal(inputs, kept)


def test_a_layer_that_works_in_place_leaves_the_data_alone(torch, data):
    model = torch.nn.Sequential(torch.nn.ReLU(inplace=True), torch.nn.Linear(5, 4))
    inputs = torch.from_numpy(data[0].copy())
    evaluate(model, (inputs, data[1]))
    np.testing.assert_array_equal(inputs.numpy(), data[0])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((np.zeros((0, 5)), np.zeros(0, dtype=int)), "no example with a target that counts"),
        ([], "no example with a target that counts"),
        ((np.zeros((2, 5)), np.full(2, -100)), "no example with a target that counts"),
        ((np.zeros((3, 5)), np.zeros(2, dtype=int)), "inputs and targets have 2 and 3 examples"),
        ((np.zeros((2, 5)), np.zeros(2)), "targets are torch.float32; expected whole numbers"),
        ((np.zeros((2, 5)), np.array([0, 4])), "a target is 4, and the model has 4 classes"),
        ((np.zeros((2, 5)), np.array([-1, 3])), "a target is -1"),
        ((np.zeros((2, 5)), np.zeros((2, 4), dtype=int)), r"targets of shape \(2, 4\)"),
        ((np.full((2, 5), np.nan), np.zeros(2, dtype=int)), "data: 10 values of a batch of inputs are NaN"),
        ({"x": np.zeros(2)}, "data is a mapping with 'x'; expected a pair of arrays"),
        ("data.npz", "data is of type str"),
        (3, "data is of type int"),
        ([np.zeros((2, 5))], "a batch is of type ndarray"),
        ([(np.zeros((2, 5)),)], r"a batch is a tuple of 1 \(ndarray\)"),
    ],
)
def test_what_cant_be_judged_is_refused_with_a_reason(model, given, said):
    with pytest.raises((LogitsError, ParameterError), match=said):
        evaluate(model, given)


def test_what_is_no_model_or_gives_no_logits_is_refused(torch, data):
    with pytest.raises(TypeError, match=r"expected a torch.nn.Module, got of type str"):
        evaluate("net.pt", data)
    with pytest.raises(TypeError, match=r"expected a torch.nn.Module"):
        evaluate(torch.nn.Linear, data)

    class Two(torch.nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(LogitsError, match=r"it gives a tuple of 2 \(Tensor, Tensor\); expected a tensor of logits"):
        evaluate(Two(), data)
    with pytest.raises(LogitsError, match="two classes at least"):
        evaluate(torch.nn.Linear(5, 1), data)


def test_an_iterator_is_gone_through_once(data):
    batches = Batches(iter([data]))
    assert len(list(batches)) == 1
    with pytest.raises(ParameterError, match="was gone through already"):
        list(batches)
    again = Batches([data, data])
    assert [len(list(again)), len(list(again)), again.total] == [2, 2, 2]
    assert Batches(data, batch_size=50).total == 3
    assert Batches(iter([data])).total is None
    with pytest.raises(ParameterError, match="batch_size is 0"):
        Batches(data, batch_size=0)


def test_a_loader_without_a_length_is_gone_through_all_the_same(torch, model, data):
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from zip(*map(torch.from_numpy, data), strict=True)

    loader = torch.utils.data.DataLoader(Stream(), batch_size=20)
    assert Batches(loader).total is None
    assert evaluate(model, loader).accuracy == evaluate(model, data).accuracy


def test_modes_come_back_after_an_error(torch, model):
    model.train()

    def fail():
        with evaluating(model):
            assert not any(layer.training for layer in model.modules())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert all(layer.training for layer in model.modules())


@pytest.mark.parametrize("form", ["array", "arguments", "keywords", "tensor"])
def test_inputs_that_are_not_finite_are_blamed_on_the_data(torch, model, data, form):
    inputs = data[0].copy()
    inputs[3, 1], inputs[5, 0] = np.nan, np.inf
    given = {
        "array": inputs,
        "arguments": [inputs],
        "keywords": {"input": inputs},
        "tensor": torch.from_numpy(inputs),
    }[form]
    with pytest.raises(LogitsError, match=r"^data: 2 values of a batch of inputs are NaN or infinite"):
        evaluate(model, (given, data[1]))
    with torch.no_grad():
        model[0].weight[0, 0] = float("nan")
    with pytest.raises(LogitsError, match=r"^model: 103 of 103 predictions"):
        evaluate(model, data)


def test_inputs_that_the_model_can_deal_with_need_not_be_finite(torch, data):
    class Masked(torch.nn.Module):
        def forward(self, x, mask):
            return (x + mask).softmax(-1)

    mask = np.where(np.arange(5) == 4, -np.inf, 0.0) + np.zeros((103, 5))
    assert evaluate(Masked(), ([data[0], mask], data[1])).count == 103
