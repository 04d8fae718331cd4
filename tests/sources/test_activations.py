"""Recording activations: the rows are what the layers gave, and nothing of the recorder stays behind."""

import copy

import numpy as np
import pytest

import theodolite as td
from theodolite.core import ParameterError, Refusal
from theodolite.sources import ActivationRecorder, Recorder, record_features
from theodolite.sources.activation_layers import chosen_layers

pytestmark = pytest.mark.torch

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_forward_hooks_with_kwargs")


def traces(model):
    """Everything about a model that recording could leave changed."""
    hooks = {(path, name): len(getattr(layer, name)) for path, layer in model.named_modules() for name in HOOKS}
    modes = {path: layer.training for path, layer in model.named_modules()}
    state = {name: each.clone() for name, each in model.state_dict().items()}
    flags = {name: (p.requires_grad, p.grad is None) for name, p in model.named_parameters()}
    return hooks, modes, flags, {name: each.numpy().tobytes() for name, each in state.items()}


@pytest.fixture
def nets(torch):
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.relu = nn.Linear(6, 6), nn.ReLU(inplace=True)

        def forward(self, x):
            return x + self.relu(self.linear(x)) + self.relu(-x)

    class Residual(nn.Module):
        """Blocks over tokens, with a tuple on the way, and a layer that never runs."""

        def __init__(self):
            super().__init__()
            self.embed, self.blocks, self.unused = nn.Embedding(11, 6), nn.ModuleList(Block() for _ in range(3)), None
            self.spare, self.split, self.norm = nn.Linear(2, 2), Split(), nn.BatchNorm1d(6)

        def forward(self, tokens, attention_mask=None):
            x = self.embed(tokens)
            for block in self.blocks:
                x = block(x)
            return self.norm(self.split(x)[0].movedim(1, 2)).movedim(1, 2)

    class Split(nn.Module):
        def forward(self, x):
            return (x, {"other": x.sum()})

    class Conv(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.act = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True)
            self.two, self.head = nn.Conv2d(4, 5, 3, stride=2), nn.Linear(5, 2)

        def forward(self, x):
            return self.head(self.two(self.act(self.one(x))).mean((2, 3)))

    torch.manual_seed(0)
    return {"tokens": Residual(), "maps": Conv()}


@pytest.fixture
def images():
    return np.random.default_rng(0).standard_normal((10, 3, 8, 8)).astype(np.float32)


@pytest.fixture
def tokens():
    ids = np.random.default_rng(1).integers(0, 11, (9, 7))
    lengths = np.array([7, 1, 3, 7, 5, 2, 6, 4, 7])
    return {"tokens": ids, "attention_mask": (np.arange(7) < lengths[:, None]).astype(np.int64)}


def given(torch, model, layer, inputs):
    """What a layer gives, by a hook of the test's own; a copy, before anything works on it in place."""
    seen = []
    handle = dict(model.named_modules())[layer].register_forward_hook(lambda *all_: seen.append(all_[2].clone()))
    with torch.no_grad():
        model.eval()(torch.tensor(inputs))
    handle.remove()
    return seen[0].numpy()


def test_maps_are_flattened_cut_into_positions_or_kept(torch, nets, images):
    model = nets["maps"]
    one = given(torch, copy.deepcopy(model), "one", images)
    flat = record_features(model, images, "one,two,head", rows=100, batch_size=4)
    assert flat.names == ("one", "two", "head")
    np.testing.assert_allclose(flat["one"].rows, one.reshape(10, -1), rtol=1e-6)
    cut = record_features(model, images, "one,two,head", rows=1000, batch_size=4, features="positions")
    assert [cut.kind(name) for name in cut.names] == ["positions 8 x 8", "positions 3 x 3", "examples"]
    np.testing.assert_allclose(cut["one"].rows, np.moveaxis(one, 1, -1).reshape(640, 4), rtol=1e-6, atol=1e-7)
    kept = record_features(model, images, "one,head", rows=100, features="shift-invariant")
    np.testing.assert_allclose(kept.maps("one"), np.moveaxis(one, 1, -1), rtol=1e-6, atol=1e-7)
    assert kept["one"].width == 8 * 8 * 4
    with pytest.raises(ParameterError, match="'head' holds no maps but 10 x 2"):
        kept.maps("head")
    with pytest.raises(ParameterError, match="the rows of 'one' are positions 8 x 8 and those of 'two' are positions"):
        cut.pair("one", "two")
    with pytest.raises(ParameterError, match="'one' gives maps, which have no moments"):
        record_features(model, images, "one", features="shift-invariant", moments=True)


def test_an_operation_in_place_behind_a_layer_changes_nothing_of_what_it_gave(nets, images):
    found = record_features(nets["maps"], images, "one,act", rows=100)
    assert found["one"].rows.min() < 0
    np.testing.assert_array_equal(found["act"].rows, np.maximum(found["one"].rows, 0))


