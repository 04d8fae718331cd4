"""Plans in the real PEFT: every adapter has the rank that was planned, and nothing else has one."""

import json
import re

import pytest

from theodolite.act import Allocation, LayerRank, RankPlan, allocate
from theodolite.core import ParameterError

pytestmark = pytest.mark.torch


@pytest.fixture(scope="session")
def peft(torch):
    return pytest.importorskip("peft", reason="needs the extra [peft]")


@pytest.fixture(scope="session")
def transformers(torch):
    return pytest.importorskip("transformers", reason="needs the extra [peft]")


@pytest.fixture
def bert(torch, transformers):
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 11, "num_attention_heads": 2}
    return transformers.BertModel(transformers.BertConfig(vocab_size=40, max_position_embeddings=16, **sizes)).eval()


def adapters(model):
    """Rank and scaling of every adapter, by the name of its module."""
    found = {}
    for name, module in model.named_modules():
        if hasattr(module, "lora_A") and "default" in module.lora_A:
            place = name.removeprefix("base_model.model.")
            found[place] = (module.r["default"], module.scaling["default"])
    return found


def trained(model):
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


@pytest.mark.parametrize("by", ["alpha", "effective_rank", "energy", "uniform"])
def test_trained_parameters_are_the_plans_count(peft, bert, by):
    plan = allocate(bert, by=by, budget=30_000, beta=3)
    options = plan.to_peft(bert, scaling=2.0)
    wrapped = peft.get_peft_model(bert, peft.LoraConfig(**json.loads(json.dumps(options))))
    assert trained(wrapped) == plan.parameters
    assert adapters(wrapped) == {layer.module: (layer.rank, 2.0) for layer in plan.layers}
    assert len({rank for rank, _ in adapters(wrapped).values()}) > (1 if by != "uniform" else 0)


def test_saved_and_loaded_it_is_the_same(peft, torch, bert, tmp_path):
    plan = allocate(bert, by="alpha", beta=8, budget=4_000, floor=0)
    assert any(layer.rank == 0 for layer in plan.layers)
    state = {name: value.clone() for name, value in bert.state_dict().items()}
    wrapped = peft.get_peft_model(bert, peft.LoraConfig(**plan.to_peft(bert)))
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name:
                parameter.normal_(generator=torch.Generator().manual_seed(1))
    inputs = torch.arange(12).reshape(1, 12)
    expected = wrapped(inputs).last_hidden_state
    wrapped.save_pretrained(tmp_path)
    fresh = type(bert)(bert.config).eval()
    fresh.load_state_dict(state)
    again = peft.PeftModel.from_pretrained(fresh, tmp_path).eval()
    assert adapters(again) == adapters(wrapped)
    assert sum(p.numel() for n, p in again.named_parameters() if "lora_" in n) == plan.parameters
    assert torch.equal(again(inputs).last_hidden_state, expected)
    with again.disable_adapter():
        assert not torch.allclose(again(inputs).last_hidden_state, expected)


def test_rank_0_is_left_out(peft, bert):
    plan = allocate(bert, by="alpha", beta=8, budget=4_000, floor=0)
    none = {layer.module for layer in plan.layers if not layer.rank}
    assert none
    wrapped = peft.get_peft_model(bert, peft.LoraConfig(**plan.to_peft(bert)))
    assert adapters(wrapped).keys() == {layer.module for layer in plan.layers} - none
    assert trained(wrapped) == plan.parameters


def test_layers_that_hold_their_matrix_in_x_out(peft, torch, transformers):
    torch.manual_seed(0)
    sizes = {"vocab_size": 40, "n_positions": 16, "n_embd": 32, "n_layer": 2, "n_head": 2}
    gpt2 = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))
    plan = allocate(gpt2, by="effective_rank", budget=6_000)
    assert {layer.module.rpartition(".")[2] for layer in plan.layers} == {"c_attn", "c_proj", "c_fc"}
    wrapped = peft.get_peft_model(gpt2, peft.LoraConfig(**plan.to_peft(gpt2), fan_in_fan_out=True))
    assert trained(wrapped) == plan.parameters
    assert adapters(wrapped) == {layer.module: (layer.rank, 1.0) for layer in plan.layers}


def test_the_head_and_the_embedding_where_they_are_named(peft, bert):
    plan = allocate(bert, by="uniform", budget=2_000, layers="embeddings.*, pooler.*")
    wrapped = peft.get_peft_model(bert, peft.LoraConfig(**plan.to_peft(bert)))
    assert trained(wrapped) == plan.parameters
    assert "pooler.dense" in adapters(wrapped)


def nested(torch):
    """A net in which names of layers are the ends of names of others, and hold what means something in a pattern."""
    deep = torch.nn.ModuleDict({"fc": torch.nn.Linear(8, 8)})
    inner = torch.nn.ModuleDict({"fc": torch.nn.Linear(8, 8), "deep": deep})
    outer = {name: torch.nn.Linear(8, 8) for name in ("fc", "f+c", "fxc")}
    return torch.nn.ModuleDict({**outer, "inner": inner})


