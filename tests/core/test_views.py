"""Spectra: what they accept, what they compute once, what they drop, what they hash."""

import pickle
import warnings

import array_api_strict
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite import testing
from theodolite.core import Outcome, Refusal, Spectrum, to_numpy
from theodolite.testing import backends

MATRIX = testing.gaussian(7, 5, rng=1)


class Stored:
    """Rows on demand, and a count of how many were asked for at once."""

    def __init__(self, array):
        self._array, self.asked = array, []
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, rows):
        self.asked.append(rows)
        return self._array[rows]


def expected(matrix):
    return np.sort(np.linalg.svd(np.asarray(matrix, dtype=np.float64), compute_uv=False).ravel()) ** 2


@pytest.mark.parametrize("backend", backends(), ids=str)
@pytest.mark.parametrize("shape", [(7, 5), (5, 7), (6, 6), (1, 4), (4, 1), (3, 5, 4)])
def test_eigenvalues_are_squared_singular_values_in_the_library_of_the_input(backend, shape):
    if backend.missing():
        pytest.skip(backend.missing())
    matrix = testing.gaussian(1, int(np.prod(shape)), rng=2).reshape(shape)
    given_ = backend.convert(matrix)
    spectrum = Spectrum(given_)
    assert backend.difference(spectrum.eigenvalues, given_) == ""
    np.testing.assert_allclose(to_numpy(spectrum.eigenvalues), np.sort(expected(matrix)), rtol=1e-9, atol=1e-12)
    assert backend.difference(spectrum.singular_values, given_) == ""
    np.testing.assert_allclose(to_numpy(spectrum.singular_values)[::-1] ** 2, np.sort(expected(matrix)), rtol=1e-9)
    assert spectrum.count == spectrum.eigenvalues.shape[0]
    assert spectrum.shape == shape[-2:]
    assert spectrum.slices == (shape[0] if len(shape) == 3 else 1)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 12),
    columns=st.integers(1, 12),
    decades=st.floats(-6, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_error_bound_holds(rows, columns, decades, seed):
    matrix = 10**decades * testing.gaussian(rows, columns, rng=seed)
    spectrum = Spectrum(matrix)
    exact = np.sort(np.linalg.svd(matrix, compute_uv=False) ** 2)
    # The reference itself is off by a few units in the last place of the largest.
    assert np.max(np.abs(spectrum.eigenvalues - exact)) <= spectrum.error_bound + 4e-16 * exact[-1]
    assert spectrum.eigenvalues[0] >= 0
    assert np.all(np.diff(spectrum.eigenvalues) >= 0)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2])
@pytest.mark.parametrize("lazy", [False, True])
def test_short_floats_are_upcast_and_it_says_so(dtype, lazy):
    short = MATRIX.astype(dtype)
    spectrum = Spectrum(Stored(short) if lazy else short)
    assert spectrum.eigenvalues.dtype == np.float64
    np.testing.assert_allclose(spectrum.eigenvalues, np.sort(expected(short)), rtol=1e-10, atol=1e-12)
    assert spectrum.upcast_from == np.dtype(dtype).name
    assert f"upcast from {np.dtype(dtype).name}" in repr(spectrum)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_long_floats_are_not_called_upcast(dtype):
    assert Spectrum(MATRIX.astype(dtype)).upcast_from is None


@pytest.mark.torch
def test_torch_bfloat16_is_upcast(torch):
    tensor = torch.asarray(MATRIX).to(torch.bfloat16)
    spectrum = Spectrum(tensor)
    assert spectrum.upcast_from == "bfloat16"
    assert spectrum.eigenvalues.dtype == torch.float64
    np.testing.assert_allclose(spectrum.eigenvalues.numpy(), np.sort(expected(tensor.double().numpy())), rtol=1e-10)
    assert spectrum.fingerprint() == Spectrum(MATRIX.astype(ml_dtypes.bfloat16)).fingerprint()


