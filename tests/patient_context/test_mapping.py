from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from model.analytes import Analyte
from model.rrt import current_course
from model.snapshot import Coding, Concept, PatientSnapshot, Sex
from patient_context.errors import BundleUnreadable
from patient_context.mapping import snapshot_from_bundle, snapshot_from_resources
from patient_context.reading import SiteReading
from tests.builders.fhir import (
    AT,
    LOINC,
    blood_pressure,
    bundle,
    concept,
    condition,
    encounter,
    medication_request,
    observation,
    operation_outcome,
    patient,
    procedure,
    searchset,
    subject,
)

READ_AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def read(*resources: Any, **settings: Any) -> PatientSnapshot:
    return snapshot_from_resources(resources, patient_id="p1", read_at=READ_AT, **settings)


def values(snapshot: PatientSnapshot, analyte: Analyte = Analyte.CREATININE) -> list[float]:
    return [round(m.value, 4) for m in snapshot.measurements(analyte)]


def refusals(snapshot: PatientSnapshot) -> list[tuple[str, str]]:
    return [(r.resource, r.code) for r in snapshot.rejected]


def test_a_chart_becomes_a_snapshot() -> None:
    snapshot = read(
        patient(name=[{"family": "Doe", "given": ["Jane"]}]),
        observation(id="a"),
        blood_pressure(120, 70),
        condition(),
        procedure(),
        medication_request(),
        encounter(),
    )
    assert snapshot.birth_date == date(1960, 5, 4)
    assert snapshot.sex is Sex.FEMALE
    assert snapshot.name == "Jane Doe"
    assert values(snapshot) == [1.0]
    assert snapshot.measurements(Analyte.CREATININE)[0].source == "Observation/a"
    assert values(snapshot, Analyte.SYSTOLIC_BP) == [120]
    assert values(snapshot, Analyte.DIASTOLIC_BP) == [70]
    assert snapshot.problems[0].concepts == {Concept.CHRONIC_KIDNEY_DISEASE}
    assert snapshot.procedures[0].concepts == {Concept.DIALYSIS_PROCEDURE}
    assert snapshot.medications[0].text == "Ibuprofen"
    assert snapshot.stays[0].setting == "IMP"
    assert snapshot.rejected == snapshot.incomplete == ()


def test_names_and_numbers_stay_out_of_the_repr() -> None:
    snapshot = read(patient(name=[{"text": "CANARY"}], identifier=[{"value": "CANARY"}]), observation())
    assert "CANARY" not in repr(snapshot)


def test_a_result_is_available_when_issued_and_never_before_its_sample() -> None:
    late = read(observation(issued="2026-03-01T10:00:00Z")).measurements(Analyte.CREATININE)[0]
    early = read(observation(issued="2026-03-01T01:00:00Z")).measurements(Analyte.CREATININE)[0]
    assert late.available_at - late.at == timedelta(hours=2)
    assert early.available_at == early.at


def test_one_bad_component_does_not_cost_the_other() -> None:
    panel = blood_pressure(120, 70, id="bp")
    panel["component"][0]["valueQuantity"]["value"] = "120"
    snapshot = read(panel)
    assert values(snapshot, Analyte.DIASTOLIC_BP) == [70]
    assert refusals(snapshot) == [("Observation/bp", "value-not-usable")]


def test_pulse_oximetry_under_both_loinc_codes_is_one_saturation() -> None:
    both = {"coding": [{"system": LOINC, "code": "2708-6"}, {"system": LOINC, "code": "59408-5"}]}
    assert values(read(observation(value=97, unit="%", code=both)), Analyte.SPO2) == [97]


def test_preliminary_results_count_where_the_site_says_so() -> None:
    snapshot = read(observation(status="preliminary"), reading=SiteReading(accept_preliminary=True))
    assert snapshot.measurements(Analyte.CREATININE)[0].preliminary


