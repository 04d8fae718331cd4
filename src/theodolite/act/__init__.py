"""Acting on what was measured: plans that say what they would do and why, and then do it to a copy."""

from theodolite.act.allocate import Allocation as Allocation
from theodolite.act.allocate import BlockExperts as BlockExperts
from theodolite.act.allocate import LayerRank as LayerRank
from theodolite.act.allocate import RankPlan as RankPlan
from theodolite.act.allocate import Trial as Trial
from theodolite.act.allocate import TrialRow as TrialRow
from theodolite.act.allocate import TrialSettings as TrialSettings
from theodolite.act.allocate import allocate as allocate
from theodolite.act.allocate import try_plan as try_plan
from theodolite.act.smooth import MatrixPlan as MatrixPlan
from theodolite.act.smooth import Smoothed as Smoothed
from theodolite.act.smooth import Smoothing as Smoothing
from theodolite.act.smooth import SmoothPlan as SmoothPlan
from theodolite.act.smooth import Trap as Trap
from theodolite.act.smooth import smooth_plan as smooth_plan
