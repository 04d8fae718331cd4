"""Backends convert faithfully and tell when a result is not of their kind."""

import array_api_strict
import numpy as np
import pytest

from theodolite.core import to_numpy
from theodolite.testing import backends
from theodolite.testing.backends import choose

MATRIX = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("backend", backends(), ids=str)
def test_conversion_is_a_faithful_copy(backend):
    if backend.missing():
        pytest.skip(backend.missing())
    source = MATRIX.copy()
    given = backend.convert(source)
    source[:] = -1
    assert backend.matches(given, MATRIX)
    assert not backend.matches(given, source)
    np.testing.assert_array_equal(to_numpy(given), MATRIX)
    assert backend.difference(given[0, 0], given) == ""


def test_read_only_memory_is_read_only():
    (backend,) = choose(["numpy read-only"])
    with pytest.raises(ValueError, match="read-only"):
        backend.convert(MATRIX)[0, 0] = 1


def test_strict_arrays_live_on_a_second_device():
    (backend,) = choose(["array-api-strict device1"])
    given = backend.convert(MATRIX)
    assert given.device == array_api_strict.Device("device1")
    assert "expected array_api_strict" in backend.difference(np.float64(1), given)
    assert "expected array_api_strict" in backend.difference(1.0, given)
    elsewhere = array_api_strict.asarray(1.0)
    assert backend.difference(elsewhere, given) == (
        f"got a result on {elsewhere.device}, expected {array_api_strict.Device('device1')}"
    )


def test_a_python_float_is_not_numpy():
    (backend,) = choose(["numpy"])
    assert backend.difference(1.0, MATRIX) == "got float, expected NumPy"
    assert backend.difference(np.float64(1.0), MATRIX) == ""


@pytest.mark.torch
def test_a_numpy_number_is_not_torch(torch):
    (backend,) = choose(["torch cpu"])
    given = backend.convert(MATRIX)
    assert given.dtype == torch.float64
    assert backend.difference(np.float64(1.0), given) == "got numpy.float64, expected torch.Tensor"


def test_names_are_checked():
    with pytest.raises(ValueError, match="'cuda' is unknown; choose from numpy, numpy read-only"):
        choose(["cuda"])
    assert [backend.name for backend in choose(None)] == [backend.name for backend in backends()]
