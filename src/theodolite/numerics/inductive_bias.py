"""How much must be known beforehand to learn a task, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, gammaln

__all__ = ["Task", "cutoff_frequency", "log_inductive_bias"]


@dataclass(frozen=True)
class Task:
    """What the inductive-bias complexity of a classification task is computed from.

    Attributes
    ----------
    rows : int
        Training rows.
    classes : int
        2 or more.
    radius : float
        Of the sphere that the rows are taken to lie on.
    gap : float
        Smallest distance between rows of different classes.
    error : float
        Error that is allowed, between 0 and 1.
    """

    rows: int
    classes: int
    radius: float
    gap: float
    error: float


def cutoff_frequency(task: Task, dimension: float) -> float:
    r"""Compute the highest angular frequency that resolves the classes.

    Parameters
    ----------
    task : Task
        The task.
    dimension : float
        m, of the sphere.

    Returns
    -------
    float
        K with :math:`K (K + m - 1) = M^2`, where :math:`M = 2 \pi R / \delta`.

    Examples
    --------
    >>> round(cutoff_frequency(Task(10, 2, 1.0, np.pi, 0.1), 1.0), 12)
    2.0
    """
    half, finest = 0.5 * (dimension - 1.0), 2.0 * np.pi * task.radius / task.gap
    # As a quotient: the difference of root and half loses its digits where the dimension is high.
    return float(finest * finest / (np.sqrt(half * half + finest * finest) + half))


def log_inductive_bias(task: Task, dimension: float) -> float | None:
    r"""Compute the logarithm of the inductive-bias complexity.

    With c classes, D = c - 1, and K of `cutoff_frequency`, it is

    .. math:: (2 D c E - n D) [\frac{1}{2} \log_2 (D c) - \log_2 \epsilon + \log_2 L + \log_2 W]

    bits, where :math:`E = \binom{m + K}{m} + \binom{m + K - 1}{m}` counts the harmonics up to K,
    :math:`L = K \sqrt{D} / R`, and W is the distance to the nearest training row.

    Parameters
    ----------
    task : Task
        The task.
    dimension : float
        m, above 0.

    Returns
    -------
    float or None
        Natural logarithm of the number of bits; None where that is not positive.

    Examples
    --------
    >>> imagenet = Task(rows=1280901, classes=1000, radius=943.5923, gap=65.0, error=0.1)
    >>> round(float(log_inductive_bias(imagenet, 48) / np.log(10)), 3)
    41.554
    """
    m, n, c = dimension, task.rows, task.classes
    outputs = c - 1.0
    cutoff = cutoff_frequency(task, m)
    harmonics = float(
        np.logaddexp(
            -betaln(cutoff + 1.0, m + 1.0) - np.log(m + cutoff + 1.0), -betaln(cutoff, m + 1.0) - np.log(m + cutoff)
        )
    )  # binomial coefficients by beta functions: differences of log-gammas lose all digits where the cutoff is high
    log_told = np.log(n / (2.0 * c)) - harmonics  # of the share of the unknowns that the training rows settle
    slope = np.log(cutoff) + 0.5 * np.log(outputs) - np.log(task.radius)
    reach = 0.5 * np.log(m / 6.0) + np.log(task.radius)
    reach += (np.log(2.0) + 0.5 * (m + 1.0) * np.log(np.pi) + np.log(c) - gammaln(0.5 * (m + 1.0)) - np.log(n)) / m
    each = (0.5 * np.log(outputs * c) - np.log(task.error) + slope + reach) / np.log(2.0)
    if log_told >= 0.0 or each <= 0.0:
        return None
    return float(np.log(2.0 * outputs * c) + harmonics + np.log1p(-np.exp(log_told)) + np.log(each))
