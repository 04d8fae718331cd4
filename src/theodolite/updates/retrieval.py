"""Whether embeddings of a new version can search a gallery that the old one filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Cloud, Limits, Outcome, ParameterError, Refusal, is_array, to_numpy
from theodolite.core.conditions import Condition, Verdict
from theodolite.core.parameters import complete
from theodolite.numerics.retrieval import retrieval_scores

Float = NDArray[np.float64]

WAYS = ("old_to_old", "new_to_old", "direct", "new_to_new")
NAMES = ("gain", "residual", *(f"{way}.{number}" for way in WAYS for number in ("top1", "precision")))


@dataclass(frozen=True)
class Retrieval:
    """How well queries find what they should in a gallery.

    Attributes
    ----------
    top1 : float
        Share of the queries whose nearest item is right.
    top1_se : float
        Its standard error over queries.
    precision : float
        Mean average precision.
    precision_se : float
        Its standard error over queries.
    queries : int
        How many there were.
    """

    top1: float
    top1_se: float
    precision: float
    precision_se: float
    queries: int

    def to_dict(self) -> dict[str, float]:
        """Give the numbers.

        Returns
        -------
        dict of str to float
            By name.
        """
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class BackwardCompatibility:
    """How far a new version's embeddings can stand in for the old one's.

    Attributes
    ----------
    old_to_old, new_to_new : Retrieval
        Queries and gallery of one version.
    new_to_old : Retrieval
        New queries, turned by the best orthogonal change of basis, in the old gallery.
    direct : Retrieval or None
        New queries as they are in the old gallery; None where the widths differ.
    gain : float
        Mean over queries of the average precision of new-to-old less that of old-to-old.
    gain_se : float
        Its standard error, by pairs.
    chance : float
        What `top1` is for a random order of the gallery.
    residual : ndarray of shape (old features + 1,)
        Share of the old embeddings that the turned new ones miss, on rows that the turn was not fitted to, when k
        further dimensions are stored beside them, k = 0, 1, ...
    fitted : int
        How many rows the change of basis was fitted to.
    """

    old_to_old: Retrieval
    new_to_old: Retrieval
    direct: Retrieval | None
    new_to_new: Retrieval
    gain: float
    gain_se: float
    chance: float
    residual: Float
    fitted: int

    @property
    def compatible(self) -> bool:
        """Whether new queries find no less in the old gallery than old ones did (the criterion of Shen et al.)."""
        return self.gain >= 0

    def extra_dimensions(self, residual: float = 0.05) -> int | None:
        """Say how many dimensions must be stored beside the new ones.

        Parameters
        ----------
        residual : float
            Share of the old embeddings that may be missed.

        Returns
        -------
        int or None
            The fewest; None where none suffice.
        """
        enough = np.flatnonzero(self.residual <= residual)
        return int(enough[0]) if enough.size else None

    def quantities(self) -> dict[str, float]:
        """Give every number by the name that conditions use.

        Returns
        -------
        dict of str to float
            ``new_to_old.top1`` and so on.
        """
        found = {"gain": self.gain, "residual": float(self.residual[0])}
        for way in WAYS:
            one = getattr(self, way)
            if one is not None:
                found |= {f"{way}.top1": one.top1, f"{way}.precision": one.precision}
        return found

    def judge(self, condition: str | Condition) -> Verdict:
        """Say whether a condition holds.

        Parameters
        ----------
        condition : str or Condition
            Such as ``"new_to_old.precision < 0.6"``.

        Returns
        -------
        Verdict
            The answer with its evidence. A name that is unknown is a `ParameterError`.
        """
        read = condition if isinstance(condition, Condition) else Condition(condition)
        return read.judge(self.quantities())

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers as JSON values.

        Returns
        -------
        dict
            By name.
        """
        ways = {way: getattr(self, way) for way in WAYS}
        plain: dict[str, Any] = {way: None if one is None else one.to_dict() for way, one in ways.items()}
        plain |= {name: getattr(self, name) for name in ("gain", "gain_se", "chance", "fitted", "compatible")}
        return {**plain, "residual": self.residual.tolist()}


