"""Gradients of the real architectures of transformers, built small and at random, against torch's own."""

import copy
import math

import numpy as np
import pytest

import theodolite as td

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers", reason="needs transformers")


def built(torch, transformers, family):
    torch.manual_seed(0)
    size = {"vocab_size": 31}
    if family == "gpt2":
        config = transformers.GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=16, **size)
        model = transformers.GPT2LMHeadModel(config)
    elif family == "llama":
        heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2}
        config = transformers.LlamaConfig(hidden_size=16, intermediate_size=24, **heads, **size)
        model = transformers.LlamaForCausalLM(config)
    else:
        heads = {"num_attention_heads": 2, "num_hidden_layers": 2}
        config = transformers.BertConfig(hidden_size=16, intermediate_size=24, **heads, **size)
        model = transformers.BertForMaskedLM(config)
    return model.double()


def examples(torch):
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randint(3, 31, (3, 9), generator=generator)
    targets = torch.randint(0, 31, (3, 9), generator=generator)
    mask = torch.ones_like(tokens)
    mask[1, 6:] = 0
    targets[1, 6:] = -100
    targets[:, :2] = -100
    return {"input_ids": tokens, "attention_mask": mask}, targets


def own(torch, model, inputs, targets, index):
    alone = copy.deepcopy(model).eval()
    answer = alone(**{name: one[index : index + 1] for name, one in inputs.items()})
    torch.nn.functional.cross_entropy(answer.logits[0], targets[index]).backward()
    return {name: p.grad for name, p in alone.named_parameters()}


def rank_of(torch, gradient):
    values = torch.linalg.svdvals(gradient).numpy()
    shares = values[values > 1e-14 * values[0]] / values.sum()
    return math.exp(-np.sum(shares * np.log(shares)))


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert"])
def test_every_rank_is_that_of_torchs_gradient(torch, transformers, family):
    model = built(torch, transformers, family)
    inputs, targets = examples(torch)
    found = td.gradients(model, (inputs, targets), null="none", batch_size=3)
    gradients = [own(torch, model, inputs, targets, index) for index in range(3)]
    rows = list(found.where("gradient.effective_rank"))
    assert len(rows) == {"gpt2": 12, "llama": 15, "bert": 13}[family]
    for row in rows:
        target = found.target(row.target)
        name = f"{target.module}.weight"
        whole = [each[name].T if family == "gpt2" else each[name] for each in gradients]
        if target.part:
            first = 16 * ("query", "key", "value").index(target.part)
            whole = [each[first : first + 16] for each in whole]
        assert target.shape == tuple(whole[0].shape)
        np.testing.assert_allclose(found.array(row), [rank_of(torch, each) for each in whole], rtol=1e-9)


@pytest.mark.parametrize(
    ("family", "same", "following"),
    [
        ("gpt2", {"qk", "qv", "qo", "kv", "ko", "vo"}, 6),
        ("llama", {"kv", "qo"}, 7),
        ("bert", {"qk", "qv", "qo", "kv", "ko", "vo"}, 6),
    ],
)
def test_cosines_are_taken_where_shapes_agree(torch, transformers, family, same, following):
    found = td.gradients(built(torch, transformers, family), examples(torch), null="none", examples=1)
    pairs = {}
    for row in found.frame.query("field.str.endswith('_cosine')").itertuples():
        first, second = (found.target(name) for name in (row.target, row.against))
        if row.field == "next_block_cosine":
            assert (first.role, first.block, second.block) == (second.role, 0, 1)
            pairs.setdefault("next", []).append(row.target)
        else:
            assert row.field == f"{second.role}_cosine"
            pairs.setdefault(first.block, set()).add(first.role[0] + second.role[0])
    assert pairs[0] == pairs[1] == same
    assert len(pairs["next"]) == following


def test_self_and_cross_attention_of_one_block_are_kept_apart(torch, transformers):
    config = transformers.T5Config(
        vocab_size=31, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    torch.manual_seed(0)
    model = transformers.T5ForConditionalGeneration(config).double()
    inputs, targets = examples(torch)
    given = {**inputs, "decoder_input_ids": inputs["input_ids"]}
    found = td.gradients(model, (given, targets), null="none", examples=1)
    same = {(row.target, row.against) for row in found if row.field in {"key_cosine", "value_cosine", "output_cosine"}}
    attentions = {tuple(name.rpartition(".")[0].rpartition(".")[0] for name in pair) for pair in same}
    assert all(one == other for one, other in attentions)
    assert len(attentions) == 6
    assert len(same) == 6 * 6
