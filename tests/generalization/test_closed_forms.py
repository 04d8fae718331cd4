"""Each of the 28 metrics on a network for which it is worked out by hand, and what it does when weights are scaled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import gammaincc, ndtri

import theodolite as td
from theodolite.generalization import METRICS
from theodolite.generalization.definitions import Definition

Z = float(ndtri(0.9))
"""A standard normal variable exceeds it one time in ten."""

EPSILON = 1e-3
ROWS = 12_000


@dataclass(frozen=True)
class Case:
    """Weights, how they started, and data; `known` holds what was worked out."""

    weights: Mapping[str, NDArray[np.float64]]
    start: Mapping[str, NDArray[np.float64]] | None = None
    kind: str = ""
    samples: int = 1
    known: Mapping[str, float] = field(default_factory=dict)

    def build(self, torch: Any) -> tuple[Any, Any]:
        """Make the module and its data: every sample is one unit vector, or one row of a table."""
        if self.kind == "table":
            (table,) = self.weights.values()
            module = torch.nn.Embedding(*table.shape)
            return module, (torch.arange(len(table)), torch.zeros(len(table), dtype=torch.long))
        layers = [torch.nn.Linear(w.shape[1], w.shape[0], bias=False) for w in self.weights.values()]
        module = torch.nn.Sequential(*layers).double()
        size = next(iter(self.weights.values())).shape[1]
        return module, (torch.eye(size, dtype=torch.float64), torch.arange(size))


@cache
def diagonal(c: float = 1.0) -> Case:
    """Two diagonal layers of side 11 on the unit vectors.

    The logits of e_i are a_i b_i at i and 0 elsewhere, so a_i b_i is its margin, and of 11 margins the second smallest
    is the tenth percentile.
    """
    a, b = np.arange(1.0, 12.0) * c, (2.0 + np.arange(11.0) % 3) * c
    a0, b0 = a - c * np.linspace(0.5, 1.5, 11), b + c * np.linspace(0.2, 0.4, 11)
    m, d = 11, 2
    gamma = float(sorted(a * b)[1])
    fro, spec = [sum(a**2), sum(b**2)], [max(a) ** 2, max(b) ** 2]
    log_spec = sum(map(math.log, spec)) - 2 * math.log(gamma)
    log_fro = sum(map(math.log, fro)) - 2 * math.log(gamma)
    known = {
        "PARAM_NORM": math.sqrt(sum(fro) / m),
        "FRO_DIST": math.sqrt((sum((a - a0) ** 2) + sum((b - b0) ** 2)) / m),
        "DIST_SPEC_INIT": math.sqrt((max((a - a0) ** 2) + max((b - b0) ** 2)) / m),
        "PATH_NORM": math.sqrt(sum((a * b) ** 2) / m),
        "INVERSE_MARGIN": 1 / (gamma * math.sqrt(m)),
        "LOG_PROD_OF_SPEC_OVER_MARGIN": (log_spec - math.log(m)) / 2,
        "LOG_SUM_OF_SPEC_OVER_MARGIN": (math.log(d) + log_spec / d - math.log(m)) / 2,
        "LOG_PROD_OF_FRO_OVER_MARGIN": (log_fro - math.log(m)) / 2,
        "LOG_SUM_OF_FRO_OVER_MARGIN": (math.log(d) + log_fro / d - math.log(m)) / 2,
        "PATH_NORM_OVER_MARGIN": math.sqrt(sum((a * b) ** 2) / gamma**2 / m),
        "log_norm": sum(map(math.log10, fro)) / d,
        "log_spectral_norm": sum(map(math.log10, spec)) / d,
        "stable_rank": sum(f / s for f, s in zip(fro, spec, strict=True)) / d,
    }
    weights = {"0.weight": np.diag(a), "1.weight": np.diag(b)}
    start = {"0.weight": np.diag(a0), "1.weight": np.diag(b0)}
    return Case(weights, start, "linear", m, known)


@cache
def table(c: float = 1.0, delta: float = 0.5, rows: int = ROWS) -> Case:
    """A table of two logits a row, (delta, 0), whose first class is right; it started at half of that.

    Noise of deviation s on both turns a row around when it exceeds delta: one row in ten does at
    s = delta / (sqrt(2) Z). Noise by magnitude has the variance s² delta² + eps² on the first and eps² on the second.
    """
    delta *= c
    sigma = delta / (math.sqrt(2) * Z)
    by_size = math.sqrt(1 / Z**2 - 2 * EPSILON**2 / delta**2)
    omega, total, way = 2 * rows, rows * delta**2, rows * delta**2 / 4
    below = rows * (math.log(EPSILON**2 + by_size**2 * delta**2 / 4) + math.log(EPSILON**2))

    def bound(square: float) -> float:
        return math.sqrt((square / (4 * sigma**2) + math.log(rows / sigma) + 10) / rows)

    def bound_by_size(square: float) -> float:
        above = omega * math.log(EPSILON**2 + (by_size**2 + 1) * square / omega)
        return math.sqrt(((above - below) / 4 + math.log(rows / by_size) + 10) / rows)

    known = {
        "PACBAYES_INIT": bound(way),
        "PACBAYES_ORIG": bound(total),
        "PACBAYES_FLATNESS": 1 / (sigma * math.sqrt(rows)),
        "PACBAYES_MAG_INIT": bound_by_size(way),
        "PACBAYES_MAG_ORIG": bound_by_size(total),
        "PACBAYES_MAG_FLATNESS": 1 / (by_size * math.sqrt(rows)),
        "sigma": sigma,
        "magnitude_sigma": by_size,
    }
    logits = np.column_stack([np.full(rows, delta), np.zeros(rows)])
    return Case({"weight": logits}, {"weight": logits / 2}, "table", rows, known)


@cache
def power_laws(c: float = 1.0) -> Case:
    """Two diagonal layers whose eigenvalues are quantiles of power laws, and what a search of all thresholds says."""
    u = (np.arange(200) + 0.5) / 200
    spectra = [c**2 * (1 - u) ** (-1 / (alpha - 1)) for alpha in (3.0, 2.2)]
    fits = [searched(values) for values in spectra]
    largest = [math.log10(values[-1]) for values in spectra]
    known = {
        "PL_alpha": sum(alpha for alpha, _ in fits) / 2,
        "PL_KS_distance": sum(distance for _, distance in fits) / 2,
        "alpha_weighted": sum(alpha * top for (alpha, _), top in zip(fits, largest, strict=True)) / 2,
        "log_alpha_norm": sum(
            math.log10(sum(v**alpha for v in values)) for (alpha, _), values in zip(fits, spectra, strict=True)
        )
        / 2,
    }
    return Case({f"{i}.weight": np.diag(np.sqrt(values)) for i, values in enumerate(spectra)}, known=known)


def searched(values: NDArray[np.float64]) -> tuple[float, float]:
    """Try every eigenvalue as the threshold, by the definition and in loops."""
    best = (math.inf, math.inf)
    for i in range(values.size - 1):
        tail = values[i:]
        alpha = 1 + tail.size / sum(math.log(v / tail[0]) for v in tail)
        law = [1 - (v / tail[0]) ** (1 - alpha) for v in tail]
        n = tail.size
        distance = max(max(abs(f - k / n), abs(f - (k + 1) / n)) for k, f in enumerate(law))
        if distance < best[1]:
            best = (alpha, distance)
    return best


@cache
def cut_off(c: float = 1.0) -> Case:
    """A diagonal layer with the quantiles of a truncated power law, which falls from its start on.

    The tail starts at the smallest quantile, where the law is 0 and the share of eigenvalues 1/n: nothing is farther.
    """
    beta, rate, count = 1.5, 0.05, 400
    grid = np.linspace(0.0, 7.0, 400_001)
    x = np.exp(grid)
    # Γ(−½, z) = 2 (z^−½ e^−z − Γ(½, z)), and the share above x is a ratio of two of them.
    z = rate * x
    above = z**-0.5 * np.exp(-z) - math.sqrt(math.pi) * gammaincc(0.5, z)
    u = (np.arange(count) + 0.5) / count
    values = c**2 * np.interp(u, 1 - above / above[0], x)
    known = {"E_TPL_beta": beta, "E_TPL_lambda": rate / c**2, "E_TPL_KS_distance": 1 / count}
    return Case({"0.weight": np.diag(np.sqrt(values))}, known=known)


@cache
def exponential(c: float = 1.0) -> Case:
    """A diagonal layer with the quantiles of an exponential: wherever its tail starts, its rate is the same."""
    u = (np.arange(400) + 0.5) / 400
    values = c**2 * (3.0 - np.log(1 - u) / 0.25)
    return Case({"0.weight": np.diag(np.sqrt(values))}, known={"EXP_lambda": 0.25 / c**2})


@cache
def bulk(c: float = 1.0) -> Case:
    """A 400 x 200 layer with the quantiles of the Marchenko-Pastur law, and one eigenvalue at four times its edge."""
    rows, columns = 400, 200
    q = columns / rows
    low, high = (1 - math.sqrt(q)) ** 2, (1 + math.sqrt(q)) ** 2
    x = np.linspace(low, high, 200_001)[1:-1]
    cumulative = np.cumsum(np.sqrt((high - x) * (x - low)) / x)
    u = (np.arange(columns - 1) + 0.5) / (columns - 1)
    values = rows * np.interp(u, cumulative / cumulative[-1], x)
    matrix = np.zeros((rows, columns))
    np.fill_diagonal(matrix, c * np.sqrt([*values, 4 * rows * high]))
    return Case({"0.weight": matrix}, known={"mp_softrank": 0.25})


OF = {name: build for build in (diagonal, table, power_laws, cut_off, exponential, bulk) for name in build().known}
"""The network on which each metric is worked out."""

TWO = math.log10(2.0)

# Metric: how near the closed form has to be (exact ones by rounding, levels of noise by the count of draws, fits by the
# finite number of quantiles), and what multiplying all weights by 2 makes of a value v.
TABLE = {
    "PARAM_NORM": (1e-12, lambda v: 2 * v),
    "FRO_DIST": (1e-12, lambda v: 2 * v),
    "DIST_SPEC_INIT": (1e-12, lambda v: 2 * v),
    "PATH_NORM": (1e-12, lambda v: 4 * v),
    "INVERSE_MARGIN": (1e-12, lambda v: v / 4),
    "LOG_PROD_OF_SPEC_OVER_MARGIN": (1e-12, lambda v: v),
    "LOG_SUM_OF_SPEC_OVER_MARGIN": (1e-12, lambda v: v),
    "LOG_PROD_OF_FRO_OVER_MARGIN": (1e-12, lambda v: v),
    "LOG_SUM_OF_FRO_OVER_MARGIN": (1e-12, lambda v: v),
    "PATH_NORM_OVER_MARGIN": (1e-12, lambda v: v),
    "PACBAYES_INIT": (0.01, lambda v: math.sqrt(v**2 - math.log(2) / ROWS)),
    "PACBAYES_ORIG": (0.01, lambda v: math.sqrt(v**2 - math.log(2) / ROWS)),
    "PACBAYES_FLATNESS": (0.01, lambda v: v / 2),
    # Of the two weights of a row one has not moved, so that its share in the sum stays ln(eps²).
    "PACBAYES_MAG_INIT": (0.005, lambda v: math.sqrt(v**2 + math.log(2) / 2)),
    "PACBAYES_MAG_ORIG": (0.005, lambda v: math.sqrt(v**2 + math.log(2) / 2)),
    "PACBAYES_MAG_FLATNESS": (0.01, lambda v: v),
    "log_norm": (1e-12, lambda v: v + 2 * TWO),
    "log_spectral_norm": (1e-12, lambda v: v + 2 * TWO),
    "mp_softrank": (0.01, lambda v: v),
    "stable_rank": (1e-12, lambda v: v),
    "PL_alpha": (1e-9, lambda v: v),
    "E_TPL_beta": (0.01, lambda v: v),
    "E_TPL_lambda": (0.02, lambda v: v / 4),
    "EXP_lambda": (0.02, lambda v: v / 4),
    "PL_KS_distance": (1e-9, lambda v: v),
    "E_TPL_KS_distance": (1e-6, lambda v: v),
    "alpha_weighted": (1e-9, lambda v: v + 2 * TWO * OF["PL_alpha"]().known["PL_alpha"]),
    "log_alpha_norm": (1e-9, lambda v: v + 2 * TWO * OF["PL_alpha"]().known["PL_alpha"]),
}

NAMES = """
    PARAM_NORM FRO_DIST DIST_SPEC_INIT PATH_NORM INVERSE_MARGIN LOG_PROD_OF_SPEC_OVER_MARGIN
    LOG_SUM_OF_SPEC_OVER_MARGIN LOG_PROD_OF_FRO_OVER_MARGIN LOG_SUM_OF_FRO_OVER_MARGIN PATH_NORM_OVER_MARGIN
    PACBAYES_INIT PACBAYES_ORIG PACBAYES_FLATNESS PACBAYES_MAG_INIT PACBAYES_MAG_ORIG PACBAYES_MAG_FLATNESS
    log_norm log_spectral_norm mp_softrank stable_rank PL_alpha E_TPL_beta E_TPL_lambda EXP_lambda PL_KS_distance
    E_TPL_KS_distance alpha_weighted log_alpha_norm
