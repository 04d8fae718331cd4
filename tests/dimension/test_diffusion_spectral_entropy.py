"""diffusion_spectral_entropy: against the released code's numbers, a dense eigendecomposition, and its limits."""

import json

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

from theodolite.core import Outcome, Refusal
from theodolite.dimension import diffusion_spectral_entropy
from theodolite.numerics.diffusion import diffusion_eigenvalues, median_distance, squared_distances

CLOUDS = {
    "uniform500x256 RandomState(0)": lambda: np.random.RandomState(0).rand(500, 256),
    "digits[:600]": lambda: load_digits().data[:600],
    "randn400x10 RandomState(1) scaled [3]*3+[.1]*7": lambda: (
        np.random.RandomState(1).randn(400, 10) * np.array([3] * 3 + [0.1] * 7)
    ),
}
NAMES = {
    "paper": "DSE paper-def(row-normalised anisotropic P) sigma={:.1f} t={}",
    "released": "DSE alpha=0 (plain random walk D^-1 G) sigma={:.1f} t={}",
}


@pytest.fixture(scope="module")
def known(shared):
    text = (shared / "reference" / "ref_dimension.json").read_text(encoding="utf-8")
    return json.loads(text)["diffusion_spectral_entropy"]


@pytest.mark.shared
@pytest.mark.parametrize("normalization", NAMES)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_against_the_released_code(known, cloud, normalization):
    points = CLOUDS[cloud]()
    compared = 0
    for bandwidth in (1.0, 10.0, 20.0):
        for time in (1, 2, 10):
            expected = known[cloud].get(NAMES[normalization].format(bandwidth, time))
            if expected is None:
                continue
            fixed = {"bandwidth": bandwidth, "relative": False, "normalization": normalization, "time": time}
            found = diffusion_spectral_entropy(points, **fixed)
            assert float(found.bits) == pytest.approx(expected, rel=1e-9, abs=1e-10)
            compared += 1
    assert compared == 6


@pytest.mark.shared
def test_against_what_the_released_code_itself_gave(known):
    # Its eigenvalues are those of a general matrix, found to about 1e-12 of the largest.
    compared = 0
    for name, make in CLOUDS.items():
        for bandwidth in (1.0, 10.0, 20.0):
            for time in (1, 2, 10):
                expected = known[name].get(f"DSE repo sigma={bandwidth:.1f} t={time}")
                if expected is not None:
                    fixed = {"bandwidth": bandwidth, "relative": False, "time": time, "normalization": "released"}
                    found = diffusion_spectral_entropy(make(), **fixed)
                    assert float(found.bits) == pytest.approx(expected, rel=1e-9, abs=1e-10)
                    compared += 1
    assert compared == 18
    points = CLOUDS["randn400x10 RandomState(1) scaled [3]*3+[.1]*7"]()
    for factor, name in ((1e3, "edge scale1e3"), (1e-3, "edge scale1e-3")):
        found = diffusion_spectral_entropy(factor * points, bandwidth=10.0, relative=False, normalization="released")
        assert float(found.bits) == pytest.approx(known[name], rel=1e-9, abs=1e-10)


@pytest.mark.shared
def test_the_two_operators_are_not_the_same(known):
    squared = squared_distances(CLOUDS["digits[:600]"]() - CLOUDS["digits[:600]"]().mean(axis=0))
    theirs = known["eig check digits600 sigma20"]
    for anisotropic, name in ((True, "P_rownorm_K"), (False, "rownorm_G"), (False, "repo_K")):
        values = diffusion_eigenvalues(squared, 20.0, anisotropic=anisotropic)[::-1][:6]
        np.testing.assert_allclose(values, theirs[name], rtol=1e-10)


def test_against_a_dense_matrix_of_probabilities():
    points = np.random.default_rng(1).standard_normal((60, 5))
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    kernel = np.exp(-(gaps**2) / 2 / 1.7**2)
    degrees = kernel.sum(axis=1)
    kernel /= np.sqrt(degrees[:, None] * degrees[None, :])
    steps = kernel / kernel.sum(axis=1, keepdims=True)
    weights = np.abs(np.linalg.eigvals(steps)) ** 3
    shares = weights / weights.sum()
    found = diffusion_spectral_entropy(points, bandwidth=1.7, relative=False, time=3)
    assert float(found.bits) == pytest.approx(float(-np.sum(shares * np.log2(shares))), rel=1e-10)
    assert float(found.bandwidth) == 1.7


def test_of_separate_clusters_it_counts_them():
    rng = np.random.default_rng(2)
    for clusters in (2, 4, 8):
        points = np.repeat(1e3 * np.eye(clusters), 16, axis=0) + 1e-5 * rng.random((16 * clusters, clusters))
        found = diffusion_spectral_entropy(points, bandwidth=1.0, relative=False)
        assert float(found.bits) == pytest.approx(np.log2(clusters), abs=1e-5)


def test_the_limits_and_their_note():
    points = np.random.default_rng(3).standard_normal((64, 4))
    narrow = diffusion_spectral_entropy(points, bandwidth=1e-3)
    wide = diffusion_spectral_entropy(points, bandwidth=1e3)
    middle = diffusion_spectral_entropy(points, bandwidth=0.3, time=2)
    assert float(narrow.bits) == pytest.approx(6.0, abs=1e-12)
    assert float(narrow.share) == pytest.approx(1.0, abs=1e-12)
    assert float(wide.bits) == pytest.approx(0.0, abs=1e-3)
    for found in (narrow, wide):
        assert [note.outcome for note in found.notes] == [Outcome.OFF_SCALE]
        assert f"{float(found.bandwidth):.4g}" in found.notes[0].detail
    assert not middle.notes


