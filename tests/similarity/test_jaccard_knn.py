"""jaccard_knn: common neighbours over all neighbours."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from theodolite.core import Outcome, Pair, Refusal
from theodolite.similarity import jaccard_knn, mutual_knn
from theodolite.testing import gaussian


def neighbours(cloud, k, metric):
    distances = squareform(pdist(cloud, metric))
    np.fill_diagonal(distances, np.inf)
    return [set(row) for row in np.argsort(distances, axis=1, kind="stable")[:, :k].tolist()]


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "R3", "svcca/MNIST_lay04(n=400 first)"])
def test_agrees_with_resi(references, data):
    x, y = references.pair(data) if data in ("R1", "R3") else (a[:400] for a in references.activations("MNIST_lay04"))
    assert float(jaccard_knn(x, y)) == pytest.approx(references.values[f"{data}/resi/JaccardSimilarity"], rel=1e-14)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 7])
def test_is_the_mean_of_intersection_over_union(metric, k):
    x = gaussian(50, 6, rng=1) + 0.4
    y = x[:, :4] + 0.6 * gaussian(50, 4, rng=2)
    near = zip(neighbours(x, k, metric), neighbours(y, k, metric), strict=True)
    expected = np.mean([len(one & other) / len(one | other) for one, other in near])
    assert float(jaccard_knn(x, y, k=k, metric=metric)) == pytest.approx(expected, rel=1e-14)


def test_is_no_function_of_the_mean_share():
    # Rows that keep all and rows that keep none count for more than rows that all keep half.
    x, y = gaussian(40, 3, rng=3), gaussian(40, 3, rng=4)
    y[:20] = x[:20]
    share = float(mutual_knn(x, y, k=5))
    assert float(jaccard_knn(x, y, k=5)) < share
    assert float(jaccard_knn(x, y, k=5)) > share / (2 - share)


def test_the_chance_level_is_the_mean_over_all_orders_of_the_rows():
    x, y = gaussian(6, 3, rng=5), gaussian(6, 4, rng=6)
    level = jaccard_knn.traits.chance(Pair(x, y), {"k": 3, "metric": "cosine"})["value"]
    every = [float(jaccard_knn(x, y[list(order)], k=3)) for order in itertools.permutations(range(6))]
    assert np.mean(every) == pytest.approx(level, rel=1e-12)
    # Three of five: one shared (3 ways of 10), two (6) or three (1).
    assert level == pytest.approx(0.3 * (1 / 5) + 0.6 * (2 / 4) + 0.1, rel=1e-14)


def test_its_complement_satisfies_the_triangle_inequality_and_its_square_does_not():
    broken = 0
    for seed in range(80):
        a, c = (gaussian(20, 3, rng=seed) + 0.4 * gaussian(20, 3, rng=2000 + 10 * seed + i) for i in range(2))
        b = (a + c) / 2
        ab, bc, ac = (1 - float(jaccard_knn(*pair, k=3)) for pair in ((a, b), (b, c), (a, c)))
        assert ac <= ab + bc + 1e-12
        broken += ac**2 > ab**2 + bc**2
    assert broken > 5


@pytest.mark.shared
def test_a_zero_row_is_refused(references):
    with pytest.raises(Refusal) as caught:
        jaccard_knn(*references.pair("R4"))
    assert caught.value.outcome is Outcome.ROW_WITHOUT_DIRECTION


def test_too_many_neighbours_are_refused():
    with pytest.raises(Refusal, match=r"^jaccard_knn: .*k is 30") as caught:
        jaccard_knn(gaussian(30, 3, rng=7), gaussian(30, 3, rng=8), k=30)
    assert caught.value.outcome is Outcome.FEWER_ROWS_THAN_NEEDED
