"""ann_recall: against a search by brute force, known recalls, and clouds where the right answer is plain."""

import importlib
import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from theodolite.core import Cloud, Missing, Outcome, ParameterError, Refusal
from theodolite.dimension import ann_recall, lid
from theodolite.numerics import graph_index
from theodolite.numerics.graph_index import GraphSettings, found_by_graph

ORDERS = ("random", "ascending", "descending")


@pytest.fixture
def hnswlib():
    """The package, or a skip: it is compiled on installation, so that no other extra brings it."""
    return pytest.importorskip("hnswlib", reason="hnswlib is not installed, which no other extra brings")


class Exact:
    """An index with the interface of hnswlib that looks at all points."""

    calls: list

    def __init__(self, space, dim):
        assert space == "l2"
        Exact.calls = [("dim", dim)]

    def init_index(self, **settings):
        self.calls.append(settings)

    def set_num_threads(self, count):
        assert count == 1

    def set_ef(self, ef):
        self.calls.append(("ef", ef))

    def add_items(self, rows, labels, num_threads):
        assert rows.dtype == np.float32
        assert num_threads == 1
        self.rows, self.labels = rows.astype(np.float64), labels
        self.calls.append(("order", labels.copy()))

    def knn_query(self, rows, k, num_threads):
        rows = np.atleast_2d(rows)
        apart = np.linalg.norm(rows[:, None].astype(np.float64) - self.rows, axis=2)
        return self.labels[np.argsort(apart, axis=1)[:, :k]], None


class Forgetful(Exact):
    """One that never finds every other point, the points with even numbers."""

    def knn_query(self, rows, k, num_threads):
        rows = np.atleast_2d(rows)
        apart = np.linalg.norm(rows[:, None].astype(np.float64) - self.rows, axis=2)
        apart[:, self.labels % 2 == 0] = np.inf
        return self.labels[np.argsort(apart, axis=1)[:, :k]], None


class Torn(Exact):
    """One that reaches only seven points of any place."""

    def knn_query(self, rows, k, num_threads):
        if k > 7:
            raise RuntimeError("Cannot return the results in a contiguous 2D array. Probably ef or M is too small")
        return super().knn_query(rows, k, num_threads)


@pytest.fixture
def stands_in(monkeypatch):
    """Put another index in the place of hnswlib's."""

    def put(index):
        real = importlib.import_module
        module = type("hnswlib", (), {"Index": index})
        monkeypatch.setattr(
            graph_index.importlib, "import_module", lambda name: module if name == "hnswlib" else real(name)
        )

    return put


def test_an_index_that_looks_at_all_points_finds_all(stands_in):
    stands_in(Exact)
    rows = np.random.default_rng(0).random((200, 5))
    found = ann_recall(rows, k=7)
    assert [float(getattr(found, order)) for order in ORDERS] == [1.0, 1.0, 1.0]
    assert float(found.ascending_gain) == float(found.descending_gain) == 0.0
    assert isinstance(found.correlation, Missing)
    assert found.correlation.outcome is Outcome.ONE_RECALL
    assert float(found.intervals["random"].se) == 0.0


def test_recall_and_its_errors_by_hand(stands_in):
    stands_in(Forgetful)
    rows = np.random.default_rng(1).random((300, 4))
    found = ann_recall(rows, k=6)
    apart = np.linalg.norm(rows[:, None] - rows, axis=2)
    true = np.argsort(apart, axis=1)[:, 1:7]
    own = (true % 2 == 1).mean(axis=1)
    np.testing.assert_array_equal(found.extra["queries"], np.arange(300))
    for order in ORDERS:
        np.testing.assert_allclose(found.extra[order], own, rtol=1e-13)
        assert float(getattr(found, order)) == pytest.approx(own.mean(), rel=1e-13)
        assert float(found.intervals[order].se) == pytest.approx(own.std(ddof=1) / np.sqrt(300), rel=1e-12)
    around = lid(rows).extra["pointwise"]
    np.testing.assert_allclose(found.extra["pointwise"], around, rtol=1e-12)
    assert float(found.correlation) == pytest.approx(spearmanr(around, own).statistic, rel=1e-10)
    interval = found.intervals["correlation"]
    assert -1 < interval.low < float(found.correlation) < interval.high < 1


def test_points_are_inserted_in_the_order_of_their_dimensions(stands_in, monkeypatch):
    orders = []

    class Noted(Exact):
        def add_items(self, rows, labels, num_threads):
            orders.append(labels.copy())
            super().add_items(rows, labels, num_threads)

    stands_in(Noted)
    rows = np.random.default_rng(2).random((150, 3))
    ann_recall(rows, k=5, M=9, ef_construction=33, ef=2)
    around = lid(rows).extra["pointwise"]
    random, ascending, descending = orders
    assert np.all(np.diff(around[ascending]) >= 0)
    assert np.all(np.diff(around[descending]) <= 0)
    assert np.abs(spearmanr(around[random], np.arange(150)).statistic) < 0.3
    dim, settings, _, ef = Exact.calls
    assert dim == ("dim", 3)
    assert (settings["M"], settings["ef_construction"], settings["max_elements"]) == (9, 33, 150)
    assert ef == ("ef", 6)  # a point finds itself besides the five


