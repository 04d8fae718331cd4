"""exact_inductive_bias: against simulation of the functions, closed forms, and its definition."""

import numpy as np
import pytest
from scipy.stats import chi2

from theodolite.core import Missing, Outcome, Refusal
from theodolite.dimension import exact_inductive_bias as measured


def exact_inductive_bias(x, test, y, judged, **fixed):
    return measured(x, test, np.concatenate([y, judged]), **fixed)


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(1)
    x, test = rng.standard_normal((25, 3)), rng.standard_normal((4, 3))
    return x, test, np.sin(2 * x[:, 0]), np.sin(2 * test[:, 0])


def plainly(x, test, y, *, length, kernel):
    """Mean and covariance of the functions by dense inverses."""
    both = np.concatenate([x, test])
    gaps = np.linalg.norm(both[:, None] - both[None], axis=2)
    ell = length * np.median(gaps[: len(x), : len(x)][np.triu_indices(len(x), 1)])
    k = np.exp(-gaps / ell) if kernel == "laplace" else np.exp(-(gaps**2) / 2 / ell**2)
    inverse = np.linalg.inv(k[: len(x), : len(x)] + 1e-6 * np.eye(len(x)))
    across = k[len(x) :, : len(x)]
    size = y @ inverse @ y / len(y)
    return across @ inverse @ y, size * (k[len(x) :, len(x) :] - across @ inverse @ across.T)


@pytest.mark.parametrize("kernel", ["laplace", "gaussian"])
@pytest.mark.parametrize("error", [0.05, 0.3, 1.0])
def test_against_drawn_functions(task, kernel, error):
    x, test, y, judged = task
    fixed = {"kernel": kernel, "length": 0.5}
    mean, covariance = plainly(x, test, y, **fixed)
    draws = np.random.default_rng(2).multivariate_normal(mean, covariance, size=400_000, method="eigh")
    errors = ((draws - judged) ** 2).mean(axis=1) / np.mean(judged**2)
    found = exact_inductive_bias(x, test, y, judged, error=error, **fixed)
    chance = 2.0 ** -float(found.bits)
    assert chance > 1e-4
    assert abs(np.mean(errors <= error) - chance) < 4 * np.sqrt(chance / 400_000)
    assert float(found.mean_error) == pytest.approx(errors.mean(), rel=0.01)
    assert float(found.best_error) == pytest.approx(np.mean((mean - judged) ** 2) / np.mean(judged**2), rel=1e-6)


def test_far_from_the_training_rows_it_is_a_chi_square():
    # There the functions know nothing: independent Gaussian values of the prior's variance about zero.
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((10, 2)), rng.standard_normal(10)
    test = 1e3 * np.stack([np.arange(1.0, 7.0), np.zeros(6)], axis=1)
    judged = np.full(6, 1e-9)
    size = y @ np.linalg.solve(plain_kernel(x), y) / 10
    for error in (1e12, 1e16, 1e18):
        found = exact_inductive_bias(x, test, y, judged, error=error)
        expected = -chi2.logcdf(6 * error * 1e-18 / size, 6) / np.log(2)
        assert float(found.bits) == pytest.approx(expected, rel=1e-5)


def plain_kernel(x):
    gaps = np.linalg.norm(x[:, None] - x[None], axis=2)
    return np.exp(-gaps / np.median(gaps[np.triu_indices(len(x), 1)])) + 1e-6 * np.eye(len(x))


def test_the_lower_the_error_the_more_bits(task):
    bits = [float(exact_inductive_bias(*task, error=error).bits) for error in 10.0 ** np.arange(-8, 3)]
    assert np.all(np.diff(bits) < 0)
    assert bits[0] > 20
    assert bits[-1] < 1e-6
    # Each digit of the error takes the same number of bits from each of four test rows, once it is small.
    np.testing.assert_allclose(np.diff(bits)[:2], -4 / 2 * np.log2(10), rtol=1e-3)


def test_more_training_rows_take_fewer_bits():
    rng = np.random.default_rng(4)
    x, test = rng.random((200, 2)), rng.random((10, 2))
    of = lambda rows: np.sin(3 * rows[:, 0]) * np.cos(2 * rows[:, 1])  # noqa: E731
    bits = [float(exact_inductive_bias(x[:n], test, of(x[:n]), of(test), error=0.02).bits) for n in (10, 30, 100, 200)]
    assert bits == sorted(bits, reverse=True)
    assert bits[0] > 5 * bits[-1]


def test_two_outputs_that_agree_are_met_twice(task):
    x, test, y, judged = task
    one = exact_inductive_bias(x, test, y, judged)
    both = exact_inductive_bias(x, test, np.stack([y, y], axis=1), np.stack([judged, judged], axis=1))
    assert float(both.best_error) == pytest.approx(float(one.best_error), rel=1e-12)
    assert float(both.mean_error) == pytest.approx(float(one.mean_error), rel=1e-12)
    assert float(both.bits) > 1.3 * float(one.bits)


def test_the_size_of_targets_does_not_matter(task):
    x, test, y, judged = task
    one, other = (exact_inductive_bias(x, test, f * y, f * judged) for f in (1.0, -3e4))
    assert float(other.bits) == pytest.approx(float(one.bits), rel=1e-9)


def test_a_column_of_a_table_will_do(task):
    pandas = pytest.importorskip("pandas")
    x, test, y, judged = task
    targets = np.concatenate([y, judged])
    assert measured(x, test, pandas.Series(targets)).bits == measured(x, test, targets).bits
    assert measured(x, test, list(targets)).bits == measured(x, test, targets).bits
    with pytest.raises(TypeError, match="targets: expected real numbers"):
        measured(x, test, pandas.Series(["a"] * 29))


def test_where_no_function_is_good_enough(task):
    x, test, y, judged = task
    # Of no size at all, the functions are zero: they don't vary, and miss the test targets.
    found = exact_inductive_bias(x, test, 0 * y, judged)
    assert isinstance(found.bits, Missing)
    assert found.bits.outcome is Outcome.NO_HYPOTHESIS
    assert float(found.best_error) == 1.0
    assert float(exact_inductive_bias(x, test, 0 * y, judged, error=1.5).bits) == 0.0


def test_refusals_and_bad_input(task):
    x, test, y, judged = task
    with pytest.raises(Refusal) as refused:
        exact_inductive_bias(x, test, y, 0 * judged)
    assert refused.value.outcome is Outcome.ONE_CLASS
    with pytest.raises(Refusal) as refused:
        exact_inductive_bias(np.ones((9, 3)), test, y[:9], judged)
    assert refused.value.outcome is Outcome.COINCIDENT_ROWS
    with pytest.raises(ValueError, match="test: expected 3 features"):
        exact_inductive_bias(x, test[:, :2], y, judged)
    with pytest.raises(ValueError, match="targets: expected one or more for each of 29 rows"):
        exact_inductive_bias(x, test, y[:9], judged)