def test_two_units_in_one_series_are_each_converted() -> None:
    molar = observation("14682-9", 132.63, "umol/L", at="2026-03-02T08:00:00Z")
    assert values(read(observation(), molar)) == [1.0, 1.5]


def test_urea_and_urea_nitrogen_are_told_apart_by_their_code() -> None:
    nitrogen = observation("3094-0", 20, "mg/dL", at="2026-03-01T08:00:00Z")
    urea_mass = observation("3091-6", 42.876, "mg/dL", at="2026-03-01T09:00:00Z")
    urea_molar = observation("22664-7", 7.1395, "mmol/L", at="2026-03-01T10:00:00Z")
    assert values(read(nitrogen, urea_mass, urea_molar), Analyte.UREA_NITROGEN) == pytest.approx(
        [20, 20, 20], rel=1e-3
    )


class TestRepeats:
    def test_the_newest_version_of_an_id_counts(self) -> None:
        old = observation(value=1.0, id="a", meta={"versionId": "1"})
        new = observation(value=1.4, id="a", meta={"versionId": "2"}, status="corrected")
        assert values(read(new, old)) == values(read(old, new)) == [1.4]

    def test_a_result_later_entered_in_error_disappears(self) -> None:
        good = observation(id="a", meta={"lastUpdated": "2026-03-01T09:00:00Z"})
        bad = observation(id="a", meta={"lastUpdated": "2026-03-01T10:00:00Z"}, status="entered-in-error")
        assert values(read(bad, good)) == []

    def test_the_same_result_under_two_ids_counts_once(self) -> None:
        assert values(read(observation(), observation())) == [1.0]

    def test_the_same_result_in_two_units_counts_once(self) -> None:
        snapshot = read(observation(value=1.2), observation("14682-9", 106, "umol/L"))
        assert len(values(snapshot)) == 1
        assert snapshot.rejected == ()

    def test_contradicting_results_of_one_moment_leave_the_alarming_one_and_say_so(self) -> None:
        snapshot = read(observation(value=1.0, id="low"), observation(value=2.0, id="high"))
        assert values(snapshot) == [2.0]
        assert refusals(snapshot) == [("Observation/low", "conflict")]

    def test_a_result_not_reported_yet_does_not_displace_the_one_that_is(self) -> None:
        known = observation(value=1.6, id="known", issued="2026-03-01T08:30:00Z")
        later = observation(value=3.0, id="later", issued="2026-03-09T08:00:00Z")
        snapshot = read(known, later)
        assert values(snapshot) == [1.6, 3.0]
        assert refusals(snapshot) == []

    def test_two_cuffs_of_one_minute_both_stand(self) -> None:
        snapshot = read(blood_pressure(120, 70), blood_pressure(130, 75))
        assert values(snapshot, Analyte.SYSTOLIC_BP) == [120, 130]

    def test_two_equal_urine_volumes_are_two_volumes(self) -> None:
        void = {"loinc": "9187-6", "value": 100, "unit": "mL"}
        assert values(read(observation(**void), observation(**void)), Analyte.URINE_OUTPUT) == [100, 100]

    def test_a_value_in_the_wrong_unit_inside_the_window_is_caught_by_its_neighbours(self) -> None:
        ill = [observation(value=v, at=f"2026-03-01T0{h}:00:00Z") for h, v in ((1, 11.8), (2, 12.0), (3, 12.1))]
        swapped = observation("14682-9", 12.0, "umol/L", at="2026-03-01T04:00:00Z", id="s")
        snapshot = read(*ill, swapped)
        assert values(snapshot) == [11.8, 12.0, 12.1]
        assert refusals(snapshot) == [("Observation/s", "unit-swap-suspected")]


def test_times_without_offset_are_flagged_once() -> None:
    snapshot = read(observation(at="2026-03-01T08:00:00"), observation(at="2026-03-01T09:00:00"))
    assert [(i.part, i.code) for i in snapshot.incomplete] == [("times", "offset-assumed")]
    assert snapshot.incomplete[0].reason.startswith("2 results")


