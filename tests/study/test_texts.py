"""Dimensions of texts: through small random transformers with tokenizers of their own, made without a download."""

import json

import numpy as np
import pytest

import theodolite as td
from theodolite.core import ParameterError
from theodolite.sources import CheckpointError
from theodolite.study import load_transformer, read_texts
from theodolite.study.texts.files import read_texts as read_file

WORDS = [f"{first}{second}" for first in "bcdfghklmnprst" for second in ("a", "e", "i", "o", "u")]


@pytest.fixture(scope="module")
def transformers():
    pytest.importorskip("torch", reason="needs the extra [torch]")
    return pytest.importorskip("transformers", reason="needs transformers")


def tokenizer_of(transformers, *, around=True):
    tokenizers = pytest.importorskip("tokenizers", reason="needs transformers")
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({name: n for n, name in enumerate(names)}, "[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    if around:
        made.post_processor = tokenizers.processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    # As embedding models ship it: cut and filled up, unless one asks for something else.
    made.enable_truncation(12)
    made.enable_padding(length=30)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )


def bert(torch, transformers, **changed):
    torch.manual_seed(0)
    size = {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "num_hidden_layers": 3}
    config = transformers.BertConfig(vocab_size=4 + len(WORDS), max_position_embeddings=96, **size, **changed)
    return transformers.BertModel(config)


@pytest.fixture(scope="module")
def net(torch, transformers):
    return bert(torch, transformers), tokenizer_of(transformers)


ALL = len(WORDS)


def text(seed, count, words=ALL):
    rng = np.random.default_rng(seed)
    return " ".join(WORDS[n] for n in rng.integers(words, size=count))


FEW = {"length": 60, "repeats": 2, "reruns": 2, "k": 6}


@pytest.mark.torch
def test_the_numbers_are_those_of_the_models_own_vectors(torch, net):
    model, tokenizer = net
    texts = [text(seed, 70) for seed in range(3)]
    found = td.text_dimension(model, tokenizer, texts, batch_size=2, **FEW)
    assert found.layer == "encoder.layer.1"
    for place, one in enumerate(texts):
        ids = [4 + WORDS.index(word) for word in one.split()[:60]]
        with torch.no_grad():
            states = model.eval()(torch.tensor([[2, *ids, 3]]), output_hidden_states=True).hidden_states
        rows = states[2][0, 1:-1].numpy()
        reading = found.texts[place].estimates
        assert reading["two_nn"].value == pytest.approx(float(td.dimension.two_nn(rows).dimension), rel=1e-3)
        assert reading["mle"].value == pytest.approx(float(td.dimension.mle(rows, k=6).dimension), rel=1e-3)
        phd = td.dimension.ph_dimension(rows, repeats=60, rng=5)
        assert abs(1 / reading["ph_dimension"].value - phd.inverse) < 2 * phd.intervals["inverse"].se
        assert reading["type_token_ratio"].value == len(set(ids)) / 60
        assert reading["unique_token_ratio"].value == len(set(ids)) / 60
        assert reading["ph_dimension"].spread > 0


@pytest.mark.torch
def test_what_lies_behind_the_cut_changes_nothing(net):
    long = text(1, 80)
    cut = " ".join(long.split()[:60])
    one, other = (td.text_dimension(*net, [each], **FEW).texts[0].estimates for each in (long, cut))
    assert one == other
    changed = td.text_dimension(*net, ["ba " + long], **FEW).texts[0].estimates
    assert changed["ph_dimension"] != one["ph_dimension"]


@pytest.mark.torch
def test_a_text_has_its_numbers_wherever_it_stands(net):
    texts = [text(seed, 64) for seed in range(4)]
    found = td.text_dimension(*net, texts, batch_size=4, **FEW)
    back = td.text_dimension(*net, {"a": texts[:1:-1], "b": texts[1::-1]}, batch_size=1, **FEW)
    np.testing.assert_allclose(found.values()[::-1], back.values(), rtol=1e-3)
    assert not np.allclose(found.values(), back.values(), rtol=1e-3)
    again = td.text_dimension(*net, texts, batch_size=4, rng=1, **FEW)
    assert (again.values() != found.values()).all()
    np.testing.assert_array_equal(again.values("mle"), found.values("mle"))


