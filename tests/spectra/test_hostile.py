"""Hostile and odd matrices: what every measure of a spectrum says of each, in one table."""

import math
import warnings

import numpy as np
import pytest

from theodolite.catalogue import family, measures
from theodolite.core import Outcome, Refusal
from theodolite.core.parameters import takes_rng
from theodolite.core.results import field_readings
from theodolite.testing import gaussian, orthogonal

ZERO, FEW, EQUAL = Outcome.ALL_ZERO, Outcome.TOO_FEW_EIGENVALUES, Outcome.NO_SPREAD
SPECTRAL = sorted(name for name, measure in measures().items() if family(measure) == "spectra")


def huge_entry():
    matrix = gaussian(30, 20)
    matrix[7, 4] = 1e6
    return matrix


def not_a_number():
    matrix = gaussian(30, 20)
    matrix[7, 4] = np.nan
    return matrix


LADDER = np.outer(np.arange(1.0, 21.0), np.arange(1.0, 13.0))
UNIQUE = gaussian(15, 40)
MATRICES = {
    "zero": np.zeros((20, 12)),
    "constant": np.full((20, 12), 3.0),
    "rank one": LADDER,
    "orthogonal": orthogonal(40, 24),
    "duplicated rows": np.repeat(UNIQUE, 2, axis=0),
    "one huge entry": huge_entry(),
    "fewer than eight": np.diag(np.arange(1.0, 8.0)),
    "50000 x 64": gaussian(50_000, 64).astype(np.float32),
    "denormals": np.full((20, 12), 5e-324),
    "equal eigenvalues": 2.0 * np.eye(16),
    "one NaN": not_a_number(),
}


def norms_and_ranks(values):
    """Work out the closed forms from eigenvalues that are known."""
    size, share, root = np.sqrt(values), values / values.sum(), np.sqrt(values) / np.sqrt(values).sum()
    live, rooted = share[share > 0], root[root > 0]
    return {
        "frobenius_norm": math.sqrt(values.sum()),
        "spectral_norm": size.max(),
        "nuclear_norm": size.sum(),
        "log_norm": math.log10(values.sum()),
        "log_spectral_norm": math.log10(values.max()),
        "stable_rank": values.sum() / values.max(),
        "participation_ratio": values.sum() ** 2 / (values**2).sum(),
        "effective_rank": math.exp(-(rooted * np.log(rooted)).sum()),
        "spectral_entropy": -(live * np.log(live)).sum() / math.log(values.size),
        "numerical_rank": live.size,
    }


def eigenvalues(*leading, count):
    return np.concatenate([np.asarray(leading, dtype=float), np.zeros(count - len(leading))])


def compared(xmin, size, *, distance, ratio, without=""):
    laws = ["power_law", "truncated_power_law", "exponential", "lognormal"]
    pairs = [f"{one}_over_{other}" for i, one in enumerate(laws) for other in laws[i + 1 :]]
    bounds = {"xmin": xmin, "tail_size": size} | {f"{law}_distance": distance for law in laws}
    bounds |= dict.fromkeys(pairs, ratio)
    return {field: None if without and without in field else bound for field, bound in bounds.items()}


FAMILIES = ("truncated_power_law", "exponential_tail", "lognormal_tail", "tail_comparison")
NO_TAIL = ("power_law", "hill", "alpha_hat", "log_alpha_norm", *FAMILIES)
NO_BULK = ("marchenko_pastur", "outliers")
BY_SVD = {name: np.linalg.svd(MATRICES[name], compute_uv=False) ** 2 for name in ("duplicated rows", "one huge entry")}
TWICE = BY_SVD["duplicated rows"].sum() / (15 * 40)

