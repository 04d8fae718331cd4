"""Ridge regression of many targets, fitted and scored on moments of rows: whole grids of penalties at once.

Everything that a held-out score needs of the held-out rows are their moments, so that cross-validation over rows and
over recorded moments are the same computation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "RowMoments", "Scores", "best_by_folds", "best_by_gcv", "fitted", "joined", "penalties", "scores"]

Matrix = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
_DECADES, _PER_DECADE = (-6, 4), 4


@dataclass(frozen=True, eq=False)
class RowMoments:
    """What a group of rows says of inputs x and targets y.

    Parameters
    ----------
    count : int
        How many rows.
    mean_x, mean_y : ndarray, shapes (d,) and (e,)
        Their means.
    scatter : ndarray, shape (d, d)
        Sum of products of the inputs about their mean.
    cross : ndarray, shape (d, e)
        Sum of products of inputs and targets about their means.
    squares : ndarray, shape (e,)
        Sum of squares of each target about its mean.
    """

    count: int
    mean_x: Matrix
    mean_y: Matrix
    scatter: Matrix
    cross: Matrix
    squares: Matrix

    @classmethod
    def of(cls, x: Matrix, y: Matrix) -> RowMoments:
        """Sum up rows.

        Parameters
        ----------
        x : ndarray, shape (rows, d)
            Inputs.
        y : ndarray, shape (rows, e)
            Targets.

        Returns
        -------
        RowMoments
            Of these rows.
        """
        mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
        x, y = x - mean_x, y - mean_y
        return cls(x.shape[0], mean_x, mean_y, x.T @ x, x.T @ y, np.einsum("ij,ij->j", y, y))


def joined(groups: Sequence[RowMoments]) -> RowMoments:
    """Put groups of rows together.

    Parameters
    ----------
    groups : sequence of RowMoments
        Disjoint groups, at least one.

    Returns
    -------
    RowMoments
        Of all their rows.
    """
    count = sum(group.count for group in groups)
    mean_x = np.sum([group.count * group.mean_x for group in groups], axis=0) / count
    mean_y = np.sum([group.count * group.mean_y for group in groups], axis=0) / count
    scatter, cross, squares = np.zeros_like(groups[0].scatter), np.zeros_like(groups[0].cross), np.zeros_like(mean_y)
    for group in groups:
        about = _about(group, mean_x, mean_y)
        scatter, cross, squares = scatter + about.scatter, cross + about.cross, squares + about.squares
    return RowMoments(count, mean_x, mean_y, scatter, cross, squares)


def _about(group: RowMoments, mean_x: Matrix, mean_y: Matrix) -> RowMoments:
    """Sum products about other points than the group's own means."""
    x, y = group.mean_x - mean_x, group.mean_y - mean_y
    scatter = group.scatter + group.count * np.outer(x, x)
    cross = group.cross + group.count * np.outer(x, y)
    return RowMoments(group.count, mean_x, mean_y, scatter, cross, group.squares + group.count * y**2)


@dataclass(frozen=True, eq=False)
class Fit:
    """All ridge regressions on one group of rows.

    Parameters
    ----------
    rows : RowMoments
        What they are fitted to.
    values : ndarray, shape (rank,)
        Eigenvalues of the inputs' scatter above its accuracy, ascending.
    vectors : ndarray, shape (d, rank)
        Their eigenvectors.
    turned : ndarray, shape (rank, e)
        The cross moments in the eigenvectors' coordinates.
    """

    rows: RowMoments
    values: Matrix
    vectors: Matrix
    turned: Matrix

    def coefficients(self, penalty: float) -> Matrix:
        """Solve for one penalty; without a penalty the shortest solution.

        Parameters
        ----------
        penalty : float
            What is added to each eigenvalue, at least 0.

        Returns
        -------
        ndarray, shape (d, e)
            The coefficients of the centred inputs.
        """
        solved: Matrix = self.vectors @ (self.turned / (self.values + penalty)[:, None])
        return solved

    def held_out_errors(self, held_out: RowMoments, penalties: Matrix) -> Matrix:
        """Sum the squared errors on other rows, over all targets, for each penalty.

        Parameters
        ----------
        held_out : RowMoments
            Rows that were not fitted.
        penalties : ndarray, shape (k,)
            The penalties.

        Returns
        -------
        ndarray, shape (k,)
            Sums of squared errors.
        """
        about = _about(held_out, self.rows.mean_x, self.rows.mean_y)
        linear = np.sum(self.turned * (self.vectors.T @ about.cross), axis=1)
        quadratic = (self.vectors.T @ about.scatter @ self.vectors) * (self.turned @ self.turned.T)
        weights = 1.0 / (self.values[None, :] + penalties[:, None])
        errors: Matrix = about.squares.sum() - 2.0 * weights @ linear + np.sum((weights @ quadratic) * weights, axis=1)
        return errors


