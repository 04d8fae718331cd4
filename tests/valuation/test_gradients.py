"""`td.gradients` against torch's own gradients, example by example."""

import copy
import json
import math

import numpy as np
import pytest
from safetensors.numpy import load, save

import theodolite as td
from theodolite.core import ParameterError
from theodolite.generalization.evaluation import LogitsError
from theodolite.sources import Recorder
from theodolite.valuation import GradientSample, GradientSettings, GradientTargets, Tally

pytestmark = pytest.mark.torch

ROLES = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "o_proj": "output"}


def own_gradients(torch, model, tokens, targets, lengths=None):
    """Torch's gradient of every example alone, by the names of the parameters."""
    found = []
    for index in range(len(tokens)):
        alone = copy.deepcopy(model).eval()
        given = (tokens[index : index + 1],) + (() if lengths is None else (lengths[index : index + 1],))
        logits = alone(*given).reshape(-1, 13)
        torch.nn.functional.cross_entropy(logits, targets[index].reshape(-1)).backward()
        found.append({name: p.grad for name, p in alone.named_parameters() if p.ndim == 2})
    return found


def shape_of(torch, gradient):
    values = torch.linalg.svdvals(gradient).numpy()
    values = values[values > 1e-14 * values[0]]
    shares = values / values.sum()
    return values.sum(), math.exp(-np.sum(shares * np.log(shares)))


def values_of(readings, field, module, against=""):
    (row,) = [
        row
        for row in readings.where(f"gradient.{field}")
        if readings.target(row.target).module == module and row.against == against
    ]
    return row, readings.array(row)


def test_every_number_is_that_of_torchs_gradients(torch, transformer, text):
    model = transformer()
    found = td.gradients(model, text, null="none")
    own = own_gradients(torch, model, *text)
    linear = [name for name in own[0] if name != "embed_tokens.weight"]
    assert [t.target for t in found.targets if not t.listed_because][:-1] == [f"Tiny:{name}" for name in linear]
    for name in linear:
        module = name.removesuffix(".weight")
        expected = np.array([shape_of(torch, each[name]) for each in own])
        for column, field in enumerate(("nuclear_norm", "effective_rank")):
            row, values = values_of(found, field, module)
            np.testing.assert_allclose(values, expected[:, column], rtol=1e-10)
            assert row.value == pytest.approx(expected[:, column].mean(), rel=1e-10)
            assert row.se == pytest.approx(expected[:, column].std(ddof=1) / math.sqrt(5), rel=1e-9)
            assert (row.outcome, row.chance) == ("", None)


def test_every_cosine_is_that_of_torchs_gradients_and_no_pair_is_forgotten(torch, transformer, text):
    model = transformer()
    found = td.gradients(model, text, null="none")
    own = own_gradients(torch, model, *text)
    pairs = {(row.target, row.against): row for row in found if row.field.endswith("_cosine")}
    inner = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]
    expected = {
        (f"layers.{block}.{one}", f"layers.{block}.{two}")
        for block in (0, 1)
        for place, one in enumerate(inner)
        for two in inner[place + 1 :]
    } | {(f"layers.0.{name}", f"layers.1.{name}") for name in (*inner, "mlp.up_proj", "mlp.down_proj")}
    assert set(pairs) == {(f"Tiny:{one}.weight", f"Tiny:{two}.weight") for one, two in expected}
    for (one, two), row in pairs.items():
        first, second = (name.removeprefix("Tiny:") for name in (one, two))
        cosines = [
            float((each[first] * each[second]).sum() / (each[first].norm() * each[second].norm())) for each in own
        ]
        np.testing.assert_allclose(found.array(row), cosines, rtol=1e-10, atol=1e-12)
        assert row.value == pytest.approx(np.mean(cosines), abs=1e-12)
        role = ROLES.get(second.split(".")[-2])
        assert row.field == ("next_block_cosine" if first[:8] != second[:8] else f"{role}_cosine")


def test_under_grouped_queries_key_goes_with_value_and_query_with_output(transformer, text):
    found = td.gradients(transformer(shared=2), text, null="none")
    same = {
        (row.target[-13:-7], row.against[-13:-7]) for row in found if row.field in {"value_cosine", "output_cosine"}
    }
    assert same == {("k_proj", "v_proj"), ("q_proj", "o_proj")}
    assert not found.rows[0].field.startswith("key")
    assert "gradient.key_cosine" not in found.names


