"""What a measure promises about each number it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from theodolite.core.outcomes import Note
    from theodolite.core.views import View

Move = Literal[
    "scale",
    "separate_scale",
    "permutation",
    "rotation",
    "linear",
    "transpose",
    "translation",
    "order",
    "shift",
    "exchange",
]
"""What can be done to the data without changing, for some measures, the answer.

To a spectrum. scale: every entry times a constant. permutation: rows and columns reordered. rotation: an orthogonal
matrix from the left and another from the right. transpose: rows become columns.

To clouds of points, to each its own where there are several. scale: all clouds times one constant. separate_scale: each
times its own. permutation: features reordered. rotation: an orthogonal map of the features. linear: an invertible
linear map of the features. translation: a constant vector added to each row. order: rows reordered, alike in all
clouds. shift: images moved around their edges, those of one cloud alike. exchange: the clouds swapped.
"""

Runs = Literal["array", "host"]
"""Where a measure computes: in the caller's array library and on its device, or in NumPy on the host."""


@dataclass(frozen=True)
class Field:
    """The promise about one number: its unit, its range and how it answers to each move.

    Every move that the measure's view knows stands in exactly one of the four groups; a claim of variation is tested
    as much as a claim of invariance.

    Parameters
    ----------
    unit : str
        ``"1"`` for a pure number, else what it is counted in (``"weight"``, ``"eigenvalue"``, ``"dimensions"``).
    bounds : tuple of (float or None, float or None)
        Closed range; None where there is no bound.
    invariant_to : tuple of str
        Moves that leave the number as it is.
    equivariant : mapping of str to float
        Moves that multiply it by the move's factor to this degree (``{"scale": 2}``).
    varies : tuple of str
        Moves that change it in general.
    unspecified : tuple of str
        Moves about which nothing is promised.
    reads : str
        How to read it, in a few words.
    goodness_of_fit : bool
        Whether it says how far the data are from the law that the measure fits: a distance, where larger means a worse
        fit, or the share that the law explains, where smaller does. No interval is drawn for it: a resample lies
        farther from every law than the data.
    of_itself : float, optional
        The number where a cloud is set against itself: 0 for a distance, 1 for a similarity.
    of_test : bool
        Whether it is the statistic or the p-value of a test. No interval is drawn for it: a resample of the data is no
        sample of what the test is against.
    """

    unit: str
    bounds: tuple[float | None, float | None] = (None, None)
    invariant_to: tuple[Move, ...] = ()
    equivariant: Mapping[Move, float] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    varies: tuple[Move, ...] = ()
    unspecified: tuple[Move, ...] = ()
    reads: str = ""
    goodness_of_fit: bool = False
    of_itself: float | None = None
    of_test: bool = False

    def __getstate__(self) -> dict[str, object]:
        # A read-only mapping can't be pickled.
        return {**self.__dict__, "equivariant": dict(self.equivariant)}

    def undeclared(self, moves: tuple[Move, ...]) -> list[str]:
        """List the moves that are claimed not once, or twice, or that the view doesn't know.

        Parameters
        ----------
        moves : tuple of str
            The moves that the view knows.

        Returns
        -------
        list of str
            Empty where every move is declared exactly once.
        """
        claimed = [*self.invariant_to, *self.equivariant, *self.varies, *self.unspecified]
        wrong: list[str] = [move for move in moves if claimed.count(move) != 1]
        return wrong + [move for move in claimed if move not in moves]


@dataclass(frozen=True)
class Traits:
    """What a measure declares about itself.

    Attributes
    ----------
    views : tuple of type
        The view that each positional argument is looked at through.
    needs : tuple of str
        What the view must have: ``"eigenvalues"``, ``"matrix"``, ``"shape"``.
    runs : {"array", "host"}
        Where it computes.
    version : int
        Raised whenever the same input may give another number; old readings are then not reused.
    cite : str
        Key in the bibliography.
    fields : mapping of str to Field
        The numbers it gives; a scalar measure has the one field ``"value"``.
    synthetic : callable or None
        For a measure that fits a law: draws samples that follow the fit. It is called with the view, the result, the
        parameters, the number of samples and a generator, and gives the samples, one ascending row each.
    looks_at : callable or None
        For a measure that doesn't take its view as it is: gives the view that it measures, from the view and the
        parameters. Resamples are drawn from that one.
    chance : callable or None
        For a measure whose chance level has a closed form: gives it by field, from the view and the parameters.
    doubts : callable or None
        For a measure that gives bare numbers: gives the notes that belong beside them, from the view and the
        parameters. A run over many pairs asks for them; a call doesn't, and so costs nothing more and stays
        differentiable.
    neighbours : callable or None
        For a measure that looks at nearest neighbours: gives how many of each point, from the number of distinct points
        and the parameters. A run asks a cloud once for the largest number that its measures look at.
    variadic : bool
        Whether the last view stands for any number of positional arguments.
    """

    views: tuple[type[View], ...]
    needs: tuple[str, ...]
    runs: Runs
    version: int
    cite: str
    fields: Mapping[str, Field]
    synthetic: Callable[..., Any] | None = None
    looks_at: Callable[..., Any] | None = None
    chance: Callable[..., Mapping[str, float]] | None = None
    doubts: Callable[..., tuple[Note, ...]] | None = None
    neighbours: Callable[[int, Mapping[str, Any]], int] | None = None
    variadic: bool = False
