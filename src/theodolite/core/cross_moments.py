"""Moments of the same rows in several layers, gathered batch by batch: what pairs of layers are compared by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from theodolite.core.arrays import Array, is_array, namespace, to_numpy
from theodolite.core.names import closest
from theodolite.core.outcomes import Outcome, Refusal
from theodolite.core.pair_moments import PairMoments
from theodolite.core.parameters import ParameterError
from theodolite.numerics.moments import Sums
from theodolite.numerics.row_hash import row_hashes

if TYPE_CHECKING:
    from theodolite.core.clouds import Cloud
    from theodolite.core.pairs import Pair


class CrossMoments:
    """Moments of any number of layers with the same rows, gathered in one pass.

    Per pair of layers it holds the second moments of both together and what unbiased CKA of linear kernels needs; the
    answers of measures are those that all rows at once would give, to rounding. Nothing of the size rows × rows exists.

    Parameters
    ----------
    folds : int
        Into how many disjoint groups of rows the moments are kept apart, for cross-validation and jackknife. A row
        goes where a hash of its index and the seed puts it, or where `groups` says.
    seed : int
        Seed of the folds.
    against : iterable of str, optional
        Keep only pairs of one of these layers with one of the others (and each layer with itself); all pairs where
        it is not given.

    Attributes
    ----------
    names : tuple of str
        The layers, in order.
    parts : dict of int to Sums
        The moments of each fold that has rows.
    seen : int
        How many rows have come in.

    Examples
    --------
    >>> import numpy as np
    >>> import theodolite as td
    >>> rows = np.random.default_rng(0).standard_normal((100, 6))
    >>> stream = CrossMoments()
    >>> for batch in np.split(rows, 4):
    ...     stream.update({"lower": batch, "upper": batch[:, :3]})
    >>> bool(np.isclose(td.similarity.cka(stream), td.similarity.cka(rows, rows[:, :3])))
    True
    """

    def __init__(self, *, folds: int = 1, seed: int = 0, against: Iterable[str] | None = None) -> None:
        if isinstance(folds, bool) or not isinstance(folds, int) or folds < 1:
            raise ParameterError(f"folds is {folds!r}; it must be at least 1")
        self.folds = folds
        self.seed = seed
        self.against = None if against is None else frozenset(against)
        self.seen = 0
        self.names: tuple[str, ...] = ()
        self.parts: dict[int, Sums] = {}

    @property
    def count(self) -> int:
        """How many rows were taken in."""
        return sum(part.count for part in self.parts.values())

    def update(
        self,
        batch: Mapping[str, Array],
        *,
        rows: NDArray[Any] | None = None,
        groups: NDArray[Any] | None = None,
    ) -> None:
        """Take in a batch.

        Parameters
        ----------
        batch : mapping of str to array, shape (rows, width)
            The same rows in each layer.
        rows : ndarray of int, shape (rows,), optional
            Their indices in the whole stream; those that follow the rows seen before where they are not given.
        groups : ndarray of int, shape (rows,), optional
            A group for each row: rows of one group go into one fold (that of the hash of the group).

        Raises
        ------
        ValueError
            If layers come or go, or change their width, or their rows differ in number.
        """
        layers = self._checked(batch)
        count = int(layers[0].shape[0])
        if not count:
            return
        indices = np.arange(self.seen, self.seen + count) if rows is None else np.asarray(rows)
        for name, given in (("rows", indices), ("groups", groups)):
            if given is not None and np.asarray(given).shape != (count,):
                raise ValueError(f"{name}: got shape {np.asarray(given).shape} for a batch of {count} rows")
        self.seen += count
        chosen = indices if groups is None else np.asarray(groups)
        places = row_hashes(chosen, self.seed) % np.uint64(self.folds) if self.folds > 1 else np.zeros(count, np.uint64)
        for fold in np.unique(places):
            kept = np.flatnonzero(places == fold)
            self._take(int(fold), layers if kept.size == count else [_rows(one, kept) for one in layers])

    def _checked(self, batch: Mapping[str, Array]) -> list[Array]:
        if not isinstance(batch, Mapping) or not batch:
            raise TypeError(f"batch: expected a mapping from layer to rows, got {type(batch).__name__}")
        if self.names and set(batch) != set(self.names):
            raise ValueError(f"batch: its layers are {', '.join(batch)}; before they were {', '.join(self.names)}")
        names = self.names or tuple(batch)
        layers = [_float_rows(batch[name], name) for name in names]
        counts = {name: int(one.shape[0]) for name, one in zip(names, layers, strict=True)}
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{name}: {count}" for name, count in counts.items())
            raise ValueError(f"batch: every layer must have the same rows; got {told}")
        part = next(iter(self.parts.values()), None)
        for position, (name, one) in enumerate(zip(names, layers, strict=True)):
            if part is not None and one.shape[1] != part.origins[position].shape[0]:
                width = int(part.origins[position].shape[0])
                raise ValueError(f"batch: {name} has {int(one.shape[1])} features; before it had {width}")
        self.names = names
        return layers

    def _take(self, fold: int, layers: list[Array]) -> None:
        # One origin for all folds, so that none has to be moved when they are put together.
        origins = next((part.origins for part in self.parts.values()), None)
        sums = Sums.of(layers, self._pairs(), origins)
        if fold in self.parts:
            self.parts[fold].add(sums)
        else:
            self.parts[fold] = sums

    def _pairs(self) -> list[tuple[int, int]]:
        def kept(i: int, j: int) -> bool:
            return i == j or self.against is None or (self.names[i] in self.against) != (self.names[j] in self.against)

        count = len(self.names)
        return [(i, j) for i in range(count) for j in range(i, count) if kept(i, j)]

    def merge(self, other: Self) -> Self:
        """Put two streams together.

        Parameters
        ----------
        other : CrossMoments
            Moments of other rows in the same layers; with the same folds.

        Returns
        -------
        CrossMoments
            New moments; both stay as they are. The order of merging changes nothing but rounding.

        Raises
        ------
        ValueError
            If the layers or the folds differ.
        """
        if self.names and other.names and self.names != other.names:
            raise ValueError(f"other: its layers are {', '.join(other.names)}, not {', '.join(self.names)}")
        if (self.folds, self.seed, self.against) != (other.folds, other.seed, other.against):
            raise ValueError("other: it was gathered with other folds, another seed or other pairs")
        merged = type(self)(folds=self.folds, seed=self.seed, against=self.against)
        merged.names = self.names or other.names
        merged.seen = self.seen + other.seen
        merged.parts = {fold: part.copy() for fold, part in self.parts.items()}
        for fold, part in other.parts.items():
            if fold in merged.parts:
                merged.parts[fold].add(part)
            else:
                origins = next((one.origins for one in merged.parts.values()), None)
                merged.parts[fold] = part.copy() if origins is None else part.moved(origins)
        return merged

    def whole(self) -> Sums:
        """Put the folds together.

        Returns
        -------
        Sums
            The moments of all rows.

        Raises
        ------
        Refusal
            If no row was taken in.
        """
        parts = list(self.parts.values())
        if not parts:
            raise Refusal(Outcome.EMPTY, "no row was taken in")
        total = parts[0].copy()
        for part in parts[1:]:
            total.add(part)
        return total

    def pair(self, x: str, y: str) -> Pair:
        """Look at two of the layers.

        Parameters
        ----------
        x, y : str
            Their names.

        Returns
        -------
        Pair
            It has their moments (and folds, where they were kept), not their rows.

        Raises
        ------
        KeyError
            If there is no such layer, or that pair was not kept.
        """
        from theodolite.core.pairs import Pair

        i, j = (self._position(name) for name in (x, y))
        if i != j and (min(i, j), max(i, j)) not in self._pairs():
            raise KeyError(f"the pair of {x!r} and {y!r} was not kept (against={sorted(self.against or ())})")
        folds = [part.chosen([i, j]) for _, part in sorted(self.parts.items())] if self.folds > 1 else []
        return Pair.from_moments(PairMoments.of(self.whole().chosen([i, j])), folds)

    def cloud(self, name: str) -> Cloud:
        """Look at one of the layers.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        Cloud
            It has moments, not rows.
        """
        from theodolite.core.clouds import Cloud

        position, total = self._position(name), self.whole()
        scatter = total.block(position, position)[:-1, :-1]
        return Cloud.from_moments(total.count, total.centres()[position], scatter)

    def view(self) -> Pair:
        """Look at the two layers there are.

        Returns
        -------
        Pair
            Of the first with the second.

        Raises
        ------
        ValueError
            If there are not two.
        """
        if len(self.names) != 2:
            raise ValueError(f"there are {len(self.names)} layers; choose two of them with .pair(x, y)")
        return self.pair(*self.names)

    def _position(self, name: str) -> int:
        if name not in self.names:
            raise KeyError(f"no layer is named {name!r}; {closest(name, self.names)}")
        return self.names.index(name)

    def state(self) -> dict[str, Array]:
        """Give everything as arrays, to be stored.

        Returns
        -------
        dict of str to array
            What `from_state` reads.
        """
        settings = {"names": self.names, "folds": self.folds, "seed": self.seed, "seen": self.seen}
        settings["against"] = None if self.against is None else sorted(self.against)
        state: dict[str, Array] = {"settings": np.frombuffer(json.dumps(settings).encode(), np.uint8).copy()}
        for fold, part in self.parts.items():
            state[f"{fold}.count"] = np.asarray([part.count])
            for i, (origin, mean) in enumerate(zip(part.origins, part.means, strict=True)):
                state[f"{fold}.origin.{i}"], state[f"{fold}.mean.{i}"] = origin, mean
            for (i, j), block in part.scatter.items():
                state[f"{fold}.scatter.{i}.{j}"] = block
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Array]) -> Self:
        """Take up where a stored state ended.

        Parameters
        ----------
        state : mapping of str to array
            What `state` gave.

        Returns
        -------
        CrossMoments
            The same moments.

        Raises
        ------
        ValueError
            If something is missing.
        """
        try:
            settings = json.loads(to_numpy(state["settings"]).tobytes())
            made = cls(folds=settings["folds"], seed=settings["seed"], against=settings["against"])
            made.names, made.seen = tuple(settings["names"]), settings["seen"]
            places = range(len(made.names))
            for fold in sorted({int(key.partition(".")[0]) for key in state if key.endswith(".count")}):
                made.parts[fold] = Sums(
                    [state[f"{fold}.origin.{i}"] for i in places],
                    [state[f"{fold}.mean.{i}"] for i in places],
                    {(i, j): state[f"{fold}.scatter.{i}.{j}"] for i, j in made._pairs()},
                    int(to_numpy(state[f"{fold}.count"])[0]),
                )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"state: these are no cross-moments ({error})") from error
        return made


def _float_rows(given: Any, name: str) -> Array:
    if not is_array(given):
        raise TypeError(f"{name}: expected a 2-D array (rows x features), got {type(given).__name__}")
    if given.ndim != 2 or given.shape[1] == 0:
        raise ValueError(f"{name}: expected rows x features, got shape {tuple(given.shape)}")
    library = namespace(given)
    if not str(given.dtype).rsplit(".", maxsplit=1)[-1].startswith(("float", "bfloat")):
        raise TypeError(f"{name}: expected real floating-point entries, got {given.dtype}; cast them first")
    rows = library.astype(given, library.float64)
    if not bool(library.all(library.isfinite(rows))):
        raise Refusal(Outcome.NOT_FINITE_ROWS, name)
    return rows


def _rows(layer: Array, kept: NDArray[np.intp]) -> Array:
    library = namespace(layer)
    return library.take(layer, library.asarray(kept.tolist(), device=layer.device), axis=0)
