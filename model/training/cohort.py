"""What every cohort adapter yields: one stay at a time, as the same timeline a chart becomes."""

from collections.abc import Callable
from dataclasses import dataclass

from model.features import Timeline

Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all


@dataclass(frozen=True, slots=True)
class CohortStay:
    """One stay of one patient. `unit_type` is where the patient lay, if the cohort says."""

    patient_id: str
    hospital: str
    timeline: Timeline
    unit_type: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file that went into training or validation: its name, SHA-256 and number of stays."""

    name: str
    sha256: str
    stays: int


class CohortUnreadable(Exception):
    """The data are not there or not as described; the message names the file or column, never a value."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""