def test_points_that_can_not_be_reached_are_not_found(stands_in):
    stands_in(Torn)
    rows = np.random.default_rng(3).random((60, 3))
    found = ann_recall(rows, k=10)
    assert float(found.random) == pytest.approx(0.6, rel=1e-12)
    settings = GraphSettings(16, 128, 16, 0)
    reached = found_by_graph(rows, np.arange(60), np.arange(5), 10, settings)
    assert np.all(reached[:, 6:] == -1)
    assert np.all(reached[:, :6] >= 0)


def test_equally_near_points_count_whichever_was_found(stands_in):
    stands_in(Exact)
    grid = np.stack(np.meshgrid(*[np.arange(6.0)] * 3), axis=-1).reshape(-1, 3)
    turned = grid[np.random.default_rng(0).permutation(len(grid))]
    assert float(ann_recall(turned, k=3).random) == 1.0


def test_without_hnswlib_the_extra_is_named(monkeypatch):
    real = importlib.import_module

    def without(name):
        if name == "hnswlib":
            raise ModuleNotFoundError(name)
        return real(name)

    monkeypatch.setattr(graph_index.importlib, "import_module", without)
    with pytest.raises(Refusal, match=r"theodolite\[ann\]") as refused:
        ann_recall(np.random.default_rng(0).random((50, 3)))
    assert refused.value.outcome is Outcome.NEEDS_INDEX
    assert refused.value.measure == "ann_recall"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"k": 0}, "k is 0"), ({"M": 1}, "M is 1"), ({"ef": 2.5}, "ef is 2.5"), ({"ef_construction": True}, "True")],
)
def test_bad_settings(wrong, said):
    with pytest.raises(ParameterError, match=f"ann_recall: .*{said}"):
        ann_recall(np.random.default_rng(0).random((50, 3)), **wrong)


def test_too_few_points_and_clouds_without_rows(poisson):
    with pytest.raises(Refusal) as refused:
        ann_recall(np.random.default_rng(0).random((20, 3)))
    assert refused.value.outcome is Outcome.TOO_FEW_POINTS
    with pytest.raises(Refusal):
        ann_recall(poisson(7.5))
    with pytest.raises(ValueError, match="ann_recall"):
        ann_recall(np.arange(30.0))


def test_a_seed_gives_the_same_again_and_another_gives_another(hnswlib):
    rows = np.random.default_rng(0).standard_normal((1200, 48))
    first, again, other = (ann_recall(Cloud(rows), rng=seed) for seed in (3, 3, 4))
    for order in ORDERS:
        np.testing.assert_array_equal(first.extra[order], again.extra[order])
    assert np.any(first.extra["random"] != other.extra["random"])
    assert first.extra["queries"].shape == (1000,)


def test_recall_falls_with_the_dimension(hnswlib):
    rng = np.random.default_rng(0)
    found = [ann_recall(rng.standard_normal((2000, wide))) for wide in (4, 16, 64, 256)]
    recalls = [float(one.random) for one in found]
    assert recalls[0] > 0.998
    for i in range(3):
        gap = np.hypot(*(float(found[j].intervals["random"].se) for j in (i, i + 1)))
        assert recalls[i] - recalls[i + 1] > 3 * gap
    assert float(found[2].intervals["correlation"].high) < 0
    # Whatever M and ef are given reach the index.
    wide = ann_recall(rng.standard_normal((2000, 64)), ef=200)
    assert float(wide.random) > recalls[2] + 0.03


def test_shift_scale_and_duplicates_do_not_matter(hnswlib):
    rows = np.random.default_rng(0).standard_normal((800, 32))
    plain = ann_recall(rows)
    for moved in (1e6 * rows, 1e-6 * rows, rows + 1e3):
        assert float(ann_recall(moved).random) == pytest.approx(float(plain.random), abs=0.003)
    twice = ann_recall(np.concatenate([rows, rows[:5]]))
    np.testing.assert_array_equal(twice.extra["random"], plain.extra["random"])


@pytest.mark.shared
def test_on_fashion_mnist(hnswlib, shared, fashion):
    text = (shared / "reference" / "ref_dimension.json").read_text(encoding="utf-8")
    known = json.loads(text)["hnsw_recall"]
    found = ann_recall(fashion[0][:15000].astype(np.float64))
    named = dict(zip(known["columns"], known["rows"]["FMNIST15000"], strict=True))
    for order, theirs in (("random", "random"), ("ascending", "LID ascending"), ("descending", "LID descending")):
        # Other queries, and other levels of the graph: both numbers vary.
        error = np.sqrt(2) * float(found.intervals[order].se)
        assert abs(float(getattr(found, order)) - named[theirs]) < 3 * error, order
    assert float(found.intervals["ascending_gain"].high) < 0
