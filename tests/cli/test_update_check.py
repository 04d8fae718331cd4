"""`theodolite update-check`: what it shows, what it asks for, when the gate closes."""

import json

import numpy as np
import pytest

from theodolite.testing import orthogonal
from theodolite.updates import backward_compatibility, update_compatibility

NETS = """\
import torch


def build():
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))


def deeper():
    return torch.nn.Sequential(torch.nn.Linear(6, 3))
"""


@pytest.fixture
def files(tmp_path, cli):
    """Answers of two versions with embeddings, and labels with groups, in the working directory."""
    home = tmp_path / "cwd"
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    old, new = (np.where(rng.random(200) < right, labels, rng.integers(0, 3, 200)) for right in (0.6, 0.8))
    embeddings = rng.standard_normal((3, 8))[labels] + rng.standard_normal((200, 8))
    turned = embeddings @ orthogonal(8, rng=1)
    np.savez(home / "old.npz", predictions=old, embeddings=embeddings)
    np.savez(home / "new.npz", predictions=new, embeddings=turned)
    np.save(home / "bare.npy", new)
    np.savez(home / "data.npz", targets=labels, language=np.arange(200) % 2)
    return old, new, labels, (embeddings, turned)


def test_the_json_is_what_python_says(cli, files):
    old, new, labels, embeddings = files
    ran = cli("update-check", "old.npz", "new.npz", "--data", "data.npz", "--slices", "language", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    expected = update_compatibility(old, new, labels, slices=np.arange(200) % 2)
    assert found["flips"] == expected.to_dict()
    assert found["retrieval"] == backward_compatibility(*embeddings, labels).to_dict()


def test_the_table_says_flips_slices_and_retrieval(cli, files):
    old, new, labels, _ = files
    ran = cli("update-check", "old.npz", "new.npz", "--data", "data.npz", "--slices", "language")
    found = update_compatibility(old, new, labels)
    assert ran.out.startswith(f"200 examples: accuracy {found.old_accuracy.value:.2%} [")
    assert f"{found.negative_flips.value:.2%}" in ran.out
    assert "0 (100)" in ran.out
    assert "new → old, turned" in ran.out
    assert "Compatible: new → old finds +0.0000" in ran.out


def test_a_bare_array_is_predictions(cli, files):
    with_name = cli("update-check", "old.npz", "new.npz", "--data", "data.npz", "--json")
    bare = cli("update-check", "old.npz", "bare.npy", "--data", "data.npz", "--json")
    assert json.loads(bare.out)["flips"] == json.loads(with_name.out)["flips"]
    assert json.loads(bare.out)["retrieval"] is None


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("negative_flips > 1 %", 1),
        ("negative_flips > 90 %", 0),
        ("gain < -0.01", 0),
        ("new_to_old.precision > 0.1 and positive_flips > 0", 1),
    ],
)
def test_the_gate(cli, files, condition, code):
    ran = cli("update-check", "old.npz", "new.npz", "--data", "data.npz", "--fail-if", condition)
    assert ran.code == code
    assert f"{'Violated' if code else 'Not violated'}: {condition}" in ran.out
    assert "it is " in ran.out
    assert ("±: one standard error." in ran.out) == ("±" in ran.out)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("old.npz", "new.npz"), 2, "There are no labels: give --data FILE."),
        (("data.npz", "new.npz", "--data", "data.npz"), 2, "old: data.npz holds 'targets', 'language'; expected"),
        (("old.npz", "new.npz", "--data", "old.npz"), 2, "--data: old.npz holds no 'targets'"),
        (("old.npz", "new.npz", "--data", "data.npz", "--slices", "tongue"), 2, "holds no 'tongue'"),
        (("old.npz", "new.npz", "--data", "data.npz", "--fail-if", "flips > 0"), 2, "--fail-if: unknown name 'flips'"),
        (("old.npz", "new.npz", "--data", "data.npz", "--fail-if", "flips >"), 2, "--fail-if: "),
        (("old.npz", "new.npz", "--data", "data.npz", "--layer", "0"), 2, "--layer is given without --model"),
        (("old.npz", "new.npz", "--data", "data.npz", "--model", "a:b"), 2, "data.npz holds no inputs"),
        (("no.npz", "new.npz", "--data", "data.npz"), 4, "no.npz"),
    ],
)
def test_what_can_be_mended_is_said_in_a_line(cli, files, arguments, code, says):
    ran = cli("update-check", *arguments)
    assert ran.code == code
    assert says in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("condition", "more", "says"),
    [
        ("change > 1 or new_to_old.top > 0", (), "unknown name 'new_to_old.top'; did you mean 'new_to_old.top1'"),
        ("slices.negative_flips.max > 0.1", (), "Add --slices NAME."),
        ("slices.negative_flips.most > 0.1", ("--slices", "language"), "behind slices.negative_flips, "),
        ("gain < 0 and new_to_old.precision < 1", ("--model", "nets:build"), "Add --layer NAME."),
    ],
)
def test_names_are_checked_before_anything_runs(cli, files, monkeypatch, condition, more, says):
    import theodolite.cli.update_check as command

    monkeypatch.setattr(command, "_compared", lambda *_: pytest.fail("it ran"))
    ran = cli("update-check", "old.npz", "new.npz", "--data", "data.npz", "--fail-if", condition, *more)
    assert ran.code == 2
    assert says in ran.err
    assert "?." not in ran.err


