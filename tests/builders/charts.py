"""Charts for tests of the clinical core: everything is told relative to `NOW`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from model.analytes import Analyte
from model.snapshot import Comparator, Measurement, PatientSnapshot, Problem, ProcedureDone, Sex, Stay

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
BORN = date(1966, 1, 1)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def days(count: float) -> timedelta:
    return timedelta(days=count)


def result(
    value: float,
    before: timedelta = timedelta(0),
    *,
    analyte: Analyte = Analyte.CREATININE,
    comparator: Comparator | None = None,
    preliminary: bool = False,
    day_only: bool = False,
    known_after: timedelta = timedelta(0),
    source: str = "Observation/1",
) -> Measurement:
    """A result `before` NOW; creatinine in mg/dL unless said otherwise."""
    at = NOW - before
    return Measurement(analyte, value, at, at + known_after, source, comparator, preliminary, day_only)


@dataclass
class ChartBuilder:
    """A chart under construction. An adult man of 60 unless told otherwise."""

    birth_date: date | None = BORN
    sex: Sex | None = Sex.MALE
    deceased: bool = False
    measurements: list[Measurement] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    procedures: list[ProcedureDone] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)

    def build(self) -> PatientSnapshot:
        return PatientSnapshot(
            patient_id="p1",
            read_at=NOW,
            birth_date=self.birth_date,
            sex=self.sex,
            series=by_analyte(self.measurements),
            problems=tuple(self.problems),
            procedures=tuple(self.procedures),
            stays=tuple(self.stays),
            deceased=self.deceased,
        )


def by_analyte(measurements: Iterable[Measurement]) -> Mapping[Analyte, tuple[Measurement, ...]]:
    """Measurements as a snapshot holds them."""
    series: dict[Analyte, list[Measurement]] = {}
    for measurement in sorted(measurements, key=lambda m: (m.at, m.available_at, m.source)):
        series.setdefault(measurement.analyte, []).append(measurement)
    return {analyte: tuple(found) for analyte, found in series.items()}


def chart(*measurements: Measurement, **facts: object) -> PatientSnapshot:
    """A snapshot of these measurements."""
    return ChartBuilder(measurements=list(measurements), **facts).build()  # type: ignore[arg-type]
