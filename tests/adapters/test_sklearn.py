"""Estimators: scikit-learn's own checks, measures against direct calls, alignments against SciPy and closed forms."""

import pickle
from functools import partial

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import linear_sum_assignment
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from theodolite.adapters.sklearn import MeasureEstimator, PairEstimator
from theodolite.core import Outcome, ParameterError, Refusal
from theodolite.dimension import coding_rate, gride, label_sharpness, mle, two_nn
from theodolite.similarity import angular_procrustes, barycentre, cca, cka, procrustes, shape_distance
from theodolite.spectra import stable_rank

ALIGNMENTS = ["rotation", "permutation", "linear", "none"]


def gaussian(rows, features, seed):
    return np.random.default_rng(seed).standard_normal((rows, features))


def clouds(rows=120, first=6, second=4, noise=0.3, seed=0):
    """Two clouds off the origin, one a linear image of the other under noise."""
    x = gaussian(rows, first, seed) * np.linspace(0.5, 2, first)
    return x + 4.0, x @ gaussian(first, second, seed + 1) + noise * gaussian(rows, second, seed + 2) - 3.0


def expected_to_fail(estimator):
    """Checks that score a target of another width than X, which takes an alignment or a measure."""
    if estimator.alignment != "none" or estimator.measure is not None:
        return {}
    reason = "without alignment feature j of X is compared with feature j of y, and the check's y has one"
    return dict.fromkeys(["check_fit_score_takes_y", "check_pipeline_consistency"], reason)


@parametrize_with_checks(
    [*map(PairEstimator, ALIGNMENTS), PairEstimator(resize=True)], expected_failed_checks=expected_to_fail
)
def test_what_scikit_learn_asks_of_estimators(estimator, check):
    check(estimator)


def named(given):
    """Name a check, or an estimator without its measure, whose address differs from process to process."""
    return given.func.__name__ if hasattr(given, "func") else type(given).__name__


WITH_MEASURE = PairEstimator("none", measure=cka)


@pytest.mark.parametrize(
    ("estimator", "check"),
    [*estimator_checks_generator(WITH_MEASURE, expected_failed_checks=expected_to_fail(WITH_MEASURE), mark="xfail")],
    ids=named,
)
def test_what_scikit_learn_asks_of_an_estimator_that_scores_a_measure(estimator, check):
    check(estimator)


@pytest.mark.parametrize("seed", range(3))
def test_rotation_is_scipy_s(seed):
    x, y = clouds(second=6, seed=seed)
    centred = x - x.mean(axis=0), y - y.mean(axis=0)
    expected, _ = orthogonal_procrustes(*centred)
    fitted = PairEstimator().fit(x, y)
    np.testing.assert_allclose(fitted.map_, expected, atol=1e-12)
    np.testing.assert_allclose(fitted.transform(x), centred[0] @ expected + y.mean(axis=0), atol=1e-12)
    left = np.linalg.norm(fitted.transform(x) - y)
    assert left == pytest.approx(procrustes(x, y), rel=1e-10)
    assert fitted.score(x, y) == pytest.approx(1 - left**2 / np.sum(centred[1] ** 2), rel=1e-12)


@pytest.mark.parametrize("widths", [(6, 4), (4, 6)])
def test_rotation_into_another_width_is_an_isometry_of_a_subspace(widths):
    x, y = clouds(first=widths[0], second=widths[1])
    sizes = np.linalg.svd(PairEstimator().fit(x, y).map_, compute_uv=False)
    np.testing.assert_allclose(sizes, 1, atol=1e-12)


def test_resizing_finds_the_factor():
    x = gaussian(80, 5, 0)
    y = 3.5 * x @ np.linalg.qr(gaussian(5, 5, 1))[0] + 7
    fitted = PairEstimator(resize=True).fit(x, y)
    np.testing.assert_allclose(fitted.transform(x), y, atol=1e-10)
    assert fitted.score(x, y) == pytest.approx(1, abs=1e-14)
    assert PairEstimator().fit(x, y).score(x, y) < 0.6


@pytest.mark.parametrize("widths", [(6, 6), (6, 4), (4, 6)])
def test_permutation_is_the_best_assignment(widths):
    x, y = clouds(first=widths[0], second=widths[1])
    cross = (x - x.mean(axis=0)).T @ (y - y.mean(axis=0))
    first, second = linear_sum_assignment(-cross)
    expected = np.zeros(widths)
    expected[first, second] = 1
    np.testing.assert_array_equal(PairEstimator("permutation").fit(x, y).map_, expected)


@pytest.mark.parametrize("penalty", [0.1, 50.0])
def test_linear_is_ridge(penalty):
    x, y = clouds()
    expected = Ridge(alpha=penalty).fit(x, y)
    fitted = PairEstimator("linear", penalty=penalty).fit(x, y)
    np.testing.assert_allclose(fitted.transform(x), expected.predict(x), rtol=1e-9)
    one = PairEstimator("linear", penalty=penalty).fit(x, y[:, 0])
    np.testing.assert_allclose(one.transform(x), expected.predict(x)[:, :1], rtol=1e-9)