@pytest.mark.parametrize("batch_size", [2, 5, 64])
def test_examples_that_run_together_give_what_they_give_alone(torch, transformer, text, batch_size):
    model = transformer()
    alone = td.gradients(model, text, null="none")
    together = td.gradients(model, text, null="none", batch_size=batch_size)
    for one, other in zip(alone, together, strict=True):
        assert (one.target, one.field, one.against) == (other.target, other.field, other.against)
        if one.array:
            np.testing.assert_allclose(alone.array(one), together.array(other), rtol=1e-10, atol=1e-13)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*text), batch_size=3)
    again = td.gradients(model, loader, null="none")
    np.testing.assert_allclose(again.pivot(), alone.pivot(), rtol=1e-10, atol=1e-13)


def test_padding_under_a_mask_changes_nothing(torch, transformer, text):
    model = transformer()
    tokens, targets = (part.clone() for part in text)
    lengths = torch.tensor([7, 3, 5, 7, 2])
    for index, length in enumerate(lengths):
        targets[index, length:] = -100
        tokens[index, length:] = 12
    targets[:, 0] = 1
    padded = td.gradients(model, ((tokens, lengths), targets), null="none", batch_size=5)
    for index, length in enumerate(lengths):
        short = (tokens[index : index + 1, :length], targets[index : index + 1, :length])
        alone = td.gradients(model, short, null="none")
        for row in alone:
            if row.array:
                (same,) = [r for r in padded if (r.target, r.field, r.against) == (row.target, row.field, row.against)]
                np.testing.assert_allclose(padded.array(same)[index], alone.array(row)[0], rtol=1e-9, atol=1e-12)


def test_permuted_examples_give_permuted_numbers_and_repeated_ones_the_same_mean(transformer, text):
    model = transformer()
    tokens, targets = text
    order = [3, 1, 4, 0, 2]
    plain = td.gradients(model, text, null="none")
    moved = td.gradients(model, (tokens[order], targets[order]), null="none")
    twice = td.gradients(model, (tokens.repeat(2, 1), targets.repeat(2, 1)), null="none")
    for one, other, double in zip(plain, moved, twice, strict=True):
        if not one.array:
            continue
        np.testing.assert_allclose(moved.array(other), plain.array(one)[order], rtol=1e-12)
        assert double.value == pytest.approx(one.value, rel=1e-12)
        assert double.se == pytest.approx(one.se * math.sqrt(4 / 9), rel=1e-9)