@pytest.mark.parametrize("side", ["right", "left"])
def test_masked_tokens_count_for_nothing(torch, nets, tokens, side):
    if side == "left":
        tokens = {name: each[:, ::-1].copy() for name, each in tokens.items()}
    whole = given(torch, copy.deepcopy(nets["tokens"]), "blocks.1", tokens["tokens"]).astype(np.float64)
    mask = tokens["attention_mask"].astype(bool)
    counted = [rows[kept] for rows, kept in zip(whole, mask, strict=True)]
    wanted = {
        "mean": np.stack([rows.mean(0) for rows in counted]),
        "first": np.stack([rows[0] for rows in counted]),
        "last": np.stack([rows[-1] for rows in counted]),
        "each": np.concatenate(counted),
    }
    for how, rows in wanted.items():
        found = record_features(nets["tokens"], tokens, "blocks.*", rows=100, tokens=how, batch_size=4)
        np.testing.assert_allclose(found["blocks.1"].rows, rows, rtol=2e-6, atol=1e-6)
        assert found.kind("blocks.1") == ("tokens" if how == "each" else "examples")


def test_an_example_without_tokens_is_named(nets, tokens):
    tokens["attention_mask"][5] = 0
    with pytest.raises(ParameterError, match=r"layer 'blocks.0', batch 1: example 1 of the batch has no token"):
        record_features(nets["tokens"], tokens, batch_size=4)
    assert record_features(nets["tokens"], tokens, batch_size=4, tokens="each")["blocks.0"].count == 40


def test_layers_are_chosen_by_name_pattern_and_default(torch, nets):
    model = nets["tokens"]
    assert list(chosen_layers(model)[0]) == ["blocks.0", "blocks.1", "blocks.2"]
    assert list(chosen_layers(nets["maps"])[0]) == ["one", "two", "head"]
    assert list(chosen_layers(model, "*.relu, output")[0]) == ["output", *(f"blocks.{i}.relu" for i in range(3))]
    assert list(chosen_layers(model, ["blocks.2", "embed"])[0]) == ["embed", "blocks.2"]
    stages = torch.nn.Sequential(*(torch.nn.Sequential(*copy.deepcopy([*model.blocks][:2])) for _ in range(2)))
    assert list(chosen_layers(stages)[0]) == ["0.0", "0.1", "1.0", "1.1"]
    assert list(chosen_layers(torch.nn.ReLU())[0]) == ["output"]
    for wrong in ("blok*", ["blocks.1", "blocks.3"]):
        with pytest.raises(ParameterError, match=r"fits no layer of the model; did you mean 'blocks"):
            chosen_layers(model, wrong)
    with pytest.raises(ParameterError, match="none is named"):
        chosen_layers(model, " , ")


def test_a_layer_that_runs_twice_is_two_and_one_that_does_not_run_is_left_out_or_named(nets, tokens):
    found = record_features(nets["tokens"], tokens, "blocks.0.*,spare*")
    assert found.names == ("blocks.0.linear", "blocks.0.relu", "blocks.0.relu@2")
    assert not np.allclose(found["blocks.0.relu"].rows, found["blocks.0.relu@2"].rows)
    with pytest.raises(ParameterError, match="'spare' did not run when the model ran; leave it out"):
        record_features(nets["tokens"], tokens, ["blocks.0", "spare"])
    with pytest.raises(ParameterError, match="none of those that were chosen ran"):
        record_features(nets["tokens"], tokens, "spare*")


def test_the_first_tensor_of_a_tuple_counts(nets, tokens):
    found = record_features(nets["tokens"], tokens, "split,blocks.2,norm,output", tokens="each")
    np.testing.assert_array_equal(found["split"].rows, found["blocks.2"].rows)
    # A BatchNorm1d gives examples x channels x places.
    np.testing.assert_array_equal(found["norm"].rows, found["output"].rows)


def test_what_makes_no_rows_is_refused_with_the_layer(torch):
    class Odd(torch.nn.Module):
        def __init__(self, give):
            super().__init__()
            self.inner, self.give = torch.nn.Flatten(0), give

        def forward(self, x):
            return self.give(self.inner(x))

    for give, layer, says in (
        (lambda x: x, "inner", r"layer 'inner', batch 0: it gave shape \(12,\) where 4 examples"),
        (lambda x: [], "output", "it gives something a list of 0"),
        (lambda x: x.argmax(), "output", "it gives int64; expected real floats"),
        (lambda x: (x > 0)[None], "output", "it gives bool; expected real floats"),
    ):
        with pytest.raises(ParameterError, match=says):
            record_features(Odd(give), np.zeros((4, 3), np.float32), layer)


