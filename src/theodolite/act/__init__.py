"""Acting on what was measured: plans that say what they would do and why, and then do it to a copy."""

from theodolite.act.smooth import MatrixPlan as MatrixPlan
from theodolite.act.smooth import Smoothed as Smoothed
from theodolite.act.smooth import Smoothing as Smoothing
from theodolite.act.smooth import SmoothPlan as SmoothPlan
from theodolite.act.smooth import Trap as Trap
from theodolite.act.smooth import smooth_plan as smooth_plan