def test_one_token_is_an_outer_product_of_rank_one(torch):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).double()
    x, y = torch.randn(4, 6, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    found = td.gradients(net, (x, y), null="none")
    assert found.pivot("gradient.effective_rank").dropna().to_numpy().ravel() == pytest.approx([1, 1], abs=1e-12)
    row = next(iter(found.where("gradient.nuclear_norm", module="2")))
    hidden = torch.tanh(net[0](x)).detach()
    errors = torch.softmax(net(x), 1).detach() - torch.nn.functional.one_hot(y, 3)
    np.testing.assert_allclose(found.array(row), (hidden.norm(dim=1) * errors.norm(dim=1)).numpy(), rtol=1e-12)


def test_one_example_has_no_standard_error(transformer, text):
    found = td.gradients(transformer(), text, examples=1)
    assert all(row.se is None for row in found)
    assert next(iter(found.where("gradient.examples"))).value == 1


def test_the_first_examples_are_those_of_all(transformer, text):
    model = transformer()
    every, first = (
        td.gradients(model, text, null="none"),
        td.gradients(model, text, null="none", examples=3, batch_size=2),
    )
    for one, other in zip(every, first, strict=True):
        if one.array:
            np.testing.assert_allclose(first.array(other), every.array(one)[:3], rtol=1e-10, atol=1e-13)


def test_an_example_without_a_target_is_a_zero_gradient_and_no_rank(transformer, text):
    tokens, targets = text
    targets[2] = -100
    found = td.gradients(transformer(), (tokens, targets), null="none")
    for row in found.where("gradient.nuclear_norm"):
        assert found.array(row)[2] == 0
        assert row.outcome == ""
    for name in ("gradient.effective_rank", "gradient.key_cosine", "gradient.next_block_cosine"):
        for row in found.where(name):
            assert found.array(row).size == 4
            assert (row.outcome, row.note, row.status) == ("SOME_WITHOUT_GRADIENT", "1 of 5", "note")
            assert math.isfinite(row.value)
    (loss,) = found.where("gradient.loss")
    assert (loss.outcome, loss.note, loss.status) == ("SOME_WITHOUT_TARGET", "1 of 5", "note")
    rest = td.gradients(transformer(), (tokens[[0, 1, 3, 4]], targets[[0, 1, 3, 4]]), null="none")
    for name in ("gradient.effective_rank", "gradient.value_cosine", "gradient.loss"):
        for one, other in zip(found.where(name), rest.where(name), strict=True):
            assert one.value == pytest.approx(other.value, rel=1e-12)


def test_no_gradient_at_all_is_an_outcome_and_never_nan(transformer, text):
    tokens, targets = text
    found = td.gradients(transformer(), (tokens, targets.new_full(targets.shape, -100)))
    assert {row.value for row in found.where("gradient.nuclear_norm")} == {0.0}
    for name in ("gradient.effective_rank", "gradient.output_cosine"):
        assert {(row.value, row.outcome) for row in found.where(name)} == {(None, "ALL_ZERO")}
    (loss,) = found.where("gradient.loss")
    assert (loss.value, loss.se, loss.chance, loss.outcome) == (None, None, None, "NO_TARGET")
    assert loss.status == "skipped"


def test_a_loss_of_your_own_may_give_every_target_a_meaning(transformer, text):
    tokens, targets = text
    wanted = targets.new_full((5,), -100)
    found = td.gradients(transformer(), (tokens, wanted), loss=lambda answer, aim: (answer.mean((1, 2)) - aim) ** 2)
    (loss,) = found.where("gradient.loss")
    assert (loss.outcome, found.array(loss).size) == ("", 5)
    assert loss.value == pytest.approx(1e4, rel=0.1)


def test_a_layer_that_is_never_called_says_so(torch, transformer, text):
    class Idle(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.idle = transformer(), torch.nn.Linear(3, 3)
            self.attention = torch.nn.MultiheadAttention(8, 2)

        def forward(self, tokens):
            return self.inner(tokens)

    found = td.gradients(Idle(), text)
    for module in ("idle", "attention.out_proj"):
        rows = list(found.where(module=module))
        assert rows
        assert {(row.value, row.outcome) for row in rows} == {(None, "NO_GRADIENT")}
    listed = {target.module: target.listed_because for target in found.targets}
    assert listed["inner.embed_tokens"].startswith("no linear layer")


def test_frozen_layers_are_listed_and_a_frozen_model_is_refused(transformer, text):
    model = transformer()
    model.layers[0].requires_grad_(False)
    found = td.gradients(model, text, null="none")
    listed = {target.target: target.listed_because for target in found.targets}
    assert listed["Tiny:layers.0.self_attn.q_proj.weight"] == "frozen: its weight requires no gradient"
    assert not [row for row in found if "layers.0" in row.target + row.against]
    whole = td.gradients(transformer(), text, null="none")
    for row in found:
        if row.array:
            (same,) = [r for r in whole if (r.target, r.field, r.against) == (row.target, row.field, row.against)]
            assert row.value == pytest.approx(same.value, rel=1e-12)
    model.requires_grad_(False)
    with pytest.raises(ParameterError, match=r"no gradient to look at .*frozen"):
        td.gradients(model, text)


def test_packed_projections_are_cut_apart(torch, text):
    nn = torch.nn

    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.attn = nn.Embedding(13, 8), nn.ModuleDict()
            self.attn["qkv"], self.attn["proj"] = nn.Linear(8, 24), nn.Linear(8, 8)
            self.head = nn.Linear(8, 13)

        def forward(self, tokens):
            x = self.embed(tokens)
            q, k, v = self.attn["qkv"](x).chunk(3, -1)
            return self.head(x + self.attn["proj"](torch.softmax(q @ k.transpose(1, 2), -1) @ v))

    torch.manual_seed(0)
    model = Packed().double()
    found = td.gradients(model, text, null="none")
    own = [each["attn.qkv.weight"] for each in own_gradients(torch, model, *text)]
    for part, name in enumerate(("query", "key", "value")):
        (row,) = found.where("gradient.effective_rank", part=name)
        expected = [shape_of(torch, each[8 * part : 8 * part + 8])[1] for each in own]
        np.testing.assert_allclose(found.array(row), expected, rtol=1e-10)
    (row,) = found.where("gradient.value_cosine", part="key")
    expected = [float((g[8:16] * g[16:]).sum() / (g[8:16].norm() * g[16:].norm())) for g in own]
    np.testing.assert_allclose(found.array(row), expected, rtol=1e-10, atol=1e-12)


def test_the_model_stays_as_it_is_whatever_happens(torch, transformer, text):
    model = transformer()
    model.train()
    model.layers[0].eval()
    model(text[0]).sum().backward()
    state = {name: p.detach().clone() for name, p in model.named_parameters()}
    grads = {name: p.grad.clone() for name, p in model.named_parameters()}

    def fails(answer, targets):
        raise KeyboardInterrupt

    with torch.no_grad():
        td.gradients(model, text)
    with torch.inference_mode():
        td.gradients(model, text, null="none", examples=1)
    with pytest.raises(KeyboardInterrupt):
        td.gradients(model, text, loss=fails)
    assert [layer.training for layer in (model, *model.layers)] == [True, False, True]
    assert not any(layer._forward_hooks or layer._backward_hooks for layer in model.modules())
    for name, p in model.named_parameters():
        assert torch.equal(p, state[name])
        assert torch.equal(p.grad, grads[name])
        assert p.requires_grad


def test_a_loss_of_your_own(torch, transformer, text):
    model, (tokens, _) = transformer(), text
    aims = np.linspace(-1, 1, 5)

    def squares(answer, wanted):
        return ((answer.mean(2) - wanted[:, None]) ** 2).mean(1)

    found = td.gradients(model, (tokens, aims), loss=squares)
    assert json.loads(found.rows[0].params) == {"draws": 1, "examples": 5, "loss": "squares", "null": "targets"}
    alone = copy.deepcopy(model)
    squares(alone(tokens[1:2]), torch.tensor(aims[1:2])).backward()
    _, values = values_of(found, "effective_rank", "layers.1.self_attn.v_proj")
    assert values[1] == pytest.approx(shape_of(torch, alone.layers[1].self_attn.v_proj.weight.grad)[1], rel=1e-10)


def test_the_null_deals_the_targets_out_and_keeps_everything_else(torch, transformer, text):
    model = transformer()
    seen = []

    def spy(answer, wanted):
        seen.append(wanted.clone())
        return torch.nn.functional.cross_entropy(answer.transpose(1, 2), wanted, reduction="none").mean(1)

    td.gradients(model, text, loss=spy, draws=2, seed=4)
    passes = [torch.cat(seen[first : first + 5]) for first in (0, 5, 10)]
    assert torch.equal(passes[0], text[1])
    for dealt in passes[1:]:
        assert torch.equal(dealt == -100, text[1] == -100)
        assert torch.equal(dealt.sort(descending=True).values.ravel().sort().values, text[1].ravel().sort().values)
        assert not torch.equal(dealt, text[1])
    assert not torch.equal(passes[1], passes[2])


def test_the_null_stands_beside_and_says_when_the_targets_matter(torch, transformer, text):
    model = transformer()
    tokens, targets = text
    with torch.no_grad():
        learned = model(tokens).argmax(2)
    learned[targets == -100] = -100
    model.lm_head.weight.data *= 20
    model.lm_head.bias.data *= 20
    found = td.gradients(model, (tokens, learned), draws=3)
    (loss,) = found.where("gradient.loss")
    assert loss.value < loss.chance
    for row in found.where("gradient.nuclear_norm"):
        assert row.value < row.chance
        assert row.percentile == 0
    same = td.gradients(model, (tokens, learned), draws=3)
    assert same.canonical() == found.canonical()
    other = td.gradients(model, (tokens, learned), draws=3, seed=1)
    assert [row.value for row in other] == [row.value for row in found]
    assert [row.chance for row in other] != [row.chance for row in found]
    constant = td.gradients(model, (tokens, torch.where(targets == -100, targets, 5)))
    for row in constant:
        assert row.chance is None or row.chance == pytest.approx(row.value, rel=1e-12, abs=1e-15)


def test_samples_merge_into_that_of_all_examples(torch, transformer, text):
    model = transformer()
    targets = GradientTargets.of(model, "*layers.0*")
    samples = [GradientSample(targets) for _ in range(4)]
    with Recorder(model, targets.layers) as recorder:
        logits = model(text[0])
        torch.nn.functional.cross_entropy(logits.transpose(1, 2), text[1], reduction="sum").backward()
        for place, example in enumerate(recorder.examples(5)):
            for sample in (samples[0], samples[1 + (place > 0) + (place > 2)]):
                sample.update(example)
    whole, first, second, third = samples
    states = []
    for left in (True, False):
        one, two, three = (copy.deepcopy(sample) for sample in (first, second, third))
        if left:
            one.merge(two)
            one.merge(three)
        else:
            two.merge(three)
            one.merge(two)
        states.append(one.state())
    for state in states:
        assert save(state) == save(whole.state())
    assert int(load(save(whole.state()))["count"]) == 5
    other = GradientSample(GradientTargets.of(model, "*layers.1*"))
    with pytest.raises(ValueError, match="other gradients"):
        whole.merge(other)
    assert (Tally(np.zeros(0), np.zeros(0, int), 3, True).mean, Tally(np.ones(1), np.zeros(1, int), 1, True).se) == (
        None,
        None,
    )


def test_readings_join_a_survey_and_a_report_is_written(transformer, text):
    model = transformer()
    found = td.gradients(model, text, layers="*self_attn*", name="net")
    assert {target.model for target in found.targets} == {"net"}
    listed = {target.listed_because for target in found.targets if target.module == "lm_head"}
    assert any(reason.startswith("left out by layers=") for reason in listed)
    survey = td.survey(model, td.Survey.of("quick", layers="*self_attn*"))
    mine = td.gradients(model, text, layers="*self_attn*")
    both = survey + mine
    assert len(both) == len(survey) + len(mine)
    assert both.pivot("power_law.alpha", "gradient.effective_rank").shape[1] == 2
    assert "q_proj" in td.report(mine, format="md")
    assert "<html" in td.report(mine)
    assert set(found.frame["measure"]) == {"gradient"}


def test_no_more_is_taken_from_an_iterator_than_is_asked_for(transformer, text):
    tokens, targets = text

    def endless():
        for place in range(4):
            yield tokens[place : place + 1], targets[place : place + 1]
        raise AssertionError("one batch too many")

    found = td.gradients(transformer(), endless(), examples=4)
    assert next(iter(found.where("gradient.examples"))).value == 4


def test_progress_counts_every_pass(transformer, text):
    seen = []
    td.gradients(transformer(), text, batch_size=2, draws=2, progress=seen.append)
    assert [(now.done, now.total) for now in seen] == [(done, 9) for done in range(10)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"null": "tokens"}, "null is 'tokens'"),
        ({"draws": 0}, "draws is 0; it must be an integer of at least 1"),
        ({"examples": 0}, "examples is 0"),
        ({"batch_size": True}, "batch_size is True"),
        ({"seed": -1}, "seed is -1"),
        ({"sed": 1}, "unknown option 'sed' of gradients; did you mean 'seed'"),
        ({"layers": "*nothing*"}, "no gradient to look at"),
        ({"loss": lambda answer, _: answer.mean()}, "it must give one number for each"),
    ],
)
def test_wrong_options_are_answered(transformer, text, options, says):
    with pytest.raises(ParameterError, match=says):
        td.gradients(transformer(), text, **{"batch_size": 5, **options})


