"""Smoothed copies of live modules: what wraps them, what they hold, and what is none."""

import numpy as np
import pytest

import theodolite as td
from theodolite.sources.torch_tensors import write_into

pytestmark = pytest.mark.torch


@pytest.fixture
def net(torch):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.ReLU(), torch.nn.Linear(30, 5))


def test_a_wrapped_module_is_smoothed_under_its_own_names(torch, net):
    plan = td.act.smooth_plan(net, "rank", rank=3)
    plain = plan.smoothed(net).state_dict()
    assert {name: int(torch.linalg.matrix_rank(w, rtol=1e-5)) for name, w in plain.items() if w.ndim == 2} == {
        "0.weight": 3,
        "2.weight": 3,
    }
    wrapped = plan.smoothed(torch.nn.DataParallel(net)).state_dict()
    assert wrapped.keys() == {f"module.{name}" for name in plain}
    assert all(torch.equal(tensor, wrapped[f"module.{name}"]) for name, tensor in plain.items())


def test_the_copy_is_in_the_same_mode_and_shares_nothing(torch, net):
    net.train()
    net[2].eval()
    twin = td.act.smooth_plan(net, "rank", rank=3, layers="0").smoothed(net, jobs=2)
    assert [layer.training for layer in twin.modules()] == [layer.training for layer in net.modules()]
    assert torch.equal(twin[2].weight, net[2].weight)
    assert not torch.equal(twin[0].weight, net[0].weight)
    own = {tensor.data_ptr() for tensor in net.state_dict().values()}
    assert own.isdisjoint(tensor.data_ptr() for tensor in twin.state_dict().values())


def test_traps_are_removed_from_the_copy_alone(torch):
    layer = torch.nn.Linear(48, 64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.random.default_rng(0).normal(size=(64, 48))))
        layer.weight[7, 9] = 50.0
    twin = td.act.smooth_plan(layer, "none", remove_traps=True).smoothed(layer)
    assert float(twin.weight[7, 9].detach()) == 0.0
    assert float(layer.weight[7, 9].detach()) == 50.0
    assert int((twin.weight != layer.weight).sum()) == 1


def test_what_is_no_module_is_refused(torch, net, tmp_path):
    plan = td.act.smooth_plan(net, "rank", rank=3)
    for given in (tmp_path / "net.pt", torch.nn.Linear, net.state_dict()):
        with pytest.raises(TypeError, match=r"module: expected a torch\.nn\.Module"):
            plan.smoothed(given)
    with pytest.raises(ValueError, match=r"the plan has 0.weight of 30 x 20, and Linear has no such matrix"):
        plan.smoothed(torch.nn.Linear(20, 30))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "float8_e4m3fn"])
def test_a_tensor_is_overwritten_bit_by_bit(torch, dtype):
    from theodolite.sources.torch_tensors import stored_tensor

    source = torch.randn(4, 6).to(getattr(torch, dtype))
    place = torch.nn.Parameter(torch.zeros(6, 4).to(source.dtype).T, requires_grad=False)
    write_into(place, stored_tensor(source)[0].read())
    assert torch.equal(place.float(), source.float())
    with pytest.raises(ValueError, match=r"\(6, 4\) of .* can't stand in \(4, 6\)"):
        write_into(place, stored_tensor(source)[0].read().T)
    with pytest.raises(ValueError, match=r"of int64 can't stand in"):
        write_into(place, np.zeros((4, 6), dtype=np.int64))
