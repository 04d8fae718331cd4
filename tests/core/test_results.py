"""Results are taken apart into finite numbers, missing fields, intervals and notes."""

import pickle
from dataclasses import dataclass

import array_api_strict
import numpy as np
import pytest

from theodolite.core import Array, Chance, Estimate, Interval, Missing, Note, Outcome, Result
from theodolite.core.results import FieldReading, field_readings, number


@dataclass(frozen=True, kw_only=True)
class Fit(Result):
    alpha: Array
    xmin: Array


NOTE = Note(Outcome.SHORT_TAIL, "9 eigenvalues", field="alpha")


def test_a_bare_number_is_the_one_field():
    assert list(field_readings(np.float64(2.5), {"value": None})) == [FieldReading("value", 2.5)]


def test_an_estimate_brings_interval_and_note():
    estimate = Estimate(
        np.float64(2.0), Interval(np.float64(1.5), np.float64(2.5), 0.95, np.float64(0.25)), (Note(Outcome.SHORT_TAIL),)
    )
    (found,) = field_readings(estimate, {"value": None})
    assert (found.value, found.se, found.low, found.high, found.level) == (2.0, 0.25, 1.5, 2.5, 0.95)
    assert found.note == Note(Outcome.SHORT_TAIL)
    assert float(estimate) == 2.0
    (plain,) = field_readings(Estimate(np.float64(2.0)), {"value": None})
    assert plain == FieldReading("value", 2.0)


def test_a_result_gives_its_fields_in_the_declared_order():
    fit = Fit(
        alpha=np.float64(3.0),
        xmin=Missing(Outcome.NO_POWER_LAW, "why"),
        notes=(NOTE,),
        intervals={"alpha": Interval(np.float64(2.0), np.float64(4.0), 0.9)},
    )
    xmin, alpha = field_readings(fit, {"xmin": None, "alpha": None})
    assert xmin == FieldReading("xmin", None, missing=Missing(Outcome.NO_POWER_LAW, "why"))
    assert (alpha.value, alpha.se, alpha.low, alpha.high, alpha.level, alpha.note) == (3.0, None, 2.0, 4.0, 0.9, NOTE)


def test_a_failure_never_becomes_a_number():
    for wrong in (np.float64("nan"), np.float64("inf"), float("-inf"), array_api_strict.asarray(float("nan"))):
        with pytest.raises(ValueError, match=r"a measure gave -?(nan|inf); .* must refuse with an outcome"):
            number(wrong)
    with pytest.raises(ValueError, match=r"a measure gave nan"):
        list(field_readings(Estimate(1.0, Interval(np.float64("nan"), 2.0, 0.95)), {"value": None}))


def test_numbers_come_from_any_library():
    device = array_api_strict.Device("device1")
    for value in (2, 2.0, np.float32(2), np.asarray(2), array_api_strict.asarray(2.0, device=device)):
        assert number(value) == 2.0
        assert type(number(value)) is float


@pytest.mark.torch
def test_numbers_come_from_torch(torch):
    assert number(torch.tensor(2.5, requires_grad=True)) == 2.5
    assert number(torch.tensor(3)) == 3.0


def test_results_are_pickled_whole():
    fit = Fit(alpha=1.0, xmin=2.0, notes=(NOTE,), intervals={"alpha": Interval(0.5, 1.5, 0.95)})
    assert pickle.loads(pickle.dumps(fit)) == fit
    bare = Fit(alpha=1.0, xmin=2.0)
    assert pickle.loads(pickle.dumps(bare)) == bare
    with pytest.raises(TypeError):
        bare.intervals["alpha"] = None


def test_chances_reach_the_readings():
    chance = Chance(np.float64(2.0), 97.5, 0.1)
    (reading,) = field_readings(Estimate(np.float64(3.0), chance=chance), {"value": None})
    assert (reading.chance, reading.percentile, reading.p_value) == (2.0, 97.5, 0.1)
    (reading,) = field_readings(Estimate(np.float64(3.0), chance=Chance(p_value=0.2)), {"value": None})
    assert (reading.chance, reading.percentile, reading.p_value) == (None, None, 0.2)
