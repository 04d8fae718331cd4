"""A measure on the bench: how it is called, and how its answers are read and compared."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np

from theodolite.core.bibliography import Reference, references
from theodolite.core.measure import Measure
from theodolite.core.outcomes import Refusal
from theodolite.core.parameters import takes_rng
from theodolite.core.results import field_readings
from theodolite.testing.backends import Backend, choose
from theodolite.testing.collection import specimens_for
from theodolite.testing.specimens import Specimens

T = TypeVar("T")

Numbers = dict[str, float]
"""Value of each field that was answered."""

FINDINGS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
    Warning,
)
"""Errors that speak against the measure; any other (an interrupt, no memory) speaks of the machine."""


@dataclass(frozen=True)
class Check:
    """One named thing that a measure must satisfy.

    Parameters
    ----------
    measure : str
        Name of the measure.
    name : str
        What is checked.
    body : callable
        Raises `AssertionError` where it doesn't hold.
    backend : Backend, optional
        The library it runs on, where it is not plain NumPy.
    """

    measure: str
    name: str
    body: Callable[[], None]
    backend: Backend | None = None

    def __str__(self) -> str:
        return f"{self.measure}: {self.name}"

    @property
    def missing(self) -> str:
        """Why the check can't run here (a library or device is missing); empty where it can."""
        return "" if self.backend is None else self.backend.missing()

    def __call__(self) -> None:
        """Run the check.

        Raises
        ------
        AssertionError
            If the measure fails it; the message says what was promised, what was seen and on which data.
        """
        try:
            self.body()
        except FINDINGS as error:
            raise AssertionError(f"{self}: raised {type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class Subject:
    """A measure with everything it is tested with.

    Parameters
    ----------
    measure : Measure
        The measure.
    specimens : Specimens
        Its data.
    parameters : mapping
        Keywords that it is called with.
    backends : tuple of Backend
        The libraries it is tested on.
    references : mapping of str to Reference
        The bibliography that its citation key must be in.
    rtol : float
        How closely two answers that should be equal must agree.
    """

    measure: Measure[..., Any]
    specimens: Specimens
    parameters: Mapping[str, Any] = field(default_factory=dict)
    backends: tuple[Backend, ...] = ()
    references: Mapping[str, Reference] = field(default_factory=references)
    rtol: float = 1e-6

    @classmethod
    def of(
        cls,
        measure: Any,
        specimens: Specimens | None,
        backends: Any,
        references_: Mapping[str, Reference] | None,
        rtol: float,
    ) -> Subject:
        """Complete what the caller gave with the defaults.

        Parameters
        ----------
        measure : Measure or functools.partial
            The measure; a partial fixes keywords.
        specimens : Specimens or None
            Its data; None for those of its view.
        backends : iterable of str or None
            Names of backends; None for all.
        references_ : mapping or None
            A bibliography; None for ours.
        rtol : float
            Relative tolerance.

        Returns
        -------
        Subject
            Ready to be checked.

        Raises
        ------
        TypeError
            If `measure` is no measure.
        """
        parameters: dict[str, Any] = {}
        while isinstance(measure, functools.partial):
            if measure.args:
                raise TypeError("measure: a partial may fix keywords only; the data come from the specimens")
            parameters = {**measure.keywords, **parameters}
            measure = measure.func
        if not hasattr(measure, "traits"):
            raise TypeError(f"measure: expected a function decorated with @measure, got {measure!r}")
        return cls(
            measure,
            specimens_for(measure) if specimens is None else specimens,
            parameters,
            choose(backends),
            references() if references_ is None else references_,
            rtol,
        )

    @property
    def name(self) -> str:
        """Name of the measure."""
        return self.measure.__name__

    @property
    def random(self) -> bool:
        """Whether the measure makes random choices."""
        return takes_rng(self.measure)

    @property
    def samples(self) -> dict[str, tuple[Any, ...]]:
        """The samples, copied: a measure that changes its input must not change what the next check is given."""
        return {name: _own(arguments) for name, arguments in self.specimens.samples.items()}

    def check(self, name: str, body: Callable[..., None], *given: Any, backend: Backend | None = None) -> Check:
        """Name a check of this measure.

        Parameters
        ----------
        name : str
            What is checked.
        body : callable
            Called with this subject and `given`.
        *given
            Further arguments of `body`.
        backend : Backend, optional
            The library it runs on.

        Returns
        -------
        Check
            Not run yet.
        """
        return Check(self.name, name, functools.partial(body, self, *given), backend)

    def result(self, arguments: tuple[Any, ...], **more: Any) -> Any:
        """Measure.

        Parameters
        ----------
        arguments : tuple
            Positional arguments.
        **more
            Keywords over those that the subject has.

        Returns
        -------
        object
            Whatever the measure gives.
        """
        seed = {"rng": 0} if self.random else {}
        return self.measure(*arguments, **{**seed, **self.parameters, **more})

    def numbers(self, arguments: tuple[Any, ...], **more: Any) -> Numbers:
        """Measure copies of the arguments and read the fields; a refusal gives none.

        Parameters
        ----------
        arguments : tuple
            Positional arguments.
        **more
            Keywords over those that the subject has.

        Returns
        -------
        dict of str to float
            Fields that were answered.
        """
        try:
            result = self.result(_own(arguments), **more)
        except Refusal:
            return {}
        return self.read(result)

    def read(self, result: Any) -> Numbers:
        """Bring a result's fields to floats.

        Parameters
        ----------
        result : object
            What the measure gave.

        Returns
        -------
        dict of str to float
            Fields that are not missing.
        """
        readings = field_readings(result, self.measure.traits.fields)
        return {reading.field: reading.value for reading in readings if reading.value is not None}

    @functools.cached_property
    def _known(self) -> dict[Hashable, Any]:
        return {}

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Compute what the checks of several fields look at the first time, and remember it.

        Parameters
        ----------
        key : hashable
            What is computed.
        compute : callable
            Computes it.

        Returns
        -------
        object
            What `compute` gave the first time.
        """
        if key not in self._known:
            self._known[key] = compute()
        return cast("T", self._known[key])

    def moved(self, sample: str, move: str) -> list[tuple[Numbers, float]]:
        """Measure a sample after a move.

        Parameters
        ----------
        sample : str
            Name of the sample.
        move : str
            Name of the move.

        Returns
        -------
        list of (dict of str to float, float)
            Fields that were answered, with the factor of the move.

        Raises
        ------
        AssertionError
            If no specimen says how to apply the move.
        """
        known = self.specimens.moves
        if move not in known:
            raise AssertionError(
                f"{self.name}: no specimen says how to apply {move!r}; the moves are {', '.join(known)}"
            )

        def measured() -> list[tuple[Numbers, float]]:
            return [(self.numbers(given), factor) for given, factor in known[move](self.samples[sample])]

        return self.once(("moved", sample, move), measured)

    def answers(self, chosen: str) -> Iterator[tuple[str, tuple[Any, ...], float]]:
        """Measure every sample that gives a value of one field.

        Parameters
        ----------
        chosen : str
            The field.

        Yields
        ------
        name : str
            Name of the sample.
        arguments : tuple of numpy.ndarray
            The sample.
        value : float
            The field's value.

        Raises
        ------
        AssertionError
            If no sample does: nothing would be checked.
        """
        answered = False
        for name, arguments in self.samples.items():
            value = self.once(("sample", name), functools.partial(self.numbers, arguments)).get(chosen)
            if value is not None:
                answered = True
                yield name, arguments, value
        if not answered:
            raise AssertionError(f"{self.name}.{chosen}: no sample gives a value, so that no promise can be checked")


def _own(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(array.copy(order="K") if isinstance(array, np.ndarray) else array for array in arguments)


def close(one: float, other: float, rtol: float) -> bool:
    """Tell whether two numbers agree.

    Parameters
    ----------
    one, other : float
        The numbers.
    rtol : float
        Allowed difference relative to the larger.

    Returns
    -------
    bool
        True where they agree, or differ by rounding at zero.
    """
    return abs(one - other) <= max(rtol * max(abs(one), abs(other)), 1e-12)
