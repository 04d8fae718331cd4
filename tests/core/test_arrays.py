"""Arrays travel to NumPy and back without losing library, device or digits."""

import array_api_strict
import ml_dtypes
import numpy as np
import pytest

from theodolite.core import is_array, like, namespace, to_numpy
from theodolite.testing import backends

NUMBERS = np.asarray([[1.0, -2.5], [3.25, 0.1]])


@pytest.mark.parametrize("backend", backends(), ids=str)
def test_there_and_back(backend):
    if backend.missing():
        pytest.skip(backend.missing())
    given = backend.convert(NUMBERS)
    assert is_array(given)
    host = to_numpy(given)
    assert type(host) is np.ndarray
    np.testing.assert_array_equal(host, NUMBERS)
    for value in (0.1, NUMBERS, np.float64(3.0), 3, np.asarray([1, 2])):
        back = like(value, given)
        assert backend.difference(back, given) == ""
        assert to_numpy(back).dtype == np.asarray(value).dtype
        np.testing.assert_array_equal(to_numpy(back), value)


def test_a_number_stays_a_numpy_scalar():
    assert type(like(0.1, NUMBERS)) is np.float64
    assert type(like(0.1, np.float32(1))) is np.float64


def test_the_dtype_of_the_model_is_not_taken():
    assert like(0.1, array_api_strict.asarray(1.0, dtype=array_api_strict.float32)).dtype == array_api_strict.float64


def test_numpy_is_not_copied():
    assert to_numpy(NUMBERS) is NUMBERS
    assert to_numpy(np.float32(2)).shape == ()


@pytest.mark.torch
def test_torch_gradients_are_cut(torch):
    given = torch.ones(3, dtype=torch.float64, requires_grad=True)
    np.testing.assert_array_equal(to_numpy(given * 2), [2.0, 2.0, 2.0])


@pytest.mark.torch
@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_torch_types_that_numpy_lacks_keep_their_bits(torch, name):
    expected = np.asarray([[1.0, -0.4375, 3.5], [0.0, 448.0, -2.0]]).astype(getattr(ml_dtypes, name))
    for tensor in (
        torch.asarray(expected.astype(np.float32)).to(getattr(torch, name)),
        torch.asarray(expected.astype(np.float32).T.copy()).to(getattr(torch, name)).T,
    ):
        host = to_numpy(tensor)
        assert host.dtype == expected.dtype
        np.testing.assert_array_equal(host.astype(np.float64), expected.astype(np.float64))


@pytest.mark.parametrize("thing", [[1.0], 1.0, None, "array", object()])
def test_what_is_no_array(thing):
    assert not is_array(thing)


def test_namespace_is_the_library():
    assert namespace(array_api_strict.asarray(1.0)).__name__ == "array_api_strict"
    assert namespace(NUMBERS).sqrt(np.float64(4)) == 2
