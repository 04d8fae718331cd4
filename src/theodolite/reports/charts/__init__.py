"""Charts of a survey, as Altair charts: data and grammar, no pixels."""

from theodolite.reports.charts.bulk import DrawnBulk as DrawnBulk
from theodolite.reports.charts.depth import depth_chart as depth_chart
from theodolite.reports.charts.quantities import Quantity as Quantity
from theodolite.reports.charts.quantities import quantities_of as quantities_of
from theodolite.reports.charts.roles import role_chart as role_chart
from theodolite.reports.charts.rows import chart_rows as chart_rows
from theodolite.reports.charts.spectrum import SpectrumData as SpectrumData
from theodolite.reports.charts.spectrum import spectrum_chart as spectrum_chart
from theodolite.reports.charts.spectrum import spectrum_data as spectrum_data
from theodolite.reports.charts.theme import DARK as DARK
from theodolite.reports.charts.theme import LIGHT as LIGHT
from theodolite.reports.charts.verdict_map import verdict_map as verdict_map
