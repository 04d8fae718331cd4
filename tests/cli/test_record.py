"""`theodolite record`: the file it writes, what it says, and how it ends."""

import numpy as np
import pytest

import theodolite as td

pytestmark = pytest.mark.torch

NETS = """\
import torch


class Net(torch.nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.embed = torch.nn.Embedding(11, width)
        self.layers = torch.nn.ModuleList(torch.nn.Sequential(torch.nn.Linear(width, width)) for _ in range(2))
        self.head = torch.nn.Linear(width, 3)

    def forward(self, input_ids, attention_mask=None):
        x = self.embed(input_ids)
        for layer in self.layers:
            x = x + layer(x)
        return self.head(x)


def build():
    return Net()


def wide():
    return Net(9)


def sized(width):
    return Net(width)


def nothing():
    return None
"""
MODEL = ("--model", "nets_for_record:build")


@pytest.fixture
def net(cli, torch, tmp_path):
    """A model beside its weights and data, in the working directory of the command line."""
    home = tmp_path / "cwd"
    (home / "nets_for_record.py").write_text(NETS)
    from theodolite.generalization.loading import load_factory

    torch.manual_seed(0)
    model = load_factory("nets_for_record:build", folder=home)()
    torch.save(model.state_dict(), home / "net.pt")
    ids = np.random.default_rng(0).integers(0, 11, (30, 5))
    data = {"input_ids": ids, "attention_mask": (np.arange(5) <= np.arange(30)[:, None]).astype(np.int64)}
    np.savez(home / "data.npz", **data, labels=np.zeros(30))
    return model, data, home


def test_the_file_holds_what_python_records(cli, net):
    model, data, home = net
    options = ("--rows", "12", "--moments", "--folds", "2", "--seed", "3", "--tokens", "each", "--batch-size", "4")
    ran = cli("record", "net.pt", "data.npz", *MODEL, "-o", "f.safetensors", *options)
    assert (ran.code, ran.err) == (0, "")
    read = td.open_features(home / "f.safetensors")
    found = td.record(model, data, name="net", rows=12, moments=True, folds=2, seed=3, tokens="each")
    assert (read.names, read.has, read.origin) == (found.names, found.has, found.origin)
    for name in found.names:
        np.testing.assert_allclose(read[name].rows, found[name].rows, rtol=1e-6)
    one, other = (np.asarray(each.pair("layers.0", "layers.1", of="moments").cross) for each in (read, found))
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    seen = int(data["attention_mask"].sum())
    lines = ran.out.splitlines()
    assert lines[0] == f"net: 2 layers, {seen} tokens"
    assert ["layers.0", "12", "6", "tokens", str(seen), "rows"] in [line.split() for line in lines]
    assert any(line.startswith("Features ") and line.endswith("f.safetensors") for line in lines)
    assert lines[-2:] == [
        "Next     theodolite similarity f.safetensors",
        "         theodolite dimension f.safetensors",
    ]


def test_moments_alone(cli, net):
    ran = cli("record", "net.pt", "data.npz", *MODEL, "-o", "f.safetensors", "--rows", "0", "--moments")
    assert ran.code == 0
    assert ["layers.1", "none", "6", "examples", "30", "rows"] in [line.split() for line in ran.out.splitlines()]
    assert "theodolite dimension" not in ran.out