@pytest.mark.parametrize("birth_date", ["1960", "1960-05", "1960-02-31", "2030-01-01", 1960, "1960-05-04garbage"])
def test_a_birth_date_not_known_to_the_day_is_never_guessed(birth_date: Any) -> None:
    snapshot = read(patient(birthDate=birth_date))
    assert snapshot.birth_date is None
    assert snapshot.rejected[0].code in {"birth-date-partial", "birth-date-invalid"}


@pytest.mark.parametrize("gender", ["other", "unknown", "F", None, ["female"]])
def test_sex_is_known_only_if_female_or_male(gender: Any) -> None:
    assert read(patient(gender=gender)).sex is None


class TestProblems:
    @pytest.mark.parametrize(
        ("system", "code", "expected"),
        [
            ("http://hl7.org/fhir/sid/icd-10-cm", "N17.9", Concept.ACUTE_KIDNEY_INJURY),
            ("http://hl7.org/fhir/sid/icd-10-cm", "N179", Concept.ACUTE_KIDNEY_INJURY),
            ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "N17.93", Concept.ACUTE_KIDNEY_INJURY),
            ("http://hl7.org/fhir/sid/icd-9-cm", "584.9", Concept.ACUTE_KIDNEY_INJURY),
            ("http://snomed.info/sct", "14669001", Concept.ACUTE_KIDNEY_INJURY),
            ("http://hl7.org/fhir/sid/icd-10-cm", "N18.6", Concept.MAINTENANCE_DIALYSIS),
            ("http://hl7.org/fhir/sid/icd-10", "Z99.2", Concept.MAINTENANCE_DIALYSIS),
            ("http://snomed.info/sct", "236435004", Concept.MAINTENANCE_DIALYSIS),
            ("http://hl7.org/fhir/sid/icd-10", "N18.5", Concept.KIDNEY_FAILURE),
            ("http://hl7.org/fhir/sid/icd-10-cm", "Z94.0", Concept.KIDNEY_TRANSPLANT),
            (
                "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-diagnosis-icd9",
                "5856",
                Concept.MAINTENANCE_DIALYSIS,
            ),
            ("http://hl7.org/fhir/sid/icd-10-cm", "Z51.5", Concept.COMFORT_CARE),
        ],
    )
    def test_a_diagnosis_code_is_recognised(self, system: str, code: str, expected: Concept) -> None:
        assert expected in read(condition(system, code)).problems[0].concepts

    def test_a_code_of_another_system_means_nothing(self) -> None:
        assert read(condition("http://snomed.info/sct", "N17.9")).problems[0].concepts == frozenset()

    def test_refuted_and_erroneous_diagnoses_are_listed_not_used(self) -> None:
        wrong = [condition(verificationStatus=concept("x", s)) for s in ("refuted", "entered-in-error")]
        snapshot = read(*wrong)
        assert snapshot.problems == ()
        assert {r.code for r in snapshot.rejected} == {"refuted", "entered-in-error"}

    def test_a_suspected_diagnosis_proves_nothing(self) -> None:
        assert read(condition(verificationStatus=concept("x", "provisional"))).problems[0].concepts == frozenset()

    @pytest.mark.parametrize(
        ("status", "active"), [("active", True), ("relapse", True), ("resolved", False), ("sleeping", None)]
    )
    def test_activity_is_what_the_chart_says(self, status: str, active: bool | None) -> None:
        assert read(condition(clinicalStatus=concept("x", status))).problems[0].active is active

    @pytest.mark.parametrize("status", ["not-done", "preparation", "entered-in-error", "unknown", None])
    def test_dialysis_that_did_not_take_place_is_not_counted(self, status: str | None) -> None:
        snapshot = read(procedure(status=status))
        assert snapshot.procedures == ()
        assert snapshot.rejected[0].code == "procedure-not-done"

    @pytest.mark.parametrize(
        ("system", "code", "expected"),
        [
            ("http://hl7.org/fhir/sid/icd-9-cm", "39.95", {Concept.DIALYSIS_PROCEDURE}),  # haemodialysis
            ("http://hl7.org/fhir/sid/icd-9-cm", "40.3", set()),  # lymph node excision; 403 as a diagnosis
            ("http://hl7.org/fhir/sid/icd-9-cm", "65.3", set()),  # ovary; 653 as a diagnosis is a pregnancy
            ("http://hl7.org/fhir/sid/icd-10-cm", "Z99.2", set()),  # a state, not something done
            ("http://www.cms.gov/Medicare/Coding/ICD10", "5A1D70Z", {Concept.DIALYSIS_PROCEDURE}),
        ],
    )
    def test_a_procedures_code_is_never_read_as_a_diagnosis(
        self, system: str, code: str, expected: set[Concept]
    ) -> None:
        done = read(procedure(system, code)).procedures
        assert {concept for each in done for concept in each.concepts} == expected

    def test_replacement_running_for_ten_days_is_stage_3_today(self) -> None:
        period = {"start": "2026-02-20T08:00:00Z"}
        running = procedure(performedDateTime=None, performedPeriod=period, status="in-progress")
        over = procedure(performedDateTime=None, performedPeriod=period)
        staged = [current_course(read(done).procedures, READ_AT) for done in (running, over)]
        assert [course is not None for course in staged] == [True, False]


