"""Clouds of known dimension, and the numbers that other packages give for some of them."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from scipy.special import gammainc
from sklearn import datasets

from theodolite.core import Cloud
from theodolite.testing import poisson_neighbours

FASHION = Path("/usr/share/datasets/fashion-mnist")


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


# A thousand points of each of the manifolds on which estimators are usually compared (Hein and Audibert 2005,
# Campadelli and others 2015), with the draws in the order of scikit-dimension's.


def _reference_sphere(draw: np.random.RandomState) -> np.ndarray:
    rows = draw.randn(1000, 11)
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def _four_in_six(draw: np.random.RandomState) -> np.ndarray:
    a, b, c, d = draw.rand(4, 1000)
    turn = 2 * np.pi * a
    folded = [b + c + (b - d) ** 2, b - 2 * c + (a - d) ** 2, -b - 2 * c + (c - d) ** 2, a**2 - b**2 + c**2 - d**2]
    return np.stack([b**2 * np.cos(turn), c**2 * np.sin(turn), *folded], axis=1)


def _helix(draw: np.random.RandomState) -> np.ndarray:
    turn = 2 * np.pi / 1000 + draw.rand(1000) * 2 * np.pi
    reach = 2 + np.cos(8 * turn)
    return np.stack([reach * np.cos(turn), reach * np.sin(turn), np.sin(8 * turn)], axis=1)


def _circles(draw: np.random.RandomState, dimension: int) -> np.ndarray:
    angles = draw.rand(dimension, 1000).T
    radii, turns = np.roll(angles, -1, axis=1), 2 * np.pi * angles
    pairs = np.stack([radii * np.cos(turns), radii * np.sin(turns)], axis=2)
    return np.tile(pairs.reshape(1000, -1), 3)


def _faces_of_a_cube(draw: np.random.RandomState, dimension: int) -> np.ndarray:
    each, faces = 1000 // (2 * (dimension + 1)) + 1, []
    for side in range(dimension + 1):
        for level in (0, 1):
            faces.append(draw.rand(dimension + 1, each).T)
            faces[-1][:, side] = level
    return np.concatenate(faces)[:1000]


def _moebius(draw: np.random.RandomState) -> np.ndarray:
    turn, across = draw.rand(1000) * 2 * np.pi, draw.rand(1000) - 0.5
    reach = 1 + across * np.cos(5 * turn)
    return np.stack([reach * np.cos(turn), reach * np.sin(turn), across * np.sin(5 * turn)], axis=1)


def _s_curve(draw: np.random.RandomState) -> np.ndarray:
    turn = 3 * np.pi * (draw.rand(1000) - 0.5)
    return np.stack([np.sin(turn), 2 * draw.rand(1000), np.sign(turn) * (np.cos(turn) - 1)], axis=1)


def _uneven(draw: np.random.RandomState) -> np.ndarray:
    drawn = draw.beta(10, 0.5, (1000, 10))
    turns = 2 * np.pi * drawn
    return np.tile(np.hstack([drawn * np.sin(np.cos(turns)), drawn * np.cos(np.sin(turns))]), 2)


def _folded(draw: np.random.RandomState) -> np.ndarray:
    rows = draw.random_sample((1000, 24))
    other = rows[:, ::-1]
    return np.tile(np.hstack([np.tan(rows * np.cos(other)), np.arctan(other * np.sin(rows))]), 2)


def _paraboloid(draw: np.random.RandomState) -> np.ndarray:
    drawn = draw.exponential(1, (7, 1000)).T
    base = 1 / (1 + drawn[:, 1:] / drawn[:, :1])
    bowl = np.column_stack([base, (base**2).sum(axis=1)])
    return np.hstack([bowl, np.sin(bowl), bowl**2])


BENCHMARK: dict[str, Callable[[np.random.RandomState], np.ndarray]] = {
    "M1_Sphere": _reference_sphere,
    "M3_Nonlinear_4to6": _four_in_six,
    "M5a_Helix1d": _helix,
    "M6_Nonlinear": lambda draw: _circles(draw, 6),
    "M8_Nonlinear": lambda draw: _circles(draw, 12),
    "M10a_Cubic": lambda draw: _faces_of_a_cube(draw, 10),
    "M10c_Cubic": lambda draw: _faces_of_a_cube(draw, 24),
    "M11_Moebius": _moebius,
    "M13a_Scurve": _s_curve,
    "Mbeta": _uneven,
    "Mn2_Nonlinear": _folded,
    "Mp2_Paraboloid": _paraboloid,
}
GENERATORS: dict[str, tuple[str, Callable[[], np.ndarray]]] = {
    "hyperBall d5 n2000 in R10": ("manifolds", _reference_ball),
    "affine cube d20 in R100 n2000": ("manifolds", _reference_cube),
    "swiss_roll n2000": ("manifolds", lambda: datasets.make_swiss_roll(2000, random_state=0)[0]),
    "swiss_roll noise.3 n5000": ("manifolds", lambda: datasets.make_swiss_roll(5000, noise=0.3, random_state=0)[0]),
    "digits": ("real_small", lambda: datasets.load_digits().data),
    "iris": ("real_small", lambda: datasets.load_iris().data),
    "wine(standardised)": ("real_small", lambda: _standardised(datasets.load_wine().data)),
}


def _standardised(rows: np.ndarray) -> np.ndarray:
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


class Known(Mapping[str, tuple[Cloud, dict]]):
    """For each data set its cloud, made when it is asked for, and what other packages gave for it."""

    def __init__(self, numbers: dict) -> None:
        self._numbers = numbers
        self._made: dict[str, tuple[Cloud, dict]] = {}

    def __getitem__(self, name: str) -> tuple[Cloud, dict]:
        if name not in self._made:
            if name in BENCHMARK:
                group, rows = "benchmark_manifolds_n1000", BENCHMARK[name](np.random.RandomState(0))
            else:
                group, rows = GENERATORS[name][0], GENERATORS[name][1]()
            given = self._numbers[group][name]["est"]
            assert list(rows.shape) == given["_sig"]["shape"]
            np.testing.assert_allclose(rows.ravel()[:3], given["_sig"]["first3"], rtol=1e-12)
            cloud = Cloud(rows)
            cloud.neighbours(100)
            self._made[name] = cloud, given
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*GENERATORS, *BENCHMARK))

    def __len__(self) -> int:
        return len(GENERATORS) + len(BENCHMARK)

    def without_duplicates(self) -> dict[str, tuple[Cloud, dict]]:
        """Those of which others count the same points as we do; a pair that coincides they count twice, or break on."""
        return {name: self[name] for name in self if name != "iris"}


@pytest.fixture(scope="session")
def references(shared):
    """All numbers that are known for this family."""
    file = shared / "reference" / "ref_dimension.json"
    if not file.is_file():
        pytest.skip(f"needs the reference numbers at {file}")
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def known(references):
    """For each data set the cloud, and what scikit-dimension 0.5.0 and DADApy 0.3.4 gave for it."""
    return Known(references)


def _fashion(part: str) -> tuple[np.ndarray, np.ndarray]:
    files = [sorted(FASHION.glob(f"{part}-{kind}*.gz")) for kind in ("images", "labels")]
    if not all(files):
        pytest.skip(f"needs Fashion-MNIST in {FASHION} (Debian's package dataset-fashion-mnist)")
    images, labels = (np.frombuffer(gzip.decompress(found[0].read_bytes()), np.uint8) for found in files)
    return images[16:].reshape(-1, 784), labels[8:]


@pytest.fixture(scope="session")
def fashion():
    """The training images of Fashion-MNIST, a row of bytes for each, with their labels, or a skip."""
    return _fashion("train")


@pytest.fixture(scope="session")
def fashion_held_out():
    """Its test images."""
    return _fashion("t10k")


@pytest.fixture(scope="session")
def agrees(known):
    """Compare a measure with every number that is known under some names."""

    def compare(measure, *names: str, but: tuple[str, ...] = (), **parameters) -> int:
        compared = 0
        for data, (cloud, given) in known.without_duplicates().items():
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
