"""The whole patient's page as one value."""

from dataclasses import dataclass

from app.presentation.actions import ActionsPanel, actions_panel
from app.presentation.banner import Banner, banner
from app.presentation.care import CarePanel, care_panel
from app.presentation.course import CoursePanel, course_panel
from app.presentation.drivers import DriversPanel, drivers_panel
from app.presentation.drugs import DrugNotes, DrugsPanel, drugs_panel
from app.presentation.forecast import ForecastPanel, forecast_panel
from app.presentation.handover import handover_text
from app.presentation.inputs import InputsPanel, inputs_panel
from app.presentation.now import NowPanel, now_panel
from app.presentation.wording import Wording
from model.assessment import Assessment, ModelIdentity, Outcome
from model.policy import DEFAULT_POLICY, SitePolicy
from model.snapshot import PatientSnapshot


@dataclass(frozen=True, slots=True)
class PageSetting:
    """What the page must know beside the patient: which EHR, how its reader reads, and the chosen window."""

    ehr_name: str
    say: Wording
    window: str | None = None
    need_patient_banner: bool = True
    write_back: bool = False
    granted: frozenset[str] = frozenset()
    drug_notes: DrugNotes | None = None
    policy: SitePolicy = DEFAULT_POLICY


@dataclass(frozen=True, slots=True)
class PatientPage:
    """Everything the template prints, in reading order."""

    banner: Banner
    now: NowPanel
    forecast: ForecastPanel
    drivers: DriversPanel | None
    course: CoursePanel
    drugs: DrugsPanel
    care: CarePanel | None
    actions: ActionsPanel
    inputs: InputsPanel
    model: ModelIdentity | None


def patient_page(outcome: Outcome, snapshot: PatientSnapshot, setting: PageSetting) -> PatientPage:
    """Turn an outcome and the snapshot it came from into the page's words."""
    say = setting.say
    whose = banner(snapshot, say, ehr_name=setting.ehr_name, need_patient_banner=setting.need_patient_banner)
    now = now_panel(outcome, snapshot, say)
    forecast = forecast_panel(outcome, say)
    drivers = drivers_panel(outcome, say, birth_date=snapshot.birth_date)
    drugs = drugs_panel(outcome, snapshot, say, setting.drug_notes)
    care = care_panel(outcome, snapshot, drugs, say)
    inputs = inputs_panel(outcome, snapshot, say)
    actions = actions_panel(
        say,
        write_back=setting.write_back,
        granted=setting.granted,
        ehr_name=setting.ehr_name,
        has_outcome_to_write=isinstance(outcome, Assessment),
        handover=handover_text(say, whose, now, forecast, drivers, drugs, care, inputs, outcome.model),
    )
    return PatientPage(
        banner=whose,
        now=now,
        forecast=forecast,
        drivers=drivers,
        course=course_panel(outcome, snapshot, say, setting.window, setting.policy),
        drugs=drugs,
        care=care,
        actions=actions,
        inputs=inputs,
        model=outcome.model,
    )
