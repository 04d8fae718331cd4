"""dissimilarities: of rows, of repeated measurements, and from elsewhere."""

import pickle

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from theodolite.core import Cloud, Outcome, ParameterError, Refusal
from theodolite.resample import with_interval, with_null
from theodolite.similarity import Dissimilarities, dissimilarities, rsa
from theodolite.testing import gaussian

CONDITIONS, RUNS = np.repeat(np.arange(8), 6), np.tile(np.arange(6), 8)


@pytest.fixture(scope="module")
def repeats(references):
    """Eight conditions in six runs over ten channels, with the noise's precision."""
    return references.arrays["R10/meas"], references.arrays["R10/precision"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("theirs", "kind", "whitened", "across", "channels"),
    [
        ("euclidean", "squared_euclidean", False, False, 10),
        ("correlation", "correlation", False, False, 1),
        ("mahalanobis", "mahalanobis", True, False, 1),
        ("crossnobis", "crossnobis", True, True, 1),
        ("crossnobis_identity", "crossnobis", False, True, 1),
        ("poisson", "poisson", False, False, 1),
    ],
)
def test_agrees_with_rsatoolbox(references, repeats, theirs, kind, whitened, across, channels):
    measured, precision = repeats
    found = dissimilarities(
        measured,
        kind=kind,
        conditions=CONDITIONS,
        runs=RUNS if across else None,
        precision=precision if whitened else None,
    )
    expected = references.arrays[f"R10/rsatoolbox/{theirs}"]
    np.testing.assert_allclose(found.condensed / channels, expected, rtol=1e-12, atol=1e-13)
    assert found.conditions == tuple(range(8))


def divergence(rates, others):
    return np.asarray(
        [
            np.mean((rates[i] - rates[j]) * (np.log(others[i]) - np.log(others[j])))
            for i in range(len(rates))
            for j in range(i + 1, len(rates))
        ]
    )


@pytest.mark.shared
def test_cross_validated_poisson_takes_every_run_in_turn(references, repeats):
    measured, _ = repeats
    by_run = measured.reshape(8, 6, 10)
    folds = []
    for run in range(6):
        train = (np.delete(by_run, run, axis=1).mean(axis=1) + 0.1) / 1.1
        folds.append(divergence(train, (by_run[:, run] + 0.1) / 1.1))
    found = dissimilarities(measured, kind="poisson_cv", conditions=CONDITIONS, runs=RUNS)
    np.testing.assert_allclose(found.condensed, np.mean(folds, axis=0), rtol=1e-11, atol=1e-13)
    # rsatoolbox 0.3.2 keeps the last of its folds only.
    np.testing.assert_allclose(folds[-1], references.arrays["R10/rsatoolbox/poisson_cv"], rtol=1e-11, atol=1e-13)


def test_crossnobis_is_the_mean_over_pairs_of_runs():
    rng = np.random.default_rng(1)
    runs, precision = rng.standard_normal((4, 5, 6)), np.diag(rng.random(6) + 0.5)
    expected = np.mean(
        [
            [(a[i] - a[j]) @ precision @ (b[i] - b[j]) / 6 for i in range(5) for j in range(i + 1, 5)]
            for m, a in enumerate(runs)
            for n, b in enumerate(runs)
            if m != n
        ],
        axis=0,
    )
    order = rng.permutation(20)
    labels = np.asarray(list("abcde") * 4)[order]
    found = dissimilarities(
        runs.reshape(20, 6)[order],
        kind="crossnobis",
        conditions=labels,
        runs=np.repeat([7, 3, 9, 1], 5)[order],
        precision=precision,
    )
    np.testing.assert_allclose(found.condensed, expected, rtol=1e-12)
    assert found.conditions == tuple("abcde")


def test_crossnobis_of_noise_is_zero_in_the_mean_where_other_distances_are_not():
    rng = np.random.default_rng(2)
    kinds = {"crossnobis": np.tile(np.arange(3), 4), "squared_euclidean": None}
    drawn = {
        kind: np.mean(
            [
                dissimilarities(
                    rng.standard_normal((12, 8)), kind=kind, conditions=np.repeat(np.arange(4), 3), runs=runs
                ).condensed
                for _ in range(400)
            ]
        )
        for kind, runs in kinds.items()
    }
    # Six pairs of 400 draws, each with a variance of 4 / (3 · 8) and less than full correlation.
    assert abs(drawn["crossnobis"]) < 0.05
    assert drawn["squared_euclidean"] == pytest.approx(8 * 2 / 3, rel=0.05)


def test_mahalanobis_whitens_both_sides():
    rng = np.random.default_rng(3)
    x, root = rng.standard_normal((12, 5)) + 1e4, rng.standard_normal((5, 5))
    precision = root @ root.T
    expected = pdist(x - x.mean(axis=0), "mahalanobis", VI=precision) ** 2 / 5
    found = dissimilarities(x, kind="mahalanobis", precision=precision)
    np.testing.assert_allclose(found.condensed, expected, rtol=1e-9)


