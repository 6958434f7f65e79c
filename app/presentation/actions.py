"""The panel "Act": what may be written where, and the text to copy when nothing may."""

from dataclasses import dataclass

from patient_context.writer import may_create

#: FH-18: the first of these the EHR can create and this launch may create.
ASSESSMENT_FORMS = ("RiskAssessment", "Observation", "DocumentReference", "Communication")
ORDER_FORM = "ServiceRequest"


@dataclass(frozen=True, slots=True)
class ActionsPanel:
    """What this launch may do. The EHR's own statement of what it can take is asked on the preview."""

    may_write: bool
    may_order: bool
    why_not: str
    handover: str


def actions_panel(
    *, write_back: bool, granted: frozenset[str], ehr_name: str, has_outcome_to_write: bool, handover: str
) -> ActionsPanel:
    """`write_back` is the registry's word, `granted` the scopes of this launch: both must allow it."""
    may_write = write_back and has_outcome_to_write and any(may_create(granted, f) for f in ASSESSMENT_FORMS)
    may_order = write_back and may_create(granted, ORDER_FORM)
    return ActionsPanel(may_write, may_order, _why_not(write_back, may_write or may_order, ehr_name), handover)


def _why_not(write_back: bool, possible: bool, ehr_name: str) -> str:
    if possible:
        return ""
    if not write_back:
        return f"Writing to {ehr_name} is switched off for this app. The text below can be copied."
    return f"{ehr_name} did not give this launch the right to write. The text below can be copied."
