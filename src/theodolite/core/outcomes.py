"""Why a number is missing or doubtful: each cause is named once, with its remedy."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from theodolite.core.refusals import Missing, Note, Refusal

__all__ = ["Missing", "Note", "Outcome", "Refusal", "Severity"]

Severity = Literal["refused", "note", "failed"]


class Outcome(Enum):
    """Everything that can stand in a reading's place, or beside it.

    Each entry owns a sentence of cause and a sentence of remedy. A *refused* entry takes the place of a number, a
    *note* stands beside one, *failed* marks an error that no measure foresaw.
    """

    NOT_FINITE = (
        "refused",
        "The weights hold NaN or infinite entries.",
        "Find the step of training or of conversion that made them; no spectrum can be trusted until they are gone.",
    )
    OUT_OF_RANGE = (
        "refused",
        "The entries are so large or so small that their squares leave the range of float64.",
        "Divide all entries by a power of two near the largest; what is invariant to scale doesn't change by it.",
    )
    EMPTY = ("refused", "The matrix has no entries.", "Pass an array with at least one row and one column.")
    ALL_ZERO = (
        "refused",
        "Every entry is zero (or zero to the accuracy of the decomposition).",
        "A zero matrix has no shape of spectrum; check whether the layer is meant to be zero (a fresh LoRA B is).",
    )
    TOO_FEW_EIGENVALUES = (
        "refused",
        "There are too few eigenvalues above the numerical zero for this estimate.",
        "Use a norm or a rank for matrices this small.",
    )
    NO_SPREAD = (
        "refused",
        "All eigenvalues that enter the estimate are equal.",
        "Exponents and tails are undefined there; an orthogonal matrix is the usual cause.",
    )
    NO_POWER_LAW = (
        "refused",
        "No candidate for xmin gives an exponent above 1.",
        "Read the stable or effective rank instead; the spectrum has no falling tail.",
    )
    AT_BOUND = (
        "refused",
        "The likelihood is highest at the edge of this parameter's range, so that no value inside it fits.",
        "Read the simpler law at the edge, or let tail_comparison say which family the tail follows.",
    )
    NO_BULK = (
        "refused",
        "Almost all eigenvalues stand out from whatever random bulk is fitted to the rest.",
        "Read the power law or the effective rank instead; this spectrum is no noise with strong directions.",
    )
    NOT_WEIGHTS = (
        "refused",
        "The matrix is no arrangement of weights, so putting its entries into random order says nothing of them.",
        "Look at the kernel itself: --view slices or --view unfold.",
    )
    NEEDS_MATRIX = (
        "refused",
        "This measure looks at the matrix itself, and the view has only its eigenvalues.",
        "Build the view from the matrix: Spectrum(matrix).",
    )
    NEEDS_SHAPE = (
        "refused",
        "This measure depends on the matrix's shape, and the view doesn't know it.",
        "Pass it: Spectrum.from_eigenvalues(values, shape=(rows, columns)).",
    )
    NEEDS_ROWS = (
        "refused",
        "This measure looks at the rows themselves, and the view has only their moments or dissimilarities.",
        "Record a sample of rows as well, or use a measure that the moments determine (cka, procrustes).",
    )
    NEEDS_MAPS = (
        "refused",
        "This measure shifts feature maps, and these are none, or differ in height and width.",
        "Record convolutions with features='shift-invariant', or give arrays of images x height x width x channels.",
    )
    RECORDED_APART = (
        "refused",
        "There are no rows of both layers, and moments that were recorded apart say nothing of the two together.",
        "Record rows of both; or, of one model, moments of both in one pass.",
    )
    OTHER_ROWS = ("refused", "The rows of the two clouds are not the same stimuli.", "Record both on the same data.")
    NOT_FINITE_ROWS = (
        "refused",
        "The features hold NaN or infinite entries.",
        "Find the rows that hold them and the layer that made them, and leave those rows out of both clouds.",
    )
    CONSTANT_CLOUD = (
        "refused",
        "All rows of a cloud are the same, so that nothing is left after centring.",
        "Check that the layer is alive and that the rows are different stimuli.",
    )
    TOO_FEW_ROWS = (
        "refused",
        "There are too few rows for the number of features, so that any two clouds fit each other perfectly.",
        "Use more rows, keep fewer directions (svcca), or a measure that needs no inverse (cka, procrustes).",
    )
    FEWER_ROWS_THAN_NEEDED = (
        "refused",
        "There are fewer rows than the estimate is defined for.",
        "Use more stimuli; below a few hundred any similarity is loose.",
    )
    EQUIDISTANT = (
        "refused",
        "All rows of a cloud lie at the same distance from each other, so that nothing is left after centring.",
        "Check that the features are no one-hot codes of the rows; biased estimates, which keep the diagonal, exist.",
    )
    COINCIDENT_ROWS = (
        "refused",
        "Half of all pairs of rows of a cloud or more coincide, so that the kernel's bandwidth, their median, is zero.",
        "Leave out duplicates, or use a kernel without a bandwidth.",
    )
    ROW_AT_MEAN = (
        "refused",
        "A row has no direction from the mean of all, so that its cosine with the others is undefined.",
        "Leave it out, or use another kernel.",
    )
    DIFFERENT_WIDTHS = (
        "refused",
        "The clouds have different numbers of features, and the measure takes each feature for the same in both.",
        "Use a measure that aligns the features first (procrustes, cka).",
    )
    NEEDS_FOLDS = (
        "refused",
        "Held-out rows are needed, and the moments were not gathered apart for groups of rows.",
        "Gather them in folds: CrossMoments(folds=5); or score the rows that were fitted, evaluation='in_sample'.",
    )
    CERTAIN_CORRELATIONS = (
        "note",
        "The clouds have more directions together than the centred rows have, so that some correlations are 1 anyway.",
        "Use more rows, or keep fewer directions (svcca).",
    )
    ROW_WITHOUT_DIRECTION = (
        "refused",
        "Some rows are zero (or constant, for correlations), so that their angle with other rows is undefined.",
        "Leave these rows out of both clouds, or compare by euclidean distance.",
    )
    EQUAL_DISSIMILARITIES = (
        "refused",
        "The dissimilarities of a cloud that are to be compared are all alike, or fewer than three.",
        "Use more rows, or rows that are not all equally unlike (one-hot rows are).",
    )
    NEGATIVE_RATES = (
        "refused",
        "Poisson dissimilarities compare rates, and some entries are negative.",
        "Give counts or rates, or use another dissimilarity.",
    )
    FLAT_ROWS = (
        "refused",
        "All features of a row are equal, so that it carries no signal that noise could be compared with.",
        "Leave such rows out, or use a measure of the whole cloud (procrustes, cka).",
    )
    ONE_SHAPE = (
        "refused",
        "All clouds have the same shape, so that they deviate from their mean in no direction.",
        "Check that they come from different networks.",
    )
    LOCAL_MINIMA = (
        "note",
        "The search ended in different places from different starts, and the best of them is given.",
        "Raise starts=... until the smallest objective comes up more than once.",
    )
    NOT_SETTLED = (
        "note",
        "The search was still moving when its steps ran out.",
        "Read the value as an upper bound; look whether the clouds have a common shape at all.",
    )
    NO_GRADIENT = (
        "refused",
        "No gradient reached the layer: it was not called, or the loss does not depend on it.",
        "Check that the model calls the layer itself (attention may use its weight directly), and outside no_grad.",
    )
    SOME_WITHOUT_GRADIENT = (
        "note",
        "Some examples gave the layer a gradient of zero, and the mean is over the others.",
        "Look at these examples; most often no position of theirs has a target.",
    )
    NO_TARGET = (
        "refused",
        "No example has a target: all are -100, which counts nowhere.",
        "Give data with targets; -100 is for the positions that are to be left out.",
    )
    SOME_WITHOUT_TARGET = (
        "note",
        "Some examples have no target, and the mean is over the others.",
        "Leave these examples out, or give them a target; -100 counts nowhere.",
    )
    NEEDS_INIT = (
        "refused",
        "This metric measures the way from the initial weights, and none were given.",
        "Give the weights before training: init=..., or --init INIT.",
    )
    NEEDS_MODEL = (
        "refused",
        "This metric runs the network, and only weights were given.",
        "Give a torch module of this architecture: model=..., or --model package.module:function.",
    )
    NEEDS_DATA = (
        "refused",
        "This metric runs the network on data, and none were given.",
        "Give inputs and targets: data=(inputs, targets), or --data FILE.",
    )
    NEEDS_TORCH = (
        "refused",
        "This metric runs the network, and PyTorch is not installed.",
        "Install the extra: pip install 'theodolite[torch]'.",
    )
    NO_LAYER = (
        "refused",
        "No layer gives a number to average.",
        "Look at why each layer was left out; the matrices may be too small, or zero.",
    )
    NEGATIVE_BOUND = (
        "refused",
        "The bound is negative, and its square root, which the definition asks for, is undefined.",
        "Read the noise level that it was made of instead.",
    )
    ZERO_MARGIN = (
        "refused",
        "The margin at the tenth percentile is zero.",
        "Give more data, or check that the outputs are no constants.",
    )
    NO_NOISE_LEVEL = (
        "refused",
        "No level of noise was found that displaces the network as far as asked.",
        "Ask for a smaller displacement, and check that the network is better than chance on the data.",
    )
    NO_PATH_NORM = (
        "refused",
        "The network with squared weights can't be evaluated on an input of ones.",
        "Path norms need a network that adds, multiplies and rectifies, and whose outputs are logits.",
    )
    TOO_FEW_MODELS = (
        "refused",
        "Fewer than 4 models have both numbers, or too few are left beside what is held fixed.",
        "Add models; the rank correlation of three says nothing that chance doesn't say as well.",
    )
    CONSTANT_COLUMN = (
        "refused",
        "The metric, or the quality, has one value for all of these models.",
        "There is no order to compare; look at a metric that varies, or at other models.",
    )
    BASELINE_SAYS_ALL = (
        "refused",
        "The baselines put these models in the same order as the metric or the quality, so that nothing is left.",
        "Add models that differ in the metric but not in the baseline.",
    )
    DUPLICATE_ROWS = (
        "note",
        "Some rows of a cloud are the same, so that their order alone settles which of them are nearest.",
        "Leave duplicates out of both clouds.",
    )
    TOO_SMALL_FOR_CHANCE = (
        "note",
        "The matrix has fewer than 8 eigenvalues, too few for a chance level.",
        "Read the value alone.",
    )
    BESIDE_BOUND = (
        "note",
        "Another parameter of the fitted law stands at the edge of its range.",
        "Read the number as that of the simpler law at the edge.",
    )
    SHORT_TAIL = (
        "note",
        "The fitted tail holds few eigenvalues, so the exponent is loose.",
        "Read the interval, not the number.",
    )
    HANGS_ON_LARGEST = (
        "note",
        "The number hangs on the largest eigenvalue alone, which resampling can repeat but not vary.",
        "Read the interval as a lower bound on the doubt.",
    )
    NO_INTERVAL = (
        "note",
        "The measure declined on too many resamples for an interval, or there was nothing to resample.",
        "Read the value alone.",
    )
    PERFECT_ORDER = (
        "note",
        "The order is perfect, which no resample can vary.",
        "Read the p-value: it says how often so few models come in such an order by chance.",
    )
    NO_NULL = (
        "note",
        "The null that was asked for gives no level to compare with here.",
        "Read the value alone, or ask for another null: gaussian needs the shape, permuted the matrix or the rows.",
    )
    SMALL_BULK = (
        "note",
        "Fewer than half of the eigenvalues lie within the random bulk.",
        "Read the count as 'most directions are no noise', and the power law for their shape.",
    )
    SMALL_SAMPLE_CONVENTION = (
        "note",
        "Fewer than 20 eigenvalues: WeightWatcher's small-sample path, whose exponent and tail disagree by design.",
        "Use the default convention for a consistent fit.",
    )
    CONSTANT_UNITS = (
        "note",
        "Some units do not vary over the rows, and are left out.",
        "Check whether they are dead; those of a rectifier may be silent on these stimuli alone.",
    )
    NEEDS_TRANSPORT = (
        "refused",
        "The clouds' units can't be matched evenly one to one, and POT, which solves the transport, is not installed.",
        "Install the extra: pip install 'theodolite[ot]'.",
    )
    UNEXPECTED = (
        "failed",
        "An error that the measure did not foresee.",
        "Please report it with the note of this row.",
    )

    def __init__(self, severity: Severity, cause: str, remedy: str) -> None:
        self.severity = severity
        self.cause = cause
        self.remedy = remedy
