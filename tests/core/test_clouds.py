"""Clouds and pairs: what they accept, what they compute once, what is exact, what they refuse."""

import pickle
from typing import Annotated

import ml_dtypes
import numpy as np
import pytest

from theodolite.core import Array, Cloud, CrossMoments, Field, Outcome, Pair, Refusal, measure, to_numpy
from theodolite.core.arrays import namespace
from theodolite.testing import backends, gaussian

ROWS = gaussian(20, 6, rng=1)
WIDE = gaussian(8, 30, rng=2)


class Stored:
    def __init__(self, array):
        self._array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, rows):
        return self._array[rows]


class Layer:
    def cloud(self):
        return Cloud(ROWS)


@pytest.mark.parametrize("backend", backends(), ids=str)
@pytest.mark.parametrize("points", [ROWS, WIDE], ids=["tall", "wide"])
def test_centring_and_coordinates(backend, points):
    if backend.missing():
        pytest.skip(backend.missing())
    cloud = Cloud(backend.convert(points))
    centred = points - points.mean(axis=0)
    np.testing.assert_allclose(to_numpy(cloud.centred), centred, atol=1e-14)
    np.testing.assert_allclose(to_numpy(cloud.mean), points.mean(axis=0), atol=1e-15)
    np.testing.assert_allclose(to_numpy(cloud.scatter), centred.T @ centred, atol=1e-13)
    np.testing.assert_allclose(to_numpy(cloud.gram), centred @ centred.T, atol=1e-13)
    np.testing.assert_allclose(to_numpy(cloud.squares), (centred**2).sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(float(to_numpy(cloud.total)), (centred**2).sum(), rtol=1e-14)
    coordinates = to_numpy(cloud.coordinates)
    assert coordinates.shape == (points.shape[0], min(points.shape))
    np.testing.assert_allclose(coordinates @ coordinates.T, centred @ centred.T, atol=1e-13)
    assert backend.difference(cloud.coordinates, backend.convert(points)) == ""


def test_constant_features_become_exactly_zero():
    points = ROWS.copy()
    points[:, 2] = 0.1
    points[:, 4] = 1e8 + 0.3
    cloud = Cloud(points)
    assert not cloud.centred[:, [2, 4]].any()
    assert Cloud(np.full((7, 3), 0.1)).total == 0.0


def test_a_large_offset_costs_only_the_digits_that_the_rows_lack():
    np.testing.assert_allclose(Cloud(ROWS + 1e6).centred, Cloud(ROWS).centred, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ml_dtypes.bfloat16])
def test_narrow_types_are_upcast(dtype):
    points = ROWS.astype(dtype)
    assert Cloud(points).rows.dtype == np.float64
    np.testing.assert_array_equal(Cloud(points).rows, points.astype(np.float64))


def test_what_is_taken_for_a_cloud():
    assert Cloud.coerce(cloud := Cloud(ROWS)) is cloud
    np.testing.assert_array_equal(Cloud.coerce(Layer()).rows, ROWS)
    np.testing.assert_array_equal(Cloud.coerce(Stored(ROWS)).rows, ROWS)
    for wrong, error, says in [
        ([[1.0]], TypeError, "points: expected a 2-D array .* got list"),
        (np.zeros(3), ValueError, r"got shape \(3,\)"),
        (np.zeros((3, 2, 2)), ValueError, "flatten the other axes"),
        (np.zeros((3, 2), np.int64), TypeError, "int64; cast them first"),
        (np.zeros((0, 2)), Refusal, r"shape \(0, 2\)"),
    ]:
        with pytest.raises(error, match=says):
            Cloud.coerce(wrong)


def test_what_is_not_finite_or_out_of_range_is_refused():
    points = ROWS.copy()
    points[3, 1] = np.nan
    points[5] = np.inf
    with pytest.raises(Refusal, match="2 of 20 rows") as refused:
        _ = Cloud(points).centred
    assert refused.value.outcome is Outcome.NOT_FINITE_ROWS
    for factor in (1e150, 1e-150):
        with pytest.raises(Refusal) as refused:
            _ = Cloud(ROWS * factor).centred
        assert refused.value.outcome is Outcome.OUT_OF_RANGE


def test_each_thing_is_computed_once_and_dropped_when_pickled():
    pair = Pair(ROWS, ROWS[:, :3])
    assert pair.moments is pair.moments
    assert pair.x.centred is pair.x.centred
    assert len(pickle.dumps(pair)) < 2 * len(pickle.dumps(Pair(ROWS, ROWS[:, :3])))
    again = pickle.loads(pickle.dumps(pair))
    np.testing.assert_array_equal(again.cross, pair.cross)


def test_fingerprints_follow_the_content():
    one, same, other = Cloud(ROWS), Cloud(ROWS.copy()), Cloud(ROWS + 1)
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    assert Pair(ROWS, WIDE.T[:20]).fingerprint() != Pair(WIDE.T[:20], ROWS).fingerprint()
    stream = CrossMoments()
    stream.update({"x": ROWS, "y": ROWS[:, :2]})
    assert stream.view().fingerprint() == stream.view().fingerprint() != stream.view().exchanged().fingerprint()


