"""The dialects of CDS Hooks that EHRs speak: how the JWT, the request and the feedback look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Algorithm = Literal["ES384", "RS384"]
ScopeStyle = Literal["v1", "v2", "labels"]

EPIC = "com.epic.cdshooks.request."
_EPIC_LABELS = (
    "Patient.Read (Demographics) (R4) Observation.Read (Labs) (R4) Observation.Search (Vital Signs) (R4)"
)


@dataclass(frozen=True, slots=True)
class CdsDialect:
    """One way of speaking CDS Hooks. `source` names the items of the standards checklist it is taken from."""

    id: str
    name: str
    source: str
    algorithm: Algorithm = "ES384"
    token_life_seconds: int = 300
    nbf_before_iat_seconds: int | None = None
    names_subject: bool = False
    """`sub` is the app's client id."""
    hooks: tuple[str, ...] | None = None
    """Hooks with a name of their own; every other trigger arrives as patient-view. None: all have one."""
    prefetch_names: Mapping[str, str] = field(default_factory=dict)
    """The site's own names for our prefetch keys."""
    null_prefetch: bool = False
    """Empty results arrive as null, not as a Bundle without entries."""
    scope_style: ScopeStyle = "v1"
    request_extras: Mapping[str, Any] = field(default_factory=dict)
    trigger_action: bool = False
    """The extension says what really triggered the call."""
    feedback_reason_key: str = "overrideReason"
    sends_app_context: bool = True

    def fires(self, hook: str) -> str:
        """The name under which a trigger arrives."""
        return hook if self.hooks is None or hook in self.hooks else "patient-view"

    def scope(self) -> str:
        """`fhirAuthorization.scope` as this dialect words it (CH-23)."""
        return {"v1": "patient/*.read", "v2": "patient/*.rs", "labels": _EPIC_LABELS}[self.scope_style]


DIALECTS: tuple[CdsDialect, ...] = (
    CdsDialect("2.0", "CDS Hooks 2.0", "CH-12..CH-24, CH-47"),
    CdsDialect(
        "epic",
        "Epic",
        "VN-1..VN-8, CH-23, CH-44",
        algorithm="RS384",
        token_life_seconds=900,
        nbf_before_iat_seconds=300,
        names_subject=True,
        hooks=("patient-view", "order-select", "order-sign"),
        prefetch_names={
            "patient": "site-patient",
            "creatinine": "lab-creat-1y",
            "labs": "lab-other",
            "vitals": "flowsheet",
            "conditions": "problem-list",
            "medications": "med-orders",
            "procedures": "surg-hx",
            "encounters": "adt",
        },
        scope_style="labels",
        request_extras={
            "extension": {
                f"{EPIC}cds-hooks-specification-version": "1.0",
                f"{EPIC}fhir-version": "R4",
                f"{EPIC}epic-version": "10.8",
                f"{EPIC}cds-hooks-implementation-version": "1.2",
                f"{EPIC}criteria-id": "1000001",
                "internal.epic.cdshooks.request.epic-emp-id": "E1001",
            }
        },
        trigger_action=True,
        feedback_reason_key="overrideReasons",
    ),
    CdsDialect(
        "oracle",
        "Oracle Health (beta, 2021)",
        "VN-24",
        algorithm="RS384",
        hooks=("patient-view",),
        sends_app_context=False,
    ),
    CdsDialect("sandbox", "CDS Hooks Sandbox", "CH-4, CH-49, CH-52", null_prefetch=True),
    CdsDialect(
        "3.0",
        "CDS Hooks 3.0 ballot",
        "CH-2, CH-23, CH-37",
        scope_style="v2",
        request_extras={"extension": {"capabilities": ["actionSelectionBehavior"]}},
    ),
)
_BY_ID = {dialect.id: dialect for dialect in DIALECTS}
# Numbers the documentation shows; which trigger each stands for is not public, so this pairing is ours.
_TRIGGERS = {"order-select": 18, "order-sign": 23, "encounter-discharge": 27}


def find_dialect(dialect_id: str) -> CdsDialect:
    """Raises KeyError for an unknown id."""
    return _BY_ID[dialect_id]


def extras(dialect: CdsDialect, hook: str) -> dict[str, Any]:
    """What the dialect adds to a request; for a trigger without a hook of its own, what it was (VN-1)."""
    added = {name: dict(value) for name, value in dialect.request_extras.items()}
    if dialect.trigger_action:
        added.setdefault("extension", {})[f"{EPIC}bpa-trigger-action"] = _TRIGGERS.get(hook, 5)
    return added
