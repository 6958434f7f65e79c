"""What the last judgement came to, kept for Prometheus: judging takes too long to be done at every scrape."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Engine, delete, insert, select

from app.storage.tables import JudgedPredictionRow
from app.watching.judging import JudgedMonth
from app.watching.report import MonitorReport
from app.watching.statistics import Estimate, Statistic

_ALARMS_OF: Final = timedelta(days=92)


def keep_results(engine: Engine, report: MonitorReport) -> int:
    """Replace what was kept, one row per site and head; how many. Raises SQLAlchemyError."""
    by_head: dict[tuple[str, str], list[JudgedMonth]] = {}
    for month in report.months:
        by_head.setdefault((month.key.site, month.key.head), []).append(month)
    rows = [_row(report, months) for months in by_head.values()]
    with engine.begin() as connection:
        connection.execute(delete(JudgedPredictionRow))
        if rows:
            connection.execute(insert(JudgedPredictionRow), rows)
    return len(rows)


def kept_results(engine: Engine) -> Sequence[Any]:
    """The rows last kept. Raises SQLAlchemyError."""
    with engine.connect() as connection:
        return connection.execute(select(JudgedPredictionRow.__table__)).all()


def _row(report: MonitorReport, months: Sequence[JudgedMonth]) -> dict[str, Any]:
    """The newest month whose calibration can be said; the newest of all where none can."""
    able = [one for one in months if isinstance(one.statistics["observed_over_expected"], Estimate)]
    newest = (able or months)[-1]
    site, head, since = newest.key.site, newest.key.head, f"{report.made_at - _ALARMS_OF:%Y-%m}"
    return {
        "ehr_id": site,
        "head": head,
        "month": newest.key.month,
        "judged_at": report.made_at,
        "predictions": newest.predictions,
        "known": newest.known,
        "alarms": sum((one.site, one.head) == (site, head) and one.month > since for one in report.alarms),
        "observed_over_expected": _value(newest.statistics["observed_over_expected"]),
        "auroc": _value(newest.statistics["auroc"]),
        "ppv": _value(newest.statistics["ppv"]),
        "alert_rate": _value(newest.alert_rate),
    }


def _value(statistic: Statistic) -> float | None:
    return statistic.value if isinstance(statistic, Estimate) else None
