"""``theodolite cite``: what to cite for a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from theodolite.core import Readings

USAGE = "theodolite cite RUN... [--bibtex]"
EXAMPLES = """\
Examples

  theodolite cite minilm.theodolite                      each source, and for what
  theodolite cite minilm.theodolite --bibtex > my.bib    as BibTeX"""


_CHANCE = "dumitriu2002matrix"
_WEIGHTWATCHER = "martin2021predicting"


def cite(
    *runs: Annotated[str, Parameter(name="RUN", required=True, help="Run folders, as theodolite survey makes them.")],
    bibtex: Annotated[bool, Parameter(help="As BibTeX.")] = False,
) -> int:
    """Say what to cite for a run.

    The sources of the measures that the run holds, and theodolite itself.

    Parameters
    ----------
    *runs : str
        Run folders.
    bibtex : bool
        As BibTeX.

    Returns
    -------
    int
        The exit code.
    """
    from theodolite.cli.display import machine_lines, stdout
    from theodolite.cli.report import read_runs
    from theodolite.core.bibliography import reference

    wanted = sources(read_runs(runs))
    if bibtex:
        machine_lines([own_bibtex(), *(f"\n{reference(key).bibtex}" for key in wanted)])
        return 0
    where = stdout()
    where.print(own_text())
    for key, purposes in wanted.items():
        where.print()
        where.print(reference(key).text)
        where.print(f"    for {', '.join(purposes)}", style="dim")
    return 0


def sources(readings: Readings) -> dict[str, list[str]]:
    """Collect the sources of a run's measures.

    Parameters
    ----------
    readings : Readings
        The run.

    Returns
    -------
    dict of str to list of str
        Citation key to what it is cited for.
    """
    from theodolite.catalogue import measures

    known = measures()
    wanted: dict[str, list[str]] = {}
    for name in dict.fromkeys(row.measure for row in readings.rows):
        if name in known:
            wanted.setdefault(known[name].traits.cite, []).append(name)
    if any(row.chance is not None for row in readings.rows):
        wanted.setdefault(_CHANCE, []).append("the chance levels")
    if any(target.convention == "weightwatcher" for target in readings.targets):
        wanted.setdefault(_WEIGHTWATCHER, []).append("the convention of WeightWatcher")
    return wanted


def own_text() -> str:
    """Say how theodolite itself is cited.

    Returns
    -------
    str
        A citation to read.
    """
    from theodolite import __version__

    return f"The theodolite developers. theodolite: measure trained neural networks (version {__version__}) [software]."


def own_bibtex() -> str:
    """Say how theodolite itself is cited, as BibTeX.

    Returns
    -------
    str
        An entry.
    """
    from theodolite import __version__

    return (
        "@software{theodolite,\n"
        "  author = {{The theodolite developers}},\n"
        "  title = {theodolite: measure trained neural networks},\n"
        f"  version = {{{__version__}}}\n"
        "}"
    )
