"""Charts with everything a course can show: creatinine, urine, drugs, stays, dialysis, and odd values."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from model.analytes import Analyte
from model.snapshot import (
    Coding,
    Comparator,
    Concept,
    ContrastGiven,
    DrugGiven,
    Measurement,
    Medication,
    Operation,
    PatientSnapshot,
    ProcedureDone,
    Stay,
    UnitStay,
)
from tests.builders.assessed import NOW, creatinine, snapshot

RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"


def ago(hours: float) -> timedelta:
    """So long before NOW."""
    return timedelta(hours=hours)


def urine(hours_ago: float, ml: float) -> Measurement:
    """A volume charted then."""
    at = NOW - ago(hours_ago)
    return Measurement(Analyte.URINE_OUTPUT, ml, at, at, f"Observation/u-{hours_ago:g}")


def weight(kg: float) -> Measurement:
    """A weight of four days ago."""
    at = NOW - ago(100)
    return Measurement(Analyte.WEIGHT, kg, at, at, "Observation/w")


def drug(name: str, code: str, source: str, **more: Any) -> Medication:
    """A drug by RxNorm code."""
    return Medication(name, frozenset({Coding(RXNORM, code)}), source, **more)


def given(
    name: str, code: str, source: str, since: timedelta, until: timedelta | None = None, **more: Any
) -> DrugGiven:
    """A dose given so long ago, or an infusion until then."""
    end = None if until is None else NOW - until
    about = {"active": bool(more.get("running")), "route": more.pop("route", None)}
    return DrugGiven(drug(name, code, source, start_at=NOW - since, end_at=end, **about), **more)


def given_drug(*, hours: float, until: float | None = None, **more: Any) -> DrugGiven:
    """Vancomycin, so many hours ago."""
    end = None if until is None else ago(until)
    return given("Vancomycin 1 g", "11124", "MedicationAdministration/1", ago(hours), end, **more)


def with_series(chart: PatientSnapshot, *others: Measurement) -> PatientSnapshot:
    """The chart with these measurements too, in the order given."""
    series = dict(chart.series)
    for one in others:
        series[one.analyte] = (*series.get(one.analyte, ()), one)
    return replace(chart, series=series)


STAGE_2: Final = with_series(
    snapshot(
        creatinine(100, 0.9),
        creatinine(46, 1.0),
        creatinine(22, 1.5),
        creatinine(3, 1.9),
        medications=(
            drug("Vancomycin 1 g", "11124", "MedicationRequest/1", active=True, start_at=NOW - ago(50)),
            drug(
                "Ibuprofen 400 MG Oral Tablet",
                "5640",
                "MedicationRequest/2",
                active=False,
                start_at=NOW - ago(90),
                end_at=NOW - ago(60),
            ),
            drug("Ibuprofen 400 MG", "5640", "MedicationRequest/3", active=False, start_at=NOW - ago(30)),
        ),
        given=(
            given("Ibuprofen 400 MG", "5640", "MedicationAdministration/4", ago(28), dose=400, dose_unit="mg"),
        ),
        stays=(
            Stay("EMER", "Encounter/1", NOW - ago(120), NOW - ago(112)),
            Stay("IMP", "Encounter/2", NOW - ago(112)),
        ),
    ),
    weight(70),
    *(urine(30 - 3 * n, 300 - 30 * n) for n in range(10)),
)
DIALYSIS: Final = with_series(
    snapshot(
        creatinine(140, 4.1),
        creatinine(90, 6.2),
        creatinine(40, 3.0),
        creatinine(6, 4.4),
        procedures=(
            ProcedureDone(
                "Haemodialysis",
                frozenset({Concept.DIALYSIS_PROCEDURE}),
                "Procedure/1",
                NOW - ago(60),
                NOW - ago(56),
            ),
            ProcedureDone("CRRT", frozenset({Concept.DIALYSIS_PROCEDURE}), "Procedure/2", NOW - ago(20)),
        ),
    ),
    urine(20, 40),
    urine(8, 20),
)
DIRTY: Final = snapshot(
    creatinine(150, 1.4, comparator=Comparator.GREATER_THAN),
    creatinine(70, 0.8, day_only=True),
    creatinine(30, 0.2, comparator=Comparator.LESS_THAN),
    creatinine(5, 1.3, preliminary=True),
    medications=(
        drug("Gentamicin", "1596450", "MedicationRequest/1", active=None, start_at=NOW - ago(40)),
        drug("Naproxen", "7258", "MedicationRequest/2", active=True),
    ),
)
_MIDNIGHT: Final = (NOW - ago(120)).replace(hour=0, minute=0, second=0, microsecond=0)
AFTER_SURGERY: Final = with_series(
    snapshot(
        creatinine(150, 0.9),
        creatinine(60, 1.0),
        creatinine(30, 1.4),
        creatinine(4, 1.8),
        medications=(drug("Vancomycin 1 g", "11124", "MedicationRequest/1", active=True, start_at=NOW - ago(70)),),
        given=(
            *(
                given("Vancomycin 1 g", "11124", f"MedicationAdministration/{n}", ago(68 - 12 * n), dose=1000.0)
                for n in range(5)
            ),
            given("Gentamicin", "1596450", "MedicationAdministration/9", ago(50), ago(42), stopped_early=True),
            given("Amphotericin B", "732", "MedicationAdministration/10", ago(3), running=True),
        ),
        operations=(
            Operation("Coronary bypass", "Procedure/1", NOW - ago(72), NOW - ago(67)),
            Operation(
                "Closure of the sternum", "Procedure/2", _MIDNIGHT, _MIDNIGHT + timedelta(days=1), day_only=True
            ),
        ),
        contrast=(
            ContrastGiven("Coronary arteriography", "Procedure/3", NOW - ago(100), NOW - ago(100)),
            ContrastGiven("CT abdomen w contrast", "ImagingStudy/4", NOW - ago(20), NOW - ago(20), by_name=True),
        ),
        unit_stays=(UnitStay("Cardiac ICU", "Encounter/3", NOW - ago(67), NOW - ago(24), by_name=True),),
        stays=(Stay("IMP", "Encounter/2", NOW - ago(110)),),
    ),
    weight(80),
)