"""

every = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.torch] if "model" in METRICS[name].needs else []) for name in TABLE],
)
_TAKEN: dict[tuple[str, float], td.generalization.GeneralizationMetrics] = {}


def taken(name: str, scale: float, request: pytest.FixtureRequest) -> td.generalization.GeneralizationMetrics:
    """Take all metrics of the network on which this one is worked out."""
    needs = METRICS[name].needs
    key = (OF[name].__name__ + ("" if "model" in needs else " without torch"), scale)
    if key not in _TAKEN:
        case: Case = OF[name](scale)
        model, data = case.build(request.getfixturevalue("torch")) if "model" in needs else (None, None)
        _TAKEN[key] = td.generalization_metrics(case.weights, case.start, model, data, samples=case.samples)
    return _TAKEN[key]


@every
def test_it_is_what_the_hand_says(name: str, request: pytest.FixtureRequest):
    rel, _ = TABLE[name]
    assert taken(name, 1.0, request)[name].value == pytest.approx(OF[name]().known[name], rel=rel)


@every
def test_its_law_when_all_weights_are_doubled(name: str, request: pytest.FixtureRequest):
    rel, law = TABLE[name]
    before, after = (taken(name, scale, request)[name].value for scale in (1.0, 2.0))
    assert after == pytest.approx(law(before), rel=max(rel, 1e-6) if rel > 1e-6 else 1e-9, abs=1e-12)


def test_there_are_28_by_the_names_of_their_authors():
    assert [*METRICS] == NAMES.split()
    assert len(METRICS) == len(TABLE) == 28
    assert TABLE.keys() == METRICS.keys()
    kinds = [metric.kind for metric in METRICS.values()]
    assert (kinds.count("scale"), kinds.count("shape"), kinds.count("hybrid")) == (18, 8, 2)
    assert all(isinstance(metric, Definition) and metric.formula for metric in METRICS.values())


@pytest.mark.torch
def test_identity_networks(torch):
    """Three identity layers of side 16 on the unit vectors: every norm, margin and path is counted on fingers."""
    layers = [torch.nn.Linear(16, 16, bias=False) for _ in range(3)]
    for layer in layers:
        torch.nn.init.eye_(layer.weight)
    net = torch.nn.Sequential(*layers)
    start = {f"{i}.weight": np.eye(16) / 2 for i in range(3)}
    found = td.generalization_metrics(net, start, data=(torch.eye(16), torch.arange(16)))
    expected = {
        "PARAM_NORM": math.sqrt(3 * 16 / 16),
        "FRO_DIST": math.sqrt(3 * 16 / 4 / 16),
        "DIST_SPEC_INIT": math.sqrt(3 / 4 / 16),
        "PATH_NORM": 1.0,
        "INVERSE_MARGIN": 1 / 4,
        "LOG_PROD_OF_SPEC_OVER_MARGIN": -math.log(16) / 2,
        "LOG_SUM_OF_SPEC_OVER_MARGIN": (math.log(3) - math.log(16)) / 2,
        "LOG_PROD_OF_FRO_OVER_MARGIN": (3 * math.log(16) - math.log(16)) / 2,
        "LOG_SUM_OF_FRO_OVER_MARGIN": math.log(3) / 2,
        "PATH_NORM_OVER_MARGIN": 1.0,
        "log_norm": math.log10(16),
        "log_spectral_norm": 0.0,
        "stable_rank": 16.0,
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, rel=1e-6, abs=1e-12), name
    for name in ("PL_alpha", "PL_KS_distance", "alpha_weighted", "log_alpha_norm", "mp_softrank", "EXP_lambda"):
        assert found[name].value is None
        assert set(found[name].left_out.values()) == {"NO_SPREAD"}


@pytest.mark.torch
@pytest.mark.parametrize("relative", [False, True])
def test_the_noise_levels_themselves(relative, request: pytest.FixtureRequest):
    found = taken("PACBAYES_INIT", 1.0, request)
    name = "magnitude_sigma" if relative else "sigma"
    assert getattr(found, name) == pytest.approx(OF["PACBAYES_INIT"]().known[name], rel=0.01)


def test_the_table_of_the_documentation_says_the_same():
    page = Path(__file__).parents[2] / "docs" / "howto" / "generalization.md"
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.read_text(encoding="utf-8").splitlines()]
    told = {row[0]: row[2:4] for row in rows if len(row) == 6 and row[0] in METRICS}
    assert told == {name: [metric.kind, ", ".join(metric.needs)] for name, metric in METRICS.items()}
