"""Timelines and the charts that hold the same patient, so that both paths to the features can be compared."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from model.analytes import Analyte
from model.charting_artefacts import believable
from model.features import Series, Timeline
from model.snapshot import Measurement, PatientSnapshot, Sex

NOW = datetime(2031, 5, 4, 12, 0, tzinfo=UTC)
COHORT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "physionet2019"
Points = Sequence[tuple[float, float]]  # hours relative to now, value


def measurement(analyte: Analyte, hour: float, value: float, *, now: datetime = NOW) -> Measurement:
    at = now + timedelta(hours=hour)
    return Measurement(analyte, value, at, at, f"Observation/{analyte.value}-{hour:g}")


def chart(
    series: Mapping[Analyte, Points],
    *,
    age: int | None = 60,
    sex: Sex | None = Sex.FEMALE,
    now: datetime = NOW,
) -> PatientSnapshot:
    """A chart of a patient whose birthday is the day of `now`."""
    return PatientSnapshot(
        patient_id="made-up",
        read_at=now,
        birth_date=None if age is None else date(now.year - age, now.month, now.day),
        sex=sex,
        series={
            a: tuple(measurement(a, h, v, now=now) for h, v in sorted(points)) for a, points in series.items()
        },
    )


def timeline(
    series: Mapping[Analyte, Points], *, age: float | None = 60.0, sex: Sex | None = Sex.FEMALE, zero: float = 0.0
) -> Timeline:
    """The same patient as a cohort adapter would give it, without artefacts, its clock starting elsewhere."""
    return Timeline(
        age,
        sex,
        {
            a: Series([h + zero for h, _ in kept], [v for _, v in kept])
            for a, points in series.items()
            for kept in [[point for point in sorted(points) if believable(a, point[1])]]
        },
    )


SEPTIC: dict[Analyte, Points] = {
    Analyte.CREATININE: [(-44.0, 1.1), (-20.0, 1.2), (0.0, 1.3)],
    Analyte.UREA_NITROGEN: [(-44.0, 24.0), (0.0, 38.0)],
    Analyte.LACTATE: [(-20.0, 2.4), (-2.0, 4.8)],
    Analyte.HEART_RATE: [(float(h), 100.0 - h) for h in range(-30, 1)],
    Analyte.SYSTOLIC_BP: [(float(h), 95.0 + h / 2) for h in range(-30, 1)],
    Analyte.DIASTOLIC_BP: [(float(h), 50.0 + h / 4) for h in range(-30, 1)],
    Analyte.MEAN_BP: [(float(h), 64.0 + h / 3) for h in range(-30, 1)],
    Analyte.TEMPERATURE: [(-12.0, 38.9), (-1.0, 39.2)],
    Analyte.PLATELETS: [(-20.0, 141.0), (0.0, 88.0)],
}
