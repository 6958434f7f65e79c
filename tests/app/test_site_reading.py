"""`[ehr.reading]` from the text of ehrs.toml to the stage: local codes, urea by mass, SI units, local time."""

import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest

from app.configured.ehrs import Ehrs, ehrs_from
from app.configured.problems import ConfigurationError
from model.analytes import Analyte
from model.artifact import ModelRefused
from model.assess import assess
from model.assessment import Assessment
from model.snapshot import PatientSnapshot
from patient_context.mapping import snapshot_from_prefetch
from tests.builders.fhir import observation, patient, searchset

NO_MODEL = ModelRefused("absent", "There is no model in this test.")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
REGISTRY = """
[[ehr]]
id = "klinik"
name = "Klinikum"
iss = "https://ehr.klinik.example/fhir"
client_id = "aki-sentinel"
auth_method = "public"

[ehr.policy]
accept_preliminary = true

[ehr.reading]
time_zone = "Europe/Berlin"
accept_preliminary = true

[ehr.reading.local_codes]
"urn:oid:1.2.276.0.76.3|KREA" = "14682-9"
"urn:oid:1.2.276.0.76.3|HST" = "3091-6"
"urn:oid:1.2.276.0.76.3|KREAU" = "14683-7"
"""


def loaded(text: str) -> Ehrs:
    return ehrs_from(tomllib.loads(text), development=False)


def local(code: str, value: float, unit: str, at: str, **changes: Any) -> dict[str, Any]:
    """A result under the laboratory's own code, its unit not said to be UCUM."""
    concept = {"coding": [{"system": "urn:oid:1.2.276.0.76.3", "code": code}], "text": code}
    return observation(at=at, code=concept, valueQuantity={"value": value, "unit": unit}, **changes)


def chart(*results: dict[str, Any]) -> PatientSnapshot:
    prefetch = {"patient": patient(), "creatinine": searchset(*results)}
    reading = loaded(REGISTRY).by_id("klinik").reading
    return snapshot_from_prefetch(prefetch, patient_id="p1", read_at=NOW, reading=reading).snapshot


def test_local_codes_and_local_times_of_the_registry_lead_to_a_stage() -> None:
    snapshot = chart(
        local("KREA", 80, "µmol/l", "2026-03-01T07:00:00"),
        local("KREA", 170, "µmol/l", "2026-03-02T07:00:00", status="preliminary"),
    )
    assert [m.at.hour for m in snapshot.measurements(Analyte.CREATININE)] == [6, 6]  # 7 o'clock in Berlin
    outcome = assess(snapshot, now=NOW, model=NO_MODEL, policy=loaded(REGISTRY).by_id("klinik").policy)
    assert isinstance(outcome, Assessment)
    assert outcome.kdigo is not None
    assert outcome.kdigo.stage == 2
    assert outcome.nhs is not None
    assert outcome.nhs.alert == "AKI 2"


@pytest.mark.parametrize(
    ("value", "unit"), [(42.876, "mg/dl"), (42.876, "mg/dL"), (0.42876, "g/L"), (7.1395, "mmol/l")]
)
def test_urea_by_mass_as_in_germany_and_spain_is_not_taken_for_urea_nitrogen(value: float, unit: str) -> None:
    if unit == "mmol/l":  # the mass code promises mass
        snapshot = chart(observation("22664-7", value, "mmol/L"))
    else:
        snapshot = chart(local("HST", value, unit, "2026-03-01T07:00:00"))
    (urea,) = snapshot.measurements(Analyte.UREA_NITROGEN)
    assert urea.value == pytest.approx(20, rel=1e-3)


def test_a_local_urine_creatinine_is_refused_as_its_loinc_is() -> None:
    snapshot = chart(local("KREAU", 9000, "µmol/l", "2026-03-01T07:00:00"))
    assert [r.code for r in snapshot.rejected] == ["not-blood"]


def test_a_chart_in_si_units_as_in_the_nhs_stages_by_both_engines() -> None:
    results = [observation("14682-9", v, "umol/L", at=f"2026-02-{d:02}T08:00:00Z") for d, v in ((1, 74), (10, 78))]
    results.append(observation("14682-9", 160, "umol/L", at="2026-03-02T08:00:00Z"))
    others = [
        observation("22664-7", 12.4, "mmol/L"),
        observation("2823-3", 5.1, "mmol/L"),
        observation("718-7", 118, "g/L"),
        observation("1975-2", 12, "umol/L"),  # a mass code with a molar unit
        observation("14631-6", 12, "umol/L"),
    ]
    snapshot = chart(*results, *others)
    assert round(snapshot.measurements(Analyte.HAEMOGLOBIN)[0].value, 2) == 11.8
    assert round(snapshot.measurements(Analyte.UREA_NITROGEN)[0].value, 1) == 34.7
    assert [r.code for r in snapshot.rejected] == ["unit-conflicts-with-code"]
    outcome = assess(snapshot, now=NOW, model=NO_MODEL)
    assert isinstance(outcome, Assessment)
    assert outcome.kdigo is not None
    assert outcome.nhs is not None
    assert (outcome.kdigo.stage, outcome.nhs.alert) == (2, "AKI 2")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('"KREA" = "2160-0"', 'not written "system|code"'),
        ('"urn:x|KREA" = "2160-O"', "not a test known here"),
        ('"urn:x|KREA" = "4548-4"', "not a test known here"),
    ],
)
def test_a_local_code_that_could_never_match_stops_the_start(line: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(REGISTRY + line)
    (found,) = caught.value.problems
    assert found.startswith("ehr[0].reading")
    assert problem in found
