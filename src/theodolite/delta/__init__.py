"""What became of a weight matrix: the change itself, the subspaces it turned, the directions it brought in.

Two matrices are looked at together here, before and after; in place of the second, a product of factors may stand that
is added to the first (a LoRA adapter), and is never multiplied out.
"""

from theodolite.delta.low_rank import LowRank as LowRank
from theodolite.delta.measures import intruder_dimensions as intruder_dimensions
from theodolite.delta.measures import subspace_overlap as subspace_overlap
from theodolite.delta.measures import weight_change as weight_change
from theodolite.delta.pair import WeightPair as WeightPair
from theodolite.delta.results import IntruderDimensions as IntruderDimensions
from theodolite.delta.results import SubspaceOverlap as SubspaceOverlap
from theodolite.delta.results import WeightChange as WeightChange
