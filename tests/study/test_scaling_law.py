"""scaling_law: against power laws that are known, their intervals over many draws, and scipy's regression."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import linregress

import theodolite as td
from theodolite.core import Interval, ParameterError

scaling_law = td.study.scaling_law

SIZES = np.asarray([100, 200, 400, 800, 1600, 3200, 6400])


def known(dimension, error):
    low, high = dimension - 1.96 * error, dimension + 1.96 * error
    return SimpleNamespace(dimension=dimension, intervals={"dimension": Interval(low, high, 0.95, error)})


def law(exponent, noise, rng, constant=3.0):
    return constant * SIZES**-exponent * np.exp(noise * rng.standard_normal(SIZES.size))


def test_an_exact_law():
    found = scaling_law(3.0 * SIZES**-0.25, SIZES, dimension=4.0)
    assert found.exponent.value == pytest.approx(0.25, rel=1e-12)
    assert found.excess.value == pytest.approx(0.0, abs=1e-12)
    assert found.constant == pytest.approx(3.0, rel=1e-12)
    assert found.promised.se == 0.0
    assert (found.promised.low, found.promised.high) == (0.25, 0.25)


def test_a_law_with_the_promised_exponent_is_not_decided_by_rounding():
    verdicts = {
        scaling_law(constant * SIZES ** (-1 / dimension), SIZES, dimension=dimension).verdict
        for dimension in np.linspace(1, 20, 200)
        for constant in (0.1, 1.0, 3.0)
    }
    assert verdicts == {"undecided"}
    found = scaling_law(3.0 * SIZES**-0.25, SIZES, dimension=4.0, layers={"same": 4.0, "off": 4.0 * (1 + 1e-9)})
    assert [one.verdict for one in found.layers] == ["undecided", "fails"]


def test_against_another_regression():
    losses = law(0.2, 0.1, np.random.default_rng(0))
    found, theirs = scaling_law(losses, SIZES, dimension=5.0), linregress(np.log(SIZES), np.log(losses))
    assert found.exponent.value == pytest.approx(-theirs.slope, rel=1e-12)
    assert found.exponent.se == pytest.approx(theirs.stderr, rel=1e-12)
    assert found.constant == pytest.approx(np.exp(theirs.intercept), rel=1e-12)
    # The parabola's coefficient, by least squares written out.
    x = np.log(SIZES)
    design = np.stack([np.ones_like(x), x, x**2], axis=1)
    coefficients, squares, *_ = np.linalg.lstsq(design, np.log(losses))
    error = np.sqrt(squares[0] / 4 * np.linalg.inv(design.T @ design)[2, 2])
    from scipy.stats import t

    assert found.curvature_p == pytest.approx(2 * t.sf(abs(coefficients[2] / error), 4), rel=1e-6)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_cover(level):
    # Both sides vary: the losses, and the dimension that is estimated.
    rng = np.random.default_rng(7)
    trials, exponent, difference, promised, bends = 2000, 0, 0, 0, 0
    for _ in range(trials):
        data = known(8.0 + 0.4 * rng.standard_normal(), 0.4)
        found = scaling_law(law(0.15, 0.05, rng), SIZES, dimension=data, level=level)
        exponent += found.exponent.low <= 0.15 <= found.exponent.high
        difference += found.excess.low <= 0.15 - 0.125 <= found.excess.high
        promised += found.promised.low <= 0.125 <= found.promised.high
        bends += found.curvature_p < 1 - level
    error = np.sqrt(level * (1 - level) / trials)
    for held in (exponent, difference, promised):
        assert abs(held / trials - level) < 4 * error + 0.005
    assert abs(bends / trials - (1 - level)) < 4 * error


@pytest.mark.parametrize(("exponent", "verdict"), [(0.5, "holds"), (0.1, "fails"), (0.25, "undecided")])
def test_verdicts(exponent, verdict):
    losses = law(exponent, 0.02, np.random.default_rng(1))
    found = scaling_law(losses, SIZES, dimension=known(4.0, 0.1))
    assert found.verdict == verdict
    assert {"holds": "fast holds", "fails": "does not hold", "undecided": "is not decided"}[verdict] in found.explain()


def test_a_floor_bends_the_points():
    losses = law(0.5, 0.01, np.random.default_rng(2)) + 0.2
    found = scaling_law(losses, SIZES, dimension=2.0)
    assert found.curvature_p < 0.001
    assert "bend" in found.explain()
    straight = scaling_law(losses - 0.2, SIZES, dimension=2.0)
    assert "bend" not in straight.explain()


def test_scales_of_losses_and_the_order_of_networks():
    losses = law(0.3, 0.1, np.random.default_rng(3))
    plain = scaling_law(losses, SIZES, dimension=3.0)
    turned = scaling_law(7.0 * losses[::-1], SIZES[::-1], dimension=3.0)
    assert turned.exponent.value == pytest.approx(plain.exponent.value, rel=1e-12)
    assert turned.excess.low == pytest.approx(plain.excess.low, rel=1e-9)
    assert turned.constant == pytest.approx(7.0 * plain.constant, rel=1e-12)
    steeper = scaling_law(losses**2, SIZES, dimension=3.0)
    assert steeper.exponent.value == pytest.approx(2 * plain.exponent.value, rel=1e-12)


def test_label_sharpness():
    rng = np.random.default_rng(4)
    rows, labels = rng.random((100, 3)), np.arange(100) % 2
    steep = td.dimension.label_sharpness(rows, labels)
    losses = 3.0 * SIZES**-0.25
    found = scaling_law(losses, SIZES, dimension=4.0, sharpness=steep)
    assert found.constant == pytest.approx(3.0 / float(steep.sharpness), rel=1e-12)
    assert found.exponent.value == pytest.approx(0.25, rel=1e-12)
    # Where each training set has its own, the law holds only with it.
    own = np.exp(rng.standard_normal(SIZES.size))
    with_it = scaling_law(own * losses, SIZES, dimension=4.0, sharpness=own)
    assert with_it.exponent.value == pytest.approx(0.25, rel=1e-12)
    assert scaling_law(own * losses, SIZES, dimension=4.0).exponent.se > 0.05
    rows[1] = rows[0]
    with pytest.raises(ParameterError, match="sharpness: one is missing"):
        scaling_law(losses, SIZES, dimension=4.0, sharpness=td.dimension.label_sharpness(rows, labels))


def test_layers_have_no_more_dimensions_than_the_data():
    rng = np.random.default_rng(5)
    data = rng.random((1500, 8))
    layers = {"narrow": data[:, :3], "same": data @ rng.standard_normal((8, 20)), "wide": rng.random((1500, 14))}
    of_data = td.dimension.two_nn(data)
    losses = law(0.125, 0.02, rng)
    each = {name: td.dimension.two_nn(rows) for name, rows in layers.items()}
    found = scaling_law(losses, SIZES, dimension=of_data, layers=each)
    assert {one.name: one.verdict for one in found.layers} == {"narrow": "holds", "same": "undecided", "wide": "fails"}
    narrow = found.layers[0]
    assert narrow.excess.value == pytest.approx(float(each["narrow"].dimension) - float(of_data.dimension), rel=1e-12)
    errors = [float(one.intervals["dimension"].se) for one in (each["narrow"], of_data)]
    assert narrow.excess.se == pytest.approx(np.hypot(*errors), rel=1e-12)
    profile = td.dimensions(layers | {"few": data[:2]}, measures=["two_nn"])
    again = scaling_law(losses, SIZES, dimension=of_data, layers=profile)
    for one, other in zip(found.layers, again.layers, strict=False):
        assert (one.name, one.verdict) == (other.name, other.verdict)
        assert one.excess.low == pytest.approx(other.excess.low, rel=1e-9)
    assert again.layers[3].verdict == "not measured"
    assert "few: that it has no more dimensions than the data was not measured." in again.explain()
    assert json.loads(json.dumps(again.to_dict()))["layers"][3]["dimension"] is None


def test_an_interval_of_the_dimension_that_reaches_zero():
    found = scaling_law(3.0 * SIZES**-0.25, SIZES, dimension=known(2.0, 1.5))
    assert found.promised.high == np.inf
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["promised"]["high"] is None
    assert "to inf" in found.explain()
    assert found.promised.low == pytest.approx(1 / (2 + 1.959964 * 1.5), rel=1e-6)
    assert found.verdict == "undecided"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"losses": [1.0, 0.5]}, "as many of both, got 2 and 3"),
        ({"losses": [1.0, 0.0, 0.1]}, "losses: expected a row of positive"),
        ({"losses": [1.0, np.nan, 0.1]}, "losses: expected a row of positive"),
        ({"losses": ["much", "less", "least"]}, "losses: expected numbers"),
        ({"sizes": [10, 20, 20]}, "three different ones or more, got 2"),
        ({"sizes": [10, 20, -20]}, "sizes: expected a row of positive"),
        ({"dimension": 0.0}, "dimension: expected a positive dimension"),
        ({"dimension": "four"}, "dimension: expected a dimension"),
        ({"dimension": None}, "dimension: expected a dimension"),
        ({"level": 1.0}, "level is 1.0"),
        ({"sharpness": [1.0, 2.0]}, "one for each of 3 losses, got 2"),
        ({"sharpness": -1.0}, "sharpness: expected a row of positive"),
        ({"layers": [4.0]}, "layers: expected a mapping or a DimensionProfile, got list"),
        ({"layers": {"one": -4.0}}, "layers\\['one'\\]: expected a positive dimension"),
    ],
)
def test_bad_input(change, said):
    given = {"losses": [1.0, 0.5, 0.25], "sizes": [10, 20, 40], "dimension": 4.0} | change
    with pytest.raises(ParameterError, match=said):
        scaling_law(given.pop("losses"), given.pop("sizes"), **given)
