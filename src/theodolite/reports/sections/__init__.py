"""Sections of a report, as data: what the page, the Markdown and the JSON are written from."""

from theodolite.reports.sections.citations import citations as citations
from theodolite.reports.sections.findings import Finding as Finding
from theodolite.reports.sections.findings import findings as findings
from theodolite.reports.sections.provenance import Provenance as Provenance
from theodolite.reports.sections.provenance import provenance as provenance
from theodolite.reports.sections.unmeasured import Group as Group
from theodolite.reports.sections.unmeasured import listed as listed
from theodolite.reports.sections.unmeasured import refused as refused
from theodolite.reports.sections.whole_model import WholeModel as WholeModel
from theodolite.reports.sections.whole_model import whole_model as whole_model
