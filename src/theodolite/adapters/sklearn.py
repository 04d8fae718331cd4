"""Pairs of clouds in scikit-learn: an alignment that is fitted to some rows and scored on others."""

from __future__ import annotations

import functools
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted, validate_data

from theodolite.core import Missing, Outcome, Pair, ParameterError, Refusal, Result, closest
from theodolite.core.results import number
from theodolite.numerics.alignment import best_pairing, polar_factors

Rows = NDArray[np.float64]

__all__ = ["PairEstimator"]


class PairEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Bring one cloud of points onto another, and score how well it fits on rows that were not fitted.

    Parameters
    ----------
    alignment : {"rotation", "permutation", "linear", "none"}
        The map of the features of X that is fitted, beside a translation: an orthogonal one (Procrustes; to or from a
        subspace where the widths differ), a pairing of features, a ridge regression, or nothing at all.
    resize : bool
        Whether a rotation or permutation is followed by the factor that fits best.
    penalty : float
        Of the ridge regression, as scikit-learn's ``alpha``.
    measure : Measure or functools.partial, optional
        What `score` applies to the mapped X and to Y; a distance counts negative. Without one the score is the share of
        the variance of Y that is explained, all features together.
    field : str, optional
        Which number, for a measure that gives several.

    Attributes
    ----------
    map_ : ndarray of shape (features of X, features of Y), or None
        The linear part of the map; None for no alignment.
    x_mean_, y_mean_ : ndarray
        The means that are taken away before and added after it.
    n_features_in_ : int
        How many features X had.

    Notes
    -----
    An alignment has as many free numbers as a rotation or a matrix has, and fits noise where rows are few: held-out
    rows, as in ``cross_validate(PairEstimator(), X, Y)``, show by how much. To score a measure that aligns by itself
    (CKA, Procrustes) choose ``alignment="none"``.

    Examples
    --------
    >>> import numpy as np
    >>> import theodolite as td
    >>> from sklearn.model_selection import cross_val_score
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 5))
    >>> y = x @ np.linalg.qr(rng.standard_normal((5, 5)))[0] + 0.5 * rng.standard_normal((200, 5))
    >>> bool(0.7 < cross_val_score(PairEstimator(), x, y).mean() < 0.8)
    True
    >>> angle = PairEstimator(measure=td.similarity.angular_procrustes)
    >>> bool(-0.6 < cross_val_score(angle, x, y).mean() < -0.4)
    True
    """

    def __init__(
        self,
        alignment: Literal["rotation", "permutation", "linear", "none"] = "rotation",
        *,
        resize: bool = False,
        penalty: float = 1.0,
        measure: Any = None,
        field: str | None = None,
    ) -> None:
        self.alignment = alignment
        self.resize = resize
        self.penalty = penalty
        self.measure = measure
        self.field = field

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Find the map.

        Parameters
        ----------
        X : array of shape (rows, features)
            The cloud that is mapped.
        y : array of shape (rows, features) or (rows,)
            The cloud that it is mapped onto.

        Returns
        -------
        PairEstimator
            Itself.

        Raises
        ------
        ParameterError
            If the alignment is none of those there are.
        """
        known = ("rotation", "permutation", "linear", "none")
        if self.alignment not in known:
            raise ParameterError(f"alignment is {self.alignment!r}; {closest(str(self.alignment), known)}")
        _direction(self.measure, self.field)
        one, other = self._rows(X, y, reset=True)
        self.x_mean_, self.y_mean_ = one.mean(axis=0), other.mean(axis=0)
        self.map_ = self._mapping(one - self.x_mean_, other - self.y_mean_)
        return self

    def transform(self, X: ArrayLike) -> Rows:
        """Map rows.

        Parameters
        ----------
        X : array of shape (rows, features)
            As in `fit`.

        Returns
        -------
        ndarray of shape (rows, features of Y)
            The rows where those of Y are expected.
        """
        check_is_fitted(self)
        rows: Rows = validate_data(self, X, dtype=np.float64, reset=False)
        return rows if self.map_ is None else (rows - self.x_mean_) @ self.map_ + self.y_mean_

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Score the fit on rows of both clouds.

        Parameters
        ----------
        X : array of shape (rows, features)
            As in `fit`.
        y : array of shape (rows, features) or (rows,)
            The same rows of the other cloud.

        Returns
        -------
        float
            The larger the better.

        Raises
        ------
        Refusal
            If the measure declines, or if without alignment the features of X don't correspond to those of Y.
        """
        check_is_fitted(self)
        one, other = self._rows(X, y, reset=False)
        mapped = self.transform(X)
        if self.measure is None:
            if mapped.shape[1] != other.shape[1]:
                raise Refusal(Outcome.DIFFERENT_WIDTHS, f"{one.shape[1]} and {other.shape[1]}, with alignment='none'")
            return float(r2_score(other, mapped, multioutput="variance_weighted"))
        sign, field = _direction(self.measure, self.field)
        found = self.measure(mapped, other)
        value = getattr(found, field) if isinstance(found, Result) else getattr(found, "value", found)
        if isinstance(value, Missing):
            raise Refusal(value.outcome, value.detail)
        return sign * number(value)

    @property
    def _n_features_out(self) -> int:
        return int(self.n_features_in_ if self.map_ is None else self.map_.shape[1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags

    def _rows(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[Rows, Rows]:
        one, other = validate_data(
            self, X, y, reset=reset, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=2
        )
        rows = np.asarray(other, dtype=np.float64)
        return one, rows[:, None] if rows.ndim == 1 else rows

    def _mapping(self, one: Rows, other: Rows) -> Rows | None:
        if self.alignment == "none":
            return None
        if self.alignment == "linear":
            fitted = Ridge(alpha=self.penalty, fit_intercept=False).fit(one, other)
            return np.asarray(fitted.coef_).reshape(other.shape[1], -1).T
        cross = one.T @ other
        if self.alignment == "rotation":
            left, right = polar_factors(cross)
            found: Rows = left @ right.T
        else:
            first, second = best_pairing(cross)
            found = np.zeros(cross.shape)
            found[first, second] = 1.0
        size = float(np.sum((one @ found) ** 2)) if self.resize else 0.0
        return found * (float(np.sum(found * cross)) / size) if size else found


def _direction(measure: Any, field: str | None) -> tuple[float, str]:
    """Return whether more of the measure is better (1) or worse (-1), and which number is meant."""
    if measure is None:
        return 1.0, ""
    plain = measure
    while isinstance(plain, functools.partial):
        plain = plain.func
    traits = getattr(plain, "traits", None)
    if traits is None or traits.views != (Pair,):
        raise ParameterError(f"measure: expected a measure of two clouds, got {plain!r}")
    if field is None and len(traits.fields) > 1:
        raise ParameterError(f"field: {plain.__name__} gives {', '.join(traits.fields)}; choose one")
    name = field or next(iter(traits.fields))
    if name not in traits.fields:
        raise ParameterError(f"field is {field!r}; {closest(str(field), traits.fields)}")
    itself = traits.fields[name].of_itself
    if itself not in {0.0, 1.0}:
        raise ParameterError(f"field: {plain.__name__}.{name} is neither a distance nor a similarity")
    return (1.0 if itself == 1.0 else -1.0), name
