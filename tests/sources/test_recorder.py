"""The recorder: its factors are the gradient, and nothing of it stays behind."""

import copy
import gc
import weakref

import numpy as np
import pytest

from theodolite.core import ParameterError
from theodolite.sources import Recorder

pytestmark = pytest.mark.torch

HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks_with_kwargs",
)


def traces(model):
    """Everything about a model that a recorder could leave changed."""
    hooks = {(path, name): len(getattr(layer, name)) for path, layer in model.named_modules() for name in HOOKS}
    modes = {path: layer.training for path, layer in model.named_modules()}
    flags = {
        name: (p.requires_grad, p.grad is None, len(p._backward_hooks or ())) for name, p in model.named_parameters()
    }
    return hooks, modes, flags


@pytest.fixture
def net(torch):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(inplace=True), torch.nn.Linear(5, 4)).double()


@pytest.fixture
def batch(torch):
    return torch.randn(3, 7, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def dense(example):
    return (example.outputs.T @ example.inputs).numpy()


def gradients_of(model, inputs, index=None):
    """Torch's own gradients, of one example alone or of all together."""
    alone = copy.deepcopy(model)
    given = inputs if index is None else inputs[index : index + 1]
    (alone(given) ** 3).sum().backward()
    return {name: p.grad.numpy() for name, p in alone.named_parameters() if p.grad is not None and p.ndim == 2}


def test_the_factors_are_torchs_gradient_also_before_an_operation_in_place(net, batch):
    with Recorder(net) as recorder:
        (net(batch) ** 3).sum().backward()
        (example,) = recorder.examples(1)
    assert list(example) == ["0", "2"]
    for name, factors in example.items():
        assert factors.tokens <= 21
        assert factors.shape == tuple(net[int(name)].weight.shape)
        np.testing.assert_allclose(dense(factors), net[int(name)].weight.grad.numpy(), rtol=1e-12)


def test_examples_of_a_batch_are_told_apart(net, batch):
    with Recorder(net, ["2", "0"]) as recorder:
        (net(batch) ** 3).sum().backward()
        examples = list(recorder.examples(3))
    assert len(examples) == 3
    for index, example in enumerate(examples):
        alone = gradients_of(net, batch, index)
        assert list(example) == ["0", "2"]
        for name, factors in example.items():
            np.testing.assert_allclose(dense(factors), alone[f"{name}.weight"], rtol=1e-11, atol=1e-13)


def test_a_backward_pass_to_the_edges_gives_no_parameter_a_gradient(torch, net, batch):
    before = traces(net)
    with Recorder(net) as recorder:
        torch.autograd.grad((net(batch) ** 3).sum(), recorder.edges)
        (example,) = recorder.examples(1)
    assert traces(net) == before
    for name, gradient in gradients_of(net, batch).items():
        np.testing.assert_allclose(dense(example[name.removesuffix(".weight")]), gradient, rtol=1e-12)


def test_gradients_that_were_there_stay(torch, net, batch):
    net(batch).sum().backward()
    kept = {name: p.grad.clone() for name, p in net.named_parameters()}
    with Recorder(net) as recorder:
        torch.autograd.grad((net(batch) ** 3).sum(), recorder.edges)
        list(recorder.examples(1))
    for name, p in net.named_parameters():
        assert torch.equal(p.grad, kept[name])


def test_what_was_handed_over_is_forgotten(torch, net, batch):
    with Recorder(net) as recorder:
        for _ in range(2):
            torch.autograd.grad((net(batch) ** 3).sum(), recorder.edges)
            (example,) = recorder.examples(1)
            assert example["0"].tokens <= 21
        assert list(recorder.examples(1)) == [{}]
        torch.autograd.grad((net(batch) ** 3).sum(), recorder.edges)
        recorder.clear()
        assert recorder.edges == ()
        assert list(recorder.examples(1)) == [{}]


def test_factors_are_not_held_once_taken(torch, net, batch):
    with Recorder(net) as recorder:
        torch.autograd.grad((net(batch) ** 3).sum(), recorder.edges)
        seen = [weakref.ref(inputs) for calls in recorder._calls.values() for inputs, _ in calls]
        assert seen
        list(recorder.examples(1))
        gc.collect()
        assert all(ref() is None for ref in seen)


def boom(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["forward", "backward", "body", "interrupt", "generator"])
def test_no_hook_is_left_whatever_happens(torch, net, batch, where):
    before = traces(net)

    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(_, x):
            return x.clone()

        @staticmethod
        def backward(_, __):
            raise RuntimeError("in backward")

    def steps():
        with Recorder(net) as recorder:
            assert traces(net) != before
            if where == "forward":
                net(batch[..., :2])
            loss = Fails.apply(net[2](torch.relu(net[0](batch)))).sum() if where == "backward" else net(batch).sum()
            if where == "backward":
                torch.autograd.grad(loss, recorder.edges)
            if where == "body":
                raise ValueError("in the body")
            if where == "interrupt":
                boom()
            yield loss

    run = steps()
    if where == "generator":
        next(run)
        assert traces(net) != before
        run.close()
    else:
        with pytest.raises((RuntimeError, ValueError, KeyboardInterrupt)):
            next(run)
    assert traces(net) == before


def test_no_hook_is_left_where_registering_fails_half_way(net, monkeypatch):
    before = traces(net)
    monkeypatch.setattr(net[2], "register_forward_hook", boom)
    with pytest.raises(KeyboardInterrupt), Recorder(net):
        pass
    assert traces(net) == before


def test_a_graph_that_outlives_the_recorder_records_nothing(net, batch):
    with Recorder(net) as recorder:
        loss = net(batch).sum()
    loss.backward()
    assert recorder._calls == {}
    with pytest.raises(RuntimeError, match="closed"):
        next(recorder.examples(1))
    with recorder, pytest.raises(RuntimeError, match="open already"):
        recorder.__enter__()


def test_hooks_of_others_stay(net, batch):
    called = []
    handle = net[0].register_forward_hook(lambda *_: called.append(1))
    with Recorder(net):
        net(batch)
    net(batch)
    assert len(called) == 2
    handle.remove()


def test_a_frozen_layer_is_named_and_not_recorded(net, batch):
    net[0].weight.requires_grad_(False)
    with Recorder(net) as recorder:
        (net(batch) ** 3).sum().backward()
        (example,) = recorder.examples(1)
    assert recorder.frozen == ("0",)
    assert list(example) == ["2"]
    assert not net[0].weight.requires_grad


def test_without_gradients_nothing_is_recorded(torch, net, batch):
    with Recorder(net) as recorder:
        with torch.no_grad():
            net(batch)
        assert recorder.edges == ()
        assert list(recorder.examples(1)) == [{}]


def test_a_layer_that_is_called_twice_and_a_weight_in_two_layers(torch, batch):
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = torch.nn.Linear(6, 6), torch.nn.Linear(6, 6)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(torch.tanh(self.a(torch.tanh(self.a(input=x)))))

    torch.manual_seed(0)
    net = Twice().double()
    for names in (None, ["b"]):
        with Recorder(net, names) as recorder:
            torch.autograd.grad((net(batch) ** 3).sum(), recorder.edges)
            examples = list(recorder.examples(3))
        name = "a" if names is None else "b"
        assert recorder.layers == (name,)
        for index, example in enumerate(examples):
            np.testing.assert_allclose(dense(example[name]), gradients_of(net, batch, index)["a.weight"], rtol=1e-11)


def test_weights_that_are_computed_anew_are_told_apart(torch, batch):
    norm = torch.nn.utils.parametrizations.weight_norm
    net = torch.nn.Sequential(*(norm(torch.nn.Linear(6, 6).double()) for _ in range(4)))
    with Recorder(net) as recorder:
        assert recorder.layers == ("0", "1", "2", "3")
        (net(batch) ** 3).sum().backward()
        (example,) = recorder.examples(1)
    assert len(example) == 4
    for name, factors in example.items():
        # W = g v / |v|, so that the gradient of g is that of W along the rows of v / |v|.
        held = net[int(name)].parametrizations.weight
        along = held.original1 / held.original1.norm(dim=1, keepdim=True)
        expected = held.original0.grad.squeeze(1)
        assert torch.allclose((factors.outputs.T @ factors.inputs * along).sum(1), expected)


@pytest.mark.parametrize("reentrant", [False, True])
def test_recomputation_records_nothing_twice(torch, net, batch, reentrant):
    from torch.utils.checkpoint import checkpoint

    expected = gradients_of(net, batch)
    with Recorder(net) as recorder:
        (checkpoint(net, batch.clone().requires_grad_(), use_reentrant=reentrant) ** 3).sum().backward()
        (example,) = recorder.examples(1)
    for name, gradient in expected.items():
        np.testing.assert_allclose(dense(example[name.removesuffix(".weight")]), gradient, rtol=1e-12)


def test_the_conv1d_of_transformers_is_turned_round(torch, batch):
    class Conv1D(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.randn(6, 4, dtype=torch.float64))

        def forward(self, x):
            return x @ self.weight

    net = torch.nn.Sequential(Conv1D())
    with Recorder(net) as recorder:
        (net(batch) ** 3).sum().backward()
        (example,) = recorder.examples(1)
    np.testing.assert_allclose(dense(example["0"]), net[0].weight.grad.numpy().T, rtol=1e-12)


def test_tokens_without_a_gradient_are_left_out(net, batch):
    with Recorder(net) as recorder:
        (net(batch)[:, :2] ** 3).sum().backward()
        tokens = [example["2"].tokens for example in recorder.examples(3)]
    assert tokens == [2, 2, 2]


def test_what_cannot_be_told_apart_is_refused(torch, net, batch):
    with Recorder(net) as recorder:
        net(batch.reshape(-1, 6)).sum().backward()
        with pytest.raises(ParameterError, match=r"layer '0' got an input of shape \(21, 6\) where 3 examples"):
            next(recorder.examples(3))
    with pytest.raises(ParameterError, match="'3' is no linear layer"):
        Recorder(net, ["3"])
    with pytest.raises(ParameterError, match="'1' is no linear layer"):
        Recorder(net, "1")
    with pytest.raises(ParameterError, match="what is 'weights'"):
        Recorder(net, what="weights")
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module"):
        Recorder(torch.nn.Linear)
