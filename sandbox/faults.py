"""Simulated faults of the FHIR server: named switches a tester turns on at the EHR page. All are off at start.

State belongs to one process, as everything of the embedded EHR does.
"""

from dataclasses import dataclass
from threading import Lock

_TYPES = (
    "any",
    "Patient",
    "Observation",
    "Encounter",
    "Condition",
    "MedicationRequest",
    "MedicationAdministration",
    "Procedure",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One switch. `choices` are its values when on; `default` is the one a plain "on" means."""

    name: str
    description: str
    choices: tuple[str, ...] = ("on",)
    default: str = "on"


FAULTS: tuple[Fault, ...] = (
    Fault("slow", "Every FHIR answer comes after this many seconds.", ("1", "3", "5", "10", "20", "45"), "5"),
    Fault(
        "unavailable", "Requests for this resource type are answered 503, with Retry-After.", _TYPES, "Observation"
    ),
    Fault(
        "forbidden", "Requests for this resource type are answered 403 whatever the scopes.", _TYPES, "Observation"
    ),
    Fault("broken", "Requests for this resource type are answered 500.", _TYPES, "Observation"),
    Fault(
        "login_page", "An HTML login page with status 200 instead of FHIR, for this type.", _TYPES, "Observation"
    ),
    Fault("cut_off", "Answers for this resource type end in the middle of the JSON.", _TYPES, "Observation"),
    Fault("unsorted", "_sort is ignored, and does not show in the self link."),
    Fault("repeats", "Each later page begins by repeating the last entry of the page before."),
    Fault("outcome_entry", "Searches carry a warning OperationOutcome as an extra entry (search mode outcome)."),
    Fault("foreign_next", "The next link of a search points at another host."),
    Fault("page_2_fails", "The second and later pages of a search are answered 500."),
    Fault("bad_unit", 'The newest creatinine of a search has its unit replaced by "foo".'),
    Fault("foreign_patient", "An Observation of another patient is mixed into Observation searches."),
)
_BY_NAME = {fault.name: fault for fault in FAULTS}


class Faults:
    """Which faults are on, and with which value. Thread-safe."""

    def __init__(self) -> None:
        self._on: dict[str, str] = {}
        self._lock = Lock()

    def turn_on(self, name: str, value: str | None = None) -> None:
        """Raises KeyError for an unknown fault and ValueError for a value it does not offer."""
        fault = _BY_NAME[name]
        value = fault.default if value is None else value
        if value not in fault.choices:
            raise ValueError(f"{name} cannot be {value!r}")
        with self._lock:
            self._on[name] = value

    def turn_off(self, name: str) -> None:
        """Raises KeyError for an unknown fault."""
        _ = _BY_NAME[name]
        with self._lock:
            self._on.pop(name, None)

    def reset(self) -> None:
        with self._lock:
            self._on.clear()

    def value(self, name: str) -> str | None:
        """The value of a fault that is on, None when it is off."""
        with self._lock:
            return self._on.get(name)

    def is_on(self, name: str) -> bool:
        return self.value(name) is not None

    def hits(self, name: str, resource_type: str) -> bool:
        """Whether a fault that names a resource type is on for this one."""
        return self.value(name) in ("any", resource_type)

    def switches(self) -> tuple[tuple[Fault, str | None], ...]:
        """Every fault with its present value, in the order to be shown."""
        with self._lock:
            return tuple((fault, self._on.get(fault.name)) for fault in FAULTS)
