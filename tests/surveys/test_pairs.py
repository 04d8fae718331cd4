"""Runs over pairs: what is decomposed, what is not, and in which rows it ends."""

import json

import numpy as np
import pytest

from theodolite.delta import LowRank, intruder_dimensions, subspace_overlap, weight_change
from theodolite.sources.adapted import AdaptedTensor
from theodolite.surveys.arrays import held_arrays
from theodolite.surveys.matching import matched
from theodolite.surveys.pairs import PairSettings, compare_pairs


def models():
    rng = np.random.default_rng(0)
    before = {f"layers.{i}.mlp.up.weight": rng.standard_normal((40, 30)) for i in range(3)}
    before |= {"norm.weight": np.ones(30), "head.weight": rng.standard_normal((12, 30)), "broken.weight": np.eye(9)}
    after = {name: array.copy() for name, array in before.items()}
    after["layers.0.mlp.up.weight"] += 0.1 * rng.standard_normal((40, 30))
    after["layers.1.mlp.up.weight"] += np.outer(rng.standard_normal(40), rng.standard_normal(30))
    after["norm.weight"] = np.full(30, 2.0)
    after["head.weight"] = rng.standard_normal((14, 30))
    after["broken.weight"] = np.full((9, 9), np.nan)
    return before, after


def compared(before, after, jobs=1, **settings):
    one, other = held_arrays(before, "before"), held_arrays(after, "after")
    given = PairSettings(**settings)
    return {
        answer.after.target: answer
        for answer in compare_pairs(("before", one), ("after", other), matched(one, other), given, jobs=jobs)
    }


def test_every_pair_gets_the_numbers_of_the_functions():
    before, after = models()
    found = compared(before, after, k=5, epsilon=0.7)
    name = "layers.1.mlp.up.weight"
    answer = found[f"after:{name}"]
    assert answer.state == "changed"
    rows = {row.name: row for row in answer.rows}
    assert all((row.target, row.against) == (f"after:{name}", f"before:{name}") for row in answer.rows)
    change = weight_change(before[name], after[name])
    assert rows["weight_change.rank"].value == change.rank == 1
    assert rows["weight_change.relative"].value == pytest.approx(change.relative)
    overlap = subspace_overlap(before[name], after[name], k=5)
    assert rows["subspace_overlap.left"].value == pytest.approx(overlap.left)
    assert rows["subspace_overlap.left"].chance == 5 / 40
    assert rows["subspace_overlap.right"].chance == 5 / 30
    intruders = intruder_dimensions(before[name], after[name], k=5, epsilon=0.7)
    assert rows["intruder_dimensions.left"].value == intruders.count > 0
    assert json.loads(rows["intruder_dimensions.left"].params) == {"epsilon": 0.7, "gap": 1e-4, "k": 5}
    assert answer.intruders["left"].indices == intruders.indices


def test_what_is_identical_is_not_decomposed(monkeypatch):
    before, after = models()
    seen = []
    from theodolite.delta import pair

    monkeypatch.setattr(pair, "decomposed_pair", lambda first, *_: seen.append(first.shape) or 1 / 0)
    same = {name: before[name] for name in ("layers.2.mlp.up.weight", "norm.weight")}
    found = compared(same, {name: array.copy() for name, array in same.items()})
    assert {answer.state for answer in found.values()} == {"identical"}
    assert seen == []
    with pytest.raises(ZeroDivisionError):
        compared(before, after)
    assert seen


def test_what_cannot_be_compared_says_why():
    found = compared(*models())
    assert found["after:norm.weight"].state == "changed"
    assert found["after:norm.weight"].rows == ()
    head = found["after:head.weight"]
    assert (head.state, head.note) == ("not compared", "its shape is 12 x 30 before and 14 x 30 after")
    broken = found["after:broken.weight"]
    assert broken.state == "not compared"
    assert {row.outcome for row in broken.rows} == {"NOT_FINITE"}
    assert found["after:layers.2.mlp.up.weight"].state == "identical"


def test_several_jobs_give_the_same_rows():
    def canonical(answers):
        return [(row.name, row.target, row.value, row.key) for answer in answers.values() for row in answer.rows]

    assert canonical(compared(*models(), jobs=2)) == canonical(compared(*models()))


def test_keys_follow_content_and_parameters():
    before, after = models()
    name = "after:layers.0.mlp.up.weight"
    first = {row.name: row.key for row in compared(before, after)[name].rows}
    other = {row.name: row.key for row in compared(before, after, k=3)[name].rows}
    assert first["weight_change.rank"] == other["weight_change.rank"]
    assert first["subspace_overlap.left"] != other["subspace_overlap.left"]
    after["layers.0.mlp.up.weight"][0, 0] += 1
    assert {row.name: row.key for row in compared(before, after)[name].rows}["weight_change.rank"] != first[
        "weight_change.rank"
    ]


def test_factors_are_never_multiplied_out(monkeypatch):
    rng = np.random.default_rng(1)
    weight, left, right = rng.standard_normal((50, 40)), rng.standard_normal((50, 2)), rng.standard_normal((2, 40))
    from dataclasses import replace

    from theodolite.sources import Checkpoint

    base = held_arrays({"fc.weight": weight}, "base")
    record = base["fc.weight"].record
    content = AdaptedTensor(record.content, left, right)
    laid = Checkpoint(replace(base.contents, records=[replace(record, content=content, dtype="F64")]), model="laid")
    monkeypatch.setattr(AdaptedTensor, "rows", lambda *_: 1 / 0)
    (answer,) = compare_pairs(("base", base), ("laid", laid), matched(base, laid), PairSettings())
    wanted = intruder_dimensions(weight, LowRank(left, right))
    assert answer.change.rank == 2
    np.testing.assert_allclose(answer.intruders["left"].cosines, wanted.cosines, atol=1e-12)
    np.testing.assert_allclose(wanted.cosines, intruder_dimensions(weight, weight + left @ right).cosines, atol=1e-10)


def test_the_same_numbers_in_another_type_are_identical():
    weight = np.random.default_rng(0).standard_normal((20, 10)).astype("f4")
    (answer,) = compared({"fc.weight": weight}, {"fc.weight": weight.astype(float)}).values()
    assert answer.state == "identical"


def test_a_matrix_that_was_zero_has_a_change_and_no_directions():
    weight = np.random.default_rng(0).standard_normal((20, 10))
    (answer,) = compared({"fc.weight": np.zeros_like(weight)}, {"fc.weight": weight}).values()
    assert answer.state == "changed"
    assert answer.change.rank == 10
    rows = {row.name: row for row in answer.rows}
    assert rows["weight_change.rank"].value == 10
    for name in ("weight_change.relative", "subspace_overlap.left", "intruder_dimensions.right"):
        assert rows[name].outcome == "ALL_ZERO"
