"""Our side of `spectra.py`: answers one line of JSON for each line it reads, which holds the number of jobs."""

import json
import sys
import time

import theodolite as td

MEASURES = [
    "power_law", "alpha_hat", "log_alpha_norm", "log_norm", "log_spectral_norm", "frobenius_norm", "spectral_norm",
    "stable_rank", "numerical_rank", "spectral_entropy",
]  # fmt: skip
FULL = ["marchenko_pastur", "trace_log_rank", "correlation_traps", "random_distance"]
COLUMNS = {
    "sigma_mp": "marchenko_pastur.sigma",
    "num_spikes": "marchenko_pastur.spikes",
    "mp_softrank": "marchenko_pastur.soft_rank",
    "detX_num": "trace_log_rank.rank",
    "alpha": "power_law.alpha",
    "xmin": "power_law.xmin",
    "D": "power_law.distance",
    "sigma": "power_law.sigma",
    "num_pl_spikes": "power_law.tail_size",
    "alpha_weighted": "alpha_hat",
    "log_alpha_norm": "log_alpha_norm",
    "log_norm": "log_norm",
    "log_spectral_norm": "log_spectral_norm",
    "stable_rank": "stable_rank",
    "matrix_rank": "numerical_rank",
    "entropy": "spectral_entropy",
}


def main() -> None:
    columns = sys.argv[2]
    measures = MEASURES + FULL if columns == "full" else MEASURES
    survey = td.Survey.of("full") if columns == "preset" else td.Survey.of(measures, convention="weightwatcher")
    with td.open(sys.argv[1]) as checkpoint:
        for line in sys.stdin:
            start = time.perf_counter()
            readings = td.survey(checkpoint, survey, jobs=int(line))
            seconds = time.perf_counter() - start
            print(json.dumps({"seconds": seconds, "rows": answers(readings)}), flush=True)


def answers(readings: td.Readings) -> list[dict[str, float | str]]:
    """Give the readings under the peer's column names, with its squares where it squares."""
    table: dict[str, dict[str, float | str]] = {}
    for row in readings:
        module = readings.target(row.target).module
        if module == "*":
            continue
        layer = table.setdefault(row.target, {"longname": module})
        for column, name in COLUMNS.items():
            if row.name == name and row.value is not None:
                layer[column] = row.value
        if row.name in {"frobenius_norm", "spectral_norm"} and row.value is not None:
            layer[row.name.replace("frobenius_", "")] = row.value**2
    return list(table.values())


if __name__ == "__main__":
    main()
