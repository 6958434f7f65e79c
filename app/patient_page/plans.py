"""Which resource an act becomes at this EHR: the first form it takes and this launch may create (FH-18)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from app.launched.sessions import LaunchSession
from app.patient_page.viewing import ViewedChart
from app.presentation.actions import ASSESSMENT_FORMS, ORDER_FORM
from app.presentation.care import repeat_due_at
from app.presentation.creatinine import known_creatinines
from app.presentation.drivers import drivers_panel
from app.presentation.wording import Wording
from model.assessment import Assessment, Outcome
from model.forecasts import forecast_of
from patient_context.writer import Capabilities, may_create
from patient_context.writing import identifier_of, risk_assessment, service_request_creatinine
from patient_context.writing_forms import communication, document_reference, observation

ASSESSMENT: Final = "assessment"
REPEAT_CREATININE: Final = "repeat-creatinine"
KINDS: Final = (ASSESSMENT, REPEAT_CREATININE)
_TOP_FACTORS: Final = 5


@dataclass(frozen=True, slots=True)
class WritePlan:
    """A resource ready to be shown, and why it has this form, in the reader's language.

    `same_as` is equal for two plans that would tell the chart the same, whatever the minute they were made.
    """

    resource: dict[str, Any]
    why_this_form: str
    identifiable: bool
    same_as: str


@dataclass(frozen=True, slots=True)
class NoPlan:
    """Nothing can be written; `reason` is for the reader."""

    reason: str


def plan(
    kind: str,
    viewed: ViewedChart,
    session: LaunchSession,
    capabilities: Capabilities,
    *,
    reader: Wording,
    site: Wording,
    handover: str,
) -> WritePlan | NoPlan:
    """What would be written for an act of `KINDS`: words and `handover` in the language of the site."""
    if kind == REPEAT_CREATININE:
        return _order_plan(viewed, session, capabilities, reader, site)
    if not isinstance(viewed.outcome, Assessment):
        return NoPlan(reader.gettext("There is no assessment of this patient to write."))
    forms = _forms(viewed, viewed.outcome, session.encounter_id, handover, site)
    offered = [form for form in ASSESSMENT_FORMS if form in forms and form in capabilities.creatable]
    permitted = [form for form in offered if may_create(session.scopes, form)]
    if not permitted:
        return NoPlan(_nowhere(offered, reader))
    chosen = permitted[0]
    same_as = _sameness(kind, chosen, viewed)
    resource = {**forms[chosen](), "identifier": [identifier_of(viewed.outcome, saying=same_as)]}
    return WritePlan(resource, _why(chosen, reader), chosen in capabilities.identifiable, same_as)


def _forms(
    viewed: ViewedChart, outcome: Assessment, encounter_id: str | None, handover: str, site: Wording
) -> dict[str, Callable[[], dict[str, Any]]]:
    """How each form is built; a number alone needs a number."""
    forecast = forecast_of(outcome)
    common: dict[str, Any] = {"encounter_id": encounter_id, "say": site.sentence}
    forms: dict[str, Callable[[], dict[str, Any]]] = {
        "RiskAssessment": lambda: risk_assessment(outcome, rationale=_rationale(viewed, site), **common),
        "DocumentReference": lambda: document_reference(outcome, handover, **common),
        "Communication": lambda: communication(outcome, handover, encounter_id=encounter_id),
    }
    if forecast is not None:
        forms["Observation"] = lambda: observation(outcome, forecast, **common)
    return forms


def _rationale(viewed: ViewedChart, site: Wording) -> str:
    """What moved the score most, as the page of this site would say it."""
    drivers = drivers_panel(viewed.outcome, site, birth_date=viewed.snapshot.birth_date)
    rows = drivers.first[:_TOP_FACTORS] if drivers else ()
    return "; ".join(
        site.gettext(
            "{finding} ({effect} the risk)", finding=f"{row.label} {row.value}", effect=row.direction_words
        )
        for row in rows
    )


def _order_plan(
    viewed: ViewedChart, session: LaunchSession, capabilities: Capabilities, reader: Wording, site: Wording
) -> WritePlan | NoPlan:
    if ORDER_FORM not in capabilities.creatable or not may_create(session.scopes, ORDER_FORM):
        return NoPlan(
            reader.gettext("The EHR does not take draft orders from this launch. Order it in the EHR itself.")
        )
    outcome = viewed.outcome
    same_as = _sameness(REPEAT_CREATININE, ORDER_FORM, viewed)
    due_at = repeat_due_at(outcome, viewed.snapshot) or outcome.assessed_at
    resource = service_request_creatinine(
        viewed.snapshot.patient_id,
        authored_at=outcome.assessed_at,
        due_at=max(due_at, outcome.assessed_at),
        encounter_id=session.encounter_id,
        reason=_order_reason(outcome, site),
        say=site.sentence,
        identifier=identifier_of(outcome, saying=same_as),
    )
    why = reader.gettext("A draft: it becomes an order only when somebody signs it in the EHR.")
    return WritePlan(resource, why, ORDER_FORM in capabilities.identifiable, same_as)


def _sameness(kind: str, form: str, viewed: ViewedChart) -> str:
    """Same act, same form, same last creatinine, same stage and same whole percent: the same thing to say."""
    outcome = viewed.outcome
    known = known_creatinines(viewed.snapshot, outcome.assessed_at)
    told = [kind, form, known[-1].source if known else f"none on {outcome.assessed_at:%Y-%m-%d}"]
    if kind == ASSESSMENT and isinstance(outcome, Assessment):
        forecast = forecast_of(outcome)
        told.append(str(outcome.kdigo.stage if outcome.kdigo else None))
        told.append(f"{forecast.prediction.probability:.2f}" if forecast else "no number")
    return "|".join(told)


def _order_reason(outcome: Outcome, say: Wording) -> str:
    if isinstance(outcome, Assessment) and outcome.kdigo and outcome.kdigo.stage:
        return say.gettext("AKI stage {stage} (KDIGO): course of creatinine", stage=outcome.kdigo.stage)
    return say.gettext("Risk of acute kidney injury: course of creatinine")


def _why(form: str, say: Wording) -> str:
    if form == ASSESSMENT_FORMS[0]:
        return say.gettext("The EHR takes risk assessments, and this launch may create one.")
    return say.gettext("The EHR or this launch allows no risk assessment, so it is written as {form}.", form=form)


def _nowhere(offered: list[str], say: Wording) -> str:
    if offered:
        return say.gettext(
            "This launch has no right to write to the chart. The text on the patient's page can be copied."
        )
    return say.gettext(
        "The EHR takes none of the forms an assessment can have. The text on the patient's page can be copied."
    )
