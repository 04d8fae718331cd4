"""Every measure keeps every promise: the suite that other packages run on theirs, run on ours."""

import pytest

from theodolite.catalogue import measures
from theodolite.testing import Check, checks
from theodolite.testing.collection import OF_MEASURES

CASES = [
    pytest.param(
        check, id=str(check), marks=[pytest.mark.torch] if check.backend and check.backend.extra == "torch" else []
    )
    for measure in measures().values()
    for check in checks(measure)
]


@pytest.mark.parametrize("check", CASES)
def test_promise(check: Check):
    reason = check.missing
    if reason:
        pytest.skip(reason)
    check()


def test_there_are_measures():
    assert len(measures()) >= 14


def test_specimens_of_their_own_belong_to_measures():
    assert set(OF_MEASURES) <= set(measures())
