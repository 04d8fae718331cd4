"""``theodolite list``: every measure on one page."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

USAGE = "theodolite list [OPTIONS]"
EXAMPLES = """\
Examples

  theodolite list                  every measure, by family
  theodolite list --json           one JSON object a measure
  theodolite explain stable_rank   what one of them means, and when it misleads"""


def list_measures(
    *, json: Annotated[bool, Parameter(help="One JSON object a line on standard output.")] = False
) -> int:
    """List every measure, with the numbers it gives.

    Parameters
    ----------
    json : bool
        One JSON object a line on standard output.

    Returns
    -------
    int
        The exit code.
    """
    import json as encoder

    from theodolite.catalogue import family, measures
    from theodolite.cli.display import machine_lines
    from theodolite.cli.docstring import read

    known = measures()
    if not json:
        _show()
        return 0
    machine_lines(
        encoder.dumps(
            {
                "measure": name,
                "family": family(measure),
                "summary": read(measure.__doc__).summary,
                "fields": {field: promise.unit for field, promise in measure.traits.fields.items()},
                "needs": list(measure.traits.needs),
                "cite": measure.traits.cite,
                "version": measure.traits.version,
            },
            ensure_ascii=False,
        )
        for name, measure in known.items()
    )
    return 0


def _show() -> None:
    from theodolite.catalogue import family, measures
    from theodolite.cli.display import stdout, table
    from theodolite.cli.docstring import read, readable
    from theodolite.resample import WRAPPERS
    from theodolite.surveys import PRESETS

    where = stdout()
    known = measures()
    for group in dict.fromkeys(family(measure) for measure in known.values()):
        shown = table("measure", "what it says", "numbers", wrap=("what it says", "numbers"), title=group)
        for name, measure in known.items():
            if family(measure) == group:
                fields = [field for field in measure.traits.fields if field != "value"]
                shown.add_row(name, readable(read(measure.__doc__).summary), ", ".join(fields) or "one")
        where.print(shown)
        where.print()
    around = ", ".join(f"{name}(MEASURE)" for name in WRAPPERS)
    where.print(f"Intervals, chance and tests around any of them: {around}")
    where.print(f"Presets: {', '.join(PRESETS)}. What a measure means: theodolite explain MEASURE")