@pytest.mark.torch
def test_short_texts_are_refused_and_counted(net):
    found = td.text_dimension(*net, [text(0, 60), text(1, 59), "ba"], **FEW)
    assert [one.estimates["mle"].outcome for one in found.texts] == [None, "SHORT_TEXT", "SHORT_TEXT"]
    assert found.texts[1].estimates["type_token_ratio"].value is None
    assert found.texts[1].estimates["mle"].detail == "59 tokens, 60 needed"
    assert [(name, count) for name, _, count in found.refusals if name == "all"] == [("all", 2)]
    assert "2 texts left out" in found.explain()
    with pytest.raises(ParameterError, match="length is 60, and the longest text has 59 tokens"):
        td.text_dimension(*net, [text(1, 59)], **FEW)


@pytest.mark.torch
def test_genres_that_differ_by_repetition_alone_are_seen_through(torch, transformers, net):
    model = bert(torch, transformers)
    with torch.no_grad():
        model.embeddings.position_embeddings.weight.mul_(0.1)
    rich = [text(seed, 60) for seed in range(6)]
    poor = [text(seed, 60, words=8) for seed in range(10, 16)]
    found = td.text_dimension(model, net[1], {"rich": rich, "poor": poor}, **FEW)
    known = {one.quantity: one for one in found.comparisons}
    assert known["type_token_ratio"].auc == 1.0
    assert known["ph_dimension"].auc > 0.9
    assert "repetition alone may make that difference" in found.explain()
    assert known["mle"].counts == (6, 6)
    assert found.frame.query("quantity == 'mle'").groupby("genre", sort=False).size().to_dict() == {
        "rich": 6,
        "poor": 6,
    }
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.torch
def test_the_mean_of_reruns_and_their_spread(net):
    found = td.text_dimension(*net, [text(3, 60)], **{**FEW, "reruns": 1})
    assert found.texts[0].estimates["ph_dimension"].spread is None
    spreads = [
        td.text_dimension(*net, [text(3, 60)], **{**FEW, "reruns": 8, "repeats": repeats}).summaries[0].spread
        for repeats in (1, 16)
    ]
    assert spreads[1] < 0.7 * spreads[0]


@pytest.mark.torch
@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_other_families(torch, transformers, tmp_path, family):
    """No tokens around the texts, tuples as outputs, encoders of their own."""
    torch.manual_seed(0)
    size = {"vocab_size": 4 + len(WORDS)}
    if family == "gpt2":
        config = transformers.GPT2Config(n_embd=16, n_layer=3, n_head=2, n_positions=60, **size)
        model, block = transformers.GPT2LMHeadModel(config), "h.1"
    else:
        config = transformers.T5Config(d_model=16, d_kv=8, d_ff=24, num_layers=3, num_heads=2, **size)
        model, block = transformers.T5ForConditionalGeneration(config), "encoder.block.1"
    model.save_pretrained(tmp_path)
    tokenizer_of(transformers, around=False).save_pretrained(tmp_path)
    loaded, tokenizer = load_transformer(tmp_path)
    found = td.text_dimension(loaded, tokenizer, [text(0, 60)], **FEW)
    assert block.endswith(found.layer)
    assert np.isfinite(found.values("mle")).all()


@pytest.mark.torch
def test_positions_behind_the_padding_are_counted(torch, transformers):
    torch.manual_seed(0)
    size = {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "num_hidden_layers": 2}
    config = transformers.RobertaConfig(
        vocab_size=4 + len(WORDS), max_position_embeddings=64, pad_token_id=1, bos_token_id=2, eos_token_id=3, **size
    )
    model, tokenizer = transformers.RobertaModel(config), tokenizer_of(transformers)
    found = td.text_dimension(model, tokenizer, [text(0, 60)], **FEW)
    assert np.isfinite(found.values("mle")).all()
    with pytest.raises(ParameterError, match="the model has 62 positions, 2 of them for the tokens around a text"):
        td.text_dimension(model, tokenizer, [text(0, 70)], **(FEW | {"length": 61}))


