"""Allocation: where adapters get how much rank, blocks how many experts, and matrices how many components."""

from theodolite.act.allocate.allocating import allocate as allocate
from theodolite.act.allocate.allocation import Allocation as Allocation
from theodolite.act.allocate.plan import BlockExperts as BlockExperts
from theodolite.act.allocate.plan import LayerRank as LayerRank
from theodolite.act.allocate.plan import RankPlan as RankPlan
from theodolite.act.allocate.settings import TrialSettings as TrialSettings
from theodolite.act.allocate.trial import Trial as Trial
from theodolite.act.allocate.trial import TrialRow as TrialRow
from theodolite.act.allocate.trial import try_plan as try_plan
