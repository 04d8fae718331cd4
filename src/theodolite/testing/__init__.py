"""What every measure is tested with, for theodolite's own measures and for those of other packages.

`check_measure` runs the whole suite on a measure; `checks` lists it for pytest to parametrise. `backends` are the
array libraries, `Specimens` the data; the functions that plant data say which answers are known beforehand.
"""

from theodolite.testing.backends import Backend as Backend
from theodolite.testing.backends import backends as backends
from theodolite.testing.planted import gaussian as gaussian
from theodolite.testing.planted import heavy_entries as heavy_entries
from theodolite.testing.planted import heavy_tailed as heavy_tailed
from theodolite.testing.planted import lattice as lattice
from theodolite.testing.planted import low_rank as low_rank
from theodolite.testing.planted import orthogonal as orthogonal
from theodolite.testing.planted import pareto_eigenvalues as pareto_eigenvalues
from theodolite.testing.planted import rank_one as rank_one
from theodolite.testing.planted import with_eigenvalues as with_eigenvalues
from theodolite.testing.planted_clouds import correlated as correlated
from theodolite.testing.planted_clouds import rotated_copy as rotated_copy
from theodolite.testing.planted_clouds import shared_latent as shared_latent
from theodolite.testing.planted_neighbours import poisson_neighbours as poisson_neighbours
from theodolite.testing.specimens import Specimens as Specimens
from theodolite.testing.subject import Check as Check
from theodolite.testing.suite import check_measure as check_measure
from theodolite.testing.suite import checks as checks
