"""exponential_tail: the printed distances, the closed form, a planted start, and what is refused."""

import json

import numpy as np
import pytest

from theodolite.core import Outcome, Spectrum
from theodolite.spectra import exponential_tail


@pytest.mark.shared
@pytest.mark.parametrize("name", ["good", "mediocre", "bad"])
def test_printed_distances(shared, name):
    values = np.load(shared / f"data/spectra/tail_{name}.npy")
    numbers = json.loads((shared / "reference/ref_spectra.json").read_text())["nlp_three_ESDs"]
    fit = exponential_tail(Spectrum.from_eigenvalues(values), xmin="peak", convention="powerlaw")
    assert round(float(fit.distance), 2) == numbers["published_in_figure"][name]["EXP_D"]
    assert float(fit.rate) == pytest.approx(numbers["own_fit_no_xmax"][name]["EXP_rate"], rel=0.01)
    # The figure's "exponent" is the cut-off rate of another law, an order of magnitude lower for the good one.
    assert float(fit.rate) > 1.5 * numbers["published_in_figure"][name]["EXP_printed"]


def test_the_rate_is_one_over_the_mean_excess():
    values = np.sort(np.random.default_rng(0).exponential(3.0, 250) + 1.0)
    fit = exponential_tail(Spectrum.from_eigenvalues(values))
    tail = values[values >= float(fit.xmin)]
    assert tail.size == int(fit.tail_size)
    assert float(fit.rate) == pytest.approx(1 / (tail.mean() - tail[0]), rel=1e-12)


def test_a_planted_start_is_found(planted):
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.uniform(0.01, 2.0, 60), 2.0 - np.log1p(-(np.arange(240) + 0.5) / 240) / 0.4])
    fit = exponential_tail(planted(np.sort(values)))
    assert float(fit.xmin) == pytest.approx(2.0, abs=0.3)
    assert float(fit.rate) == pytest.approx(0.4, rel=0.05)
    assert float(fit.distance) < 0.02


def test_exponential_draws_give_back_their_rate_without_bias():
    rng = np.random.default_rng(5)
    found = []
    for _ in range(60):
        fit = exponential_tail(Spectrum.from_eigenvalues(1.0 + rng.exponential(0.5, 300)))
        found.append((float(fit.rate) - 2.0) * np.sqrt(int(fit.tail_size)) / 2.0)
    assert abs(np.mean(found)) < 0.7
    assert 0.8 < np.std(found) < 2.5  # the search adds to the spread of a known start, which is 1


def test_a_short_tail_is_noted():
    fit = exponential_tail(Spectrum.from_eigenvalues(1.0 + np.random.default_rng(0).exponential(1.0, 20)))
    assert [(note.outcome, note.field) for note in fit.notes] == [(Outcome.SHORT_TAIL, "rate")]


def test_refusals(refusal, no_tail):
    matrix, outcome = no_tail
    assert refusal(exponential_tail, matrix) is outcome


def test_what_is_not_finite_is_refused(not_finite):
    not_finite(exponential_tail)
