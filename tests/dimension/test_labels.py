"""Labels beside a cloud: whatever names classes alike gives the same, and what names none is said to."""

import numpy as np
import pytest

from theodolite.dimension import (
    class_separability,
    coding_rate,
    diffusion_spectral_information,
    inductive_bias_complexity,
    label_sharpness,
)

ROWS = np.random.default_rng(0).standard_normal((60, 5))
LABELS = np.random.default_rng(1).integers(0, 3, 60)
NAMES = np.asarray(["cat", "dog", "eel"])[LABELS]

ALIKE = {
    "strings in a list": list(NAMES),
    "bytes": NAMES.astype("S"),
    "objects": NAMES.astype(object),
    "numbers as objects": LABELS.astype(object),
    "numbers in a tuple": tuple(int(label) for label in LABELS),
    "whole floats": LABELS.astype(np.float32),
    "unsigned": LABELS.astype(np.uint64) + np.uint64(2**63),
    "numbers beyond 64 bits": [int(label) + 2**70 for label in LABELS],
}

NUMBERS = {
    class_separability: "fisher_ratio",
    coding_rate: "reduction",
    diffusion_spectral_information: "bits",
    inductive_bias_complexity: "log10_bits",
    label_sharpness: "sharpness",
}


@pytest.mark.parametrize("measure", NUMBERS, ids=lambda measure: measure.__name__)
@pytest.mark.parametrize("name", ALIKE)
def test_however_classes_are_named(measure, name):
    numbers = [float(getattr(measure(ROWS, labels), NUMBERS[measure])) for labels in (LABELS, ALIKE[name])]
    assert numbers[0] == numbers[1]


def test_columns_of_tables():
    pandas = pytest.importorskip("pandas")
    expected = float(label_sharpness(ROWS, LABELS).sharpness)
    column = pandas.Series(NAMES, index=np.arange(60)[::-1])
    for given in (
        column,
        column.astype("string"),
        column.astype("category"),
        pandas.Categorical(NAMES),
        pandas.Index(NAMES),
        pandas.Series(LABELS, dtype="Int64"),
    ):
        assert float(label_sharpness(ROWS, given).sharpness) == expected
    for given in (column.where(column.index > 3), pandas.Series(LABELS, dtype="Int64").where(np.arange(60) > 3)):
        with pytest.raises(ValueError, match="labels: 4 of 60 are missing"):
            label_sharpness(ROWS, given)


@pytest.mark.torch
def test_tensors_in_a_list(torch):
    given = [torch.tensor(int(label)) for label in LABELS]
    assert float(label_sharpness(ROWS, given).sharpness) == float(label_sharpness(ROWS, LABELS).sharpness)


def test_two_classes_of_truth_values_and_ranges():
    assert label_sharpness(ROWS, list(LABELS > 1)).distance == label_sharpness(ROWS, LABELS > 1).distance
    assert label_sharpness(ROWS, range(60)).distance == label_sharpness(ROWS, np.arange(60)).distance


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ([None, *NAMES[1:]], ValueError, "labels: 1 of 60 are missing; leave out these rows"),
        ([float("nan"), np.nan, *NAMES[2:]], ValueError, "labels: 2 of 60 are missing"),
        (np.where(LABELS == 0, np.nan, LABELS), ValueError, f"labels: {np.sum(LABELS == 0)} of 60 are missing"),
        ([1, "1", *NAMES[2:]], ValueError, "expected whole numbers or strings, got strings and whole numbers$"),
        (ROWS[:, 0], ValueError, "got real numbers; sort real numbers into bins"),
        (ROWS[:, 0].astype(object), ValueError, "got real numbers; sort real numbers into bins"),
        (np.where(LABELS == 0, np.inf, LABELS), ValueError, "got real numbers and whole numbers"),
        (np.full(60, 1j), ValueError, "expected whole numbers or strings, got complex128"),
        ([object()] * 60, ValueError, "expected whole numbers or strings, got object"),
        (LABELS[:, None], ValueError, r"one for each of 60 rows, got shape \(60, 1\)"),
        (list(NAMES[1:]), ValueError, r"one for each of 60 rows, got shape \(59,\)"),
        ([[1], [2, 3]] * 30, ValueError, "one for each row, got rows of different lengths"),
        ("c" * 60, TypeError, "expected an array or a list, got str"),
        (set(LABELS), TypeError, "expected an array or a list, got set"),
        (None, TypeError, "expected an array or a list, got NoneType"),
    ],
)
def test_what_names_no_classes(wrong, error, said):
    with pytest.raises(error, match=said):
        label_sharpness(ROWS, wrong)
