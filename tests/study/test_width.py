"""Width transfer: known exponents come back, verdicts follow the rule, and what can't be compared is refused."""

import json
import math

import numpy as np
import pytest

import theodolite as td
from theodolite.core import ParameterError
from theodolite.study.widths.scaling import log_log_slope, shape_distance, successive_ratios

WIDTHS = (16, 32, 64, 128)


def with_spectrum(rng, out, seen, largest):
    """A matrix with singular values largest * (1 - i/n): one shape at every size."""
    n = min(out, seen)
    left = np.linalg.qr(rng.normal(size=(out, n)))[0]
    right = np.linalg.qr(rng.normal(size=(seen, n)))[0]
    return (left * (largest * (1 - np.arange(n) / n))) @ right.T


def family(exponent, widths=WIDTHS, scale=3.0, jitter=0.0, seed=0):
    rng = np.random.default_rng(seed)
    models = {}
    for d in widths:
        noise = math.exp(jitter * rng.normal())
        models[f"d{d}"] = {
            "embed.weight": rng.normal(size=(50, d)),
            "blocks.0.up.weight": with_spectrum(rng, 4 * d, d, scale * d**exponent * noise),
            "blocks.0.down.weight": with_spectrum(rng, d, 4 * d, 2 * scale * d**exponent * noise),
            "blocks.0.ln.weight": np.full(d, 0.5) * d**0.25,
            "blocks.0.up.bias": np.zeros(4 * d),
        }
    return models


@pytest.mark.parametrize("exponent", [-0.25, 0.0, 0.25, 0.75])
def test_a_planted_exponent_comes_back(exponent):
    found = td.width_transfer(family(exponent))
    assert found.widths == WIDTHS
    judged = {matrix.name: matrix for matrix in found.judged}
    assert set(judged) == {"blocks.0.up.weight", "blocks.0.down.weight"}
    for matrix in judged.values():
        assert matrix.slope == pytest.approx(exponent, abs=1e-9)
        assert matrix.rms_slope == pytest.approx(exponent, abs=1e-9)
        assert matrix.high - matrix.low < 1e-7
        assert matrix.ratios == pytest.approx([2**exponent] * 3)
        assert matrix.sigma == pytest.approx([matrix.sigma[0] * (d / 16) ** exponent for d in WIDTHS])
        # Steps of 1/n are all that tells the shapes apart.
        assert matrix.shape_distance == pytest.approx(1 / 16 - 1 / 32, abs=1e-9)
        assert matrix.passes is (abs(exponent) <= 0.125)
        assert matrix.settled
    assert found.median_slope == pytest.approx(exponent, abs=1e-9)
    assert found.passes is (exponent == 0.0)


def test_gains_biases_embeddings_are_shown_and_not_judged():
    found = td.width_transfer(family(0.0))
    embedding = found.matrices[0]
    assert (embedding.name, embedding.kind, embedding.passes) == ("embed.weight", "vector-like", None)
    gain, bias = found.vectors
    assert (gain.name, gain.sizes) == ("blocks.0.ln.weight", WIDTHS)
    assert gain.slope == pytest.approx(0.25)
    assert bias.slope is None
    assert "all 0" in bias.note


def test_the_embedding_with_its_sides_brought_in():
    """Of Gaussian entries of one size, sigma_1 of a v x d matrix is near sqrt(v) + sqrt(d)."""
    embedding = td.width_transfer(family(0.0)).matrices[0]
    gains = [(math.sqrt(50) + math.sqrt(d)) * math.sqrt(d / 50) for d in WIDTHS]
    assert embedding.rms_slope == pytest.approx(log_log_slope(WIDTHS, gains).value, abs=0.05)


def test_intervals_cover_what_was_planted():
    """Of 300 families with lognormal scatter 95 % intervals miss the exponent in about 15, give or take 4."""
    missed = 0
    rng = np.random.default_rng(4)
    for _ in range(300):
        values = [d**0.3 * math.exp(0.2 * rng.normal()) for d in WIDTHS]
        slope = log_log_slope(WIDTHS, values)
        missed += not slope.low <= 0.3 <= slope.high
    assert 3 <= missed <= 30