@pytest.mark.parametrize(("measure", "field", "sign"), [(cka, None, 1), (procrustes, None, -1), (cca, "mean", 1)])
@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_scores_a_measure_of_the_mapped_cloud(measure, field, sign, alignment):
    x, y = clouds()
    fitted = PairEstimator(alignment, measure=measure, field=field).fit(x[:80], y[:80])
    mapped = x[80:] if alignment == "none" else (x[80:] - fitted.x_mean_) @ fitted.map_ + fitted.y_mean_
    found = measure(mapped, y[80:])
    expected = sign * float(found if field is None else getattr(found, field))
    assert fitted.score(x[80:], y[80:]) == pytest.approx(expected, rel=1e-12)


def test_a_held_out_angle_is_wider_than_the_fitted_one_where_rows_are_few():
    x, y = gaussian(40, 12, 0), gaussian(40, 12, 1)
    angle = PairEstimator(measure=partial(shape_distance, group="none"))
    scores = cross_validate(angle, x, y, cv=KFold(5, shuffle=True, random_state=0), return_train_score=True)
    assert scores["train_score"].mean() > scores["test_score"].mean() + 0.3
    assert scores["test_score"].mean() == pytest.approx(-np.pi / 2, abs=0.2)
    assert angle.fit(x, y).score(x, y) == pytest.approx(-angular_procrustes(x, y), rel=1e-9)


def test_a_grid_finds_the_alignment_and_the_penalty():
    x = gaussian(60, 30, 0)
    y = x @ np.linalg.qr(gaussian(30, 30, 1))[0] + 0.5 * gaussian(60, 30, 2)
    grid = [{"alignment": ["rotation", "none"]}, {"alignment": ["linear"], "penalty": [1e-3, 1.0, 1e3]}]
    search = GridSearchCV(PairEstimator(), grid, cv=4).fit(x, y)
    assert search.best_params_ == {"alignment": "rotation"}
    ridge = GridSearchCV(PairEstimator("linear"), {"penalty": [1e-6, 10.0, 1e6]}, cv=4).fit(x, y)
    assert ridge.best_params_ == {"penalty": 10.0}


def test_cross_validation_agrees_with_its_loop():
    x, y = clouds()
    folds = KFold(4)
    by_hand = []
    for train, test in folds.split(x):
        expected = Ridge(alpha=1.0).fit(x[train], y[train]).predict(x[test])
        away = y[test] - y[test].mean(axis=0)
        by_hand.append(1 - np.sum((y[test] - expected) ** 2) / np.sum(away**2))
    np.testing.assert_allclose(cross_val_score(PairEstimator("linear"), x, y, cv=folds), by_hand, rtol=1e-10)


def test_is_cloned_pickled_and_put_into_pipelines():
    x, y = clouds()
    estimator = PairEstimator("linear", penalty=2.0, measure=partial(cka, estimator="biased"))
    again = clone(estimator)
    assert again.get_params()["measure"].keywords == {"estimator": "biased"}
    assert again.set_params(penalty=3.0).penalty == 3.0
    assert clone(PairEstimator(measure=cka)).measure is cka
    fitted = pickle.loads(pickle.dumps(estimator.fit(x, y)))
    assert fitted.score(x, y) == estimator.score(x, y)
    piped = make_pipeline(StandardScaler(), PairEstimator()).fit(x, y)
    assert piped.transform(x).shape == y.shape
    assert piped[-1].get_feature_names_out().tolist() == [f"pairestimator{place}" for place in range(4)]
    with pytest.raises(NotFittedError):
        PairEstimator().transform(x)


def test_rows_that_differ_in_number():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        PairEstimator().fit(gaussian(10, 3, 0), gaussian(11, 3, 1))
    with pytest.raises(ValueError, match="X has 4 features, but PairEstimator is expecting 3"):
        PairEstimator().fit(gaussian(10, 3, 0), gaussian(10, 3, 1)).score(gaussian(10, 4, 0), gaussian(10, 3, 1))


def test_settings_that_make_no_score():
    x, y = clouds()
    with pytest.raises(ParameterError, match="alignment is 'rotations'; did you mean 'rotation'"):
        PairEstimator("rotations").fit(x, y)
    with pytest.raises(ParameterError, match="field: cca gives mean, mean_square, count; choose one"):
        PairEstimator(measure=cca).fit(x, y)
    with pytest.raises(ParameterError, match="field is 'means'; did you mean 'mean'"):
        PairEstimator(measure=cca, field="means").fit(x, y)
    with pytest.raises(ParameterError, match=r"cca\.count is neither a distance nor a similarity"):
        PairEstimator(measure=cca, field="count").fit(x, y)
    for wrong in (stable_rank, barycentre, np.corrcoef):
        with pytest.raises(ParameterError, match="expected a measure of two clouds"):
            PairEstimator(measure=wrong).fit(x, y)


