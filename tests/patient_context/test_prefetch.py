from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from model.analytes import Analyte
from patient_context.mapping import merge, snapshot_from_prefetch, snapshot_from_resources
from patient_context.queries import ASSESSED_KEYS, PREFETCH_KEYS
from tests.builders.fhir import (
    concept,
    imaging_study,
    medication_administration,
    observation,
    operation_outcome,
    patient,
    searchset,
    subject,
)

READ_AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
NO_RESULTS = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "details": {"coding": [{"system": "urn:oid:1.2", "code": "4101"}]}}],
}


def whole(**changes: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(PREFETCH_KEYS),
        "patient": patient(),
        "creatinine": searchset(observation()),
        **changes,
    }


def read(prefetch: Any, **settings: Any) -> Any:
    return snapshot_from_prefetch(prefetch, patient_id="p1", read_at=READ_AT, **settings)


def test_a_null_key_was_asked_and_found_nothing() -> None:
    found = read(whole(labs=None))
    assert found.missing == found.partial == ()
    assert found.snapshot.incomplete == ()


def test_an_absent_key_is_missing_with_every_query_behind_it() -> None:
    prefetch = whole()
    del prefetch["vitals"]
    found = read(prefetch)
    assert found.missing == ("vitals", "body", "urine")
    assert [(gap.part, gap.code) for gap in found.unread] == [(key, "not-supplied") for key in found.missing]


def test_what_is_only_shown_and_not_sent_is_not_missing() -> None:
    found = read(whole())
    assert found.missing == ()
    assert found.snapshot.not_read == ()


def test_what_is_only_shown_is_merged_with_the_rest() -> None:
    sent = read(whole(drugs_given=searchset(medication_administration(id="a")))).snapshot
    fetched = snapshot_from_resources(
        [medication_administration(id="b"), imaging_study(id="c")], patient_id="p1", read_at=READ_AT
    )
    both = merge(sent, fetched, fetched_keys=("drugs_given", "imaging"))
    assert [one.drug.source for one in both.given] == [
        "MedicationAdministration/a",
        "MedicationAdministration/b",
    ]
    assert [one.source for one in both.contrast] == ["ImagingStudy/c"]


@pytest.mark.parametrize("prefetch", [None, {}, [], "prefetch"])
def test_without_prefetch_everything_is_missing(prefetch: Any) -> None:
    assert read(prefetch).missing == ASSESSED_KEYS


@pytest.mark.parametrize("answer", [operation_outcome(), searchset(operation_outcome()), 7, [], {"entry": []}])
def test_an_error_in_place_of_data_is_missing(answer: Any) -> None:
    assert read(whole(creatinine=answer)).missing == ("creatinine",)


@pytest.mark.parametrize(
    "answer", [NO_RESULTS, operation_outcome("information"), searchset(NO_RESULTS), searchset()]
)
def test_no_results_are_an_answer(answer: Any) -> None:
    assert read(whole(creatinine=answer)).missing == ()


@pytest.mark.parametrize(
    "page", [searchset(observation(), next_url="https://ehr.example/fhir?p=2"), searchset(observation(), total=9)]
)
def test_a_first_page_is_used_and_named_partial(page: Any) -> None:
    found = read(whole(creatinine=page))
    assert found.partial == ("creatinine",)
    assert len(found.snapshot.measurements(Analyte.CREATININE)) == 1
    assert [(gap.part, gap.code) for gap in found.snapshot.incomplete] == [("creatinine", "partial")]


def _heart_rates(days_back: float, *, newest_first: bool = True, n: int = 20) -> list[dict[str, Any]]:
    times = [READ_AT - timedelta(days=days_back * step / (n - 1)) for step in range(n)]
    return [
        observation(id=f"hr{i}", loinc="8867-4", value=80, unit="/min", at=at.isoformat())
        for i, at in enumerate(times if newest_first else reversed(times))
    ]