def test_stored_rows_are_sliced_and_nothing_else():
    stored = Stored(MATRIX)
    spectrum = Spectrum.coerce(stored)
    assert stored.asked == []
    np.testing.assert_allclose(spectrum.eigenvalues, np.sort(expected(MATRIX)), rtol=1e-12)
    assert all(isinstance(rows, slice) for rows in stored.asked)
    asked = len(stored.asked)
    assert spectrum.eigenvalues is spectrum.eigenvalues
    assert len(stored.asked) == asked


def test_derived_things_are_computed_once_and_dropped_on_pickling():
    spectrum = Spectrum(MATRIX)
    calls = []
    for _ in range(2):
        assert spectrum.once(("fit", 3), lambda: calls.append(1) or "found") == "found"
    assert spectrum.once(("fit", 4), lambda: "other") == "other"
    assert len(calls) == 1
    values = spectrum.eigenvalues
    again = pickle.loads(pickle.dumps(spectrum))
    assert set(vars(again)) == {"matrix", "values", "known_shape"}
    assert again.once(("fit", 3), lambda: "anew") == "anew"
    np.testing.assert_array_equal(again.eigenvalues, values)
    assert again.fingerprint() == spectrum.fingerprint()


def test_a_remembered_nothing_is_remembered():
    calls = []
    spectrum = Spectrum(MATRIX)
    for _ in range(2):
        assert spectrum.once("nothing", lambda: calls.append(1)) is None
    assert len(calls) == 1


def test_views_are_immutable():
    with pytest.raises(AttributeError):
        Spectrum(MATRIX).matrix = MATRIX


def test_from_eigenvalues_sorts_and_knows_what_it_has():
    spectrum = Spectrum.from_eigenvalues(np.asarray([3.0, 0.0, 1.0]), shape=(4, 3))
    np.testing.assert_array_equal(spectrum.eigenvalues, [0.0, 1.0, 3.0])
    assert spectrum.has == {"eigenvalues", "shape"}
    assert (spectrum.count, spectrum.shape, spectrum.slices, spectrum.upcast_from) == (3, (4, 3), 1, None)
    assert 0 < spectrum.error_bound < 1e-14
    assert Spectrum.from_eigenvalues(np.asarray([1, 2])).eigenvalues.dtype == np.float64
    assert Spectrum.from_eigenvalues(np.ones(2)).shape is None
    assert repr(Spectrum.from_eigenvalues(np.ones(2))) == "Spectrum(unknown shape, 2 eigenvalues)"
    assert Spectrum(MATRIX).has == {"eigenvalues", "shape", "matrix", "singular_values"}
    with pytest.raises(Refusal) as caught:
        _ = spectrum.singular_values
    assert caught.value.outcome is Outcome.NEEDS_MATRIX


@pytest.mark.parametrize(
    ("values", "shape", "error", "told"),
    [
        ([1.0, 2.0], None, TypeError, "values: expected a 1-D array, got list"),
        (np.ones((2, 2)), None, ValueError, r"non-empty 1-D array, got shape \(2, 2\)"),
        (np.ones(0), None, ValueError, "non-empty 1-D array"),
        (np.asarray([1.0, -1e-9]), None, ValueError, "1 of 2 eigenvalues are negative, NaN or infinite"),
        (np.asarray([np.nan, np.inf, 1.0]), None, ValueError, "2 of 3 eigenvalues"),
        (np.ones(4), (9, 3), ValueError, r"shape: \(9, 3\) has at most 3 eigenvalues, got 4"),
    ],
)
def test_wrong_eigenvalues_are_refused(values, shape, error, told):
    with pytest.raises(error, match=told):
        Spectrum.from_eigenvalues(values, shape)