# A number must come out, a pair bounds what depends on chance, an outcome is the whole answer.
TABLE = {
    "zero": dict.fromkeys(SPECTRAL, ZERO) | {"frobenius_norm": 0.0, "spectral_norm": 0.0, "nuclear_norm": 0.0},
    "constant": norms_and_ranks(eigenvalues(9 * 240, count=12))
    | dict.fromkeys((*NO_TAIL, *NO_BULK, "correlation_traps"), FEW)
    | {"random_distance": 0.0, "trace_log_rank": {"rank": 2, "eigenvalue": 0.0}},
    "rank one": norms_and_ranks(eigenvalues(2870 * 650, count=12))
    | dict.fromkeys((*NO_TAIL, *NO_BULK), FEW)
    # The entries are all positive: their mean survives every shuffle.
    | {"correlation_traps": {"count": 1, "strength": (4.0, 9.0), "mean": (4.0, 9.0)}}
    | {"random_distance": (0.2, 0.5), "trace_log_rank": {"rank": 2, "eigenvalue": 0.0}},
    "orthogonal": norms_and_ranks(np.ones(24))
    | dict.fromkeys((*NO_TAIL, *NO_BULK, "trace_log_rank"), EQUAL)
    | {"correlation_traps": {"count": 0, "strength": (0.7, 1.1), "mean": 1.0}, "random_distance": (0.2, 0.4)},
    "duplicated rows": norms_and_ranks(np.where(np.arange(30) < 15, BY_SVD["duplicated rows"], 0.0))
    | {
        "power_law": {
            "alpha": (2.0, 6.0),
            "xmin": (10.0, 210.0),
            "distance": (0.0, 0.3),
            "sigma": (0.2, 2.0),
            "tail_size": (4, 15),
        },
        # Spread evenly, as a bulk is: a cut-off and no power, and the data prefer no law beyond chance.
        "truncated_power_law": {
            "beta": None,
            "rate": (0.005, 0.03),
            "xmin": (10.0, 210.0),
            "distance": (0.0, 0.3),
            "tail_size": (4, 15),
        },
        "exponential_tail": {
            "rate": (0.005, 0.03),
            "xmin": (10.0, 210.0),
            "distance": (0.0, 0.3),
            "tail_size": (4, 15),
        },
        "lognormal_tail": {
            "mu": (3.0, 5.0),
            "sigma": (0.2, 1.0),
            "xmin": (10.0, 210.0),
            "distance": (0.0, 0.3),
            "tail_size": (4, 15),
        },
        "tail_comparison": compared((10.0, 210.0), (4, 15), distance=(0.0, 0.3), ratio=(-1.96, 1.96)),
        "hill": (1.2, 3.0),
        "alpha_hat": (4.0, 14.0),
        "log_alpha_norm": (4.0, 14.0),
        "marchenko_pastur": {
            "sigma": 1.0,
            "variance": TWICE,
            "edge": TWICE * (math.sqrt(15) + math.sqrt(40)) ** 2,
            "spikes": 0,
            "soft_rank": TWICE * (math.sqrt(15) + math.sqrt(40)) ** 2 / BY_SVD["duplicated rows"].max(),
            "distance": (0.02, 0.15),
        },
        "outliers": {"count": 0, "edge": (200.0, 240.0), "statistic": (-3.0, 2.0), "p_value": (0.01, 1.0)},
        "trace_log_rank": {"rank": 16, "eigenvalue": 0.0},
        "random_distance": (0.15, 0.35),
        "correlation_traps": {"count": 0, "strength": (0.7, 1.2), "mean": 1.0},
    },
    "one huge entry": norms_and_ranks(BY_SVD["one huge entry"])
    | {
        "power_law": {
            "alpha": (1.1, 1.6),
            "xmin": (0.0, 10.0),
            "distance": (0.1, 0.5),
            "sigma": (0.0, 0.2),
            "tail_size": (10, 20),
        },
        # The rest of the spectrum is nothing beside 10^12: two points are an exponential of mean 5 x 10^11.
        "truncated_power_law": {
            "beta": (1.1, 1.6),
            "rate": (0.0, 1e-12),
            "xmin": (0.0, 10.0),
            "distance": (0.1, 0.5),
            "tail_size": (10, 20),
        },
        "exponential_tail": {
            "rate": pytest.approx(2e-12, rel=1e-6, abs=0.0),
            "xmin": pytest.approx(BY_SVD["one huge entry"][1], rel=1e-5),
            "distance": 0.5,
            "tail_size": 2,
        },
        "lognormal_tail": Outcome.AT_BOUND,
        "tail_comparison": compared(
            (0.0, 10.0), (10, 20), distance=(0.1, 1.0), ratio=(-1.0, 40.0), without="lognormal"
        ),
        "hill": (1.2, 1.6),
        "alpha_hat": (13.0, 20.0),
        "log_alpha_norm": (13.0, 20.0),
        "marchenko_pastur": {
            "sigma": (2.2e-5, 2.7e-5),
            "variance": (0.8, 1.2),
            "edge": (80.0, 120.0),
            "spikes": 1,
            "soft_rank": (8e-11, 1.2e-10),
            "distance": (0.0, 0.15),
        },
        "outliers": {"count": 1, "edge": (80.0, 125.0), "statistic": (1e11, 1e12), "p_value": 0.0},
        "trace_log_rank": {"rank": 2, "eigenvalue": pytest.approx(BY_SVD["one huge entry"][1], rel=1e-5)},
        "random_distance": (0.0, 1e-4),
        "correlation_traps": {"count": 1, "strength": (8e9, 1.2e10), "mean": 1.0},
    },
    "fewer than eight": norms_and_ranks(np.arange(1.0, 8.0) ** 2)
    | dict.fromkeys((*NO_TAIL, *NO_BULK, "correlation_traps"), FEW)
    # 49 36 25 16 9 over 20 have the product 1.98, with 4 over 20 it is 0.40.
    | {"trace_log_rank": {"rank": 6, "eigenvalue": 4.0}, "random_distance": (0.05, 0.5)},
    "50000 x 64": {
        "frobenius_norm": pytest.approx(math.sqrt(50_000 * 64), rel=2e-3),
        "spectral_norm": pytest.approx(math.sqrt(50_000) + 8, rel=5e-3),
        "nuclear_norm": pytest.approx(64 * math.sqrt(50_000), rel=2e-3),
        "log_norm": pytest.approx(math.log10(50_000 * 64), abs=2e-3),
        "log_spectral_norm": pytest.approx(2 * math.log10(math.sqrt(50_000) + 8), abs=4e-3),
        "stable_rank": (58.0, 61.0),
        "participation_ratio": (63.8, 64.0),
        "effective_rank": (63.9, 64.0),
        "spectral_entropy": (0.999, 1.0),
        "numerical_rank": 64,
        "power_law": {
            "alpha": (15.0, 200.0),
            "xmin": (4e4, 6e4),
            "distance": (0.0, 0.3),
            "sigma": (1.0, 60.0),
            "tail_size": (2, 64),
        },
        "truncated_power_law": {
            "beta": None,
            "rate": (1e-4, 2e-3),
            "xmin": (4e4, 5.5e4),
            "distance": (0.0, 0.3),
            "tail_size": (8, 64),
        },
        "exponential_tail": {"rate": (1e-4, 2e-3), "xmin": (4e4, 5.5e4), "distance": (0.0, 0.3), "tail_size": (8, 64)},
        "lognormal_tail": {
            "mu": pytest.approx(math.log(50_000), abs=0.1),
            "sigma": (0.01, 0.1),
            "xmin": (4e4, 5.5e4),
            "distance": (0.0, 0.15),
            "tail_size": (8, 64),
        },
        # A bulk ends: every law with a faster end than a power is preferred to the power, and the lognormal to all.
        "tail_comparison": compared((4e4, 5.5e4), (8, 64), distance=(0.0, 0.3), ratio=(-8.0, -1.0)),
        "hill": (10.0, 80.0),
        "alpha_hat": (60.0, 1000.0),
        "log_alpha_norm": (60.0, 1000.0),
        "marchenko_pastur": {
            "sigma": 1.0,
            "variance": pytest.approx(1.0, abs=4e-3),
            "edge": pytest.approx((math.sqrt(50_000) + 8) ** 2, rel=4e-3),
            "spikes": 0,
            "soft_rank": (0.98, 1.02),
            "distance": (0.0, 0.06),
        },
        "outliers": {"count": 0, "edge": (5.2e4, 5.6e4), "statistic": (-4.0, 2.0), "p_value": (0.01, 1.0)},
        "trace_log_rank": {"rank": (60, 64), "eigenvalue": (4.5e4, 5e4)},
        "random_distance": (0.0, 5e-3),
        "correlation_traps": {"count": 0, "strength": (0.98, 1.02), "mean": 1.0},
    },
    "denormals": dict.fromkeys(SPECTRAL, Outcome.OUT_OF_RANGE),
    "equal eigenvalues": norms_and_ranks(np.full(16, 4.0))
    | dict.fromkeys((*NO_TAIL, *NO_BULK, "trace_log_rank"), EQUAL)
    | {"correlation_traps": {"count": 0, "strength": (0.5, 1.3), "mean": 1.0}, "random_distance": (0.3, 0.65)},
    "one NaN": dict.fromkeys(SPECTRAL, Outcome.NOT_FINITE),
}


