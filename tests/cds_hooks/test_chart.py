"""Which chart a call is answered from: prefetch, the FHIR server, both, or none (CH-17 to CH-24, VN-3)."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import requests

from cds_hooks.chart import Chart, ChartSource, read_chart
from cds_hooks.errors import DataUnavailable, WrongPatient
from cds_hooks.hook_request import FhirGrant, HookRequest
from model.analytes import Analyte
from model.snapshot import Incomplete, Measurement, PatientSnapshot, Sex
from patient_context.errors import ChartProtected, PatientMismatch, UpstreamRefused, UpstreamUnavailable
from patient_context.queries import ASSESSED_KEYS
from patient_context.reader import FhirAccess
from patient_context.reading import DEFAULT_READING, SiteReading
from tests.builders.cds import (
    EHR,
    NOW,
    PATIENT,
    FakeSession,
    creatinine,
    encounter,
    full_prefetch,
    patient,
    searchset,
)
from tests.builders.fhir import break_the_glass, imaging_study, medication_administration

TWO = (creatinine("c1", 0.9, 40), creatinine("c2", 1.9, 2))
GRANT = FhirGrant(EHR, "token")


@dataclass
class FakeReader:
    """Stands for `patient_context.reader.read`: a prepared snapshot or a failure."""

    answer: PatientSnapshot | Exception
    asked: list[tuple[FhirAccess, tuple[str, ...], float]] = field(default_factory=list)

    def __call__(
        self,
        access: FhirAccess,
        *,
        patient_id: str,
        session: requests.Session,
        now: Any,
        reading: SiteReading,
        only: Collection[str] | None,
        deadline_seconds: float,
    ) -> PatientSnapshot:
        self.asked.append((access, tuple(only or ()), deadline_seconds))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


NOBODY = AssertionError("the FHIR server must not be asked")


def fetched(*mg_dl: float, incomplete: tuple[Incomplete, ...] = (), **changes: Any) -> PatientSnapshot:
    times = [NOW - timedelta(minutes=30 - n) for n in range(len(mg_dl))]
    series = tuple(
        Measurement(Analyte.CREATININE, value, at, at, f"Observation/f{at.minute}")
        for value, at in zip(mg_dl, times, strict=True)
    )
    known = {Analyte.CREATININE: series} if series else {}
    return PatientSnapshot(PATIENT, NOW, series=known, incomplete=incomplete, **changes)


def read(
    prefetch: dict[str, Any],
    answer: PatientSnapshot | Exception = NOBODY,
    *,
    grant: FhirGrant | None = None,
    seconds_left: float = 1.5,
    reading: SiteReading = DEFAULT_READING,
) -> tuple[Chart, FakeReader]:
    reader = FakeReader(answer)
    hook = HookRequest(
        "patient-view", "i", "Practitioner/1", PATIENT, fhir_server=EHR, grant=grant, prefetch=prefetch
    )
    source = ChartSource(reading, FakeSession, lambda: seconds_left, reader)
    return read_chart(hook, source, now=NOW), reader


def values(chart: Chart) -> list[float]:
    return [one.value for one in chart.snapshot.measurements(Analyte.CREATININE)]


def test_a_full_prefetch_needs_no_fhir_server() -> None:
    chart, reader = read(full_prefetch(*TWO), grant=GRANT)
    assert values(chart) == [0.9, 1.9]
    assert chart.allows_silence()
    assert reader.asked == []


def test_null_and_an_empty_bundle_mean_looked_and_found_nothing() -> None:
    """CH-18: neither is fetched again, and both are an answer."""
    for nothing in (None, searchset()):
        chart, reader = read(full_prefetch(creatinine=nothing, labs=None), grant=GRANT)
        assert values(chart) == []
        assert chart.allows_silence()
        assert reader.asked == []


def test_epics_no_results_outcome_is_nothing_found_not_an_error() -> None:
    coding = {"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.657369", "code": "4101"}
    issue = {"severity": "warning", "code": "not-found", "details": {"coding": [coding]}}
    empty = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 0,
        "entry": [
            {"resource": {"resourceType": "OperationOutcome", "issue": [issue]}, "search": {"mode": "outcome"}}
        ],
    }
    chart, _ = read(full_prefetch(creatinine=empty))
    assert chart.allows_silence()


def test_only_what_is_absent_is_fetched_within_the_time_left() -> None:
    prefetch = full_prefetch(creatinine=..., conditions=...)
    chart, reader = read(prefetch, fetched(0.8, 1.1), grant=GRANT, seconds_left=0.75)
    ((access, only, deadline),) = reader.asked
    assert access == FhirAccess(EHR, "token", scopes=None)  # CH-23: scopes are not read, just tried
    assert set(only) == {"creatinine", "conditions"}
    assert deadline == 0.75
    assert values(chart) == [0.8, 1.1]
    assert chart.allows_silence()


def test_without_prefetch_everything_is_fetched() -> None:
    chart, reader = read({}, fetched(1.0, birth_date=NOW.date(), sex=Sex.FEMALE), grant=GRANT)
    assert set(reader.asked[0][1]) == set(ASSESSED_KEYS)
    assert (values(chart), chart.snapshot.sex) == ([1.0], Sex.FEMALE)


def test_a_budget_that_is_spent_leaves_a_moment_not_nothing() -> None:
    _, reader = read({}, fetched(1.0), grant=GRANT, seconds_left=-3)
    assert reader.asked[0][2] > 0


def test_an_incomplete_page_is_completed_and_counts_once() -> None:
    """CH-19: a next link means there is more."""
    page = {**searchset(*TWO), "link": [{"relation": "next", "url": f"{EHR}/Observation?page=2"}]}
    chart, reader = read(full_prefetch(creatinine=page), fetched(2.5), grant=GRANT)
    assert reader.asked[0][1] == ("creatinine",)
    assert values(chart) == [0.9, 1.9, 2.5]


def test_an_incomplete_page_without_a_way_to_the_rest_forbids_silence() -> None:
    page = {**searchset(*TWO), "link": [{"relation": "next", "url": f"{EHR}/Observation?page=2"}]}
    chart, _ = read(full_prefetch(creatinine=page))
    assert values(chart) == [0.9, 1.9]
    assert not chart.allows_silence()


def failing(code: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}


CREATININE_NOT_HAD: dict[str, dict[str, Any]] = {
    "no prefetch at all": {},
    "creatinine absent": full_prefetch(creatinine=...),
    "creatinine an OperationOutcome": full_prefetch(creatinine=failing("exception")),
    "an OperationOutcome inside the Bundle": full_prefetch(creatinine=searchset(failing("timeout"))),
    "creatinine something else": full_prefetch(creatinine={"x": 1}),
}


@pytest.mark.parametrize("prefetch", CREATININE_NOT_HAD.values(), ids=CREATININE_NOT_HAD.keys())
def test_without_any_answer_about_creatinine_there_is_no_chart(prefetch: dict[str, Any]) -> None:
    """Requirements 52 and 54."""
    with pytest.raises(DataUnavailable) as refused:
        read(prefetch)
    assert refused.value.status == 412


FAILURES: list[Exception] = [
    UpstreamUnavailable("timeout", "no answer"),
    UpstreamUnavailable("unavailable", "503"),
    UpstreamRefused(401, "token"),
    UpstreamRefused(403, "scope"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_fhir_server_that_fails_us_is_412_when_creatinine_was_to_come_from_it(failure: Exception) -> None:
    with pytest.raises(DataUnavailable):
        read(full_prefetch(creatinine=...), failure, grant=GRANT)


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_fhir_server_that_fails_us_costs_only_what_it_had(failure: Exception) -> None:
    chart, _ = read(full_prefetch(*TWO, vitals=...), failure, grant=GRANT)
    assert values(chart) == [0.9, 1.9]
    assert chart.allows_silence()
    assert {gap.part for gap in chart.snapshot.incomplete} == {"vitals", "body", "urine"}


PROTECTED: list[tuple[dict[str, Any], Any]] = [
    ({}, ChartProtected()),
    (full_prefetch(creatinine=...), fetched(incomplete=(Incomplete("creatinine", "chart-protected", "x"),))),
    (full_prefetch(creatinine=break_the_glass()), UpstreamRefused(403, "scope")),
    (full_prefetch(creatinine=break_the_glass()), None),
]


@pytest.mark.parametrize(("prefetch", "answer"), PROTECTED)
def test_a_protected_chart_is_412_and_says_how_to_open_it(prefetch: dict[str, Any], answer: Any) -> None:
    """VN-13."""
    with pytest.raises(DataUnavailable) as refused:
        read(prefetch, answer or NOBODY, grant=GRANT if answer else None)
    assert refused.value.status == 412
    assert "break-the-glass" in refused.value.text
    assert refused.value.code == "chart-protected"


def test_a_query_that_failed_alone_is_412_for_creatinine() -> None:
    gap = (Incomplete("creatinine", "timeout", "The EHR did not answer in time."),)
    with pytest.raises(DataUnavailable) as refused:
        read({}, fetched(incomplete=gap), grant=GRANT)
    assert refused.value.code == "timeout"


def test_a_missing_patient_forbids_silence_but_not_a_finding() -> None:
    chart, _ = read(full_prefetch(*TWO, patient=...))
    assert values(chart) == [0.9, 1.9]
    assert not chart.allows_silence()


def test_other_patients_results_are_dropped_and_listed() -> None:
    """CH-20."""
    chart, _ = read(full_prefetch(*TWO, creatinine("x1", 9.9, 1, patient="p-2")))
    assert values(chart) == [0.9, 1.9]
    assert [one.code for one in chart.snapshot.rejected] == ["other-patient"]


def test_another_patient_as_the_patient_is_a_contradiction() -> None:
    with pytest.raises(WrongPatient):
        read(full_prefetch(*TWO, patient=patient("p-2")))


def test_another_patient_from_the_fhir_server_is_a_contradiction() -> None:
    with pytest.raises(WrongPatient):
        read({}, PatientMismatch("patient-mismatch", "another"), grant=GRANT)


class TestStrangeKeys:
    """VN-3: Epic sites type their own prefetch keys; what was sent is told by what it is."""

    def test_data_under_a_sites_own_names_is_recognised(self) -> None:
        chart, reader = read({"pt-user": patient(), "SCr-1y": searchset(*TWO), "enc": searchset(encounter())})
        assert values(chart) == [0.9, 1.9]
        assert chart.snapshot.sex is Sex.FEMALE
        assert [stay.setting for stay in chart.snapshot.stays] == ["IMP"]
        assert reader.asked == []

    def test_what_no_hook_asks_for_is_read_where_it_was_sent(self) -> None:
        ours = {"subject": {"reference": f"Patient/{PATIENT}"}}
        prefetch = full_prefetch(*TWO) | {
            "mar": searchset(medication_administration(**ours)),
            "imaging": imaging_study(**ours),
        }
        for sent in (prefetch, {**prefetch, "labs": ...}):
            chart, reader = read({name: value for name, value in sent.items() if value is not ...})
            assert [one.drug.text for one in chart.snapshot.given] == ["Vancomycin"]
            assert [one.text for one in chart.snapshot.contrast] == ["CT Chest W contrast IV"]
            assert chart.snapshot.medications == ()
            assert reader.asked == []

    def test_two_strange_bundles_of_creatinine_are_both_read(self) -> None:
        chart, _ = read({"a": searchset(TWO[0]), "b": searchset(TWO[1]), "patient": patient()})
        assert values(chart) == [0.9, 1.9]

    def test_an_empty_bundle_under_a_strange_name_answers_nothing(self) -> None:
        with pytest.raises(DataUnavailable):
            read({"patient": patient(), "labs-user": searchset()})

    def test_creatinine_inside_our_labs_counts_when_there_is_no_better_way(self) -> None:
        prefetch = full_prefetch(creatinine=..., labs=searchset(*TWO))
        assert values(read(prefetch)[0]) == [0.9, 1.9]
        _, reader = read(prefetch, fetched(1.0), grant=GRANT)
        assert reader.asked[0][1] == ("creatinine",)  # a better way: the whole year's history

    def test_a_hospitals_own_code_is_recognised(self) -> None:
        local = {"coding": [{"system": "urn:oid:1.2.3", "code": "CREA"}]}
        prefetch = {"patient": patient(), "x": searchset(creatinine("c1", 1.2, 3, code=local))}
        reading = SiteReading(local_codes={"urn:oid:1.2.3|CREA": "2160-0"})
        assert values(read(prefetch, reading=reading)[0]) == [1.2]

    def test_urine_creatinine_does_not_pass_for_creatinine(self) -> None:
        urine = {"coding": [{"system": "http://loinc.org", "code": "2161-8"}]}
        with pytest.raises(DataUnavailable):
            read({"patient": patient(), "x": searchset(creatinine("u1", 90, 3, code=urine))})


class TestThroughTheRealReader:
    """The same with `patient_context.reader.read` and a fake EHR behind a `requests.Session`."""

    def ehr(self, *, status: int = 200) -> FakeSession:
        session = FakeSession()
        answers: dict[str, Any] = {"Patient": patient(), "Observation": searchset(*TWO)}

        def send(request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
            session.asked.append(str(request.url))
            kind = str(request.url).removeprefix(f"{EHR}/").split("?")[0].split("/")[0]
            answer = requests.Response()
            answer.status_code, answer.request, answer.url = status, request, str(request.url)
            answer._content = json.dumps(answers.get(kind, searchset())).encode()
            answer.headers["Content-Type"] = "application/fhir+json"
            return answer

        session.send = send  # type: ignore[method-assign]
        return session

    def read(self, session: FakeSession, prefetch: dict[str, Any]) -> Chart:
        hook = HookRequest("patient-view", "i", "u", PATIENT, fhir_server=EHR, grant=GRANT, prefetch=prefetch)
        return read_chart(hook, ChartSource(DEFAULT_READING, lambda: session, lambda: 5.0), now=NOW)

    def test_the_chart_is_completed_from_the_registered_server(self) -> None:
        session = self.ehr()
        chart = self.read(session, {"patient": patient()})
        assert values(chart) == [0.9, 1.9]
        assert session.asked
        assert all(url.startswith(f"{EHR}/") for url in session.asked)
        assert not any(url.startswith(f"{EHR}/Patient") for url in session.asked)  # was prefetched

    @pytest.mark.parametrize("status", [401, 403, 500, 503])
    def test_a_refusing_or_failing_server_is_412(self, status: int) -> None:
        with pytest.raises(DataUnavailable):
            self.read(self.ehr(status=status), {"patient": patient()})
