"""BLAS and LAPACK through ctypes: the same numbers as NumPy, in place, and other threads at work meanwhile."""

import threading

import numpy as np
import pytest

from theodolite.numerics.lapack import accumulate_gram, eigenvalues_of_lower


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 3), (3, 5), (200, 129)])
def test_gram_is_added_to_the_lower_triangle_alone(order, shape):
    rng = np.random.default_rng(0)
    block = np.asarray(rng.normal(size=shape), order=order)
    before = np.asfortranarray(rng.normal(size=(shape[1], shape[1])))
    gram = before.copy(order="F")
    accumulate_gram(gram, block)
    np.testing.assert_allclose(np.tril(gram), np.tril(before + block.T @ block), rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(np.triu(gram, 1), np.triu(before, 1))


def test_single_precision_gives_the_same_to_its_own_accuracy():
    rng = np.random.default_rng(1)
    block = rng.normal(size=(300, 65))
    for order in ("C", "F"):
        gram = np.zeros((65, 65), dtype=np.float32, order="F")
        accumulate_gram(gram, np.asarray(block, dtype=np.float32, order=order))
        np.testing.assert_allclose(np.tril(gram), np.tril(block.T @ block), rtol=0, atol=1e-3)
        assert not np.triu(gram, 1).any()
        found = eigenvalues_of_lower(gram)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, np.linalg.eigvalsh(block.T @ block), rtol=1e-4)


@pytest.mark.parametrize("side", [1, 2, 3, 31, 32, 33, 257])
def test_eigenvalues_come_from_the_lower_triangle_alone(side):
    rng = np.random.default_rng(side)
    turn = np.linalg.qr(rng.normal(size=(side, side)))[0]
    known = np.sort(rng.normal(size=side))
    matrix = np.asfortranarray(np.tril((turn * known) @ turn.T) + np.triu(np.full((side, side), np.nan), 1))
    np.testing.assert_allclose(eigenvalues_of_lower(matrix), known, rtol=0, atol=1e-13 * side)


@pytest.mark.parametrize(
    "matrix",
    [np.eye(3, dtype=np.float32), np.ones((2, 3), order="F"), np.arange(9.0).reshape(3, 3), np.eye(6)[::2, ::2]],
)
def test_what_the_routines_cannot_take_is_refused(matrix):
    with pytest.raises(ValueError, match="gram"):
        eigenvalues_of_lower(matrix)
    with pytest.raises(ValueError, match="gram"):
        accumulate_gram(matrix, np.ones((4, 3)))


@pytest.mark.parametrize("block", [np.ones((4, 3), dtype=np.float32), np.ones((8, 6))[::2, ::2]])
def test_blocks_are_contiguous_and_of_the_dtype_of_the_gram_matrix(block):
    with pytest.raises(ValueError, match="block"):
        accumulate_gram(np.zeros((3, 3), order="F"), block)


def test_nothing_that_is_not_finite_hangs_or_passes_for_a_number():
    matrix = np.full((4, 4), np.nan, order="F")
    try:
        values = eigenvalues_of_lower(matrix)
    except np.linalg.LinAlgError:
        return
    assert not np.isfinite(values).any()


def test_the_lock_of_the_interpreter_is_free_meanwhile():
    # A thread that counts gets nowhere while another holds the lock; counts, not seconds, are compared.
    rng = np.random.default_rng(0)
    gram = np.asfortranarray(np.cov(rng.normal(size=(700, 800))))
    counted, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            counted[0] += 1

    counter = threading.Thread(target=count)
    counter.start()
    while counted[0] == 0:
        pass
    before = counted[0]
    eigenvalues_of_lower(gram)
    during = counted[0] - before
    stop.set()
    counter.join()
    assert during > 1000
