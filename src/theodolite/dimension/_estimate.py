"""What every dimension from nearest neighbours is given with: its interval, its fit, what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Chance, Cloud, Field, Interval, Note, Outcome, Result, is_array, like
from theodolite.numerics.graph_errors import graph_standard_error
from theodolite.numerics.neighbours import Neighbours
from theodolite.numerics.ratio_dimension import DimensionFit

Float = NDArray[np.float64]

_Z95 = 1.959963984540054
_FEWEST_TIED, _ENOUGH_TIED = 5, 8
_MISFIT = 0.01
_FEW = 20
HALF = 0.5  # a whole number doesn't tell more
SIGNS = "higher = more directions to go from a point"


@dataclass(frozen=True, kw_only=True)
class NeighbourDimension(Result):
    """What the results of all estimates from nearest neighbours hold; each says more of its own.

    Attributes
    ----------
    dimension : array of shape ()
        The estimate.
    goodness_of_fit : array of shape ()
        Distance from the law.
    points, duplicates, uncertain : array of shape ()
        Distinct points, rows that repeat another, points whose neighbours had to be found again.
    """

    dimension: Annotated[
        Array,
        Field(
            unit="dimensions",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads=SIGNS,
        ),
    ]
    goodness_of_fit: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="0 = the distances follow the law of constant density exactly",
            goodness_of_fit=True,
        ),
    ]
    points: Annotated[
        Array,
        Field(
            unit="points",
            bounds=(2, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="rows that coincide count once",
        ),
    ]
    duplicates: Annotated[
        Array,
        Field(
            unit="rows",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="rows that coincide with another one, and were left out",
        ),
    ]
    uncertain: Annotated[
        Array,
        Field(
            unit="points",
            bounds=(0, None),
            unspecified=("scale", "translation", "rotation", "permutation", "order"),
            reads="points whose neighbours single precision could not tell; their distances are exact all the same",
        ),
    ]


@dataclass(frozen=True)
class Lists:
    """The neighbours that an estimate looks at, and the graph that its standard error runs over.

    Attributes
    ----------
    near : Neighbours
        As many as were asked for.
    tied : ndarray of int, shape (points, neighbours)
        The graph.
    cloud : Cloud
        Where they come from.
    """

    near: Neighbours
    tied: NDArray[np.int64]
    cloud: Cloud

    @classmethod
    def of(cls, cloud: Cloud, k: int) -> Lists:
        """Find neighbours of a cloud.

        Parameters
        ----------
        cloud : Cloud
            The points.
        k : int
            How many neighbours the estimate looks at.

        Returns
        -------
        Lists
            Refused where there are not more than k distinct points.
        """
        near = cloud.neighbours(reach(k, cloud.distinct.count if cloud.known is None else cloud.known.k + 1))
        return cls(near.nearest(k), near.indices[:, : _tied(k)], cloud)

    def to(self, k: int) -> Lists:
        """Look at fewer neighbours.

        Parameters
        ----------
        k : int
            How many, at most those that are looked at.

        Returns
        -------
        Lists
            With the graph that goes with so many.
        """
        indices = self.tied if self.tied.shape[1] > self.near.k else self.near.indices
        return Lists(self.near.nearest(k), indices[:, : _tied(k)], self.cloud)

    @property
    def distances(self) -> Float:
        """Distances, of shape (points, k)."""
        return self.near.distances

    def error(self, fit: DimensionFit) -> float:
        """Compute the standard error of a fit, with what neighbouring points have in common.

        Parameters
        ----------
        fit : DimensionFit
            The fit, of these points.

        Returns
        -------
        float
            Never below that of independent points.
        """
        return graph_standard_error(fit.influence, self.tied)

    def worth(self, fit: DimensionFit, positions: Float | None = None) -> float:
        """Say how many independent points these points are worth.

        Parameters
        ----------
        fit : DimensionFit
            The fit, of these points.
        positions : ndarray, shape (points,), optional
            Where in the law each stands. Where given, what they are worth in telling how many stand below a quartile
            counts as well, and the least of all is taken.

        Returns
        -------
        float
            At most as many as there are.
        """
        worth = [self._worth(fit.influence)]
        if positions is not None:
            worth += [self._worth((positions < quartile).astype(np.float64)) for quartile in (0.25, 0.5, 0.75)]
        return min(worth)

    def _worth(self, values: Float) -> float:
        alone, error = float(values.std()) / np.sqrt(values.size), graph_standard_error(values, self.tied)
        return self.near.count * min(1.0, alone / error) ** 2 if error > 0 else float(self.near.count)

    def fields(self, fit: DimensionFit, distance: float, p_value: float | None = None) -> dict[str, Any]:
        """Put together the fields that all results have.

        Parameters
        ----------
        fit : DimensionFit
            The dimension.
        distance : float
            Goodness of fit.
        p_value : float, optional
            How often it is as large by chance.

        Returns
        -------
        dict
            Keywords of a `NeighbourDimension`.
        """
        return common_fields(self.cloud, self.near, (fit.dimension, self.error(fit)), (distance, p_value))

    def give(self, value: Any) -> Array:
        """Give a number back in the library of the cloud.

        Parameters
        ----------
        value : number
            Any number.

        Returns
        -------
        array of shape ()
            In the caller's library.
        """
        return given_back(self.cloud, value)


def reach(k: int, count: int) -> int:
    """Say how many neighbours an estimate from k of them asks for, with those for its standard error.

    Parameters
    ----------
    k : int
        How many it looks at.
    count : int
        How many distinct points there are.

    Returns
    -------
    int
        k or more.
    """
    return max(k, min(_tied(k), count - 1))


def reach_of_k(count: int, parameters: Mapping[str, Any]) -> int:
    """Say how many neighbours an estimate from ``k`` of them asks for, as `Traits.neighbours` does.

    Parameters
    ----------
    count : int
        How many distinct points there are.
    parameters : mapping
        Those of the measure.

    Returns
    -------
    int
        ``k`` or more.
    """
    return reach(parameters["k"], count)


def reach_of_one_more(count: int, parameters: Mapping[str, Any]) -> int:
    """Say how many neighbours an estimate from ``k + 1`` of them asks for, as `Traits.neighbours` does.

    Parameters
    ----------
    count : int
        How many distinct points there are.
    parameters : mapping
        Those of the measure.

    Returns
    -------
    int
        ``k + 1`` or more.
    """
    return reach(parameters["k"] + 1, count)


def _tied(k: int) -> int:
    # To all that a point is compared with where they are few; of many to half, since the others share little with it
    # and each pair that is added to the sum adds to its noise.
    return max(min(max(k, _FEWEST_TIED), _ENOUGH_TIED), k // 2)


def given_back(cloud: Cloud, value: Any) -> Array:
    """Give a number back in the library of a cloud.

    Parameters
    ----------
    cloud : Cloud
        What was measured.
    value : number
        Any number.

    Returns
    -------
    array of shape ()
        In the caller's library, or in NumPy where the points lie elsewhere.
    """
    return like(value, cloud.points) if is_array(cloud.points) else np.asarray(value, np.float64)[()]


def common_fields(
    cloud: Cloud,
    near: Neighbours,
    estimate: tuple[float, float],
    fit: tuple[float, float | None],
    among: int | None = None,
) -> dict[str, Any]:
    """Put together the fields that all results have.

    Parameters
    ----------
    cloud : Cloud
        What was measured.
    near : Neighbours
        What was looked at.
    estimate : tuple of float
        The dimension and its standard error.
    fit : tuple of (float, float or None)
        Distance from the law, and how often it is as large by chance.
    among : int, optional
        How many points neighbours were looked for among, where these aren't all.

    Returns
    -------
    dict
        Keywords of a `NeighbourDimension`.
    """
    dimension, distance, p_value = estimate[0], *fit
    notes = few_points_notes(near.count, dimension, among)
    if p_value is not None and p_value < _MISFIT:
        notes += (Note(Outcome.MISFIT, f"p = {p_value:.2g}", "goodness_of_fit"),)
    return {
        "dimension": given_back(cloud, dimension),
        "goodness_of_fit": given_back(cloud, distance),
        "points": given_back(cloud, float(near.count)),
        "duplicates": given_back(cloud, float(near.duplicates)),
        "uncertain": given_back(cloud, float(near.uncertain)),
        "notes": notes,
        "intervals": {"dimension": interval_about(cloud, *estimate)},
        "chances": {} if p_value is None else {"goodness_of_fit": Chance(p_value=p_value)},
    }


def few_points_notes(count: int, dimension: float, among: int | None = None) -> tuple[Note, ...]:
    """Say where there are few points, by themselves or for a dimension.

    Parameters
    ----------
    count : int
        Distinct points.
    dimension : float
        The dimension that was found.
    among : int, optional
        How many points neighbours were looked for among, where these aren't all.

    Returns
    -------
    tuple of Note
        Empty where there are enough.
    """
    notes: tuple[Note, ...] = ()
    among = count if among is None else among
    # The limit of Eckmann and Ruelle (1992).
    most = 2.0 * np.log10(among)
    if dimension > most:
        seen = f"{dimension:.1f} dimensions of {among} points, which are enough for {most:.1f}"
        notes += (Note(Outcome.TOO_FEW_FOR_DIMENSION, seen, "dimension"),)
    if count < _FEW:
        notes += (Note(Outcome.FEW_POINTS, f"{count} points", "dimension"),)
    return notes


def interval_about(cloud: Cloud, dimension: float, error: float, steps: float = _Z95) -> Interval:
    """Make the interval of 95 percent.

    Parameters
    ----------
    cloud : Cloud
        What was measured.
    dimension, error : float
        Estimate and standard error.
    steps : float
        How many standard errors it reaches to either side; of a normal law by default.

    Returns
    -------
    Interval
        Not below 0.
    """
    low, high = max(0.0, dimension - steps * error), dimension + steps * error
    return Interval(given_back(cloud, low), given_back(cloud, high), 0.95, given_back(cloud, error))
