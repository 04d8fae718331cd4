"""Reference numbers of other packages for pairs of clouds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from theodolite.core import Refusal


class References:
    """Numbers by key, and the arrays that they were computed from.

    Left out on purpose: resi's SVCCA, which keeps one component, and its PWCCA; numbers of all 10,000 rows of
    MNIST_lay04, of which the first thousand are kept; full whitening of R3, whose clouds have more features than rows,
    which is 0 there and refused here; repsim's masked CKA, which is no estimate of anything; what is no measure of this
    package (AIRM, angles and geodesics, norms of similarity matrices, aligned cosines, magnitudes, uniformity).
    """

    def __init__(self, folder: Path) -> None:
        self.values = json.loads((folder / "ref_similarity.json").read_text(encoding="utf-8"))["values"]
        self.arrays = np.load(folder / "ref_similarity.npz")

    def pair(self, name: str) -> tuple[Any, Any]:
        """The two clouds of seeded data: R1 correlated, R2 of two widths, R3 wide, R4 degenerate, R7 unrelated."""
        return self.arrays[f"{name}/X"], self.arrays[f"{name}/Y"]

    def activations(self, layer: str) -> tuple[Any, Any]:
        """The first 1000 rows of one layer of two networks, from the tutorial of google/svcca."""
        first, second = (self.arrays[f"svcca/{layer}/m{i}"].astype(np.float64) for i in (0, 1))
        return first, second


@pytest.fixture(scope="session")
def references(shared) -> References:
    return References(shared / "reference")


@pytest.fixture(scope="session")
def refusal():
    """Return the function that makes a measure refuse, in its own name, and gives the outcome."""

    def outcome(measure, *targets, **parameters):
        with pytest.raises(Refusal) as caught:
            measure(*targets, **parameters)
        assert caught.value.measure == measure.__name__
        return caught.value.outcome

    return outcome
