"""How much a test error asks of functions that fit the training rows, for a kernel's functions, exactly."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from theodolite.core import (
    Array,
    Cloud,
    Field,
    Limits,
    Missing,
    Outcome,
    Refusal,
    Result,
    is_array,
    measure,
    namespace,
    to_numpy,
)
from theodolite.dimension._estimate import given_back
from theodolite.numerics.diffusion import median_distance, squared_distances
from theodolite.numerics.interpolants import Family, Interpolants, interpolants
from theodolite.numerics.quadratic_tails import QuadraticForm

_NOISE = 1e-6


@dataclass(frozen=True, kw_only=True)
class ExactInductiveBias(Result):
    """Inductive bias that a test error takes.

    Attributes
    ----------
    bits : array of shape ()
        The information; missing where no function is good enough.
    mean_error : array of shape ()
        Mean test error of the functions, as a share of the mean square of the test targets.
    best_error : array of shape ()
        Test error of their mean, the kernel's regression.
    """

    bits: Annotated[
        Array | Missing,
        Field(
            unit="bits",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="0 = any function that fits will do, higher = more must be known beforehand",
        ),
    ]
    mean_error: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="1 = as bad as zero everywhere",
        ),
    ]
    best_error: Annotated[
        Array,
        Field(
            unit="1",
            bounds=(0, None),
            invariant_to=("scale", "translation", "rotation", "permutation", "order"),
            reads="1 = as bad as zero everywhere",
        ),
    ]


@measure(cite="boopathy2024exact", needs="rows", runs="host")
def exact_inductive_bias(
    cloud: Cloud,
    test: Cloud,
    targets: Any,
    /,
    *,
    error: Annotated[float, Limits(gt=0)] = 0.1,
    kernel: Family = "laplace",
    length: Annotated[float, Limits(gt=0)] = 1.0,
) -> ExactInductiveBias:
    r"""Inductive bias, :math:`-\log_2 P(\text{test error} \leq \epsilon)`, of random functions that fit the rows.

    The functions are Gaussian with a kernel as covariance, conditioned on the training targets.

    Parameters
    ----------
    cloud : Cloud or array of shape (rows, features)
        The training rows, 2 or more; each counts, whether or not it repeats another.
    test : Cloud or array of shape (test rows, features)
        The test rows.
    targets : array of shape (all rows,) or (all rows, outputs)
        First those of the training rows, which the functions pass through, then those of the test rows, which they are
        judged by: real numbers about zero, or a column for each class.
    error : float
        ε: the mean squared test error, as a share of the mean square of the test targets.
    kernel : {"laplace", "gaussian"}
        :math:`e^{-|x - x'| / h}` or :math:`e^{-|x - x'|^2 / 2 h^2}`.
    length : float
        :math:`h`, as a multiple of the median distance between training rows.

    Returns
    -------
    ExactInductiveBias
        The bits, and the errors of the functions and of their mean.

    Raises
    ------
    Refusal
        If there are fewer than 2 training rows, if half of all pairs of them or more coincide, or if all test targets
        are zero.

    Notes
    -----
    Where a factor hides: bits, where the paper has natural logarithms. The paper samples networks and fits a
    distribution to their test errors; of a kernel's functions the error is a generalised chi-square, whose tail is
    computed here without sampling or fitting, to about ten digits however small it is. The size of the functions is the
    likeliest given the training targets, which they may miss by a variance of a millionth of their own.

    Reads as
    --------
    What must be known beyond the training rows, given that the answer is one of the kernel's functions. Against another
    kernel or length, on the same rows, the lower number is the better prior.

    Misleads when
    -------------
    Numbers of test rows differ: each row must be met, so that bits grow with them. The error that is asked is below
    what noise in the targets allows.

    Cost
    ----
    One Cholesky factor of the training rows, one eigendecomposition of the test rows: O((rows + test rows)³).

    References
    ----------
    A. Boopathy, W. Yue, J. Hwang, A. Iyer and I. Fiete, Towards exact computation of inductive bias, IJCAI 2024,
    arXiv:2406.15941. J. P. Imhof, Computing the distribution of quadratic forms in normal variables, Biometrika 48
    (1961) 419-426.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x, test = rng.random((40, 2)), rng.random((10, 2))
    >>> smooth, rough = lambda x: np.sin(3 * x[:, 0]), lambda x: np.sin(30 * x[:, 0])
    >>> few, many = (exact_inductive_bias(x, test, task(np.vstack([x, test]))).bits for task in (smooth, rough))
    >>> bool(few < many)
    True
    """
    columns = _columns(targets, cloud, cloud.count + test.count)
    known, judged = columns[: cloud.count], columns[cloud.count :]
    found = _functions(cloud, test, known, kernel, length)
    scale = float(np.mean(judged**2))
    if scale == 0.0:
        raise Refusal(Outcome.ONE_CLASS, "all test targets are zero")
    variances, directions = np.linalg.eigh(found.covariance)
    offsets = (directions.T @ (found.mean - judged)) ** 2
    spread = np.repeat(np.clip(variances, 0.0, None)[:, None], judged.shape[1], axis=1)
    form = QuadraticForm(spread.ravel() / judged.size / scale, offsets.ravel() / judged.size / scale)
    chance = form.log_chance_below(error)
    bits = (
        given_back(cloud, -chance / np.log(2.0) + 0.0)
        if np.isfinite(chance)
        else Missing(Outcome.NO_HYPOTHESIS, f"an error of {form.least:.3g} at least")
    )
    return ExactInductiveBias(
        bits=bits,
        mean_error=given_back(cloud, form.mean),
        best_error=given_back(cloud, float(form.offsets.sum())),
    )


def _functions(cloud: Cloud, test: Cloud, known: NDArray[np.float64], kernel: Family, length: float) -> Interpolants:
    if cloud.width != test.width:
        raise ValueError(f"test: expected {cloud.width} features as in the training rows, got {test.width}")
    if cloud.count < 2:
        raise Refusal(Outcome.FEWER_ROWS_THAN_NEEDED, f"{cloud.count} rows, 2 needed")
    if is_array(cloud.points) and is_array(test.points):
        namespace(cloud.points, test.points)
    inner, outer = (np.asarray(to_numpy(each.centred), np.float64) for each in (cloud, test))
    gap = np.asarray(to_numpy(test.mean), np.float64) - np.asarray(to_numpy(cloud.mean), np.float64)
    squared = squared_distances(np.concatenate([inner, outer + gap]))
    median = median_distance(squared[: cloud.count, : cloud.count])
    if median == 0.0:
        raise Refusal(Outcome.COINCIDENT_ROWS)
    return interpolants(squared, known, length * median, kernel, _NOISE)


def _columns(targets: Any, cloud: Cloud, rows: int) -> NDArray[np.float64]:
    """Read real numbers that stand beside rows, as columns."""
    if is_array(targets):
        if not isinstance(targets, np.ndarray) and is_array(cloud.points):
            namespace(targets, cloud.points)
        host = to_numpy(targets)
    elif isinstance(targets, (list, tuple)) or hasattr(targets, "__array__"):
        host = np.asarray(targets)
    else:
        raise TypeError(f"targets: expected an array or a list, got {type(targets).__name__}")
    if host.dtype.kind not in "biuf":
        raise TypeError(f"targets: expected real numbers, got {host.dtype}")
    columns = host.astype(np.float64).reshape(host.shape if host.ndim != 1 else (-1, 1))
    if columns.ndim != 2 or columns.shape[0] != rows or not columns.size:
        raise ValueError(f"targets: expected one or more for each of {rows} rows, test rows last, got {host.shape}")
    if not np.all(np.isfinite(columns)):
        raise ValueError("targets: expected finite numbers")
    return columns
