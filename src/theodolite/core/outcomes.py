"""Why a number is missing or doubtful: each cause is named once, with its remedy."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from theodolite.core.refusals import Missing, Note, Refusal

__all__ = ["Missing", "Note", "Outcome", "Refusal", "Severity"]

Severity = Literal["refused", "note", "failed"]


def _refused(cause: str, remedy: str) -> tuple[Severity, str, str]:
    return "refused", cause, remedy


def _note(cause: str, remedy: str) -> tuple[Severity, str, str]:
    return "note", cause, remedy


class Outcome(Enum):
    """Everything that can stand in a reading's place, or beside it.

    Each entry owns a sentence of cause and a sentence of remedy. A *refused* entry takes the place of a number, a
    *note* stands beside one, *failed* marks an error that no measure foresaw.
    """

    NOT_FINITE = _refused(
        "The weights hold NaN or infinite entries.",
        "Find the step of training or of conversion that made them; no spectrum can be trusted until they are gone.",
    )
    OUT_OF_RANGE = _refused(
        "The entries are so large or so small that their squares leave the range of float64.",
        "Divide all entries by a power of two near the largest; what is invariant to scale doesn't change by it.",
    )
    EMPTY = ("refused", "The matrix has no entries.", "Pass an array with at least one row and one column.")
    ALL_ZERO = _refused(
        "Every entry is zero (or zero to the accuracy of the decomposition).",
        "A zero matrix has no shape of spectrum; check whether the layer is meant to be zero (a fresh LoRA B is).",
    )
    TOO_FEW_EIGENVALUES = _refused(
        "There are too few eigenvalues above the numerical zero for this estimate.",
        "Use a norm or a rank for matrices this small.",
    )
    NO_SPREAD = _refused(
        "All eigenvalues that enter the estimate are equal.",
        "Exponents and tails are undefined there; an orthogonal matrix is the usual cause.",
    )
    NO_POWER_LAW = _refused(
        "No candidate for xmin gives an exponent above 1.",
        "Read the stable or effective rank instead; the spectrum has no falling tail.",
    )
    AT_BOUND = _refused(
        "The likelihood is highest at the edge of this parameter's range, so that no value inside it fits.",
        "Read the simpler law at the edge, or let tail_comparison say which family the tail follows.",
    )
    NO_BULK = _refused(
        "Almost all eigenvalues stand out from whatever random bulk is fitted to the rest.",
        "Read the power law or the effective rank instead; this spectrum is no noise with strong directions.",
    )
    NOT_WEIGHTS = _refused(
        "The matrix is no arrangement of weights, so putting its entries into random order says nothing of them.",
        "Look at the kernel itself: --view slices or --view unfold.",
    )
    NEEDS_MATRIX = _refused(
        "This measure looks at the matrix itself, and the view has only its eigenvalues.",
        "Build the view from the matrix: Spectrum(matrix).",
    )
    NEEDS_SHAPE = _refused(
        "This measure depends on the matrix's shape, and the view doesn't know it.",
        "Pass it: Spectrum.from_eigenvalues(values, shape=(rows, columns)).",
    )
    NEEDS_ROWS = _refused(
        "This measure looks at the rows themselves, and only moments or neighbours were kept of them.",
        "Record a sample of rows as well (--rows), or use a measure that the moments determine (cka, procrustes).",
    )
    NEEDS_MAPS = _refused(
        "This measure shifts feature maps, and these are none, or differ in height and width.",
        "Record convolutions with features='shift-invariant', or give arrays of images x height x width x channels.",
    )
    RECORDED_APART = _refused(
        "There are no rows of both layers, and moments that were recorded apart say nothing of the two together.",
        "Record rows of both; or, of one model, moments of both in one pass.",
    )
    OTHER_ROWS = ("refused", "The rows of the two clouds are not the same stimuli.", "Record both on the same data.")
    NOT_FINITE_ROWS = _refused(
        "The features hold NaN or infinite entries.",
        "Find the rows that hold them and the layer that made them, and leave those rows out (of two clouds: of both).",
    )
    CONSTANT_CLOUD = _refused(
        "All rows of a cloud are the same, so that nothing is left after centring.",
        "Check that the layer is alive and that the rows are different stimuli.",
    )
    TOO_FEW_ROWS = _refused(
        "There are too few rows for the number of features, so that any two clouds fit each other perfectly.",
        "Use more rows, keep fewer directions (svcca), or a measure that needs no inverse (cka, procrustes).",
    )
    FEWER_ROWS_THAN_NEEDED = _refused(
        "There are fewer rows than the estimate is defined for.",
        "Use more rows; below a few hundred any similarity or dimension is loose.",
    )
    EQUAL_DISTANCES = _refused(
        "The neighbours that are compared lie all but equally far from their points, so that no finite dimension fits.",
        "Look for one-hot or coarsely rounded features; with a larger k, farther neighbours are compared.",
    )
    NO_DIMENSION = _refused(
        "The neighbours crowd around their points so that the dimension would be zero.",
        "Count within a smaller share of the distance to the last neighbour, or look farther: a larger k.",
    )
    AT_SPAN = _note(
        "The dimension is that of the whole space which the points span.",
        "A thin sample of a closed surface looks the same as a filled ball; compare with two_nn and with more points.",
    )
    NO_PLATEAU = _note(
        "The dimension changes with the scale at which one looks, and nowhere stays as it is.",
        "Read the whole curve: noise raises the small scales, edges and curvature the large ones.",
    )
    NO_NOISE = _note(
        "Some directions hold nothing at all, and a test against noise has looked at the others alone.",
        "Read a rule that looks at shares (participation, ratio, fo): constant or dependent features have no noise.",
    )
    ALL_SEPARABLE = _note(
        "Every point is separable from all others at every margin, so that only a lower bound is known.",
        "Use more points: as many again for each dimension or two more.",
    )
    NEIGHBOURHOODS_TOO_SMALL = _note(
        "Neighbourhoods have hardly more points than dimensions were found, and can span no more.",
        "Ask for more neighbours (k), at least twice the dimension; the number is a lower bound.",
    )
    TOO_FEW_FOR_DIMENSION = _note(
        "There are too few points for a dimension this high, so that neighbours lie far apart and near the edge.",
        "Read the number as a lower bound; twice the dimension takes the square of the number of points.",
    )
    FEW_POINTS = _note(
        "There are fewer than 20 points, and the standard error is itself not known well.",
        "Use more points, a hundred or better a thousand; rows that coincide count once.",
    )
    SATURATED = _note(
        "The dimension is more than half of the number of neighbours, and so few cannot span many more directions.",
        "Raise k to several times the dimension; where there are not that many points, read a lower bound.",
    )
    MISFIT = _note(
        "The distances don't follow the law that the dimension was fitted by.",
        "Look at the curve over scales and at the dimension from place to place; one number may not be enough.",
    )
    ONE_CLASS = _refused(
        "All labels are the same, so that there are no classes to tell apart.",
        "Give labels of two classes or more.",
    )
    NEEDS_LABELS = _refused(
        "This number compares classes, and no labels were given.",
        "Pass a label for each row after the cloud.",
    )
    COINCIDENT_CLASSES = _refused(
        "Rows of different classes are the same point, so that no function with a finite slope tells them apart.",
        "Look at these rows: one of their labels is wrong, or the features leave out what they differ in.",
    )
    OFF_SCALE = _note(
        "The bandwidth is off the scale of the cloud: to it all points are one, or all are strangers.",
        "Set it by the median distance (relative=True), and compare clouds at one multiple.",
    )
    FLAT_CLOUD = _refused(
        "The rows lie on a line, or all but on a flat of fewer dimensions than their hull is asked in.",
        "Use more rows, or fewer directions.",
    )
    PROJECTED = _note(
        "The hull is that of the leading principal directions, not of all that the cloud has.",
        "Compare clouds at one number of directions.",
    )
    NO_COMPLEXITY = _refused(
        "The training rows, or the error that is allowed, leave nothing to be told: the formula isn't positive.",
        "Lower the error; with dimensions this few or classes this far apart the rows alone settle the task.",
    )
    CLASSES_WITHOUT_SPREAD = _refused(
        "All rows of each class are the same point, so that the ratio to what they scatter is infinite.",
        "Look whether labels were taken from the rows themselves; the classes are separate anyway.",
    )
    NO_LESS_LENGTH = _refused(
        "The length of the graph grows as fast as the number of points, or faster, so that no dimension is finite.",
        "Read the inverse, 1/dimension, with its interval; use more points, ten times as many if need be.",
    )
    SMALL_PARTS = _note(
        "The smallest parts have so few points that the law of growth is only beginning to hold.",
        "Use at least 80 points, better 200.",
    )
    BENT_LINE = _note(
        "The length doesn't grow as one power of the number of points.",
        "Look at sizes and lengths in extra: the dimension depends on how densely the cloud is sampled.",
    )
    SHORT_TEXT = _refused(
        "The text has fewer tokens than every text is cut to.",
        "Use longer texts, or put shorter ones together; a smaller length changes the numbers of all texts.",
    )
    BEYOND_FLOAT = _refused(
        "The number is larger than float64 can hold.",
        "Read its logarithm, which stands beside it.",
    )
    NO_HYPOTHESIS = _refused(
        "No hypothesis that fits the training rows is as good as asked on the test rows.",
        "Allow a larger error, or hypotheses of a smaller bandwidth.",
    )
    TOO_FEW_POINTS = _refused(
        "There are not more distinct points than neighbours were asked for.",
        "Ask for fewer neighbours (k), or use more points; rows that coincide count once.",
    )
    EQUIDISTANT = _refused(
        "All rows of a cloud lie at the same distance from each other, so that nothing is left after centring.",
        "Check that the features are no one-hot codes of the rows; biased estimates, which keep the diagonal, exist.",
    )
    COINCIDENT_ROWS = _refused(
        "Half of all pairs of rows of a cloud or more coincide, so that the kernel's bandwidth, their median, is zero.",
        "Leave out duplicates, or use a kernel without a bandwidth.",
    )
    ROW_AT_MEAN = _refused(
        "A row has no direction from the mean of all, so that its cosine with the others is undefined.",
        "Leave it out, or use another kernel.",
    )
    DIFFERENT_WIDTHS = _refused(
        "The clouds have different numbers of features, and the measure takes each feature for the same in both.",
        "Use a measure that aligns the features first (procrustes, cka).",
    )
    NEEDS_FOLDS = _refused(
        "Held-out rows are needed, and the moments were not gathered apart for groups of rows.",
        "Gather them in folds: CrossMoments(folds=5); or score the rows that were fitted, evaluation='in_sample'.",
    )
    CERTAIN_CORRELATIONS = _note(
        "The clouds have more directions together than the centred rows have, so that some correlations are 1 anyway.",
        "Use more rows, or keep fewer directions (svcca).",
    )
    ROW_WITHOUT_DIRECTION = _refused(
        "Some rows are zero (or constant, for correlations), so that their angle with other rows is undefined.",
        "Leave these rows out of both clouds, or compare by euclidean distance.",
    )
    EQUAL_DISSIMILARITIES = _refused(
        "The dissimilarities of a cloud that are to be compared are all alike, or fewer than three.",
        "Use more rows, or rows that are not all equally unlike (one-hot rows are).",
    )
    NEGATIVE_RATES = _refused(
        "Poisson dissimilarities compare rates, and some entries are negative.",
        "Give counts or rates, or use another dissimilarity.",
    )
    FLAT_ROWS = _refused(
        "All features of a row are equal, so that it carries no signal that noise could be compared with.",
        "Leave such rows out, or use a measure of the whole cloud (procrustes, cka).",
    )
    ONE_SHAPE = _refused(
        "All clouds have the same shape, so that they deviate from their mean in no direction.",
        "Check that they come from different networks.",
    )
    LOCAL_MINIMA = _note(
        "The search ended in different places from different starts, and the best of them is given.",
        "Raise starts=... until the smallest objective comes up more than once.",
    )
    NOT_SETTLED = _note(
        "The search was still moving when its steps ran out.",
        "Read the value as an upper bound; look whether the clouds have a common shape at all.",
    )
    NO_GRADIENT = _refused(
        "No gradient reached the layer: it was not called, or the loss does not depend on it.",
        "Check that the model calls the layer itself (attention may use its weight directly), and outside no_grad.",
    )
    SOME_WITHOUT_GRADIENT = _note(
        "Some examples gave the layer a gradient of zero, and the mean is over the others.",
        "Look at these examples; most often no position of theirs has a target.",
    )
    NO_TARGET = _refused(
        "No example has a target: all are -100, which counts nowhere.",
        "Give data with targets; -100 is for the positions that are to be left out.",
    )
    SOME_WITHOUT_TARGET = _note(
        "Some examples have no target, and the mean is over the others.",
        "Leave these examples out, or give them a target; -100 counts nowhere.",
    )
    NEEDS_INIT = _refused(
        "This metric measures the way from the initial weights, and none were given.",
        "Give the weights before training: init=..., or --init INIT.",
    )
    NEEDS_MODEL = _refused(
        "This metric runs the network, and only weights were given.",
        "Give a torch module of this architecture: model=..., or --model package.module:function.",
    )
    NEEDS_DATA = _refused(
        "This metric runs the network on data, and none were given.",
        "Give inputs and targets: data=(inputs, targets), or --data FILE.",
    )
    NEEDS_TORCH = _refused(
        "This metric runs the network, and PyTorch is not installed.",
        "Install the extra: pip install 'theodolite[torch]'.",
    )
    NO_LAYER = _refused(
        "No layer gives a number to average.",
        "Look at why each layer was left out; the matrices may be too small, or zero.",
    )
    NEGATIVE_BOUND = _refused(
        "The bound is negative, and its square root, which the definition asks for, is undefined.",
        "Read the noise level that it was made of instead.",
    )
    ZERO_MARGIN = _refused(
        "The margin at the tenth percentile is zero.",
        "Give more data, or check that the outputs are no constants.",
    )
    NO_NOISE_LEVEL = _refused(
        "No level of noise was found that displaces the network as far as asked.",
        "Ask for a smaller displacement, and check that the network is better than chance on the data.",
    )
    NO_PATH_NORM = _refused(
        "The network with squared weights can't be evaluated on an input of ones.",
        "Path norms need a network that adds, multiplies and rectifies, and whose outputs are logits.",
    )
    TOO_FEW_MODELS = _refused(
        "Fewer than 4 models have both numbers, or too few are left beside what is held fixed.",
        "Add models; the rank correlation of three says nothing that chance doesn't say as well.",
    )
    CONSTANT_COLUMN = _refused(
        "The metric, or the quality, has one value for all of these models.",
        "There is no order to compare; look at a metric that varies, or at other models.",
    )
    BASELINE_SAYS_ALL = _refused(
        "The baselines put these models in the same order as the metric or the quality, so that nothing is left.",
        "Add models that differ in the metric but not in the baseline.",
    )
    DUPLICATE_ROWS = _note(
        "Some rows of a cloud are the same: which of them are nearest is arbitrary, and they count several times.",
        "Leave duplicates out of both clouds.",
    )
    TOO_SMALL_FOR_CHANCE = _note(
        "The matrix has fewer than 8 eigenvalues, too few for a chance level.",
        "Read the value alone.",
    )
    BESIDE_BOUND = _note(
        "Another parameter of the fitted law stands at the edge of its range.",
        "Read the number as that of the simpler law at the edge.",
    )
    SHORT_TAIL = _note(
        "The fitted tail holds few eigenvalues, so the exponent is loose.",
        "Read the interval, not the number.",
    )
    HANGS_ON_LARGEST = _note(
        "The number hangs on the largest eigenvalue alone, which resampling can repeat but not vary.",
        "Read the interval as a lower bound on the doubt.",
    )
    NO_INTERVAL = _note(
        "The measure declined on too many resamples for an interval, or there was nothing to resample.",
        "Read the value alone.",
    )
    PERFECT_ORDER = _note(
        "The order is perfect, which no resample can vary.",
        "Read the p-value: it says how often so few models come in such an order by chance.",
    )
    NO_NULL = _note(
        "The null that was asked for gives no level to compare with here.",
        "Read the value alone, or ask for another null: gaussian needs the shape, permuted the matrix or the rows.",
    )
    SMALL_BULK = _note(
        "Fewer than half of the eigenvalues lie within the random bulk.",
        "Read the count as 'most directions are no noise', and the power law for their shape.",
    )
    SMALL_SAMPLE_CONVENTION = _note(
        "Fewer than 20 eigenvalues: WeightWatcher's small-sample path, whose exponent and tail disagree by design.",
        "Use the default convention for a consistent fit.",
    )
    CONSTANT_UNITS = _note(
        "Some units do not vary over the rows, and are left out.",
        "Check whether they are dead; those of a rectifier may be silent on these stimuli alone.",
    )
    NEEDS_INDEX = _refused(
        "The library that builds the index, hnswlib, is not installed.",
        "Install the extra, which compiles it: pip install 'theodolite[ann]'.",
    )
    ONE_RECALL = _refused(
        "All points have the same recall, so that nothing can go with it.",
        "Search with a smaller ef, or look at a cloud of more dimensions.",
    )
    NEEDS_TRANSPORT = _refused(
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
