"""Whether a new version of a model can take the place of the old: what it newly gets wrong, what it can still find."""

from theodolite.updates.answers import answers as answers
from theodolite.updates.decisions import Answers as Answers
from theodolite.updates.flips import FlipCounts as FlipCounts
from theodolite.updates.flips import UpdateCompatibility as UpdateCompatibility
from theodolite.updates.flips import update_compatibility as update_compatibility
from theodolite.updates.retrieval import BackwardCompatibility as BackwardCompatibility
from theodolite.updates.retrieval import Retrieval as Retrieval
from theodolite.updates.retrieval import backward_compatibility as backward_compatibility
