"""Promises: every move declared exactly once."""

import copy
import pickle

import pytest

from theodolite.core import Field

MOVES = ("scale", "permutation", "rotation")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        (Field(unit="1", invariant_to=MOVES), []),
        (Field(unit="1", invariant_to=("scale",), varies=("permutation",), unspecified=("rotation",)), []),
        (Field(unit="1", equivariant={"scale": 2}, varies=("permutation", "rotation")), []),
        (Field(unit="1"), list(MOVES)),
        (Field(unit="1", invariant_to=MOVES, varies=("scale",)), ["scale"]),
        (Field(unit="1", invariant_to=(*MOVES, "scale")), ["scale"]),
        (Field(unit="1", invariant_to=MOVES, equivariant={"scale": 1}), ["scale"]),
        (Field(unit="1", invariant_to=(*MOVES, "translation")), ["translation"]),
        (Field(unit="1", invariant_to=MOVES[:2]), ["rotation"]),
    ],
)
def test_undeclared(field, wrong):
    assert field.undeclared(MOVES) == wrong


def test_fields_are_values():
    field = Field(unit="1", equivariant={"scale": 2}, reads="x")
    assert pickle.loads(pickle.dumps(field)) == field
    assert copy.deepcopy(field) == field
    assert hash(field) == hash(copy.deepcopy(field))
    assert pickle.loads(pickle.dumps(Field(unit="1"))) == Field(unit="1")
    with pytest.raises(AttributeError):
        field.unit = "2"