def test_wrong_data_and_models_are_answered(torch, transformer, text):
    model = transformer()
    tokens, targets = text
    with pytest.raises(TypeError, match="Module"):
        td.gradients({"a": 1}, text)
    with pytest.raises(ParameterError, match="whole numbers"):
        td.gradients(model, (tokens, targets.double()))
    with pytest.raises(LogitsError, match="a target is 13, and the model has 13 classes"):
        td.gradients(model, (tokens, targets.clamp(min=0) + 13 - targets.clamp(min=0)))
    with pytest.raises(LogitsError, match="don't go with"):
        td.gradients(model, (tokens, targets[:, 0]))
    with pytest.raises(ValueError, match=r"the gradient of example 0 at Tiny:lay\S+ is not finite"):
        td.gradients(model, text, loss=lambda answer, _: (answer.sum((1, 2)) * 0).sqrt())
    with pytest.raises(ParameterError, match="no example with a target"):
        td.gradients(model, (tokens[:0], targets[:0]))
    with pytest.raises(ParameterError, match="data: the model can't be run on these inputs: index out of range"):
        td.gradients(model, (tokens + 13, targets))
    model.lm_head.bias.data[0] = float("nan")
    with pytest.raises(ValueError, match="1 of 1 examples give NaN"):
        td.gradients(model, text)
    assert GradientSettings(null="none").passes == 1