def test_a_relative_bandwidth_is_a_multiple_of_the_median_distance():
    points = np.random.default_rng(4).standard_normal((41, 3))
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)[np.triu_indices(41, 1)]
    found = diffusion_spectral_entropy(points, bandwidth=0.7)
    assert float(found.bandwidth) == pytest.approx(0.7 * np.median(gaps), rel=1e-12)
    assert median_distance(squared_distances(points)) == pytest.approx(np.median(gaps), rel=1e-12)
    fixed = diffusion_spectral_entropy(points, bandwidth=float(found.bandwidth), relative=False)
    assert float(fixed.bits) == pytest.approx(float(found.bits), rel=1e-12)


def test_a_fixed_bandwidth_sees_scale_and_no_order():
    rng = np.random.default_rng(5)
    points = rng.standard_normal((80, 6))
    one, larger = (diffusion_spectral_entropy(f * points, bandwidth=1.0, relative=False) for f in (1.0, 3.0))
    assert float(larger.bits) > float(one.bits) + 0.3
    again = diffusion_spectral_entropy(points[rng.permutation(80)], bandwidth=1.0, relative=False)
    assert float(again.bits) == pytest.approx(float(one.bits), rel=1e-10)


def test_of_more_rows_it_is_a_mean_over_parts_with_its_error():
    points = np.random.default_rng(6).standard_normal((1000, 3))
    whole = diffusion_spectral_entropy(points[:250], bandwidth=0.4)
    parts = diffusion_spectral_entropy(points, bandwidth=0.4, most_rows=250)
    interval = parts.intervals["bits"]
    assert float(parts.rows) == 250
    assert not whole.intervals
    assert 0 < float(interval.se) < 0.1
    assert abs(float(parts.bits) - float(whole.bits)) < 6 * 2 * float(interval.se)
    assert diffusion_spectral_entropy(points, bandwidth=0.4, most_rows=250).bits == parts.bits
    assert float(diffusion_spectral_entropy(points, most_rows=999).rows) == 500


def test_the_error_over_parts_covers():
    draw = lambda seed, count: np.random.default_rng(seed).standard_normal((count, 2))  # noqa: E731
    expected = np.mean([diffusion_spectral_entropy(draw(10_000 + seed, 60)).bits for seed in range(200)])
    intervals = [diffusion_spectral_entropy(draw(seed, 240), most_rows=60).intervals["bits"] for seed in range(40)]
    assert sum(float(each.low) <= expected <= float(each.high) for each in intervals) >= 35


@pytest.mark.parametrize("apart", [1.0, 1e3, 1e6])
def test_distances_within_tight_clusters(apart):
    rng = np.random.default_rng(7)
    points = np.repeat(apart * rng.standard_normal((3, 40)), 25, axis=0) + 1e-3 * rng.standard_normal((75, 40))
    points[7] = points[3]
    found = squared_distances(points - points.mean(axis=0))
    exact = cdist(points, points, "sqeuclidean")
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    assert found[7, 3] == found[3, 7] == 0.0


def test_where_most_pairs_coincide_no_bandwidth_is_made_up():
    # About their mean, products give these rows distances of 1e-8: a bandwidth of rounding, and bits of it.
    points = np.repeat(np.random.default_rng(8).standard_normal((2, 50)), [80, 20], axis=0)
    with pytest.raises(Refusal) as refused:
        diffusion_spectral_entropy(points)
    assert refused.value.outcome is Outcome.COINCIDENT_ROWS
    evenly = np.repeat(np.random.default_rng(8).standard_normal((4, 50)), 25, axis=0)
    assert float(diffusion_spectral_entropy(evenly, bandwidth=0.05).bits) == pytest.approx(2.0, abs=1e-9)


def test_eigenvalues_that_rounding_hides_count_as_zero():
    # Two points twice: a matrix of rank 2, whose other eigenvalues are zero, and would count at a time below 1.
    points = np.repeat([[0.0], [1.0]], 20, axis=0)
    found = diffusion_spectral_entropy(points, bandwidth=1.0, relative=False, time=0.05)
    second = (1 - np.exp(-0.5)) / (1 + np.exp(-0.5))
    shares = np.asarray([1.0, second**0.05]) / (1 + second**0.05)
    assert float(found.bits) == pytest.approx(-np.sum(shares * np.log2(shares)), rel=1e-10)


def test_refusals():
    with pytest.raises(Refusal) as refused:
        diffusion_spectral_entropy(np.ones((1, 3)))
    assert refused.value.outcome is Outcome.FEWER_ROWS_THAN_NEEDED
    with pytest.raises(Refusal) as refused:
        diffusion_spectral_entropy(np.ones((9, 3)))
    assert refused.value.outcome is Outcome.COINCIDENT_ROWS
    assert float(diffusion_spectral_entropy(np.ones((9, 3)), relative=False).bits) == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="bandwidth"):
        diffusion_spectral_entropy(np.eye(3), bandwidth=0.0)