@pytest.mark.torch
def test_a_layer_by_name_and_bad_ones(net):
    texts = [text(0, 60)]
    first = td.text_dimension(*net, texts, layer="encoder.layer.0", **FEW)
    assert first.layer == "encoder.layer.0"
    assert first.values("mle") != td.text_dimension(*net, texts, **FEW).values("mle")
    with pytest.raises(ParameterError, match="fits 3 layers"):
        td.text_dimension(*net, texts, layer="encoder.layer.?", **FEW)
    with pytest.raises(ParameterError, match="fits no layer"):
        td.text_dimension(*net, texts, layer="encoder.layr.0", **FEW)
    with pytest.raises(ParameterError, match="no vector for each token"):
        td.text_dimension(*net, texts, layer="pooler", **FEW)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("given", "options", "why"),
    [
        (["ba"], {"lenght": 60}, "unknown option 'lenght'"),
        (["ba"], {"length": 39}, "length is 39"),
        (["ba"], {"length": 100}, "at most 94"),
        (["ba"], {"reruns": 0}, "reruns is 0"),
        (["ba"], {"alpha": 0.0}, "alpha is 0.0"),
        (["ba"], {"length": 40, "k": 40}, "k is 40"),
        ("ba", {"length": 60}, "texts is one text"),
        ({}, {"length": 60}, "there are none"),
        ({"a": []}, {"length": 60}, "'a' has none"),
        ([3], {"length": 60}, "give strings"),
    ],
)
def test_bad_input(net, given, options, why):
    with pytest.raises(ParameterError, match=why):
        td.text_dimension(*net, given, **options)


@pytest.mark.torch
def test_no_tokenizer_and_no_module(net):
    with pytest.raises(ParameterError, match="tokenizer is of type str"):
        td.text_dimension(net[0], "bert", ["ba"])
    with pytest.raises(TypeError, match="model"):
        td.text_dimension("bert", net[1], ["ba"])


@pytest.mark.torch
def test_a_model_comes_back_as_it_was_saved_and_nothing_is_drawn(torch, transformers, tmp_path, net):
    net[0].save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="holds no tokenizer"):
        load_transformer(tmp_path)
    net[1].save_pretrained(tmp_path)
    loaded, tokenizer = load_transformer(tmp_path)
    texts = [text(0, 60)]
    np.testing.assert_allclose(
        td.text_dimension(loaded, tokenizer, texts, **FEW).values("mle"),
        td.text_dimension(*net, texts, **FEW).values("mle"),
        rtol=1e-6,
    )
    weights = {name: one for name, one in net[0].state_dict().items() if "layer.2" not in name}
    net[0].save_pretrained(tmp_path, state_dict=weights)
    with pytest.raises(CheckpointError, match=r"weights of the model are not in its files, encoder\.layer\.2"):
        load_transformer(tmp_path)
    with pytest.raises(CheckpointError, match="no folder"):
        load_transformer(tmp_path / "absent")


@pytest.mark.torch
def test_code_that_a_model_brings_is_not_run(transformers, tmp_path):
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    config = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="transformers can't load it"):
        load_transformer(tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "told", "texts"),
    [
        ("a.txt", "one\ntwo\n", ["one", "two"]),
        ("a.txt", "one\nmore\n\n \n\ntwo\n", ["one\nmore", "two"]),
        ("a.txt", "\ufeffone\r\nmore\r\n\r\ntwo", ["one\nmore", "two"]),
        ("a.jsonl", '{"text": "one\\n\\nmore", "n": 1}\n\n"two"\n', ["one\n\nmore", "two"]),
        ("a.jsonl", '{"body": "one"}\n', ["one"]),
        ("a.csv", 'n,text\n1,"one, more"\n2,NA\n', ["one, more", "NA"]),
        ("a.tsv", "body\none\n", ["one"]),
    ],
)
def test_files_of_texts(tmp_path, name, told, texts):
    (tmp_path / name).write_text(told, encoding="utf-8", newline="")
    assert read_texts(tmp_path / name) == texts
    assert read_texts is read_file


def test_a_column_by_name(tmp_path):
    (tmp_path / "a.csv").write_text("title,body\nx,one\n")
    assert read_texts(tmp_path / "a.csv", "body") == ["one"]
    with pytest.raises(CheckpointError, match=r"no column is named 'text'; it has title, body"):
        read_texts(tmp_path / "a.csv")
    with pytest.raises(CheckpointError, match="did you mean 'body'"):
        read_texts(tmp_path / "a.csv", "bod")