def test_pairs_know_their_moments_in_both_coordinates():
    pair = Pair(WIDE, ROWS[:8])
    centred = [points - points.mean(axis=0) for points in (WIDE, ROWS[:8])]
    np.testing.assert_allclose(pair.cross, centred[0].T @ centred[1], atol=1e-13)
    rotated = pair.isometric
    assert rotated.cross.shape == (8, 6)
    values = [np.linalg.svd(cross, compute_uv=False)[:6] for cross in (pair.cross, rotated.cross)]
    np.testing.assert_allclose(values[0], values[1], atol=1e-12)
    np.testing.assert_allclose(rotated.fourth, pair.fourth)
    assert Pair(ROWS, ROWS).isometric is not None
    back = pair.exchanged()
    np.testing.assert_allclose(back.cross, pair.cross.T, atol=1e-14)
    assert back.widths == (6, 30)


def test_a_pair_is_two_clouds_with_the_same_rows():
    with pytest.raises(ValueError, match="y: it has 8 rows and x has 20"):
        Pair(ROWS, WIDE)
    with pytest.raises(TypeError, match="y: expected a 2-D array"):
        Pair(ROWS, None)
    with pytest.raises(ValueError, match="use CrossMoments"):
        Pair(ROWS[:, :2], Cloud.from_moments(20, np.zeros(2), np.eye(2)))
    with pytest.raises(TypeError, match="expected two clouds"):
        Pair.from_arguments((ROWS,), name="pair")
    assert repr(Pair(ROWS, ROWS[:, :2])) == "Pair(20 rows, 6 and 2 features)"
    assert repr(Cloud(ROWS)) == "Cloud(20 rows x 6 features)"


def test_without_rows_there_are_moments_only():
    stream = CrossMoments()
    stream.update({"x": ROWS, "y": ROWS[:, :2]})
    pair = stream.view()
    assert pair.has == {"moments"}
    for look in (lambda: pair.x, lambda: pair.y, lambda: pair.require(["rows"]), lambda: stream.cloud("x").centred):
        with pytest.raises(Refusal) as refused:
            look()
        assert refused.value.outcome is Outcome.NEEDS_ROWS
    np.testing.assert_allclose(pair.totals, Pair(ROWS, ROWS[:, :2]).totals, rtol=1e-13)


def overlap(
    pair: Pair, weights, /, *, power: int = 2
) -> Annotated[Array, Field(unit="1", reads="nothing", varies=Pair.moves)]:
    """Something of two clouds and of weights that stand behind them."""
    return namespace(pair.cross).sum(abs(pair.cross) ** power) * weights


def spread(*clouds: Cloud) -> Annotated[Array, Field(unit="1", reads="nothing", varies=Cloud.moves)]:
    """Something of any number of clouds."""
    return sum(cloud.total for cloud in clouds) + 0.0


def test_measures_take_pairs_in_every_form_and_any_number_of_clouds():
    found = measure(cite="x", needs="moments")(overlap)
    many = measure(cite="x", needs="rows")(spread)
    stream = CrossMoments()
    stream.update({"x": ROWS, "y": ROWS[:, :2]})
    expected = found(ROWS, ROWS[:, :2], 2.0)
    for given in ((Pair(ROWS, ROWS[:, :2]),), (stream,), (stream.view(),)):
        np.testing.assert_allclose(found(*given, 2.0), expected, rtol=1e-12)
    assert found(ROWS, ROWS[:, :2], 2.0, power=1) != expected
    with pytest.raises(TypeError, match="overlap: pair: expected two clouds"):
        found(ROWS)
    with pytest.raises(ValueError, match="overlap: y: it has 8 rows"):
        found(ROWS, WIDE, 1.0)
    assert many.traits.variadic
    assert not found.traits.variadic
    np.testing.assert_allclose(many(ROWS, WIDE, ROWS), 2 * Cloud(ROWS).total + Cloud(WIDE).total)


@pytest.mark.parametrize("backend", backends(), ids=str)
def test_what_follows_the_rows_is_computed_once_and_moved_when_it_is_asked_for(backend):
    if backend.missing():
        pytest.skip(backend.missing())
    cloud, log = Cloud(backend.convert(ROWS)), []
    first, second = (np.random.default_rng(seed).permutation(20) for seed in (3, 4))

    def lengths(of):
        def compute():
            log.append("computed")
            return np.linalg.norm(to_numpy(of.rows), axis=1)

        def moved(values, order):
            log.append("moved")
            return values[order]

        return of.with_the_rows("lengths", compute, moved)

    library, device = namespace(cloud.rows), {} if backend.name.startswith("numpy") else {"device": cloud.rows.device}
    lengths(cloud)
    turned = cloud
    for order in (first, second):
        turned = turned.reordered(library.asarray(order.tolist(), **device))
    assert log == ["computed"]
    expected = np.linalg.norm(ROWS[first][second], axis=1)
    for _ in range(2):
        np.testing.assert_array_equal(lengths(turned), expected)
    assert log == ["computed", "moved"]
    few = turned.taken(library.asarray([4, 0, 7], **device))
    np.testing.assert_array_equal(to_numpy(few.rows), ROWS[first][second][[4, 0, 7]])
    np.testing.assert_array_equal(lengths(few), expected[[4, 0, 7]])
    assert log == ["computed", "moved", "computed"]