def test_a_page_that_reaches_back_past_a_query_s_window_is_whole_for_that_query() -> None:
    found = read(whole(vitals=searchset(*_heart_rates(4), next_url="https://ehr.example/fhir?p=2")))
    assert found.partial == ("body",)  # weight and height are looked for over a year


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(_heart_rates(0.9), id="it does not reach back a day"),
        pytest.param(_heart_rates(4, newest_first=False), id="it is not sorted"),
        pytest.param(_heart_rates(4, n=5), id="too few to prove the order"),
        pytest.param(
            [*_heart_rates(4), {**_heart_rates(4)[0], "effectiveDateTime": "2026"}], id="a time is unclear"
        ),
    ],
)
def test_otherwise_a_page_with_a_next_is_partial_for_every_query(page: list[dict[str, Any]]) -> None:
    found = read(whole(vitals=searchset(*page, next_url="https://ehr.example/fhir?p=2")))
    assert found.partial == ("vitals", "body", "urine")


def _labs(days_back: float) -> list[dict[str, Any]]:
    return [{**one, "code": concept("http://loinc.org", "2823-3")} for one in _heart_rates(days_back)]


def test_the_newest_day_of_intensive_care_is_enough_and_where_it_ends_is_said() -> None:
    """A monitor fills 200 results in a day: a second round for older ones would make every such patient slow."""
    weight = observation(
        id="w", loinc="29463-7", value=70, unit="kg", at=(READ_AT - timedelta(days=2)).isoformat()
    )
    found = read(whole(vitals=searchset(*_heart_rates(1.5), weight, next_url="https://ehr.example/fhir?p=2")))
    assert found.missing == found.partial == ()
    assert [(gap.part, gap.code) for gap in found.snapshot.incomplete] == [
        ("vitals", "newest-only"),
        ("urine", "newest-only"),
    ]
    assert "back to" in found.snapshot.incomplete[0].reason


@pytest.mark.parametrize(("days_back", "partial"), [(2.5, ()), (1.5, ("labs",))])
def test_two_days_of_other_results_are_enough(days_back: float, partial: tuple[str, ...]) -> None:
    found = read(whole(labs=searchset(*_labs(days_back), next_url="https://ehr.example/fhir?p=2")))
    assert found.partial == partial


def test_a_page_of_creatinine_is_never_enough_before_the_year_is_out() -> None:
    page = [{**one, "code": concept("http://loinc.org", "2160-0")} for one in _heart_rates(300)]
    assert read(whole(creatinine=searchset(*page, next_url="https://ehr.example/fhir?p=2"))).partial == (
        "creatinine",
    )


def test_another_patients_results_are_dropped_and_reported() -> None:
    found = read(whole(creatinine=searchset(observation(subject=subject("p2"), id="x")), patient=patient("p2")))
    assert found.snapshot.series == {}
    assert found.snapshot.birth_date is None
    assert {r.code for r in found.snapshot.rejected} == {"other-patient"}


def test_a_result_under_two_keys_counts_once() -> None:
    same = observation()
    found = read(whole(creatinine=searchset(same), labs=searchset(same)))
    assert len(found.snapshot.measurements(Analyte.CREATININE)) == 1


def test_what_was_fetched_completes_what_was_sent() -> None:
    sent = read(
        {"creatinine": searchset(observation(at="2026-03-01T08:00:00Z"), next_url="https://ehr.example/2")}
    )
    fetched = snapshot_from_resources(
        [patient(), observation(value=1.4, at="2026-03-01T09:00:00Z")], patient_id="p1", read_at=READ_AT
    )
    both = merge(sent.snapshot, fetched, fetched_keys={"patient", "creatinine"})
    assert [m.value for m in both.measurements(Analyte.CREATININE)] == [1.0, 1.4]
    assert both.birth_date == fetched.birth_date
    assert both.incomplete == ()


@pytest.mark.parametrize("corrected_in", ["sent", "fetched"])
def test_a_correction_in_one_reading_holds_against_the_original_in_the_other(corrected_in: str) -> None:
    """The merged chart knows no status any more: the original, the more alarming, would come back."""
    original = observation(value=2.4, id="a")
    both = [original, observation(value=1.2, id="b", status="corrected")]
    one, other = ([original], both) if corrected_in == "fetched" else (both, [original])
    sent, fetched = (
        snapshot_from_resources([patient(), *found], patient_id="p1", read_at=READ_AT) for found in (one, other)
    )
    merged = merge(sent, fetched, fetched_keys={"creatinine"})
    assert [m.value for m in merged.measurements(Analyte.CREATININE)] == [1.2]
    assert [one.code for one in merged.rejected] == ["displaced"]
