"""Readings: choosing, ranking, laying out, comparing, and the form that two runs share byte for byte."""

import json

import numpy as np
import pytest

from theodolite.core import ReadingRow, Readings, TargetRow


def target(module, model="m", **columns):
    part = columns.get("part", "")
    identity = f"{model}:{module}" + (f"#{part}" if part else "")
    return TargetRow(**{"target": identity, "model": model, "module": module, "shape": (4, 3), **columns})


def reading(module, measure, value, field="value", model="m", **columns):
    return ReadingRow(target=f"{model}:{module}", measure=measure, field=field, value=value, **columns)


@pytest.fixture
def survey():
    targets = [
        target("b.query", role="query", block=0),
        target("a.key", role="key", block=1),
        target("c.norm", listed_because="1-D", shape=(4,)),
        target("*"),
    ]
    rows = [
        reading("b.query", "power_law", 3.0, "alpha", array="arrays/b.safetensors#eigenvalues"),
        reading("b.query", "power_law", 0.1, "distance"),
        reading("a.key", "power_law", 2.0, "alpha", outcome="SHORT_TAIL", note="9 eigenvalues"),
        reading("a.key", "power_law", 0.3, "distance"),
        reading("b.query", "stable_rank", 1.5),
        reading("a.key", "stable_rank", None, outcome="ALL_ZERO"),
        reading("*", "power_law", 2.5, "alpha.mean"),
    ]
    return Readings(targets, rows)


def test_what_is_there(survey):
    assert len(survey) == 7
    assert [row.name for row in survey][:2] == ["power_law.alpha", "power_law.distance"]
    assert survey.models == ("m",)
    assert survey.names == ("power_law.alpha", "power_law.distance", "stable_rank", "power_law.alpha.mean")
    assert repr(survey) == "Readings(m: 2 targets measured, 7 rows)"
    assert survey.target("m:a.key").role == "key"
    with pytest.raises(KeyError, match=r"no target 'm:a.kee'; did you mean 'm:a.key'"):
        survey.target("m:a.kee")


def test_targets_are_unique_and_rows_speak_of_them():
    with pytest.raises(ValueError, match=r"'m:a' is there twice"):
        Readings([target("a"), target("a")], [])
    with pytest.raises(ValueError, match=r"a row of hill speaks of 'm:b', which is not among the targets"):
        Readings([target("a")], [reading("b", "hill", 1.0)])


def test_a_field_is_named_with_or_without_its_measure(survey):
    for name in ("alpha", "power_law.alpha"):
        assert [row.value for row in survey.where(name)] == [3.0, 2.0]
    assert len(survey.where("power_law")) == 5
    assert [row.value for row in survey.where("stable_rank")] == [1.5, None]
    assert [row.value for row in survey.where("stable_rank.value")] == [1.5, None]
    with pytest.raises(ValueError, match=r"no reading is named 'alfa'; did you mean|choose from"):
        survey.where("alfa")


def test_an_ambiguous_field_is_an_error():
    both = Readings(
        [target("a")],
        [reading("a", "power_law", 3.0, "alpha"), reading("a", "truncated_power_law", 2.0, "alpha")],
    )
    with pytest.raises(
        ValueError, match=r"'alpha' is a field of power_law, truncated_power_law; write power_law.alpha"
    ):
        both.where("alpha")
    assert [row.value for row in both.where("truncated_power_law.alpha")] == [2.0]


@pytest.mark.parametrize(
    ("columns", "count"),
    [
        ({"role": "query"}, 3),
        ({"role": ["query", "key"]}, 6),
        ({"module": "?.*"}, 6),
        ({"module": "a.*"}, 3),
        ({"block": 1}, 3),
        ({"block": None}, 1),
        ({"status": "skipped"}, 1),
        ({"status": "note", "field": "alpha"}, 1),
        ({"outcome": "ALL_ZERO"}, 1),
        ({"field": "alpha*"}, 3),
        ({"module": "*"}, 1),
        ({"shape": (4, 3)}, 7),
        ({"shape": [(4, 3), (9, 9)]}, 7),
        ({"shape": (3, 4)}, 0),
        ({"role": "router"}, 0),
    ],
)
def test_rows_are_chosen_by_columns(survey, columns, count):
    kept = survey.where(**columns)
    assert len(kept) == count
    assert {t.target for t in kept.targets} == {row.target for row in kept}


def test_an_unknown_column_is_an_error(survey):
    with pytest.raises(ValueError, match=r"where: unknown column 'rolle'; did you mean 'role'\?"):
        survey.where(rolle="query")