class TestMedications:
    def test_a_contained_medication_gives_its_code(self) -> None:
        drug = {"resourceType": "Medication", "id": "d", "code": concept("rx", "5640", "Ibuprofen")}
        order = medication_request(
            medicationCodeableConcept=None, contained=[drug], medicationReference={"reference": "#d"}
        )
        assert read(order).medications[0].codes == {Coding("rx", "5640")}

    def test_a_separate_medication_gives_its_code(self) -> None:
        drug = {"resourceType": "Medication", "id": "d", "code": concept("rx", "5640", "Ibuprofen")}
        order = medication_request(
            medicationCodeableConcept=None, medicationReference={"reference": "Medication/d"}
        )
        assert read(order, drug).medications[0].codes == {Coding("rx", "5640")}

    def test_a_display_names_the_drug_and_makes_no_code(self) -> None:
        reference = {"reference": "Medication/elsewhere", "display": "Ibuprofen 400 mg"}
        order = medication_request(medicationCodeableConcept=None, medicationReference=reference)
        medication = read(order).medications[0]
        assert (medication.text, medication.codes) == ("Ibuprofen 400 mg", frozenset())

    def test_a_drug_without_code_and_name_is_listed(self) -> None:
        assert read(medication_request(medicationCodeableConcept=None)).rejected[0].code == "medication-unnamed"

    @pytest.mark.parametrize(
        "change", [{"status": "draft"}, {"status": "cancelled"}, {"doNotPerform": True}, {"intent": "proposal"}]
    )
    def test_what_was_not_ordered_is_not_on_the_chart(self, change: dict[str, Any]) -> None:
        assert read(medication_request(**change)).medications == ()

    def test_a_drug_on_hold_is_not_active(self) -> None:
        assert read(medication_request(status="on-hold")).medications[0].active is False


