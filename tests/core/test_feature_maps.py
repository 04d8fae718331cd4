"""Feature maps and pairs of them."""

import pickle

import numpy as np
import pytest

from theodolite.core import Cloud, FeatureMapPair, FeatureMaps, Outcome, Refusal

MAPS = np.random.default_rng(0).standard_normal((5, 4, 3, 2)) + 10.0


def test_are_centred_over_images_and_positions():
    maps = FeatureMaps(MAPS.astype(np.float32))
    assert maps.shape == (5, 4, 3, 2)
    assert maps.centred.dtype == np.float64
    assert maps.centred == pytest.approx(MAPS - MAPS.mean(axis=(0, 1, 2)), abs=1e-5)
    assert maps.total == pytest.approx(maps.cloud().total, rel=1e-12)
    assert maps.centred is maps.centred


def test_a_constant_channel_is_zero_to_the_last_bit():
    level = MAPS.copy()
    level[..., 1] = 0.1
    assert not FeatureMaps(level).centred[..., 1].any()


def test_every_position_is_a_point_of_the_cloud():
    cloud = FeatureMaps(MAPS).cloud()
    assert (cloud.count, cloud.width) == (60, 2)
    assert (cloud.rows == MAPS.reshape(60, 2)).all()
    assert Cloud.coerce(FeatureMaps(MAPS)).count == 60


def test_one_is_taken_as_it_is_and_a_pair_too():
    maps, pair = FeatureMaps(MAPS), FeatureMapPair(MAPS, MAPS[..., :1])
    assert FeatureMaps.coerce(maps) is maps
    assert FeatureMapPair.from_arguments((pair,), name="pair") == (pair, 1)
    assert FeatureMapPair.from_arguments((MAPS, MAPS), name="pair")[1] == 2
    assert "5 images, 4 x 3, 1 channels" in repr(pair)


def test_the_fingerprint_is_that_of_the_content():
    same = FeatureMapPair(MAPS, MAPS).fingerprint()
    assert FeatureMapPair(MAPS.copy(), MAPS.copy()).fingerprint() == same
    assert FeatureMapPair(MAPS, MAPS + 1).fingerprint() != same
    assert FeatureMaps(MAPS).fingerprint() != FeatureMaps(MAPS.reshape(5, 3, 4, 2)).fingerprint()


def test_forget_what_was_computed_when_pickled():
    maps = FeatureMaps(MAPS)
    assert maps.centred is not None
    again = pickle.loads(pickle.dumps(maps))
    assert len(pickle.dumps(maps)) < 2 * MAPS.nbytes
    assert (again.centred == maps.centred).all()


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (MAPS[0], ValueError, r"maps: expected a 4-D array .* got shape \(4, 3, 2\)"),
        (MAPS.astype(int), TypeError, "maps: expected real floating-point entries"),
        (MAPS.tolist(), TypeError, "maps: expected a 4-D array .* got list"),
    ],
)
def test_what_are_no_maps_is_said(given, error, words):
    with pytest.raises(error, match=words):
        FeatureMaps.coerce(given)


def test_what_cant_be_computed_with_is_refused():
    spoiled = MAPS.copy()
    spoiled[3, 0, 0, 0] = np.nan
    for maps, outcome in [
        (spoiled, Outcome.NOT_FINITE_ROWS),
        (1e200 * MAPS, Outcome.OUT_OF_RANGE),
        (1e-200 * MAPS, Outcome.OUT_OF_RANGE),
    ]:
        with pytest.raises(Refusal) as caught:
            _ = FeatureMaps(maps).centred
        assert caught.value.outcome is outcome
    with pytest.raises(Refusal) as caught:
        FeatureMaps(MAPS[:0])
    assert caught.value.outcome is Outcome.EMPTY


def test_pairs_have_the_same_images_and_positions():
    with pytest.raises(ValueError, match=r"y: its images, height and width are \(5, 3, 3\) and those of x \(5, 4, 3\)"):
        FeatureMapPair(MAPS, MAPS[:, :3])