def test_a_file_that_is_there_stays_unless_it_may_go(cli, net):
    *_, home = net
    (home / "f.safetensors").write_text("mine")
    ran = cli("record", "net.pt", "data.npz", *MODEL, "-o", "f.safetensors")
    assert ran.code == 2
    assert "there already" in ran.err
    assert "--overwrite" in ran.err
    assert (home / "f.safetensors").read_text() == "mine"
    assert cli("record", "net.pt", "data.npz", *MODEL, "-o", "f.safetensors", "--overwrite").code == 0
    assert len(td.open_features(home / "f.safetensors")) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("net.pt", "data.npz", "-o", "f.safetensors"), 2, "A checkpoint holds no code: give --model"),
        (("net.pt", "data.npz", *MODEL), 2, "Give -o FILE.safetensors."),
        (("net.pt", "data.npz", *MODEL, "-o", "f.npz"), 2, "f.npz does not end in .safetensors"),
        (("net.pt", "data.npz", *MODEL, "-o", "net.pt/f.safetensors"), 2, "net.pt is a file"),
        (
            ("net.pt", "data.npz", "--model", "nets_for_record:bild", "-o", "f.safetensors"),
            2,
            "did you mean 'build'?\n",
        ),
        (("net.pt", "data.npz", "--model", "nets_for_record:wide", "-o", "f.safetensors"), 2, "--model: embed.weight"),
        (("net.pt", "data.npz", "--model", "nets_for_record:sized", "-o", "f.safetensors"), 2, "'width'"),
        (("net.pt", "data.npz", "--model", "nets_for_record:nothing", "-o", "f.safetensors"), 2, "NoneType"),
        (("net.pt", "data.npz", *MODEL, "-o", "f.safetensors", "--layers", "layrs.*"), 2, "fits no layer"),
        (
            ("net.pt", "data.npz", *MODEL, "-o", "f.safetensors", "--rows", "0"),
            2,
            "nothing would be kept; add --moments.",
        ),
        (("net.pt", "data.npz", *MODEL, "-o", "f.safetensors", "--tokens", "all"), 2, "--tokens"),
        (("net.pt", "data.npz", *MODEL, "-o", "f.safetensors", "--device", "abacus"), 2, "--device abacus"),
        (("net.pt", "other.npz", *MODEL, "-o", "f.safetensors"), 2, "the model can't be run on these inputs"),
        (("nowhere.pt", "data.npz", *MODEL, "-o", "f.safetensors"), 4, "nowhere.pt"),
        (("net.pt", "nowhere.npz", *MODEL, "-o", "f.safetensors"), 4, "nowhere.npz"),
        (("net.pt",), 2, "DATA"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_written(cli, net, arguments, code, says):
    *_, home = net
    np.savez(home / "other.npz", inputs=np.full((3, 2), 99))
    before = sorted(home.iterdir())
    ran = cli("record", *arguments)
    assert ran.code == code
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert sorted(path for path in home.iterdir() if path.name != "__pycache__") == [
        path for path in before if path.name != "__pycache__"
    ]


def test_activations_that_are_not_finite_are_an_error_that_names_layer_and_batch(cli, net, torch):
    model, _, home = net
    model.embed.weight.data[:] = float("nan")
    torch.save(model.state_dict(), home / "nan.pt")
    ran = cli("record", "nan.pt", "data.npz", *MODEL, "-o", "f.safetensors")
    assert ran.code == 2
    assert "layer 'layers.0.0', batch 0" in ran.err or "layer 'layers.0', batch 0" in ran.err
    assert "the first in example 0" in ran.err or "the first in token 0" in ran.err
    assert "both clouds" not in ran.err
    assert not (home / "f.safetensors").exists()


def test_a_place_where_nothing_can_be_written_is_named_before_the_model_runs(cli, net, monkeypatch):
    import tempfile

    from theodolite.sources import Features

    def full(self, target, **_):
        raise OSError(28, "No space left on device", str(target.parent / ".tmp-f.safetensors-x1"))

    monkeypatch.setattr(Features, "write", full)
    ran = cli("record", "net.pt", "data.npz", *MODEL, "-o", "f.safetensors")
    assert ran.err.startswith("error: f.safetensors can't be written: No space left on device.")

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    monkeypatch.setattr("theodolite.sources.record_features", lambda *_, **__: pytest.fail("it ran"))
    ran = cli("record", "net.pt", "data.npz", *MODEL, "-o", "f.safetensors")
    assert ran.code == 2
    assert ran.err.startswith("error: f.safetensors can't be written: Permission denied.")


def test_an_interrupt_leaves_nothing(cli, net, monkeypatch):
    *_, home = net

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("theodolite.sources.record_features", stop)
    ran = cli("record", "net.pt", "data.npz", *MODEL, "-o", "f.safetensors")
    assert ran.code == 130
    assert "Nothing was written" in ran.err
    assert not (home / "f.safetensors").exists()
