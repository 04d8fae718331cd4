"""The sample: which rows are kept, whatever the batches, the merging and the library."""

import gc
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from theodolite.core import Cloud, Moments, Pair, ParameterError, Sample
from theodolite.numerics.row_hash import row_hashes


@pytest.fixture
def stream() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"lower": rng.standard_normal((200, 5)), "upper": rng.standard_normal((200, 2, 3)).astype(np.float32)}


def fed(stream, cuts, **options) -> Sample:
    sample = Sample(**{"size": 20, "seed": 3, **options})
    for start, stop in zip([0, *cuts], [*cuts, 200], strict=True):
        sample.update({name: rows[start:stop] for name, rows in stream.items()})
    return sample


def test_the_rows_with_the_smallest_hashes_are_kept_in_the_order_of_the_stream(stream):
    sample = fed(stream, [7, 50, 51, 180])
    wanted = np.sort(np.argsort(row_hashes(np.arange(200), 3))[:20])
    assert sample.index.tolist() == wanted.tolist()
    for name, rows in stream.items():
        np.testing.assert_array_equal(sample.rows(name), rows[wanted])
        assert sample.rows(name).dtype == rows.dtype
        np.testing.assert_array_equal(sample.rows(name, 3, 9), rows[wanted[3:9]])
    assert (sample.count, sample.seen, sample.shape("upper")) == (20, 200, (20, 2, 3))


@pytest.mark.parametrize("cuts", [[], [1], [19, 20, 21], list(range(1, 200))])
def test_batching_changes_nothing(stream, cuts):
    one, other = fed(stream, [100]), fed(stream, cuts)
    assert one.index.tolist() == other.index.tolist()
    np.testing.assert_array_equal(one.rows("lower"), other.rows("lower"))


def test_a_seed_chooses_other_rows_and_every_row_has_the_same_chance(stream):
    assert fed(stream, []).index.tolist() != fed(stream, [], seed=4).index.tolist()
    kept = np.zeros(200)
    for seed in range(400):
        kept[fed({"x": stream["lower"]}, [], seed=seed).index] += 1
    # 400 seeds keep each row 40 times, give or take 6; no row is favoured for standing early or late.
    assert abs(kept[:100].mean() - 40) < 2.5
    assert 15 < kept.min() <= kept.max() < 70


def test_a_short_stream_is_kept_whole(stream):
    sample = Sample(1000)
    sample.update(stream)
    np.testing.assert_array_equal(sample.rows("lower"), stream["lower"])


def test_merging_in_any_order_is_one_pass(stream):
    whole, shares = fed(stream, []), []
    for start, stop in ((60, 110), (0, 60), (110, 200)):
        share = Sample(20, seed=3)
        share.update({name: rows[start:stop] for name, rows in stream.items()}, rows=np.arange(start, stop))
        shares.append(share)
    before = [share.rows("lower") for share in shares]
    for a, b, c in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        merged = shares[a].merge(shares[b]).merge(shares[c])
        assert merged.index.tolist() == whole.index.tolist()
        assert merged.seen == 200
        np.testing.assert_array_equal(merged.rows("upper"), whole.rows("upper"))
    for share, rows in zip(shares, before, strict=True):
        np.testing.assert_array_equal(share.rows("lower"), rows)
    assert Sample(20, seed=3).merge(shares[0]).index.tolist() == shares[0].index.tolist()


