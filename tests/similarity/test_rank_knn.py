"""rank_knn: shared neighbours in one order."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from theodolite.core import Outcome, Pair, Refusal
from theodolite.similarity import rank_knn
from theodolite.testing import gaussian


def by_definition(x, y, k):
    orders = []
    for cloud in (x, y):
        distances = squareform(pdist(cloud, "cosine"))
        np.fill_diagonal(distances, np.inf)
        orders.append(np.argsort(distances, axis=1, kind="stable")[:, :k].tolist())
    scores = []
    for first, second in zip(*orders, strict=True):
        ranks = [(first.index(j) + 1, second.index(j) + 1) for j in set(first) & set(second)]
        best = sum(1 / m for m in range(1, len(ranks) + 1))
        scores.append(sum(2 / ((1 + abs(r - s)) * (r + s)) for r, s in ranks) / best if ranks else 0.0)
    return np.mean(scores)


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "R3", "svcca/MNIST_lay04(n=400 first)"])
def test_agrees_with_resi(references, data):
    x, y = references.pair(data) if data in ("R1", "R3") else (a[:400] for a in references.activations("MNIST_lay04"))
    assert float(rank_knn(x, y)) == pytest.approx(references.values[f"{data}/resi/RankSimilarity"], rel=1e-14)


@pytest.mark.parametrize("k", [1, 3, 12])
def test_is_its_definition(k):
    x = gaussian(40, 6, rng=1)
    y = x[:, :5] + 0.5 * gaussian(40, 5, rng=2)
    assert float(rank_knn(x, y, k=k)) == pytest.approx(by_definition(x, y, k), rel=1e-13)


def test_the_same_neighbours_in_another_order_score_less():
    line = np.asarray([[0.0], [1.0], [2.1], [20.0], [21.0], [22.1]])
    other = np.asarray([[0.0], [1.1], [2.1], [20.0], [21.1], [22.1]])
    # In each group the row in the middle has its neighbours in the other order: (2/6 + 2/6) / 1.5.
    assert float(rank_knn(line, other, k=2, metric="euclidean")) == pytest.approx(
        (4 + 2 * (2 / (2 * 3) + 2 / (2 * 3)) / 1.5) / 6, rel=1e-13
    )


def test_the_chance_level_is_the_mean_over_all_orders_of_the_rows():
    x, y = gaussian(6, 3, rng=5), gaussian(6, 4, rng=6)
    level = rank_knn.traits.chance(Pair(x, y), {"k": 3, "metric": "cosine"})["value"]
    every = [float(rank_knn(x, y[list(order)], k=3)) for order in itertools.permutations(range(6))]
    assert np.mean(every) == pytest.approx(level, rel=1e-12)


@pytest.mark.shared
def test_a_zero_row_is_refused(references):
    with pytest.raises(Refusal) as caught:
        rank_knn(*references.pair("R4"))
    assert caught.value.outcome is Outcome.ROW_WITHOUT_DIRECTION


def test_too_many_neighbours_are_refused():
    with pytest.raises(Refusal, match=r"^rank_knn: .*k is 10") as caught:
        rank_knn(gaussian(8, 3, rng=7), gaussian(8, 3, rng=8))
    assert caught.value.outcome is Outcome.FEWER_ROWS_THAN_NEEDED
