import re
from datetime import UTC, datetime

import pytest

from patient_context.codes import CREATININE_CODES, REFUSED_TESTS, TESTS
from patient_context.queries import (
    ASSESSED_KEYS,
    PREFETCH_KEYS,
    QUERIES,
    QUERY_KEYS,
    SHOWN_ONLY,
    PrefetchVariant,
    is_permitted,
    permits,
    prefetch_templates,
    scopes,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BOTH: list[PrefetchVariant] = ["coded", "category"]


@pytest.mark.parametrize("variant", BOTH)
def test_templates_use_nothing_a_cds_2_client_may_refuse(variant: PrefetchVariant) -> None:
    """CH-6 to CH-9: one token, equality and _sort/_count only."""
    templates = prefetch_templates(variant)
    assert tuple(templates) == PREFETCH_KEYS
    assert len(templates) <= 8
    for template in templates.values():
        assert re.findall(r"\{\{(.*?)\}\}", template) == ["context.patientId"]
        assert "today()" not in template
        assert not re.search(r"sort:|_include|[?&]date=", template)


def test_every_template_names_a_code_a_category_or_another_resource_type() -> None:
    """CH-10, FH-1: an Observation search by patient alone may be refused."""
    for variant in BOTH:
        for template in prefetch_templates(variant).values():
            if template.startswith("Observation"):
                assert "&code=http://loinc.org|" in template or "&category=" in template


def test_the_reader_asks_for_a_year_of_creatinine_by_code() -> None:
    query = next(q for q in QUERIES if q.key == "creatinine")
    parameters = dict(query.search_parameters("p1", NOW))
    assert parameters["date"] == "ge2025-03-01"
    assert parameters["code"].split(",") == [f"http://loinc.org|{code}" for code in CREATININE_CODES]


def test_no_code_is_both_used_and_refused() -> None:
    assert not TESTS.keys() & REFUSED_TESTS.keys()


def test_scopes_are_least_in_both_spellings() -> None:
    assert "patient/Observation.read" in scopes("v1")
    assert "patient/Observation.rs" in scopes("v2")
    assert all("*" not in scope and "write" not in scope for scope in (*scopes("v1"), *scopes("v2")))


@pytest.mark.parametrize("level", ["patient", "user"])
@pytest.mark.parametrize("syntax", ["v1", "v2"])
def test_the_scopes_asked_for_permit_every_query(syntax: str, level: str) -> None:
    granted = frozenset(scopes("v1" if syntax == "v1" else "v2", "user" if level == "user" else "patient"))
    assert all(is_permitted(granted, query) for query in QUERIES)
    assert all(scope.startswith(f"{level}/") for scope in granted)


def test_patients_are_searched_for_at_the_users_level_only() -> None:
    assert permits(frozenset(scopes("v2", "user")), "Patient", "s")
    assert not permits(frozenset(scopes("v2")), "Patient", "s")


@pytest.mark.parametrize(
    ("granted", "permitted"),
    [
        ("patient/Observation.rs?category=laboratory", True),
        ("user/*.read", True),
        ("patient/*.cruds", True),
        ("patient/Observation.r", False),
        ("patient/Observation.write", False),
        ("patient/Condition.read", False),
        ("openid", False),
    ],
)
def test_a_grant_permits_only_what_it_says(granted: str, permitted: bool) -> None:
    query = next(q for q in QUERIES if q.key == "creatinine")
    assert is_permitted(frozenset({granted}), query) is permitted


def test_what_is_only_shown_is_never_prefetched_and_comes_last() -> None:
    """The reader waits for the queries before it; a hook needs none of it."""
    assert [query.key for query in SHOWN_ONLY] == ["drugs_given", "imaging"]
    assert QUERIES[-len(SHOWN_ONLY) :] == SHOWN_ONLY
    for variant in BOTH:
        templates = " ".join(prefetch_templates(variant).values())
        assert "MedicationAdministration" not in templates
        assert "ImagingStudy" not in templates


def test_every_query_is_either_assessed_or_only_shown() -> None:
    assert {*ASSESSED_KEYS, *(query.key for query in SHOWN_ONLY)} == set(QUERY_KEYS)
