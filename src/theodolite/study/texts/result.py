"""What was read of texts, and how genres differ by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Outcome, ParameterError, closest
from theodolite.numerics.auc import area_under_curve
from theodolite.study.texts.estimates import DIMENSIONS, RATIOS, TextReading
from theodolite.study.texts.settings import TextSettings

if TYPE_CHECKING:
    import pandas as pd

Float = NDArray[np.float64]

QUANTITIES = (*DIMENSIONS, *RATIOS)


@dataclass(frozen=True)
class GenreSummary:
    """One number over the texts of a genre.

    Attributes
    ----------
    genre, quantity : str
        Of what.
    count : int
        Texts with a number.
    mean, sd : float or None
        Over these texts; the deviation needs two.
    error : float or None
        Standard error of the mean.
    spread : float or None
        Standard deviation that reruns alone make, for one text; only where there are reruns.
    """

    genre: str
    quantity: str
    count: int
    mean: float | None
    sd: float | None
    error: float | None
    spread: float | None


@dataclass(frozen=True)
class GenreComparison:
    """How well one number tells two genres apart.

    Attributes
    ----------
    quantity, first, second : str
        Of what.
    counts : tuple of int
        Texts of each with a number.
    auc : float
        How often a text of the first genre has a larger number than one of the second.
    low, high : float
        Ends of its 95 % interval, by DeLong's variance.
    p_value : float
        Of Mann and Whitney's test that it is a half.
    """

    quantity: str
    first: str
    second: str
    counts: tuple[int, int]
    auc: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, eq=False)
class TextDimensions:
    """Texts with the dimensions of their token vectors.

    Attributes
    ----------
    texts : tuple of TextReading
        What was read of each, in order.
    genres : tuple of str
        Where they come from.
    model, layer : str
        Whose vectors were taken.
    settings : TextSettings
        How they were measured.
    """

    texts: tuple[TextReading, ...]
    genres: tuple[str, ...]
    model: str
    layer: str
    settings: TextSettings

    def values(self, quantity: str = "ph_dimension", genre: str | None = None) -> Float:
        """Give one number of each text.

        Parameters
        ----------
        quantity : str
            ``"ph_dimension"``, ``"two_nn"``, ``"mle"``, ``"type_token_ratio"`` or ``"unique_token_ratio"``.
        genre : str, optional
            Only its texts.

        Returns
        -------
        ndarray of shape (texts,)
            NaN where there is none.

        Raises
        ------
        ParameterError
            If the quantity or the genre is unknown.
        """
        for name, given, known in (("quantity", quantity, QUANTITIES), ("genre", genre, self.genres)):
            if given is not None and given not in known:
                raise ParameterError(f"{name} is {given!r}; {closest(str(given), known)}")
        told = [text.estimates[quantity].value for text in self.texts if genre in {None, text.genre}]
        return np.asarray([np.nan if value is None else value for value in told], dtype=np.float64)

    @cached_property
    def summaries(self) -> tuple[GenreSummary, ...]:
        """Every number over every genre."""
        return tuple(self._summary(genre, quantity) for genre in self.genres for quantity in QUANTITIES)

    def _summary(self, genre: str, quantity: str) -> GenreSummary:
        values = self._known(quantity, genre)
        spreads = [
            text.estimates[quantity].spread
            for text in self.texts
            if text.genre == genre and text.estimates[quantity].spread is not None
        ]
        sd = float(values.std(ddof=1)) if values.size > 1 else None
        return GenreSummary(
            genre,
            quantity,
            int(values.size),
            float(values.mean()) if values.size else None,
            sd,
            None if sd is None else sd / float(np.sqrt(values.size)),
            float(np.sqrt(np.mean(np.square(np.asarray(spreads, dtype=np.float64))))) if spreads else None,
        )

    @cached_property
    def comparisons(self) -> tuple[GenreComparison, ...]:
        """Every number over every pair of genres, of which both have two texts with it."""
        return tuple(self._compared())

    def _compared(self) -> Iterator[GenreComparison]:
        for first, second in combinations(self.genres, 2):
            for quantity in QUANTITIES:
                one, other = (self._known(quantity, genre) for genre in (first, second))
                if min(one.size, other.size) > 1:
                    area = area_under_curve(one, other)
                    counts = (int(one.size), int(other.size))
                    yield GenreComparison(
                        quantity, first, second, counts, area.value, area.low, area.high, area.p_value
                    )

    def _known(self, quantity: str, genre: str) -> Float:
        values = self.values(quantity, genre)
        return values[np.isfinite(values)]

    @property
    def refusals(self) -> tuple[tuple[str, str, int], ...]:
        """Quantities without a number, why, and for how many texts; ``"all"`` where a text has none at all."""
        counted: Counter[tuple[str, str]] = Counter()
        for text in self.texts:
            missing = {name: one.outcome for name, one in text.estimates.items() if one.outcome is not None}
            if len(missing) == len(text.estimates):
                counted["all", next(iter(missing.values()))] += 1
            else:
                counted.update(missing.items())
        return tuple((name, _sentence(outcome), count) for (name, outcome), count in counted.items())

    @property
    def doubts(self) -> tuple[tuple[str, str, int], ...]:
        """Quantities with a doubt, which, and for how many texts."""
        counted = Counter(
            (name, note) for text in self.texts for name, one in text.estimates.items() for note in one.notes
        )
        return tuple((name, _sentence(outcome), count) for (name, outcome), count in counted.items())

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each text and quantity."""
        import pandas as pd

        return pd.DataFrame(self._rows())

    def explain(self) -> str:
        """Say in sentences what there is to see.

        Returns
        -------
        str
            Lines.
        """
        from theodolite.study.texts.words import sentences

        return "\n".join(sentences(self))

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values.

        Returns
        -------
        dict
            Ready for JSON.
        """
        return {
            "model": self.model,
            "layer": self.layer,
            "settings": asdict(self.settings),
            "genres": list(self.genres),
            "texts": self._rows(),
            "summaries": [asdict(one) for one in self.summaries],
            "comparisons": [asdict(one) | {"counts": list(one.counts)} for one in self.comparisons],
            "refusals": [{"quantity": name, "why": why, "texts": count} for name, why, count in self.refusals],
            "doubts": [{"quantity": name, "why": why, "texts": count} for name, why, count in self.doubts],
        }

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "genre": text.genre,
                "text": text.place,
                "tokens": text.tokens,
                "words": text.words,
                "quantity": name,
                **asdict(one),
                "notes": list(one.notes),
            }
            for text in self.texts
            for name, one in text.estimates.items()
        ]


def _sentence(outcome: str) -> str:
    told = Outcome[outcome]
    return f"{told.cause} {told.remedy}"
