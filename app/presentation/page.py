"""The whole patient's page as one value."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from app.presentation.banner import Banner, banner
from app.presentation.course import CoursePanel, course_panel
from app.presentation.drivers import DriversPanel, drivers_panel
from app.presentation.forecast import ForecastPanel, forecast_panel
from app.presentation.inputs import InputsPanel, inputs_panel
from app.presentation.now import NowPanel, now_panel
from model.assessment import ModelIdentity, Outcome
from model.snapshot import PatientSnapshot


@dataclass(frozen=True, slots=True)
class PageSetting:
    """What the page must know beside the patient: which EHR, its clock, and the reader's choice of window."""

    ehr_name: str
    time_zone: ZoneInfo
    window: str | None = None
    need_patient_banner: bool = True


@dataclass(frozen=True, slots=True)
class PatientPage:
    """Everything the template prints, in reading order."""

    banner: Banner
    now: NowPanel
    forecast: ForecastPanel
    drivers: DriversPanel | None
    course: CoursePanel
    inputs: InputsPanel
    model: ModelIdentity | None


def patient_page(outcome: Outcome, snapshot: PatientSnapshot, setting: PageSetting) -> PatientPage:
    """Turn an outcome and the snapshot it came from into the page's words."""
    zone = setting.time_zone
    return PatientPage(
        banner=banner(
            snapshot, ehr_name=setting.ehr_name, zone=zone, need_patient_banner=setting.need_patient_banner
        ),
        now=now_panel(outcome, snapshot, zone),
        forecast=forecast_panel(outcome),
        drivers=drivers_panel(outcome, zone, birth_date=snapshot.birth_date),
        course=course_panel(outcome, snapshot, zone, setting.window),
        inputs=inputs_panel(outcome, snapshot),
        model=outcome.model,
    )
