"""Measures that are wrong in one respect each: the suite must find that, and nothing else."""

import functools
from dataclasses import dataclass
from typing import Annotated, Any

import array_api_compat
import numpy as np
import pytest

from theodolite.core import (
    Array,
    Field,
    Limits,
    Outcome,
    Refusal,
    Result,
    Spectrum,
    View,
    like,
    measure,
    namespace,
    parse_references,
    to_numpy,
)
from theodolite.testing import Specimens, check_measure, checks

DOCUMENTATION = """Largest eigenvalue over the mean one.

    Parameters
    ----------
    spectrum : Spectrum or array of shape (rows, columns)
        What to measure.

    Returns
    -------
    array of shape ()
        The ratio.

    Reads as
    --------
    How far the first direction stands out.

    Misleads when
    -------------
    Never.

    Cost
    ----
    One division.

    References
    ----------
    Horn and Johnson.

    Examples
    --------
    >>> 1 + 1
    2
    """
EVERY_MOVE = ("scale", "permutation", "rotation", "transpose")
RATIO = Field(unit="1", bounds=(1, None), invariant_to=EVERY_MOVE, reads="higher = one direction dominates")
Ratio = Annotated[Array, RATIO]
WRONG: list[Any] = []
BACKENDS = ("numpy", "numpy read-only", "array-api-strict device1", "torch cpu")


def declared(function, *, cite="horn2012matrix", documentation=DOCUMENTATION, **traits):
    function.__doc__ = documentation
    return measure(cite=cite, **traits)(function)


def wrong(*expected, **traits):
    """Declare a measure that must fail exactly the checks with these names."""

    def collect(function):
        found = declared(function, **traits)
        WRONG.append(pytest.param(found, expected, id=function.__name__))
        return found

    return collect


def on(check, backends=BACKENDS):
    return tuple(f"{check} on {backend}" for backend in backends)


def values_of(spectrum):
    if not bool(spectrum.eigenvalues[-1] > 0):
        raise Refusal(Outcome.ALL_ZERO)
    return spectrum.eigenvalues


def ratio(spectrum):
    values = values_of(spectrum)
    return values[-1] * values.shape[0] / namespace(values).sum(values)


@declared
def dominance(spectrum: Spectrum, /) -> Ratio:
    return ratio(spectrum)


@wrong("value is invariant to scale", "value stays within its bounds")
def scale_that_is_not_free(spectrum: Spectrum, /) -> Ratio:
    return values_of(spectrum)[-1]


@wrong("value varies with scale")
def variation_that_is_none(
    spectrum: Spectrum, /
) -> Annotated[Array, Field(unit="1", invariant_to=EVERY_MOVE[1:], varies=("scale",), reads="x")]:
    return ratio(spectrum)


@wrong("value follows scale to degree 1")
def degree_that_is_two(
    spectrum: Spectrum, /
) -> Annotated[Array, Field(unit="weight", invariant_to=EVERY_MOVE[1:], equivariant={"scale": 1}, reads="x")]:
    return namespace(spectrum.eigenvalues).max(spectrum.eigenvalues)


@wrong("value is invariant to scale")
def threshold_that_is_absolute(
    spectrum: Spectrum, /
) -> Annotated[Array, Field(unit="1", invariant_to=EVERY_MOVE, reads="x")]:
    values = values_of(spectrum)
    xp = namespace(values)
    return ratio(spectrum) * xp.sum(xp.where(values > 1e-5, values, 0 * values)) / xp.sum(values)


@wrong("value is invariant to permutation", "value is invariant to rotation", needs="matrix")
def corner(spectrum: Spectrum, /) -> Annotated[Array, Field(unit="1", invariant_to=EVERY_MOVE, reads="x")]:
    xp = namespace(spectrum.eigenvalues)
    matrix = spectrum.matrix if hasattr(spectrum.matrix, "__array_namespace__") else spectrum.matrix[0:99]
    first = matrix[(0,) * matrix.ndim]
    return xp.abs(first) / xp.sqrt(xp.sum(values_of(spectrum)))


@wrong("leaves its input alone on numpy")
def rounding_in_place(spectrum: Spectrum, /) -> Ratio:
    value = ratio(spectrum)
    if isinstance(spectrum.matrix, np.ndarray) and spectrum.matrix.flags.writeable:
        np.round(spectrum.matrix, 12, out=spectrum.matrix)
    return value


