"""The monitoring report: every month judged, what follows, as a value, as JSON and as a page of its own."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, select_autoescape
from sqlalchemy import Engine

from app.storage.encryption import SealedBox
from app.watching.inputs import Tenths, training_tenths
from app.watching.judging import JudgedMonth, judge
from app.watching.records import MonthKey, read_records
from app.watching.statistics import CannotSay, Statistic
from app.watching.verdicts import Verdict, verdicts_on

WHAT_IT_CANNOT_SAY: Final = (
    "Outcomes are known only of patients whose creatinine was measured again, and a risk that was shown may have "
    "changed what was done: a warning well heeded looks like a wrong one. Months in shadow are free of the second."
)
_SHOWN_INPUTS: Final = 10


@dataclass(frozen=True, slots=True)
class MonitorReport:
    """Months in order of site and time; their verdicts, alarms first within each."""

    made_at: datetime
    months: tuple[JudgedMonth, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def alarms(self) -> tuple[Verdict, ...]:
        """What crossed a threshold."""
        return tuple(one for one in self.verdicts if one.level == "alarm")


def make_report(
    engine: Engine,
    box: SealedBox,
    model_sha256: str | None,
    *,
    now: datetime,
    site: str | None = None,
    since: datetime | None = None,
) -> MonitorReport:
    """Judge what is stored. Drift needs the site's first months, so all months are judged and then cut to `since`.

    Raises SQLAlchemyError.
    """

    def tenths_of(key: MonthKey) -> Sequence[Tenths]:
        if key.model_sha256 != model_sha256:
            return ()
        return training_tenths("onset" if key.head == "onset" else "progression")

    judged = judge(read_records(engine, box, site=site), tenths_of, now=now)
    shown = tuple(one for one in judged if since is None or one.key.month >= f"{since:%Y-%m}")
    return MonitorReport(now, shown, tuple(line for one in shown for line in verdicts_on(one)))


def report_json(report: MonitorReport) -> dict[str, Any]:
    """The whole report as JSON."""
    return {
        "made_at": report.made_at.isoformat(),
        "verdicts": [asdict(one) for one in report.verdicts],
        "months": [_month_json(one) for one in report.months],
        "cannot_say": WHAT_IT_CANNOT_SAY,
    }


def report_html(report: MonitorReport) -> str:
    """The whole report as one HTML file without anything to fetch."""
    environment = Environment(loader=PackageLoader("app"), autoescape=select_autoescape())
    environment.filters["shown"] = statistic_words
    return environment.get_template("monitor.html").render(
        report=report, cannot_say=WHAT_IT_CANNOT_SAY, shown_inputs=_SHOWN_INPUTS
    )


def statistic_words(statistic: Statistic, digits: int = 2) -> str:
    """ "1.42 (1.10-1.80)", or why not."""
    if isinstance(statistic, CannotSay):
        return f"cannot say: {statistic.because}"
    return f"{statistic.value:.{digits}f} ({statistic.low:.{digits}f}-{statistic.high:.{digits}f})"


def _month_json(month: JudgedMonth) -> dict[str, Any]:
    return {
        "site": month.key.site,
        "month": month.key.month,
        "head": month.key.head,
        "model_sha256": month.key.model_sha256,
        **({"recalibration": month.key.recalibration} if month.key.recalibration else {}),
        "predictions": month.predictions,
        "patients": month.patients,
        "outcomes": dict(month.outcomes),
        "alert_rate": _statistic_json(month.alert_rate),
        **{name: _statistic_json(found) for name, found in month.statistics.items()},
        **({} if month.lead_time_hours is None else {"lead_time_hours": round(month.lead_time_hours, 1)}),
        "subgroups": [
            {
                "name": one.name,
                "predictions": one.predictions,
                "events": one.events,
                "observed_over_expected": _statistic_json(one.observed_over_expected),
                "auroc": _statistic_json(one.auroc),
            }
            for one in month.subgroups
        ],
        "safety": asdict(month.safety),
        "refused_unit_share": round(month.refused_unit_share, 4),
        "drift": _drift_json(month),
    }


def _drift_json(month: JudgedMonth) -> Any:
    if isinstance(month.drift, CannotSay):
        return {"cannot_say": month.drift.because}
    inputs = [{name: _rounded(value) for name, value in asdict(one).items()} for one in month.drift]
    return {"compared_with": list(month.start_months), "inputs": inputs}


def _statistic_json(statistic: Statistic) -> dict[str, Any]:
    if isinstance(statistic, CannotSay):
        return {"cannot_say": statistic.because}
    return {name: _rounded(value) for name, value in asdict(statistic).items()}


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
