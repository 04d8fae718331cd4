"""Inner products of channels under circular shifts, against shifting one by one."""

import numpy as np
import pytest

from theodolite.numerics.shifts import flat_pixels, shifted, shifted_products


@pytest.mark.parametrize("shape", [(3, 4, 6, 2, 5), (2, 5, 3, 3, 1), (4, 1, 7, 2, 2), (1, 2, 1, 2, 3), (2, 1, 1, 3, 3)])
def test_is_the_product_of_the_shifted_images(shape):
    *space, c, e = shape
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((*space, c)), rng.standard_normal((*space, e))
    products = shifted_products(one, other)
    assert products.shape == (*space[1:], c, e)
    for i in range(space[1]):
        for j in range(space[2]):
            expected = np.roll(one, (i, j), axis=(1, 2)).reshape(-1, c).T @ other.reshape(-1, e)
            assert products[i, j] == pytest.approx(expected, abs=1e-12)


def test_shifts_and_rows_are_numpys():
    images = np.random.default_rng(1).standard_normal((3, 4, 5, 2))
    assert (shifted(images, (1, -2)) == np.roll(images, (1, -2), axis=(1, 2))).all()
    assert (flat_pixels(images) == images.reshape(-1, 2)).all()
