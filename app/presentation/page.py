"""The whole patient's page as one value."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

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
from model.assessment import Assessment, ModelIdentity, Outcome
from model.snapshot import PatientSnapshot


@dataclass(frozen=True, slots=True)
class PageSetting:
    """What the page must know beside the patient: which EHR, its clock, and the reader's choice of window."""

    ehr_name: str
    time_zone: ZoneInfo
    window: str | None = None
    need_patient_banner: bool = True
    write_back: bool = False
    granted: frozenset[str] = frozenset()
    drug_notes: DrugNotes | None = None


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
    zone = setting.time_zone
    whose = banner(snapshot, ehr_name=setting.ehr_name, zone=zone, need_patient_banner=setting.need_patient_banner)
    now = now_panel(outcome, snapshot, zone)
    forecast = forecast_panel(outcome)
    drivers = drivers_panel(outcome, zone, birth_date=snapshot.birth_date)
    drugs = drugs_panel(outcome, snapshot, zone, setting.drug_notes)
    care = care_panel(outcome, snapshot, drugs, zone)
    inputs = inputs_panel(outcome, snapshot)
    actions = actions_panel(
        write_back=setting.write_back,
        granted=setting.granted,
        ehr_name=setting.ehr_name,
        has_outcome_to_write=isinstance(outcome, Assessment),
        handover=handover_text(whose, now, forecast, drivers, drugs, care, inputs, outcome.model),
    )
    return PatientPage(
        banner=whose,
        now=now,
        forecast=forecast,
        drivers=drivers,
        course=course_panel(outcome, snapshot, zone, setting.window),
        drugs=drugs,
        care=care,
        actions=actions,
        inputs=inputs,
        model=outcome.model,
    )
