"""unit_matching: partners of single units, against assignments, regressions on the rows and planted blocks."""

import itertools
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import SpectralCoclustering
from sklearn.linear_model import Lasso
from sklearn.metrics import adjusted_rand_score

from theodolite.core import CrossMoments, Outcome, ParameterError
from theodolite.resample import with_null
from theodolite.similarity import unit_matching
from theodolite.testing import check_measure

METHODS = ["one_to_one", "semi", "one_to_many", "many_to_many"]


def gaussian(rows, features, seed):
    return np.random.default_rng(seed).standard_normal((rows, features))


def clouds(rows=60, first=7, second=5, seed=0):
    """Two clouds off the origin, with units of many sizes that have something in common."""
    x = gaussian(rows, first, seed)
    y = x @ gaussian(first, second, seed + 1) + gaussian(rows, second, seed + 2)
    return x * np.logspace(-2, 2, first) + 3.0, y - 1.0


def correlations(x, y):
    return np.corrcoef(x.T, y.T)[: x.shape[1], x.shape[1] :]


def standardised(rows):
    away = rows - rows.mean(axis=0)
    return away / np.sqrt((away**2).mean(axis=0))


def blocks(rows=400, sizes=((3, 4), (2, 5), (4, 2)), noise=0.7, seed=0):
    """Groups of units of both clouds that hang on one latent variable each, some negatively, in random order."""
    rng = np.random.default_rng(seed)
    group_x = np.repeat(np.arange(len(sizes)), [size[0] for size in sizes])
    group_y = np.repeat(np.arange(len(sizes)), [size[1] for size in sizes])
    group_x, group_y = rng.permutation(group_x), rng.permutation(group_y)
    latent = rng.standard_normal((rows, len(sizes)))
    drawn = []
    for group in (group_x, group_y):
        signs = rng.choice([-1.0, 1.0], len(group))
        drawn.append(latent[:, group] * signs + noise * rng.standard_normal((rows, len(group))))
    return (*drawn, group_x, group_y)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["R1", "R3", "R4", "svcca/MNIST_lay04(n=400 first)"])
