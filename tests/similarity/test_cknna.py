"""cknna: kernel alignment of shared neighbours."""

import numpy as np
import pytest

from theodolite.core import Cloud, Outcome, Refusal
from theodolite.similarity import cka, cknna
from theodolite.testing import gaussian


def hsic(k, l):  # noqa: E741
    """Unbiased HSIC of Song et al. (2012), equation 5, of kernels that need not be symmetric."""
    n = len(k)
    k, l = k - np.diag(np.diagonal(k)), l - np.diag(np.diagonal(l))  # noqa: E741
    level = k.sum() * l.sum() / ((n - 1) * (n - 2))
    return ((k * l.T).sum() + level - 2 * (k @ l).sum() / (n - 2)) / (n * (n - 3))


def dense(x, y, k):
    """The definition with n x n kernels and masks; the second value is that of the other order of the clouds."""
    kernels, masks = [], []
    for cloud in (x, y):
        units = cloud / np.linalg.norm(cloud, axis=1, keepdims=True)
        kernels.append(units @ units.T)
        order = np.argsort(-(kernels[-1] - 3 * np.eye(len(x))), axis=1, kind="stable")[:, :k]
        masks.append(np.zeros((len(x), len(x))))
        np.put_along_axis(masks[-1], order, 1.0, axis=1)
    both = masks[0] * masks[1]
    own = [hsic(mask * kernel, mask * kernel) for mask, kernel in zip(masks, kernels, strict=True)]
    across = [hsic(both * kernels[i], both * kernels[1 - i]) for i in (0, 1)]
    return [value / np.sqrt(own[0] * own[1]) for value in across]


def clouds(rows=60, rng=0, noise=0.8):
    x = gaussian(rows, 9, rng=rng) + 0.3
    return x, x[:, :6] + noise * gaussian(rows, 6, rng=rng + 1)


@pytest.mark.parametrize("k", [2, 5, 20])
def test_is_the_mean_of_both_orders_of_its_definition(k):
    x, y = clouds()
    values = dense(x, y, k)
    assert float(cknna(x, y, k=k)) == pytest.approx(np.mean(values), rel=1e-11)
    # The definition itself depends on the order, but slightly.
    assert 1e-6 < abs(values[0] - values[1]) < 0.1


def test_of_all_neighbours_is_unbiased_cka_of_the_rows_directions():
    x, y = clouds(rows=30)
    units = [cloud / np.linalg.norm(cloud, axis=1, keepdims=True) for cloud in (x, y)]
    assert float(cknna(x, y, k=29)) == pytest.approx(float(cka(*units)), rel=1e-10)


def test_is_one_of_a_cloud_with_itself_however_small_its_kernel():
    x = np.eye(40) + 5e-4 * np.abs(gaussian(40, 40, rng=2))
    assert float(cknna(x, x, k=5)) == pytest.approx(1, rel=1e-9)
    # The authors add 1e-6 to the root of their denominator.
    units = x / np.linalg.norm(x, axis=1, keepdims=True)
    kernel = units @ units.T - 3 * np.eye(40)
    kept = np.where(kernel >= np.sort(kernel, axis=1)[:, [-5]], kernel, 0.0)
    assert 0 < hsic(kept, kept) / (hsic(kept, kept) + 1e-6) < 0.5


def test_falls_with_noise_to_nothing():
    levels = [np.mean([float(cknna(*clouds(200, seed, noise))) for seed in range(4)]) for noise in (0.1, 0.8, 4.0)]
    unrelated = float(cknna(gaussian(200, 9, rng=3), gaussian(200, 6, rng=4)))
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > 0.4
    assert abs(unrelated) < 0.1


def test_a_constant_vector_counts_unless_it_is_centred():
    x, y = clouds()
    before, after = float(cknna(x, y, metric="centred_cosine")), float(cknna(x + 4, y - 2, metric="centred_cosine"))
    assert after == pytest.approx(before, rel=1e-9)
    assert abs(float(cknna(x + 4, y - 2)) - float(cknna(x, y))) > 1e-3


def test_too_few_rows_and_a_zero_row_are_refused():
    x, y = clouds(rows=10)
    for rows in (x, y), (x[:3], y[:3]):
        with pytest.raises(Refusal) as caught:
            cknna(*rows, k=10 if len(rows[0]) > 3 else 2)
        assert caught.value.outcome is Outcome.FEWER_ROWS_THAN_NEEDED
    x[3] = 0
    with pytest.raises(Refusal) as caught:
        cknna(x, y, k=3)
    assert caught.value.outcome is Outcome.ROW_WITHOUT_DIRECTION


def test_what_is_known_of_a_cloud_follows_its_rows():
    x, y = (Cloud(cloud) for cloud in clouds())
    order = np.random.default_rng(5).permutation(60)
    before = float(cknna(x, y))
    after = float(cknna(x, y.reordered(order)))
    assert after == pytest.approx(float(cknna(x.rows, y.rows[order])), rel=1e-11)
    assert after < before
