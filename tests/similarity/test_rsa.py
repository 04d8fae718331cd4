"""rsa: dissimilarities of all pairs, compared."""

import functools
import itertools
import json

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist, squareform

from theodolite.core import Cloud, Outcome, Pair, Refusal
from theodolite.similarity import Dissimilarities, angular_procrustes, cka, dissimilarities, rsa
from theodolite.testing import gaussian, orthogonal

COMPARISONS = {
    "cosine": "cosine",
    "spearman": "spearman",
    "corr": "pearson",
    "kendall": "kendall",
    "tau-a": "kendall_a",
    "rho-a": "rho_a",
    "corr_cov": "whitened_pearson",
    "cosine_cov": "whitened_cosine",
    "bures": "bures",
}
"""Ours by rsatoolbox's names."""

KINDS = {"euclidean": "squared_euclidean", "correlation": "correlation"}
MNIST = "svcca/MNIST_lay04(n=400 first)"


def clouds(rows=40, rng=0):
    x = gaussian(rows, 8, rng=rng) + 0.5
    return x, x[:, :5] + 0.9 * gaussian(rows, 5, rng=rng + 1)


SLOW_FOR_THEM = ("kendall", "corr_cov", "cosine_cov")
"""Comparisons that rsatoolbox was not asked for on 400 rows."""


@pytest.mark.shared
@pytest.mark.parametrize(
    ("data", "theirs"),
    [
        (data, theirs)
        for data in ("R1", "R3", "R4", MNIST)
        for theirs in COMPARISONS
        if not (data == MNIST and theirs in SLOW_FOR_THEM)
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_rsatoolbox(references, data, kind, theirs):
    expected, ours = references.values[f"{data}/rsatoolbox/{kind}/{theirs}"], COMPARISONS[theirs]
    x, y = references.pair(data) if data != MNIST else (a[:400] for a in references.activations("MNIST_lay04"))
    if isinstance(expected, str):
        # A row of Y is zero: there, their correlation is NaN.
        assert "nan positions" in expected
        with pytest.raises(Refusal, match="1 of 120 rows") as caught:
            rsa(x, y, dissimilarity=KINDS[kind], comparison=ours)
        assert caught.value.outcome is Outcome.ROW_WITHOUT_DIRECTION
        return
    # Their fidelity takes the root of eigenvalues that are rounding alone, 1e-8 for each.
    tolerance = 1e-6 if theirs == "bures" else 1e-12
    assert float(rsa(x, y, dissimilarity=KINDS[kind], comparison=ours)) == pytest.approx(expected, rel=tolerance)


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "R3", MNIST])
def test_agrees_with_resi(references, data):
    x, y = references.pair(data) if data != MNIST else (a[:400] for a in references.activations("MNIST_lay04"))
    assert float(rsa(x, y)) == pytest.approx(references.values[f"{data}/resi/RSA"], rel=1e-12)


@pytest.mark.shared
def test_layers_of_five_networks_agree_with_scipy(references, shared):
    names = json.loads((shared / "reference" / "ref_similarity.json").read_text(encoding="utf-8"))["meta"]["names"]
    known = {name: Cloud(references.arrays[f"mod/acts/{name}"]) for name in names}
    expected = references.arrays["mod/D/rsa_euclid_spearman_scipy"]
    for one, other in itertools.combinations(names, 2):
        value = float(rsa(known[one], known[other], dissimilarity="euclidean"))
        # One pair of distances of 79800 agrees in twelve digits, and counts as tied.
        assert value == pytest.approx(expected[names.index(one), names.index(other)], abs=2e-9)


@pytest.mark.parametrize("dissimilarity", ["correlation", "cosine", "euclidean", "squared_euclidean"])
def test_agrees_with_scipy(dissimilarity):
    x, y = clouds()
    metric = {"squared_euclidean": "sqeuclidean"}.get(dissimilarity, dissimilarity)
    first, second = pdist(x, metric), pdist(y, metric)
    for comparison, expected in {
        "spearman": stats.spearmanr(first, second)[0],
        "pearson": stats.pearsonr(first, second)[0],
        "kendall": stats.kendalltau(first, second)[0],
        "cosine": first @ second / np.linalg.norm(first) / np.linalg.norm(second),
    }.items():
        value = float(rsa(x, y, dissimilarity=dissimilarity, comparison=comparison))
        assert value == pytest.approx(expected, rel=1e-11)