@pytest.mark.parametrize("make", [Spectrum, Spectrum.coerce])
@pytest.mark.parametrize(
    ("target", "error", "told"),
    [
        ([[1.0]], TypeError, "matrix: expected a 2-D array .* got list; use numpy.asarray"),
        (None, TypeError, "got NoneType"),
        (3.0, TypeError, "got float"),
        (np.ones(3), ValueError, r"got shape \(3,\)"),
        (np.ones((1, 1, 1, 1)), ValueError, "or a 3-D stack"),
        (np.ones((2, 2), dtype=int), TypeError, "real floating-point entries, got int64; cast them first"),
        (np.ones((2, 2), dtype=complex), TypeError, "got complex128"),
        (np.ones((2, 2), dtype=bool), TypeError, "got bool"),
        (Stored(np.ones((2, 2), dtype=np.int8)), TypeError, "got int8"),
        (np.ones((0, 2)), Refusal, r"no entries. \(shape \(0, 2\)\)"),
    ],
)
def test_what_is_no_matrix_is_refused(make, target, error, told):
    with pytest.raises(error, match=told):
        make(target)


def test_the_argument_is_named_as_the_caller_names_it():
    with pytest.raises(TypeError, match=r"^weights: expected a 2-D array"):
        Spectrum.coerce([[1.0]], name="weights")


@pytest.mark.parametrize(
    ("matrix", "outcome"),
    [
        (np.asarray([[1.0, np.nan]]), Outcome.NOT_FINITE),
        (np.asarray([[1.0, np.inf]], dtype=np.float32), Outcome.NOT_FINITE),
        (array_api_strict.asarray([[1.0, float("nan")]]), Outcome.NOT_FINITE),
        (np.asarray([[1e300, 1.0]]), Outcome.OUT_OF_RANGE),
        (np.asarray([[1e-300, 0.0]]), Outcome.OUT_OF_RANGE),
    ],
)
def test_what_has_no_spectrum_is_refused_when_it_is_asked_for(matrix, outcome):
    spectrum = Spectrum(matrix)
    with pytest.raises(Refusal) as caught:
        _ = spectrum.eigenvalues
    assert caught.value.outcome is outcome


def test_coerce_takes_views_as_they_are_and_asks_weights():
    spectrum = Spectrum(MATRIX)

    class Weight:
        def spectrum(self):
            return spectrum

    assert Spectrum.coerce(spectrum) is spectrum
    assert Spectrum.coerce(Weight()) is spectrum


def test_fingerprints_tell_content_not_library():
    prints = {
        Spectrum(MATRIX).fingerprint(),
        Spectrum(array_api_strict.asarray(MATRIX, device=array_api_strict.Device("device1"))).fingerprint(),
        Spectrum(Stored(MATRIX)).fingerprint(),
    }
    assert len(prints) == 1
    values = np.asarray([1.0, 2.0])
    others = {
        Spectrum(MATRIX.T).fingerprint(),
        Spectrum(MATRIX.astype(np.float32)).fingerprint(),
        Spectrum.from_eigenvalues(values).fingerprint(),
        Spectrum.from_eigenvalues(values, (2, 3)).fingerprint(),
        Spectrum.from_eigenvalues(values, (3, 2)).fingerprint(),
    }
    assert len(prints | others) == 6
    assert Spectrum.from_eigenvalues(values[::-1]).fingerprint() == Spectrum.from_eigenvalues(values).fingerprint()


def test_repr_says_what_it_is():
    assert repr(Spectrum(MATRIX)) == "Spectrum(7 x 5, 5 eigenvalues)"
    assert repr(Spectrum(np.ones((3, 7, 5)))) == "Spectrum(7 x 5, 3 pooled slices, 15 eigenvalues)"


@pytest.mark.torch
def test_eigenvalues_are_differentiable(torch):
    tensor = torch.asarray(MATRIX).requires_grad_()
    spectrum = Spectrum(tensor)
    torch.sum(spectrum.eigenvalues).backward()
    np.testing.assert_allclose(tensor.grad.numpy(), 2 * MATRIX, rtol=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 0 < spectrum.error_bound < 1e-10