def test_without_alignment_features_must_correspond_to_be_compared():
    x, y = clouds()
    fitted = PairEstimator("none").fit(x, y)
    np.testing.assert_array_equal(fitted.transform(x), x)
    with pytest.raises(Refusal) as refused:
        fitted.score(x, y)
    assert refused.value.outcome is Outcome.DIFFERENT_WIDTHS
    assert PairEstimator("none").fit(x, x).score(x, x) == 1
    with pytest.raises(Refusal, match=r"^cka: All rows of a cloud are the same"):
        PairEstimator("none", measure=cka).fit(x, y).score(x, np.ones_like(y))


MEASURING = (
    MeasureEstimator(),
    MeasureEstimator(partial(mle, k=4)),
    MeasureEstimator(two_nn, field="ties"),
    MeasureEstimator(label_sharpness, field="sharpness"),
)


@pytest.mark.parametrize(
    ("estimator", "check"),
    [pair for estimator in MEASURING for pair in estimator_checks_generator(estimator)],
    ids=named,
)
def test_what_scikit_learn_asks_of_measures(estimator, check):
    check(estimator)


def test_measures_what_a_direct_call_does():
    x = gaussian(150, 6, 0)[:, :3] @ gaussian(3, 6, 1)
    direct = mle(x, k=12)
    fitted = MeasureEstimator(partial(mle, k=12)).fit(x)
    interval = direct.intervals["dimension"]
    assert fitted.value_ == fitted.dimension_ == float(direct.dimension)
    assert fitted.interval_ == (float(interval.low), float(interval.high))
    np.testing.assert_array_equal(fitted.result_.extra["pointwise"], direct.extra["pointwise"])
    assert MeasureEstimator().fit(x).dimension_ == float(two_nn(x).dimension)
    ties = MeasureEstimator(two_nn, field="ties").fit(x)
    assert (ties.value_, ties.interval_, hasattr(ties, "dimension_")) == (0.0, None, False)
    assert not hasattr(fitted.set_params(measure=two_nn, field="ties").fit(x), "dimension_")


def test_stands_between_the_steps_of_a_pipeline_and_changes_nothing():
    x, y = clouds()
    piped = make_pipeline(StandardScaler(), MeasureEstimator(gride), Ridge()).fit(x, y)
    scaled = StandardScaler().fit_transform(x)
    assert piped[1].dimension_ == float(gride(scaled).dimension)
    np.testing.assert_array_equal(piped.predict(x), make_pipeline(StandardScaler(), Ridge()).fit(x, y).predict(x))
    assert piped[:2].get_feature_names_out().tolist() == [f"x{place}" for place in range(6)]
    again = pickle.loads(pickle.dumps(piped[1]))
    assert again.dimension_ == piped[1].dimension_
    assert clone(piped[1]).measure is gride


def test_labels_go_to_measures_that_look_at_them():
    x = gaussian(60, 4, 0)
    labels = (x[:, 0] > 0).astype(float)
    fitted = MeasureEstimator(label_sharpness, field="sharpness").fit(x, labels)
    assert fitted.value_ == float(label_sharpness(x, labels).sharpness)
    words = np.where(labels, "up", "down").astype(object)
    assert MeasureEstimator(label_sharpness, field="sharpness").fit(x, words).value_ == fitted.value_
    reduced = MeasureEstimator(coding_rate, field="reduction").fit(x, labels)
    assert reduced.value_ == float(coding_rate(x, labels).reduction)
    assert MeasureEstimator(coding_rate, field="rate").fit(x).value_ == float(coding_rate(x).rate)
    assert MeasureEstimator(label_sharpness).__sklearn_tags__().target_tags.required
    assert not MeasureEstimator().__sklearn_tags__().target_tags.required
    with pytest.raises(ValueError, match="requires y to be passed"):
        MeasureEstimator(label_sharpness, field="sharpness").fit(x)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        MeasureEstimator(label_sharpness, field="sharpness").fit(x, labels[:-1])


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(Refusal) as refused:
        MeasureEstimator().fit(np.ones((20, 3)))
    assert refused.value.outcome is Outcome.TOO_FEW_POINTS
    with pytest.raises(Refusal):
        MeasureEstimator(coding_rate, field="reduction").fit(gaussian(20, 3, 0))
    x = gaussian(30, 3, 0)
    for wrong in (stable_rank, barycentre, cka, np.corrcoef):
        with pytest.raises(ParameterError, match="expected a measure of one cloud"):
            MeasureEstimator(wrong).fit(x)
    with pytest.raises(ParameterError, match="field is 'dimensions'; did you mean 'dimension'"):
        MeasureEstimator(field="dimensions").fit(x)
    with pytest.raises(ParameterError, match="field: coding_rate gives rate, class_rate, reduction; choose one"):
        MeasureEstimator(coding_rate).fit(x)
    with pytest.raises(NotFittedError):
        MeasureEstimator().transform(x)
