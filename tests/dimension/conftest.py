"""Clouds of known dimension, and the numbers that other packages give for some of them."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import gammainc

from theodolite.core import Cloud
from theodolite.testing import poisson_neighbours


def ball(count: int, dimension: int, rng: np.random.Generator) -> np.ndarray:
    directions = rng.standard_normal((count, dimension))
    return directions / np.linalg.norm(directions, axis=1)[:, None] * rng.random((count, 1)) ** (1 / dimension)


def sphere(count: int, dimension: int, rng: np.random.Generator) -> np.ndarray:
    directions = rng.standard_normal((count, dimension + 1))
    return directions / np.linalg.norm(directions, axis=1)[:, None]


SHAPES = {
    "ball": lambda count, rng: ball(count, 5, rng),
    "sphere": lambda count, rng: sphere(count, 10, rng),
    "cube": lambda count, rng: rng.random((count, 3)),
}


def _reference_ball() -> np.ndarray:
    # The generator named beside the reference numbers: a normal sample brought to even density in the ball.
    drawn = np.random.RandomState(0).normal(size=(2000, 5))
    squares = (drawn**2).sum(axis=1)
    inside = drawn * (gammainc(2.5, squares / 2) ** 0.2 / np.sqrt(squares))[:, None]
    return np.hstack([inside, np.zeros((2000, 5))])


def _reference_cube() -> np.ndarray:
    drawn = np.random.RandomState(0)
    basis = np.linalg.qr(drawn.randn(100, 20))[0]
    return drawn.rand(2000, 20) @ basis.T + 3


def _reference_sphere() -> np.ndarray:
    drawn = np.random.RandomState(0).randn(1000, 11)
    return drawn / np.linalg.norm(drawn, axis=1)[:, None]


def _roll(count: int, noise: float) -> np.ndarray:
    from sklearn.datasets import make_swiss_roll

    return make_swiss_roll(count, noise=noise, random_state=0)[0]


def _digits() -> np.ndarray:
    from sklearn.datasets import load_digits

    return load_digits().data


def _wine() -> np.ndarray:
    from sklearn.datasets import load_wine

    rows = load_wine().data
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


GENERATORS: dict[str, tuple[str, Callable[[], np.ndarray]]] = {
    "hyperBall d5 n2000 in R10": ("manifolds", _reference_ball),
    "affine cube d20 in R100 n2000": ("manifolds", _reference_cube),
    "swiss_roll n2000": ("manifolds", lambda: _roll(2000, 0.0)),
    "swiss_roll noise.3 n5000": ("manifolds", lambda: _roll(5000, 0.3)),
    "M1_Sphere": ("benchmark_manifolds_n1000", _reference_sphere),
    "digits": ("real_small", _digits),
    "wine(standardised)": ("real_small", _wine),
}


@pytest.fixture(scope="session")
def known(shared):
    """For each data set the cloud, and what scikit-dimension 0.5.0 and DADApy 0.3.4 gave for it."""
    file = shared / "reference" / "ref_dimension.json"
    if not file.is_file():
        pytest.skip(f"needs the reference numbers at {file}")
    numbers = json.loads(file.read_text())
    found = {}
    for name, (group, generate) in GENERATORS.items():
        rows, given = generate(), numbers[group][name]["est"]
        assert list(rows.shape) == given["_sig"]["shape"]
        np.testing.assert_allclose(rows.ravel()[:3], given["_sig"]["first3"], rtol=1e-12)
        cloud = Cloud(rows)
        cloud.neighbours(100)
        found[name] = (cloud, given)
    return found


@pytest.fixture(scope="session")
def agrees(known):
    """Compare a measure with every number that is known under some names."""

    def compare(measure, *names: str, but: tuple[str, ...] = (), **parameters) -> int:
        compared = 0
        for data, (cloud, given) in known.items():
            for name in names:
                if name in given and data not in but:
                    assert float(measure(cloud, **parameters).dimension) == pytest.approx(given[name], rel=1e-6), data
                    compared += 1
        assert compared >= 3
        return compared

    return compare


@pytest.fixture(scope="session")
def poisson():
    """A cloud of 20,000 points whose distances follow the law that all estimates are derived from."""
    drawn = {}

    def draw(dimension: float) -> Cloud:
        if dimension not in drawn:
            drawn[dimension] = Cloud.from_neighbours(poisson_neighbours(20_000, 64, dimension, rng=int(10 * dimension)))
        return drawn[dimension]

    return draw


@pytest.fixture(scope="session")
def holds(poisson):
    """Assert that a measure gives the dimension of the Poisson law within three standard errors."""

    def check(measure, dimension: float, **parameters) -> None:
        found = measure(poisson(dimension), **parameters)
        error = float(found.intervals["dimension"].se)
        assert 0 < error < 0.05 * dimension
        assert abs(float(found.dimension) - dimension) < 3 * error
        assert found.chances["goodness_of_fit"].p_value > 0.0003

    return check


@pytest.fixture(scope="session")
def clouds():
    """A few hundred points of each of three shapes, for 60 seeds."""
    return {
        shape: [Cloud(make(240, np.random.default_rng(seed))) for seed in range(60)] for shape, make in SHAPES.items()
    }


@pytest.fixture(scope="session")
def covers(clouds):
    """Assert that intervals hold the mean of all estimates, and aren't wide for nothing."""

    def check(measure, **parameters) -> None:
        for shape, several in clouds.items():
            found = [measure(cloud, **parameters) for cloud in several]
            values = np.asarray([float(one.dimension) for one in found])
            intervals = [one.intervals["dimension"] for one in found]
            inside = [bool(one.low <= values.mean() <= one.high) for one in intervals]
            assert np.mean(inside) >= 0.87, shape
            assert np.mean([one.se for one in intervals]) < 2.5 * values.std(), shape

    return check