class TestBundles:
    @pytest.mark.parametrize(
        "kind", ["searchset", "collection", "transaction", "message", "document", "history", "batch"]
    )
    def test_every_type_is_read(self, kind: str) -> None:
        found = snapshot_from_bundle(bundle(patient(), observation(), kind=kind), read_at=READ_AT)
        assert values(found) == [1.0]

    def test_bundles_inside_a_batch_response_are_read(self) -> None:
        inner = [searchset(observation()), searchset(patient()), operation_outcome("information")]
        found = snapshot_from_bundle(bundle(*inner, kind="batch-response"), read_at=READ_AT)
        assert (found.patient_id, values(found), found.incomplete) == ("p1", [1.0], ())

    def test_a_failure_inside_a_batch_is_named(self) -> None:
        found = snapshot_from_bundle(bundle(patient(), operation_outcome()), read_at=READ_AT)
        assert found.incomplete[0].code == "operation-outcome"

    def test_urn_references_within_the_bundle_are_followed(self) -> None:
        urn = "urn:uuid:6a8b5d1a-0000-4000-8000-000000000001"
        whole = bundle(patient(id=None), observation(subject={"reference": urn}))
        whole["entry"][0]["fullUrl"] = urn
        found = snapshot_from_bundle(whole, read_at=READ_AT)
        assert (found.patient_id, values(found)) == (urn.removeprefix("urn:uuid:"), [1.0])

    def test_resources_of_another_patient_are_dropped_and_reported(self) -> None:
        foreign = observation(value=9.0, id="x", subject=subject("p2"))
        found = snapshot_from_bundle(bundle(patient(), observation(), foreign), read_at=READ_AT)
        assert values(found) == [1.0]
        assert refusals(found) == [("Observation/x", "other-patient")]

    def test_two_patients_are_refused(self) -> None:
        with pytest.raises(BundleUnreadable) as refusal:
            snapshot_from_bundle(bundle(patient("p1"), patient("p2")), read_at=READ_AT)
        assert refusal.value.code == "several-patients"

    def test_without_a_patient_the_subjects_must_agree(self) -> None:
        found = snapshot_from_bundle(bundle(observation()), read_at=READ_AT)
        assert (found.patient_id, found.birth_date, refusals(found)) == (
            "p1",
            None,
            [("Patient", "patient-missing")],
        )
        with pytest.raises(BundleUnreadable):
            snapshot_from_bundle(bundle(observation(), observation(subject=subject("p2"))), read_at=READ_AT)

    @pytest.mark.parametrize(
        "broken",
        [None, [], "Bundle", {"resourceType": "Patient"}, bundle(), {"resourceType": "Bundle", "entry": 3}],
    )
    def test_what_is_no_chart_is_refused(self, broken: Any) -> None:
        with pytest.raises(BundleUnreadable):
            snapshot_from_bundle(broken, read_at=READ_AT)

    def test_one_page_of_several_leaves_creatinine_incomplete(self) -> None:
        page = searchset(patient(), observation(at=AT), next_url="https://ehr.example/fhir?page=2")
        found = snapshot_from_bundle(page, read_at=READ_AT)
        assert [(i.part, i.code) for i in found.incomplete] == [("creatinine", "more-pages")]


@pytest.mark.parametrize("final_first", [True, False])
def test_a_final_result_displaces_the_preliminary_one_of_its_instant(final_first: bool) -> None:
    """Under another id, and though the preliminary one is the more alarming."""
    final, early = observation(value=1.2, id="f"), observation(value=2.4, id="p", status="preliminary")
    ordered = (final, early) if final_first else (early, final)
    snapshot = read(*ordered, reading=SiteReading(accept_preliminary=True))
    assert values(snapshot) == [1.2]
    assert refusals(snapshot) == [("Observation/p", "displaced")]


def test_of_two_analytes_measured_twice_at_once_a_correction_displaces_only_its_own_kind() -> None:
    """A cuff and an arterial line both stand, whatever their status."""
    cuff, line = (
        observation("8480-6", value, "mm[Hg]", status=status)
        for value, status in ((90, "final"), (120, "amended"))
    )
    assert [m.value for m in read(cuff, line).measurements(Analyte.SYSTOLIC_BP)] == [90, 120]


def test_born_today_is_told_on_the_sites_clock() -> None:
    """On the clock of UTC this child is born tomorrow; without a birth date it would be staged as an adult."""
    late = datetime(2026, 3, 1, 23, tzinfo=UTC)
    found = snapshot_from_resources(
        [patient(birthDate="2026-03-02")],
        patient_id="p1",
        read_at=late,
        reading=SiteReading(ZoneInfo("Asia/Tokyo")),
    )
    assert found.birth_date == date(2026, 3, 2)