def test_a_condition_on_embeddings_that_are_not_there_says_so(cli, files):
    ran = cli("update-check", "old.npz", "bare.npy", "--data", "data.npz", "--fail-if", "gain < 0")
    assert ran.code == 2
    assert "asks for gain, and there are no embeddings" in ran.err


def test_every_name_that_has_a_number_may_be_asked_for(cli, files):
    old, new, labels, embeddings = files
    flips = update_compatibility(old, new, labels, slices=np.arange(200) % 2).quantities()
    for name in [*flips, *backward_compatibility(*embeddings, labels).quantities()]:
        condition = f"{name}.max > 9" if name.startswith("slices.") else f"{name} > 999"
        given = ("old.npz", "new.npz", "--data", "data.npz", "--slices", "language", "--fail-if", condition)
        ran = cli("update-check", *given)
        assert ran.code in {0, 1} or f"no layer has {name}" in ran.err, name


@pytest.mark.torch
def test_checkpoints_are_run(cli, torch, tmp_path):
    home = tmp_path / "cwd"
    (home / "nets_for_updates.py").write_text(NETS)
    from theodolite.generalization.loading import load_factory

    torch.manual_seed(0)
    models = {}
    for name, function in (("old", "deeper"), ("new", "build")):
        models[name] = load_factory(f"nets_for_updates:{function}", folder=home)()
        torch.save(models[name].state_dict(), home / f"{name}.pt")
    rng = np.random.default_rng(0)
    inputs, targets = rng.standard_normal((50, 6)).astype(np.float32), rng.integers(0, 3, 50)
    np.savez(home / "data.npz", inputs=inputs, targets=targets)
    run = ("update-check", "old.pt", "new.pt", "--data", "data.npz", "--model", "nets_for_updates:build", "--json")
    ran = cli(*run, "--old-model", "nets_for_updates:deeper", "--batch-size", "16")
    assert (ran.code, ran.err) == (0, "")
    with torch.no_grad():
        logits = [models[name](torch.as_tensor(inputs)).double().numpy() for name in ("old", "new")]
    expected = update_compatibility(*logits, targets).to_dict()
    found = json.loads(ran.out)["flips"]
    assert found["negative_flips"] == expected["negative_flips"]
    assert found["score_gain"] == pytest.approx(expected["score_gain"])
    same = cli(*run[:1], "new.pt", *run[2:], "--layer", "1")
    retrieval = json.loads(same.out)["retrieval"]
    # Units that are dead on the rows of the fit can be turned in any way, and a few of them live on others.
    assert retrieval["new_to_old"] == pytest.approx(retrieval["old_to_old"], abs=0.01)
    with torch.no_grad():
        hidden = models["new"][:2](torch.as_tensor(inputs)).double().numpy()
    assert retrieval["old_to_old"] == pytest.approx(
        backward_compatibility(hidden, hidden, targets).old_to_old.to_dict()
    )
    lost = cli(*run[:1], "new.pt", *run[2:], "--layer", "7")
    assert (lost.code, "--layer: " in lost.err) == (2, True)
    wrong = cli(*run)
    assert wrong.code == 2
    assert "--model: " in wrong.err
