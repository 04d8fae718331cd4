"""stress: distances set against distances."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from theodolite.core import Outcome, Refusal
from theodolite.similarity import Dissimilarities, stress
from theodolite.testing import gaussian


@pytest.mark.shared
@pytest.mark.parametrize("data", ["R1", "R3", "R4", "svcca/MNIST_lay04(n=400 first)"])
def test_agrees_with_repsim(references, data):
    x, y = references.pair(data) if len(data) == 2 else (a[:400] for a in references.activations("MNIST_lay04"))
    assert float(stress(x, y)) == pytest.approx(references.values[f"{data}/repsim/stress"], rel=1e-13)


@pytest.mark.shared
@pytest.mark.parametrize("names", ["XY", "XZ", "YZ"])
def test_agrees_with_repsim_on_three_clouds(references, names):
    one, other = (references.arrays[f"R1/{name}"] for name in names)
    expected = references.values[f"R1/repsim/stress/length/{names}"]
    assert float(stress(one, other)) == pytest.approx(expected, rel=1e-13)


def test_is_the_root_mean_square_difference_of_distances():
    x, y = gaussian(40, 5, rng=1), 3 * gaussian(40, 8, rng=2)
    assert float(stress(x, y)) == pytest.approx(np.sqrt(np.mean((pdist(x) - pdist(y)) ** 2)), rel=1e-13)


def test_distances_that_are_known_take_a_clouds_place():
    x, y = gaussian(20, 5, rng=3), gaussian(20, 8, rng=4)
    known = Dissimilarities.of(squareform(pdist(y)))
    assert float(stress(x, known)) == pytest.approx(float(stress(x, y)), rel=1e-13)
    assert stress(known, known) == 0


def test_is_a_metric():
    for seed in range(40):
        a, b, c = (gaussian(15, 4, rng=10 * seed + i) * (i + 1) for i in range(3))
        assert stress(a, c) <= stress(a, b) + stress(b, c) + 1e-12
        assert stress(a, b) == stress(b, a)
        assert stress(a, b) > 0


def test_one_row_is_refused():
    with pytest.raises(Refusal) as caught:
        stress(np.ones((1, 3)), np.ones((1, 2)))
    assert caught.value.outcome is Outcome.FEWER_ROWS_THAN_NEEDED
