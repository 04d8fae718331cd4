"""Why a number is missing or doubtful: each cause is named once, with its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

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
        "Divide the matrix by a power of two near its largest entry; shapes of spectra don't change by it.",
    )
    EMPTY = (
        "refused",
        "The matrix has no entries.",
        "Pass an array with at least one row and one column.",
    )
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
        "The measure declined on too many resamples for an interval.",
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
        "Read the value alone, or ask for another null: gaussian needs the shape, permuted needs the matrix.",
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
    UNEXPECTED = (
        "failed",
        "An error that the measure did not foresee.",
        "Please report it with the note of this row.",
    )

    def __init__(self, severity: Severity, cause: str, remedy: str) -> None:
        self.severity = severity
        self.cause = cause
        self.remedy = remedy


class Refusal(ValueError):  # noqa: N818 - a refusal is an answer, not a breakdown
    """A measure declines to give a number, and says why and what would help.

    Parameters
    ----------
    outcome : Outcome
        The cause, from the enumeration.
    detail : str, optional
        What was seen in this case: counts, sizes.
    measure : str, optional
        Name of the measure that refused; filled in by the measure itself.

    Attributes
    ----------
    outcome : Outcome
    detail : str
    measure : str
    """

    def __init__(self, outcome: Outcome, detail: str = "", measure: str = "") -> None:
        self.outcome = outcome
        self.detail = detail
        self.measure = measure
        super().__init__(self._message())

    def _message(self) -> str:
        head = f"{self.measure}: " if self.measure else ""
        seen = f" ({self.detail})" if self.detail else ""
        return f"{head}{self.outcome.cause}{seen} {self.outcome.remedy}"

    def of(self, measure: str) -> Refusal:
        """Return the same refusal in the name of a measure.

        Parameters
        ----------
        measure : str
            The measure's name.

        Returns
        -------
        Refusal
            A new refusal whose message starts with the name.
        """
        return Refusal(self.outcome, self.detail, measure)

    def __reduce__(self) -> tuple[type[Refusal], tuple[Outcome, str, str]]:
        return Refusal, (self.outcome, self.detail, self.measure)


@dataclass(frozen=True)
class Missing:
    """A field that could not be had while its siblings could.

    Parameters
    ----------
    outcome : Outcome
        Why not; its severity is *refused*.
    detail : str
        What was seen.
    """

    outcome: Outcome
    detail: str = ""

    def __post_init__(self) -> None:
        if self.outcome.severity != "refused":
            raise ValueError(f"outcome: {self.outcome.name} stands beside a value; a Missing takes the place of one")


@dataclass(frozen=True)
class Note:
    """A doubt about a value that stands.

    Parameters
    ----------
    outcome : Outcome
        The doubt; its severity is *note*.
    detail : str
        What was seen.
    field : str
        The field that is doubtful.
    """

    outcome: Outcome
    detail: str = ""
    field: str = "value"

    def __post_init__(self) -> None:
        if self.outcome.severity != "note":
            raise ValueError(f"outcome: {self.outcome.name} takes the place of a value; a Note stands beside one")
