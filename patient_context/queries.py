"""The one list of what is asked about a patient: it feeds the reader, the CDS prefetch and the scopes.

Searches name the patient and a code or a category, the only combinations every EHR must offer (FH-1);
`_sort` and `date` are wishes, the mapping sorts and filters again (CH-7, VN-11). Prefetch cannot say "since"
in CDS Hooks 2.0 (CH-9), so its history is capped by `_count` alone: it may bring more than is used, or in
intensive care less than the window. What reaches back `enough` is then used as it is, without a second round.

Queries that are `shown_only` fill lanes of the course and enter no assessment: they are asked for the page, never
by a hook or in its prefetch, and an EHR that refuses them leaves nothing in doubt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from model.analytes import Analyte
from patient_context.codes import (
    BLOOD_PRESSURE_PANELS,
    BODY,
    CREATININE_CODES,
    LAB_CODES,
    LOINC,
    URINE,
    VITALS,
)

PrefetchVariant = Literal["coded", "category"]
ScopeSyntax = Literal["v1", "v2"]
ScopeLevel = Literal["patient", "user"]


@dataclass(frozen=True, slots=True)
class FhirQuery:
    """One question to the EHR. `prefetch_key` is the template it is asked in; several queries may share one, and
    without one it is not prefetched.

    A prefetched page that stands newest first, but has a next, does without the rest if it reaches back `enough`,
    or holds one of the codes `enough_with`, whose latest value is all that counts.
    """

    key: str
    resource_type: str
    prefetch_key: str | None
    category: str | None = None
    codes: tuple[str, ...] = ()
    window: timedelta | None = None
    window_parameter: str = "date"
    window_needs_time: bool = False
    count: int = 100
    statuses: tuple[str, ...] = ()
    enough: timedelta | None = None
    enough_with: tuple[str, ...] = ()
    local_codes: tuple[str, ...] = ()  # "system|code", of one site

    @property
    def is_read(self) -> bool:
        """True for the one instance read (the patient); everything else is a search."""
        return self.resource_type == "Patient"

    @property
    def shown_only(self) -> bool:
        """True where the answer is shown and nothing rests on it."""
        return self.prefetch_key is None

    def at_site(self, local_codes: Mapping[str, str]) -> "FhirQuery":
        """The same question, also by the site's own codes for these tests (VN-15)."""
        own = tuple(local for local, loinc in sorted(local_codes.items()) if loinc in self.codes)
        return replace(self, local_codes=own) if own else self

    def search_parameters(self, patient_id: str, now: datetime) -> tuple[tuple[str, str], ...]:
        """Search parameters in order; `date=ge...` opens the window."""
        return (("patient", patient_id), *self._what(), *self._since(now), *self._order())

    def _since(self, now: datetime) -> tuple[tuple[str, str], ...]:
        if self.window is None:
            return ()
        day = (now - self.window).date().isoformat()
        return ((self.window_parameter, f"ge{day}T00:00:00Z" if self.window_needs_time else f"ge{day}"),)

    def _what(self) -> tuple[tuple[str, str], ...]:
        if self.codes:
            own = (_searchable(local) for local in self.local_codes)
            return (("code", ",".join((*(f"{LOINC}|{code}" for code in self.codes), *own))),)
        if self.statuses:
            return (("status", ",".join(self.statuses)),)
        return (("category", self.category),) if self.category else ()

    def _order(self) -> tuple[tuple[str, str], ...]:
        newest_first = (
            (("_sort", "-date"),) if self.resource_type in {"Observation", "Procedure", "Encounter"} else ()
        )
        return (*newest_first, ("_count", str(self.count)))


def _searchable(local: str) -> str:
    """A site's code as one of several search values: FHIR's separators inside it are escaped."""
    return local.replace("\\", "\\\\").replace(",", "\\,").replace("$", "\\$")


_VITAL_CODES: Final = (*(c for codes in VITALS.values() for c in codes), *BLOOD_PRESSURE_PANELS)
_BODY_CODES: Final = tuple(c for codes in BODY.values() for c in codes)
_URINE_CODES: Final = tuple(c for codes in URINE.values() for c in codes)