@wrong("value stays within its bounds")
def bounded_too_tightly(
    spectrum: Spectrum, /
) -> Annotated[Array, Field(unit="1", bounds=(1, 5), invariant_to=EVERY_MOVE, reads="x")]:
    return ratio(spectrum)


@wrong("value says its unit and how it reads")
def without_a_unit(spectrum: Spectrum, /) -> Annotated[Array, Field(unit=" ", invariant_to=EVERY_MOVE, reads="x")]:
    return ratio(spectrum)


@wrong("value of float32 agrees with float64")
def short_of_digits(spectrum: Spectrum, /) -> Ratio:
    values = values_of(spectrum)
    coarse = 1.001 if str(getattr(spectrum.matrix, "dtype", "")).endswith("float32") else 1.0
    return coarse * ratio(spectrum) * namespace(values).ones_like(values)[0]


@wrong("gives the same in Fortran order")
def memory_layout(spectrum: Spectrum, /) -> Ratio:
    flags = getattr(spectrum.matrix, "flags", None)
    twist = 2.0 if flags is not None and flags.f_contiguous and not flags.c_contiguous else 1.0
    return twist * ratio(spectrum)


@wrong(*on("refuses or answers on the edge"))
def leak_of_nan(spectrum: Spectrum, /) -> Ratio:
    values = spectrum.eigenvalues
    with np.errstate(invalid="ignore"):
        return values[-1] * values.shape[0] / namespace(values).sum(values)


@wrong(*on("refuses or answers on the edge"))
def crash_on_small_input(spectrum: Spectrum, /) -> Ratio:
    values = values_of(spectrum)
    if values.shape[0] < 8:
        raise ValueError("an unforeseen error")
    return ratio(spectrum)


@wrong(*on("refuses or answers on the edge", BACKENDS[:3]))
def warning_of_a_division(spectrum: Spectrum, /) -> Ratio:
    values = spectrum.eigenvalues
    xp = namespace(values)
    portions = values / xp.sum(values)
    if not bool(xp.all(xp.isfinite(portions))):
        raise Refusal(Outcome.ALL_ZERO)
    return ratio(spectrum)


@wrong(*(f"rejects {case} in its own name" for case in ("NaN", "NaN in float32", "NaN in a stack")),
       *on("rejects malformed input", BACKENDS[1:]))  # fmt: skip
def blind_to_nan(spectrum: Spectrum, /) -> Ratio:
    matrix = spectrum.matrix
    if hasattr(matrix, "__array__") and 1 not in matrix.shape and np.isnan(to_numpy(matrix)).any():
        return like(1.5, matrix)
    return ratio(spectrum)


@wrong(*on("answers in kind"), *on("has the right gradient", BACKENDS[3:]))
def bare_float(spectrum: Spectrum, /) -> Ratio:
    return float(to_numpy(ratio(spectrum)))


@wrong(*on("answers in kind", BACKENDS[2:]), *on("has the right gradient", BACKENDS[3:]))
def number_of_another_library(spectrum: Spectrum, /) -> Ratio:
    return np.asarray(to_numpy(ratio(spectrum)))[()]


@wrong(*on("answers in kind", BACKENDS[2:3]))
def number_on_another_device(spectrum: Spectrum, /) -> Ratio:
    value = ratio(spectrum)
    xp = namespace(value)
    return array_api_compat.to_device(value, xp.Device("CPU_DEVICE")) if "strict" in xp.__name__ else value


@wrong(*on("has the right gradient", BACKENDS[3:]))
def cut_off_from_its_gradient(spectrum: Spectrum, /) -> Ratio:
    return like(float(to_numpy(ratio(spectrum))), spectrum.eigenvalues)


@wrong(*on("has the right gradient", BACKENDS[3:]))
def half_a_gradient(spectrum: Spectrum, /) -> Ratio:
    values = values_of(spectrum)
    return values[-1] / float(to_numpy(namespace(values).mean(values)))


@wrong("gives the same twice", "survives pickling", "works as a partial")
def chance_without_a_seed(spectrum: Spectrum, /) -> Ratio:
    return ratio(spectrum) * (1 + 1e-12 * float(np.random.default_rng().random()))


