"""Reports: what a survey found, as a page to look at, as Markdown and as JSON."""

from theodolite.reports.compare import comparison_report as comparison_report
from theodolite.reports.corpus import corpus_report as corpus_report
from theodolite.reports.dimension import dimension_report as dimension_report
from theodolite.reports.figures import figure as figure
from theodolite.reports.questions import Judgement as Judgement
from theodolite.reports.questions import judge as judge
from theodolite.reports.report import report as report
from theodolite.reports.similarity import similarity_report as similarity_report
from theodolite.reports.summary import Summary as Summary
from theodolite.reports.summary import summary as summary
from theodolite.reports.texts import text_dimension_report as text_dimension_report
from theodolite.reports.track import track_report as track_report
from theodolite.reports.width import width_report as width_report
