"""What a measure says where it gives no number, or a doubtful one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theodolite.core.outcomes import Outcome


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
