"""A wrapped measure is a measure: traits, pickles, seeds, composition, errors in its name."""

import functools
import inspect
import pickle
from typing import Annotated

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Array, Field, Refusal, Spectrum, measure
from theodolite.core.parameters import complete, takes_rng
from theodolite.core.results import field_readings
from theodolite.resample import WRAPPERS, Resampled, with_interval, with_null, with_p_value
from theodolite.testing import Check, checks

INVARIANT = ("scale", "permutation", "rotation", "transpose")
MATRIX = np.random.default_rng(0).standard_normal((30, 40))

WRAPPED = [
    with_interval(td.spectra.power_law, resamples=40),
    with_interval(td.spectra.stable_rank, resamples=40),
    with_null(td.spectra.hill, draws=19),
    with_null(td.spectra.stable_rank, null="permuted", draws=19),
    with_p_value(with_interval(td.spectra.power_law, resamples=40), draws=19),
]


@measure(cite="none")
def top_share(spectrum: Spectrum, /) -> Annotated[Array, Field(unit="1", invariant_to=INVARIANT)]:
    """Somebody else's measure."""
    return spectrum.eigenvalues[-1] / spectrum.eigenvalues.sum()


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{wrapped!r} {check.name}", marks=[pytest.mark.torch] if "torch" in check.name else [])
        for wrapped in WRAPPED
        for check in checks(wrapped)
    ],
)
def test_it_keeps_every_promise_of_a_measure(check: Check):
    if check.missing:
        pytest.skip(check.missing)
    check()


def everything(wrapped: Resampled, rng: object) -> list:
    return list(field_readings(wrapped(MATRIX, rng=rng), wrapped.traits.fields))


@pytest.mark.parametrize("wrapped", WRAPPED, ids=repr)
def test_the_seed_decides(wrapped: Resampled):
    assert everything(wrapped, 7) == everything(wrapped, np.random.default_rng(7)) == everything(wrapped, np.int64(7))
    assert everything(wrapped, 7) != everything(wrapped, 8)
    assert everything(pickle.loads(pickle.dumps(wrapped)), 7) == everything(wrapped, 7)


def test_order_and_company_make_no_difference():
    one = with_interval(with_null(td.spectra.power_law, draws=19), resamples=40)
    other = with_null(with_interval(td.spectra.power_law, resamples=40), draws=19)
    assert one == other
    assert hash(one) == hash(other)
    both, alone = one(MATRIX, rng=3), with_null(td.spectra.power_law, draws=19)(MATRIX, rng=3)
    assert both.chances == alone.chances
    assert both.intervals == with_interval(td.spectra.power_law, resamples=40)(MATRIX, rng=3).intervals
    assert one != td.spectra.power_law


def test_it_looks_like_the_measure():
    wrapped = with_interval(td.spectra.hill)
    assert (wrapped.__name__, wrapped.traits) == ("hill", td.spectra.hill.traits)
    assert list(inspect.signature(wrapped).parameters) == ["spectrum", "k", "rng"]
    assert takes_rng(wrapped)
    assert not takes_rng(td.spectra.hill)
    assert complete(wrapped, {"k": 3}) == {"k": 3}
    assert "rng : int" in wrapped.__doc__
    assert repr(wrapped) == "with_interval(hill, resamples=200, level=0.95)"


def test_parameters_reach_the_measure_and_its_resamples():
    wrapped = with_interval(td.spectra.hill, resamples=40)
    assert wrapped(MATRIX, k=5, rng=0).value == td.spectra.hill(MATRIX, k=5).value
    assert wrapped(MATRIX, k=5, rng=0).interval.se > wrapped(MATRIX, k=25, rng=0).interval.se


def test_somebody_elses_measure():
    estimate = with_null(with_interval(top_share), draws=19)(MATRIX, rng=0)
    assert estimate.interval.low <= estimate.value <= estimate.interval.high
    assert 0 < estimate.chance.percentile < 100


def test_a_random_measure_goes_first_in_the_stream():
    wrapped = with_null(td.spectra.random_distance, draws=19)
    alone = td.spectra.random_distance(MATRIX, rng=np.random.default_rng(4))
    assert float(wrapped(MATRIX, rng=4).value) == float(alone)


def test_refusals_and_complaints_are_the_measures():
    wrapped = with_interval(td.spectra.hill)
    with pytest.raises(Refusal, match=r"^hill: Every entry is zero"):
        wrapped(np.zeros((9, 9)), rng=0)
    with pytest.raises(ValueError, match=r"^hill: unknown parameter 'kk'; did you mean 'k'"):
        wrapped(MATRIX, kk=3, rng=0)
    with pytest.raises(TypeError, match=r"^hill: rng: expected an int or a numpy.random.Generator, got 'seed'"):
        wrapped(MATRIX, rng="seed")
    with pytest.raises(TypeError, match=r"^hill: spectrum: expected a 2-D array"):
        wrapped([[1.0]], rng=0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (len, "with_interval: expected a measure such as td.spectra.stable_rank or td.similarity.cka or .*, got 'len'"),
        (functools.partial(td.spectra.hill, k=3), r"partial\(with_interval\(hill\), k=3\)"),
    ],
)
def test_what_can_not_be_wrapped(wrong: object, says: str):
    with pytest.raises(TypeError, match=says):
        with_interval(wrong)


def test_one_kind_of_evidence_once():
    with pytest.raises(ValueError, match="has it already"):
        with_interval(with_interval(td.spectra.hill, resamples=40))


def test_every_wrapper_is_named_by_itself():
    assert all(wrapper.__name__ == name for name, wrapper in WRAPPERS.items())
    assert sorted(WRAPPERS) == list(WRAPPERS)
