"""The reader against a FHIR server on a real socket: paging, guards, partial and whole failures."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from werkzeug.wrappers import Response

from model.analytes import Analyte
from model.snapshot import PatientSnapshot
from patient_context.errors import ChartProtected, PatientMismatch, UpstreamRefused, UpstreamUnavailable
from patient_context.fhir_server import is_under
from patient_context.queries import QUERY_KEYS
from patient_context.reader import FhirAccess, read
from patient_context.reading import SiteReading
from tests.builders.fhir import (
    break_the_glass,
    concept,
    medication_administration,
    medication_request,
    observation,
    operation_outcome,
    patient,
    searchset,
    subject,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CREATININE = "Observation?2160-0"
TOKEN = "canary-token"


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


def chart(ehr: Any, session: requests.Session, **settings: Any) -> PatientSnapshot:
    scopes = settings.pop("scopes", None)
    return read(FhirAccess(ehr.url, TOKEN, scopes), patient_id="p1", session=session, now=NOW, **settings)


def forbidden(body: Any) -> Callable[[Any], Response]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: Response(content, status=403, mimetype="application/fhir+json")


def gaps(snapshot: PatientSnapshot) -> list[tuple[str, str]]:
    return [(gap.part, gap.code) for gap in snapshot.incomplete]


def creatinines(snapshot: PatientSnapshot) -> list[float]:
    return [m.value for m in snapshot.measurements(Analyte.CREATININE)]


def test_every_query_of_the_list_is_asked_once_with_the_token(ehr: Any, session: requests.Session) -> None:
    ehr.on(CREATININE, searchset(observation()))
    snapshot = chart(ehr, session)
    assert creatinines(snapshot) == [1.0]
    assert snapshot.incomplete == ()
    assert len(ehr.requests) == len(QUERY_KEYS)
    assert {token for _, token in ehr.requests} == {f"Bearer {TOKEN}"}


def test_a_hospital_with_its_own_codes_is_asked_by_them_too(ehr: Any, session: requests.Session) -> None:
    reading = SiteReading(local_codes={"urn:oid:1.2.3|KR,E&A": "2160-0", "urn:oid:1.2.3|POT": "2823-3"})
    own = observation(code={"coding": [{"system": "urn:oid:1.2.3", "code": "KR,E&A"}]})
    ehr.on(CREATININE, searchset(own))
    assert creatinines(chart(ehr, session, reading=reading)) == [1.0]
    (asked,) = (target for target, _ in ehr.requests if "2160-0" in target)
    assert "urn%3Aoid%3A1.2.3%7CKR%5C,E%26A&date" in asked
    assert "POT" not in asked


def test_a_server_that_ignores_every_parameter_changes_nothing(ehr: Any, session: requests.Session) -> None:
    """FH-2: what is asked for is filtered again here; the self link is not needed."""
    asked = [observation(id="a"), observation("2823-3", 4.0, "mmol/L", id="b")]
    strange = [observation("4548-4", 6, "%", id="c"), observation(status="cancelled", id="d")]
    for key in ("Observation?2160-0", "Observation?2823-3"):
        ehr.on(key, searchset(*asked, *strange, observation(id="e", subject=subject("p2"))))
    snapshot = chart(ehr, session)
    assert creatinines(snapshot) == [1.0]
    assert {(r.resource, r.code) for r in snapshot.rejected} == {
        ("Observation/d", "cancelled"),
        ("Observation/e", "other-patient"),
    }


def test_a_search_that_counts_more_than_it_sends_is_incomplete(ehr: Any, session: requests.Session) -> None:
    ehr.on(CREATININE, searchset(observation(), total=7))
    assert gaps(chart(ehr, session)) == [("creatinine", "partial")]


def test_a_total_that_is_reached_over_several_pages_is_complete(ehr: Any, session: requests.Session) -> None:
    first = searchset(observation(id="a"), total=2, next_url=f"{ehr.url}/Observation?page=two")
    ehr.on("Observation?page=two", searchset(observation(id="b", at="2026-03-01T09:00:00Z"), total=2))
    ehr.on(CREATININE, first)
    snapshot = chart(ehr, session)
    assert (len(creatinines(snapshot)), gaps(snapshot)) == (2, [])


def test_an_answer_that_is_not_utf_8_is_named_and_asked_for_twice(ehr: Any, session: requests.Session) -> None:
    body = (
        json.dumps(searchset(observation()), ensure_ascii=False).replace("final", "fin\u00e4l").encode("latin-1")
    )
    ehr.on(CREATININE, lambda _: Response(body, content_type="application/fhir+json; charset=iso-8859-1"))
    assert gaps(chart(ehr, session)) == [("creatinine", "unreadable")]
    assert sum("2160-0" in target for target, _ in ehr.requests) == 2


def test_a_compressed_answer_is_unpacked(ehr: Any, session: requests.Session) -> None:
    body = gzip.compress(json.dumps(searchset(observation())).encode())
    ehr.on(CREATININE, lambda _: Response(body, headers={"Content-Encoding": "gzip"}))
    assert creatinines(chart(ehr, session)) == [1.0]


def test_only_some_queries_can_be_asked(ehr: Any, session: requests.Session) -> None:
    chart(ehr, session, only=("creatinine",))
    assert [path.partition("?")[0] for path, _ in ehr.requests] == ["Observation"]


def test_the_token_is_in_no_repr() -> None:
    assert TOKEN not in repr(FhirAccess("https://ehr.example/fhir", TOKEN))


class TestPaging:
    def test_pages_are_read_to_the_end(self, ehr: Any, session: requests.Session) -> None:
        second = observation(value=1.4, at="2026-03-01T09:00:00Z")
        ehr.on(CREATININE, searchset(observation(), next_url=f"{ehr.url}/Observation?page=2"))
        ehr.on("Observation?page=2", searchset(second))
        assert creatinines(chart(ehr, session)) == [1.0, 1.4]

    def test_a_relative_next_link_is_followed(self, ehr: Any, session: requests.Session) -> None:
        ehr.on(CREATININE, searchset(observation(), next_url="Observation?page=2"))
        ehr.on("Observation?page=2", searchset(observation(value=1.4, at="2026-03-01T09:00:00Z")))
        assert creatinines(chart(ehr, session)) == [1.0, 1.4]

    def test_a_circle_of_pages_ends_incomplete(self, ehr: Any, session: requests.Session) -> None:
        ehr.on(CREATININE, searchset(observation(), next_url=f"{ehr.url}/Observation?page=2"))
        ehr.on("Observation?page=2", searchset(next_url=f"{ehr.url}/Observation?page=2"))
        snapshot = chart(ehr, session)
        assert creatinines(snapshot) == [1.0]
        assert gaps(snapshot) == [("creatinine", "partial")]

    def test_endless_pages_stop_at_the_cap(self, ehr: Any, session: requests.Session) -> None:
        numbers = iter(range(10_000))
        endless = [lambda _: Response(_page(ehr.url, next(numbers)), mimetype="application/fhir+json")]
        ehr.on(CREATININE, *endless)
        ehr.on("Observation?page=", *endless)
        snapshot = chart(ehr, session, only=("creatinine",))
        assert len(ehr.requests) == 50
        assert gaps(snapshot) == [("creatinine", "partial")]

    def test_a_next_link_to_another_host_is_never_visited(
        self, ehr: Any, stranger: Any, session: requests.Session
    ) -> None:
        """SL-64: fhirclient alone would send the token there."""
        ehr.on(CREATININE, searchset(observation(), next_url=f"{stranger.url}/Observation?page=2"))
        snapshot = chart(ehr, session)
        assert stranger.requests == []
        assert creatinines(snapshot) == [1.0]
        assert gaps(snapshot) == [("creatinine", "partial")]

    def test_a_failing_second_page_leaves_the_first_and_says_so(self, ehr: Any, session: requests.Session) -> None:
        ehr.on(CREATININE, searchset(observation(), next_url=f"{ehr.url}/Observation?page=2"))
        ehr.on("Observation?page=2", 500)
        snapshot = chart(ehr, session)
        assert creatinines(snapshot) == [1.0]
        assert gaps(snapshot) == [("creatinine", "partial")]
        assert "Pages read: 1" in snapshot.incomplete[0].reason


def _page(url: str, number: int) -> bytes:
    return json.dumps(searchset(next_url=f"{url}/Observation?page={number}")).encode()


class TestWholeFailures:
    def test_another_patient_is_a_hard_stop(self, ehr: Any, session: requests.Session) -> None:
        ehr.on("Patient/p1", patient("p2"))
        with pytest.raises(PatientMismatch):
            chart(ehr, session)

    @pytest.mark.parametrize("key", ["Patient/p1", CREATININE])
    def test_a_token_no_longer_accepted_is_refused(self, ehr: Any, session: requests.Session, key: str) -> None:
        ehr.on(key, 401)
        with pytest.raises(UpstreamRefused) as refusal:
            chart(ehr, session)
        assert refusal.value.status == 401

    @pytest.mark.parametrize("status", [403, 404])
    def test_no_access_to_the_patient_is_refused(self, ehr: Any, session: requests.Session, status: int) -> None:
        ehr.on("Patient/p1", status)
        with pytest.raises(UpstreamRefused) as refusal:
            chart(ehr, session)
        assert refusal.value.status == status

    @pytest.mark.parametrize("code", ["4130", "4131", "4134"])
    def test_a_protected_patient_is_told_apart_from_a_refusal(
        self, ehr: Any, session: requests.Session, code: str
    ) -> None:
        """VN-13."""
        ehr.on("Patient/p1", forbidden(break_the_glass(code)))
        with pytest.raises(ChartProtected) as refusal:
            chart(ehr, session)
        assert (refusal.value.status, refusal.value.code) == (403, "chart-protected")
        assert len([target for target, _ in ehr.requests if target.startswith("Patient")]) == 1  # not tried again

    @pytest.mark.parametrize(
        "body",
        [
            break_the_glass("4119"),
            break_the_glass(system="urn:oid:1.2.3"),
            operation_outcome(),
            {"resourceType": "Patient", "issue": break_the_glass()["issue"]},
            {"resourceType": "OperationOutcome", "issue": [{"details": "4130"}, 7]},
            [],
            b"<html>4130</html>",
            b"",
        ],
    )
    def test_any_other_403_stays_a_refusal(self, ehr: Any, session: requests.Session, body: Any) -> None:
        ehr.on("Patient/p1", forbidden(body))
        with pytest.raises(UpstreamRefused) as refusal:
            chart(ehr, session)
        assert (refusal.value.status, refusal.value.code) == (403, "upstream-refused")

    def test_a_protected_chart_asked_without_the_patient_is_protected(
        self, ehr: Any, session: requests.Session
    ) -> None:
        ehr.on("Observation", forbidden(break_the_glass()))
        with pytest.raises(ChartProtected):
            chart(ehr, session, only=["creatinine", "labs"])

    @pytest.mark.parametrize(
        "answer", [500, 302, b"<html>Login</html>", b'{"resourceType": "Pat', operation_outcome()]
    )
    def test_a_patient_that_cannot_be_read_is_unavailable(
        self, ehr: Any, session: requests.Session, answer: Any
    ) -> None:
        ehr.on("Patient/p1", answer)
        with pytest.raises(UpstreamUnavailable):
            chart(ehr, session)

    def test_nobody_listening_is_unavailable_and_names_no_address(self, session: requests.Session) -> None:
        with pytest.raises(UpstreamUnavailable) as failure:
            read(FhirAccess("http://127.0.0.1:9/fhir"), patient_id="p1", session=session, now=NOW)
        assert "127.0.0.1" not in str(failure.value)
        assert failure.value.__cause__ is None

    def test_a_patient_id_that_is_no_id_leaves_no_request(self, ehr: Any, session: requests.Session) -> None:
        with pytest.raises(UpstreamRefused):
            read(FhirAccess(ehr.url), patient_id="../Group/1", session=session, now=NOW)
        assert ehr.requests == []


class TestPartialFailures:
    def test_a_part_that_alone_is_protected_is_named_so(self, ehr: Any, session: requests.Session) -> None:
        ehr.on("Condition", forbidden(break_the_glass()))
        assert gaps(chart(ehr, session)) == [("conditions", "chart-protected")]

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (403, "forbidden"),
            (500, "unavailable"),
            (b"<html>Login</html>", "unreadable"),
            (b'{"resourceType": "Bundle", "entry": [', "unreadable"),
            (b"[]", "unreadable"),
            (b'{"resourceType": "Patient"}', "unreadable"),
            (operation_outcome(), "operation-outcome"),
            (302, "unreadable"),
        ],
    )
    def test_a_failed_query_is_named_and_the_rest_is_kept(
        self, ehr: Any, session: requests.Session, answer: Any, code: str
    ) -> None:
        ehr.on("Condition", answer)
        ehr.on(CREATININE, searchset(observation()))
        snapshot = chart(ehr, session)
        assert creatinines(snapshot) == [1.0]
        assert gaps(snapshot) == [("conditions", code)]

    def test_a_login_page_is_asked_once_more(self, ehr: Any, session: requests.Session) -> None:
        ehr.on(CREATININE, b"<html>Login</html>", searchset(observation()))
        assert creatinines(chart(ehr, session)) == [1.0]

    def test_a_refused_search_is_asked_again_without_its_wishes(self, ehr: Any, session: requests.Session) -> None:
        ehr.on("Observation?_sort", 400)
        ehr.on(CREATININE, searchset(observation()))
        assert creatinines(chart(ehr, session, only=("creatinine",))) == [1.0]
        assert ["_sort" in path for path, _ in ehr.requests] == [True, False]

    def test_what_the_token_does_not_permit_is_not_asked(self, ehr: Any, session: requests.Session) -> None:
        granted = frozenset({"patient/Patient.read", "patient/Observation.read"})
        snapshot = chart(ehr, session, scopes=granted)
        assert {path.partition("/")[0].partition("?")[0] for path, _ in ehr.requests} == {"Patient", "Observation"}
        assert ("conditions", "forbidden") in gaps(snapshot)

    def test_a_query_that_does_not_return_is_given_up_at_the_deadline(
        self, ehr: Any, session: requests.Session
    ) -> None:
        release = threading.Event()

        def slow(_: Any) -> Response:
            release.wait(10)
            return Response(status=500)

        ehr.on("Condition", slow)
        ehr.on(CREATININE, searchset(observation()))
        snapshot = chart(ehr, session, deadline_seconds=2.0)
        release.set()
        assert creatinines(snapshot) == [1.0]
        assert gaps(snapshot) == [("conditions", "timeout")]

    def test_results_of_another_patient_are_dropped_and_reported(
        self, ehr: Any, session: requests.Session
    ) -> None:
        ehr.on(CREATININE, searchset(observation(), observation(value=9.0, subject=subject("p2"), id="x")))
        snapshot = chart(ehr, session)
        assert creatinines(snapshot) == [1.0]
        assert [(r.resource, r.code) for r in snapshot.rejected] == [("Observation/x", "other-patient")]


def test_a_drug_named_by_reference_is_looked_up(ehr: Any, session: requests.Session) -> None:
    order = medication_request(medicationCodeableConcept=None, medicationReference={"reference": "Medication/d"})
    ehr.on("MedicationRequest?active", searchset(order))
    ehr.on("Medication/d", {"resourceType": "Medication", "id": "d", "code": concept("rx", "5640", "Ibuprofen")})
    assert chart(ehr, session).medications[0].text == "Ibuprofen"


@pytest.mark.parametrize(
    "address",
    [
        "https://other.example/fhir/Observation",
        "http://ehr.example/fhir/Observation",
        "https://ehr.example:8443/fhir/Observation",
        "https://ehr.example/fhirevil/Observation",
        "https://ehr.example/fhir/../admin",
        "https://ehr.example/fhir/%2e%2e/admin",
        "https://user@ehr.example/fhir/Observation",
        "https://ehr.example\\@other.example/fhir/Observation",
        "https://ehr.example.other.example/fhir/Observation",
        "file:///fhir/Observation",
    ],
)
def test_an_address_outside_the_base_is_outside(address: str) -> None:
    assert not is_under(address, "https://ehr.example/fhir/")


@pytest.mark.parametrize(
    "address",
    [
        "https://ehr.example/fhir/Observation?x=1",
        "https://ehr.example:443/fhir?_getpages=1",
        "https://EHR.example/fhir/",
    ],
)
def test_an_address_under_the_base_is_inside(address: str) -> None:
    assert is_under(address, "https://ehr.example/fhir/")


# --- what is only shown -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (404, "not-found"),
        (400, "unavailable"),
        (forbidden(b"{}"), "forbidden"),
        (401, "unauthorized"),
        (503, "unavailable"),
        (b"<html>", "unreadable"),
    ],
    ids=["not offered", "refused parameters", "forbidden", "refused by the token", "down", "no FHIR"],
)
def test_an_ehr_that_refuses_what_is_only_shown_leaves_nothing_in_doubt(
    ehr: Any, session: requests.Session, answer: Any, code: str
) -> None:
    ehr.on(CREATININE, searchset(observation()))
    ehr.on("MedicationAdministration?", answer)
    ehr.on("ImagingStudy?", answer)
    snapshot = chart(ehr, session)
    assert (creatinines(snapshot), gaps(snapshot)) == ([1.0], [])
    assert [(gap.part, gap.code) for gap in snapshot.not_read] == [("drugs_given", code), ("imaging", code)]


def test_without_the_scopes_what_is_only_shown_is_not_even_asked_for(ehr: Any, session: requests.Session) -> None:
    kinds = ("Patient", "Observation", "Condition", "MedicationRequest", "Procedure", "Encounter")
    snapshot = chart(ehr, session, scopes=frozenset(f"patient/{kind}.read" for kind in kinds))
    assert gaps(snapshot) == []
    assert [gap.part for gap in snapshot.not_read] == ["drugs_given", "imaging"]
    assert not any("Administration" in target or "Imaging" in target for target, _ in ehr.requests)


def test_what_is_only_shown_is_not_waited_for_longer_than_a_moment(
    ehr: Any, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patient_context.reader._GRACE_SECONDS", 0.05)
    answered = threading.Event()

    def late(_: Any) -> Response:
        answered.wait(10)
        return Response(status=404)

    ehr.on("MedicationAdministration?", late)
    try:
        snapshot = chart(ehr, session)
    finally:
        answered.set()
    assert ("drugs_given", "timeout") in [(gap.part, gap.code) for gap in snapshot.not_read]
    assert gaps(snapshot) == []


def test_a_chart_of_which_only_the_shown_came_is_no_chart(ehr: Any, session: requests.Session) -> None:
    for kind in ("Observation", "Condition", "MedicationRequest", "Procedure", "Encounter"):
        ehr.on(f"{kind}?", 503)
    ehr.on("Patient/p1", 503)
    with pytest.raises(UpstreamUnavailable):
        chart(ehr, session)


def test_a_drug_given_by_reference_is_read_like_one_that_is_ordered(ehr: Any, session: requests.Session) -> None:
    dose = medication_administration(
        medicationCodeableConcept=None, medicationReference={"reference": "Medication/d"}
    )
    drug = {"resourceType": "Medication", "id": "d", "code": concept("rx", "11124", "Vancomycin")}
    ehr.on("MedicationAdministration?", searchset(dose))
    ehr.on("Medication/d", drug)
    (given,) = chart(ehr, session).given
    assert given.drug.text == "Vancomycin"


def test_drugs_given_are_asked_for_with_the_time_oracle_wants(ehr: Any, session: requests.Session) -> None:
    chart(ehr, session)
    (asked,) = (target for target, _ in ehr.requests if target.startswith("MedicationAdministration"))
    assert "effective-time=ge2026-02-22T00%3A00%3A00Z" in asked or "effective-time=ge2026-02-22T00:00:00Z" in asked