def test_resi_counts_constant_units_as_uncorrelated(references, name):
    if name.startswith("R"):
        x, y = references.pair(name)
    else:
        x, y = (one[:400] for one in references.activations("MNIST_lay04"))
    live = [int(np.ptp(cloud, axis=0).astype(bool).sum()) for cloud in (x, y)]
    hard, soft = unit_matching(x, y), unit_matching(x, y, method="semi")
    share = min(live) / min(x.shape[1], y.shape[1])
    expected = references.values[f"{name}/resi/HardCorrelationMatch"]
    assert hard.correlation * share == pytest.approx(expected, rel=1e-12)
    shares = live[0] / x.shape[1], live[1] / y.shape[1]
    expected = references.values[f"{name}/resi/SoftCorrelationMatch"]
    assert (soft.of_x * shares[0] + soft.of_y * shares[1]) / 2 == pytest.approx(expected, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(widths=st.tuples(st.integers(1, 5), st.integers(1, 5)), seed=st.integers(0, 2**32 - 1))
def test_one_to_one_is_the_best_of_all_assignments(widths, seed):
    x, y = clouds(15, *widths, seed=seed)
    r = correlations(x, y) if widths[0] <= widths[1] else correlations(y, x)
    sums = [sum(r[j, k] for j, k in enumerate(order)) for order in itertools.permutations(range(r.shape[1]), len(r))]
    found = unit_matching(x, y)
    assert found.correlation == pytest.approx(max(sums) / len(r), abs=1e-12)
    assert found.of_x == pytest.approx(found.of_y, abs=1e-15)
    assert np.isfinite(found.extra["correlation_of_x"]).sum() == min(widths)


def test_one_to_one_names_the_partners():
    x, y = clouds(200, 6, 8)
    y[:, [5, 2, 0]] = x[:, [1, 3, 4]] * [2.0, 0.01, 30.0] + 7
    matches = unit_matching(x, y).extra
    assert matches["match_of_x"][[1, 3, 4]].tolist() == [5, 2, 0]
    assert matches["match_of_y"][[5, 2, 0]].tolist() == [1, 3, 4]
    assert (matches["match_of_y"] == -1).sum() == 2


def test_semi_takes_the_best_of_each_row_and_column():
    x, y = clouds()
    r = correlations(x, y)
    found = unit_matching(x, y, method="semi")
    assert found.of_x == pytest.approx(r.max(axis=1).mean(), rel=1e-12)
    assert found.of_y == pytest.approx(r.max(axis=0).mean(), rel=1e-12)
    assert found.correlation == pytest.approx((found.of_x + found.of_y) / 2, rel=1e-14)
    assert found.extra["match_of_x"].tolist() == r.argmax(axis=1).tolist()
    assert found.correlation > unit_matching(x, y).correlation


def test_signs_count():
    x = gaussian(100, 4, 1)
    assert unit_matching(x, -x).correlation < 0.3
    assert unit_matching(x, -x, method="semi").correlation < 0.3
    assert unit_matching(x, -x, method="one_to_many").correlation == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("shape", [(60, 7, 5), (12, 20, 9)])
@pytest.mark.parametrize("penalty", [0.3, 0.05])
def test_one_to_many_is_the_lasso_on_the_rows(shape, penalty):
    x, y = clouds(*shape)
    found = unit_matching(x, y, method="one_to_many", penalty=penalty)
    for name, predictors, units in (("y", standardised(x), standardised(y)), ("x", standardised(y), standardised(x))):
        for place, step in itertools.product(range(units.shape[1]), (8, 16, 24)):
            lasso = Lasso(found.extra["penalties"][step], fit_intercept=False, tol=1e-12, max_iter=100_000)
            lasso.fit(predictors, units[:, place])
            r2 = lasso.score(predictors, units[:, place])
            assert found.extra[f"r2_of_{name}"][place, step] == pytest.approx(r2, abs=1e-6)
            assert found.extra[f"partners_of_{name}"][place, step] == np.count_nonzero(lasso.coef_)
        predicted = lasso.predict(predictors)
        expected = np.corrcoef(predicted, units[:, -1])[0, 1] if predicted.any() else 0.0
        assert found.extra[f"correlation_of_{name}"][-1] == pytest.approx(expected, abs=1e-6)
    assert found.extra["penalties"][-1] == pytest.approx(penalty)


def test_one_to_many_finds_the_few_units_that_make_up_another():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((500, 30))
    mixed = [[3, 17], [8, 20, 21], [5]]
    y = np.stack([x[:, few].sum(axis=1) for few in mixed], axis=1) + 0.1 * rng.standard_normal((500, 3))
    found = unit_matching(x, y, method="one_to_many", penalty=0.2)
    assert found.extra["partners_of_y"][:, -1].tolist() == [2, 3, 1]
    assert found.of_y > 0.98
    assert unit_matching(x, y).of_y < 0.8
    # Two dozen units of x are in no unit of y.
    assert np.count_nonzero(found.extra["partners_of_x"][:, -1]) == 6
    assert found.extra["r2_of_y"][:, 0].tolist() == [0, 0, 0]
    assert np.all(np.diff(found.extra["r2_of_y"], axis=1) > -1e-9)


def test_many_to_many_recovers_planted_blocks():
    for seed in range(5):
        x, y, group_x, group_y = blocks(seed=seed)
        found = unit_matching(x, y, method="many_to_many", clusters=3)
        labels = np.concatenate([found.extra["cluster_of_x"], found.extra["cluster_of_y"]])
        planted = np.concatenate([group_x, group_y])
        assert adjusted_rand_score(planted, labels) == 1
        r = np.abs(correlations(x, y))
        together = group_x[:, None] == group_y[None, :]
        of_x = [r[j, together[j]].mean() for j in range(len(group_x))]
        of_y = [r[together[:, k], k].mean() for k in range(len(group_y))]
        assert found.of_x == pytest.approx(np.mean(of_x), rel=1e-10)
        assert found.of_y == pytest.approx(np.mean(of_y), rel=1e-10)
        assert found.partners == pytest.approx((together.sum(1).mean() + together.sum(0).mean()) / 2)


def test_many_to_many_agrees_with_scikit_learn_where_blocks_are_clear():
    x, y, *_ = blocks(noise=0.4, seed=7)
    found = unit_matching(x, y, method="many_to_many", clusters=3).extra
    theirs = SpectralCoclustering(3, random_state=0).fit(np.abs(correlations(x, y)))
    ours = np.concatenate([found["cluster_of_x"], found["cluster_of_y"]])
    assert adjusted_rand_score(np.concatenate([theirs.row_labels_, theirs.column_labels_]), ours) == 1


def test_many_to_many_of_blocks_that_share_nothing_at_all():
    # Orthogonal latents and no noise: the graph falls into parts, all with the leading singular value.
    latent = np.linalg.qr(gaussian(60, 5, 3) - gaussian(60, 5, 3).mean(axis=0))[0]
    group_x, group_y = np.repeat(np.arange(5), 2), np.arange(15) % 5
    found = unit_matching(latent[:, group_x], -latent[:, group_y], method="many_to_many", clusters=5)
    assert found.correlation == pytest.approx(1, abs=1e-12)
    assert found.partners == pytest.approx(2.5)
    assert adjusted_rand_score(found.extra["cluster_of_y"], group_y) == 1


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_permuted_units_and_not_unrelated_ones(method):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((200, 10))
    y = x[:, rng.permutation(10)] + 0.4 * rng.standard_normal((200, 10))
    found = with_null(unit_matching, draws=19)(x, y, method=method, clusters=10, rng=0)
    assert found.correlation > 0.85
    assert found.chances["correlation"].median < 0.35
    assert found.chances["correlation"].p_value == 0.1


@pytest.mark.parametrize("method", METHODS)
def test_keeps_its_promises_by_any_method(method):
    if method in {"one_to_one", "semi"}:
        check_measure(partial(unit_matching, method=method), backends=["numpy"])
        return
    x, y = clouds(80, 9, 8)
    measure = partial(unit_matching, method=method, clusters=3)
    rng = np.random.default_rng(5)
    found = measure(x, y)
    order = rng.permutation(80)
    for moved in (
        (3.7 * x, 0.01 * y),
        (x + 100, y - 50),
        (x[order], y[order]),
        (np.ascontiguousarray(x.astype(np.float32)), np.ascontiguousarray(y.astype(np.float32))),
    ):
        assert measure(*moved).correlation == pytest.approx(found.correlation, rel=1e-4)
    exchanged = measure(y, x)
    assert (exchanged.of_x, exchanged.of_y) == (pytest.approx(found.of_y), pytest.approx(found.of_x))
    turned = measure(x @ np.linalg.qr(rng.standard_normal((9, 9)))[0], y)
    assert abs(turned.correlation - found.correlation) > 0.01


def test_the_root_of_one_less_the_correlation_is_a_metric():
    broken = 0
    for seed in range(60):
        triple = [gaussian(6, 4, 3 * seed + place) for place in range(3)]
        triple[1] = (standardised(triple[0]) + standardised(triple[2])) / 2 + 0.1 * triple[1]
        gaps = [1 - unit_matching(triple[i], triple[j]).correlation for i, j in ((0, 1), (1, 2), (0, 2))]
        sides = np.sqrt(gaps)
        assert max(sides) <= sum(sides) - max(sides) + 1e-12
        broken += max(gaps) > 1.001 * (sum(gaps) - max(gaps))
    assert broken > 5


@pytest.mark.parametrize("method", METHODS)
def test_streaming_is_dense_however_the_rows_are_split(method):
    x, y = clouds(150, 8, 6)
    measure = partial(unit_matching, method=method, clusters=3)
    dense = measure(x, y)
    for seed in range(3):
        cuts = np.sort(np.random.default_rng(seed).choice(np.arange(1, 150), size=5, replace=False))
        stream = CrossMoments()
        for rows in np.split(np.arange(150), cuts):
            stream.update({"x": x[rows], "y": y[rows]})
        found = measure(stream)
        # The lasso's steps end at a tolerance, which rounding moves.
        rel = 1e-6 if method == "one_to_many" else 1e-12
        assert found.correlation == pytest.approx(dense.correlation, rel=rel)
        assert found.partners == dense.partners


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("streamed", [False, True])
def test_constant_units_are_left_out_and_counted(method, streamed):
    x, y = clouds(50, 6, 7)
    measure = partial(unit_matching, method=method, clusters=3)
    expected = measure(x, y)
    dead_x, dead_y = np.insert(x, 2, 0.1, axis=1), np.insert(y, [0, 4], [0.3, -1e5], axis=1)
    given = (dead_x, dead_y)
    if streamed:
        stream = CrossMoments()
        for rows in (slice(0, 20), slice(20, None)):
            stream.update({"x": dead_x[rows], "y": dead_y[rows]})
        given = (stream,)
    found = measure(*given)
    assert found.correlation == pytest.approx(expected.correlation, rel=1e-6)
    (note,) = found.notes
    assert (note.outcome, note.field) == (Outcome.CONSTANT_UNITS, "correlation")
    assert note.detail == "1 of 7 of x, 2 of 9 of y"
    assert np.flatnonzero(np.isnan(found.extra["correlation_of_y"])).tolist()[:2] == [0, 5] or method == "one_to_one"
    assert np.isnan(found.extra["correlation_of_x"][2])
    if method in {"one_to_one", "semi"}:
        kept = [0, 1, 3, 4, 5, 6]
        theirs = np.delete(np.arange(9), [0, 5])
        renumbered = np.where(expected.extra["match_of_x"] >= 0, theirs[expected.extra["match_of_x"]], -1)
        assert found.extra["match_of_x"][kept].tolist() == renumbered.tolist()


def test_a_unit_that_varies_by_rounding_alone_counts_as_constant():
    x, y = clouds(50, 6, 7)
    level = np.full((50, 1), 1e5)
    level[::3] = np.nextafter(1e5, np.inf)
    found = unit_matching(np.concatenate([x, level], axis=1), y)
    assert [note.detail for note in found.notes] == ["1 of 7 of x, 0 of 7 of y"]
    assert not unit_matching(np.concatenate([x, level + 1e-6 * x[:, :1]], axis=1), y).notes


@pytest.mark.parametrize("method", ["one_to_one", "semi", "one_to_many", "many_to_many"])
def test_two_rows_correlate_whatever_they_are(refusal, method):
    x, y = gaussian(2, 3, 6), gaussian(2, 4, 7)
    assert np.abs(correlations(x, y)) == pytest.approx(np.ones((3, 4)))
    assert refusal(unit_matching, x, y, method=method) is Outcome.FEWER_ROWS_THAN_NEEDED


def test_a_cloud_without_varying_units_is_refused(refusal):
    assert refusal(unit_matching, np.full((20, 3), 0.1), gaussian(20, 3, 6)) is Outcome.CONSTANT_CLOUD
    assert refusal(unit_matching, gaussian(20, 3, 6), np.zeros((20, 3))) is Outcome.CONSTANT_CLOUD


def test_more_clusters_than_units():
    with pytest.raises(ParameterError, match=r"^unit_matching: clusters is 6; the clouds have 7 and 5 varying units"):
        unit_matching(*clouds(), method="many_to_many", clusters=6)


@pytest.mark.parametrize("wrong", [{"method": "greedy"}, {"penalty": 0.0}, {"penalty": 1.0}, {"clusters": 1}])
def test_wrong_parameters(wrong):
    with pytest.raises(ValueError, match=f"^unit_matching: .*{next(iter(wrong))}"):
        unit_matching(*clouds(), **wrong)


def test_coinciding_units_leave_clusters_empty():
    x = np.repeat(gaussian(40, 2, 8), 4, axis=1)
    found = unit_matching(x, x.copy(), method="many_to_many", clusters=4)
    assert np.isfinite(found.correlation)
    assert found.correlation > 0.9


def test_is_seeded():
    x, y = gaussian(40, 12, 9), gaussian(40, 12, 10)
    first = unit_matching(x, y, method="many_to_many", clusters=5, seed=3)
    again = unit_matching(x, y, method="many_to_many", clusters=5, seed=3)
    np.testing.assert_array_equal(first.extra["cluster_of_x"], again.extra["cluster_of_x"])
