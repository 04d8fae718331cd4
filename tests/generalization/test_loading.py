"""Functions, weights and data that are named on a command line."""

import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from theodolite.core import ParameterError
from theodolite.generalization.loading import load_data, load_factory, load_model

NET = """\
import torch


def build(width=4):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Embedding(7, width), torch.nn.BatchNorm1d(width), torch.nn.Linear(width, 7))
    model[2].weight = model[0].weight
    return model


class Wide:
    @staticmethod
    def build():
        return build(5)


number = 3
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch):
    (tmp_path / "given_nets.py").write_text(NET)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "given_nets", raising=False)
    return tmp_path


@pytest.mark.torch
def test_a_model_gets_the_weights_of_its_checkpoint(torch, nets):
    build = load_factory("given_nets:build", folder=nets)
    trained = build()
    with torch.no_grad():
        for tensor in trained.state_dict().values():
            tensor.copy_(torch.arange(tensor.numel()).reshape(tensor.shape))
    torch.save(trained.state_dict(), nets / "all.pt")
    torch.save({"module." + n: t.bfloat16() for n, t in trained.state_dict().items()}, nets / "bf16.pt")
    torch.save({"state_dict": trained.state_dict(), "optimizer": {"exp_avg": torch.ones(3)}}, nets / "run.pt")
    once = {n: t.numpy() for n, t in trained.state_dict().items() if n not in {"2.weight", "1.num_batches_tracked"}}
    save_file(once, nets / "once.safetensors")
    for name in ("all.pt", "bf16.pt", "run.pt", "once.safetensors"):
        model = load_model(build, nets / name)
        assert not model.training
        assert model[2].weight is model[0].weight
        for key, tensor in trained.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                assert torch.equal(model.state_dict()[key], tensor), (name, key)


@pytest.mark.torch
def test_tables_of_whole_numbers_may_be_left_over_and_numbers_that_were_learned_not(torch, nets):
    """As position_ids, which is in older checkpoints of BERT and in no newer model."""
    build = load_factory("given_nets:build", folder=nets)
    state = build().state_dict()
    torch.save(state | {"embeddings.position_ids": torch.arange(8)[None]}, nets / "table.pt")
    model = load_model(build, nets / "table.pt")
    assert torch.equal(model.state_dict()["0.weight"], state["0.weight"])
    others = {"position_ids": torch.ones(8), "running_mean": torch.ones(8), "3.weight": torch.ones(2, 2)}
    for name, left_over in others.items():
        torch.save(state | {name: left_over}, nets / "more.pt")
        with pytest.raises(ParameterError, match=f"the model has no '{name}'"):
            load_model(build, nets / "more.pt")


@pytest.mark.torch
def test_another_model_is_refused_with_the_first_tensor_that_differs(torch, nets):
    build = load_factory("given_nets:build", folder=nets)
    torch.save(build().state_dict(), nets / "net.pt")
    with pytest.raises(ParameterError, match=r"0.weight is 7 x 5 in the model and 7 x 4 in net"):
        load_model(load_factory("given_nets:Wide.build", folder=nets), nets / "net.pt")
    longer = build().append(torch.nn.Linear(7, 7))
    with pytest.raises(ParameterError, match=r"net lacks '3.weight' and 1 more; build the model that was saved"):
        load_model(lambda: longer, nets / "net.pt")
    with pytest.raises(ParameterError, match=r"the model has no '1.bias' and 6 more"):
        load_model(lambda: torch.nn.Sequential(torch.nn.Embedding(7, 4)), nets / "net.pt")
    with pytest.raises(ParameterError, match=r"factory: it gave int; expected a torch.nn.Module"):
        load_model(lambda: 3, nets / "net.pt")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("given_nets", "give it as package.module:function"),
        ("given-nets:build", "give it as package.module:function"),
        ("given_nets:", "give it as package.module:function"),
        ("no_such_nets.deep:build", "there is no module named 'no_such_nets'"),
        ("given_nets:bild", "given_nets has no 'bild'; did you mean 'build'"),
        ("given_nets:number", "it is int, and nothing that can be called"),
        ("json:loads", "missing a required argument: 's'; name a function that takes nothing"),
    ],
)
def test_a_wrong_name_is_answered_with_what_is_wrong(nets, spec, said):
    if "nets:b" in spec or "number" in spec:
        pytest.importorskip("torch", reason="needs the extra [torch]")
    with pytest.raises(ParameterError, match=said):
        load_factory(spec, folder=nets)


def test_an_error_within_the_module_is_its_own(nets):
    (nets / "broken_nets.py").write_text("raise RuntimeError('its own')\n")
    with pytest.raises(RuntimeError, match="its own"):
        load_factory("broken_nets:build", folder=nets)


def test_data_are_read_from_either_kind_of_file(tmp_path):
    inputs, targets = np.random.default_rng(0).normal(size=(5, 2, 3)), np.arange(5)
    np.savez(tmp_path / "data.npz", inputs=inputs, targets=targets)
    save_file({"targets": targets, "inputs": inputs}, tmp_path / "data.safetensors")
    for name in ("data.npz", "data.safetensors"):
        found = load_data(tmp_path / name)
        np.testing.assert_array_equal(found[0], inputs)
        np.testing.assert_array_equal(found[1], targets)
    np.savez(tmp_path / "other.npz", x=inputs, targets=targets)
    with pytest.raises(ParameterError, match=r"other.npz holds 'x', 'targets'; expected 'inputs' and 'targets'"):
        load_data(tmp_path / "other.npz")
    np.savez(tmp_path / "words.npz", inputs=inputs, targets=np.array(list("abcde")))
    with pytest.raises(ParameterError, match=r"data: targets of words.npz are no numbers"):
        load_data(tmp_path / "words.npz")
