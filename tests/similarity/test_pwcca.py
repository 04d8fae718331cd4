"""pwcca: canonical correlations weighted by what they account for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theodolite.core import CrossMoments, Outcome, Refusal
from theodolite.similarity import cca, pwcca


def gaussian(rows, features, seed):
    return np.random.default_rng(seed).standard_normal((rows, features))


def by_rows(own, other):
    """The paper's formula with the weights of the first cloud, from its canonical variates by QR of the rows."""
    own, other = own - own.mean(axis=0), other - other.mean(axis=0)
    bases = [np.linalg.qr(one)[0] for one in (own, other)]
    left, correlations, _ = np.linalg.svd(bases[0].T @ bases[1], full_matrices=False)
    weights = np.abs((bases[0] @ left).T @ own).sum(axis=1)
    return (weights * correlations).sum() / weights.sum()


@pytest.mark.shared
@pytest.mark.parametrize("name", ["R1", "R4"])
@pytest.mark.parametrize("side", ["x", "y"])
def test_the_formula_of_the_paper(references, name, side):
    expected = references.values[f"{name}/formula/pwcca_paper(weights from {side.upper()})"]
    assert pwcca(*references.pair(name), weights=side).value == pytest.approx(expected, rel=1e-12)


@settings(max_examples=50, deadline=None)
@given(widths=st.tuples(st.integers(1, 8), st.integers(1, 8)), seed=st.integers(0, 2**32 - 1))
def test_agrees_with_variates_of_the_rows(widths, seed):
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal((40, width)) * np.arange(1, width + 1) + 3.0 for width in widths)
    y[:, 0] += x[:, 0]
    assert pwcca(x, y, weights="x").value == pytest.approx(by_rows(x, y), rel=1e-10)
    assert pwcca(x, y, weights="y").value == pytest.approx(by_rows(y, x), rel=1e-10)


def test_the_narrower_cloud_weighs_unless_told_otherwise():
    narrow, wide = gaussian(60, 4, 0), gaussian(60, 7, 1) + gaussian(60, 7, 0)
    assert pwcca(narrow, wide).value == pwcca(narrow, wide, weights="x").value
    assert pwcca(wide, narrow).value == pwcca(wide, narrow, weights="y").value
    assert pwcca(narrow, wide).value != pytest.approx(pwcca(narrow, wide, weights="y").value, rel=1e-3)
    # By rank, not by how many units there are.
    padded = np.column_stack([narrow, narrow, narrow])
    assert pwcca(padded, wide).value == pwcca(padded, wide, weights="x").value


@pytest.mark.shared
@pytest.mark.parametrize("order", ["(X,Y)", "(Y,X)"])
@pytest.mark.parametrize("name", ["R1", "svcca/MNIST_lay04(n=400 first)"])
def test_the_convention_of_google_svcca(references, name, order):
    pair = references.pair(name) if name == "R1" else [x[:400] for x in references.activations("MNIST_lay04")]
    pair = pair if order == "(X,Y)" else pair[::-1]
    expected = references.values[f"{name}/svcca/pwcca_google{order}"]
    assert pwcca(*pair, convention="svcca").value == pytest.approx(expected, rel=1e-7)


def test_the_convention_of_google_svcca_depends_on_what_it_should_not():
    x, y = gaussian(100, 5, 2), gaussian(100, 6, 3) + gaussian(100, 6, 2)
    theirs = pwcca(x, y, convention="svcca").value
    assert pwcca(x + 10.0, y, convention="svcca").value != pytest.approx(theirs, rel=1e-2)
    ours = pwcca(x, y, weights="x").value
    assert pwcca(x + 10.0, y @ gaussian(6, 6, 4), weights="x").value == pytest.approx(ours, rel=1e-9)


def test_the_convention_of_google_svcca_fails_where_the_package_does():
    x, y = gaussian(100, 5, 5), gaussian(100, 3, 6)
    with pytest.raises(ValueError, match="pass the clouds the other way round"):
        pwcca(x, y, convention="svcca")
    with pytest.raises(ValueError, match="pass the clouds the other way round"):
        pwcca(y, x, convention="svcca", weights="y")
    with pytest.raises(ValueError, match="full rank"):
        pwcca(np.column_stack([y, y]), gaussian(100, 8, 7), convention="svcca")


def test_weighs_by_the_size_of_what_agrees():
    x, y = gaussian(300, 4, 8), gaussian(300, 4, 9)
    y[:, :2] = x[:, :2]
    plain = cca(x, y).mean
    assert pwcca(x * [9, 9, 1, 1], y, weights="x").value > plain + 0.1
    assert pwcca(x * [1, 1, 9, 9], y, weights="x").value < plain - 0.1


def test_equal_weights_give_the_mean():
    x = np.linalg.qr(gaussian(50, 1, 10) - gaussian(50, 1, 10).mean())[0]
    assert pwcca(x, gaussian(50, 1, 11)).value == pytest.approx(cca(x, gaussian(50, 1, 11)).mean, rel=1e-12)


def test_streaming_is_dense_however_the_rows_are_split():
    x, y = gaussian(200, 9, 12) + 2.0, gaussian(200, 7, 13) + gaussian(200, 7, 12)
    rng = np.random.default_rng(14)
    for _ in range(4):
        stream = CrossMoments()
        for rows in np.split(np.arange(200), np.sort(rng.choice(np.arange(1, 200), size=5, replace=False))):
            stream.update({"x": x[rows], "y": y[rows]})
        assert pwcca(stream).value == pytest.approx(pwcca(x, y).value, rel=1e-12)
        theirs = pwcca(y, x, convention="svcca").value
        assert pwcca(stream.pair("y", "x"), convention="svcca").value == pytest.approx(theirs, rel=1e-12)


def test_refuses_and_notes_what_cca_does():
    with pytest.raises(Refusal) as refused:
        pwcca(gaussian(20, 25, 15), gaussian(20, 3, 16))
    assert refused.value.outcome is Outcome.TOO_FEW_ROWS
    with pytest.raises(Refusal) as refused:
        pwcca(np.full((20, 3), 0.1), gaussian(20, 3, 16))
    assert refused.value.outcome is Outcome.CONSTANT_CLOUD
    found = pwcca(gaussian(20, 12, 17), gaussian(20, 10, 18))
    assert [note.outcome for note in found.notes] == [Outcome.CERTAIN_CORRELATIONS]


def test_of_itself_is_one_although_all_variates_are_interchangeable():
    x = gaussian(60, 6, 19)
    assert pwcca(x, x).value == pytest.approx(1.0, abs=1e-12)