@pytest.mark.parametrize(
    ("name", "held", "why"),
    [
        ("a.txt", b" \n\n", "holds no text"),
        ("a.txt", b"\xff\xfe\x00x", "no text in UTF-8"),
        ("a.jsonl", b'"one"\n{', "line 2 is no JSON"),
        ("a.jsonl", b"3\n", "line 1 holds no text but 3"),
        ("a.csv", b"", "no table"),
        ("a.csv", b"text\n\xff\n", "no text in UTF-8"),
    ],
)
def test_bad_files(tmp_path, name, held, why):
    (tmp_path / name).write_bytes(held)
    with pytest.raises(CheckpointError, match=why):
        read_texts(tmp_path / name)
    with pytest.raises(CheckpointError, match="there is no such file"):
        read_texts(tmp_path / "absent.txt")


def made(**levels):
    """Two genres of ten texts, whose quantities lie apart by so many standard deviations."""
    from theodolite.study import TextDimensions, TextEstimate, TextReading, TextSettings
    from theodolite.study.texts.result import QUANTITIES

    steps = np.linspace(-1, 1, 10)
    texts = []
    for genre, sign in (("a", 1.0), ("b", 0.0)):
        values = {name: sign * levels.get(name, 0.0) + steps for name in QUANTITIES}
        for place in range(10):
            estimates = {name: TextEstimate(float(values[name][place])) for name in QUANTITIES}
            texts.append(TextReading(genre, place, 160, 120, estimates))
    return TextDimensions(tuple(texts), ("a", "b"), "Net", "layer", TextSettings())


def test_sentences_say_what_repetition_explains():
    told = made(ph_dimension=3.0, unique_token_ratio=3.0).explain()
    assert "a above b by PHD (AUC 1.00" in told
    assert "The share of different tokens tells them apart the same way (AUC 1.00), as well as PHD" in told
    told = made(ph_dimension=3.0, unique_token_ratio=1.5).explain()
    assert "too, if less than PHD: repetition may make part of that difference" in told
    told = made(ph_dimension=3.0, unique_token_ratio=-3.0, two_nn=-3.0).explain()
    assert "Repetition doesn't show the difference by PHD" in told
    assert "a below b by TwoNN" in told
    assert "contradict each other" in told
    assert "as well as TwoNN" in told
    assert "Not told apart by MLE." in told
    told = made(ph_dimension=3.0, mle=3.0, two_nn=3.0, unique_token_ratio=3.0).explain().splitlines()
    assert sum("tells them apart the same way" in line for line in told) == 1
    assert "as well as PHD, TwoNN and MLE: repetition alone" in told[-1]
    assert made(unique_token_ratio=3.0).explain().endswith("a and b: no dimension tells them apart.")


def test_values_by_genre():
    found = made(mle=3.0)
    np.testing.assert_allclose(found.values("mle", "a") - found.values("mle", "b"), 3.0)
    summary = next(one for one in found.summaries if (one.genre, one.quantity) == ("a", "mle"))
    assert summary.mean == pytest.approx(3.0)
    assert summary.error == pytest.approx(np.linspace(-1, 1, 10).std(ddof=1) / np.sqrt(10))
    with pytest.raises(ParameterError, match="did you mean 'mle'"):
        found.values("mie")
    with pytest.raises(ParameterError, match="genre is 'c'"):
        found.values("mle", "c")


@pytest.mark.torch
def test_through_all_minilm(torch, transformers, minilm):
    """The trained network, on words of its own vocabulary; which word has which vector is nothing to a dimension."""
    tokenizers = pytest.importorskip("tokenizers", reason="needs transformers")
    model = transformers.AutoModel.from_pretrained(minilm)
    ids = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102}
    ids |= {word: 2000 + 97 * n for n, word in enumerate(WORDS)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, "[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 101), ("[SEP]", 102)]
    )
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]")
    texts = [text(seed, 50 + seed) for seed in range(3)]
    found = td.text_dimension(model, tokenizer, texts, batch_size=2, **{**FEW, "length": 50})
    assert found.layer == "encoder.layer.2"
    for reading, one in zip(found.texts, texts, strict=True):
        given = torch.tensor([[101, *(ids[word] for word in one.split()[:50]), 102]])
        with torch.no_grad():
            rows = model.eval()(given, output_hidden_states=True).hidden_states[3][0, 1:-1].numpy()
        assert rows.shape == (50, 384)
        expected = {"two_nn": td.dimension.two_nn(rows), "mle": td.dimension.mle(rows, k=6)}
        for name, direct in expected.items():
            assert reading.estimates[name].value == pytest.approx(float(direct.dimension), rel=1e-3), name
