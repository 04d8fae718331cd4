"""What readings say together: two models side by side."""

from theodolite.study.compare import compare as compare
from theodolite.study.comparison import Comparison as Comparison
from theodolite.study.comparison import LayerComparison as LayerComparison
from theodolite.study.comparison import Shift as Shift
