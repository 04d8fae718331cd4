"""Rows of the model against sums by hand."""

import pytest

from theodolite.core import ReadingRow, TargetRow
from theodolite.surveys.model_rows import model_rows


def layer(name: str, parameters: int, **columns: object) -> TargetRow:
    return TargetRow(target=f"m:{name}", model="m", module=name, parameters=parameters, **columns)  # type: ignore[arg-type]


def reading(name: str, value: float | None, field: str = "alpha", outcome: str = "") -> ReadingRow:
    return ReadingRow(
        target=f"m:{name}",
        measure="power_law",
        field=field,
        value=value,
        outcome=outcome,
        unit="1",
        key=f"k{name}{field}",
    )


LAYERS = [layer("a", 100), layer("b", 300), layer("c", 600), layer("d", 50), layer("e", 9, listed_because="bias")]


def test_mean_median_weighted_mean_and_count_by_hand() -> None:
    rows = [reading("a", 2.0), reading("b", 3.0), reading("c", 7.0), reading("d", None, outcome="NO_POWER_LAW")]
    targets, made = model_rows(LAYERS, rows)
    (model,) = targets
    assert (model.target, model.module, model.parameters) == ("m:*", "*", 1050)
    values = {row.name: row.value for row in made}
    assert values == {
        "power_law.alpha.count": 3.0,
        "power_law.alpha.mean": 4.0,
        "power_law.alpha.median": 3.0,
        "power_law.alpha.weighted_mean": pytest.approx((2 * 100 + 3 * 300 + 7 * 600) / 1000),
    }
    assert [row.note for row in made if row.note] == ["1 of 4 layers left out: 1 NO_POWER_LAW"]
    assert {row.unit for row in made if row.field.endswith("count")} == {"layer"}


def test_where_no_layer_has_a_value_only_the_count_speaks() -> None:
    _, made = model_rows(LAYERS, [reading("a", None, outcome="ALL_ZERO"), reading("b", None, outcome="NO_SPREAD")])
    assert [(row.field, row.value, row.note) for row in made] == [
        ("alpha.count", 0.0, "2 of 2 layers left out: 1 ALL_ZERO, 1 NO_SPREAD")
    ]


def test_notes_count_as_values_and_the_order_of_layers_can_not_show() -> None:
    values = [0.1, 1e16, -1e16, 0.3]
    rows = [reading(name, value, outcome="SHORT_TAIL") for name, value in zip("abcd", values, strict=True)]
    _, forwards = model_rows(LAYERS, rows)
    _, backwards = model_rows(LAYERS, rows[::-1])
    assert {r.field: r.value for r in forwards} == {r.field: r.value for r in backwards}
    assert next(row.value for row in forwards if row.field == "alpha.mean") == pytest.approx(0.1)


def test_models_conventions_fields_and_parameters_are_kept_apart() -> None:
    targets = [layer("a", 10), TargetRow(target="n:a", model="n", module="a", parameters=20)]
    targets.append(
        TargetRow(target="m@weightwatcher:a", model="m", module="a", parameters=10, convention="weightwatcher")
    )
    rows = [reading("a", 2.0), reading("a", 9.0, field="xmin")]
    rows += [ReadingRow(target="n:a", measure="power_law", field="alpha", value=4.0)]
    rows += [ReadingRow(target="m@weightwatcher:a", measure="power_law", field="alpha", value=5.0)]
    rows += [ReadingRow(target="m:a", measure="power_law", field="alpha", value=6.0, params='{"truncated":true}')]
    models, made = model_rows(targets, rows)
    assert [model.target for model in models] == ["m:*", "n:*", "m@weightwatcher:*"]
    means = {(row.target, row.field, row.params): row.value for row in made if row.field.endswith(".mean")}
    assert means == {
        ("m:*", "alpha.mean", "{}"): 2.0,
        ("m:*", "xmin.mean", "{}"): 9.0,
        ("n:*", "alpha.mean", "{}"): 4.0,
        ("m@weightwatcher:*", "alpha.mean", "{}"): 5.0,
        ("m:*", "alpha.mean", '{"truncated":true}'): 6.0,
    }
    assert len({row.key for row in made}) == len(made)


def test_views_of_convolutions_are_kept_apart_and_share_the_linear_layers() -> None:
    targets = [layer("fc", 10, view="matrix"), layer("conv", 30, view="unfold")]
    targets.append(TargetRow(target="m@fft:conv", model="m", module="conv", parameters=30, view="fft"))
    rows = [reading("fc", 2.0), reading("conv", 4.0), reading("fc", 7.0, field="xmin")]
    rows.append(ReadingRow(target="m@fft:conv", measure="power_law", field="alpha", value=100.0))
    models, made = model_rows(targets, rows)
    assert [(model.target, model.view, model.parameters) for model in models] == [
        ("m:*", "", 40),
        ("m@fft:*", "fft", 40),
    ]
    assert {(row.target, row.field): row.value for row in made if row.field.endswith((".mean", ".count"))} == {
        ("m:*", "alpha.mean"): 3.0,
        ("m:*", "alpha.count"): 2.0,
        ("m@fft:*", "alpha.mean"): 51.0,
        ("m@fft:*", "alpha.count"): 2.0,
        ("m:*", "xmin.mean"): 7.0,
        ("m:*", "xmin.count"): 1.0,
    }


def test_huge_values_do_not_overflow() -> None:
    _, made = model_rows(LAYERS, [reading("a", 1.7e308), reading("b", 1.7e308)])
    assert next(row.value for row in made if row.field == "alpha.mean") == pytest.approx(1.7e308)
