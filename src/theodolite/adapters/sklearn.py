"""Measures of clouds in scikit-learn: of one, on its way through a pipeline, and of two that are aligned."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, OneToOneFeatureMixin, TransformerMixin
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from theodolite.core import Cloud, Missing, Outcome, Pair, ParameterError, Refusal, Result, closest
from theodolite.core.results import field_readings
from theodolite.numerics.alignment import best_pairing, polar_factors

Rows = NDArray[np.float64]

__all__ = ["MeasureEstimator", "PairEstimator"]


class MeasureEstimator(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Measure a cloud of points, and pass it on as it is.

    Parameters
    ----------
    measure : Measure or functools.partial, optional
        A measure of one cloud; `theodolite.dimension.two_nn` where none is given. One that looks at labels gets `y`.
    field : str, optional
        Which of its numbers is `value_`; ``"dimension"`` where it gives one, for other measures of several to be named.

    Attributes
    ----------
    result_ : Result, Estimate or number
        All that the measure gave.
    value_ : float
        The number.
    interval_ : tuple of float, or None
        Both ends of its interval, where the measure knows one.
    dimension_ : float
        The number once more, where it is a dimension.
    n_features_in_ : int
        How many features X had.

    Notes
    -----
    In a pipeline it measures what the steps before it give, and the steps after it see the same rows. There is no
    `score`: more dimensions are neither better nor worse.

    Examples
    --------
    >>> import functools
    >>> import numpy as np
    >>> import theodolite as td
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> points = np.random.default_rng(0).standard_normal((500, 20))
    >>> mle = functools.partial(td.dimension.mle, k=10)
    >>> made = make_pipeline(PCA(3), MeasureEstimator(mle)).fit(points)
    >>> round(made[-1].dimension_)
    3
    """

    def __init__(self, measure: Any = None, *, field: str | None = None) -> None:
        self.measure = measure
        self.field = field

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Measure the rows.

        Parameters
        ----------
        X : array of shape (rows, features)
            The cloud.
        y : array of shape (rows,), optional
            Labels, for measures that look at them; else ignored.

        Returns
        -------
        MeasureEstimator
            Itself.

        Raises
        ------
        ParameterError
            If the measure is none of one cloud, or has no such field.
        Refusal
            If the measure declines.
        """  # noqa: DOC502 - raised by what is called
        measure, plain, field = self._asked()
        if (y is not None and _takes_labels(plain)) or _needs_labels(plain):
            rows, labels = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
            type_of_target(labels, input_name="y", raise_unknown=True)
            found = measure(rows, labels.astype(str) if labels.dtype == object else labels)
        else:
            found = measure(validate_data(self, X, dtype=np.float64, ensure_min_samples=2))
        read = _read(found, plain, field)
        self.result_ = found
        self.value_ = read.value
        self.interval_ = None if read.low is None else (read.low, read.high)
        self.__dict__.pop("dimension_", None)  # of an earlier fit, with another field
        if field == "dimension":
            self.dimension_ = read.value
        return self

    def transform(self, X: ArrayLike) -> Rows:
        """Pass rows on.

        Parameters
        ----------
        X : array of shape (rows, features)
            As in `fit`.

        Returns
        -------
        ndarray of shape (rows, features)
            The same.
        """
        check_is_fitted(self)
        rows: Rows = validate_data(self, X, dtype=np.float64, reset=False)
        return rows

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.measure is not None and _needs_labels(_bare(self.measure))
        return tags

    def _asked(self) -> tuple[Any, Any, str]:
        from theodolite.dimension import two_nn

        measure = two_nn if self.measure is None else self.measure
        plain = _bare(measure)
        traits = getattr(plain, "traits", None)
        if traits is None or traits.views != (Cloud,) or traits.variadic:
            raise ParameterError(f"measure: expected a measure of one cloud, got {plain!r}")
        return measure, plain, _chosen_field(plain, "dimension" if self._of_dimension(traits) else self.field)

    def _of_dimension(self, traits: Any) -> bool:
        return self.field is None and "dimension" in traits.fields


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
        value = _read(self.measure(mapped, other), _bare(self.measure), field).value
        return sign * float(value)

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
    plain = _bare(measure)
    traits = getattr(plain, "traits", None)
    if traits is None or traits.views != (Pair,):
        raise ParameterError(f"measure: expected a measure of two clouds, got {plain!r}")
    name = _chosen_field(plain, field)
    itself = traits.fields[name].of_itself
    if itself not in {0.0, 1.0}:
        raise ParameterError(f"field: {plain.__name__}.{name} is neither a distance nor a similarity")
    return (1.0 if itself == 1.0 else -1.0), name


def _bare(measure: Any) -> Any:
    """Take what is bound to a measure away."""
    while isinstance(measure, functools.partial):
        measure = measure.func
    return measure


def _chosen_field(plain: Any, field: str | None) -> str:
    fields = plain.traits.fields
    if field is None and len(fields) > 1:
        raise ParameterError(f"field: {plain.__name__} gives {', '.join(fields)}; choose one")
    name = next(iter(fields)) if field is None else field
    if name not in fields:
        raise ParameterError(f"field is {field!r}; {closest(str(field), fields)}")
    return name


def _read(found: Any, plain: Any, field: str) -> Any:
    """Take one number with its interval out of what a measure gave; what was declined is raised."""
    value = getattr(found, field) if isinstance(found, Result) else getattr(found, "value", found)
    if isinstance(value, Missing):
        raise Refusal(value.outcome, value.detail)
    return next(read for read in field_readings(found, {field: plain.traits.fields[field]}))


def _takes_labels(plain: Any) -> bool:
    return len(_positional(plain)) > 1


def _needs_labels(plain: Any) -> bool:
    return any(one.default is one.empty for one in _positional(plain)[1:])


def _positional(plain: Any) -> list[inspect.Parameter]:
    given = inspect.signature(plain).parameters.values() if callable(plain) else ()
    return [one for one in given if one.kind is one.POSITIONAL_ONLY]