QUERIES: Final[tuple[FhirQuery, ...]] = (
    FhirQuery("patient", "Patient", "patient"),
    # 366 days: the NHS algorithm's and the outpatient baseline's window is 8 to 365 days.
    FhirQuery(
        "creatinine", "Observation", "creatinine", "laboratory", CREATININE_CODES, timedelta(days=366), count=200
    ),
    # 48 hours: how far back the risk model looks for anything but creatinine and urea.
    FhirQuery(
        "labs",
        "Observation",
        "labs",
        "laboratory",
        LAB_CODES,
        timedelta(days=8),
        count=200,
        enough=timedelta(hours=48),
    ),
    FhirQuery(
        "vitals",
        "Observation",
        "vitals",
        "vital-signs",
        _VITAL_CODES,
        timedelta(days=3),
        count=200,
        enough=timedelta(hours=24),
    ),
    FhirQuery(
        "body",
        "Observation",
        "vitals",
        "vital-signs",
        _BODY_CODES,
        timedelta(days=366),
        count=50,
        enough_with=BODY[Analyte.WEIGHT],
    ),
    FhirQuery(
        "urine",
        "Observation",
        "vitals",
        None,
        _URINE_CODES,
        timedelta(days=3),
        count=200,
        enough=timedelta(hours=24),
    ),
    FhirQuery("conditions", "Condition", "conditions", count=200),
    FhirQuery("medications", "MedicationRequest", "medications", statuses=("active", "on-hold")),
    FhirQuery(
        "recent_medications",
        "MedicationRequest",
        "medications",
        statuses=("completed", "stopped"),
        window=timedelta(days=15),
        window_parameter="authoredon",
    ),
    FhirQuery("procedures", "Procedure", "procedures", window=timedelta(days=366)),
    FhirQuery("encounters", "Encounter", "encounters", window=timedelta(days=400), count=50),
    # 8 days: the course opens on 7, and intensive care charts a hundred doses a day. Oracle Health refuses an
    # effective-time without the time (its R4 documentation of the search).
    FhirQuery(
        "drugs_given",
        "MedicationAdministration",
        None,
        window=timedelta(days=8),
        window_parameter="effective-time",
        window_needs_time=True,
        count=200,
    ),
    FhirQuery("imaging", "ImagingStudy", None, window=timedelta(days=90), window_parameter="started"),
)
QUERY_KEYS: Final = tuple(query.key for query in QUERIES)
#: What an assessment rests on; the others are shown only.
ASSESSED_KEYS: Final = tuple(query.key for query in QUERIES if not query.shown_only)
SHOWN_ONLY: Final = tuple(query for query in QUERIES if query.shown_only)
PREFETCH_KEYS: Final = tuple(dict.fromkeys(q.prefetch_key for q in QUERIES if q.prefetch_key is not None))


def prefetch_templates(variant: PrefetchVariant = "coded") -> dict[str, str]:
    """CDS Hooks prefetch templates, one per key (CH-6, CH-8, CH-10, CH-11).

    `coded` names every LOINC code with its system; `category` asks by category for EHRs whose tests carry
    local codes, which the site's registration maps.
    """
    return {key: _template([q for q in QUERIES if q.prefetch_key == key], variant) for key in PREFETCH_KEYS}


def _template(group: list[FhirQuery], variant: PrefetchVariant) -> str:
    first = group[0]
    if first.is_read:
        return "Patient/{{context.patientId}}"
    merged = FhirQuery(
        first.key,
        first.resource_type,
        first.prefetch_key,
        first.category,
        tuple(c for q in group for c in q.codes) if variant == "coded" else (),
        count=max(q.count for q in group),
        statuses=tuple(s for q in group for s in q.statuses),
    )
    parameters = merged.search_parameters("{{context.patientId}}", _NO_TIME)
    return f"{first.resource_type}?" + "&".join(f"{name}={value}" for name, value in parameters)


_NO_TIME: Final = datetime.min  # noqa: DTZ901 - templates have no window, so no time is read


def scopes(syntax: ScopeSyntax = "v1", level: ScopeLevel = "patient") -> tuple[str, ...]:
    """The least SMART scopes the queries need: `patient/Observation.read` (v1) or `patient/Observation.rs` (v2).

    `Medication` is read only where an order points at one instead of naming the drug. At the user's level the
    patient is searched for too (`user/Patient.rs`).
    """
    types = (*dict.fromkeys(query.resource_type for query in QUERIES), "Medication")
    if syntax == "v1":
        return tuple(f"{level}/{name}.read" for name in types)
    only_read = {"Patient", "Medication"} if level == "patient" else {"Medication"}
    return tuple(f"{level}/{name}.{'r' if name in only_read else 'rs'}" for name in types)


def shown_only_scopes(syntax: ScopeSyntax = "v1", level: ScopeLevel = "patient") -> tuple[str, ...]:
    """Those of `scopes` that only lanes of the course need."""
    types = {query.resource_type for query in SHOWN_ONLY}
    return tuple(scope for scope in scopes(syntax, level) if scope.partition("/")[2].partition(".")[0] in types)


def is_permitted(granted: frozenset[str] | None, query: FhirQuery) -> bool:
    """Whether granted SMART scopes (v1 or v2) allow a query; unknown grants (None) are tried."""
    return permits(granted, query.resource_type, "r" if query.is_read else "s")


def permits(granted: frozenset[str] | None, resource_type: str, needed: str) -> bool:
    """Whether granted scopes allow one v2 interaction letter (`r` read, `s` search) on a resource type."""
    return granted is None or any(_allows(scope, resource_type, needed) for scope in granted)


def _allows(scope: str, resource_type: str, needed: str) -> bool:
    context, _, rest = scope.partition("/")
    name, _, access = rest.partition("?")[0].partition(".")
    if context not in ("patient", "user", "system") or name not in (resource_type, "*"):
        return False
    return access in ("read", "*") or (access.isalpha() and access not in ("read", "write") and needed in access)
