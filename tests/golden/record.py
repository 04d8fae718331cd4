"""Record what every measure gives for fixed data; run it after a measure's version was raised, or one was added.

A number that changed while its version stayed is not recorded: readings on disk would be taken for what they aren't.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from theodolite.catalogue import family, measures
from theodolite.core import Refusal
from theodolite.core.results import field_readings
from theodolite.testing import lattice

FOLDER = Path(__file__).resolve().parent
TOLERANCE = 1e-9


LABELLED = ("coding_rate", "diffusion_spectral_information", "inductive_bias_complexity", "label_sharpness")
"""Measures of a cloud that take a label for each row."""


def matrices() -> dict[str, np.ndarray]:
    """Matrices made by arithmetic alone, so that no random generator can change them."""
    rows, columns = np.arange(1.0, 49.0)[:, None], np.arange(1.0, 33.0)[None, :]
    return {
        "lattice": lattice(48, 32),
        "heavy": lattice(48, 32) * rows**-0.7 * columns**0.4,
        "stack": np.stack([lattice(16, 24) * size for size in (1.0, 2.0, 5.0)]),
    }


def clouds() -> dict[str, tuple[np.ndarray, ...]]:
    """Three clouds with the same rows, the first two of equal widths in one case, all wider than long in another."""
    made = {}
    for case, (rows, first, second) in {"tall": (36, 7, 5), "even": (30, 6, 6), "wide": (12, 20, 16)}.items():
        apart = lattice(rows, 2 * (first + second))
        x = apart[:, :first] * np.arange(1.0, first + 1) ** -0.5 + 0.25
        y = 2.0 * x @ lattice(first, second) + 0.3 * apart[:, first : first + second] - 1.5
        made[case] = (x, y, x + 0.2 * apart[:, -first:])
    return made


def arguments(measure: Any) -> dict[str, tuple[np.ndarray, ...]]:
    """What a measure is called with."""
    view, many = measure.traits.views[0].__name__, measure.traits.variadic
    if view == "Spectrum":
        return {case: (matrix,) for case, matrix in matrices().items()}
    if measure.__name__ in LABELLED:
        return {case: (x, np.arange(x.shape[0]) % 3) for case, (x, *_) in clouds().items()}
    if measure.__name__ == "exact_inductive_bias":
        return {case: (x[:-4], x[-4:], y[:, 0]) for case, (x, y, *_) in clouds().items()}
    if view in {"Pair", "Cloud"}:
        taken = 3 if many else {"Pair": 2, "Cloud": 1}[view]
        return {case: given[:taken] for case, given in clouds().items()}
    if view == "FeatureMapPair":
        maps = lattice(9 * 4 * 5, 7).reshape(9, 4, 5, 7)
        return {"maps": (maps[..., :4], np.roll(maps[..., :3], 1, axis=1) + 0.3 * maps[..., 4:])}
    raise ValueError(f"{measure.__name__}: nothing is known to record it on; add what its view looks at")


def golden(name: str) -> dict[str, Any]:
    """What a measure gives today, with its version; null where it refuses."""
    measure = measures()[name]
    values: dict[str, float | None] = {}
    for case, given in arguments(measure).items():
        try:
            readings = list(field_readings(measure(*given), measure.traits.fields))
        except Refusal:
            values.update({f"{case}.{field}": None for field in measure.traits.fields})
        else:
            values.update({f"{case}.{reading.field}": reading.value for reading in readings})
    return {"version": measure.traits.version, "values": values}


def recorded(family_name: str) -> dict[str, Any]:
    """What was recorded for a family; nothing for a new one."""
    path = FOLDER / f"{family_name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def changed(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Numbers of an old record that a new one gives otherwise, or no more."""
    return [name for name, value in old["values"].items() if not same(value, new["values"].get(name))]


def same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other), 1e-3)


def main() -> None:
    families = {family(measure) for measure in measures().values() if measure.__module__.startswith("theodolite.")}
    for family_name in sorted(families):
        known, record = recorded(family_name), {}
        for name in sorted(name for name, measure in measures().items() if family(measure) == family_name):
            record[name] = golden(name)
            if name in known and known[name]["version"] == record[name]["version"]:
                moved = changed(known[name], record[name])
                if moved:
                    raise SystemExit(f"{name}: {', '.join(moved)} changed; raise its version first")
                record[name]["values"] |= known[name]["values"]
        path = FOLDER / f"{family_name}.json"
        path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
