"""Finding patients: a whole list or none, of those asked for and no others."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import requests
from werkzeug.wrappers import Request, Response

from patient_context.errors import UpstreamRefused, UpstreamUnavailable
from patient_context.patient_search import FoundPatients, PatientQuery, find_patients
from patient_context.reader import FhirAccess
from patient_context.reading import SiteReading
from tests.builders.fake_ehr import FakeEhr, json_response, running_fake_ehr

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SEARCH = "/fhir/Patient/_search"
BY_NAME = PatientQuery(family="Osei", birth_date=date(1961, 2, 3))


@pytest.fixture
def ehr() -> Iterator[FakeEhr]:
    with running_fake_ehr() as fake:
        yield fake


def _patient(number: int = 1, **changes: Any) -> dict[str, Any]:
    usual = {
        "resourceType": "Patient",
        "id": f"p{number}",
        "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": "M-7"}],
        "name": [{"use": "official", "family": "Osei", "given": ["Ama"]}],
        "gender": "female",
        "birthDate": "1961-02-03",
    }
    return {**usual, **changes}


def _page(*resources: Any, following: str | None = None) -> dict[str, Any]:
    link = [{"relation": "next", "url": following}] if following else []
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": link,
        "entry": [{"resource": each} for each in resources],
    }


def _find(ehr: FakeEhr, asked: PatientQuery = BY_NAME, **reading: Any) -> FoundPatients:
    access = FhirAccess(ehr.fhir_base, "at")
    return find_patients(access, asked, session=requests.Session(), now=NOW, reading=SiteReading(**reading))


def _says(ehr: FakeEhr, *pages: Any) -> None:
    """The first answer to the search, then those of its further pages."""
    for number, page in enumerate(pages):
        place = SEARCH if number == 0 else f"/fhir/page/{number}"
        ehr.answers[place] = lambda _, body=page: json_response(body)


def test_a_match_has_the_words_of_the_banner(ehr: FakeEhr) -> None:
    _says(ehr, _page(_patient(deceasedBoolean=True, active=False)))
    (found,) = _find(ehr).patients
    assert (found.patient_id, found.name, found.birth_date, found.record_number) == (
        "p1",
        "Ama Osei",
        date(1961, 2, 3),
        "M-7",
    )
    assert (found.deceased, found.inactive) == (True, True)
    assert "Osei" not in repr(found)
    assert "p1" not in repr(found)


@pytest.mark.parametrize("typed", ["a,b", "a|b", "a$b", "a\\b"])
def test_separators_of_fhir_are_sent_as_the_characters_they_are(ehr: FakeEhr, typed: str) -> None:
    _says(ehr, _page())
    _find(ehr, PatientQuery(identifier=typed))
    (asked,) = ehr.asked
    assert asked.form["identifier"] == f"{typed[0]}\\{typed[1:]}"


def test_pages_are_read_to_their_end_and_each_patient_counts_once(ehr: FakeEhr) -> None:
    first = _page(_patient(1), _patient(2), following=f"{ehr.fhir_base}/page/1")
    _says(ehr, first, _page(_patient(2), _patient(3)))
    assert [each.patient_id for each in _find(ehr).patients] == ["p1", "p2", "p3"]


def test_a_page_that_cannot_be_read_leaves_no_list_to_choose_from(ehr: FakeEhr) -> None:
    _says(ehr, _page(_patient(1), following=f"{ehr.fhir_base}/page/1"))
    ehr.answers["/fhir/page/1"] = lambda _: Response(status=503)
    with pytest.raises(UpstreamUnavailable):
        _find(ehr)


def test_the_next_page_of_another_server_is_never_visited(ehr: FakeEhr) -> None:
    with running_fake_ehr() as other:
        _says(ehr, _page(_patient(1), following=f"{other.fhir_base}/page/1"))
        with pytest.raises(UpstreamUnavailable):
            _find(ehr)
        assert other.asked == []


def test_pages_without_end_are_too_many(ehr: FakeEhr) -> None:
    _says(ehr, *(_page(_patient(n), following=f"{ehr.fhir_base}/page/{n + 1}") for n in range(9)))
    assert _find(ehr) == FoundPatients(too_many=True)
    assert len(ehr.asked) <= 6


@pytest.mark.parametrize(
    "other",
    [
        _patient(birthDate="1961-02-04"),
        _patient(birthDate="1961"),
        _patient(birthDate=None),
        _patient(id="../x"),
    ],
)
def test_a_patient_who_is_not_asked_for_is_left_out_and_counted(ehr: FakeEhr, other: dict[str, Any]) -> None:
    _says(ehr, _page(other, {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}))
    assert _find(ehr) == FoundPatients(left_out=1)


def test_an_odd_record_among_the_matches_sinks_none_of_them(ehr: FakeEhr) -> None:
    odd = _patient(2, name="Osei", gender=7, identifier={"value": 3}, active="no")
    _says(ehr, _page(_patient(1), odd, "x", None))
    assert [each.name for each in _find(ehr).patients] == ["Ama Osei", None]


def test_a_wish_the_ehr_refuses_is_left_out_once(ehr: FakeEhr) -> None:
    def strict(request: Request) -> Response:
        return Response(status=400) if "_count" in request.form else json_response(_page(_patient()))

    ehr.answers[SEARCH] = strict
    assert len(_find(ehr).patients) == 1
    ehr.answers[SEARCH] = lambda _: Response(status=400)
    with pytest.raises(UpstreamRefused):
        _find(ehr)


def test_where_a_site_chooses_get_the_search_is_one(ehr: FakeEhr) -> None:
    ehr.answers["/fhir/Patient"] = lambda request: json_response(
        _page(_patient()) if request.args["family"] == "Osei" else _page()
    )
    assert len(_find(ehr, patient_search="get").patients) == 1
    assert {each.method for each in ehr.asked} == {"GET"}


def test_a_redirect_of_a_search_is_not_followed(ehr: FakeEhr) -> None:
    ehr.answers[SEARCH] = lambda _: Response(status=302, headers={"Location": "https://evil.example.org/"})
    with pytest.raises(UpstreamUnavailable):
        _find(ehr)
    assert ehr.paths() == [SEARCH]
