"""ridge_predictivity: held-out prediction of one cloud from another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import CrossMoments, Outcome, Pair, ParameterError, Refusal
from theodolite.numerics.row_hash import row_hashes
from theodolite.similarity import ridge_predictivity

FIELDS = ("r2", "mean_r2", "median_r2", "mean_correlation")


def gaussian(rows, features, seed):
    return np.random.default_rng(seed).standard_normal((rows, features))


def clouds(rows=120, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, 8)) * np.linspace(0.5, 3.0, 8) + 2.0
    return x, x @ rng.standard_normal((8, 5)) + rng.standard_normal((rows, 5)) * [1, 2, 4, 8, 16] - 7.0


def solved(x, y, penalty):
    """Ridge regression by least squares on rows with the penalty appended; the way of the textbook, not of moments."""
    centred, targets = x - x.mean(axis=0), y - y.mean(axis=0)
    below = np.sqrt(penalty) * np.eye(x.shape[1])
    slopes = np.linalg.lstsq(np.vstack([centred, below]), np.vstack([targets, np.zeros((len(below), y.shape[1]))]))[0]
    return lambda rows: (rows - x.mean(axis=0)) @ slopes + y.mean(axis=0)


def scored(y, predicted):
    """The four fields by definition, from predictions of all rows."""
    missed, spread = ((y - predicted) ** 2).sum(axis=0), ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    units = 1 - missed / spread
    followed = [np.corrcoef(y[:, j], predicted[:, j])[0, 1] for j in range(y.shape[1])]
    return [1 - missed.sum() / spread.sum(), units.mean(), np.median(units), np.mean(followed)]


def read(found):
    return [float(getattr(found, field)) for field in FIELDS]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["R1", "R3", "R4"])
@pytest.mark.parametrize("penalty", [1.0, 100.0])
def test_scikit_learn_on_its_own_folds(references, name, penalty):
    key = f"{name}/sklearn/ridge_R2(X->Y,alpha={penalty},KFold(5,shuffle,rs=0),pooled over units)"
    found = ridge_predictivity(*references.pair(name), penalty=penalty, seed=0)
    assert found.r2 == pytest.approx(references.values[key], rel=1e-12)
    assert found.penalty == penalty


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "svcca/MNIST_lay04(n=400 first)"])
def test_linear_regression_of_resi_is_the_other_direction_in_sample(references, data):
    x, y = references.pair(data) if data == "R1" else (a[:400] for a in references.activations("MNIST_lay04"))
    found = ridge_predictivity(y, x, penalty=0.0, evaluation="in_sample")
    assert found.r2 == pytest.approx(references.values[f"{data}/resi/LinearRegression"], rel=1e-11)


@pytest.mark.shared
def test_dead_units_are_no_obstacle(references):
    # Where resi inverts a singular matrix: the share of y's variance in the space of x, by SVD.
    x, y = (one - one.mean(axis=0) for one in references.pair("R4"))
    left, sizes, _ = np.linalg.svd(x, full_matrices=False)
    inside = left[:, sizes > 1e-10 * sizes[0]].T @ y
    found = ridge_predictivity(x, y, penalty=0.0, evaluation="in_sample")
    assert found.r2 == pytest.approx(np.sum(inside**2) / np.sum(y**2), rel=1e-12)
    varying = np.flatnonzero(y.any(axis=0))
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(found.extra["unit_r2"])), varying)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(12, 40),
    widths=st.tuples(st.integers(1, 60), st.integers(1, 6)),
    folds=st.integers(2, 7),
    penalty=st.floats(1e-3, 1e3),
    seed=st.integers(0, 2**32 - 1),
)
def test_agrees_with_regressions_on_the_rows(rows, widths, folds, penalty, seed):
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal((rows, width)) + 3.0 for width in widths)
    y[:, 0] += x[:, 0]
    order = np.arange(rows)
    np.random.RandomState(5).shuffle(order)
    predicted = np.empty_like(y)
    for held_out in np.array_split(order, folds):
        rest = np.setdiff1d(order, held_out)
        predicted[held_out] = solved(x[rest], y[rest], penalty)(x[held_out])
    found = ridge_predictivity(x, y, penalty=penalty, folds=folds, seed=5)
    np.testing.assert_allclose(read(found), scored(y, predicted), rtol=1e-7, atol=1e-8)


def test_scikit_learn_chooses_by_folds_within_the_training_set():
    model = pytest.importorskip("sklearn.linear_model", reason="needs the extra [sklearn]")
    from sklearn.model_selection import KFold

    x, y = clouds()
    folds = [held_out for _, held_out in KFold(4, shuffle=True, random_state=3).split(x)]
    found = ridge_predictivity(x, y, selection="folds", folds=4, seed=3)
    predicted = np.empty_like(y)
    for i, held_out in enumerate(folds):
        others = folds[:i] + folds[i + 1 :]
        rest = np.concatenate(others)
        centred = x[rest] - x[rest].mean(axis=0)
        grid = np.sum(centred**2) / 8 * 10.0 ** np.linspace(-6, 4, 41)
        errors = []
        for alpha in grid:
            missed = 0.0
            for j, inner in enumerate(others):
                fitted = np.concatenate(others[:j] + others[j + 1 :])
                ridge = model.Ridge(alpha=alpha).fit(x[fitted], y[fitted])
                missed += np.sum((y[inner] - ridge.predict(x[inner])) ** 2)
            errors.append(missed)
        best = grid[int(np.argmin(errors))]
        assert found.extra["penalties"][i] == pytest.approx(best, rel=1e-12)
        predicted[held_out] = model.Ridge(alpha=best).fit(x[rest], y[rest]).predict(x[held_out])
    np.testing.assert_allclose(read(found), scored(y, predicted), rtol=1e-9)
    assert 0.05 < found.r2 < 0.95


@pytest.mark.parametrize("features", [8, 150])
def test_generalised_cross_validation_by_the_hat_matrix(features):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((60, features))
    y = x[:, :3] + 2.0 * rng.standard_normal((60, 3))
    centred, targets = x - x.mean(axis=0), y - y.mean(axis=0)
    grid = np.sum(centred**2) / min(features, 59) * 10.0 ** np.linspace(-6, 4, 41)
    criterion = []
    for alpha in grid:
        hat = centred @ np.linalg.solve(centred.T @ centred + alpha * np.eye(features), centred.T) + 1 / 60
        missed = np.sum((targets - hat @ targets) ** 2)
        criterion.append(60 * missed / (60 - np.trace(hat)) ** 2)
    best = grid[int(np.argmin(criterion))]
    found = ridge_predictivity(x, y, evaluation="in_sample")
    assert found.penalty == pytest.approx(best, rel=1e-9)
    np.testing.assert_allclose(read(found), scored(y, solved(x, y, best)(x)), rtol=1e-7)


def test_choosing_helps_where_there_are_more_features_than_rows():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((60, 100))
    y = x @ rng.standard_normal((100, 4)) + 10.0 * rng.standard_normal((60, 4))
    chosen = ridge_predictivity(x, y).r2
    assert chosen > ridge_predictivity(x, y, penalty=0.0).r2 + 0.05
    assert ridge_predictivity(x, y, selection="folds").r2 == pytest.approx(chosen, abs=0.1)


def test_says_nothing_of_rows_that_were_not_seen():
    x, y = gaussian(60, 20, 3), gaussian(60, 4, 4)
    assert ridge_predictivity(x, y, penalty=0.0, evaluation="in_sample").r2 > 0.2
    assert ridge_predictivity(x, y, penalty=0.0).r2 < 0.0
    assert ridge_predictivity(x, y).r2 < 0.05


def test_predicts_y_from_x_and_not_the_other_way():
    x = gaussian(200, 10, 5)
    y = x[:, :2]
    assert ridge_predictivity(x, y).r2 > 0.999
    assert ridge_predictivity(y, x).r2 < 0.3


def test_each_unit_has_its_own_number():
    x, y = clouds()
    found = ridge_predictivity(x, y, penalty=3.0)
    for j in range(5):
        alone = ridge_predictivity(x, y[:, [j]], penalty=3.0)
        assert found.extra["unit_r2"][j] == pytest.approx(alone.r2, rel=1e-10)
        assert found.extra["unit_correlation"][j] == pytest.approx(alone.mean_correlation, rel=1e-10)
    assert found.mean_r2 == pytest.approx(found.extra["unit_r2"].mean())
    assert found.median_r2 == pytest.approx(np.median(found.extra["unit_r2"]))


def recorded(x, y, *, folds, groups=None, batches=4):
    stream = CrossMoments(folds=folds)
    for rows in np.array_split(np.arange(len(x)), batches):
        stream.update({"x": x[rows], "y": y[rows]}, groups=None if groups is None else groups[rows])
    return stream


@pytest.mark.parametrize("choice", [{"penalty": 7.0}, {}, {"selection": "folds"}], ids=["fixed", "gcv", "folds"])
@pytest.mark.parametrize("grouped", [False, True])
def test_recorded_folds_give_what_their_rows_give(choice, grouped):
    x, y = clouds(150, seed=6)
    groups = np.repeat(np.arange(30), 5) if grouped else None
    stream = recorded(x, y, folds=5, groups=groups)
    places = row_hashes(np.arange(150) if groups is None else groups, 0) % np.uint64(5)
    found = ridge_predictivity(stream, **choice)
    predicted = np.empty_like(y)
    assert len(found.extra["penalties"]) == 5
    for fold, penalty in enumerate(found.extra["penalties"]):
        held_out = places == fold
        predicted[held_out] = solved(x[~held_out], y[~held_out], penalty)(x[held_out])
    np.testing.assert_allclose(read(found), scored(y, predicted), rtol=1e-10)
    again = ridge_predictivity(recorded(x, y, folds=5, groups=groups, batches=11), **choice)
    np.testing.assert_allclose(read(again), read(found), rtol=1e-12)


def test_moments_know_the_rows_that_were_fitted():
    x, y = clouds()
    for choice in ({"penalty": 0.0}, {"penalty": 5.0}, {}):
        found = ridge_predictivity(recorded(x, y, folds=1), evaluation="in_sample", **choice)
        np.testing.assert_allclose(
            read(found), read(ridge_predictivity(x, y, evaluation="in_sample", **choice)), rtol=1e-11
        )


def test_refusals():
    x, y = clouds()
    cases = [
        (Outcome.NEEDS_FOLDS, (recorded(x, y, folds=1),), {}),
        (Outcome.NEEDS_FOLDS, (recorded(x, y, folds=1),), {"evaluation": "in_sample", "selection": "folds"}),
        (Outcome.TOO_FEW_ROWS, (x[:4], y[:4]), {}),
        (Outcome.TOO_FEW_ROWS, (gaussian(20, 19, 7), y[:20]), {"penalty": 0.0, "evaluation": "in_sample"}),
        (Outcome.TOO_FEW_ROWS, (gaussian(20, 50, 7), y[:20]), {"penalty": 0.0, "evaluation": "in_sample"}),
        (Outcome.CONSTANT_CLOUD, (np.full_like(x, 0.1), y), {}),
        (Outcome.CONSTANT_CLOUD, (x, np.full_like(y, 0.1)), {}),
    ]
    for outcome, arguments, keywords in cases:
        with pytest.raises(Refusal, match=r"^ridge_predictivity: ") as refused:
            ridge_predictivity(*arguments, **keywords)
        assert refused.value.outcome is outcome
    with pytest.raises(ParameterError, match="at least 3 folds"):
        ridge_predictivity(x, y, selection="folds", folds=2)
    with pytest.raises(ParameterError, match="penalty"):
        ridge_predictivity(x, y, penalty=-1.0)


def test_units_that_do_not_vary_are_left_out_of_the_means():
    x, y = clouds()
    dead = np.column_stack([y, np.full(len(y), 0.1)])
    found, expected = (ridge_predictivity(x, targets, penalty=2.0) for targets in (dead, y))
    np.testing.assert_allclose(read(found), read(expected), rtol=1e-12)
    assert np.isnan(found.extra["unit_r2"][-1])


def test_the_moments_of_the_pair_are_not_needed_where_features_outnumber_rows():
    pair = Pair(gaussian(30, 2000, 8), gaussian(30, 3, 9))
    assert np.isfinite(ridge_predictivity(pair).r2)
    assert "moments" not in pair._derived
