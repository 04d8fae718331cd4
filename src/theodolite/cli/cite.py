"""``theodolite cite``: what to cite for a run."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

USAGE = "theodolite cite RUN... [--bibtex]"
EXAMPLES = """\
Examples

  theodolite cite minilm.theodolite                      each source, and for what
  theodolite cite minilm.theodolite --bibtex > my.bib    as BibTeX"""

_TITLE = "theodolite: an instrument that measures trained neural networks"


def cite(
    *runs: Annotated[
        str,
        Parameter(
            name="RUN", required=True, help="Run folders, as theodolite survey, similarity and dimension make them."
        ),
    ],
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
    from theodolite.reports.sections import citations

    wanted = citations(read_runs(runs))
    if bibtex:
        machine_lines([own_bibtex(), *(f"\n{reference.bibtex}" for reference, _ in wanted)])
        return 0
    where = stdout()
    where.print(own_text())
    for reference, purposes in wanted:
        where.print()
        where.print(reference.text)
        where.print(f"    for {', '.join(purposes)}", style="dim")
    return 0


def own_text() -> str:
    """Say how theodolite itself is cited.

    Returns
    -------
    str
        A citation to read.
    """
    from theodolite import __version__

    return f"The theodolite developers. {_TITLE} (version {__version__}) [software]."


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
        f"  title = {{{_TITLE}}},\n"
        f"  version = {{{__version__}}}\n"
        "}"
    )
