"""`theodolite text-dimension`: what it says, refuses, and how it ends."""

import json

import numpy as np
import pytest

import theodolite as td
from theodolite.study import load_transformer

WORDS = [f"{first}{second}" for first in "bcdfghklmnprst" for second in ("a", "e", "i", "o", "u")]
FEW = ("--length", "48", "--repeats", "2", "--reruns", "2", "--k", "6")


def text(seed, count):
    rng = np.random.default_rng(seed)
    return " ".join(WORDS[n] for n in rng.integers(len(WORDS), size=count))


@pytest.fixture
def folder(tmp_path, torch):
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    tokenizers = pytest.importorskip("tokenizers", reason="needs transformers")
    torch.manual_seed(0)
    size = {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "num_hidden_layers": 3}
    config = transformers.BertConfig(vocab_size=2 + len(WORDS), max_position_embeddings=96, **size)
    transformers.BertModel(config).save_pretrained(tmp_path / "net")
    names = ["[PAD]", "[UNK]", *WORDS]
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({name: n for n, name in enumerate(names)}, "[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    kind = transformers.PreTrainedTokenizerFast
    kind(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(tmp_path / "net")
    (tmp_path / "news.txt").write_text("\n".join([*(text(n, 50) for n in range(3)), "ba"]))
    (tmp_path / "tales.jsonl").write_text("".join(json.dumps({"text": text(n, 50)}) + "\n" for n in range(5, 8)))
    return tmp_path


@pytest.mark.torch
def test_genres_by_quantities(cli, folder):
    ran = cli("text-dimension", folder / "net", folder / "news.txt", folder / "tales.jsonl", *FEW)
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == "net, encoder.layer.1"
    names = ["ph_dimension", "two_nn", "mle", "type_token_ratio", "unique_token_ratio"]
    assert lines[1].split() == ["genre", "texts", *names]
    assert lines[2].split()[:2] == ["news", "3"]
    assert lines[3].split()[:2] == ["tales", "3"]
    assert next(line for line in lines if line.startswith("AUC")).split() == ["AUC", *names]
    assert any(line.startswith("news > tales") for line in lines)
    assert "6 texts, 48 tokens of each, vectors of encoder.layer.1." in lines
    assert "1 text left out: shorter than 48 tokens." in lines


@pytest.mark.torch
def test_json_has_what_python_gives(cli, folder):
    ran = cli("text-dimension", folder / "net", folder / "news.txt", folder / "tales.jsonl", *FEW, "--json")
    told = json.loads(ran.out)
    texts = {"news": [*(text(n, 50) for n in range(3)), "ba"], "tales": [text(n, 50) for n in range(5, 8)]}
    found = td.text_dimension(*load_transformer(folder / "net"), texts, length=48, repeats=2, reruns=2, k=6)
    assert {name: told[name] for name in found.to_dict()} == json.loads(json.dumps(found.to_dict()))
    assert told["sentences"] == found.explain().splitlines()
    assert told["comparisons"][0]["counts"] == [3, 3]


@pytest.mark.torch
@pytest.mark.parametrize("ending", ["html", "md", "json"])
def test_a_page(cli, folder, ending):
    files = (folder / "net", folder / "news.txt", folder / "tales.jsonl")
    ran = cli("text-dimension", *files, *FEW, "-o", f"page.{ending}", "--json")
    assert ran.code == 0, ran.err
    assert "Report" in ran.err
    text = (folder / "cwd" / f"page.{ending}").read_text(encoding="utf-8")
    starts = {"html": "<!doctype html>", "md": "# The dimension of texts: news, tales", "json": "{"}
    assert text.startswith(starts[ending])
    if ending == "json":
        assert json.loads(text) == json.loads(ran.out)


@pytest.mark.torch
def test_texts_without_any_dimension_are_no_success(cli, folder):
    (folder / "same.txt").write_text("\n".join([" ".join(["ba"] * 50)] * 2))
    model = folder / "net"
    ran = cli("text-dimension", model, folder / "same.txt", *FEW, "--layer", "embeddings.word_embeddings")
    assert ran.code == 3, ran.out
    assert "no number for 2 texts" in ran.out


@pytest.mark.torch
@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("net", "absent.txt"), 4, "absent.txt: there is no such file"),
        (("absent", "news.txt"), 4, "it is no folder"),
        (("net", "tales.jsonl", "--column", "body"), 4, "no column is named 'body'"),
        (("net", "news.txt", "--length", "60"), 2, "--length is 60, and the longest text has 50 tokens"),
        (("net", "news.txt", "--length", "200"), 2, "--length is 200, and the model has 96 positions"),
        (("net", "news.txt", "--length", "48", "--layer", "x"), 2, "--layer: 'x' fits no layer"),
        (("net", "news.txt", "news.txt"), 2, "given twice"),
        (("net", "news.txt", "--reruns", "0"), 2, "--reruns is 0"),
        (("net", "news.txt", "--seed", "-1"), 2, "--seed is -1"),
        (("net", "news.txt", "--batch-size", "0"), 2, "--batch-size is 0"),
        (("net",), 2, "FILE"),
    ],
)
def test_errors_are_lines(cli, folder, monkeypatch, arguments, code, why):
    monkeypatch.chdir(folder)
    ran = cli("text-dimension", *arguments)
    assert ran.code == code
    assert why in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
