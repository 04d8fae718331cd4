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
        most = cloud.distinct.count - 1 if cloud.known is None else cloud.known.k
        near = cloud.neighbours(max(k, min(_tied(k), most)))
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

    def worth(self, fit: DimensionFit) -> float:
        """Say how many independent points these points are worth.

        Parameters
        ----------
        fit : DimensionFit
            The fit, of these points.

        Returns
        -------
        float
            At most as many as there are.
        """
        error = self.error(fit)
        return self.near.count * min(1.0, fit.independent_error / error) ** 2 if error > 0 else float(self.near.count)

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
    cloud: Cloud, near: Neighbours, estimate: tuple[float, float], fit: tuple[float, float | None]
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

    Returns
    -------
    dict
        Keywords of a `NeighbourDimension`.
    """
    dimension, distance, p_value = estimate[0], *fit
    notes: tuple[Note, ...] = ()
    most = 2.0 * np.log10(near.count)
    if dimension > most:
        seen = f"{near.count} points tell of {most:.1f} dimensions at most, {dimension:.1f} were found"
        notes += (Note(Outcome.TOO_FEW_FOR_DIMENSION, seen, "dimension"),)
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


def interval_about(cloud: Cloud, dimension: float, error: float) -> Interval:
    """Make the interval of 95 percent.

    Parameters
    ----------
    cloud : Cloud
        What was measured.
    dimension, error : float
        Estimate and standard error.

    Returns
    -------
    Interval
        Not below 0.
    """
    low, high = max(0.0, dimension - _Z95 * error), dimension + _Z95 * error
    return Interval(given_back(cloud, low), given_back(cloud, high), 0.95, given_back(cloud, error))


def curve(radii: list[float], dimensions: list[float], errors: list[float], run: slice) -> Mapping[str, Float]:
    """Put a curve over scales among what stands behind a result.

    Parameters
    ----------
    radii, dimensions, errors : list of float
        Mean distance, dimension and standard error at each scale.
    run : slice
        Where the dimension stays as it is.

    Returns
    -------
    mapping of str to ndarray
        For `Result.extra`.
    """
    return {
        "radii": np.asarray(radii),
        "dimensions": np.asarray(dimensions),
        "standard_errors": np.asarray(errors),
        "plateau": np.arange(len(radii))[run],
    }


def plateau(dimensions: list[float], errors: list[float]) -> slice:
    """Find the longest run of scales at which one dimension would do.

    Each scale allows what lies within 5 percent or two standard errors of its own dimension; a run needs one that all
    its scales allow.

    Parameters
    ----------
    dimensions, errors : list of float
        At each scale.

    Returns
    -------
    slice
        The first of the longest.
    """
    reach = [max(0.05 * d, _Z95 * e) for d, e in zip(dimensions, errors, strict=True)]
    best = slice(0, 0)
    for start in range(len(dimensions)):
        low, high = -np.inf, np.inf
        for stop in range(start, len(dimensions)):
            low = max(low, dimensions[stop] - reach[stop])
            high = min(high, dimensions[stop] + reach[stop])
            if low > high:
                break
            if stop + 1 - start > best.stop - best.start:
                best = slice(start, stop + 1)
    return best


def plateau_notes(run: slice) -> tuple[Note, ...]:
    """Say where there is no plateau.

    Parameters
    ----------
    run : slice
        From `plateau`.

    Returns
    -------
    tuple of Note
        Empty where three scales agree.
    """
    length = run.stop - run.start
    if length >= 3:
        return ()
    return (Note(Outcome.NO_PLATEAU, f"{length} scales agree, 3 make a plateau", "plateau"),)
