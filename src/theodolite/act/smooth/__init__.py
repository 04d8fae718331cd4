"""Smoothing: keep the largest singular components of every matrix, and take out what single huge entries make."""

from theodolite.act.smooth.applying import Smoothed as Smoothed
from theodolite.act.smooth.plan import MatrixPlan as MatrixPlan
from theodolite.act.smooth.plan import SmoothPlan as SmoothPlan
from theodolite.act.smooth.planning import smooth_plan as smooth_plan
from theodolite.act.smooth.smoothing import Smoothing as Smoothing
from theodolite.act.smooth.traps import Trap as Trap
