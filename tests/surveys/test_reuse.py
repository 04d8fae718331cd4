"""What two models share is measured once: counted, and byte for byte what measuring would have given."""

import numpy as np
import pytest

from theodolite.surveys import asking, survey
from theodolite.surveys import run as running


@pytest.fixture
def states():
    """Ten matrices, of which two change between the first state and the second; one that stays holds a trap."""
    rng = np.random.default_rng(0)
    first = {f"layers.{block}.mlp.weight": rng.standard_normal((40, 24)) for block in range(10)}
    first["layers.5.mlp.weight"][0, 0] = 60.0
    second = {name: array.copy() for name, array in first.items()}
    for block in (3, 7):
        second[f"layers.{block}.mlp.weight"][0] += 1.0
    return first, second


@pytest.fixture
def decomposed(monkeypatch):
    """Targets whose matrix was decomposed."""
    seen = []
    decompose = running._decomposed

    def counting(spectrum):
        seen.append(spectrum)
        return decompose(spectrum)

    monkeypatch.setattr(running, "_decomposed", counting)
    return seen


def open_as(name, arrays, tmp_path):
    from theodolite.sources import open_checkpoint

    path = tmp_path / f"{name}.npz"
    np.savez(path, **arrays)
    return open_checkpoint(path)


MEASURES = ["stable_rank", "power_law", "hill", "correlation_traps", "with_interval(hill)"]


def test_a_second_model_costs_only_the_matrices_that_changed(states, tmp_path, decomposed):
    told = []
    survey(open_as("a", states[0], tmp_path), MEASURES, store=tmp_path / "run")
    assert len(decomposed) == 10
    survey(open_as("b", states[1], tmp_path), MEASURES, store=tmp_path / "run", progress=told.append)
    assert len(decomposed) == 12
    assert (told[-1].computed, told[-1].reused) == (2, 8)
    assert all(now.computed + now.reused == now.done for now in told)


@pytest.mark.parametrize("jobs", [1, 2])
def test_copied_readings_are_those_that_measuring_gives(states, tmp_path, jobs):
    a, b = open_as("a", states[0], tmp_path), open_as("b", states[1], tmp_path)
    survey(a, MEASURES, store=tmp_path / "shared", jobs=jobs)
    shared = survey(b, MEASURES, store=tmp_path / "shared", jobs=jobs).where(model="b")
    fresh = survey(b, MEASURES, store=tmp_path / "fresh").where(model="b")
    assert shared.canonical() == fresh.canonical()
    referred = {row.array for row in shared.rows if row.array}
    assert sum(reference.endswith("#eigenvalues") for reference in referred) == 10
    assert any("layers-5-" in reference and not reference.endswith("#eigenvalues") for reference in referred)
    for reference in referred:
        np.testing.assert_array_equal(shared.array(reference), fresh.array(reference))


def test_another_measure_is_computed_and_the_known_ones_are_not(states, tmp_path, monkeypatch):
    a, b = open_as("a", states[0], tmp_path), open_as("b", states[0], tmp_path)
    survey(a, ["stable_rank"], store=tmp_path / "run")
    asked = []
    ask = running.ask
    monkeypatch.setattr(
        running, "ask", lambda about, *rest: asked.append(about.question.request.name) or ask(about, *rest)
    )
    readings = survey(b, ["stable_rank", "hill"], store=tmp_path / "run")
    assert asked == ["hill"] * 10
    assert readings.where(model="b").names[:2] == ("stable_rank", "hill")


def test_another_seed_or_parameter_is_no_copy(states, tmp_path, decomposed):
    from theodolite.surveys import Survey

    a, b = open_as("a", states[0], tmp_path), open_as("b", states[0], tmp_path)
    survey(a, ["hill"], store=tmp_path / "run")
    survey(b, ["hill[k=5]"], store=tmp_path / "run")
    assert len(decomposed) == 20
    survey(open_as("c", states[0], tmp_path), Survey.of(["hill"], seed=1), store=tmp_path / "run")
    assert len(decomposed) == 30


def test_a_failure_is_not_copied(tmp_path, decomposed, monkeypatch):
    arrays = {"w.weight": np.random.default_rng(1).standard_normal((8, 6))}
    with monkeypatch.context() as broken:
        broken.setattr(asking, "field_readings", lambda *_: 1 / 0)
        survey(open_as("a", arrays, tmp_path), ["stable_rank"], store=tmp_path / "run")
    readings = survey(open_as("b", arrays, tmp_path), ["stable_rank"], store=tmp_path / "run")
    assert len(decomposed) == 2
    assert readings.where(model="b", status="ok").rows
