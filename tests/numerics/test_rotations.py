"""Corners of random orthogonal matrices have the law that they would be cut out with."""

import numpy as np
import pytest
from scipy.stats import ks_2samp, ortho_group

from theodolite.numerics.rotations import rotation_block, scatter_root


@pytest.mark.parametrize(("size", "rows", "columns"), [(12, 3, 2), (12, 2, 5), (7, 5, 4), (5, 5, 3), (4, 4, 4)])
def test_corners_are_those_of_whole_matrices(size: int, rows: int, columns: int):
    rng = np.random.default_rng([size, rows, columns])
    blocks = np.stack([rotation_block(size, rows, columns, rng) for _ in range(3000)])
    assert blocks.shape == (3000, rows, columns)
    whole = ortho_group.rvs(size, size=3000, random_state=np.random.default_rng(1))[:, :rows, :columns]
    for told in (
        lambda draw: draw[:, 0, 0],
        lambda draw: draw[:, -1, -1],
        lambda draw: np.linalg.norm(draw, 2, axis=(1, 2)),
        lambda draw: np.linalg.norm(draw, "nuc", axis=(1, 2)),
        lambda draw: draw[:, 0, 0] * draw[:, -1, -1] - draw[:, 0, -1] * draw[:, -1, 0],
    ):
        one, other = told(blocks), told(whole)
        if np.ptp(other) > 1e-9:
            assert ks_2samp(one, other).pvalue > 1e-4
        else:
            np.testing.assert_allclose(one, other, atol=1e-9)
    assert np.linalg.norm(blocks, 2, axis=(1, 2)).max() < 1 + 1e-9
    np.testing.assert_allclose(np.mean(blocks**2, axis=0), 1 / size, atol=6 * 2**0.5 / size / 3000**0.5)


@pytest.mark.parametrize(("rows", "width", "rank"), [(30, 6, 6), (5, 8, 4), (30, 6, 2)])
def test_the_root_of_a_scatter_matrix_has_its_rank(rows: int, width: int, rank: int):
    rng = np.random.default_rng(0)
    cloud = rng.standard_normal((rows, rank)) @ rng.standard_normal((rank, width))
    cloud -= cloud.mean(axis=0)
    root = scatter_root(cloud.T @ cloud, rows)
    assert root.shape == (width, rank)
    np.testing.assert_allclose(root @ root.T, cloud.T @ cloud, atol=1e-12)
    assert scatter_root(np.zeros((3, 3)), 9).shape == (3, 0)