def test_brackets_in_a_module_name_are_found():
    odd = Readings([target("layers[0].w"), target("layers0.w")], [reading("layers[0].w", "hill", 1.0)])
    assert len(odd.where(module="layers[0].w")) == 1


def test_top_ranks_layers_only(survey):
    top = survey.top("alpha", 1)
    assert list(top["module"]) == ["b.query"]
    assert list(survey.top("alpha", largest=False)["module"]) == ["a.key", "b.query"]
    assert list(survey.top("stable_rank")["module"]) == ["b.query"]
    assert list(survey.top("power_law.alpha.mean")["module"]) == []
    with pytest.raises(
        ValueError, match=r"'power_law' has several fields; choose one of power_law.alpha, power_law.dist"
    ):
        survey.top("power_law")


def test_the_frame_joins_both_tables(survey):
    frame = survey.frame
    assert list(frame.columns[:8]) == ["model", "module", "part", "role", "block", "measure", "field", "value"]
    assert len(frame) == 7
    first = frame.iloc[0]
    assert (first["module"], first["role"], first["value"], first["block"]) == ("b.query", "query", 3.0, 0)
    assert frame["block"].isna().sum() == 1
    assert frame["value"].isna().sum() == 1
    assert len(survey.targets_frame) == 4
    assert survey.targets_frame["listed_because"].tolist() == ["", "", "1-D", ""]


def test_no_readings_at_all_have_empty_tables():
    empty = Readings([], [])
    assert len(empty.frame) == len(empty.targets_frame) == 0
    assert "value" in empty.frame.columns
    assert empty.canonical() == '{"schema":1}\n'
    assert repr(empty) == "Readings(no model: 0 targets measured, 0 rows)"
    assert empty.pivot().empty


def test_pivot_has_a_row_a_target_in_their_order(survey):
    table = survey.pivot("alpha", "stable_rank")
    assert table.index.tolist() == ["m:b.query", "m:a.key"]
    assert table.columns.tolist() == ["power_law.alpha", "stable_rank"]
    np.testing.assert_array_equal(table.to_numpy(), [[3.0, 1.5], [2.0, np.nan]])
    assert survey.pivot().shape == (3, 4)
    assert survey.pivot("alpha", "power_law").shape == (3, 3)


def test_pivot_never_drops_a_reading_in_silence():
    twice = Readings(
        [target("a")], [reading("a", "hill", 1.0, params='{"k":5}'), reading("a", "hill", 2.0, params="{}")]
    )
    with pytest.raises(ValueError, match=r"hill was read twice of 'm:a'; choose one with where\(params=...\)"):
        twice.pivot()
    assert twice.where(params="{}").pivot().iloc[0, 0] == 2.0


def test_compare_matches_by_module_and_part():
    one = Readings(
        [target("b"), target("a", part="query"), target("a", part="key")],
        [
            reading("b", "hill", 1.0),
            reading("a#query", "hill", 2.0),
            reading("a#key", "hill", None, outcome="ALL_ZERO"),
        ],
    )
    other = Readings(
        [target("c", model="n"), target("a", model="n", part="query"), target("b", model="n")],
        [
            reading("c", "hill", 9.0, model="n"),
            reading("a#query", "hill", 5.0, model="n"),
            reading("b", "hill", 1.5, model="n"),
        ],
    )
    table = one.compare(other, "hill")
    assert table[["module", "part"]].to_numpy().tolist() == [["b", ""], ["a", "query"], ["a", "key"], ["c", ""]]
    np.testing.assert_array_equal(table["value"], [1.0, 2.0, np.nan, np.nan])
    np.testing.assert_array_equal(table["other"], [1.5, 5.0, np.nan, 9.0])
    np.testing.assert_array_equal(table["difference"], [0.5, 3.0, np.nan, np.nan])


def test_compare_refuses_what_would_be_a_product(survey):
    with pytest.raises(ValueError, match=r"'power_law' has several fields"):
        survey.compare(survey, "power_law")
    two_models = Readings(
        [target("a"), target("a", model="n")], [reading("a", "hill", 1.0), reading("a", "hill", 2.0, model="n")]
    )
    with pytest.raises(ValueError, match=r"hill was read twice of 'a'"):
        two_models.compare(two_models, "hill")


def test_arrays_are_loaded_by_reference(survey):
    loaded = Readings(survey.targets, survey.rows, arrays=lambda reference: np.asarray([len(reference)]))
    row = loaded.where("alpha", module="b.query").rows[0]
    assert loaded.array(row) == loaded.array(row.array) == len("arrays/b.safetensors#eigenvalues")
    with pytest.raises(LookupError, match=r"refers to no array"):
        loaded.array(loaded.rows[1])
    with pytest.raises(LookupError, match=r"carry no arrays"):
        survey.array(row)


