"""The frame of every page: one HTML file with its style, code and data inside, which lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape
from markupsafe import Markup

from theodolite.reports.charts.theme import DARK, LIGHT, VARIABLES, vega_config
from theodolite.reports.layers import count_text, number_text
from theodolite.reports.questions import VERDICTS

EVERY_CHART = ("elements.js", "theme.js", "every_chart.js")
"""Code of a page that draws each of its charts once, into the element of the same name."""


def framed(
    name: str, data: Mapping[str, Any], scripts: tuple[str, ...], styles: Sequence[str] = (), **context: Any
) -> str:
    """Write a page.

    Parameters
    ----------
    name : str
        Its template, without endings.
    data : mapping
        What its code works on, a JSON value; the configuration of charts is added.
    scripts : tuple of str
        Its code, in order; one module together with the Vega bundle.
    styles : sequence of str
        Templates of its own styles, behind those of every page.
    **context
        What its template asks for, and the ``title``; all is escaped.

    Returns
    -------
    str
        The page.
    """
    colours = {"light": LIGHT.colours(), "dark": DARK.colours(), "verdicts": VERDICTS}
    style = "\n".join(template(sheet).render(**colours).strip() for sheet in ("page.css.jinja", *styles))
    script = inline_script(bundle(scripts))
    return template(f"{name}.html.jinja").render(
        context,
        policy=_policy(script, style),
        style=_safe(style),
        script=_safe(script),
        data=_safe(script_json({**data, "config": vega_config(VARIABLES)})),
    )


@lru_cache(maxsize=4)
def bundle(scripts: tuple[str, ...]) -> str:
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


def script_json(value: Any) -> str:
    """Write JSON that can stand inside a script element.

    Parameters
    ----------
    value : JSON-able
        The value; its strings are not trusted.

    Returns
    -------
    str
        JSON without any sign that HTML or JavaScript could read as its own.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


@lru_cache(maxsize=8)
def template(name: str) -> Template:
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
    environment = Environment(
        loader=PackageLoader("theodolite.reports", "templates"),
        autoescape=select_autoescape(("html.jinja", "html")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number_text, "count": count_text}
    return environment.get_template(name)


def _policy(script: str, style: str) -> str:
    """Write the content security policy: nothing from outside, this script and this style alone."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _safe(text: str) -> Markup:
    """Mark our own text as safe to stand in a page as it is."""
    return Markup(text)  # noqa: S704 - our own style and code, and JSON whose signs are escaped