def planned(ranks):
    layers = tuple(LayerRank(name, "other", 0, (8, 8), rank, None, "it was asked for") for name, rank in ranks.items())
    return RankPlan("net", Allocation(1000), layers)


ALL = {"fc": 2, "inner.fc": 3, "inner.deep.fc": 4, "f+c": 1, "fxc": 5}
TURNED = {"inner.deep.fc": 4, "inner.fc": 3, "fc": 2}
WITH_NONE = {"fc": 2, "inner.fc": 0, "inner.deep.fc": 2}


@pytest.mark.parametrize(
    ("ranks", "checked"),
    [
        (ALL, True),
        (ALL, False),
        (TURNED, True),
        (TURNED, False),
        (WITH_NONE, True),
        (WITH_NONE, False),
        ({"fc": 2}, True),
        ({"fc": 2}, False),
        ({"inner.fc": 2, "f+c": 2}, True),
    ],
)
def test_every_key_fits_its_module_alone(peft, torch, ranks, checked):
    net = nested(torch)
    plan = planned(ranks)
    options = plan.to_peft(net if checked else None)
    wrapped = peft.inject_adapter_in_model(peft.LoraConfig(**options), net)
    assert {name: rank for name, (rank, _) in adapters(wrapped).items()} == {n: r for n, r in ranks.items() if r}
    assert trained(wrapped) == plan.parameters


def test_keys_are_anchored_and_escaped_and_the_commonest_rank_needs_none():
    options = planned({"h.0.a": 4, "h.1.a": 4, "h.2.a": 7, "h.3.a": 0}).to_peft(scaling=0.5)
    assert options == {
        "r": 4,
        "lora_alpha": 2,
        "target_modules": r"(?:h\.0\.a|h\.1\.a|h\.2\.a)",
        "rank_pattern": {r"^h\.2\.a": 7},
        "alpha_pattern": {r"^h\.2\.a": 3.5},
    }
    for key in options["rank_pattern"]:
        assert re.match(rf"(.*\.)?({key})$", "h.2.a")
        for other in ("x.h.2.a", "h.2xa", "h.2.a.b", "h.12.a"):
            assert not re.match(rf"(.*\.)?({key})$", other)


def test_a_model_that_holds_the_planned_one_is_no_silent_mistake(peft, torch):
    plan = planned({"fc": 2, "f+c": 5})
    outer = torch.nn.ModuleDict({"bert": nested(torch)})
    with pytest.raises(ValueError, match=r"(?i)target modules .* not found"):
        peft.inject_adapter_in_model(peft.LoraConfig(**plan.to_peft()), outer)
    wrapped = peft.inject_adapter_in_model(peft.LoraConfig(**plan.to_peft(prefix="bert.")), outer)
    assert {name: rank for name, (rank, _) in adapters(wrapped).items()} == {"bert.fc": 2, "bert.f+c": 5}


def test_names_that_are_not_in_the_model_are_listed(torch, bert):
    plan = allocate(bert, by="uniform", budget=1, unit="mean_rank")
    whole = torch.nn.ModuleDict({"bert": bert, "classifier": torch.nn.Linear(32, 2)})
    with pytest.raises(
        ParameterError,
        match=r"66 of the plan's 66 layers .*'encoder.layer.0.*they are there under 'bert.': pass prefix=",
    ):
        plan.to_peft(whole)
    options = plan.to_peft(whole, prefix="bert.")
    assert all(name.startswith("bert.encoder.layer.") for name in options["target_modules"])
    with pytest.raises(ParameterError, match=r"1 of the plan's 2 layers are not among its modules: 'fcc'; .*'fc'"):
        planned({"fcc": 2, "fxc": 2}).to_peft(nested(torch))


def test_a_model_of_another_shape_is_refused(torch):
    with pytest.raises(ParameterError, match=r"'fc' holds 8 x 9, and the plan is for 8 x 8"):
        planned({"fc": 2}).to_peft(torch.nn.ModuleDict({"fc": torch.nn.Linear(9, 8)}))
    with pytest.raises(ParameterError, match=r"'fc' holds no matrix"):
        planned({"fc": 2}).to_peft(torch.nn.ModuleDict({"fc": torch.nn.ReLU()}))


def test_a_plan_without_adapters_and_a_scaling_that_is_none():
    with pytest.raises(ParameterError, match="gives no layer an adapter"):
        planned({"fc": 0}).to_peft()
    for scaling in (0, -1.0, float("nan"), True):
        with pytest.raises(ParameterError, match="scaling is"):
            planned({"fc": 2}).to_peft(scaling=scaling)


@pytest.mark.shared
def test_all_minilm(peft, transformers, minilm, tmp_path):
    model = transformers.BertModel.from_pretrained(minilm)
    plan = allocate(minilm, budget=200_000)
    wrapped = peft.get_peft_model(model, peft.LoraConfig(**plan.to_peft(model)))
    assert trained(wrapped) == plan.parameters == 199_680
    assert adapters(wrapped) == {layer.module: (layer.rank, 1.0) for layer in plan.layers}