def test_canonical_form_forgets_order_time_and_place(survey):
    slower = [
        ReadingRow.from_dict({**row.to_dict(), "seconds": 9.0, "device": "cuda"}) for row in reversed(survey.rows)
    ]
    again = Readings(reversed(survey.targets), slower)
    assert again.canonical() == survey.canonical()
    lines = [json.loads(line) for line in survey.canonical().splitlines()]
    assert lines[0] == {"schema": 1}
    assert len(lines) == 1 + 4 + 7
    assert "seconds" not in lines[-1]
    assert "device" not in lines[-1]


@pytest.mark.parametrize("column", ["value", "seed", "version", "params", "note", "chance"])
def test_canonical_form_remembers_everything_else(survey, column):
    changed = {"value": 3.0000000001, "seed": 1, "version": 2, "params": '{"k":1}', "note": "x", "chance": 1.0}[column]
    rows = [ReadingRow.from_dict({**survey.rows[0].to_dict(), column: changed}), *survey.rows[1:]]
    assert Readings(survey.targets, rows).canonical() != survey.canonical()


def test_ndjson_is_one_joined_object_a_line(survey):
    lines = [json.loads(line) for line in survey.ndjson()]
    assert len(lines) == 7
    assert (lines[0]["module"], lines[0]["value"], lines[0]["measure"]) == ("b.query", 3.0, "power_law")


def test_surveys_add_up(survey):
    other = Readings(
        [target("z", model="n")], [reading("z", "hill", 1.0, model="n", array="z")], arrays=lambda _: np.ones(1)
    )
    both = survey + other
    assert both.models == ("m", "n")
    assert len(both) == 8
    np.testing.assert_array_equal(both.array("z"), [1.0])
    changed = Readings([target("a.key", role="value")], [])
    with pytest.raises(ValueError, match=r"'m:a.key' differs between the two surveys"):
        survey + changed


def test_arrays_of_a_sum_come_from_the_side_that_has_them(survey):
    with_arrays = Readings(survey.targets, survey.rows, arrays=lambda _: np.full(1, 7.0))
    for both in (survey + with_arrays, with_arrays + survey):
        assert both.array("arrays/b.safetensors#eigenvalues") == 7.0


def test_flat_names_every_number_once_the_model_first(survey):
    assert survey.flat() == {
        "model/power_law.alpha.mean": 2.5,
        "power_law.alpha/b.query": 3.0,
        "power_law.distance/b.query": 0.1,
        "power_law.alpha/a.key": 2.0,
        "power_law.distance/a.key": 0.3,
        "stable_rank/b.query": 1.5,
    }
    assert next(iter(survey.flat())) == "model/power_law.alpha.mean"


def test_flat_gives_a_field_with_its_means(survey):
    assert list(survey.flat("alpha")) == [
        "model/power_law.alpha.mean",
        "power_law.alpha/b.query",
        "power_law.alpha/a.key",
    ]
    assert survey.flat("alpha", layers=False) == {"model/power_law.alpha.mean": 2.5}
    assert survey.flat("power_law.alpha.mean") == {"model/power_law.alpha.mean": 2.5}
    assert survey.flat("stable_rank", "distance") == {
        "stable_rank/b.query": 1.5,
        "power_law.distance/b.query": 0.1,
        "power_law.distance/a.key": 0.3,
    }
    with pytest.raises(ValueError, match="did you mean 'stable_rank'"):
        survey.flat("stablerank")


def test_flat_tells_parts_apart_and_refuses_what_has_one_name_twice(survey):
    packed = Readings(
        [target("a.qkv", part=part) for part in ("query", "key")],
        [reading(f"a.qkv#{part}", "stable_rank", value) for part, value in (("query", 1.0), ("key", 2.0))],
    )
    assert packed.flat() == {"stable_rank/a.qkv#query": 1.0, "stable_rank/a.qkv#key": 2.0}
    twice = Readings([target("a")], [reading("a", "hill", 1.0), reading("a", "hill", 2.0, params='{"k": 3}')])
    with pytest.raises(ValueError, match="hill/a was read twice; choose one"):
        twice.flat()
    other = Readings([target("a", model="n")], [reading("a", "hill", 1.0, model="n")])
    with pytest.raises(ValueError, match="are of m, n; choose one with where"):
        (survey + other).flat()
