"""Moments gathered batch by batch are those of all rows at once, however the rows were cut, and wherever they lie."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import CrossMoments, Pair, ParameterError, Refusal, to_numpy
from theodolite.testing import backends


def rows(count=120, offset=0.0, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 6)) * [1, 2, 3, 4, 5, 0.1]
    y = x[:, :3] @ rng.standard_normal((3, 4)) + rng.standard_normal((count, 4))
    return {"x": x + offset, "y": y - 3 * offset, "z": x[:, :2] ** 2}


def streamed(layers, cuts=(), **settings_):
    stream = CrossMoments(**settings_)
    for piece in np.split(np.arange(len(layers["x"])), sorted(cuts)):
        stream.update({name: one[piece] for name, one in layers.items()}, rows=piece)
    return stream


def dense(x, y):
    """The definitions, by numpy alone and with every row at once."""
    xc, yc = x - x.mean(axis=0), y - y.mean(axis=0)
    p, q = (xc**2).sum(axis=1), (yc**2).sum(axis=1)
    return {
        "means": (x.mean(axis=0), y.mean(axis=0)),
        "scatters": (xc.T @ xc, yc.T @ yc),
        "cross": (xc.T @ yc,),
        "fourth": (p @ p, p @ q, q @ q),
    }


def agree(moments, expected, rtol=1e-12):
    for name, wanted in expected.items():
        got = getattr(moments, name)
        for one, other in zip(got if isinstance(got, tuple) else (got,), wanted, strict=True):
            np.testing.assert_allclose(to_numpy(one), other, rtol=0, atol=rtol * np.abs(other).max())


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 120), max_size=8), seed=st.integers(0, 9), folds=st.sampled_from([1, 2, 5]))
def test_any_cutting_gives_the_moments_of_all_rows(cuts, seed, folds):
    layers = rows(seed=seed)
    stream = streamed(layers, cuts, folds=folds)
    assert stream.count == 120
    for one, other in [("x", "y"), ("y", "x"), ("x", "z"), ("z", "z")]:
        agree(stream.pair(one, other).moments, dense(layers[one], layers[other]))


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(1, 119), seed=st.integers(0, 9), offset=st.sampled_from([0.0, 1e3]))
def test_streams_that_are_put_together_are_one_stream(cut, seed, offset):
    layers = rows(seed=seed, offset=offset)
    halves = [
        streamed({name: one[part] for name, one in layers.items()}) for part in (slice(None, cut), slice(cut, None))
    ]
    # An offset of a thousand costs three digits of the rows themselves, before any sum.
    agree(
        halves[0].merge(halves[1]).pair("x", "y").moments,
        dense(layers["x"], layers["y"]),
        1e-12 if not offset else 1e-9,
    )
    three = [streamed({name: one[i::3] for name, one in layers.items()}, folds=2) for i in range(3)]
    left, right = three[0].merge(three[1]).merge(three[2]), three[0].merge(three[1].merge(three[2]))
    agree(left.pair("x", "y").moments, {"cross": (right.pair("x", "y").cross,)})
    assert halves[0].count == cut  # merging changes neither


def test_a_far_origin_costs_only_the_digits_that_the_rows_lack():
    near, far = rows(), rows(offset=1e6)
    one, other = streamed(near, [7, 50]).pair("x", "y"), streamed(far, [7, 50]).pair("x", "y")
    np.testing.assert_allclose(one.cross, other.cross, atol=1e-8 * np.abs(one.cross).max())
    np.testing.assert_allclose(one.fourth, other.fourth, rtol=1e-8)


def test_a_far_first_batch_does_no_harm():
    # The origin is the first batch's mean: here it is nowhere near the others.
    layers = rows()
    layers["x"][:5] += 1e4
    agree(streamed(layers, [5]).pair("x", "y").moments, dense(layers["x"], layers["y"]), 1e-10)


def test_folds_hold_each_row_once_and_depend_on_its_index_alone():
    layers = rows()
    one, other = streamed(layers, [3, 90], folds=4, seed=5), streamed(layers, folds=4, seed=5)
    counts = [fold.count for fold in one.pair("x", "y").folds]
    assert sum(counts) == 120
    assert len(counts) == 4
    assert counts == [fold.count for fold in other.pair("x", "y").folds]
    assert counts != [fold.count for fold in streamed(layers, folds=4, seed=6).pair("x", "y").folds]
    pair = one.pair("x", "y")
    for place in range(4):
        assert pair.fold(place).count + pair.without(place).count == 120
    total = sum(pair.fold(place).cross + _means_apart(pair, place) for place in range(4))
    np.testing.assert_allclose(total, pair.cross, atol=1e-12 * np.abs(pair.cross).max())


def _means_apart(pair, place):
    """Between-group part of the cross scatter (the law of total covariance)."""
    fold = pair.fold(place)
    gaps = [one - other for one, other in zip(fold.moments.means, pair.moments.means, strict=True)]
    return fold.count * np.outer(*gaps)


def test_groups_stay_together():
    layers = rows()
    groups = np.arange(120) // 10
    stream = CrossMoments(folds=3)
    stream.update(layers, groups=groups)
    assert all(part.count % 10 == 0 for part in stream.parts.values())
    shuffled = np.random.default_rng(0).permutation(120)
    again = CrossMoments(folds=3)
    again.update({name: one[shuffled] for name, one in layers.items()}, groups=groups[shuffled])
    assert {fold: part.count for fold, part in stream.parts.items()} == {
        fold: part.count for fold, part in again.parts.items()
    }


def test_leaving_a_fold_out_is_the_moments_of_the_other_rows():
    layers = rows()
    stream, kept = CrossMoments(folds=2), CrossMoments()
    stream.update(layers)
    first = min(stream.parts)
    from theodolite.numerics.row_hash import row_hashes

    others = np.flatnonzero(row_hashes(np.arange(120), 0) % np.uint64(2) != first)
    kept.update({name: one[others] for name, one in layers.items()})
    agree(stream.pair("x", "y").without(0).moments, dense(layers["x"][others], layers["y"][others]))


def test_only_pairs_across_are_kept_where_asked():
    stream = CrossMoments(against=["x"])
    stream.update(rows())
    assert stream.pair("x", "y").count == 120
    assert stream.pair("z", "x").widths == (2, 6)
    with pytest.raises(KeyError, match="'y' and 'z' was not kept"):
        stream.pair("y", "z")
    assert len(streamed(rows()).whole().scatter) == 6
    assert len(stream.whole().scatter) == 5


@pytest.mark.parametrize("backend", backends(), ids=str)
def test_sums_stay_in_the_library_and_on_the_device_of_the_rows(backend):
    if backend.missing():
        pytest.skip(backend.missing())
    layers = rows()
    given_ = {name: backend.convert(one) for name, one in layers.items()}
    stream = CrossMoments(folds=2)
    for piece in (slice(0, 50), slice(50, 120)):
        stream.update({name: one[piece, ...] for name, one in given_.items()})
    pair = stream.pair("x", "y")
    assert backend.difference(pair.cross, given_["x"]) == ""
    agree(pair.moments, dense(layers["x"], layers["y"]))


def test_a_stored_state_goes_on():
    layers = rows()
    stream = CrossMoments(folds=3, seed=2)
    stream.update({name: one[:70] for name, one in layers.items()})
    again = CrossMoments.from_state(stream.state())
    for one in (stream, again):
        one.update({name: layer[70:] for name, layer in layers.items()})
    assert again.names == ("x", "y", "z")
    np.testing.assert_array_equal(again.pair("x", "y").cross, stream.pair("x", "y").cross)
    with pytest.raises(ValueError, match="state: these are no cross-moments"):
        CrossMoments.from_state({"settings": np.zeros(3, np.uint8)})
    state = stream.state()
    del state[next(key for key in state if "scatter" in key)]
    with pytest.raises(ValueError, match="state: these are no cross-moments"):
        CrossMoments.from_state(state)


def test_half_precision_is_summed_in_double():
    layers = {name: one.astype(np.float16) for name, one in rows().items()}
    exact = {name: one.astype(np.float64) for name, one in layers.items()}
    agree(streamed(layers, [33]).pair("x", "y").moments, dense(exact["x"], exact["y"]))


def test_what_is_wrong_is_said():
    stream = CrossMoments()
    with pytest.raises(TypeError, match="expected a mapping from layer to rows, got ndarray"):
        stream.update(np.zeros((3, 2)))
    stream.update(rows())
    with pytest.raises(ValueError, match="its layers are x; before they were x, y, z"):
        stream.update({"x": np.zeros((3, 6))})
    with pytest.raises(ValueError, match="same rows; got x: 120, y: 119, z: 120"):
        stream.update({**rows(), "y": np.zeros((119, 4))})
    with pytest.raises(ValueError, match="y has 5 features; before it had 4"):
        stream.update({**rows(), "y": np.zeros((120, 5))})
    with pytest.raises(Refusal, match="y"):
        stream.update({**rows(), "y": np.full((120, 4), np.nan)})
    with pytest.raises(TypeError, match="int64; cast them first"):
        stream.update({**rows(), "y": np.zeros((120, 4), np.int64)})
    with pytest.raises(ValueError, match="groups: got shape"):
        stream.update(rows(), groups=np.zeros(3))
    assert stream.count == 120
    with pytest.raises(KeyError, match="did you mean"):
        stream.pair("x", "yy")
    with pytest.raises(ValueError, match="there are 3 layers"):
        stream.view()
    with pytest.raises(ParameterError, match="folds is 0"):
        CrossMoments(folds=0)
    with pytest.raises(ValueError, match="other folds"):
        stream.merge(CrossMoments(folds=2))
    with pytest.raises(Refusal, match="no row was taken in"):
        CrossMoments().whole()
    one_row = CrossMoments(folds=2)
    one_row.update({name: layer[:1] for name, layer in rows().items()})
    with pytest.raises(ValueError, match="two groups at least"):
        one_row.pair("x", "y").without(0)


def test_two_layers_are_a_pair():
    layers = rows()
    stream = CrossMoments()
    stream.update({name: layers[name] for name in ("x", "y")})
    agree(stream.view().moments, dense(layers["x"], layers["y"]))
    assert Pair.coerce(stream).widths == (6, 4)
    cloud = stream.cloud("x")
    np.testing.assert_allclose(cloud.mean, layers["x"].mean(axis=0))
    np.testing.assert_allclose(cloud.scatter, dense(layers["x"], layers["y"])["scatters"][0], rtol=1e-10, atol=1e-10)
    assert (cloud.count, cloud.width, cloud.has) == (120, 6, {"moments"})