def test_ties_are_ties_whatever_the_rounding():
    labels = np.random.default_rng(3).integers(0, 4, 60)
    x, y = gaussian(60, 6, rng=4) + 2 * np.eye(6)[labels], np.eye(4)[labels]
    same = (labels[:, None] != labels).astype(float)[np.triu_indices(60, 1)]
    for dissimilarity in ("correlation", "cosine", "euclidean"):
        # Rotated and shifted codes have distances that differ in their last bits.
        codes = y if dissimilarity == "correlation" else y @ orthogonal(4, rng=5)
        codes = codes if dissimilarity != "euclidean" else codes + 0.1
        for comparison, expected in (("spearman", stats.spearmanr), ("kendall", stats.kendalltau)):
            value = rsa(x, codes, dissimilarity=dissimilarity, comparison=comparison)
            known = dissimilarities(x, kind=dissimilarity).condensed
            assert float(value) == pytest.approx(expected(known, same)[0], rel=1e-10)


def test_ties_count_against_a_model_in_the_comparisons_that_say_so():
    x = gaussian(30, 5, rng=6)
    levels = Dissimilarities.of(np.floor(4 * squareform(pdist(x))) / 4)
    values = {name: float(rsa(x, levels, dissimilarity="euclidean", comparison=name)) for name in COMPARISONS.values()}
    assert values["kendall_a"] < values["kendall"]
    assert values["rho_a"] < values["spearman"]
    # The mean over orders of what is tied is that of rho without ties.
    rng, rows = np.random.default_rng(7), pdist(x)
    drawn = [stats.spearmanr(rows, levels.condensed + 1e-6 * rng.random(435))[0] for _ in range(400)]
    assert values["rho_a"] == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / 20)


def test_whitened_comparisons_whiten_by_the_covariance_of_estimates():
    x, y = clouds(rows=9)
    left, right = np.triu_indices(9, 1)
    contrasts = np.zeros((36, 9))
    contrasts[np.arange(36), left], contrasts[np.arange(36), right] = 1, -1
    whitening = np.linalg.inv((contrasts @ contrasts.T) ** 2)
    for comparison, level in (("whitened_cosine", False), ("whitened_pearson", True)):
        first, second = (pdist(cloud, "sqeuclidean") for cloud in (x, y))
        if level:
            first, second = first - first.mean(), second - second.mean()
        products = [a @ whitening @ b for a, b in ((first, second), (first, first), (second, second))]
        value = rsa(x, y, dissimilarity="squared_euclidean", comparison=comparison)
        assert float(value) == pytest.approx(products[0] / np.sqrt(products[1] * products[2]), rel=1e-11)


def test_its_relatives_among_the_measures():
    x, y = clouds()
    squared = functools.partial(rsa, dissimilarity="squared_euclidean")
    alignment = float(cka(x, y, estimator="biased"))
    assert float(squared(x, y, comparison="whitened_cosine")) == pytest.approx(alignment, rel=1e-11)
    fidelity = float(squared(x, y, comparison="bures"))
    assert fidelity == pytest.approx(np.cos(float(angular_procrustes(x, y))), rel=1e-11)


def test_correlations_of_rows_are_moved_by_a_constant_vector_and_by_rotations():
    x, y = clouds()
    shift, turn = gaussian(1, 8, rng=8), orthogonal(8, rng=9)
    for dissimilarity, kept in (
        ("correlation", (False, False)),
        ("cosine", (False, True)),
        ("euclidean", (True, True)),
    ):
        value, *moved = (float(rsa(cloud, y, dissimilarity=dissimilarity)) for cloud in (x, x + 2 * shift, x @ turn))
        assert tuple(abs(one - value) < 1e-9 for one in moved) == kept
        assert all(abs(one - value) > 1e-3 for one, same in zip(moved, kept, strict=True) if not same)
    # What is added to all entries of a row is no news to a correlation.
    assert float(rsa(x + gaussian(40, 1, rng=10), y)) == pytest.approx(float(rsa(x, y)), rel=1e-9)


@pytest.mark.parametrize("comparison", sorted(set(COMPARISONS.values()) - {"cosine", "whitened_cosine", "bures"}))
def test_the_chance_level_is_the_mean_over_all_orders_of_the_rows(comparison):
    x, y = clouds(rows=6)
    level = rsa.traits.chance(Pair(x, y), {"dissimilarity": "correlation", "comparison": comparison})
    every = [float(rsa(x, y[list(order)], comparison=comparison)) for order in itertools.permutations(range(6))]
    assert level == {"value": 0.0}
    assert np.mean(every) == pytest.approx(0, abs=1e-12)


def test_comparisons_of_lengths_have_no_level_in_closed_form():
    for comparison in ("cosine", "whitened_cosine", "bures"):
        assert rsa.traits.chance(Pair(*clouds()), {"comparison": comparison}) == {}


