"""Readings with planted verdicts, made without measuring anything."""

import shutil
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from theodolite.core import ReadingRow, Readings, TargetRow
from theodolite.study import TextDimensions, TextEstimate, TextReading, TextSettings
from theodolite.study.texts.estimates import DIMENSIONS, RATIOS

Numbers = Mapping[str, Any]


def layer(name: str = "h.0.q", model: str = "m", **columns: Any) -> TargetRow:
    """One measured layer."""
    about = {
        "role": "query",
        "block": 0,
        "shape": (128, 256),
        "dtype": "F32",
        "view": "matrix",
        "file": "w.safetensors",
    }
    about |= {"module": name, "parameters": 128 * 256, "fingerprint": "ab" * 32}
    return TargetRow(target=f"{model}:{name}.weight", model=model, **(about | columns))


def rows(target: TargetRow, **fields: Numbers) -> list[ReadingRow]:
    """Readings of one layer; `power_law_alpha` stands for ``power_law.alpha``."""
    found = []
    for name, numbers in fields.items():
        measure = next((measure for measure in SEVERAL_FIELDS if name.startswith(f"{measure}_")), name)
        field = name.removeprefix(measure).removeprefix("_") or "value"
        found.append(ReadingRow(target=target.target, measure=measure, field=field, **numbers))
    return found


UNTRAINED: Mapping[str, Numbers] = {
    "power_law_alpha": {"value": 7.0, "low": 4.0, "high": 10.0, "level": 0.95, "chance": 7.1, "percentile": 50.0},
    "power_law_distance": {"value": 0.13, "chance": 0.13, "percentile": 40.0},
    "power_law_xmin": {"value": 60.0, "unit": "eigenvalue"},
    "stable_rank": {"value": 50.0, "chance": 50.0, "percentile": 50.0},
    "effective_rank": {"value": 110.0, "chance": 110.0, "percentile": 50.0},
    "spectral_norm": {"value": 2.0, "unit": "weight"},
}
"""Numbers as a Gaussian matrix has them."""

NOTHING: Mapping[str, Numbers] = UNTRAINED | {
    "power_law_alpha": {"value": 3.0, "low": 2.5, "high": 3.5, "level": 0.95, "chance": 7.1, "percentile": 0.5},
    "power_law_distance": {"value": 0.05, "chance": 0.13, "percentile": 0.5},
    "stable_rank": {"value": 20.0, "chance": 50.0, "percentile": 0.5},
    "effective_rank": {"value": 90.0, "chance": 110.0, "percentile": 0.5},
}
"""Numbers that no rule objects to."""

HEAVY: Mapping[str, Numbers] = NOTHING | {
    "power_law_alpha": {"value": 1.6, "low": 1.4, "high": 1.8, "level": 0.95, "chance": 7.1, "percentile": 0.5}
}
LOW_RANK: Mapping[str, Numbers] = NOTHING | {"effective_rank": {"value": 30.0, "chance": 110.0, "percentile": 0.5}}

SHUFFLED = '{"convention":"theodolite","shuffles":20}'
TRAP: Mapping[str, Numbers] = NOTHING | {
    "correlation_traps_count": {"value": 2.0, "unit": "traps", "params": SHUFFLED},
    "correlation_traps_strength": {"value": 4.5, "params": SHUFFLED},
}

PLANTED = {
    "looks untrained": UNTRAINED,
    "heavier than 2": HEAVY,
    "low rank": LOW_RANK,
    "trap": TRAP,
    "no finding": NOTHING,
}
WITHOUT_TRAPS = tuple(verdict for verdict in PLANTED if verdict != "trap")
"""What a survey can find in which no traps were looked for."""

SEVERAL_FIELDS = ("power_law", "correlation_traps", "marchenko_pastur")


def changed(numbers: Mapping[str, Numbers], name: str, **columns: Any) -> dict[str, Numbers]:
    """The same numbers but for some columns of one reading."""
    return {**numbers, name: {**numbers[name], **columns}}


def readings_of(numbers: Mapping[str, Numbers], **columns: Any) -> Readings:
    """Readings of one layer."""
    one = layer(**columns)
    return Readings([one], rows(one, **numbers))


