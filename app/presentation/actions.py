"""The panel "Act": what may be written where, and the text to copy when nothing may."""

from dataclasses import dataclass

from app.presentation.wording import Wording
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
    say: Wording,
    *,
    write_back: bool,
    granted: frozenset[str],
    ehr_name: str,
    has_outcome_to_write: bool,
    handover: str,
) -> ActionsPanel:
    """`write_back` is the registry's word, `granted` the scopes of this launch: both must allow it."""
    may_write = write_back and has_outcome_to_write and any(may_create(granted, f) for f in ASSESSMENT_FORMS)
    may_order = write_back and may_create(granted, ORDER_FORM)
    why_not = "" if may_write or may_order else _why_not(say, write_back, ehr_name)
    return ActionsPanel(may_write, may_order, why_not, handover)


def _why_not(say: Wording, write_back: bool, ehr_name: str) -> str:
    if not write_back:
        return say.gettext(
            "Writing to {ehr} is switched off for this app. The text below can be copied.", ehr=ehr_name
        )
    return say.gettext(
        "{ehr} did not give this launch the right to write. The text below can be copied.", ehr=ehr_name
    )
