"""Simulated faults of the EHR: named switches a tester turns on at the EHR page. All are off at start.

State belongs to one process, as everything of the embedded EHR does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

_TYPES = (
    "any",
    "Patient",
    "Observation",
    "Encounter",
    "Condition",
    "MedicationRequest",
    "MedicationAdministration",
    "ImagingStudy",
    "Procedure",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One switch. `choices` are its values when on; `default` is the one a plain "on" means."""

    name: str
    title: str
    description: str
    choices: tuple[str, ...] = ("on",)
    default: str = "on"


FAULTS: tuple[Fault, ...] = (
    Fault(
        "slow",
        "Slow answers",
        "Every FHIR answer comes after this many seconds.",
        ("1", "3", "5", "10", "20", "45"),
        "5",
    ),
    Fault(
        "slow_type",
        "Only one kind of data is slow",
        "Answers for this type wait as long as the switch above says, or five seconds; all others come at once.",
        _TYPES[1:],
        "Observation",
    ),
    Fault(
        "unavailable",
        "Out of service",
        "Requests for this resource type are answered 503, with Retry-After.",
        _TYPES,
        "Observation",
    ),
    Fault(
        "forbidden",
        "Access refused",
        "Requests for this resource type are answered 403 whatever the scopes.",
        _TYPES,
        "Observation",
    ),
    Fault(
        "break_the_glass",
        "Protected chart",
        "403 with one of Epic's codes for it: the user must open the chart in the EHR and give a reason there.",
        ("4130", "4131", "4134"),
        "4130",
    ),
    Fault("broken", "Server error", "Requests for this resource type are answered 500.", _TYPES, "Observation"),
    Fault(
        "login_page",
        "A login page instead of data",
        "HTML with status 200 instead of FHIR, for this type, as proxies do when their own session has ended.",
        _TYPES,
        "Observation",
    ),
    Fault(
        "cut_off",
        "Answers cut off",
        "Answers for this resource type end in the middle of the JSON.",
        _TYPES,
        "Observation",
    ),
    Fault(
        "token_ends_while_paging",
        "The token ends between two pages",
        "Once: asking for a second page ends the access token for good, and is answered 401.",
    ),
    Fault(
        "clock",
        "The EHR's clock is wrong",
        "So many seconds ahead, or behind with a minus: tokens look issued in the future, or already expired.",
        ("-600", "-90", "-30", "30", "90", "600"),
        "600",
    ),
    Fault("unsorted", "No order", "_sort is ignored, and does not show in the self link."),
    Fault("repeats", "Repeated entries", "Each later page begins by repeating the last entry of the page before."),
    Fault(
        "outcome_entry",
        "A warning among the results",
        "Searches carry a warning OperationOutcome as an extra entry (search mode outcome).",
    ),
    Fault("foreign_next", "Next page on another host", "The next link of a search points at another host."),
    Fault("page_2_fails", "Later pages fail", "The second and later pages of a search are answered 500."),
    Fault("bad_unit", "Unknown unit", 'The newest creatinine of a search has its unit replaced by "foo".'),
    Fault(
        "foreign_patient",
        "Another patient's result",
        "An Observation of another patient is mixed into Observation searches.",
    ),
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

    def take(self, name: str) -> bool:
        """Whether a fault that happens once is on; it is off afterwards. True for exactly one caller."""
        with self._lock:
            return self._on.pop(name, None) is not None

    def hits(self, name: str, resource_type: str) -> bool:
        """Whether a fault that names a resource type is on for this one."""
        return self.value(name) in ("any", resource_type)

    def skewed(self, clock: Callable[[], datetime]) -> Callable[[], datetime]:
        """The clock as the EHR tells the time while the fault `clock` is on."""
        return lambda: clock() + timedelta(seconds=int(self.value("clock") or 0))

    def switches(self) -> tuple[tuple[Fault, str | None], ...]:
        """Every fault with its present value, in the order to be shown."""
        with self._lock:
            return tuple((fault, self._on.get(fault.name)) for fault in FAULTS)
