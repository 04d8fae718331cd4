"""Groups of units that go together across two clouds: sparse regressions, and clusters of both at once."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["joint_clusters", "lasso_paths"]

Matrix = NDArray[np.float64]

_TOLERANCE = 1e-8
_STEPS = 100_000


def lasso_paths(correlations: Matrix, predictors: int, penalties: Matrix) -> Matrix:
    """Regress standardised units on others with an absolute penalty on the weights.

    The weights of a unit minimise half its squared error plus the penalty times the sum of their sizes, the unit's
    variance being 1. Both depend on the correlations alone: any rows with these correlations give the same weights, and
    as many rows as units will do.

    Parameters
    ----------
    correlations : ndarray of shape (units, units)
        Of all units with each other, the predictors first.
    predictors : int
        How many of them predict the others.
    penalties : ndarray, shape (steps,)
        Positive, descending.

    Returns
    -------
    ndarray of shape (predicted, predictors, steps)
        The weights.
    """
    from sklearn.linear_model import lasso_path

    values, vectors = np.linalg.eigh(correlations)
    rows = np.ascontiguousarray(np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T)
    x = np.asfortranarray(rows[:, :predictors])
    gram, cross = np.ascontiguousarray(x.T @ x), x.T @ rows[:, predictors:]
    settings: dict[str, Any] = {
        # scikit-learn divides the squared error by the number of rows.
        "alphas": penalties / len(rows),
        "precompute": gram,
        "tol": _TOLERANCE,
        "max_iter": _STEPS,
        "check_input": False,
    }
    return np.stack(
        [
            lasso_path(x, np.ascontiguousarray(rows[:, predictors + place]), Xy=cross[:, place].copy(), **settings)[1]
            for place in range(cross.shape[1])
        ]
    )


def joint_clusters(weights: Matrix, clusters: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Cut the rows and columns of a matrix into clusters that hold its large entries together.

    Rows and columns are the two sides of a graph whose edges the entries weigh. The singular vectors of the matrix,
    scaled by the roots of the degrees on both sides, are eigenvectors of the graph's normalised Laplacian [1]_; k-means
    runs on both sides at once, on as many leading vectors as clusters. scikit-learn's ``SpectralCoclustering`` leaves
    out the first, which is constant, and takes the next few from a randomised decomposition: where blocks share nothing
    at all the first is no longer alone with its singular value, and where singular values lie close together, as those
    of correlations do, such a decomposition is inexact.

    Parameters
    ----------
    weights : ndarray of shape (d, e)
        At least 0.
    clusters : int
        How many.
    seed : int
        Of k-means.

    Returns
    -------
    rows : ndarray, shape (d,)
        Cluster of each row.
    columns : ndarray, shape (e,)
        Cluster of each column, counted alike.

    References
    ----------
    .. [1] I. S. Dhillon, Co-clustering documents and words using bipartite spectral graph partitioning, KDD 2001,
       269-274.

    Examples
    --------
    >>> rows, columns = joint_clusters(np.kron(np.eye(2), np.ones((2, 3))), 2, 0)
    >>> (rows == rows[0]).tolist(), (columns == rows[0]).tolist()
    ([True, True, False, False], [True, True, True, False, False, False])
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    sides = [1.0 / np.sqrt(np.maximum(weights.sum(axis=axis), np.finfo(np.float64).tiny)) for axis in (1, 0)]
    left, _, right = np.linalg.svd(sides[0][:, None] * weights * sides[1], full_matrices=False)
    places = np.concatenate([sides[0][:, None] * left[:, :clusters], sides[1][:, None] * right[:clusters].T])
    with warnings.catch_warnings():
        # Units that coincide may be fewer than the clusters; some clusters are then empty.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = KMeans(clusters, n_init=10, random_state=seed).fit(places).labels_.astype(np.intp)
    return labels[: len(weights)], labels[len(weights) :]
