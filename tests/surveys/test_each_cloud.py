"""Runs over single clouds: one neighbour pass for all, what is kept, what is resumed, what is refused."""

import numpy as np
import pytest

import theodolite as td
from theodolite.catalogue import measures as catalogue
from theodolite.core import Cloud, CrossMoments, ParameterError, surroundings
from theodolite.surveys import Request, Survey, read_run
from theodolite.surveys import each_cloud as running
from theodolite.surveys.each_cloud import asked_of_clouds, of_one_cloud, run_clouds
from theodolite.surveys.labels import needs_data

ASKED = ["two_nn", "mle[k=12]", "gride[largest=32]", "lid[k=40]"]


@pytest.fixture
def clouds():
    rng = np.random.default_rng(3)
    return {f"layer{k}": rng.random((150 + 10 * k, k)) @ rng.standard_normal((k, 12)) for k in (1, 2, 3)}


@pytest.fixture
def passes(monkeypatch):
    """Numbers of neighbours that were looked for."""
    looked = []
    find = surroundings.nearest_neighbours

    def counted(points, k, **options):
        looked.append(k)
        return find(points, k, **options)

    monkeypatch.setattr(surroundings, "nearest_neighbours", counted)
    return looked


@pytest.fixture
def asked(monkeypatch):
    """Questions that were put, as (cloud, measure)."""
    put = []
    ask = running.ask

    def noted(about, *rest):
        put.append((about.row.module, about.question.request.name))
        return ask(about, *rest)

    monkeypatch.setattr(running, "ask", noted)
    return put


def by_name(run):
    return {(row.target, row.measure, row.field): row for row in run.readings}


def test_every_number_is_that_of_a_direct_call(clouds):
    found = by_name(run_clouds(clouds, ASKED))
    for name, points in clouds.items():
        for call, direct in (
            ("two_nn", td.dimension.two_nn(points)),
            ("mle", td.dimension.mle(points, k=12)),
            ("gride", td.dimension.gride(points, largest=32)),
            ("lid", td.dimension.lid(points, k=40)),
        ):
            row = found[f"arrays:{name}", call, "dimension"]
            interval = direct.intervals["dimension"]
            # A longer list may come by another tile, and its last digit with it.
            assert row.value == pytest.approx(float(direct.dimension), rel=1e-9)
            assert (row.se, row.low, row.high) == pytest.approx((interval.se, interval.low, interval.high), rel=1e-6)
            assert (row.level, row.against, row.unit) == (0.95, "", "dimensions")


def test_the_neighbours_of_a_cloud_are_found_once_however_measures_are_ordered(clouds, passes):
    run_clouds(clouds, ASKED)
    assert passes == [40, 40, 40]
    passes.clear()
    run_clouds({"only": clouds["layer1"][:20]}, [*reversed(ASKED)])
    assert passes == [19], "as many as there are"
    passes.clear()
    run_clouds({"only": clouds["layer2"]}, ["two_nn", "gride[largest=32]"])
    assert passes == [32]
    passes.clear()
    run_clouds({"only": clouds["layer2"]}, ["two_nn", "tight_local[k=45]"])
    assert passes == [45], "also for one that looks at the rows beside"
    passes.clear()
    run_clouds(clouds, ["pca_dimension"])
    assert passes == [], "nothing is looked for that nobody asked for"
    run_clouds({"only": clouds["layer2"]}, ["two_nn", "mle[k=170]"])
    assert passes == [5], "nor for a measure that declines, since there are 170 points"


LOOKING = [name for name, one in catalogue().items() if one.traits.neighbours is not None]
ASKED_OTHERWISE = [
    "mle[k=4]",
    "gride[largest=100]",
    "gride[neighbour=40,largest=2]",
    "mind[k=1]",
    "knn_graph_dimension[k=2]",
    "knn_graph_dimension[share=0.5]",
    "ph_dimension[plan=gptid]",
    "ph_dimension[share=0.4]",
    "class_separability[normalised=false]",
]