def test_activations_that_are_not_finite_are_never_averaged(nets, tokens, images):
    images[7, 0, 3, 3] = np.nan
    before = traces(nets["maps"])
    with pytest.raises(Refusal, match=r"layer 'one', batch 1: \d+ of \d+ activations"):
        record_features(nets["maps"], images, moments=True, batch_size=4)
    assert traces(nets["maps"]) == before
    # What the mask leaves out may be anything.
    nets["tokens"].embed.weight.data[3] = float("inf")
    tokens["attention_mask"] *= tokens["tokens"] != 3
    kept = tokens["attention_mask"].any(axis=1)
    found = record_features(nets["tokens"], {name: each[kept] for name, each in tokens.items()}, "embed")
    assert np.isfinite(found["embed"].rows).all()


def test_the_model_stays_as_it_was(nets, images, tokens):
    for name, data in (("maps", images), ("tokens", tokens)):
        model = nets[name].train()
        next(model.children()).eval()
        before = traces(model)
        record_features(model, data, moments=True, folds=2)
        assert traces(model) == before


def test_no_graph_is_made_while_it_runs(torch, nets, images):
    seen = []
    nets["maps"].head.register_forward_hook(lambda *_: seen.append((torch.is_grad_enabled(), nets["maps"].training)))
    record_features(nets["maps"].train(), images, batch_size=5)
    assert seen == [(False, False), (False, False)]


def test_no_hook_is_left_after_a_crash_or_a_bad_layer(torch, nets, images):
    model = nets["maps"].train()
    before = traces(model)
    for broken in (images[:, :2], images.astype(np.float64)[..., 0]):
        with pytest.raises(ParameterError, match="the model can't be run on these inputs"):
            record_features(model, broken)
    with pytest.raises(ParameterError, match="fits no layer"):
        record_features(model, images, "none")
    model.head.register_forward_hook(lambda *_: 1 / 0)
    before[0]["head", "_forward_hooks"] = 1
    with pytest.raises(ZeroDivisionError), Recorder(model, what="activations") as recorder, recorder.batch(10):
        model(torch.tensor(images))
    with pytest.raises(KeyboardInterrupt), Recorder(model, what="activations") as recorder, recorder.batch(10):
        raise KeyboardInterrupt
    model.eval()
    assert traces(model)[0] == before[0]


def test_a_pass_of_ones_own(torch, nets, images):
    model = nets["maps"].eval()
    with Recorder(model, ["one"], what="activations", features="positions") as recorder:
        assert isinstance(recorder, ActivationRecorder)
        assert recorder.layers == ("one",)
        model(torch.tensor(images))
        with recorder.batch(10) as rows:
            answer = model(torch.tensor(images))
            assert rows == {}
    assert answer.requires_grad
    assert not rows["one"].requires_grad
    assert rows["one"].shape == (640, 4)
    with pytest.raises(RuntimeError, match="closed"), recorder.batch(10):
        pass
    with Recorder(model, ["one"], what="activations") as recorder, recorder.batch(10):
        model(torch.tensor(images))
        with pytest.raises(RuntimeError, match="at a batch already"), recorder.batch(10):
            pass
    with pytest.raises(ParameterError, match="'gradients' or 'activations'"):
        Recorder(model, what="weights")
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module"):
        Recorder("model", what="activations")
    with pytest.raises(ParameterError, match="tokens is 'all'; choose"):
        Recorder(model, what="activations", tokens="all")


def test_maps_that_change_their_size_are_refused(nets, images):
    batches = [images[:5], images[5:, :, :6, :6]]
    with pytest.raises(ParameterError, match="gave maps of several sizes"):
        record_features(nets["maps"], batches, "one", features="positions")
    with pytest.raises(ParameterError, match="those before had"):
        record_features(nets["maps"], batches, "one")


@pytest.mark.parametrize("how", ["mean", "each"])
def test_streamed_moments_are_those_of_the_rows_at_once(nets, tokens, how):
    found = record_features(nets["tokens"], tokens, rows=100, moments=True, tokens=how, batch_size=4)
    assert found.has == {"rows", "moments"}
    for x in found.names:
        for y in found.names:
            dense, streamed = found.pair(x, y), found.pair(x, y, of="moments")
            assert (dense.has, streamed.has) == ({"rows", "moments"}, {"moments"})
            np.testing.assert_allclose(np.asarray(streamed.cross), dense.cross, rtol=1e-11, atol=1e-12)
            np.testing.assert_allclose(float(streamed.fourth[1]), dense.fourth[1], rtol=1e-11)


