"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from theodolite.core.readings import Readings
from theodolite.reports import sections
from theodolite.reports.answers import RESOLUTION
from theodolite.reports.charts.theme import DARK, LIGHT, SHAPES
from theodolite.reports.layers import number_text
from theodolite.reports.payload import payload, script_json
from theodolite.reports.questions import TRAP, VERDICTS, Judgement
from theodolite.reports.summary import Summary, offered_verdicts, summary

SCRIPTS = ("elements.js", "state.js", "charts.js", "layer.js", "table.js", "theme.js", "start.js")
"""The page's code, in order; one module together with the Vega bundle."""


def page(readings: Readings) -> str:
    """Write a survey as an HTML page.

    Parameters
    ----------
    readings : Readings
        What the survey gave.

    Returns
    -------
    str
        The page: styles, code and data inside, under a content security policy that lets nothing else in.
    """
    told = summary(readings)
    style = template("page.css.jinja").render(light=LIGHT.colours(), dark=DARK.colours(), verdicts=VERDICTS).strip()
    script = inline_script(bundle())
    read = {row.measure for row in readings.rows}
    text: str = template("page.html.jinja").render(
        title=_title(told),
        models=[_model(readings, one) for one in told],
        citations=sections.citations(readings),
        policy=policy(script, style),
        style=safe(style),
        script=safe(script),
        data=safe(script_json(payload(readings, told))),
        shapes=dict(zip(VERDICTS, SHAPES.values(), strict=True)),
        verdicts=VERDICTS,
        offered=offered_verdicts(told),
        resolution=RESOLUTION,
        bulk="marchenko_pastur" in read,
        traps=TRAP.needs in read,
    )
    return text


def _model(readings: Readings, one: Summary) -> dict[str, Any]:
    apart: dict[str, list[Judgement]] = {}
    for judgement in one.apart:
        apart.setdefault(judgement.apart, []).append(judgement)
    return {
        "told": one,
        "apart": apart,
        "provenance": sections.provenance(readings, one.model),
        "findings": sections.findings(one),
        "listed": sections.listed(readings, one.model),
        "refused": sections.refused(readings, one.model),
        "whole": sections.whole_model(readings, one.model),
    }


def _title(told: Sequence[Summary]) -> str:
    names = [one.model for one in told]
    if len(names) <= 1:
        return names[0] if names else "An empty survey"
    return f"{names[0]} and {len(names) - 1} more"


@lru_cache(maxsize=4)
def bundle(scripts: tuple[str, ...] = SCRIPTS) -> str:
    """Put a page's code and the libraries it draws with into one script.

    Parameters
    ----------
    scripts : tuple of str
        The code, in order.

    Returns
    -------
    str
        An ES module without imports. Naming Vega-Embed alone leaves the rest of the bundle's exports out.
    """
    import vl_convert

    folder = files("theodolite.reports") / "templates"
    code = "\n".join((folder / name).read_text(encoding="utf-8") for name in scripts)
    bundled: str = vl_convert.javascript_bundle(code)
    return bundled


def inline_script(code: str) -> str:
    """Write code so that HTML can't take part of it for the end of the script.

    Parameters
    ----------
    code : str
        JavaScript.

    Returns
    -------
    str
        JavaScript that does the same.
    """
    return re.sub(r"<(/script|!--|script)", r"\\x3c\1", code, flags=re.IGNORECASE).replace("\r", "")


def policy(script: str, style: str) -> str:
    """Write the content security policy: nothing from outside, this script and this style alone.

    Parameters
    ----------
    script, style : str
        Exactly what stands in the elements.

    Returns
    -------
    str
        The policy.
    """
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def safe(text: str) -> Any:
    """Mark our own text as safe to stand in a page as it is.

    Parameters
    ----------
    text : str
        Style, code, or JSON whose signs are escaped.

    Returns
    -------
    markupsafe.Markup
        The text.
    """
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - our own style and code, and JSON whose signs are escaped


@lru_cache(maxsize=8)
def template(name: str) -> Any:
    """Load a template of the package; what is put in is escaped.

    Parameters
    ----------
    name : str
        Its file name.

    Returns
    -------
    jinja2.Template
        The template.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("theodolite.reports", "templates"),
        autoescape=select_autoescape(("html.jinja", "html")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number_text, "count": _count, "verdicts": _verdicts}
    return environment.get_template(name)


def _verdicts(judgements: Sequence[Judgement]) -> list[tuple[str, int]]:
    found = Counter(verdict for judgement in judgements for verdict in judgement.verdicts)
    return [(verdict, found[verdict]) for verdict in VERDICTS if found[verdict]]


def _count(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")
