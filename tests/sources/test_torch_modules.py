"""Live modules: seen where they are, never changed."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from theodolite.sources import open_checkpoint

pytestmark = pytest.mark.torch


def test_a_file_and_its_module_say_the_same(tmp_path: Any, torch: ModuleType):
    torch.manual_seed(0)
    model = torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)
    torch.save(model.state_dict(), tmp_path / "net.pt")
    live, stored = open_checkpoint(model), open_checkpoint(tmp_path / "net.pt")
    assert live.model == "TransformerEncoder"
    assert list(live) == list(stored) == list(model.state_dict())
    for name, weight in live.items():
        other = stored[name]
        assert (weight.shape, weight.dtype, weight.role, weight.block) == (
            other.shape,
            other.dtype,
            other.role,
            other.block,
        )
        assert weight.listed_because == other.listed_because
        assert weight.fingerprint() == other.fingerprint()
        assert [(k, m.shape, m.role) for k, m in weight.matrices().items()] == [
            (k, m.shape, m.role) for k, m in other.matrices().items()
        ]


def test_packed_attention_against_what_torch_computes(torch: ModuleType):
    attention = torch.nn.MultiheadAttention(8, 2, bias=False)
    parts = open_checkpoint(attention)["in_proj_weight"].matrices()
    for (part, matrix), expected in zip(parts.items(), attention.in_proj_weight.detach().chunk(3), strict=True):
        assert matrix.role == part
        np.testing.assert_array_equal(np.asarray(matrix), expected.numpy())


def test_layers_say_their_roles_whatever_their_names(torch: ModuleType):
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query = torch.nn.Conv1d(4, 6, 3)
            self.head = torch.nn.Embedding(9, 4)
            self.up = torch.nn.ConvTranspose2d(4, 6, 3)
            self.key = torch.nn.GroupNorm(2, 4)
            self.plain = torch.nn.Linear(4, 5)

    ckpt = open_checkpoint(Net())
    roles = {name: w.role for name, w in ckpt.items() if name.endswith("weight")}
    assert roles == {
        "query.weight": "conv",
        "head.weight": "embedding",
        "up.weight": "conv",
        "key.weight": "norm",
        "plain.weight": "other",
    }


def test_conv1d_of_transformers_is_told_by_its_class(torch: ModuleType):
    class Conv1D(torch.nn.Module):
        def __init__(self, into: int, out: int) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.randn(into, out))

    model = torch.nn.ModuleDict({"c_proj": Conv1D(4, 4), "any": Conv1D(4, 3), "c_fc": torch.nn.Linear(4, 9)})
    ckpt = open_checkpoint(model)
    np.testing.assert_array_equal(np.asarray(ckpt["c_proj.weight"].matrices()[""]), model["c_proj"].weight.detach().T)
    assert ckpt["any.weight"].matrices()[""].shape == (3, 4)
    assert ckpt["c_fc.weight"].matrices()[""].shape == (9, 4)


def test_tied_weights_are_seen_once(torch: ModuleType):
    model = torch.nn.ModuleDict({"wte": torch.nn.Embedding(7, 4), "lm_head": torch.nn.Linear(4, 7, bias=False)})
    model["lm_head"].weight = model["wte"].weight
    ckpt = open_checkpoint(model)
    assert list(ckpt) == ["wte.weight", "lm_head.weight"]
    assert ckpt["lm_head.weight"].tied_to == "wte.weight"
    assert ckpt.parameters == 28


def test_every_state_of_tensor(torch: ModuleType):
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.half = torch.nn.Linear(4, 3, dtype=torch.bfloat16)
            self.lazy = torch.nn.LazyLinear(3)
            self.meta = torch.nn.Linear(4, 3, device="meta")
            self.turned = torch.nn.Parameter(torch.randn(5, 6).T)
            self.empty = torch.nn.Parameter(torch.empty(0, 3))
            self.complex_weight = torch.nn.Parameter(torch.randn(3, 3, dtype=torch.complex64))
            self.register_buffer("table", torch.randn(3, 3))
            self.register_buffer("none", None)

    net = Net()
    ckpt = open_checkpoint(net)
    reasons = {name: w.listed_because for name, w in ckpt.items() if not name.endswith("bias")}
    assert reasons["half.weight"] is None
    assert "lazy" in (reasons["lazy.weight"] or "")
    assert "meta" in (reasons["meta.weight"] or "")
    assert reasons["turned"] is None
    assert "no elements" in (reasons["empty"] or "")
    assert "complex" in (reasons["complex_weight"] or "")
    assert "buffer" in (reasons["table"] or "")
    assert "none" not in reasons
    np.testing.assert_array_equal(ckpt["turned"].matrices()[""][1:4], net.turned.detach()[1:4].numpy())


def test_the_module_is_never_changed(torch: ModuleType):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.LSTM(4, 5))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    attributes = [set(vars(layer)) for layer in model.modules()]
    ckpt = open_checkpoint(model)
    for weight in ckpt.values():
        for matrix in weight.matrices().values():
            matrix.spectrum().eigenvalues  # noqa: B018
        weight.fingerprint()
        with pytest.raises(ValueError, match="read-only"):
            weight.array()[...] = 0
    assert attributes == [set(vars(layer)) for layer in model.modules()]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_training_is_followed(torch: ModuleType):
    model = torch.nn.Linear(3, 2)
    weight = open_checkpoint(model)["weight"]
    first = weight.fingerprint()
    with torch.no_grad():
        model.weight.add_(1)
    assert weight.fingerprint() != first
    np.testing.assert_array_equal(weight.array(), model.weight.detach().numpy())


def test_an_array_of_a_live_matrix_is_ones_own(torch):
    layer = torch.nn.Linear(4, 3)
    kept = layer.weight.detach().clone()
    (matrix,) = open_checkpoint(layer)["weight"].matrices().values()
    own = np.array(matrix)
    own[:] = 7.0
    assert torch.equal(layer.weight.detach(), kept)
    assert not np.asarray(matrix).flags.writeable
