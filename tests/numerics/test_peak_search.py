"""The search near the peak against the loop that defines it, and the slip in its lower end."""

import numpy as np
import pytest

from theodolite.numerics.peak_search import peak_search


def by_definition(values):
    """Every start in order, the exponent and the distance written out."""
    ordered = np.sort(values)
    size = len(ordered)
    counts, edges = np.histogram(np.log10(ordered), bins=100)
    peak = 10 ** edges[np.argmax(counts)]
    best = (1.0, None, None)
    for start in range(size - 1):
        xmin = ordered[start]
        if xmin < np.log10(0.95 * peak) or xmin > 1.5 * peak:
            continue
        number = size - start
        alpha = 1 + number / np.sum(np.log(ordered[start:] / xmin))
        gap = np.abs(1 - (ordered[start:] / xmin) ** (1 - alpha) - np.arange(number) / number)
        if gap.max() < best[0]:
            best = (gap.max(), alpha, xmin)
    return best, peak


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0, 1e4])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_loop(seed, scale):
    rng = np.random.default_rng(seed)
    values = scale * np.linalg.svd(rng.standard_normal((60, 90)) * rng.random(90), compute_uv=False) ** 2
    (distance, alpha, xmin), peak = by_definition(values)
    found = peak_search(rng.permutation(values))
    assert found.alpha == pytest.approx(alpha, rel=1e-12)
    assert found.distance == pytest.approx(distance, rel=1e-9)
    assert found.xmin == pytest.approx(xmin)
    assert found.peak == pytest.approx(peak)


def test_the_logarithm_in_the_lower_end_makes_it_depend_on_the_scale():
    # The fullest bin is at 20, and the law starts at 1: a start that the code tries where log10(19 c) is below c.
    values = np.concatenate([(1 - (np.arange(400) + 0.5) / 400) ** -0.5, np.full(60, 20.0)])
    tried, not_tried = peak_search(1e-3 * values), peak_search(0.15 * values)
    assert tried.xmin == pytest.approx(1e-3, rel=0.01)
    assert not_tried.xmin > 0.15 * 2
    assert abs(tried.alpha - not_tried.alpha) > 0.1


def test_a_sample_of_a_law_gives_its_exponent():
    u = (np.arange(2000) + 0.5) / 2000
    assert peak_search((1 - u) ** -0.5).alpha == pytest.approx(3.0, abs=0.05)


def test_equal_eigenvalues_have_no_exponent():
    assert peak_search(np.ones(20)) is None


@pytest.mark.parametrize("values", [[], [0.0, 1.0], [-1.0, 1.0], [1.0, np.nan], [[1.0, 2.0]]])
def test_what_has_no_logarithm_is_refused(values):
    with pytest.raises(ValueError, match="eigenvalues: expected positive finite numbers"):
        peak_search(values)
