"""What a dimension from the growth of a length is given with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from theodolite.core import Array, Cloud, Field, Interval, Missing, Note, Outcome, Result
from theodolite.dimension._estimate import SIGNS, few_points_notes, given_back
from theodolite.numerics.growth_law import Growth

_FEWEST = 40


@dataclass(frozen=True, kw_only=True)
class GrowthDimension(Result):
    """What the results of all estimates from the growth of a length hold.

    Attributes
    ----------
    dimension : array of shape () or Missing
        The estimate; missing where the length grows as fast as the number of points, or faster.
    inverse : array of shape ()
        1 over the dimension, which stays regular where the dimension grows beyond all bounds.
    slope : array of shape ()
        Of the logarithm of the length in that of the number of points.
    r_squared : array of shape ()
        Share of the variance of the logarithms that the line explains: the goodness of fit.
    points, duplicates : array of shape ()
        Distinct points, rows that repeat another.
    searched : array of shape ()
        How often lists of neighbours ran out, so that a point had to be compared with all others of its part.
    """

    dimension: Annotated[
        Array | Missing,
        Field(
            unit="dimensions",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation"),
            unspecified=("order",),
            reads=SIGNS,
        ),
    ]
    inverse: Annotated[
        Array,
        Field(
            unit="1",
            invariant_to=("scale", "translation", "rotation", "permutation"),
            unspecified=("order",),
            reads="1 over the dimension; an interval that holds 0 = no telling how many",
        ),
    ]
    slope: Annotated[
        Array,
        Field(
            unit="1",
            invariant_to=("scale", "translation", "rotation", "permutation"),
            unspecified=("order",),
            reads="near 1 = more dimensions than these points can tell",
        ),
    ]
    r_squared: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, 1),
            invariant_to=("scale", "translation", "rotation", "permutation"),
            unspecified=("order",),
            reads="below 0.99 = the dimension depends on the number of points",
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
    searched: Annotated[
        Array,
        Field(
            unit="points",
            bounds=(0, None),
            unspecified=("scale", "translation", "rotation", "permutation", "order"),
            reads="what lists of neighbours didn't settle; the lengths are exact all the same",
        ),
    ]


def growth_fields(cloud: Cloud, found: Growth, power: float, searched: int) -> dict[str, Any]:
    """Put together the fields that all results have.

    Parameters
    ----------
    cloud : Cloud
        What was measured.
    found : Growth
        How its length grows.
    power : float
        Of each edge in the length.
    searched : int
        How often lists of neighbours ran out.

    Returns
    -------
    dict
        Keywords of a `GrowthDimension`.
    """
    inverse, error = (1.0 - found.slope) / power, found.error / power
    reach = found.steps * error
    intervals = {
        "inverse": _interval(cloud, inverse - reach, inverse + reach, error),
        "slope": _interval(cloud, found.slope - power * reach, found.slope + power * reach, found.error),
    }
    dimension: Array | Missing = Missing(Outcome.NO_LESS_LENGTH, f"slope {found.slope:.4f}")
    notes = _doubts(found)
    distinct = cloud.distinct
    if inverse > 0:
        dimension, seen = given_back(cloud, 1.0 / inverse), ""
        if inverse > reach:
            ends = 1.0 / (inverse + reach), 1.0 / (inverse - reach)
            intervals["dimension"] = _interval(cloud, *ends, error / inverse**2)
        else:
            seen = f"1/dimension is {inverse:.3g} with a standard error of {error:.2g}"
        few = few_points_notes(distinct.count, 1.0 / inverse)
        notes = ((Note(Outcome.TOO_FEW_FOR_DIMENSION, seen, "dimension"),) if seen else few) + notes
    return {
        "dimension": dimension,
        "inverse": given_back(cloud, inverse),
        "slope": given_back(cloud, found.slope),
        "r_squared": given_back(cloud, found.r_squared),
        "points": given_back(cloud, float(distinct.count)),
        "duplicates": given_back(cloud, float(distinct.rows - distinct.count)),
        "searched": given_back(cloud, float(searched)),
        "notes": notes,
        "intervals": intervals,
        "extra": {"sizes": np.asarray(found.sizes), "lengths": found.lengths},
    }


def _doubts(found: Growth) -> tuple[Note, ...]:
    notes: tuple[Note, ...] = ()
    if found.sizes[0] < _FEWEST:
        notes += (Note(Outcome.SMALL_PARTS, f"{found.sizes[0]} points, {_FEWEST} are wanted", "slope"),)
    # A length that hardly grows has little variance to explain; what the line leaves has to be more than noise too.
    if found.r_squared < 0.99 and found.residual > 0.01:
        notes += (Note(Outcome.BENT_LINE, f"R² = {found.r_squared:.4f}", "r_squared"),)
    return notes


def _interval(cloud: Cloud, low: float, high: float, error: float) -> Interval:
    return Interval(given_back(cloud, low), given_back(cloud, high), 0.95, given_back(cloud, error))
