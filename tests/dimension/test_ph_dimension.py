"""ph_dimension: the growth of minimum spanning trees."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist
from scipy.stats import t

from theodolite.core import Cloud, Missing, Outcome, Refusal
from theodolite.dimension import ph_dimension
from theodolite.dimension._growth import growth_fields
from theodolite.numerics.growth_law import Growth, growing_parts, line, random_parts, smallest_part
from theodolite.numerics.mst import spanning_trees


def torus(count, dimension, seed=0):
    # Distances of neighbours are all but those of the flat torus, and there is no edge.
    return np.exp(2j * np.pi * np.random.default_rng(seed).random((count, dimension))).view(float)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5])
def test_a_torus_has_its_dimension(alpha):
    found = [ph_dimension(torus(2000, 2, seed), alpha=alpha, rng=seed) for seed in range(5)]
    inverse = np.mean([float(one.inverse) for one in found])
    errors = np.asarray([float(one.intervals["inverse"].se) for one in found])
    assert abs(inverse - 0.5) < 3 * np.sqrt((errors**2).mean() / 5) + 0.006  # the torus is curved
    assert (errors < 0.01).all()


def test_alpha_counts():
    # 1 / (1 - slope), which GPTID's code gives for every alpha, is half of the dimension at alpha = 0.5, and less than
    # half of it for squares: its numbers for a cube of five dimensions are 9.35 and 2.24.
    rows = np.random.default_rng(0).random((1500, 5))
    for alpha in (0.5, 2.0):
        found = ph_dimension(rows, alpha=alpha)
        without = 1.0 / (1.0 - float(found.slope))
        assert float(found.dimension) == pytest.approx(alpha * without)
        assert 4.2 < float(found.dimension) < 5.2
        assert abs(without - 4.7) > 2
    assert float(found.inverse) == pytest.approx(1 / float(found.dimension))


def test_by_hand():
    rows = np.random.default_rng(1).normal(size=(120, 6))
    found = ph_dimension(rows, alpha=1.5, repeats=2, rng=7)
    rng = np.random.default_rng(7)
    parts = growing_parts(120, 40, 6, (2, 8), rng)
    sizes, means = [], []
    for part in (part for part, group in zip(parts.members, parts.group, strict=True) if group == 0):
        tree = minimum_spanning_tree(cdist(rows[part], rows[part])).data
        sizes.append(part.size)
        means.append((tree**1.5).sum())
    grouped = [np.mean([m for s, m in zip(sizes, means, strict=True) if s == size]) for size in sorted(set(sizes))]
    slope, r_squared, _ = line(sorted(set(sizes)), grouped)
    assert float(found.slope) == pytest.approx(slope, rel=1e-10)
    assert float(found.r_squared) == pytest.approx(r_squared, rel=1e-10)
    assert found.extra["sizes"].tolist() == sorted(set(sizes))
    assert sizes[0] == 40
    assert sizes[-1] == 120


@pytest.mark.parametrize(
    ("data", "spread"),
    [
        ("hyperBall d5 n2000 in R10", 0.2),
        ("affine cube d20 in R100 n2000", 1.5),
        ("swiss_roll n2000", 0.08),
        ("digits", 0.7),
        ("wine(standardised)", 1.2),
    ],
)
def test_near_what_scikit_dimension_gives(known, data, spread):
    # Other parts of other sizes, from another generator: only the distribution can agree.
    cloud, given = known[data]
    theirs = given["skdim.PH(alpha=1,nsteps=10,subsamples=3,seed0)"]
    found = ph_dimension(cloud)
    assert abs(float(found.dimension) - theirs) < spread
    if data.startswith(("hyperBall", "swiss_roll n2000")):  # one rerun of GPTID's on up to 512 points
        assert abs(float(found.dimension) - given["GPTID.PHD(alpha=1,n_reruns=1,50:512:40,np.seed0)"]) < 2 * spread


def test_the_plan_of_gptid():
    rows = np.random.default_rng(2).normal(size=(222, 20))
    found = ph_dimension(rows, plan="gptid", rng=3)
    assert found.extra["sizes"].tolist() == [40, 66, 92, 118, 144, 170]
    rng, slopes = np.random.default_rng(3), []
    for _ in range(3):
        medians = []
        for size in found.extra["sizes"]:
            orders = np.tile(np.arange(222), (7 if 2 * size < 222 else 3, 1))
            parts = [rows[order[:size]] for order in rng.permuted(orders, axis=1)]
            lengths = [minimum_spanning_tree(cdist(part, part)).sum() for part in parts]
            medians.append(np.median(lengths))
        slopes.append(np.polyfit(np.log(found.extra["sizes"]), np.log(medians), 1)[0])
    assert float(found.slope) == pytest.approx(np.mean(slopes), rel=1e-9)
    interval = found.intervals["slope"]
    assert float(interval.se) == pytest.approx(np.std(slopes, ddof=1) / np.sqrt(3), rel=1e-6)
    assert float(interval.high - interval.low) == pytest.approx(2 * t.ppf(0.975, 2) * float(interval.se), rel=1e-9)
    with pytest.raises(Refusal, match="80 needed"):
        ph_dimension(rows[:79], plan="gptid")


def test_intervals_cover(clouds):
    for shape, several in clouds.items():
        found = [ph_dimension(cloud, rng=seed) for seed, cloud in enumerate(several[:40])]
        values = np.asarray([float(one.inverse) for one in found])
        intervals = [one.intervals["inverse"] for one in found]
        assert np.mean([one.low <= values.mean() <= one.high for one in intervals]) >= 0.87, shape
        assert 0.7 * values.std() < np.mean([one.se for one in intervals]) < 1.5 * values.std(), shape
        ends = found[0].intervals["dimension"], intervals[0]
        assert float(ends[0].low) == pytest.approx(1 / float(ends[1].high))


def test_a_slope_of_one_is_no_dimension():
    # Points at the corners of a simplex all lie equally far apart: the tree grows as their number does.
    found = ph_dimension(np.eye(100))
    assert isinstance(found.dimension, Missing)
    assert found.dimension.outcome is Outcome.NO_LESS_LENGTH
    assert float(found.slope) > 1
    assert float(found.inverse) < 0


def test_doubts():
    few = ph_dimension(np.random.default_rng(3).normal(size=(60, 4)))
    assert Outcome.SMALL_PARTS in {note.outcome for note in few.notes}
    assert not ph_dimension(torus(300, 2)).notes
    # Clumps of points: few parts see more than one point of a clump.
    rng = np.random.default_rng(4)
    clumps = (rng.normal(size=(60, 1, 5)) + 1e-4 * rng.normal(size=(60, 8, 5))).reshape(-1, 5)
    assert Outcome.BENT_LINE in {note.outcome for note in ph_dimension(clumps, share=0.1).notes}
    many = ph_dimension(np.random.default_rng(5).normal(size=(300, 12)))
    assert [note.outcome for note in many.notes] == [Outcome.TOO_FEW_FOR_DIMENSION]
    with pytest.raises(Refusal, match="16 needed"):
        ph_dimension(np.random.default_rng(0).normal(size=(15, 3)))


def test_an_interval_down_to_zero_bounds_no_dimension():
    unsure = Growth(0.98, 0.02, 0.999, 0.0, [40, 100], np.ones(2))
    fields = growth_fields(Cloud(torus(100, 2)), unsure, 0.5, 0)
    assert float(fields["dimension"]) == pytest.approx(25.0)
    assert "dimension" not in fields["intervals"]
    assert float(fields["intervals"]["inverse"].se) == pytest.approx(0.04)
    assert float(fields["intervals"]["inverse"].low) < 0
    assert "standard error" in fields["notes"][0].detail


def test_duplicates_and_powers_of_large_numbers():
    rows = np.random.default_rng(5).normal(size=(150, 4))
    one, other = ph_dimension(rows, alpha=3.0), ph_dimension(np.concatenate([rows, rows[:30]]), alpha=3.0)
    assert float(other.dimension) == pytest.approx(float(one.dimension), rel=1e-9)
    assert float(other.duplicates) == 30
    assert float(ph_dimension(1e60 * rows, alpha=3.0).dimension) == pytest.approx(float(one.dimension), rel=1e-9)


def test_parts_come_up_evenly():
    rng = np.random.default_rng(6)
    drawn = random_parts(np.arange(100, 200), 25, 3, rng)
    assert len(drawn) == 12
    assert (np.bincount(np.concatenate(drawn))[100:] == 3).all()
    assert len(random_parts(np.arange(100), 100, 3, rng)) == 1
    assert [smallest_part(count, 0.2) for count in (20, 60, 100, 1000)] == [10, 30, 40, 200]
    parts = growing_parts(101, 40, 4, (1, 2), rng)
    for group, size in ((1, 50), (2, 51), (3, 50), (4, 51)):
        members = {int(i) for part, own in zip(parts.members, parts.group, strict=True) if own == group for i in part}
        assert len(members) == size


def test_lists_that_run_out_are_counted_and_the_trees_are_exact_all_the_same():
    """Of clumps of 100 points the lists of 64 neighbours hold the clump alone, and trees go on to the next one."""
    rng = np.random.default_rng(8)
    rows = (100 * rng.normal(size=(5, 1, 4)) + rng.normal(size=(5, 100, 4))).reshape(-1, 4)
    cloud = Cloud(rows)
    found = ph_dimension(cloud, rng=2)
    parts = growing_parts(500, 100, 6, (3, 8), np.random.default_rng(2))
    searched = spanning_trees(cloud.neighbours(64), parts.members, cloud.points).searched
    assert float(found.searched) == searched > 0
    whole = [members for members, group in zip(parts.members, parts.group, strict=True) if group == 0]
    assert found.extra["sizes"].tolist() == sorted({members.size for members in whole})
    means = [
        np.mean([minimum_spanning_tree(cdist(rows[m], rows[m])).sum() for m in whole if m.size == size])
        for size in found.extra["sizes"]
    ]
    np.testing.assert_allclose(found.extra["lengths"] / found.extra["lengths"][-1], means / means[-1], rtol=1e-10)
