"""Ranks in proportion to a score: closed forms, what must hold of any plan, and what a plan says of itself."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

import theodolite as td
from theodolite.act import Allocation, LayerRank, RankPlan, allocate
from theodolite.core import ParameterError
from theodolite.testing import with_eigenvalues

RANKED = {"layers.0.fc": (12, 30), "layers.1.fc": (24, 30), "layers.2.fc": (30, 24), "layers.3.fc": (60, 24)}


def equal_values(rows, columns, rank):
    """A matrix whose `rank` singular values are 1, so that its effective rank is `rank` and 90 % of energy too."""
    rng = np.random.default_rng(rank)
    left, right = (np.linalg.qr(rng.standard_normal((side, rank)))[0] for side in (rows, columns))
    return left @ right.T


@pytest.fixture
def ranked(tmp_path):
    """Four layers of effective rank 2, 4, 6 and 12, an embedding, a head, a norm and a convolution."""
    arrays = {f"{n}.weight": equal_values(*s, r) for (n, s), r in zip(RANKED.items(), (2, 4, 6, 12), strict=True)}
    arrays |= {"embed_tokens.weight": np.ones((50, 24)), "lm_head.weight": np.eye(50, 24)}
    arrays |= {"layers.0.norm.weight": np.ones(24), "layers.0.conv.weight": np.ones((4, 4, 3, 3))}
    save_file(arrays, tmp_path / "ranked.safetensors")
    return tmp_path / "ranked.safetensors"


def ranks(plan):
    return {layer.module: layer.rank for layer in plan.layers}


@pytest.mark.parametrize(("mean", "expected"), [(6, [2, 4, 6, 12]), (3, [1, 2, 3, 6]), (4.5, [2, 3, 4, 9])])
@pytest.mark.parametrize("by", ["effective_rank", "energy"])
def test_ranks_are_proportional_to_what_was_asked_for(ranked, by, mean, expected):
    # 90 % of 2, 4, 6, 12 equal values are held by 2, 4, 6 and 11 of them; 95 % by all.
    options = {"energy": 0.95} if by == "energy" else {}
    plan = allocate(ranked, by=by, budget=mean, unit="mean_rank", **options)
    assert list(ranks(plan)) == list(RANKED)
    assert list(ranks(plan).values()) == expected
    assert [layer.score for layer in plan.layers] == pytest.approx([2, 4, 6, 12])
    assert sum(expected) == int(mean * 4)
    assert plan.left_over == 0


def test_a_power_of_the_score(ranked):
    plan = allocate(ranked, by="effective_rank", beta=2, budget=10, unit="mean_rank", layers="layers.0.fc,layers.1.fc")
    assert list(ranks(plan).values()) == [4, 16]
    assert set(ranks(allocate(ranked, by="effective_rank", beta=0, budget=7, unit="mean_rank")).values()) == {7}


def test_parameters_are_counted_as_lora_counts_them_and_never_exceeded(ranked):
    costs = [sum(shape) for shape in RANKED.values()]
    for budget in range(sum(costs), 3000, 37):
        plan = allocate(ranked, by="effective_rank", budget=budget)
        spent = sum(rank * cost for rank, cost in zip(ranks(plan).values(), costs, strict=True))
        assert spent == plan.parameters == budget - plan.left_over
        # Their greatest common divisor is 6, and nothing nearer than a few of it is promised.
        assert 0 <= plan.left_over < min(costs)
        if budget == 308:
            # A floor, and the rank that fits into what is left: said as such, not as a rounding.
            assert "asks for no more than 1, the least, and gets one more of what would be left over" in plan.explain()
        assert all(1 <= layer.rank <= layer.side for layer in plan.layers)


def test_uniform_is_alike_to_one(ranked):
    for budget in (300, 1000, 3000):
        given = list(ranks(allocate(ranked, by="uniform", budget=budget)).values())
        assert max(given) - min(given) <= 1
    assert allocate(ranked, by="uniform", budget=1000).layers[0].score is None


def test_equal_layers_get_equal_ranks_to_one(tmp_path):
    rng = np.random.default_rng(0)
    array = rng.standard_normal((20, 30))
    save_file({f"h.{i}.fc.weight": rng.permutation(array) for i in range(7)}, tmp_path / "same.safetensors")
    given = list(ranks(allocate(tmp_path / "same.safetensors", by="alpha", budget=1234)).values())
    assert given == [4, 4, 4, 3, 3, 3, 3]


def test_caps_and_floors(ranked):
    plan = allocate(ranked, by="effective_rank", budget=20, unit="mean_rank")
    assert list(ranks(plan).values()) == [11, 21, 24, 24]
    assert "all there is" in plan.layers[2].explain()
    plan = allocate(ranked, by="effective_rank", budget=6, unit="mean_rank", floor=5)
    assert list(ranks(plan).values())[:2] == [5, 5]
    assert "no more than 5, the least" in plan.layers[0].explain()
    none = allocate(ranked, by="effective_rank", beta=4, budget=1, unit="mean_rank", floor=0)
    assert list(ranks(none).values()) == [0, 0, 0, 4]
    assert none.layers[0].explain().startswith("layers.0.fc: no adapter, because its effective rank 2 asks for 0.00")


@pytest.mark.parametrize("alpha", ["hill", "power_law"])
def test_alpha_is_the_measure_of_that_name(source, alpha):
    plan = allocate(source, budget=4, unit="mean_rank", alpha=alpha)
    assert len(plan.layers) == 4
    with td.open(source) as opened:
        for layer in plan.layers:
            measured = getattr(td.spectra, alpha)(opened[f"{layer.module}.weight"])
            assert layer.score == pytest.approx(float(measured.value if alpha == "hill" else measured.alpha))


def test_the_released_search_sees_all_eigenvalues(tmp_path):
    values = np.concatenate([np.full(30, 1e-9) * np.arange(1, 31), (1 - (np.arange(60) + 0.5) / 60) ** -1.0])
    save_file({"layers.0.fc.weight": with_eigenvalues(values, 100, 90)}, tmp_path / "net.safetensors")
    from theodolite.numerics.peak_search import peak_search

    plan = allocate(tmp_path / "net.safetensors", budget=3, unit="mean_rank", alpha="released")
    assert plan.layers[0].score == pytest.approx(peak_search(values).alpha, rel=1e-5)
    assert "released code" in plan.headline()


def test_a_layer_without_an_answer_gets_the_mean_of_the_others(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {f"layers.{i}.fc.weight": rng.standard_normal((20, 20)) * 2.0**i for i in range(3)}
    arrays["layers.1.fc.weight"] = np.zeros((20, 20))
    save_file(arrays, tmp_path / "net.safetensors")
    for alpha in ("hill", "released"):
        plan = allocate(tmp_path / "net.safetensors", budget=5, unit="mean_rank", alpha=alpha)
        assert plan.layers[1].score is None
        assert sum(layer.rank for layer in plan.layers) == 15
        said = plan.layers[1].explain()
        assert "is known, since every entry is zero" in said
        assert ", and the mean of the others asks for 5" in said
    arrays["layers.1.fc.weight"] = np.full((20, 20), np.nan)
    save_file(arrays, tmp_path / "nan.safetensors")
    for alpha in ("hill", "released"):
        plan = allocate(tmp_path / "nan.safetensors", budget=5, unit="mean_rank", alpha=alpha)
        assert "NaN or infinite entries" in plan.layers[1].explain()
    save_file({"layers.0.fc.weight": np.zeros((9, 9))}, tmp_path / "zero.safetensors")
    with pytest.raises(ParameterError, match="of no layer the Hill exponent is known"):
        allocate(tmp_path / "zero.safetensors", budget=3, unit="mean_rank")


def test_a_matrix_of_deficient_rank_has_no_exponent_by_the_released_code(ranked):
    with pytest.raises(ParameterError, match="of no layer the exponent by the released code is known"):
        allocate(ranked, budget=5, unit="mean_rank", alpha="released")


def test_packed_projections_are_one_layer(tmp_path):
    stacked = np.concatenate([equal_values(16, 16, rank) for rank in (2, 4, 9)])
    arrays = {"h.0.attn.in_proj_weight": stacked, "h.0.mlp.fc.weight": equal_values(16, 16, 5)}
    save_file(arrays, tmp_path / "packed.safetensors")
    plan = allocate(tmp_path / "packed.safetensors", by="effective_rank", budget=5, unit="mean_rank")
    packed, plain = plan.layers
    assert (packed.shape, packed.parameters) == ((48, 16), packed.rank * 64)
    assert (packed.score, plain.score) == (pytest.approx(5), pytest.approx(5))
    readings = td.survey(tmp_path / "packed.safetensors", ["effective_rank"])
    again = allocate(readings, by="effective_rank", budget=5, unit="mean_rank")
    assert [(layer.module, layer.shape, layer.rank) for layer in again.layers] == [
        (layer.module, layer.shape, layer.rank) for layer in plan.layers
    ]


def test_experts_stacked_in_one_tensor_have_no_adapter(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "layers.0.mlp.experts.gate_up_proj": rng.standard_normal((4, 16, 24)),
        "layers.0.fc.weight": rng.standard_normal((16, 16)),
    }
    save_file(arrays, tmp_path / "moe.safetensors")
    plan = allocate(tmp_path / "moe.safetensors", by="effective_rank", budget=2, unit="mean_rank", layers="*")
    assert list(ranks(plan)) == ["layers.0.fc"]


def test_a_model_without_blocks_and_what_layers_name(tmp_path, ranked):
    rng = np.random.default_rng(0)
    arrays = {"fc1.weight": rng.standard_normal((10, 20)), "embed.weight": rng.standard_normal((10, 20))}
    save_file(arrays, tmp_path / "flat.safetensors")
    plan = allocate(tmp_path / "flat.safetensors", by="effective_rank", budget=2, unit="mean_rank")
    assert list(ranks(plan)) == ["fc1"]
    named = allocate(ranked, by="uniform", budget=2, unit="mean_rank", layers="lm_head, embed_tokens")
    assert sorted(ranks(named)) == ["embed_tokens", "lm_head"]
    with pytest.raises(ParameterError, match="holds no matrix of a linear layer that matches layers='nope'"):
        allocate(ranked, budget=2, unit="mean_rank", layers="nope")


@pytest.mark.parametrize(
    "options",
    [
        {"budget": 3000},
        {"budget": 3000, "alpha": "power_law"},
        {"budget": 3000, "alpha": "released"},
        {"budget": 3000, "by": "effective_rank"},
        {"budget": 3000, "by": "energy"},
        {"budget": 11, "method": "alphalora", "alpha": "released"},
        {"budget": 0.4, "method": "welore"},
    ],
)
def test_readings_give_the_same_plan(source, options, tmp_path):
    readings = td.survey(source, ["hill", "effective_rank", "power_law"], store=tmp_path / "run")
    expected = allocate(source, **options, jobs=3)
    for given in (readings, td.read_run(tmp_path / "run")):
        found = allocate(given, **options)
        assert [(layer.module, layer.rank, layer.kept) for layer in found.layers] == [
            (layer.module, layer.rank, layer.kept) for layer in expected.layers
        ]
        assert [block.experts for block in found.blocks] == [block.experts for block in expected.blocks]
    assert allocate(source, **options) == expected


def test_readings_that_lack_something_say_what(source):
    readings = td.survey(source, ["stable_rank"])
    with pytest.raises(ParameterError, match=r"hold no hill\.value of net:.*survey again with 'hill'"):
        allocate(readings, budget=5000)
    with pytest.raises(ParameterError, match="carry no eigenvalues"):
        allocate(readings, budget=0.5, method="welore")
    with pytest.raises(ParameterError, match="carry no eigenvalues"):
        allocate(readings, budget=5000, by="energy")


def test_another_k_of_hill_is_passed_over(source):
    from functools import partial

    both = td.survey(source, [td.spectra.hill, partial(td.spectra.hill, k=5)])
    assert allocate(both, budget=3000).layers == allocate(source, budget=3000).layers
    with pytest.raises(ParameterError, match=r"hold no hill\.value"):
        allocate(td.survey(source, [partial(td.spectra.hill, k=5)]), budget=3000)


def test_readings_of_two_models_and_a_run_by_its_path(source, tmp_path):
    both = td.survey([source, td.open(source, model="other")], ["hill"])
    with pytest.raises(ParameterError, match="readings are of 2 models"):
        allocate(both, budget=3000)
    td.survey(source, ["hill"], store=tmp_path / "run")
    with pytest.raises(ParameterError, match=r"is a run; pass theodolite\.read_run"):
        allocate(tmp_path / "run", budget=3000)
    with pytest.raises(ParameterError, match="under the convention 'weightwatcher'"):
        allocate(td.survey(source, td.Survey.of("hill", convention="weightwatcher")), budget=3000)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "budget is missing"),
        ({"budget": 0}, "budget is 0; it must be above 0"),
        ({"budget": 10}, "budget is 10 parameters, and a floor of 1 for all 4 takes .*; raise it, lower floor"),
        ({"budget": 10**9}, "is all that 4 matrices hold; lower it"),
        ({"budget": 10.5}, "budget is 10.5; a number of parameters is whole"),
        ({"budget": "many"}, "budget is 'many'; it must be a number"),
        ({"budget": float("nan")}, "budget is nan"),
        ({"budget": 5, "by": "alhpa"}, "did you mean 'alpha'"),
        ({"budget": 5, "method": "alphalra"}, "did you mean 'alphalora'"),
        ({"budget": 5, "unit": "rank"}, "unit is 'rank'"),
        ({"budget": 5, "unit": "experts"}, "the budget of 'proportional' is in parameters or mean_rank"),
        ({"budget": 5, "by": "energy", "alpha": "hill"}, "alpha is 'hill', which goes with by='alpha'; by is 'energy'"),
        ({"budget": 5, "energy": 0.5}, "energy is 0.5, which goes with by='energy'"),
        ({"budget": 5, "by": "energy", "energy": 1.5}, "energy is 1.5; it must be a share"),
        ({"budget": 5, "beta": -1}, "beta is -1"),
        ({"budget": 5, "floor": -1}, "floor is -1"),
        ({"budget": 5, "floor": 1.5}, "floor is 1.5"),
        ({"budget": 5, "layers": " "}, "layers is ' '"),
        ({"budget": 5, "bugdet": 5}, "unknown option 'bugdet' of an allocation; did you mean 'budget'"),
        ({"budget": 0.5, "method": "welore", "by": "alpha"}, "WeLore goes by the singular values alone"),
        ({"budget": 0.5, "method": "welore", "beta": 2}, "WeLore has no power"),
        ({"budget": 1.5, "method": "welore"}, "the share that goes must be above 0 and below 1"),
        ({"budget": 5, "min_share": 0.5}, "min_share is 0.5, which goes with method='welore'"),
        ({"budget": 5, "method": "alphalora", "by": "energy"}, "AlphaLoRA goes by 'alpha'"),
        ({"budget": 5, "expert_rank": 4}, "expert_rank is 4, which goes with method='alphalora'"),
        ({"budget": 5, "method": "alphalora", "expert_rank": 0}, "expert_rank is 0"),
        ({"budget": 1, "method": "alphalora"}, "budget is 1 experts, and a floor of 1 for all 2 takes 2"),
        ({"budget": 5, "jobs": 0}, "jobs is 0"),
    ],
)
def test_wrong_options_are_named(source, options, match):
    with pytest.raises(ParameterError, match=match):
        allocate(source, **options)


def test_it_explains_itself_a_sentence_a_layer(ranked):
    lines = allocate(ranked, by="effective_rank", budget=1000).explain().splitlines()
    assert lines[0] == (
        "ranked, in proportion to effective rank: 4 of 4 layers get an adapter, of rank 2 to 7, with 996 parameters; "
        "4 are left over."
    )
    assert lines[1] == "layers.0.fc: rank 2 (84 parameters), because its effective rank 2 asks for 1.23, rounded up."
    assert lines[2] == "layers.1.fc: rank 2 (108 parameters), because its effective rank 4 asks for 2.45, rounded down."
    assert len(lines) == 5
    assert all(line.endswith(".") and line.count(". ") <= 1 for line in lines)


@pytest.mark.parametrize(
    "options",
    [{"budget": 3000}, {"budget": 9, "method": "alphalora"}, {"budget": 0.3, "method": "welore", "min_share": 0.2}],
)
def test_json_and_back(source, options):
    plan = allocate(source, **options)
    assert RankPlan.from_json(plan.to_json()) == plan
    record = json.loads(plan.to_json())
    assert record["parameters"] == plan.parameters
    with pytest.raises(ValueError, match="schema: got 7"):
        RankPlan.from_dict({**record, "schema": 7})
    with pytest.raises(ValueError, match="it is no plan of ranks"):
        RankPlan.from_dict({"schema": 1, "blocks": []})


def test_experts_are_a_power_of_the_blocks_mean(source):
    plan = allocate(source, method="alphalora", budget=12, expert_rank=3)
    with td.open(source) as opened:
        means = [
            np.mean(
                [float(td.spectra.hill(opened[f"layers.{i}.{n}.weight"]).value) for n in ("attention.query", "mlp.up")]
            )
            for i in range(2)
        ]
    shares = 12 * np.array(means) ** 2.5 / np.sum(np.array(means) ** 2.5)
    assert [block.alpha for block in plan.blocks] == pytest.approx(means)
    assert [block.share for block in plan.blocks] == pytest.approx(shares)
    assert sum(block.experts for block in plan.blocks) == 12
    assert all(abs(block.experts - share) < 1 for block, share in zip(plan.blocks, shares, strict=True))
    assert all(layer.rank == 3 * plan.blocks[layer.block].experts for layer in plan.layers)
    assert [block.top_k for block in plan.blocks] == [2, 2]
    assert (
        plan.explain().splitlines()[1].startswith(f"Block 0: {plan.blocks[0].experts} experts, because the mean Hill")
    )
    single = allocate(source, method="alphalora", budget=2)
    assert [block.top_k for block in single.blocks] == [1, 1]
    assert "1 expert of rank 8 makes one adapter" in single.explain()


def test_an_adapter_is_no_larger_than_its_matrix(source):
    plan = allocate(source, method="alphalora", budget=20, expert_rank=8)
    assert all(layer.rank == 48 for layer in plan.layers)
    assert "and 48 is the most it can have" in plan.layers[0].explain()


def test_a_description_in_words():
    assert Allocation(5, by="uniform").describe() == "alike for all"
    assert "0.8 of the energy" in Allocation(5, by="energy", energy=0.8).describe()
    assert Allocation(5, beta=2).describe().endswith("beta 2")
    assert "fitting tail" in Allocation(5, alpha="power_law").describe()
    layer = LayerRank("fc", "up", 0, (8, 4), 0, None, "x")
    assert layer.explain() == "fc: no adapter, because x."