WITH_RNG = DOCUMENTATION.replace("    Returns\n", "    rng : int\n        Seed.\n\n    Returns\n", 1)


@wrong("is determined by its seed", documentation=WITH_RNG)
def seed_that_is_ignored(spectrum: Spectrum, /, *, rng: int | np.random.Generator = 0) -> Ratio:
    return ratio(spectrum)


@wrong("is determined by its seed", documentation=WITH_RNG)
def seed_that_must_be_a_number(spectrum: Spectrum, /, *, rng: int | np.random.Generator = 0) -> Ratio:
    seed = rng if isinstance(rng, int) else 0
    return ratio(spectrum) * (1 + 1e-12 * float(np.random.default_rng(seed).random()))


@wrong("cites a source that exists", cite="nobody1900nothing")
def invented_source(spectrum: Spectrum, /) -> Ratio:
    return ratio(spectrum)


@wrong("has a version", version=0)
def never_released(spectrum: Spectrum, /) -> Ratio:
    return ratio(spectrum)


@wrong("is named by a noun in snake_case")
def get_ratio(spectrum: Spectrum, /) -> Ratio:
    return ratio(spectrum)


@wrong("has an honest signature", documentation=DOCUMENTATION.replace("spectrum :", "spectrum, k :"))
def parameter_by_position(spectrum: Spectrum, /, k: int = 1) -> Ratio:
    return ratio(spectrum)


@wrong("documents every parameter and field")
def parameter_in_secret(spectrum: Spectrum, /, *, power: Annotated[int, Limits(ge=1)] = 1) -> Ratio:
    return ratio(spectrum) ** power


@wrong("has a summary of one sentence", documentation=DOCUMENTATION.replace("mean one.", "mean one"))
def sentence_without_an_end(spectrum: Spectrum, /) -> Ratio:
    return ratio(spectrum)


@wrong("has the section 'Misleads when'", documentation=DOCUMENTATION.replace("    Never.\n", ""))
def section_that_is_empty(spectrum: Spectrum, /) -> Ratio:
    return ratio(spectrum)


@wrong("has the section 'Cost'", documentation=DOCUMENTATION.replace("    ----\n", "    ---\n"))
def section_without_its_line(spectrum: Spectrum, /) -> Ratio:
    return ratio(spectrum)


# Under pytest's own doctests, which collect this function too, the example holds.
@wrong(
    "has examples that run",
    documentation=DOCUMENTATION.replace("1 + 1\n    2\n", "'getfixture' in globals()\n    True\n"),
)
def example_that_lies(spectrum: Spectrum, /) -> Ratio:
    return ratio(spectrum)


@wrong("says the shapes of its arrays", documentation=DOCUMENTATION.replace("array of shape ()", "array"))
def shape_in_the_dark(spectrum: Spectrum, /) -> Ratio:
    return ratio(spectrum)


@wrong("has examples that run", "has the section 'Examples'", documentation=DOCUMENTATION.split("    Examples")[0])
def example_that_is_none(spectrum: Spectrum, /) -> Ratio:
    return ratio(spectrum)


@dataclass(frozen=True, kw_only=True)
class Pair(Result):
    """A ratio, and the size that it leaves out."""

    ratio: Ratio
    size: Annotated[Array, Field(unit="eigenvalue", invariant_to=EVERY_MOVE, reads="x")]


@wrong("size is invariant to scale")
def one_field_of_two(spectrum: Spectrum, /) -> Pair:
    return Pair(ratio=ratio(spectrum), size=spectrum.eigenvalues[-1])


def failures(candidate, **options):
    found = []
    for check in checks(candidate, **options):
        if not check.missing:
            try:
                check()
            except AssertionError:
                found.append(check.name)
    return found


@pytest.mark.parametrize(("candidate", "expected"), WRONG)
def test_the_defect_is_found_and_nothing_else(candidate, expected):
    here = {check.name for check in checks(candidate) if not check.missing}
    assert set(failures(candidate)) == set(expected) & here
    assert set(expected) <= {check.name for check in checks(candidate)}


def test_a_right_measure_passes():
    assert failures(dominance) == []
    assert all("cuda" in line or "torch" in line for line in check_measure(dominance))


@declared
def array_of_one(spectrum: Spectrum, /) -> Ratio:
    return namespace(spectrum.eigenvalues).reshape(ratio(spectrum), (1,))


