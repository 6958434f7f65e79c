"""What the user granted, against what this app cannot do without (SL-27).

Only the patient and the laboratory results are needed for any answer; without the rest the page says what is
unknown. An empty grant is legal, and ends here.
"""

from typing import Final

from launch.errors import LaunchError
from model.sentences import Sentence
from patient_context.queries import QUERIES, is_permitted, permits

_NEEDED: Final = {"patient": Sentence("the patient's details"), "creatinine": Sentence("laboratory results")}


class ScopesMissing(LaunchError):
    """The EHR granted the launch, but not the data it is for. `missing` names it in plain words."""

    code = "scopes-missing"
    missing: tuple[str, ...] = ()

    def __init__(self, missing: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.missing = missing


def may_choose_a_patient(granted: frozenset[str]) -> bool:
    """Whether the user may search for patients and read whom they choose."""
    return permits(granted, "Patient", "s") and permits(granted, "Patient", "r")


def missing_kinds(granted: frozenset[str]) -> tuple[str, ...]:
    """The kinds of data this app needs and may not read, in plain words."""
    return tuple(
        _NEEDED[query.key] for query in QUERIES if query.key in _NEEDED and not is_permitted(granted, query)
    )