DECLINED = {("gride[neighbour=40,largest=2]", 45), ("ph_dimension[plan=gptid]", 45), ("local_pca", 45)}


def test_no_other_measure_looks_at_neighbours(passes):
    assert len(LOOKING) >= 18
    cloud, labels = Cloud(np.random.default_rng(6).random((60, 3))), [0, 1, 2] * 20
    for name, one in catalogue().items():
        if of_one_cloud(one.traits) and name not in LOOKING:
            assert "neighbours" not in one.traits.needs
            one(*[cloud, labels][: 1 + bool(needs_data(one))])
    assert passes == []


@pytest.mark.parametrize("asked", [*LOOKING, *ASKED_OTHERWISE])
def test_a_measure_looks_for_as_many_neighbours_as_it_says(asked, passes):
    request = Request.of(asked)
    for count in (200, 45):
        rows = np.random.default_rng(4).random((count, 5))
        cloud = Cloud(rows)
        passes.clear()
        labels = [np.arange(count) % 3] if needs_data(request.measure) else []
        if (asked, count) in DECLINED:
            with pytest.raises(td.Refusal):
                request.measure(cloud, *labels, **request.parameters)
            continue
        request.measure(cloud, *labels, **request.parameters)
        told = request.measure.traits.neighbours(count, request.completed("theodolite"))
        if told:
            assert passes == [told]
        else:
            assert cloud.neighbours(1) is not None
            assert passes[1:] == [1], "of rows of its own, and none of the cloud's"


@pytest.mark.parametrize("count", [30, 160])
def test_all_measures_together_need_one_pass(count, passes):
    """Those whose lists grow with the number of points, and that are asked last, too."""
    rows = np.random.default_rng(5).random((count, 4))
    every = [name for name in LOOKING if name != "class_separability"]
    for order in (every, every[::-1]):
        passes.clear()
        asked = [*order, "class_separability[normalised=false]"]
        found = run_clouds({"only": rows}, asked, labels=np.arange(count) % 3)
        assert len(passes) == 1
        assert {row.measure for row in found.readings if row.value is not None} >= {"two_nn", "gride", "mada"}
        assert not [row for row in found.readings if row.status == "failed"]


def test_the_same_run_again_asks_nothing_and_another_measure_or_cloud_its_own_alone(clouds, asked, passes, tmp_path):
    first = run_clouds(clouds, ["two_nn", "mle"], store=tmp_path / "run")
    assert len(asked) == 6
    asked.clear(), passes.clear()
    again = run_clouds(clouds, ["two_nn", "mle"], store=tmp_path / "run")
    assert (asked, passes) == ([], [])
    assert again.readings.canonical() == first.readings.canonical()
    run_clouds(clouds, ["two_nn", "mle[k=10]"], store=tmp_path / "run")
    assert asked == [(name, "mle") for name in sorted(clouds, reverse=True)], "the largest first"
    asked.clear()
    run_clouds(clouds | {"layer2": clouds["layer2"] + 1.0}, ["two_nn"], store=tmp_path / "run")
    assert asked == [("layer2", "two_nn")], "other content"


def test_an_interrupted_run_goes_on(clouds, asked, tmp_path):
    def stop(now):
        if now.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_clouds(clouds, ["two_nn"], store=tmp_path / "run", progress=stop)
    assert len(asked) == 1
    asked.clear()
    went_on = run_clouds(clouds, ["two_nn"], store=tmp_path / "run")
    assert len(asked) == 2
    assert went_on.readings.canonical() == run_clouds(clouds, ["two_nn"]).readings.canonical()


def test_jobs_change_nothing(clouds):
    one, two = (run_clouds(clouds, ASKED, jobs=jobs).readings.canonical() for jobs in (1, 2))
    assert one == two