def eigenvalues(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Eigenvalues of a Gaussian matrix."""
    matrix = np.random.default_rng(seed).standard_normal(shape)
    return np.linalg.svd(matrix, compute_uv=False)[::-1] ** 2


def transformer(
    blocks: int = 4, model: str = "m", verdicts: Iterable[str] = WITHOUT_TRAPS, roles: Iterable[str] = ("query", "up")
) -> Readings:
    """A model whose layers have the verdicts in turn, with spectra, an embedding, vectors and rows for the whole."""
    kinds = list(verdicts)
    targets, found, arrays = [], [], {}
    embedding = layer("embed", model, role="embedding", block=None, shape=(1000, 128))
    names = [(f"h.{block}.{role}", role, block) for block in range(blocks) for role in roles]
    layers = [embedding, *(layer(name, model, role=role, block=block) for name, role, block in names)]
    for index, one in enumerate(layers):
        numbers = PLANTED[kinds[index % len(kinds)]]
        reference = f"arrays/{one.target}.safetensors#eigenvalues"
        arrays[reference] = eigenvalues(one.shape, index % 8)
        targets.append(one)
        alpha = {**numbers["power_law_alpha"], "array": reference}
        found += rows(one, **{**numbers, "power_law_alpha": alpha})
    targets += [
        TargetRow(target=f"{model}:h.{i}.bias", model=model, module=f"h.{i}", shape=(128,), listed_because="a bias")
        for i in range(blocks)
    ]
    targets.append(TargetRow(target=f"{model}:*", model=model, module="*", role="model"))
    for statistic, value in (("mean", 4.0), ("median", 3.0), ("weighted_mean", 4.5), ("count", 9.0)):
        found.append(ReadingRow(target=f"{model}:*", measure="power_law", field=f"alpha.{statistic}", value=value))
    return Readings(targets, found, arrays.__getitem__)


def with_bulk(shape: tuple[int, int] = (128, 256), spikes: int = 5, view: str = "matrix") -> Readings:
    """A layer of noise with a standard deviation of 0.3, and so many directions with three times its largest one."""
    rng = np.random.default_rng(1)
    noise = 0.3 * rng.standard_normal(shape)
    left, right = (np.linalg.qr(rng.standard_normal((side, max(spikes, 1))))[0] for side in shape)
    strong = 3 * 0.3 * sum(np.sqrt(shape)) * (left @ right.T if spikes else np.zeros(shape))
    values = np.linalg.svd(noise + strong, compute_uv=False)[::-1] ** 2
    one = layer(shape=shape, view=view)
    numbers = changed(NOTHING, "power_law_alpha", array="#eigenvalues") | {
        "marchenko_pastur_variance": {"value": 0.09, "params": '{"convention":"theodolite"}'},
        "marchenko_pastur_spikes": {"value": float(spikes), "unit": "eigenvalues"},
    }
    return Readings([one], rows(one, **numbers), {"#eigenvalues": values}.__getitem__)


@pytest.fixture(scope="session")
def plant() -> SimpleNamespace:
    """Everything that plants readings: layers, rows, numbers with known verdicts, whole models."""
    return SimpleNamespace(
        layer=layer,
        rows=rows,
        changed=changed,
        readings_of=readings_of,
        transformer=transformer,
        by_verdict=PLANTED,
        with_bulk=with_bulk,
    )


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program, or a skip where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def corpus():
    """Models of three families with a planted paradox, a metric that holds, and one that says nothing."""
    import pandas as pd

    from theodolite.study import corpus as study

    rng = np.random.default_rng(0)
    family, inside = np.repeat(np.arange(3), 8), rng.normal(size=24)
    frame = pd.DataFrame({"model": [f"net{i}" for i in range(24)], "family": np.array(list("abc"))[family]})
    frame["accuracy"] = 3 * family + inside
    frame["shape"] = 3 * family - inside + 0.1 * rng.normal(size=24)
    frame["scale"] = 3 * family + inside + 0.1 * rng.normal(size=24)
    frame["noise"] = rng.normal(size=24)
    frame["depth"] = 10 * family
    frame["remark"] = "<b>"
    options = {"resamples": 200, "permutations": 999}
    return study(frame, quality="accuracy", group="family", higher_is_better=True, **options)


@pytest.fixture(scope="session")
def genres() -> TextDimensions:
    """Two genres of twelve texts, of which the second has the larger dimensions, and a text that is too short."""
    steps = np.linspace(-1, 1, 12)
    texts = []
    for genre, above in (("abstracts", 0.0), ("<b>tales", 3.0)):
        for place, step in enumerate(steps):
            found = {name: TextEstimate(9 + above + step, 0.4, notes=("TOO_FEW_FOR_DIMENSION",)) for name in DIMENSIONS}
            found["ph_dimension"] = TextEstimate(9 + above + step, 0.4, 0.25)
            found |= {name: TextEstimate(0.6 + 0.05 * step) for name in RATIOS}
            texts.append(TextReading(genre, place, 160, 120, found))
    short = TextEstimate(None, outcome="SHORT_TEXT", detail="20 tokens, 160 needed")
    texts.append(TextReading("abstracts", 12, 20, 15, dict.fromkeys((*DIMENSIONS, *RATIOS), short)))
    return TextDimensions(tuple(texts), ("abstracts", "<b>tales"), "BertModel", "encoder.layer.2", TextSettings())
