"""mutual_knn: the share of nearest neighbours that are kept."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from theodolite.core import Cloud, Outcome, Pair, Refusal
from theodolite.similarity import jaccard_knn, mutual_knn, rank_knn, second_order_cosine
from theodolite.testing import gaussian, orthogonal

METRICS = ("cosine", "centred_cosine", "euclidean")


def neighbours(cloud, k, metric="cosine"):
    """By all distances and a full sort."""
    rows = cloud - cloud.mean(axis=0) if metric == "centred_cosine" else cloud
    distances = squareform(pdist(rows, metric.removeprefix("centred_")))
    np.fill_diagonal(distances, np.inf)
    return [set(row) for row in np.argsort(distances, axis=1, kind="stable")[:, :k].tolist()]


def clouds(rows=60, rng=0):
    x = gaussian(rows, 9, rng=rng) + 0.7
    return x, x[:, :6] @ gaussian(6, 5, rng=rng + 1) + 0.8 * gaussian(rows, 5, rng=rng + 2)


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "R3"])
def test_agrees_with_the_neighbours_of_scikit_learn(references, data):
    expected = references.values[f"{data}/sklearn/mutual_knn(k=10,cosine,self excluded)"]
    assert float(mutual_knn(*references.pair(data))) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 4, 59])
def test_is_the_share_of_common_neighbours(metric, k):
    x, y = clouds()
    near = zip(neighbours(x, k, metric), neighbours(y, k, metric), strict=True)
    expected = np.mean([len(one & other) / k for one, other in near])
    assert float(mutual_knn(x, y, k=k, metric=metric)) == pytest.approx(expected, rel=1e-14)


def test_all_others_are_everyones_neighbours():
    assert float(mutual_knn(gaussian(20, 3, rng=1), gaussian(20, 4, rng=2), k=19)) == 1


@pytest.mark.parametrize(("metric", "moves"), [("cosine", False), ("centred_cosine", True), ("euclidean", True)])
def test_a_constant_vector_counts_for_angles_at_the_origin_only(metric, moves):
    x, y = clouds()
    before = float(mutual_knn(x, y, metric=metric))
    after = float(mutual_knn(x + 5.0, y - 3.0, metric=metric))
    assert (after == before) is moves


@pytest.mark.parametrize("metric", METRICS)
def test_rotations_and_scales_change_nothing_and_shears_do(metric):
    x, y = clouds()
    value = float(mutual_knn(x, y, metric=metric))
    turned = x @ orthogonal(9, rng=3) * 1e-5, y @ orthogonal(5, rng=4) * 1e5
    assert float(mutual_knn(*turned, metric=metric)) == value
    assert float(mutual_knn(x * np.linspace(0.1, 3, 9), y, metric=metric)) != value


def test_the_chance_level_is_the_mean_over_all_orders_of_the_rows():
    x, y = clouds(rows=6)
    pair = Pair(x, y)
    level = mutual_knn.traits.chance(pair, {"k": 2, "metric": "cosine"})["value"]
    every = [float(mutual_knn(x, y[list(order)], k=2)) for order in itertools.permutations(range(6))]
    assert level == pytest.approx(2 / 5, rel=1e-15)
    assert np.mean(every) == pytest.approx(level, rel=1e-12)


def test_its_complement_satisfies_the_triangle_inequality():
    for seed in range(60):
        base = gaussian(24, 4, rng=seed)
        a, b, c = (base + 0.5 * gaussian(24, 4, rng=1000 + 10 * seed + i) for i in range(3))
        ab, bc, ac = (1 - float(mutual_knn(*pair, k=3)) for pair in ((a, b), (b, c), (a, c)))
        assert ac <= ab + bc + 1e-12


def test_equally_near_rows_count_in_their_order_and_duplicates_are_noted():
    corners = np.asarray([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    # Of two rows at distance 1 the first is taken: (1, 0, 0, 1) here, and (2, 0, 0, 1) of the corners reordered.
    found = mutual_knn(corners, corners[:, ::-1] * [1.0, 2.0], k=1, metric="euclidean")
    assert float(found) == 0.5
    assert found.notes == ()
    twice = np.repeat(gaussian(12, 3, rng=5), 2, axis=0)
    (note,) = mutual_knn(twice, gaussian(24, 3, rng=6), k=3).notes
    assert note.outcome is Outcome.DUPLICATE_ROWS
    assert "24 rows" in note.detail


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("measure", [mutual_knn, jaccard_knn, rank_knn, second_order_cosine])
def test_neighbours_that_are_known_follow_the_rows(measure, metric):
    x, y = (Cloud(cloud) for cloud in clouds())
    first, second = np.random.default_rng(8).permuted(np.tile(np.arange(60), (2, 1)), axis=1)
    before = float(measure(x, y, metric=metric))
    twice = float(measure(x, y.reordered(first).reordered(second), metric=metric))
    assert twice == pytest.approx(float(measure(x.rows, y.rows[first][second], metric=metric)), rel=1e-12)
    assert twice < before


def test_rows_of_one_direction_are_duplicates_by_cosine_only():
    x = gaussian(20, 3, rng=7)
    x[4] = 2.5 * x[3]
    assert [note.detail for note in mutual_knn(x, x, k=2).notes] == ["2 rows"]
    assert mutual_knn(x, x, k=2, metric="euclidean").notes == ()


@pytest.mark.shared
def test_a_zero_row_has_no_neighbours_by_angle(references):
    with pytest.raises(Refusal, match=r"^mutual_knn: .*1 of 120 rows") as caught:
        mutual_knn(*references.pair("R4"))
    assert caught.value.outcome is Outcome.ROW_WITHOUT_DIRECTION
    assert 0 < float(mutual_knn(*references.pair("R4"), metric="euclidean")) < 1


def test_as_many_neighbours_as_rows_are_refused():
    x, y = clouds(rows=10)
    with pytest.raises(Refusal, match="k is 10, and there are 10 rows") as caught:
        mutual_knn(x, y)
    assert caught.value.outcome is Outcome.FEWER_ROWS_THAN_NEEDED
    assert mutual_knn.traits.chance(Pair(x, y), {"k": 10, "metric": "cosine"}) == {}
    assert 0 <= float(mutual_knn(x, y, k=9)) <= 1


@pytest.mark.parametrize("parameters", [{"k": 0}, {"k": 2.5}, {"metric": "manhattan"}])
def test_wrong_parameters(parameters):
    with pytest.raises(ValueError, match=f"^mutual_knn: .*{next(iter(parameters))}"):
        mutual_knn(*clouds(), **parameters)