def test_the_angle_of_spearmans_rho_satisfies_the_triangle_inequality_and_its_complement_does_not():
    broken = 0
    for seed in range(60):
        a, c = (gaussian(14, 4, rng=100 * seed) + 0.7 * gaussian(14, 4, rng=100 * seed + i) for i in (1, 2))
        b = (a + c) / 2
        ab, bc, ac = (min(1.0, float(rsa(*pair))) for pair in ((a, b), (b, c), (a, c)))
        assert np.arccos(ac) <= np.arccos(ab) + np.arccos(bc) + 1e-9
        broken += (1 - ac) > (1 - ab) + (1 - bc) + 1e-9
    assert broken > 5


def test_dissimilarities_take_a_clouds_place():
    x, y = clouds()
    known = [Dissimilarities.of(squareform(pdist(cloud, "correlation"))) for cloud in (x, y)]
    value = float(rsa(x, y))
    for pair in ((known[0], y), (x, known[1]), known):
        assert float(rsa(*pair)) == pytest.approx(value, rel=1e-12)
    with pytest.raises(Refusal, match=r"^cka: ") as caught:
        cka(known[0], y)
    assert caught.value.outcome is Outcome.NEEDS_ROWS
    with pytest.raises(ValueError, match="39 rows and x has 40"):
        rsa(known[0], y[1:])


@pytest.mark.parametrize("comparison", ["spearman", "kendall", "pearson", "whitened_cosine", "bures"])
def test_what_is_known_of_a_cloud_follows_its_rows(comparison):
    x, y = (Cloud(cloud) for cloud in clouds())
    first, second = np.random.default_rng(13).permuted(np.tile(np.arange(40), (2, 1)), axis=1)
    rsa(x, y, comparison=comparison)
    twice = y.reordered(first).reordered(second)
    expected = float(rsa(x.rows, y.rows[first][second], comparison=comparison))
    assert float(rsa(x, twice, comparison=comparison)) == pytest.approx(expected, rel=1e-12)
    known = dissimilarities(y).reordered(first).reordered(second)
    assert float(rsa(x, known, comparison=comparison)) == pytest.approx(expected, rel=1e-12)
    assert abs(float(rsa(x, y, comparison=comparison)) - expected) > 0.01


def test_fidelity_of_what_no_points_have():
    signed = Dissimilarities.of(np.asarray([1.0, -0.3, 0.8, 0.2, 1.5, 0.9]))
    assert 0 < float(rsa(signed, signed, comparison="bures")) <= 1 + 1e-12
    negative = Dissimilarities.of(np.full(6, -1.0))
    with pytest.raises(Refusal, match="no Gram matrix"):
        rsa(negative, negative, comparison="bures")


def test_what_has_no_order_is_refused():
    x = gaussian(12, 4, rng=11)
    corners = np.eye(12)
    for parameters in ({}, {"comparison": "pearson"}, {"comparison": "kendall_a"}, {"comparison": "whitened_pearson"}):
        with pytest.raises(Refusal, match="66 pairs, all") as caught:
            rsa(x, corners, **parameters)
        assert caught.value.outcome is Outcome.EQUAL_DISSIMILARITIES
    # Equal dissimilarities have a length, and an angle with others.
    assert 0.5 < float(rsa(x, corners, dissimilarity="euclidean", comparison="cosine")) < 1
    with pytest.raises(Refusal, match="1 pairs"):
        rsa(x[:2], corners[:2])


def test_a_constant_row_is_refused_for_correlations_and_a_zero_row_for_cosines():
    x, y = clouds()
    x[7] = 0.1
    with pytest.raises(Refusal, match=r"^rsa: .*1 of 40 rows") as caught:
        rsa(x, y)
    assert caught.value.outcome is Outcome.ROW_WITHOUT_DIRECTION
    assert -1 <= float(rsa(x, y, dissimilarity="cosine")) <= 1
    y[3] = 0
    with pytest.raises(Refusal, match="1 of 40 rows"):
        rsa(x, y, dissimilarity="cosine")
    assert -1 <= float(rsa(x, y, dissimilarity="euclidean")) <= 1


def test_poisson_rates_are_not_negative():
    with pytest.raises(Refusal) as caught:
        rsa(*clouds(), dissimilarity="poisson")
    assert caught.value.outcome is Outcome.NEGATIVE_RATES
    counts = np.random.default_rng(12).poisson(3.0, (20, 6)).astype(float)
    assert float(rsa(counts, counts, dissimilarity="poisson")) == pytest.approx(1, rel=1e-12)
