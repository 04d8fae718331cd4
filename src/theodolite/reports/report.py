"""The report in each of its forms."""

from __future__ import annotations

from pathlib import Path
def report(readings,path=None,*,format="html"):
    from theodolite.reports.page import page
    return page(readings)
def figure(): ...