def test_a_cloud_that_cannot_be_measured_has_outcomes_and_the_others_numbers(clouds):
    broken = np.ones((40, 3))
    broken[3, 1] = np.nan
    found = by_name(run_clouds(clouds | {"dead": np.ones((50, 4)), "broken": broken}, ["two_nn", "mle"]))
    for measure in ("two_nn", "mle"):
        assert found["arrays:dead", measure, "dimension"].outcome == "TOO_FEW_POINTS"
        assert found["arrays:broken", measure, "dimension"].outcome == "NOT_FINITE_ROWS"
        assert found["arrays:dead", measure, "dimension"].value is None
        assert found["arrays:layer2", measure, "dimension"].value == pytest.approx(2, abs=0.5)
    few = by_name(run_clouds({"few": clouds["layer1"][:10]}, ["two_nn", "mle"]))
    assert few["arrays:few", "two_nn", "dimension"].value is not None
    assert few["arrays:few", "mle", "dimension"].outcome == "TOO_FEW_POINTS"


def test_drawing_starts_from_the_seed_and_the_content(clouds):
    def values(seed, names=tuple(clouds)):
        run = run_clouds({name: clouds[name] for name in names}, Survey.of(["decimation[halvings=2]"], seed=seed))
        return {row.target: row.value for row in run.readings if row.field == "dimension"}

    first = values(1)
    assert values(1) == first
    assert values(2) != first
    assert values(1, ("layer3",))["arrays:layer3"] == first["arrays:layer3"]


def test_arrays_are_kept_with_the_numbers(clouds, tmp_path):
    run_clouds(clouds, ["gride"], store=tmp_path / "run")
    kept = read_run(tmp_path / "run")
    row = next(row for row in kept if row.target == "arrays:layer3" and row.field == "dimension")
    file = row.array.partition("#")[0]
    expected = td.dimension.gride(clouds["layer3"]).extra
    for name in ("radii", "dimensions", "standard_errors"):
        np.testing.assert_allclose(kept.array(f"{file}#{name}"), expected[name], rtol=1e-6)


def test_clouds_may_differ_in_rows_and_layers_are_chosen(clouds):
    run = run_clouds([clouds, {"layer1": clouds["layer1"][:60]}], Survey.of(["two_nn"], layers="*1"))
    assert run.clouds == ("arrays:layer1", "arrays 2:layer1")
    with pytest.raises(ParameterError, match="matches nothing"):
        run_clouds(clouds, Survey.of(["two_nn"], layers="*9"))


def test_a_cloud_that_is_given_keeps_its_neighbours(clouds, passes):
    cloud = Cloud(clouds["layer3"])
    cloud.neighbours(50)
    run_clouds({"given": cloud}, ASKED)
    assert passes == [50]


def test_clouds_of_which_only_moments_are_known_have_outcomes(clouds):
    moments = CrossMoments()
    moments.update({name: clouds[name][:100] for name in ("layer1", "layer2")})
    found = by_name(run_clouds({"net": moments}, ["two_nn", "decimation"]))
    assert len({target for target, *_ in found}) == 2
    assert {row.outcome for row in found.values()} == {"NEEDS_ROWS"}


@pytest.mark.parametrize(
    ("measures", "says"),
    [
        (["cka"], "cka is no measure of one cloud; theodolite similarity and td.all_pairs compare"),
        (["stable_rank"], "stable_rank is no measure of one cloud"),
        (["barycentre"], "barycentre is no measure of one cloud"),
        (["label_sharpness"], "label_sharpness needs labels beside the cloud; give one for each row: labels="),
        (["two_n"], "did you mean 'two_nn'"),
        (["mle[k=1]"], "'k' is 1"),
        ([], "at least one"),
    ],
)
def test_what_is_no_measure_of_one_cloud(measures, says):
    with pytest.raises(ParameterError, match=says):
        asked_of_clouds(measures)


def test_bad_input(clouds):
    with pytest.raises(ParameterError, match="the list is empty"):
        run_clouds([])
    with pytest.raises(ParameterError, match="got ndarray"):
        run_clouds(clouds["layer1"])
    with pytest.raises(ParameterError, match="holds no clouds"):
        run_clouds({})
    with pytest.raises(ValueError, match="jobs: got 0"):
        run_clouds(clouds, jobs=0)
