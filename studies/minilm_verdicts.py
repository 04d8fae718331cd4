"""Survey all-MiniLM-L6-v2 and write its verdicts, with the numbers behind them, into the page of the documentation.

The table stands between two comments in ``docs/howto/minilm.md`` and is replaced whole; the same weights give the same
table. Once the network is needed (as ``theodolite demo --model minilm`` needs it); then a few seconds:

    OMP_NUM_THREADS=1 python studies/minilm_verdicts.py
"""

import argparse
from pathlib import Path

import numpy as np

import theodolite as td
from theodolite.cli.minilm import MINILM, model_folder
from theodolite.reports import Judgement, judge
from theodolite.reports.layers import number_text
from theodolite.reports.questions import CENTRAL, percentile_text

PAGE = Path(__file__).resolve().parents[1] / "docs" / "howto" / "minilm.md"
START, END = "<!-- written by studies/minilm_verdicts.py -->", "<!-- end of what is written -->"
MEASURES = ("power_law", "stable_rank", "effective_rank")
ROLES = ("embedding", "query", "key", "value", "output", "up", "down")
POOLER = "pooler.dense.weight"


def measured(folder: Path) -> tuple[tuple[Judgement, ...], np.ndarray]:
    """Return the verdicts in the order of the network, and the entries of its pooler."""
    with td.open(folder, model=MINILM.model) as checkpoint:
        judgements = judge(td.survey(checkpoint, MEASURES))
        pooler = checkpoint[POOLER].array().astype(np.float64)
    return tuple(sorted(judgements, key=place)), pooler


def place(judgement: Judgement) -> tuple[float, int, str]:
    target = judgement.layer.target
    role = ROLES.index(target.role) if target.role in ROLES else len(ROLES)
    depth = -1.0 if target.role == "embedding" else float("inf") if target.block is None else target.block
    return depth, role, judgement.layer.name


def row_of(judgement: Judgement) -> str:
    layer = judgement.layer
    alpha, distance, stable, effective = (
        layer.rows[name] for name in ("power_law.alpha", "power_law.distance", "stable_rank", "effective_rank")
    )
    exponent = "–"
    if alpha.value is not None:
        exponent = f"{number_text(alpha.value)} ({number_text(alpha.low)} to {number_text(alpha.high)})"
    cells = [
        layer.name.removeprefix("encoder.layer."),
        " and ".join(judgement.verdicts) + (f" (apart: {judgement.apart})" if judgement.apart else ""),
        exponent,
        percentile_text(alpha.percentile),
        percentile_text(distance.percentile),
        f"{number_text(stable.value)} ({number_text(stable.chance)})",
        percentile_text(stable.percentile),
        f"{100 * effective.value / layer.eigenvalue_count:.0f} % ({percentile_text(effective.percentile)})",
    ]
    return f"| {' | '.join(cells)} |"


def sentences(judgements: tuple[Judgement, ...], pooler: np.ndarray) -> str:
    counted = [judgement for judgement in judgements if not judgement.apart]
    called = {verdict: sum(verdict in j.verdicts for j in counted) for j in counted for verdict in j.verdicts}
    found = ", ".join(f"*{verdict}* {count}" for verdict, count in sorted(called.items()))
    encoder = [judgement.layer for judgement in counted if judgement.layer.target.block is not None]
    low, high = CENTRAL
    alpha = [low < layer.rows["power_law.alpha"].percentile < high for layer in encoder]
    above_6 = sum(layer.rows["power_law.alpha"].value > 6 for layer in encoder)
    outliers = sum(layer.rows["stable_rank"].percentile <= low for layer in encoder)
    shares = [layer.rows["effective_rank"].value / layer.eigenvalue_count for layer in encoder]
    deviations = pooler - pooler.mean()
    kurtosis = float((deviations**4).mean() / (deviations**2).mean() ** 2 - 3)
    error = float(np.sqrt(24 / pooler.size))
    verdicts = f"Verdicts of the {len(counted)} layers: {found}. {len(judgements) - len(counted)} embeddings are apart."
    layers = (
        f"Of the {len(encoder)} encoder layers, {outliers} have an outlier (a stable rank at or below percentile "
        f"{low:g} of chance), {sum(alpha)} have an exponent between percentiles {low:g} and {high:g} of chance, and "
        f"{above_6} have one above 6. Their effective ranks are {100 * min(shares):.0f} to {100 * max(shares):.0f} % "
        "of the number of eigenvalues."
    )
    entries = (
        f"The pooler's {pooler.size:,} entries have the standard deviation {pooler.std():.4f} and the excess kurtosis "
        f"{kurtosis:.3f} (0 for a Gaussian, give or take {error:.3f})."
    )
    return "\n".join(f"- {fact}" for fact in (verdicts, layers, entries))


def table(folder: Path) -> str:
    """Return what stands between the two comments.

    Parameters
    ----------
    folder : Path
        The folder of the model.

    Returns
    -------
    str
        Markdown.
    """
    judgements, pooler = measured(folder)
    head = (
        "| layer | verdict | alpha (95 % interval) | its percentile of chance | percentile of the distance "
        "| stable rank (median of chance) | its percentile | effective rank / eigenvalues (percentile) |"
    )
    rows = "\n".join(row_of(judgement) for judgement in judgements)
    return f"{sentences(judgements, pooler)}\n\n{head}\n|---|---|---|---:|---:|---:|---:|---:|\n{rows}\n"


def written(page: str, told: str) -> str:
    """Return the page with what stands between the two comments replaced."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise SystemExit(f"{PAGE.name}: needs the two comments {START} and {END}")
    return f"{before}{START}\n\n{told}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE)
    page = parser.parse_args().page
    page.write_text(written(page.read_text(encoding="utf-8"), table(model_folder(MINILM))), encoding="utf-8")


if __name__ == "__main__":
    main()
