"""`theodolite gradients`: what it shows, what it asks for, and how it ends."""

import json

import numpy as np
import pytest

import theodolite as td

pytestmark = pytest.mark.torch

NETS = """\
import torch


class Attention(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (torch.nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        scores = self.q_proj(x) @ self.k_proj(x).transpose(1, 2)
        return x + self.o_proj(torch.softmax(scores, -1) @ self.v_proj(x))


class Net(torch.nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.embed_tokens = torch.nn.Embedding(11, width)
        self.layers = torch.nn.ModuleList(Attention(width) for _ in range(2))
        self.lm_head = torch.nn.Linear(width, 11)

    def forward(self, tokens):
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.lm_head(x)


def build():
    return Net()


def wide():
    return Net(9)


def sized(width):
    return Net(width)


def faulty():
    return Net() + None
"""


@pytest.fixture
def net(cli, torch, tmp_path):
    """A model beside its weights and data, in the working directory of the command line."""
    home = tmp_path / "cwd"
    (home / "nets_for_gradients.py").write_text(NETS)
    from theodolite.generalization.loading import load_factory

    torch.manual_seed(0)
    model = load_factory("nets_for_gradients:build", folder=home)()
    torch.save(model.state_dict(), home / "net.pt")
    tokens = torch.randint(0, 11, (6, 10), generator=torch.Generator().manual_seed(1))
    data = {"inputs": tokens[:, :-1].numpy(), "targets": tokens[:, 1:].numpy()}
    np.savez(home / "data.npz", **data)
    return model, (data["inputs"], data["targets"])


def test_the_table_shows_what_python_reads(cli, net):
    model, data = net
    ran = cli("gradients", "net.pt", "data.npz", "--model", "nets_for_gradients:build")
    assert (ran.code, ran.err) == (0, "")
    found = td.gradients(model, data, name="net")
    lines = ran.out.splitlines()
    assert lines[0].startswith("net: 6 examples, 9 layers, loss ")
    assert "by chance" in lines[0]
    for target in (t for t in found.targets if not t.listed_because and t.module != "*"):
        (line,) = [line.split() for line in lines if line.split()[:1] == [target.module]]
        norm, rank = (
            next(iter(found.where(f"gradient.{f}", module=target.module))) for f in ("nuclear_norm", "effective_rank")
        )
        assert line[1:] == [f"{n:.4g}" for row in (norm, rank) for n in (row.value, row.se, row.chance)]
    assert "query, next block" in ran.out
    assert "value, output" in ran.out


def test_json_is_the_readings_and_nothing_else(cli, net):
    model, data = net
    options = ("--layers", "*q_proj", "--examples", "4", "--null", "none", "--batch-size", "2", "--json")
    ran = cli("gradients", "net.pt", "data.npz", "--model", "nets_for_gradients:build", *options)
    rows = [json.loads(line) for line in ran.out.splitlines()]
    found = td.gradients(model, data, layers="*q_proj", examples=4, null="none", batch_size=2, name="net")
    assert [(row["target"], row["field"], row["value"]) for row in rows] == [
        (r.target, r.field, r.value) for r in found
    ]
    assert {row["chance"] for row in rows} == {None}
    assert {row["module"] for row in rows} == {"layers.0.q_proj", "layers.1.q_proj", "*"}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("net.pt", "data.npz"), 2, "A checkpoint holds no code: give --model package.module:function."),
        (("net.pt", "data.npz", "--model", "nets_for_gradients:bild"), 2, "did you mean 'build'"),
        (("net.pt", "data.npz", "--model", "nets_for_gradients:wide"), 2, "8 in"),
        (("net.pt", "data.npz", "--model", "nets_for_gradients:sized"), 2, "missing a required argument: 'width'"),
        (
            ("net.pt", "data.npz", "--model", "nets_for_gradients:build", "--layers", "*no*"),
            2,
            "no gradient to look at",
        ),
        (("net.pt", "data.npz", "--model", "nets_for_gradients:build", "--draws", "0"), 2, "--draws is 0"),
        (("net.pt", "data.npz", "--model", "nets_for_gradients:build", "--null", "tokens"), 2, "tokens"),
        (("nowhere.pt", "data.npz", "--model", "nets_for_gradients:build"), 4, "nowhere.pt"),
        (("net.pt", "nowhere.npz", "--model", "nets_for_gradients:build"), 4, "nowhere.npz"),
        (("net.pt",), 2, "DATA"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(cli, net, arguments, code, says):
    ran = cli("gradients", *arguments)
    assert ran.code == code
    assert says in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_data_without_targets_are_named(cli, net, tmp_path):
    np.savez(tmp_path / "cwd" / "odd.npz", inputs=np.zeros((2, 3)))
    ran = cli("gradients", "net.pt", "odd.npz", "--model", "nets_for_gradients:build")
    assert ran.code == 2
    assert "expected 'inputs' and 'targets'" in ran.err


def test_what_the_model_cannot_be_run_on_is_said_in_a_line(cli, net, tmp_path):
    tokens = np.full((2, 3), 11)
    np.savez(tmp_path / "cwd" / "odd.npz", inputs=tokens, targets=tokens - 1)
    ran = cli("gradients", "net.pt", "odd.npz", "--model", "nets_for_gradients:build")
    assert (ran.code, ran.out) == (2, "")
    assert "data: the model can't be run on these inputs" in ran.err
    assert "Traceback" not in ran.err


def test_a_function_that_gives_no_module_is_named_as_the_option(cli, net):
    ran = cli("gradients", "net.pt", "data.npz", "--model", "collections:OrderedDict")
    assert ran.code == 2
    assert "error: --model: it gave OrderedDict" in ran.err


def test_an_interrupt_ends_with_130(cli, net, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("theodolite.valuation.gradients", interrupted)
    ran = cli("gradients", "net.pt", "data.npz", "--model", "nets_for_gradients:build")
    assert (ran.code, ran.out) == (130, "")
    assert "Stopped." in ran.err


def test_a_bug_is_no_wrong_usage(cli, net, monkeypatch):
    with pytest.raises(TypeError, match="unsupported operand"):
        cli("gradients", "net.pt", "data.npz", "--model", "nets_for_gradients:faulty")

    def broken(*_, **__):
        raise TypeError("a bug of ours")

    monkeypatch.setattr("theodolite.valuation.gradients", broken)
    with pytest.raises(TypeError, match="a bug of ours"):
        cli("gradients", "net.pt", "data.npz", "--model", "nets_for_gradients:build")
