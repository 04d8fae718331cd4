"""Content hashes: equal for equal content, different for everything else, and fixed for ever."""

import hashlib

import ml_dtypes
import numpy as np
import pytest

from theodolite.core import canonical_json, digest, fingerprint
from theodolite.core import fingerprint as fingerprint_of
from theodolite.testing import backends

MATRIX = np.arange(12.0).reshape(4, 3)


def test_digest_keeps_its_parts_apart():
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("abc", ""), digest()}) == 5
    assert digest("é") == digest("é".encode())


def test_digest_is_the_documented_hash():
    expected = hashlib.sha256((1).to_bytes(8, "little") + b"a" + (2).to_bytes(8, "little") + b"bc").hexdigest()
    assert digest("a", b"bc") == expected


def test_canonical_json_has_one_form():
    assert canonical_json({"b": [1, 2.5, None], "a": "é"}) == '{"a":"é","b":[1,2.5,null]}'
    assert canonical_json({"a": 1, "b": 2}) == canonical_json({"b": 2, "a": 1})
    for unwritable in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            canonical_json({"x": unwritable})


@pytest.mark.parametrize("backend", backends(), ids=str)
def test_library_and_layout_do_not_matter(backend):
    if backend.missing():
        pytest.skip(backend.missing())
    assert fingerprint(backend.convert(MATRIX)) == fingerprint(MATRIX)


def test_memory_order_does_not_matter():
    assert fingerprint(np.asfortranarray(MATRIX)) == fingerprint(MATRIX)
    assert fingerprint(np.repeat(MATRIX, 2, axis=0)[::2]) == fingerprint(MATRIX)


def test_content_shape_and_dtype_do():
    changed = MATRIX.copy()
    changed[3, 2] = np.nextafter(changed[3, 2], 99)
    others = [changed, MATRIX.T, MATRIX.reshape(3, 4), MATRIX.ravel(), MATRIX.astype(np.float32), MATRIX[:3], -MATRIX]
    found = {fingerprint(array) for array in [MATRIX, *others]}
    assert len(found) == len(others) + 1


def test_a_number_without_dimension_is_hashed_too():
    assert fingerprint(np.asarray(1.0)) != fingerprint(np.asarray(2.0))
    assert fingerprint(np.asarray(1.0)) != fingerprint(np.asarray([1.0]))


def test_empty_arrays_differ_by_shape():
    assert fingerprint(np.empty((0, 3))) != fingerprint(np.empty((3, 0)))


def test_blocks_do_not_matter(monkeypatch):
    import sys

    whole = fingerprint(MATRIX)
    monkeypatch.setattr(sys.modules[fingerprint_of.__module__], "_ENTRIES_AT_ONCE", 4)
    assert fingerprint(MATRIX) == whole


def test_stored_rows_hash_like_the_array_and_are_read_in_blocks(monkeypatch):
    import sys

    class Stored:
        shape, dtype, ndim = MATRIX.shape, MATRIX.dtype, 2

        def __init__(self):
            self.read = []

        def __getitem__(self, chosen):
            self.read.append(chosen)
            return MATRIX[chosen]

    monkeypatch.setattr(sys.modules[fingerprint_of.__module__], "_ENTRIES_AT_ONCE", 6)
    stored = Stored()
    assert fingerprint(stored) == fingerprint(MATRIX)
    assert stored.read == [slice(0, 2), slice(2, 4)]


@pytest.mark.torch
def test_bfloat16_hashes_alike_in_torch_and_numpy(torch):
    host = MATRIX.astype(ml_dtypes.bfloat16)
    assert fingerprint(torch.asarray(MATRIX).to(torch.bfloat16)) == fingerprint(host)


def test_the_hash_of_a_given_matrix_is_fixed():
    # Keys of stored readings rest on it; a change makes every run on disk stale.
    expected = hashlib.sha256(b"float64(4, 3)" + MATRIX.tobytes()).digest()
    assert fingerprint(MATRIX) == expected
