"""Kernels of convolutions as matrices, against what torch and the Fourier transform compute."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from theodolite.sources import open_checkpoint

RNG = np.random.default_rng(3)


def draw(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(6, 4, 3), (6, 4, 3, 2), (6, 4, 2, 3, 2)])
def test_unfold_and_slices(shape: tuple[int, ...], named: Callable[..., Any]):
    kernel = draw(*shape)
    weight = named({}, None, **{"conv.weight": kernel})["conv.weight"]
    unfolded = weight.matrices()[""]
    assert unfolded.view == "unfold"
    np.testing.assert_array_equal(np.asarray(unfolded), kernel.reshape(6, -1))
    np.testing.assert_array_equal(unfolded[2:5], kernel.reshape(6, -1)[2:5])
    stack = weight.matrices(view="slices")[""]
    assert stack.view == "slices"
    assert stack.shape == (int(np.prod(shape[2:])), 6, 4)
    flat = kernel.reshape(6, 4, -1)
    for place, matrix in enumerate(np.asarray(stack)):
        np.testing.assert_array_equal(matrix, flat[:, :, place])


def circulant(kernel: np.ndarray, size: int) -> np.ndarray:
    """The whole matrix of a 2-D convolution with circular padding, entry by entry."""
    out, into, height, width = kernel.shape
    matrix = np.zeros((out, size, size, into, size, size))
    for y in range(size):
        for x in range(size):
            for a in range(height):
                for b in range(width):
                    matrix[:, y, x, :, (y + a) % size, (x + b) % size] += kernel[:, :, a, b]
    return matrix.reshape(out * size * size, into * size * size)


@pytest.mark.parametrize("size", [4, 6])
def test_the_operator_has_the_singular_values_of_the_whole_matrix(size: int, named: Callable[..., Any]):
    kernel = draw(3, 2, 3, 3)
    weight = named({}, None, **{"conv.weight": kernel})["conv.weight"]
    blocks = np.asarray(weight.matrices(view="fft", input_size=size)[""])
    assert blocks.shape == (size * size // 2, 6, 4)
    found = np.sort(np.linalg.svd(blocks, compute_uv=False), axis=None)
    expected = np.linalg.svd(circulant(kernel.astype(np.float64), size), compute_uv=False)
    np.testing.assert_allclose(found, np.sort(expected)[-found.size :], rtol=1e-6, atol=1e-9)


def test_operators_are_computed_by_pieces(named: Callable[..., Any]):
    weight = named({}, None, **{"conv.weight": draw(3, 2, 3)})["conv.weight"]
    blocks = weight.matrices(view="fft", input_size=8)[""]
    np.testing.assert_allclose(np.concatenate([blocks[:1], blocks[1:4]]), np.asarray(blocks), atol=1e-12)
    transfer = np.moveaxis(np.fft.fft(weight.array().astype(np.float64), 8, axis=2), 2, 0)
    expected = np.sort(np.linalg.svd(transfer, compute_uv=False), axis=None)
    np.testing.assert_allclose(np.sort(np.linalg.svd(np.asarray(blocks), compute_uv=False), axis=None), expected)
    assert weight.spectrum(view="fft").eigenvalues.shape == (32 * 2,)


def test_operators_that_cannot_be_told(named: Callable[..., Any]):
    weight = named({}, None, **{"conv.weight": draw(6, 1, 3, 3)})["conv.weight"]
    with pytest.raises(ValueError, match="depthwise"):
        weight.matrices(view="fft")
    weight = named({}, None, **{"conv.weight": draw(6, 2, 5, 5)})["conv.weight"]
    for size in (4, 7):
        with pytest.raises(ValueError, match=f"input_size: got {size}; expected an even length of at least 5"):
            weight.matrices(view="fft", input_size=size)
    with pytest.raises(ValueError, match="view: got 'rows'"):
        weight.matrices(view="rows")
    with pytest.raises(ValueError, match="convention: got 'ww'"):
        weight.matrices(convention="ww")


@pytest.mark.torch
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_grouped_operators(groups: int, torch: ModuleType):
    size = 4
    layer = torch.nn.Conv2d(4, 8, 3, groups=groups, padding=1, padding_mode="circular", bias=False)
    units = torch.eye(4 * size * size).reshape(-1, 4, size, size)
    expected = torch.linalg.svdvals(layer(units).reshape(4 * size * size, -1).detach().double()).numpy()
    blocks = np.asarray(open_checkpoint(layer)["weight"].matrices(view="fft", input_size=size)[""])
    assert blocks.shape == (groups * size * size // 2, 16 // groups, 8 // groups)
    found = np.sort(np.linalg.svd(blocks, compute_uv=False), axis=None)[::-1]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.torch
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_transposed_convolutions_are_put_right(axes: int, groups: int, torch: ModuleType):
    """With stride and kernel of equal length nothing overlaps: the output is the unfolded matrix times the input."""
    layer = getattr(torch.nn, f"ConvTranspose{axes}d")(4, 6, 2, stride=2, groups=groups, bias=False)
    matrices = open_checkpoint(layer)["weight"].matrices()
    unfolded = torch.tensor(np.asarray(matrices[""])).reshape(6, 4 // groups, -1)
    assert unfolded.shape == (6, 4 // groups, 2**axes)
    stack = np.asarray(open_checkpoint(layer)["weight"].matrices(view="slices")[""])
    np.testing.assert_array_equal(np.moveaxis(stack, 0, 2), unfolded.numpy())
    x = torch.randn(1, 4, *[1] * axes)
    expected = layer(x).detach().reshape(6, -1)
    for out in range(6):
        first = out // (6 // groups) * (4 // groups)
        seen = x.reshape(-1)[first : first + 4 // groups]
        np.testing.assert_allclose(seen @ unfolded[out], expected[out], rtol=1e-5, atol=1e-6)


def test_transposed_convolutions_of_files_go_by_name(named: Callable[..., Any]):
    kernel = draw(4, 6, 2, 2)
    ckpt = named({}, None, **{"deconv1.weight": kernel, "conv1.weight": kernel})
    assert ckpt["deconv1.weight"].matrices()[""].shape == (6, 16)
    assert ckpt["conv1.weight"].matrices()[""].shape == (4, 24)