def test_slopes_and_intervals_equal_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(1)
    values = np.exp(rng.normal(size=6))
    widths = np.array([8, 8, 16, 32, 64, 64])
    expected = stats.linregress(np.log(widths), np.log(values))
    reach = stats.t.ppf(0.95, 4) * expected.stderr
    slope = log_log_slope(widths, values, 0.9)
    assert slope.value == pytest.approx(expected.slope)
    assert (slope.low, slope.high) == pytest.approx((expected.slope - reach, expected.slope + reach))


def test_two_models_give_a_ratio_and_say_so():
    found = td.width_transfer(family(0.5, widths=(16, 32)))
    up = found.judged[0]
    assert up.ratios == pytest.approx([math.sqrt(2)])
    assert up.slope == pytest.approx(0.5)
    assert up.low is up.high is up.settled is None
    assert "a ratio is all there is" in found.explain()
    assert "without an interval" in up.explain()


def test_an_interval_across_the_tolerance_is_not_settled():
    found = td.width_transfer(family(0.0, widths=(16, 32, 64), jitter=0.3))
    assert not any(matrix.settled for matrix in found.judged)


def test_seeds_of_one_width_narrow_the_interval():
    models = family(0.0, jitter=0.1)
    alone = td.width_transfer(models)
    again = {f"{name}-again": model for name, model in family(0.0, jitter=0.1, seed=3).items()}
    together = td.width_transfer(models | again)
    assert together.widths == (16, 16, 32, 32, 64, 64, 128, 128)
    assert len(together.judged[0].ratios) == 3
    assert "sigma[d16-again]" in together.frame.columns
    assert together.judged[0].high - together.judged[0].low < alone.judged[0].high - alone.judged[0].low


def test_shapes_that_differ_are_told_apart():
    rng = np.random.default_rng(0)
    flat, falling = np.ones(40), np.linspace(1, 0.025, 40)
    models = [{"w.weight": np.diag(5 * flat)}, {"w.weight": np.diag(np.concatenate([falling, falling]))}]
    assert td.width_transfer(models).judged[0].shape_distance == pytest.approx(1 - 1 / 40)
    assert shape_distance(flat, 7 * flat) == 0
    one, other = rng.exponential(size=200), rng.exponential(size=300)
    stats = pytest.importorskip("scipy.stats")
    expected = stats.ks_2samp(one / one.max(), other / other.max()).statistic
    assert shape_distance(one, other) == pytest.approx(expected)
    assert shape_distance(other, one) == pytest.approx(expected)


def test_widths_are_told_from_the_shapes_or_given():
    models = family(0.0)
    assert "the side met most often among the 5 of 5 growing sides" in td.width_transfer(models).width_is
    given = td.width_transfer(models, widths=[1, 2, 4, 8])
    assert given.widths == (1, 2, 4, 8)
    assert given.width_is == "as they were given"
    named = {name: 1000 / int(name[1:]) for name in models}
    assert td.width_transfer(models, widths=named).models == tuple(reversed(models))


def test_models_are_sorted_by_width():
    models = family(0.75)
    found = td.width_transfer(dict(reversed(models.items())))
    assert found.models == tuple(models)
    assert found.judged[0].slope == pytest.approx(0.75)


def test_kernels_grow_by_channels_and_not_by_positions():
    rng = np.random.default_rng(0)
    models = [
        {"conv1.weight": rng.normal(size=(d, 1, 7, 7)), "conv2.weight": rng.normal(size=(2 * d, d, 3, 3))}
        for d in (8, 16, 32)
    ]
    found = td.width_transfer(models)
    assert found.widths == (8, 16, 32)
    assert [matrix.kind for matrix in found.matrices] == ["vector-like", "matrix-like"]
    assert found.matrices[1].shapes == ((16, 72), (32, 144), (64, 288))


def test_names_can_be_brought_together():
    narrow, wide = ({"a.weight": np.eye(d)} for d in (4, 8))
    other = {"model.a.weight": wide["a.weight"], "model.b.weight": np.eye(8)}
    with pytest.raises(ParameterError, match=r"no matrix has the same name.*see rename"):
        td.width_transfer([narrow, other])
    found = td.width_transfer([narrow, other], rename={r"^model\.": ""})
    assert [matrix.name for matrix in found.matrices] == ["a.weight"]
    assert found.unmatched == {"b.weight": ("model 1",)}
    assert "b.weight: only in model 1." in found.explain()
    with pytest.raises(ParameterError, match="two tensors"):
        td.width_transfer([narrow, other], rename={r"^model\.[ab]": "a"})