def test_what_does_not_belong_together_is_not_merged(stream):
    one = fed(stream, [])
    with pytest.raises(ParameterError, match="both saw the same places of the stream"):
        one.merge(fed(stream, [30]))
    with pytest.raises(ParameterError, match="another number of rows, or has another seed"):
        one.merge(Sample(20, seed=4))
    other = Sample(20, seed=3)
    other.update({"lower": stream["lower"]}, rows=np.arange(200, 400))
    with pytest.raises(ParameterError, match="its layers are"):
        one.merge(other)


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        ({"a": np.zeros((3, 2)), "b": np.zeros((4, 2))}, "'a' 3, 'b' 4; the same rows must come in every layer"),
        ({"a": np.zeros((3, 2), dtype=int)}, "holds int64; expected real floating-point rows"),
        ({"a": [[1.0]]}, "layer 'a' is list; expected an array"),
        ({}, "none; the same rows"),
    ],
)
def test_a_batch_that_makes_no_rows_is_refused(batch, says):
    with pytest.raises(ParameterError, match=says):
        Sample().update(batch)


def test_later_batches_must_fit_the_first(stream):
    sample = fed(stream, [])
    with pytest.raises(ParameterError, match="those before had"):
        sample.update({"lower": stream["lower"]})
    with pytest.raises(ParameterError, match="were seen already"):
        sample.update(stream, rows=sample.index[0] + np.arange(200))
    with pytest.raises(ParameterError, match="got shape"):
        sample.update(stream, rows=np.arange(3))
    with pytest.raises(ParameterError, match="no layer 'uper'; did you mean 'upper'"):
        sample.rows("uper")
    for wrong in ({"size": 0}, {"size": 2.0}, {"seed": -1}, {"memory": -1}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            Sample(**wrong)


def test_the_state_goes_on_where_it_was(stream):
    sample = Sample(20, seed=3)
    sample.update({name: rows[:80] for name, rows in stream.items()})
    for copied in (Sample.from_state(sample.state()), pickle.loads(pickle.dumps(sample))):
        copied.update({name: rows[80:] for name, rows in stream.items()})
        np.testing.assert_array_equal(copied.rows("lower"), fed(stream, []).rows("lower"))


def test_views(stream):
    sample = fed(stream, [])
    assert isinstance(sample.view(), Pair)
    assert sample.cloud("upper").width == 6
    np.testing.assert_array_equal(sample.pair("upper", "lower").y.rows, sample.rows("lower"))
    alone = Sample(4)
    alone.update(stream["lower"])
    assert isinstance(alone.view(), Cloud)
    with pytest.raises(ParameterError, match="holds 0 layers"):
        Sample().view()


def mapped(folder: Path) -> bool:
    """Whether this process maps a file in the folder, be it one without a name."""
    return str(folder) in Path("/proc/self/maps").read_text()


def test_past_the_cap_rows_lie_in_a_file_that_is_gone_afterwards(stream, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    held, spilled = fed(stream, [60]), fed(stream, [60], memory=100)
    assert (held.on_disk, spilled.on_disk) == (False, True)
    for name in stream:
        np.testing.assert_array_equal(held.rows(name), spilled.rows(name))
    if os.name == "posix":
        assert list(tmp_path.iterdir()) == []
    if sys.platform == "linux":
        assert mapped(tmp_path)
        del spilled
        gc.collect()
        assert not mapped(tmp_path)


@pytest.mark.torch
def test_tensors_are_kept_as_their_numbers(torch, stream):
    sample, wanted = Sample(20, seed=3), fed(stream, [])
    for start in (0, 50):
        sample.update({name: torch.tensor(rows[start : start + 50 + 2 * start]) for name, rows in stream.items()})
    np.testing.assert_array_equal(sample.rows("upper"), wanted.rows("upper"))
    half = Sample(3)
    half.update(torch.ones(9, 2, dtype=torch.bfloat16))
    assert half.dtype() == np.float32


def test_moments_of_one_layer_are_those_of_all_rows(stream):
    rows = stream["lower"] + 1e4
    one, other = Moments(), Moments()
    for part in np.split(rows[:120], 4):
        one.update(part)
    other.update(rows[120:])
    view = Moments.from_state(one.merge(other).state()).view()
    assert (one.count, view.count) == (120, 200)
    np.testing.assert_allclose(view.mean, rows.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(view.scatter, np.cov(rows, rowvar=False) * 199, rtol=1e-10)
