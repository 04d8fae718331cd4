"""Standard errors against how far estimates of 60 clouds lay apart, and those that take points for independent."""

import numpy as np
import pytest

from theodolite.core import Cloud
from theodolite.dimension import gride, mle, two_nn

SEEDS = range(6)


def ball(rng: np.random.Generator) -> np.ndarray:
    directions = rng.standard_normal((2000, 5))
    return directions / np.linalg.norm(directions, axis=1)[:, None] * rng.random((2000, 1)) ** 0.2


def sphere(rng: np.random.Generator) -> np.ndarray:
    directions = rng.standard_normal((2000, 11))
    return directions / np.linalg.norm(directions, axis=1)[:, None]


SHAPES = {"ball5": ball, "S10": sphere, "cube3": lambda rng: rng.random((2000, 3))}


@pytest.fixture(scope="module", params=SHAPES)
def shape(request):
    """The name of a shape, and some clouds of 2000 points of it."""
    clouds = [Cloud(SHAPES[request.param](np.random.default_rng(seed))) for seed in SEEDS]
    for cloud in clouds:
        cloud.neighbours(64)
    return request.param, clouds


@pytest.mark.parametrize(
    ("key", "measure", "parameters"),
    [("mle20_emp_naive_knnHAC", mle, {"k": 20}), ("twonn_emp_naive_HAC5", two_nn, {"fit": "ml"})],
)
def test_over_the_graph(shape, references, key, measure, parameters):
    name, clouds = shape
    apart, independent, over_the_graph = references["standard_errors"][key][name]
    error = np.mean([measure(cloud, **parameters).intervals["dimension"].se for cloud in clouds])
    assert error == pytest.approx(over_the_graph, rel=0.12)
    assert error > 0.95 * apart
    assert independent < 0.88 * over_the_graph


def test_along_the_scales_of_gride(shape, references):
    name, clouds = shape
    errors = np.mean([gride(cloud).extra["standard_errors"] for cloud in clouds], axis=0)
    for neighbour, (apart, independent) in references["standard_errors"]["gride"][name].items():
        error = errors[int(neighbour).bit_length() - 1]
        # Where k is large they are too large, twice at most; those of independent points are too small throughout.
        assert 0.93 * apart < error < 2.2 * apart, neighbour
        assert independent < 0.93 * apart