def backward_compatibility(
    old: Any,
    new: Any,
    labels: Any = None,
    /,
    *,
    fit: Annotated[float, Limits(gt=0, lt=1)] = 0.5,
    rng: int | np.random.Generator = 0,
) -> BackwardCompatibility:
    r"""Ask whether new embeddings can search a gallery of old ones, after a change of basis that costs nothing.

    Inner products of the new embeddings don't change under an orthogonal map :math:`Q`, so a new version may be stored
    as :math:`Q \phi_{new}` with the first coordinates as near to :math:`\phi_{old}` as they can be: the orthogonal
    Procrustes problem (with a common scale, which cosines don't see), solved on one part of the rows and judged on the
    others. What stays over says how many further dimensions would have to be stored for the old gallery to be searched
    as before: the residual after its k leading principal components is what a model that learns k more coordinates can
    reach at best.

    Parameters
    ----------
    old, new : array of shape (items, features)
        Embeddings of the same items by both versions. They are compared by cosine.
    labels : array of shape (items,), optional
        A query should find the items with its label, itself left out. Without labels it should find its own item, and
        old-to-old is perfect by definition.
    fit : float
        Share of the items that the change of basis is fitted to; all others are judged.
    rng : int or numpy.random.Generator
        Chooses them.

    Returns
    -------
    BackwardCompatibility
        Retrieval old → old, new → old, new → new, and the residual.

    Raises
    ------
    ParameterError
        If the arrays don't go together, or no label stands twice among the items that are judged. Entries that are not
        finite, and rows of zeros, are a `Refusal`.

    References
    ----------
    Y. Zhou et al., BT²: Backward-compatible training with basis transformation, ICCV 2023, arXiv:2211.03989;
    Y. Shen et al., Towards backward-compatible representation learning, CVPR 2020, arXiv:2003.11942.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> old = rng.standard_normal((60, 8))
    >>> turn = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    >>> found = backward_compatibility(old, old @ turn, rng.integers(0, 4, 60))
    >>> bool(found.compatible), bool(found.residual[0] < 1e-12)
    (True, True)
    """
    share = complete(backward_compatibility, {"fit": fit})["fit"]
    before, after = _unit(old, "old"), _unit(new, "new")
    count = len(before)
    if len(after) != count:
        raise ParameterError(f"new: it has {len(after)} items and old has {count}; row i of both must be one item")
    kinds = np.arange(count) if labels is None else _labels(labels, count)
    order = np.random.default_rng(rng).permutation(count)
    fitted = max(1, min(count - 2, round(share * count)))
    if count < 4:
        raise ParameterError(f"old: it has {count} items; 4 at least are needed to fit on some and judge on others")
    train, test = np.sort(order[:fitted]), np.sort(order[fitted:])
    turn = _turn(after[train], before[train])
    aligned = _normalised(after[test] @ turn)
    galleries = {"old": before[test], "new": after[test]}
    same = after.shape[1] == before.shape[1]
    kept, itself = kinds[test], labels is None
    if not itself and np.unique(kept).size == kept.size:
        raise ParameterError("labels: no label stands twice among the items that are judged; leave labels out")
    ways = {
        "old_to_old": retrieval_scores(galleries["old"], galleries["old"], kept, itself=itself),
        "new_to_old": retrieval_scores(aligned, galleries["old"], kept, itself=itself),
        "new_to_new": retrieval_scores(galleries["new"], galleries["new"], kept, itself=itself),
    }
    found = {name: _retrieval(*scores) for name, scores in ways.items()}
    direct = retrieval_scores(galleries["new"], galleries["old"], kept, itself=itself) if same else None
    gains = ways["new_to_old"][1] - ways["old_to_old"][1]
    gains = gains[np.isfinite(gains)]
    return BackwardCompatibility(
        **found,
        direct=None if direct is None else _retrieval(*direct),
        gain=float(gains.mean()),
        gain_se=_se(gains),
        chance=_chance(kept, itself=itself),
        residual=_residual(before, after @ turn, train, test),
        fitted=fitted,
    )


def _turn(new: Float, old: Float) -> Float:
    """Give the first columns of the orthogonal map, times a number, that brings new nearest to old."""
    # The narrower of the two is thought of as padded with zeros.
    left, values, right = np.linalg.svd(new.T @ old, full_matrices=False)
    return np.asarray(left @ right * (values.sum() / np.square(new).sum()))


def _residual(old: Float, aligned: Float, train: NDArray[np.intp], test: NDArray[np.intp]) -> Float:
    missed = old - aligned
    _, _, axes = np.linalg.svd(missed[train], full_matrices=True)
    energies = np.square(missed[test] @ axes.T).sum(axis=0)
    left = np.append(np.cumsum(energies[::-1])[::-1], 0.0)
    return np.asarray(left / np.square(old[test]).sum())


def _retrieval(first: Float, precision: Float) -> Retrieval:
    answered = np.isfinite(first)
    first, precision = first[answered], precision[answered]
    return Retrieval(float(first.mean()), _se(first), float(precision.mean()), _se(precision), int(first.size))


def _se(values: Float) -> float:
    return float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else 0.0


def _chance(kinds: NDArray[Any], *, itself: bool) -> float:
    _, place, sizes = np.unique(kinds, return_inverse=True, return_counts=True)
    of_each = sizes[place].astype(np.float64)
    if itself:
        return float((of_each / kinds.size).mean())
    some = of_each > 1
    return float(((of_each - 1) / (kinds.size - 1))[some].mean())


def _labels(given: Any, count: int) -> NDArray[Any]:
    column = to_numpy(given) if is_array(given) else np.asarray(given)
    if column.shape != (count,) or column.dtype.kind == "f":
        raise ParameterError(
            f"labels: got {column.dtype} of shape {column.shape}; expected a label for each of {count}"
        )
    return np.asarray(np.unique(column, return_inverse=True)[1])


def _unit(given: Any, name: str) -> Float:
    rows = to_numpy(Cloud.coerce(given, name=name).rows)
    if not rows.any(axis=1).all():
        raise Refusal(Outcome.ALL_ZERO, f"{name}: {int((~rows.any(axis=1)).sum())} items are zero")
    return _normalised(rows)


def _normalised(rows: Float) -> Float:
    # A row that the map sends to zero is near to nothing.
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0))
