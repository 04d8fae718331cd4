"""second_order_cosine: distances to neighbours in the same proportions."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from theodolite.core import Outcome, Refusal
from theodolite.similarity import second_order_cosine
from theodolite.testing import gaussian


def by_definition(x, y, k, metric):
    distances = [squareform(pdist(cloud, metric)) for cloud in (x, y)]
    own = [d + np.diag(np.full(len(d), np.inf)) for d in distances]
    near = [np.argsort(d, axis=1, kind="stable")[:, :k] for d in own]
    found = []
    for i in range(len(x)):
        either = sorted({*near[0][i].tolist(), *near[1][i].tolist()})
        one, other = distances[0][i, either], distances[1][i, either]
        found.append(one @ other / np.sqrt(one @ one * (other @ other)))
    return np.mean(found)


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "R3", "svcca/MNIST_lay04(n=400 first)"])
def test_agrees_with_resi(references, data):
    x, y = references.pair(data) if data in ("R1", "R3") else (a[:400] for a in references.activations("MNIST_lay04"))
    expected = references.values[f"{data}/resi/SecondOrderCosineSimilarity"]
    assert float(second_order_cosine(x, y)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 5, 29])
def test_is_its_definition(metric, k):
    x, y = gaussian(30, 5, rng=1) + 0.5, gaussian(30, 4, rng=2)
    value = float(second_order_cosine(x, y, k=k, metric=metric))
    assert value == pytest.approx(by_definition(x, y, k, metric), rel=1e-12)


def test_is_large_between_unrelated_clouds_of_many_dimensions():
    level = float(second_order_cosine(gaussian(80, 400, rng=3), gaussian(80, 400, rng=4)))
    assert level > 0.98


def test_a_row_that_coincides_with_its_neighbours_is_refused():
    x = gaussian(20, 3, rng=5)
    x[1] = x[2] = x[0]
    y = x @ np.diag([1.0, 2.0, 3.0])
    with pytest.raises(Refusal, match="3 rows coincide with all of their neighbours") as caught:
        second_order_cosine(x, y, k=2, metric="euclidean")
    assert caught.value.outcome is Outcome.EQUAL_DISSIMILARITIES
    (note,) = second_order_cosine(x, y, k=3, metric="euclidean").notes
    assert note.outcome is Outcome.DUPLICATE_ROWS


@pytest.mark.shared
def test_a_zero_row_is_refused(references):
    with pytest.raises(Refusal) as caught:
        second_order_cosine(*references.pair("R4"))
    assert caught.value.outcome is Outcome.ROW_WITHOUT_DIRECTION
