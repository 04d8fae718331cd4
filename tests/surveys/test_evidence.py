"""Evidence in surveys: how it is asked for, what stands in the rows, what it replaces."""

import pickle
from pathlib import Path

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Readings
from theodolite.resample import with_interval, with_null, with_p_value
from theodolite.surveys import Request, Survey, read_run

Model = dict[str, np.ndarray]

BOTH = "with_null(with_interval(hill[k=6])[resamples=60])[draws=19]"


def of_layer(readings: Readings, name: str, module: str = "layers.0.mlp.up") -> list:
    return list(readings.where(name, module=module))


def test_every_way_to_ask_means_the_same() -> None:
    wrapped = with_interval(with_null(td.spectra.hill, draws=19), resamples=60)
    ways = [
        BOTH,
        "with_interval(with_null(hill[k=6])[draws=19])[resamples=60, level=0.95]",
        {"measure": "hill", "parameters": {"k": 6}, "with_interval": {"resamples": 60}, "with_null": {"draws": "19"}},
        {"measure": "with_interval(with_null(hill[k=6])[draws=19])", "parameters": {"resamples": 60}},
        Request(wrapped, {"k": 6}),
    ]
    requests = {Request.of(way) for way in ways}
    assert len(requests) == 1
    (request,) = requests
    assert Request.of(request.to_dict()) == request == pickle.loads(pickle.dumps(request))
    assert (request.name, request.bare, dict(request.parameters)) == ("hill", td.spectra.hill, {"k": 6})
    assert Survey.of(with_interval(td.spectra.hill)).measures[0] == Request.of("with_interval(hill)")


def test_toml(tmp_path: Path) -> None:
    file = tmp_path / "survey.toml"
    file.write_text('measures = ["with_interval(power_law)[resamples=60]", {measure = "hill", with_null = {}}]')
    expected = [with_interval(td.spectra.power_law, resamples=60), with_null(td.spectra.hill)]
    assert Survey.from_toml(file) == Survey.of(expected)
    file.write_text('[measures."with_interval(hill[k=6])"]\nresamples = 60')
    survey = Survey.from_toml(file)
    assert survey == Survey.of("with_interval(hill[k=6])[resamples=60]")
    assert Survey.from_dict(survey.to_dict()) == survey


def test_rows_carry_what_was_gathered(model: Model) -> None:
    asked = "with_p_value(with_null(with_interval(power_law)[resamples=60, level=0.9])[draws=19])[draws=19]"
    readings = td.survey(model, [asked])
    for row in of_layer(readings, "power_law"):
        ends = (row.se, row.low, row.high, row.level)
        if row.field == "distance":
            assert ends == (None,) * 4
        else:
            assert row.low <= row.value <= row.high
            assert row.level == 0.9
        assert 0 < row.percentile < 100
        assert 0 < row.p_value <= 1
        assert '"with_interval":{"level":0.9,"resamples":60}' in row.params
    (plain,) = of_layer(td.survey(model, ["power_law"]), "power_law.alpha")
    (alpha,) = of_layer(readings, "power_law.alpha")
    assert alpha.value == plain.value
    # Drawn levels go before those of the table.
    assert alpha.chance != plain.chance


def test_levels_of_the_table_stand_beside_an_interval(model: Model) -> None:
    (plain,) = of_layer(td.survey(model, ["power_law"]), "power_law.alpha")
    (alpha,) = of_layer(td.survey(model, ["with_interval(power_law)"]), "power_law.alpha")
    assert (alpha.chance, alpha.percentile) == (plain.chance, plain.percentile)
    assert (alpha.low, alpha.high) != (plain.low, plain.high)


def test_workers_stores_and_seeds(model: Model, tmp_path: Path) -> None:
    asked = Survey.of([BOTH, "with_p_value(power_law)[draws=19]"])
    alone, together = td.survey(model, asked), td.survey(model, asked, jobs=2)
    assert alone.canonical() == together.canonical()
    stored = td.survey(model, asked, store=tmp_path / "run")
    assert stored.canonical() == alone.canonical() == read_run(tmp_path / "run").canonical()
    other = td.survey(model, Survey.of(asked, seed=1))
    assert [row.value for row in other] == [row.value for row in alone]
    assert [row.low for row in other] != [row.low for row in alone]


def test_settings_are_part_of_the_key(model: Model) -> None:
    asked = ["hill", "with_interval(hill)[resamples=60]", "with_interval(hill)[resamples=61]", "with_null(hill)"]
    keys = {row.key for one in asked for row in of_layer(td.survey(model, [one]), "hill")}
    assert len(keys) == 4


def test_more_evidence_stands_for_less(model: Model, tmp_path: Path) -> None:
    for order in (["power_law", "with_interval(power_law)"], ["with_interval(power_law)", "power_law"]):
        store = tmp_path / order[0].partition("(")[0]
        for asked in order:
            readings = td.survey(model, [asked], store=store)
        rows = of_layer(readings, "power_law.alpha")
        assert len(rows) == 1
        assert "with_interval" in rows[0].params
        assert rows[0].chance is not None
        assert not readings.pivot("power_law.alpha").empty


def test_a_chance_level_is_not_lost(model: Model, tmp_path: Path) -> None:
    td.survey(model, "standard", store=tmp_path)
    readings = td.survey(model, Survey.of(["with_interval(power_law)"], chance=False), store=tmp_path)
    (row,) = of_layer(readings, "power_law.alpha")
    assert row.chance is not None
    assert "with_interval" in row.params


def test_different_evidence_and_other_parameters_stand_side_by_side(model: Model, tmp_path: Path) -> None:
    asked = ["with_interval(hill)", "with_null(hill)[draws=19]", "hill[k=6]", "with_interval(hill)[resamples=60]"]
    readings = td.survey(model, asked, store=tmp_path)
    assert len(of_layer(readings, "hill")) == 4
    readings = td.survey(model, ["with_null(with_interval(hill))[draws=19]"], store=tmp_path)
    assert len(of_layer(readings, "hill")) == 3


def test_a_refusal_is_a_row_with_evidence_or_without() -> None:
    (row,) = td.survey({"zero": np.zeros((9, 9))}, ["with_p_value(power_law)[draws=19]"]).where("alpha", module="zero")
    assert (row.outcome, row.p_value) == ("ALL_ZERO", None)


def test_the_full_preset_runs_after_standard_in_one_folder(model: Model, tmp_path: Path) -> None:
    td.survey(model, "standard", store=tmp_path)
    readings = td.survey(model, "full", store=tmp_path)
    assert not [row for row in readings if row.status == "failed"]
    (alpha,) = of_layer(readings, "power_law.alpha")
    assert "with_interval" in alpha.params
    assert alpha.chance is not None
    table = readings.pivot("power_law.alpha", "marchenko_pastur.spikes", "correlation_traps.count")
    assert table.notna().all(axis=None)


def test_a_measure_with_two_owners_is_refused_inside_wrappers_too() -> None:
    with pytest.raises(TypeError, match="is no measure"):
        Survey.of([len])
    assert with_p_value(td.spectra.power_law).__name__ == "power_law"
