"""Search values and searches, table-driven (FHIR R4, search.html)."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.errors import RequestRefused
from sandbox.paging import Page, read_token, write_token
from sandbox.parameters import (
    date_predicate,
    read_span,
    reference_predicate,
    span_of,
    split_values,
    token_predicate,
    tokens_of,
)
from sandbox.search import USUAL_SIZES, understand
from tests.builders.records import BASE, NOW, PATIENT, bundled_store

ZONE = timezone(timedelta(hours=2))


def matches(parameter: str, held: Any) -> bool:
    span = span_of(held, ZONE)
    assert span is not None
    return date_predicate(parameter, ZONE)(span)


@pytest.mark.parametrize(
    ("parameter", "held", "expected"),
    [
        # the day of the parameter holds the instant; a second does not
        ("2026-03-10", "2026-03-10T09:00:00+02:00", True),
        ("eq2026-03", "2026-03-10T09:00:00+02:00", True),
        ("2026", "2026-03-10", True),
        ("2026-03-10T09:00:00+02:00", "2026-03-10T09:00:00+02:00", True),
        ("2026-03-10T09:00", "2026-03-10T09:00:30+02:00", True),
        ("2026-03-10T09:00:00", "2026-03-10T09:00:30+02:00", False),
        # a coarser value is not inside a finer parameter
        ("2026-03-10T09:00:00", "2026-03-10", False),
        ("ne2026-03-10", "2026-03-10T09:00:00+02:00", False),
        ("ne2026-03-11", "2026-03-10T09:00:00+02:00", True),
        # offsets: 23:30Z is the next day here
        ("2026-03-11", "2026-03-10T23:30:00Z", True),
        ("2026-03-10T23:30:00Z", "2026-03-11T01:30:00+02:00", True),
        # gt and lt look beyond the whole parameter; ge and le take it in
        ("gt2026-03-10", "2026-03-10T23:59:59+02:00", False),
        ("gt2026-03-10", "2026-03-11T00:00:00+02:00", True),
        ("ge2026-03-10", "2026-03-10T00:00:00+02:00", True),
        ("ge2026-03-10", "2026-03-09T23:59:59+02:00", False),
        ("lt2026-03-10", "2026-03-10T00:00:00+02:00", False),
        ("lt2026-03-10", "2026-03-09T23:59:59+02:00", True),
        ("le2026-03-10", "2026-03-10T23:59:59+02:00", True),
        ("le2026-03-10", "2026-03-11T00:00:00+02:00", False),
        # sa and eb: wholly after, wholly before
        ("sa2026-03-10", "2026-03-11", True),
        ("sa2026-03-10", "2026-03", False),
        ("eb2026-03-10", "2026-03-09", True),
        ("eb2026-03-10", "2026-03", False),
        # periods
        ("2026-03-10", {"start": "2026-03-10T08:00:00+02:00", "end": "2026-03-10T10:00:00+02:00"}, True),
        ("2026-03-10", {"start": "2026-03-10T08:00:00+02:00"}, False),
        ("ge2026-03-20", {"start": "2026-03-10T08:00:00+02:00"}, True),
        ("le2026-03-20", {"start": "2026-03-10T08:00:00+02:00"}, True),
        ("sa2026-03-09", {"start": "2026-03-10T08:00:00+02:00"}, True),
        ("gt2026-03-20", {"start": "2026-03-10", "end": "2026-03-12"}, False),
        ("lt2026-03-11", {"start": "2026-03-10", "end": "2026-03-12"}, True),
    ],
)
def test_date_prefixes_compare_ranges(parameter: str, held: Any, expected: bool) -> None:
    assert matches(parameter, held) is expected


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-02-30", "ap2026", "yesterday", "2026-3-1", "ge", "20260310", "2026-03-10T25:00"]
)
def test_what_is_no_date_is_refused_with_400(text: str) -> None:
    with pytest.raises(RequestRefused) as refusal:
        read_span(text, ZONE)
    assert refusal.value.status == 400


def test_a_plus_that_was_not_percent_encoded_is_understood() -> None:
    assert read_span("ge2026-03-10T09:00:00 02:00", ZONE) == read_span("ge2026-03-10T09:00:00+02:00", ZONE)


@settings(deadline=None)
@given(
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2090, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2090, 1, 1)),  # noqa: DTZ001
)
def test_an_instant_is_before_in_or_after_every_date(asked: datetime, precision: str, held: datetime) -> None:
    """Exactly one of eb, eq, sa holds for an instant, and le/ge are their unions, whatever the precision."""
    text, value = asked.strftime(precision), held.strftime("%Y-%m-%dT%H:%M:%S+02:00")
    before, inside, after = (matches(prefix + text, value) for prefix in ("eb", "eq", "sa"))
    assert [before, inside, after].count(True) == 1
    assert matches("le" + text, value) is (before or inside)
    assert matches("ge" + text, value) is (inside or after)
    assert matches("lt" + text, value) is before
    assert matches("gt" + text, value) is after
    assert matches("ne" + text, value) is not inside


HELD = {"coding": [{"system": "http://loinc.org", "code": "2160-0"}, {"code": "local"}], "text": "Creatinine"}


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ("2160-0", True),
        ("http://loinc.org|2160-0", True),
        ("http://loinc.org|", True),
        ("|2160-0", False),
        ("|local", True),
        ("http://snomed.info/sct|2160-0", False),
        ("http://snomed.info/sct|", False),
        ("2160", False),
        ("LOCAL", False),
    ],
)
def test_tokens_match_with_and_without_system(parameter: str, expected: bool) -> None:
    assert any(token_predicate(parameter)(token) for token in tokens_of(HELD)) is expected


def test_a_lone_bar_is_refused() -> None:
    with pytest.raises(RequestRefused):
        token_predicate("|")


def test_commas_and_bars_can_be_escaped() -> None:
    assert split_values(r"a\,b,c") == [r"a\,b", "c"]
    assert token_predicate(r"a\,b")((None, "a,b"))
    assert token_predicate(r"s|a\|b")(("s", "a|b"))


@pytest.mark.parametrize("text", ["7", "Patient/7", f"{BASE}/Patient/7"])
def test_references_are_named_in_three_ways(text: str) -> None:
    holds = reference_predicate(text, BASE, "Patient")
    assert holds("Patient/7")
    assert not holds("Patient/77")
    assert not holds("Group/7")


# --- whole searches over a real chart -------------------------------------------------------------------------


def found(resource_type: str, *pairs: tuple[str, str], strict: bool = False) -> list[dict[str, Any]]:
    store = bundled_store()
    search = understand(resource_type, pairs, base_url=BASE, zone=ZONE, strict=strict)
    return search.run(store.resources(PATIENT, resource_type), ZONE)


def everything(resource_type: str) -> list[dict[str, Any]]:
    return bundled_store().resources(PATIENT, resource_type)


def test_alternatives_add_up_and_parameters_narrow() -> None:
    creatinine = found("Observation", ("code", "http://loinc.org|2160-0"))
    potassium = found("Observation", ("code", "2823-3"))
    both = found("Observation", ("code", "http://loinc.org|2160-0,2823-3"))
    assert creatinine
    assert potassium
    assert {r["id"] for r in both} == {r["id"] for r in [*creatinine, *potassium]}
    assert found("Observation", ("code", "2160-0"), ("category", "vital-signs")) == []
    assert found("Observation", ("code", "2160-0"), ("category", "laboratory")) == creatinine


@pytest.mark.parametrize(
    ("type_", "pair"),
    [
        ("Observation", ("patient", f"Patient/{PATIENT}")),
        ("Observation", ("subject", PATIENT)),
        ("Observation", ("subject:Patient", PATIENT)),
        ("Observation", ("status", "final")),
        ("Observation", ("status", "http://hl7.org/fhir/observation-status|final")),
        ("Observation", ("status:not", "preliminary")),
        ("Observation", ("date:missing", "false")),
        ("Patient", ("_id", PATIENT)),
        ("Patient", ("name", "STEF")),
        ("Encounter", ("status", "finished,in-progress")),
        ("Encounter", ("class", "http://terminology.hl7.org/CodeSystem/v3-ActCode|")),
        ("MedicationRequest", ("intent", "order")),
    ],
)
def test_parameters_that_every_resource_meets_leave_all(type_: str, pair: tuple[str, str]) -> None:
    assert found(type_, pair) == everything(type_) != []


@pytest.mark.parametrize(
    ("type_", "pair"),
    [
        ("Observation", ("patient", "10007795")),
        ("Observation", ("subject:Group", PATIENT)),
        ("Observation", ("status", "http://example.org/other|final")),
        ("Observation", ("encounter", "enc-nobody-01")),
        ("Condition", ("clinical-status", "resolved")),
        ("Patient", ("gender", "female")),
    ],
)
def test_parameters_that_no_resource_meets_leave_none(type_: str, pair: tuple[str, str]) -> None:
    if pair[0] == "subject:Group":
        with pytest.raises(RequestRefused, match="modifier"):
            found(type_, pair)
    else:
        assert found(type_, pair) == []


def test_encounter_parameter_finds_the_results_of_one_stay() -> None:
    stay = next(e for e in everything("Encounter") if e["status"] == "in-progress")
    inside = found("Observation", ("encounter", f"Encounter/{stay['id']}"))
    assert inside
    assert {o["encounter"]["reference"] for o in inside} == {f"Encounter/{stay['id']}"}


def test_components_are_found_by_combo_code_only() -> None:
    assert found("Observation", ("code", "8480-6")) == []
    panels = found("Observation", ("combo-code", "8480-6"))
    assert panels
    assert {o["code"]["coding"][0]["code"] for o in panels} == {"85354-9"}


def test_a_date_window_cuts_the_series_in_two() -> None:
    middle = (NOW - timedelta(hours=24)).isoformat()
    later = found("Observation", ("date", f"ge{middle}"))
    earlier = found("Observation", ("date", f"lt{middle}"))
    assert later
    assert earlier
    assert len(later) + len(earlier) == len(everything("Observation"))
    assert found("Observation", ("date", f"ge{middle}"), ("date", f"lt{middle}")) == []


def test_sorting_by_date_goes_both_ways_and_ties_break_by_the_next_key() -> None:
    newest = found("Observation", ("_sort", "-date"))
    oldest = found("Observation", ("_sort", "date,_id"))
    times = [datetime.fromisoformat(o["effectiveDateTime"]) for o in newest if "T" in o["effectiveDateTime"]]
    assert times == sorted(times, reverse=True)
    keys = [(o["effectiveDateTime"], o["id"]) for o in oldest if "T" in o["effectiveDateTime"]]
    assert [datetime.fromisoformat(t) for t, _ in keys] == sorted(datetime.fromisoformat(t) for t, _ in keys)
    same_time = [k for k in keys if k[0] == keys[-1][0]]
    assert same_time == sorted(same_time)


def test_strict_handling_refuses_what_lenient_ignores() -> None:
    assert found("Observation", ("flavour", "mild")) == everything("Observation")
    for pair in (("flavour", "mild"), ("_sort", "flavour"), ("_include", "Observation:encounter")):
        with pytest.raises(RequestRefused) as refusal:
            found("Observation", pair, strict=True)
        assert refusal.value.status == 400


def test_unknown_parameters_do_not_show_in_the_self_link() -> None:
    search = understand(
        "Observation", [("flavour", "x"), ("code", "2160-0")], base_url=BASE, zone=ZONE, strict=False
    )
    assert search.used == (("code", "2160-0"),)


@pytest.mark.parametrize(
    ("text", "count"), [(None, USUAL_SIZES.default), ("1", 1), ("200", 200), ("5000", USUAL_SIZES.largest)]
)
def test_page_size_has_a_default_and_a_limit(text: str | None, count: int) -> None:
    pairs = [("_count", text)] if text else []
    assert understand("Observation", pairs, base_url=BASE, zone=ZONE, strict=False).count == count


@pytest.mark.parametrize("text", ["-1", "many", "1.5", "9" * 400])
def test_a_page_size_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(RequestRefused):
        understand("Observation", [("_count", text)], base_url=BASE, zone=ZONE, strict=False)


def test_elements_keep_what_is_mandatory_and_say_subsetted() -> None:
    search = understand("Observation", [("_elements", "valueQuantity")], base_url=BASE, zone=ZONE, strict=False)
    held = next(o for o in everything("Observation") if "valueQuantity" in o)
    shown = search.shown(held)
    assert set(shown) == {"resourceType", "id", "meta", "status", "code", "subject", "valueQuantity"}
    assert shown["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert "tag" not in held["meta"]


def test_page_tokens_come_back_as_written() -> None:
    page = Page((("patient", "7"), ("code", "http://loinc.org|2160-0")), 50)
    assert read_token(write_token(page)) == page


@settings(deadline=None)
@given(st.text(max_size=200).filter(lambda text: not text.startswith("W")))
def test_any_other_page_token_is_gone(text: str) -> None:
    """Every token of ours begins with the base64 of an opening bracket."""
    with pytest.raises(RequestRefused) as refusal:
        read_token(text)
    assert refusal.value.status == 410


def test_spans_without_offset_are_read_in_the_ehrs_zone() -> None:
    assert read_span("2026-03-10T09:00", ZONE)[1].start == datetime(2026, 3, 10, 7, 0, tzinfo=UTC)