def fitted(rows: RowMoments) -> Fit:
    """Decompose the inputs' scatter once, for every penalty.

    Parameters
    ----------
    rows : RowMoments
        What to fit.

    Returns
    -------
    Fit
        All ridge regressions.
    """
    values, vectors = np.linalg.eigh(rows.scatter)
    kept = values > max(rows.count, values.size) * _EPS * values[-1]
    vectors = vectors[:, kept]
    return Fit(rows, values[kept], vectors, vectors.T @ rows.cross)


def penalties(fit: Fit) -> Matrix:
    """Lay out a grid of penalties around the mean eigenvalue.

    Parameters
    ----------
    fit : Fit
        The inputs; they vary.

    Returns
    -------
    ndarray, shape (41,)
        From a millionth to ten thousand times the mean eigenvalue, ascending.
    """
    low, high = _DECADES
    grid: Matrix = fit.values.mean() * 10.0 ** np.linspace(low, high, (high - low) * _PER_DECADE + 1)
    return grid


def best_by_gcv(fit: Fit) -> float:
    """Choose the penalty by generalised cross-validation: no row is held out.

    Parameters
    ----------
    fit : Fit
        All regressions.

    Returns
    -------
    float
        The penalty of the grid with the smallest ``n * errors / (n - degrees of freedom) ** 2`` over all targets.
    """
    if not fit.values.size:
        return 0.0
    grid = penalties(fit)
    spread = fit.values[None, :] + grid[:, None]
    explained = ((fit.values[None, :] + 2.0 * grid[:, None]) / spread**2) @ np.sum(fit.turned**2, axis=1)
    freedom = 1.0 + np.sum(fit.values[None, :] / spread, axis=1)
    errors = np.maximum(fit.rows.squares.sum() - explained, 0.0)
    return float(grid[np.argmin(errors / (fit.rows.count - freedom) ** 2)])


def best_by_folds(groups: Sequence[RowMoments]) -> float:
    """Choose the penalty with the smallest squared error on each group in turn, fitted to the others.

    Parameters
    ----------
    groups : sequence of RowMoments
        At least two.

    Returns
    -------
    float
        The best of one grid for all.
    """
    whole = fitted(joined(groups))
    if not whole.values.size:
        return 0.0
    grid = penalties(whole)
    errors = np.zeros(grid.size)
    for i, held_out in enumerate(groups):
        errors += fitted(joined([*groups[:i], *groups[i + 1 :]])).held_out_errors(held_out, grid)
    return float(grid[np.argmin(errors)])


@dataclass(frozen=True, eq=False)
class Scores:
    """How well each target was predicted.

    Parameters
    ----------
    errors : ndarray, shape (e,)
        Sum of squared errors.
    squares : ndarray, shape (e,)
        Sum of squares of the target about its mean over all rows that were predicted.
    correlations : ndarray, shape (e,)
        Pearson's correlation of prediction and target; NaN where one of the two does not vary.
    """

    errors: Matrix
    squares: Matrix
    correlations: Matrix


def scores(predicted: Sequence[tuple[Fit, float, RowMoments]]) -> Scores:
    """Score predictions of groups of rows.

    Parameters
    ----------
    predicted : sequence of (Fit, float, RowMoments)
        Regressions, the penalty and the rows to which they are applied, group by group.

    Returns
    -------
    Scores
        Over all groups together.
    """
    errors, within, guessed = [], [], []
    for fit, penalty, rows in predicted:
        slopes = fit.coefficients(penalty)
        about = _about(rows, fit.rows.mean_x, fit.rows.mean_y)
        missed = about.squares - 2.0 * np.sum(slopes * about.cross, axis=0)
        errors.append(missed + np.sum(slopes * (about.scatter @ slopes), axis=0))
        along = np.sum(slopes * rows.cross, axis=0)
        within.append((np.sum(slopes * (rows.scatter @ slopes), axis=0), along, rows.squares))
        guessed.append(fit.rows.mean_y + (rows.mean_x - fit.rows.mean_x) @ slopes)
    counts = np.array([rows.count for _, _, rows in predicted], dtype=np.float64)[:, None]
    means = np.stack([np.stack(guessed), np.stack([rows.mean_y for _, _, rows in predicted])])
    means = means - np.sum(counts * means, axis=1, keepdims=True) / counts.sum()
    sums = [np.sum([parts[i] for parts in within], axis=0) for i in range(3)]
    for i, (one, other) in enumerate(((0, 0), (0, 1), (1, 1))):
        sums[i] = sums[i] + np.sum(counts * means[one] * means[other], axis=0)
    variable = (sums[0] > 0.0) & (sums[2] > 0.0)
    correlations = np.full(sums[1].shape, np.nan)
    correlations[variable] = sums[1][variable] / np.sqrt(sums[0][variable] * sums[2][variable])
    return Scores(np.maximum(np.sum(errors, axis=0), 0.0), sums[2], np.clip(correlations, -1.0, 1.0))
