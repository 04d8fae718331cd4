"""Centred kernel alignment."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from theodolite.core import Array, Field, Limits, Pair, measure, to_numpy
from theodolite.numerics.gram_products import GramProducts
from theodolite.similarity._centred_grams import Estimator, KernelChoice, kernel_grams, linear_grams, repeated_notes


def _products(pair: Pair, parameters: Mapping[str, Any]) -> GramProducts:
    estimator, batch_size = parameters["estimator"], parameters["batch_size"]
    if parameters["kernel"] == "linear":
        return linear_grams(pair, estimator, batch_size)
    choice = KernelChoice(parameters["kernel"], parameters["bandwidth"], parameters["degree"])
    return kernel_grams(pair, choice, estimator, batch_size)


def _by_chance(pair: Pair, parameters: Mapping[str, Any]) -> dict[str, float]:
    """Mean over all orders of one cloud's rows: exact, since the norms don't depend on the order."""
    if parameters["estimator"] != "biased":
        return {"value": 0.0}
    products = _products(pair, parameters)
    norms = products.inner[0] ** 0.5 * products.inner[2] ** 0.5
    return {"value": float(to_numpy(products.traces[0] * products.traces[1] / norms)) / (pair.count - 1)}


@measure(cite="kornblith2019similarity", needs="moments", chance=_by_chance, doubts=repeated_notes)
def cka(
    pair: Pair,
    /,
    *,
    estimator: Estimator = "unbiased",
    kernel: Literal["linear", "rbf", "laplace", "cosine", "polynomial"] = "linear",
    bandwidth: Annotated[float, Limits(gt=0)] = 1.0,
    degree: Annotated[int, Limits(ge=1, le=10)] = 2,
    batch_size: Annotated[int, Limits(ge=4)] = 256,
) -> Annotated[
    Array,
    Field(
        unit="1",
        bounds=(-1, 1),
        invariant_to=("scale", "separate_scale", "translation", "rotation", "permutation", "order", "exchange"),
        varies=("linear",),
        of_itself=1.0,
        reads="1 = the same up to rotation and scale, 0 = chance",
    ),
]:
    r"""Centred kernel alignment, the cosine of two centred Gram matrices, :math:`\langle K, L \rangle / \|K\| \|L\|`.

    K and L hold the similarities of all pairs of stimuli in each cloud. With the linear kernel this is
    :math:`\|X^T Y\|^2 / (\|X^T X\| \|Y^T Y\|)` of centred rows if biased; unbiased, the three numbers are replaced by
    the U-statistics of Song et al. [1]_, which leave the diagonal out and whose mean over independent clouds is zero.

    Parameters
    ----------
    pair : Pair, CrossMoments, or two arrays of shape (rows, features)
        What to compare.
    estimator : {"unbiased", "biased", "minibatch"}
        ``"unbiased"``: as above. ``"biased"``: with the diagonal, which makes narrow samples of wide clouds look alike.
        ``"minibatch"``: the unbiased numbers averaged over batches of consecutive rows before the ratio is taken [2]_.
    kernel : {"linear", "rbf", "laplace", "cosine", "polynomial"}
        Of centred rows x, y at the Euclidean distance d: :math:`x \cdot y`, :math:`\exp(-d^2 / 2 s^2)`,
        :math:`\exp(-d / s)`, :math:`x \cdot y / |x| |y|`, :math:`(1 + x \cdot y / v)^p` with v the mean of
        :math:`|x|^2`. All but the first need rows.
    bandwidth : float
        The length s in units of the median distance between rows, in each cloud its own.
    degree : int
        The power p of the polynomial.
    batch_size : int
        Rows in each minibatch, at least: what is left over is spread over the batches.

    Returns
    -------
    array of shape ()
        At most 1. Biased, it is never below 0; unbiased, its mean over unrelated clouds is 0.

    Notes
    -----
    Where a square hides: K and L hold squares of activations, so that a direction with twice the spread counts
    sixteen times in the norms: CKA is mostly about the few widest directions. For two single units it is the squared
    correlation, biased.

    The mean over all orders of the rows of one cloud, which is the chance level, is exactly
    :math:`\mathrm{tr} K\, \mathrm{tr} L / ((n - 1) \|K\| \|L\|)` of centred matrices if biased, and 0 otherwise.
    The standard deviation of the unbiased one is :math:`\sqrt{2 / n (n - 3)}`, whatever the clouds; `cka_test` makes a
    p-value of it.

    What has no answer is refused: a cloud whose rows are all the same, or all at the same distance from each other, so
    that nothing is left without the diagonal; fewer than 4 rows (3 biased); a bandwidth of zero, where half of all
    pairs of rows coincide; a cosine with a row at the mean; moments alone where rows are needed.

    Reads as
    --------
    How far the two clouds agree on which stimuli are alike, whatever units they use to say so.

    Misleads when
    -------------
    One or two directions hold most of the variance: CKA then compares these and nothing else, and a shared outlier can
    make it. The biased estimate of independent Gaussian clouds of 50 rows and 200 features is 0.8. Minibatches of rows
    in a sorted order (by class, by time) compare within classes only; shuffle them first. Stimuli that are there
    several times undo the correction, which leaves out a row with itself and not with its copies: of 25 stimuli four
    times each, in unrelated clouds of 100 features, the unbiased estimate is 0.76. Runs over pairs note copies; leave
    them out.

    Cost
    ----
    The linear kernel: one pass over the rows, no matrix of rows × rows unless there are fewer rows than features.
    Other kernels: all pairs of rows, a block at a time; minibatches: the pairs within them.

    References
    ----------
    S. Kornblith, M. Norouzi, H. Lee and G. Hinton, Similarity of neural network representations revisited, ICML 2019,
    arXiv:1905.00414.

    .. [1] L. Song, A. Smola, A. Gretton, J. Bedo and K. Borgwardt, Feature selection via dependence maximization,
       Journal of Machine Learning Research 13 (2012) 1393-1434.
    .. [2] T. Nguyen, M. Raghu and S. Kornblith, Do wide and deep networks learn the same things?, ICLR 2021,
       arXiv:2010.15327.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((50, 200))
    >>> rotation = np.linalg.qr(rng.standard_normal((200, 200)))[0]
    >>> round(float(cka(x, 3 * x @ rotation + 1)), 9)
    1.0
    >>> unrelated = rng.standard_normal((50, 200))
    >>> round(float(cka(x, unrelated, estimator="biased")), 1), abs(float(cka(x, unrelated))) < 0.1
    (0.8, True)
    """
    asked = {
        "estimator": estimator,
        "kernel": kernel,
        "bandwidth": bandwidth,
        "degree": degree,
        "batch_size": batch_size,
    }
    return _products(pair, asked).cosine
