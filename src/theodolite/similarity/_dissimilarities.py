"""Dissimilarities of all pairs of conditions: from rows, from repeated measurements, or from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from theodolite.core import Array, Cloud, Outcome, ParameterError, Refusal, closest, digest, fingerprint, to_numpy
from theodolite.core.measure import speaking_for
from theodolite.numerics.dissimilarity import (
    cross_validated,
    differences,
    directions,
    reordered,
    rows_of,
    square,
    squared_distances,
)

Host = NDArray[np.float64]
OfRows = Literal["correlation", "cosine", "euclidean", "squared_euclidean", "poisson"]
Kind = Literal[
    "correlation",
    "cosine",
    "euclidean",
    "squared_euclidean",
    "mahalanobis",
    "crossnobis",
    "poisson",
    "poisson_cv",
]

PRIOR = (1.0, 0.1)
"""Rate and weight of the gamma prior of Poisson rates."""

_WHITENED = ("mahalanobis", "crossnobis")
_ACROSS_RUNS = ("crossnobis", "poisson_cv")


@dataclass(frozen=True, eq=False, repr=False)
class Dissimilarities(Cloud):
    """A cloud of which only the dissimilarities of its rows are known: a representational dissimilarity matrix.

    It stands in a cloud's place wherever dissimilarities are all that is looked at (`rsa`, `stress`); measures that
    look at the rows themselves refuse it. Make it by `dissimilarities`, or of numbers from elsewhere by
    `Dissimilarities.of`.

    Parameters
    ----------
    points, moments : None
        Left out; a cloud with rows has them.
    condensed : array of shape (conditions * (conditions - 1) / 2,)
        Pairs (0, 1), (0, 2), ... (1, 2), ...
    conditions : tuple
        Label of each condition, in order.

    Examples
    --------
    >>> judged = Dissimilarities.of(np.asarray([[0.0, 1.0, 4.0], [1.0, 0.0, 2.0], [4.0, 2.0, 0.0]]), "abc")
    >>> judged
    Dissimilarities(3 conditions)
    >>> judged.condensed
    array([1., 4., 2.])
    """

    condensed: Any = None
    conditions: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if self.condensed is None or self.points is not None or self.moments is not None:
            raise TypeError("Dissimilarities: give condensed=..., and neither points nor moments")
        values = to_numpy(self.condensed).astype(np.float64)
        if values.ndim != 1:
            raise ValueError(f"condensed: expected one dimension, got shape {values.shape}; use Dissimilarities.of")
        try:
            count = rows_of(values.size)
        except ValueError as error:
            raise ValueError(f"condensed: {error}") from None
        if not np.all(np.isfinite(values)):
            raise Refusal(Outcome.NOT_FINITE_ROWS, f"{np.count_nonzero(~np.isfinite(values))} dissimilarities")
        if self.conditions and len(self.conditions) != count:
            raise ValueError(f"conditions: {len(self.conditions)} labels for {count} conditions")
        object.__setattr__(self, "condensed", values)

    @classmethod
    def of(cls, values: Array, conditions: Sequence[Any] = ()) -> Dissimilarities:
        """Take dissimilarities from elsewhere: judgements of people, another program's matrix.

        Parameters
        ----------
        values : array of shape (conditions, conditions) or (conditions * (conditions - 1) / 2,)
            A symmetric matrix with a zero diagonal, or its upper triangle row by row.
        conditions : sequence, optional
            Their labels, in order.

        Returns
        -------
        Dissimilarities
            What `rsa` takes for a cloud.

        Raises
        ------
        ValueError
            If the matrix is not square, not symmetric, or not zero on its diagonal.
        """
        host = to_numpy(values).astype(np.float64)
        if host.ndim == 2:
            largest = np.abs(host).max(initial=0.0)
            if host.shape[0] != host.shape[1] or not np.allclose(host, host.T, rtol=0, atol=1e-8 * largest):
                raise ValueError(f"values: expected a symmetric matrix, got shape {host.shape} or different halves")
            if np.abs(np.diagonal(host)).max(initial=0.0) > 1e-8 * largest:
                raise ValueError("values: the diagonal is not zero; similarities become dissimilarities by 1 - them")
            host = host[np.triu_indices(len(host), 1)]
        return cls(condensed=host, conditions=tuple(conditions))

    @property
    def has(self) -> frozenset[str]:
        """What this view can give."""
        return frozenset({"dissimilarities"})

    @property
    def count(self) -> int:
        """How many conditions there are."""
        return rows_of(len(self.condensed))

    @property
    def width(self) -> int:
        """How many features are known: none."""
        return 0

    @property
    def square(self) -> Host:
        """The dissimilarities as a symmetric matrix with a zero diagonal."""
        return square(self.condensed)

    def reordered(self, order: Array) -> Dissimilarities:
        """Put the conditions into another order, and keep what is known of them.

        Parameters
        ----------
        order : array of shape (conditions,)
            A permutation of the indices.

        Returns
        -------
        Dissimilarities
            Each pair's dissimilarity where the pair is now.
        """
        host = to_numpy(order)
        labels = tuple(self.conditions[index] for index in host) if self.conditions else ()
        made = Dissimilarities(condensed=reordered(self.condensed, host), conditions=labels)
        self._hand_on(made, host)
        return made

    def taken(self, chosen: Array) -> Dissimilarities:
        """Keep some of the conditions.

        Parameters
        ----------
        chosen : array of shape (count,)
            Their indices.

        Returns
        -------
        Dissimilarities
            Of pairs of these alone.
        """
        host = to_numpy(chosen)
        labels = tuple(self.conditions[index] for index in host) if self.conditions else ()
        values = self.square[np.ix_(host, host)][np.triu_indices(host.size, 1)]
        return Dissimilarities(condensed=values, conditions=labels)

    def fingerprint(self) -> bytes | None:
        """Hash the dissimilarities and their labels.

        Returns
        -------
        bytes
            32 bytes of SHA-256.
        """
        return bytes.fromhex(digest(fingerprint(self.condensed), repr(self.conditions)))

    def __repr__(self) -> str:
        return f"Dissimilarities({self.count} conditions)"


def dissimilarities(
    cloud: Cloud | Array,
    /,
    *,
    kind: Kind = "correlation",
    conditions: Sequence[Any] | Array | None = None,
    runs: Sequence[Any] | Array | None = None,
    precision: Array | None = None,
    prior: tuple[float, float] = PRIOR,
) -> Dissimilarities:
    r"""Compute how unlike the conditions are, all pairs.

    Parameters
    ----------
    cloud : Cloud, or array of shape (measurements, features)
        One row for each measurement: for each condition, or for each condition in each run.
    kind : str
        ``"correlation"``, ``"cosine"``: one less the correlation of two rows, or their cosine. ``"euclidean"``,
        ``"squared_euclidean"``. ``"mahalanobis"``: :math:`\delta^T P \delta / d` of the difference δ of two rows of d
        features. ``"crossnobis"``: the same with δ from one run on the left and from another on the right, over all
        pairs of runs, so that noise adds nothing in the mean; it may be negative. ``"poisson"``: the symmetrised
        divergence of Poisson rates, :math:`(\lambda - \mu)^T (\ln\lambda - \ln\mu) / d`. ``"poisson_cv"``: the same
        with the rates of all other runs on the left and of one run on the right.
    conditions : sequence of shape (measurements,), optional
        Label of each row. Rows with equal labels are averaged (in each run, for the kinds across runs), and the
        conditions are in the order of the sorted labels. By default every row is a condition.
    runs : sequence of shape (measurements,), optional
        Run of each row, for ``"crossnobis"`` and ``"poisson_cv"``; every condition must be in every run.
    precision : array of shape (features, features), optional
        P, the inverse of the noise's covariance: needed by ``"mahalanobis"``; the identity for ``"crossnobis"`` where
        it is not given.
    prior : tuple of float
        Rate and weight of the prior of Poisson rates, :math:`\lambda = (x + rw) / (1 + w)`.

    Returns
    -------
    Dissimilarities
        What `rsa` takes for a cloud.

    Raises
    ------
    ParameterError
        If a kind is unknown, or lacks or doesn't use what is given.
    Refusal
        If a row has no direction (correlation, cosine) or is negative (Poisson).
    TypeError
        If they are dissimilarities already.
    ValueError
        If labels don't fit the rows, a condition is missing in a run, or the precision is none.

    Notes
    -----
    The kinds of measurements with noise are per feature and squared, as is usual where they are used; none of the
    comparisons of `rsa` looks at their unit. A precision comes from the residuals of repeated measurements about their
    condition's mean, with shrinkage: ``numpy.linalg.inv(sklearn.covariance.ledoit_wolf(residuals)[0])``.

    References
    ----------
    A. Walther, H. Nili, N. Ejaz, A. Alink, N. Kriegeskorte and J. Diedrichsen, Reliability of dissimilarity measures
    for multi-voxel pattern analysis, NeuroImage 137 (2016) 188-200.

    Examples
    --------
    >>> counts = np.asarray([[1.0, 5.0, 2.0], [4.0, 1.0, 1.0], [0.0, 2.0, 6.0]])
    >>> dissimilarities(counts, kind="squared_euclidean").condensed
    array([26., 26., 42.])
    """  # noqa: DOC502 - raised by what is called
    with speaking_for("dissimilarities"):
        _check(kind, runs, precision)
        cloud = Cloud.coerce(cloud)
        if isinstance(cloud, Dissimilarities):
            raise TypeError("cloud: these are dissimilarities already; give the rows")
        rows = to_numpy(cloud.rows)
        if precision is not None:
            rows = rows @ _root(to_numpy(precision).astype(np.float64), rows.shape[1])
        if kind in _ACROSS_RUNS:
            assert runs is not None  # noqa: S101 - checked above
            given = np.arange(len(rows)) if conditions is None else conditions
            labels, measured = _by_run(rows, given, runs)
            return Dissimilarities(condensed=_across_runs(measured, kind, prior), conditions=labels)
        labels, means = ((), rows) if conditions is None else _averaged(rows, _labels(conditions, len(rows)))
        if kind == "mahalanobis":
            values = squared_distances(means - means.mean(axis=0)) / means.shape[1]
        else:
            values = of_rows(means, kind, prior)  # type: ignore[arg-type]
        return Dissimilarities(condensed=values, conditions=labels)


def of_cloud(cloud: Cloud, kind: OfRows) -> Host:
    """Compute the dissimilarities of a cloud's rows once; those that are known are given as they are.

    Parameters
    ----------
    cloud : Cloud
        Has rows, or is dissimilarities.
    kind : str
        As for `dissimilarities`.

    Returns
    -------
    ndarray, shape (rows * (rows - 1) / 2,)
        All pairs.
    """
    if isinstance(cloud, Dissimilarities):
        return cloud.condensed  # type: ignore[no-any-return]
    return cloud.with_the_rows(("dissimilarities", kind), lambda: of_rows(to_numpy(cloud.rows), kind), reordered)


def of_rows(rows: Host, kind: OfRows, prior: tuple[float, float] = PRIOR) -> Host:
    """Compute the dissimilarities of rows.

    Parameters
    ----------
    rows : ndarray, shape (rows, features)
        The rows.
    kind : str
        As for `dissimilarities`.
    prior : tuple of float
        As there.

    Returns
    -------
    ndarray, shape (rows * (rows - 1) / 2,)
        All pairs.

    Raises
    ------
    Refusal
        If a row has no direction, or squares leave the range.
    """
    if kind in ("correlation", "cosine"):
        units, undirected = directions(rows, centre=kind == "correlation")
        if undirected.size:
            raise Refusal(Outcome.ROW_WITHOUT_DIRECTION, f"{undirected.size} of {len(rows)} rows")
        return np.asarray(squared_distances(units) / 2)
    if kind == "poisson":
        rates = _rates(rows, prior)
        return np.asarray(differences(rates, np.log(rates)) / rows.shape[1])
    squared = squared_distances(to_numpy(Cloud(rows).centred))
    return np.sqrt(squared) if kind == "euclidean" else squared


def _check(kind: str, runs: Any, precision: Any) -> None:
    if kind not in get_args(Kind):
        raise ParameterError(f"kind is {kind!r}; {closest(str(kind), get_args(Kind))}")
    across = kind in _ACROSS_RUNS
    if across != (runs is not None):
        raise ParameterError(f"runs: {kind} {'needs the run of each row' if across else 'uses no runs'}")
    if precision is not None and kind not in _WHITENED:
        raise ParameterError(f"precision: {kind} uses none; {' and '.join(_WHITENED)} do")
    if precision is None and kind == "mahalanobis":
        raise ParameterError("precision: mahalanobis needs it; without one, take squared_euclidean")


def _rates(rows: Host, prior: tuple[float, float]) -> Host:
    rate, weight = prior
    if not (rate > 0 and weight > 0):
        raise ParameterError(f"prior is {prior!r}; its rate and its weight must be above 0")
    if rows.min() < 0:
        raise Refusal(Outcome.NEGATIVE_RATES, f"{np.count_nonzero(rows < 0)} entries")
    return np.asarray((rows + rate * weight) / (1 + weight))


def _root(precision: Host, width: int) -> Host:
    """Return what rows are multiplied with so that their inner products are those by the precision."""
    if precision.shape != (width, width) or not np.allclose(precision, precision.T, rtol=1e-8, atol=0):
        raise ValueError(f"precision: expected a symmetric matrix of {width} x {width}, got shape {precision.shape}")
    values, vectors = np.linalg.eigh(precision)
    if values[0] < -1e-10 * np.abs(values).max():
        raise ValueError(f"precision: its smallest eigenvalue is {values[0]:.3g}; it must not be negative")
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _labels(given: Any, count: int, name: str = "conditions") -> NDArray[Any]:
    labels: NDArray[Any] = to_numpy(given) if hasattr(given, "shape") else np.asarray(given)
    if labels.shape != (count,):
        raise ValueError(f"{name}: expected one label for each of {count} rows, got shape {labels.shape}")
    return labels


def _averaged(rows: Host, labels: NDArray[Any]) -> tuple[tuple[Any, ...], Host]:
    known, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.zeros((len(known), rows.shape[1]))
    np.add.at(sums, place, rows)
    return tuple(known.tolist()), sums / counts[:, None]


def _by_run(rows: Host, conditions: Any, runs: Any) -> tuple[tuple[Any, ...], Host]:
    """Average the rows of each condition in each run."""
    labels, run_of = _labels(conditions, len(rows)), _labels(runs, len(rows), "runs")
    known = tuple(np.unique(labels).tolist())
    measured = []
    for run in np.unique(run_of):
        among, means = _averaged(rows[run_of == run], labels[run_of == run])
        if among != known:
            missing = ", ".join(map(str, sorted(set(known) - set(among))))
            raise ValueError(f"runs: run {run} lacks the conditions {missing}; every run must have all of them")
        measured.append(means)
    if len(measured) < 2:
        raise ValueError("runs: all rows are of one run; at least two are needed")
    return known, np.stack(measured)


def _across_runs(measured: Host, kind: str, prior: tuple[float, float]) -> Host:
    count, _, width = measured.shape
    if kind == "crossnobis":
        return np.asarray(cross_validated(measured) / width)
    total = measured.sum(axis=0)
    folds = [differences(_rates((total - run) / (count - 1), prior), np.log(_rates(run, prior))) for run in measured]
    return np.asarray(np.mean(folds, axis=0) / width)
