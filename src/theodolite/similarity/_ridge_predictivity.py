"""How well the units of one cloud are predicted from those of the other."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from theodolite.core import (
    Array,
    Field,
    Limits,
    Missing,
    Outcome,
    Pair,
    ParameterError,
    Refusal,
    Result,
    measure,
    to_numpy,
)
from theodolite.core import like as in_library_of
from theodolite.numerics.ridge import Fit, RowMoments, Scores, best_by_folds, best_by_gcv, fitted, joined, scores
from theodolite.similarity._canonical import refuse_constant


@dataclass(frozen=True, kw_only=True)
class RidgePredictivity(Result):
    """Scores of a ridge regression; what each unit has stands in `extra`.

    ``extra["unit_r2"]`` and ``extra["unit_correlation"]`` hold a number for each unit of y, NaN for one that does not
    vary; ``extra["penalties"]`` the penalty of each fold.

    Attributes
    ----------
    r2 : array of shape ()
        Explained share of the variance of all units together.
    mean_r2, median_r2 : array of shape ()
        Mean and median over units of the share explained of each.
    mean_correlation : array of shape ()
        Mean over units of Pearson's correlation between prediction and unit.
    penalty : array of shape ()
        The penalty, the median over folds where each has its own.
    """

    r2: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(None, 1),
            invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation"),
            varies=("linear", "order", "exchange"),
            reads="1 = predicted exactly, 0 = no better than the mean",
        ),
    ]
    mean_r2: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(None, 1),
            invariant_to=("scale", "separate_scale", "translation", "permutation"),
            varies=("rotation", "linear", "order", "exchange"),
            reads="1 = every unit predicted exactly",
        ),
    ]
    median_r2: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(None, 1),
            invariant_to=("scale", "separate_scale", "translation", "permutation"),
            varies=("rotation", "linear", "order", "exchange"),
            reads="how well a typical unit is predicted",
        ),
    ]
    mean_correlation: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(-1, 1),
            invariant_to=("scale", "separate_scale", "translation", "permutation"),
            varies=("rotation", "linear", "order", "exchange"),
            reads="1 = every unit follows its prediction",
        ),
    ]
    penalty: Annotated[
        Array,
        Field(
            unit="feature²",
            bounds=(0, None),
            invariant_to=("translation", "rotation", "permutation"),
            equivariant={"scale": 2},
            varies=("exchange",),
            unspecified=("separate_scale", "linear", "order"),
            reads="how strongly the regression was held back",
        ),
    ]


@measure(cite="hoerl1970ridge", needs="moments", runs="host")
def ridge_predictivity(
    pair: Pair,
    /,
    *,
    penalty: Annotated[float, Limits(ge=0)] | None = None,
    selection: Literal["gcv", "folds"] = "gcv",
    evaluation: Literal["held_out", "in_sample"] = "held_out",
    folds: Annotated[int, Limits(ge=2)] = 5,
    seed: Annotated[int, Limits(ge=0, lt=2**32)] = 0,
) -> RidgePredictivity:
    r"""Cross-validated :math:`R^2` of predicting the units of y from those of x by ridge regression.

    The coefficients :math:`B = (X^\top X + \lambda I)^{-1} X^\top Y` of the centred rows are fitted to all folds but
    one and applied to the one left out, in turn; then :math:`R^2 = 1 - \sum (y - \hat y)^2 / \sum (y - \bar y)^2` over
    all rows, with the mean of all.

    Parameters
    ----------
    pair : Pair, two arrays of shape (rows, features), or CrossMoments
        The clouds: x predicts y. Score the other direction as well; the two differ. Moments are scored on the folds
        that they were gathered in (by groups of rows where those were given), whatever `folds` and `seed` say.
    penalty : float, optional
        The penalty, added to the sum of squares of each direction of x. Chosen where it is not given, on each training
        set by itself, from a grid of a millionth to ten thousand times the mean sum of squares of a direction.
    selection : {"gcv", "folds"}
        How to choose: by generalised cross-validation, or by the error on each fold of the training set in turn.
    evaluation : {"held_out", "in_sample"}
        ``"in_sample"`` scores the rows that were fitted; without penalty this is the share of variance of y in the
        space that x spans.
    folds : int
        How many folds the rows are dealt into.
    seed : int
        Seed of the deal: the folds are those of scikit-learn's ``KFold(folds, shuffle=True, random_state=seed)``.

    Returns
    -------
    RidgePredictivity
        Pooled, mean and median R², mean correlation, and the penalty.

    Raises
    ------
    Refusal
        If all rows of a cloud are the same; if there are fewer rows than folds; if moments were gathered without
        folds; or if, in sample and without penalty, x spans as many dimensions as the centred rows do.

    Notes
    -----
    Where a square hides: R² is a share of variance, `mean_correlation` is not squared. A penalty is compared with sums
    of squares over the rows of the training set, as scikit-learn's ``alpha`` is; divide it by the rows to compare
    samples of different size.

    One decomposition for each training set serves all penalties. The held-out rows enter through their moments alone,
    so that recorded folds give what rows would. `r2` weighs units by their variance; it is the same in rotated
    features, the other three are not. Units that do not vary are left out of these.

    Reads as
    --------
    How much of y is a linear function of x that generalises to other rows. Below 0: worse than the mean.

    Misleads when
    -------------
    Rows are not independent (frames of a film, tokens of a text, patches of an image): neighbours of held-out rows are
    then among the fitted ones. Gather moments with `groups`. Or when it is read as a similarity: a wide cloud predicts
    a narrow one well, not the other way round.

    Cost
    ----
    The eigenvectors of x's scatter matrix once for each fold (``folds * (folds + 1)`` times for selection by folds).

    References
    ----------
    A. E. Hoerl and R. W. Kennard, Ridge regression: biased estimation for nonorthogonal problems, Technometrics 12
    (1970) 55-67. G. H. Golub, M. Heath and G. Wahba, Generalized cross-validation as a method for choosing a good ridge
    parameter, Technometrics 21 (1979) 215-223.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 10))
    >>> y = x[:, :3] + rng.standard_normal((200, 3))  # half of the variance is noise
    >>> bool(0.4 < ridge_predictivity(x, y).r2 < 0.5)
    True
    """
    refuse_constant(pair)
    in_sample = evaluation == "in_sample"
    if in_sample and (penalty is not None or selection == "gcv"):
        groups = [_whole(pair)]
    else:
        groups = _recorded(pair) if pair.folds or pair.known is not None else _dealt(pair, folds, seed)
    training = [groups] if in_sample else [[*groups[:i], *groups[i + 1 :]] for i in range(len(groups))]
    predicted = []
    for place, rest in enumerate(training):
        fit = fitted(joined(rest))
        if in_sample and penalty == 0.0 and fit.values.size >= pair.count - 1:
            raise Refusal(Outcome.TOO_FEW_ROWS, f"{pair.count} rows, and x spans {fit.values.size} dimensions")
        used = _chosen(fit, rest, selection) if penalty is None else penalty
        predicted.append((fit, used, fit.rows if in_sample else groups[place]))
    return _result(scores(predicted), np.array([used for _, used, _ in predicted]), pair.totals[0])


def _chosen(fit: Fit, groups: list[RowMoments], selection: str) -> float:
    if selection == "gcv":
        return best_by_gcv(fit)
    if len(groups) < 2:
        raise ParameterError("selection: choosing by folds within each training set takes at least 3 folds")
    return best_by_folds(groups)


def _rows(pair: Pair) -> tuple[NDArray[Any], NDArray[Any]]:
    # Rotations of x change no prediction: where features outnumber rows, as many coordinates as rows will do.
    return to_numpy(pair.x.coordinates), to_numpy(pair.y.centred)


def _whole(pair: Pair) -> RowMoments:
    if pair.known is None:
        return RowMoments.of(*_rows(pair))
    known = pair.known
    means, scatters = [to_numpy(one) for one in known.means], [to_numpy(one) for one in known.scatters]
    return RowMoments(known.count, means[0], means[1], scatters[0], to_numpy(known.cross), np.diagonal(scatters[1]))


def _dealt(pair: Pair, folds: int, seed: int) -> list[RowMoments]:
    if pair.count < folds:
        raise Refusal(Outcome.TOO_FEW_ROWS, f"{pair.count} rows can't be dealt into {folds} folds")
    order = np.arange(pair.count)
    # The stream of this generator is frozen for good, which that of newer ones is not.
    np.random.RandomState(seed).shuffle(order)
    x, y = _rows(pair)
    return [RowMoments.of(x[rows], y[rows]) for rows in np.array_split(order, folds)]


def _recorded(pair: Pair) -> list[RowMoments]:
    if len(pair.folds) < 2:
        raise Refusal(Outcome.NEEDS_FOLDS)
    return [_whole(pair.fold(place)) for place in range(len(pair.folds))]


def _result(found: Scores, chosen: NDArray[Any], model: Array) -> RidgePredictivity:
    varying = found.squares > 0.0
    unit_r2 = np.full(found.squares.shape, np.nan)
    unit_r2[varying] = 1.0 - found.errors[varying] / found.squares[varying]
    followed = found.correlations[np.isfinite(found.correlations)]
    extra = {"unit_r2": unit_r2, "unit_correlation": found.correlations, "penalties": chosen}
    return RidgePredictivity(
        r2=in_library_of(1.0 - float(found.errors.sum() / found.squares.sum()), model),
        mean_r2=in_library_of(float(unit_r2[varying].mean()), model),
        median_r2=in_library_of(float(np.median(unit_r2[varying])), model),
        mean_correlation=in_library_of(float(followed.mean()), model)
        if followed.size
        else Missing(Outcome.CONSTANT_CLOUD, "the predictions"),
        penalty=in_library_of(float(np.median(chosen)), model),
        extra={name: in_library_of(array, model) for name, array in extra.items()},
    )