def test_equal_labels_are_averaged_however_many_there_are():
    x, labels = gaussian(9, 4, rng=4), ["b", "a", "b", "c", "a", "b", "c", "d", "d"]
    means = np.asarray([x[np.asarray(labels) == label].mean(axis=0) for label in "abcd"])
    found = dissimilarities(x, kind="euclidean", conditions=labels)
    np.testing.assert_allclose(found.condensed, pdist(means), rtol=1e-12)
    np.testing.assert_allclose(found.square, squareform(pdist(means)), rtol=1e-12)
    assert found.count == 4


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"kind": "euclid"}, "kind is 'euclid'; did you mean 'euclidean'"),
        ({"kind": "crossnobis"}, "runs: crossnobis needs the run of each row"),
        ({"kind": "cosine", "runs": np.arange(12)}, "runs: cosine uses no runs"),
        ({"kind": "mahalanobis"}, "precision: mahalanobis needs it"),
        ({"kind": "euclidean", "precision": np.eye(4)}, "precision: euclidean uses none"),
        ({"kind": "poisson", "prior": (0.0, 0.1)}, "prior is"),
        ({"conditions": [1, 2]}, "conditions: expected one label for each of 12 rows"),
        ({"kind": "mahalanobis", "precision": np.eye(3)}, "precision: expected a symmetric matrix of 4 x 4"),
        ({"kind": "mahalanobis", "precision": -np.eye(4)}, "precision: its smallest eigenvalue is -1"),
        (
            {"kind": "crossnobis", "conditions": np.arange(12) % 6, "runs": np.arange(12) // 5},
            "runs: run 0 lacks the conditions 5",
        ),
        ({"kind": "crossnobis", "runs": np.zeros(12)}, "runs: all rows are of one run"),
    ],
)
def test_what_does_not_fit_is_named(given, match):
    with pytest.raises(ValueError, match=f"^dissimilarities: {match}"):
        dissimilarities(np.abs(gaussian(12, 4, rng=5)), **given)


def test_bad_rows_are_refused_in_its_name():
    x = gaussian(12, 4, rng=6)
    with pytest.raises(Refusal, match=r"^dissimilarities: ") as caught:
        dissimilarities(x, kind="poisson")
    assert caught.value.outcome is Outcome.NEGATIVE_RATES
    x[3, 1] = np.nan
    with pytest.raises(Refusal, match=r"^dissimilarities: .*1 of 12 rows"):
        dissimilarities(x)
    with pytest.raises(TypeError, match="are dissimilarities already"):
        dissimilarities(Dissimilarities.of(np.ones(3)))
    assert issubclass(ParameterError, ValueError)


def test_dissimilarities_from_elsewhere():
    matrix = squareform(np.asarray([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    known = Dissimilarities.of(matrix, "abcd")
    assert known.condensed.tolist() == [1, 2, 3, 4, 5, 6]
    assert (known.count, known.has, repr(known)) == (4, {"dissimilarities"}, "Dissimilarities(4 conditions)")
    np.testing.assert_array_equal(known.square, matrix)
    again = pickle.loads(pickle.dumps(known))
    assert again.fingerprint() == known.fingerprint() == Dissimilarities.of(known.condensed, "abcd").fingerprint()
    assert known.fingerprint() != Dissimilarities.of(2 * matrix, "abcd").fingerprint()
    assert isinstance(known, Cloud)
    with pytest.raises(Refusal) as caught:
        _ = known.centred
    assert caught.value.outcome is Outcome.NEEDS_ROWS


def test_conditions_in_another_order_keep_their_labels():
    known = Dissimilarities.of(squareform(np.asarray([1.0, 2.0, 3.0])), "abc").reordered(np.asarray([2, 0, 1]))
    assert known.condensed.tolist() == [2, 3, 1]
    assert known.conditions == ("c", "a", "b")


def test_evidence_for_what_is_known_is_that_for_the_rows():
    x, y = gaussian(30, 5, rng=7) + 0.4, gaussian(30, 4, rng=8)
    y += x[:, :4]
    gathered = with_null(with_interval(rsa), draws=39)
    expected = gathered(x, y, rng=1)
    known = [dissimilarities(cloud) for cloud in (x, y)]
    for pair in ((known[0], y), (x, known[1]), known):
        found = gathered(*pair, rng=1)
        assert float(found.interval.se) == pytest.approx(float(expected.interval.se), rel=1e-9)
        assert found.chance.p_value == expected.chance.p_value == 0.05
    assert float(expected.interval.low) < float(expected.value) < float(expected.interval.high)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.arange(5.0), "no number of rows has 5 pairs"),
        (np.arange(9.0).reshape(3, 3), "symmetric"),
        (np.ones((3, 4)), "symmetric"),
        (np.ones((3, 3)), "the diagonal is not zero"),
        (np.ones((2, 2, 2)), "one dimension"),
        (np.asarray([1.0, np.nan, 2.0]), "NaN or infinite"),
    ],
)
def test_what_are_no_dissimilarities_is_named(values, match):
    with pytest.raises(ValueError, match=match):
        Dissimilarities.of(values)


def test_rows_and_labels_that_do_not_fit():
    with pytest.raises(ValueError, match="2 labels for 3 conditions"):
        Dissimilarities.of(np.ones(3), ["a", "b"])
    with pytest.raises(TypeError, match=r"give condensed="):
        Dissimilarities(np.ones((3, 3)))