def test_what_has_no_slope_is_a_note_and_no_number():
    models = family(0.0)
    models["d32"]["blocks.0.up.weight"] = np.zeros((128, 32))
    models["d64"]["blocks.0.down.weight"] = np.full((64, 256), np.nan)
    found = td.width_transfer(models)
    rows = {matrix.name: matrix for matrix in found.matrices}
    assert rows["blocks.0.up.weight"].note == "it is zero at width 32"
    assert "at width 64" in rows["blocks.0.down.weight"].note
    assert found.judged == ()
    assert not found.passes
    assert "of the matrices that grow, 2 are zero or not finite" in found.headline()
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert json.loads(text)["passes"] is False
    # One that can't be judged is not passed over: the others pass, and the family doesn't.
    del models["d64"]["blocks.0.down.weight"], models["d32"]["blocks.0.up.weight"]
    rest = td.width_transfer({name: model | {"sound.weight": np.eye(int(name[1:]))} for name, model in models.items()})
    assert rest.passes
    broken = {name: model | {"zero.weight": np.zeros((int(name[1:]),) * 2)} for name, model in models.items()}
    one_lost = td.width_transfer(
        {name: model | {"sound.weight": np.eye(int(name[1:]))} for name, model in broken.items()}
    )
    assert all(matrix.passes for matrix in one_lost.judged)
    assert not one_lost.passes
    assert "and 1 is zero or not finite: the family fails." in one_lost.headline()


@pytest.mark.parametrize(
    ("models", "options", "words"),
    [
        ([{"a.weight": np.eye(3)}], {}, "got 1"),
        ([], {}, "got 0"),
        ("model", {}, "expected several models"),
        ([{"a.weight": np.eye(3)}, {"a.weight": np.eye(3)}], {}, "give the widths"),
        ([{"a.weight": np.eye(3)}, {"a.weight": np.eye(4)}], {"widths": [3]}, "got 1 for 2 models"),
        ([{"a.weight": np.eye(3)}, {"a.weight": np.eye(4)}], {"widths": [3, -4]}, "positive"),
        ([{"a.weight": np.eye(3)}, {"a.weight": np.eye(4)}], {"widths": [3, 3]}, "all are the same"),
        ({"a": {"a.weight": np.eye(3)}, "b": {"a.weight": np.eye(4)}}, {"widths": {"a": 3}}, "none is given for 'b'"),
        ([{"a.weight": np.eye(3)}, {"a.weight": np.eye(4)}], {"tolerance": 0}, "tolerance"),
        ([{"a.weight": np.eye(3)}, {"a.weight": np.eye(4)}], {"level": 95}, "level"),
    ],
)
def test_what_cannot_be_compared_is_refused(models, options, words):
    with pytest.raises(ParameterError, match=words):
        td.width_transfer(models, **options)


def test_the_result_is_a_table_a_text_and_json():
    found = td.width_transfer(family(0.75))
    frame = found.frame
    assert list(frame["name"]) == [matrix.name for matrix in found.matrices]
    assert frame["sigma[128]"].iloc[1] == pytest.approx(3 * 128**0.75)
    assert "0 of 2 matrices keep their largest singular value through widths 16, 32, 64, 128" in found.headline()
    told = found.explain()
    assert found.rule in told
    assert "σ₁ grows as width^0.750" in told
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["median_slope"] == pytest.approx(0.75)
    assert "curves" not in record["matrices"][0]


def test_ratios_of_seeds_are_those_of_geometric_means():
    assert successive_ratios([1, 1, 2], [1.0, 4.0, 6.0]) == pytest.approx((3.0,))


@pytest.mark.torch
def test_live_modules(torch):
    modules = [torch.nn.Sequential(torch.nn.Linear(d, 2 * d), torch.nn.LayerNorm(2 * d)) for d in (4, 8, 16)]
    found = td.width_transfer(modules)
    assert found.widths == (4, 8, 16)
    assert [matrix.name for matrix in found.matrices] == ["0.weight"]
    assert [vector.name for vector in found.vectors] == ["0.bias", "1.weight", "1.bias"]
    assert found.vectors[1].slope == pytest.approx(0)