def answer(name, matrix):
    """Measure without any warning; a refusal is its outcome."""
    measure = measures()[name]
    seed = {"rng": 0} if takes_rng(measure) else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            result = measure(matrix, **seed)
        except Refusal as refusal:
            return refusal.outcome if refusal.measure == name else None
    found = {reading.field: reading.value for reading in field_readings(result, measure.traits.fields)}
    return found["value"] if set(found) == {"value"} else found


def agrees(found, expected):
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(agrees(found[field], expected[field]) for field in expected)
    if isinstance(expected, tuple):
        return expected[0] <= found <= expected[1]
    if isinstance(expected, int | float):
        return found == pytest.approx(expected, rel=1e-7, abs=1e-7)
    return found == expected


@pytest.mark.parametrize("name", SPECTRAL)
@pytest.mark.parametrize("matrix", MATRICES)
def test_the_table(matrix, name):
    found, expected = answer(name, MATRICES[matrix]), TABLE[matrix][name]
    assert isinstance(found, Outcome) == isinstance(expected, Outcome), (found, expected)
    assert agrees(found, expected), (found, expected)


def test_the_table_is_complete():
    assert TABLE.keys() == MATRICES.keys()
    for matrix, row in TABLE.items():
        assert sorted(row) == SPECTRAL, matrix