def test_tokens_of_an_example_share_a_fold(nets, tokens):
    found = record_features(nets["tokens"], tokens, rows=0, moments=True, tokens="each", folds=3, batch_size=2)
    assert found.has == {"moments", "folds"}
    pair = found.pair("blocks.0", "blocks.2")
    lengths = tokens["attention_mask"].sum(axis=1)
    from theodolite.numerics.row_hash import row_hashes

    folds = row_hashes(np.arange(9), 0) % np.uint64(3)
    wanted = sorted(int(lengths[folds == fold].sum()) for fold in np.unique(folds))
    assert sorted(fold.count for fold in pair.folds) == wanted
    pairs = record_features(
        nets["tokens"], tokens, rows=0, moments=True, folds=2, groups=np.arange(9) // 3, tokens="first"
    ).pair("blocks.0", "blocks.2")
    assert all(fold.count % 3 == 0 for fold in pairs.folds)
    with pytest.raises(ParameterError, match="groups: there are 12 for 9 examples"):
        record_features(nets["tokens"], tokens, rows=0, moments=True, folds=2, groups=np.arange(12))


def test_moments_that_would_not_fit_are_refused_before_they_are_made(nets):
    wide = np.zeros((2, 3, 150, 150), np.float32)
    with pytest.raises(ParameterError, match=r"the moments of 1 layers with 90001 features together take 32 GB"):
        record_features(nets["maps"], wide, "one", rows=0, moments=True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rows": 0}, "nothing would be kept"),
        ({"rows": -1}, "rows is -1"),
        ({"folds": 3}, "folds are kept of moments only"),
        ({"groups": [1], "moments": True}, "give folds=5 as well"),
        ({"feature": "flatten"}, "unknown option 'feature' of recording; did you mean 'features'"),
        ({"features": "flat"}, "features is 'flat'; did you mean 'flatten'"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_options_that_do_not_fit(nets, images, options, says):
    with pytest.raises(ParameterError, match=says):
        record_features(nets["maps"], images, **options)


def test_progress_counts_batches(nets, images):
    seen = []
    td.record(nets["maps"], images, batch_size=4, progress=seen.append)
    assert [(each.done, each.total) for each in seen] == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_loaders_of_torch_are_gone_through(torch, nets, images, tokens):
    from torch.utils.data import DataLoader, TensorDataset

    whole = record_features(nets["maps"], images, rows=100)
    pairs = TensorDataset(torch.tensor(images), torch.zeros(10))
    for loader in (DataLoader(pairs, batch_size=3), DataLoader(TensorDataset(torch.tensor(images)), batch_size=4)):
        found = record_features(nets["maps"], loader, rows=100)
        assert found.origin == whole.origin
        np.testing.assert_allclose(found["one"].rows, whole["one"].rows, rtol=1e-5, atol=1e-6)
    rows = [{name: torch.tensor(each[i]) for name, each in tokens.items()} for i in range(9)]
    found = record_features(nets["tokens"], DataLoader(rows, batch_size=2), rows=100)
    np.testing.assert_allclose(
        found["blocks.2"].rows, record_features(nets["tokens"], tokens)["blocks.2"].rows, rtol=1e-5, atol=1e-6
    )


def test_data_in_which_no_token_counts_are_refused(nets, tokens):
    tokens["attention_mask"][:] = 0
    with pytest.raises(ParameterError, match="there are no tokens that count"):
        record_features(nets["tokens"], tokens, tokens="each")


@pytest.mark.parametrize("how", ["mean", "last"])
def test_a_transformer_of_transformers(torch, how):
    transformers = pytest.importorskip("transformers", reason="needs the extra [transformers]")
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 12}
    model = transformers.BertModel(transformers.BertConfig(vocab_size=20, max_position_embeddings=9, **sizes))
    ids = torch.randint(1, 20, (6, 9), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(9) < torch.tensor([9, 3, 1, 5, 9, 2])[:, None]
    found = record_features(model, {"input_ids": ids, "attention_mask": mask.long()}, tokens=how, batch_size=4)
    assert found.names == tuple(f"encoder.layer.{i}" for i in range(3))
    with torch.no_grad():
        answer = model.eval()(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True)
    for name, states in zip(found.names, answer.hidden_states[1:], strict=True):
        each = [state[kept] for state, kept in zip(states.double(), mask, strict=True)]
        wanted = torch.stack([rows.mean(0) if how == "mean" else rows[-1] for rows in each])
        np.testing.assert_allclose(found[name].rows, wanted.numpy(), rtol=1e-5, atol=1e-5)


def test_a_layer_that_is_not_there_among_many_names_a_few(torch):
    from theodolite.sources.activation_layers import chosen_layers

    def block():
        return torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())

    model = torch.nn.Sequential(*(block() for _ in range(20)))
    with pytest.raises(ParameterError, match=r"fits no layer of the model; it has 61, such as 0, 1, 2") as caught:
        chosen_layers(model, "nope")
    assert len(str(caught.value)) < 200
    with pytest.raises(ParameterError, match=r"choose from: 0, 0\.0, 0\.1, 1, "):
        chosen_layers(model[:3], "nope")
