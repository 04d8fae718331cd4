"""The mean of several clouds up to rotations."""

from dataclasses import dataclass
from typing import Annotated, Literal

from theodolite.core import Array, Cloud, Field, Limits, Result, measure
from theodolite.core import like as in_library_of
from theodolite.similarity._mean_shapes import found_mean


@dataclass(frozen=True, kw_only=True)
class Barycentre(Result):
    """A mean of clouds.

    Attributes
    ----------
    objective : array of shape ()
        Sum of the squared distances of the clouds from the mean. ``extra["mean"]`` is the mean, of shape (rows,
        coordinates), ``extra["aligned"]`` the clouds turned onto it, of shape (clouds, rows, coordinates), and
        ``extra["objectives"]`` what each start ended with, ascending.
    spread : array of shape ()
        Root of the mean squared distance from the mean.
    """

    objective: Annotated[
        Array,
        Field(
            unit="distance^2",
            bounds=(0, None),
            invariant_to=("translation", "rotation", "permutation", "order"),
            equivariant={"scale": 2},
            reads="0 = all clouds are the same up to a rotation",
            of_itself=0.0,
        ),
    ]
    spread: Annotated[
        Array,
        Field(
            unit="distance",
            bounds=(0, None),
            invariant_to=("translation", "rotation", "permutation", "order"),
            equivariant={"scale": 1},
            reads="how far a cloud is from the mean",
            of_itself=0.0,
        ),
    ]


@measure(cite="gower1975generalized", needs="rows", runs="host")
def barycentre(
    *clouds: Cloud,
    metric: Literal["euclidean", "angular"] = "euclidean",
    starts: Annotated[int, Limits(ge=1)] = 4,
) -> Barycentre:
    r"""Mean of clouds up to rotations: generalised Procrustes analysis.

    Minimises :math:`\sum_i \|X_i T_i - M\|_F^2` over orthogonal maps :math:`T_i` of the centred clouds and the mean
    :math:`M`: the clouds are turned onto the mean, the mean is taken anew, and so on; no step makes the sum larger.
    With ``metric="angular"``, clouds and mean have norm 1 and squared angles are summed; the mean follows the
    geodesics. The minimum is a local one, so that several starts are made and the best is kept.

    Parameters
    ----------
    *clouds : Cloud or array of shape (rows, features)
        With rows for the same stimuli; features may differ in number.
    metric : {"euclidean", "angular"}
        Size-and-shape distances, of which `procrustes` is the one, or angles, as in `angular_procrustes`.
    starts : int
        From how many clouds to start; where there are fewer, from means of clouds turned at random as well.

    Returns
    -------
    Barycentre
        Objective and spread; mean, aligned clouds and the objectives of all starts in `extra`.

    Notes
    -----
    Where a square hides: the objective sums squares of distances; of two clouds it is half of the squared Procrustes
    distance. The mean is known up to a rotation only, and stands in coordinates that are no more than the rows. Starts
    that end with different objectives are noted. What is declared above holds for the Euclidean metric; angles don't
    follow the scale.

    Reads as
    --------
    The shape that networks share, with what each deviates from it by: ``aligned - mean``. A spread much below the norm
    of the mean says that there is a common shape.

    Misleads when
    -------------
    Clouds fall into groups: a mean between groups resembles none of them; look at `tangent_pca`. Or when starts
    disagree, which the note says.

    Cost
    ----
    For each step and cloud, two products n d^2 and a singular value decomposition of side d, where d is the largest
    number of features or that of the rows, whichever is less; some tens of steps for each start.

    References
    ----------
    J. C. Gower, Generalized Procrustes analysis, Psychometrika 40 (1975) 33-51. A. H. Williams, E. Kunz, S. Kornblith
    and S. W. Linderman, Generalized shape metrics on neural representations, Advances in Neural Information Processing
    Systems 34 (2021), arXiv:2110.14739. X. Pennec, Intrinsic statistics on Riemannian manifolds, Journal of
    Mathematical Imaging and Vision 25 (2006) 127-154.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).standard_normal((30, 3))
    >>> found = barycentre(rows, rows[:, ::-1], -rows + 2.0)
    >>> bool(found.objective < 1e-24), found.extra["aligned"].shape
    (True, (3, 30, 3))
    """
    found = found_mean(clouds, metric, starts)
    like = clouds[0].rows
    best = found.best
    return Barycentre(
        objective=in_library_of(best.objective, like),
        spread=in_library_of((best.objective / len(clouds)) ** 0.5, like),
        notes=found.notes,
        extra={"mean": best.centre, "aligned": best.aligned, "objectives": found.objectives},
    )