def test_a_result_with_dimensions_is_found_wherever_it_is_looked_at():
    assert set(on("answers in kind", BACKENDS[:3])) <= set(failures(array_of_one, backends=BACKENDS[:3]))


def test_a_measure_that_no_module_holds_cannot_be_pickled():
    def nested(spectrum: Spectrum, /) -> Ratio:
        return ratio(spectrum)

    assert failures(declared(nested)) == ["survives pickling"]


def test_every_failure_is_reported_at_once_with_what_was_seen():
    with pytest.raises(AssertionError) as caught:
        check_measure(scale_that_is_not_free, backends=["numpy"])
    told = str(caught.value)
    assert told.startswith("2 of ")
    assert "claims invariance under scale; scale by 3.7 of the sample 'tall' gave" in told
    assert "outside its bounds (1, None)" in told


def test_an_unforeseen_error_is_a_finding():
    crash = next(check for check in checks(crash_on_small_input) if check.name.endswith("on the edge on numpy"))
    with pytest.raises(AssertionError, match=r"'one entry' on numpy raised ValueError.*it must answer, or refuse"):
        crash()


def test_a_partial_is_checked_with_its_parameters():
    squared = functools.partial(parameter_in_secret, power=2)
    assert failures(squared) == ["documents every parameter and field"]
    with pytest.raises(TypeError, match="keywords only"):
        check_measure(functools.partial(dominance, np.eye(3)))
    assert "has a version" in failures(functools.partial(dominance, power=2))


def test_what_is_no_measure_is_refused():
    with pytest.raises(TypeError, match="decorated with @measure"):
        check_measure(len)
    with pytest.raises(ValueError, match="'jax' is unknown; choose from numpy, "):
        check_measure(dominance, backends=["jax"])


def test_other_packages_bring_their_bibliography():
    own = parse_references(
        "@misc{nobody1900nothing,\n  author = {N. O. Body},\n  title = {Nothing},\n  year = {1999},\n"
        "  howpublished = {Nowhere},\n  url = {https://example.org}\n}\n"
    )
    assert failures(invented_source, references=own) == []


@dataclass(frozen=True, eq=False)
class Cloud(View):
    """Points: a view that theodolite knows nothing of."""

    points: Any

    moves = ("translation", "scale")
    has = frozenset({"points"})

    @classmethod
    def coerce(cls, target, *, name):
        if isinstance(target, cls):
            return target
        if not isinstance(target, np.ndarray) or target.ndim != 2 or target.dtype.kind != "f":
            raise TypeError(f"{name}: expected a 2-D array of floats")
        if not np.isfinite(target).all():
            raise Refusal(Outcome.NOT_FINITE)
        return cls(target)

    def fingerprint(self):
        return None


def extent(field):
    def extent_of(cloud: Cloud, /) -> Annotated[Array, field]:
        return np.float64(np.ptp(cloud.points))

    return declared(
        extent_of, needs="points", runs="host", documentation=DOCUMENTATION.replace("spectrum :", "cloud :")
    )


def cloud_specimens():
    return Specimens(
        samples={"normal": (np.random.default_rng(0).normal(size=(20, 3)),)},
        moves={
            "translation": lambda arguments: [((arguments[0] + 5.0,), 1.0)],
            "scale": lambda arguments: [((3.0 * arguments[0],), 3.0)],
        },
        malformed={"NaN": (np.full((3, 3), np.nan),), "a list": ([1.0],)},
        degenerate={"one point": (np.zeros((1, 2)),)},
    )


def test_a_view_of_another_package_brings_its_specimens():
    right = extent(Field(unit="1", invariant_to=("translation",), equivariant={"scale": 1}, reads="x"))
    with pytest.raises(ValueError, match=r"no specimens are known for measures of \(Cloud\)"):
        check_measure(right)
    own = {"specimens": cloud_specimens(), "backends": ["numpy", "numpy read-only"]}
    assert failures(right, **own) == ["survives pickling"]
    wrong_way_round = extent(Field(unit="1", varies=("translation",), invariant_to=("scale",), reads="x"))
    assert failures(wrong_way_round, **own) == [
        "value is invariant to scale",
        "value varies with translation",
        "survives pickling",
    ]
