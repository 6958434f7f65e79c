"""SMART scopes of both syntaxes, and what they permit."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.scopes import Access, ScopeSet, parse_resource_scope

SUBSETS = st.sets(st.sampled_from("cruds"), min_size=1).map(lambda s: "".join(c for c in "cruds" if c in s))
TYPES = st.sampled_from(["*", "Patient", "Observation", "Condition"])
LEVELS = st.sampled_from(["patient", "user", "system"])
SCOPES = st.builds(lambda level, kind, letters: f"{level}/{kind}.{letters}", LEVELS, TYPES, SUBSETS)


def access(scopes: str, patient_id: str | None = "p1") -> Access:
    return Access("app", ScopeSet.parse(scopes), datetime(2026, 1, 1, tzinfo=UTC), patient_id)


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("patient/Observation.read", "rs"),
        ("patient/Observation.write", "cud"),
        ("patient/Observation.*", "cruds"),
        ("user/*.rs", "rs"),
        ("system/Patient.r", "r"),
        ("patient/Condition.cruds", "cruds"),
    ],
)
def test_both_syntaxes_are_read(text, letters):
    scope = parse_resource_scope(text)
    assert scope is not None
    assert scope.letters == letters
    assert str(scope) == text


@pytest.mark.parametrize(
    "text",
    [
        "patient/Observation.sr",
        "patient/Observation.rr",
        "patient/Observation.",
        "patient/observation.r",
        "group/Observation.r",
        "patient/Observation.rs?category=laboratory",
        "patient/Observation",
        "patient/*.read.rs",
        "Observation.Read (Labs) (R4)",
        "patient/Observation.rs\n",
        "",
    ],
)
def test_what_is_no_scope_is_left_out(text):
    assert parse_resource_scope(text) is None


def test_unknown_words_are_left_out_and_order_is_kept():
    scopes = ScopeSet.parse("patient/Patient.r  bogus launch openid launch patient/Patient.r")
    assert str(scopes) == "launch openid patient/Patient.r"


@pytest.mark.parametrize(
    ("asked", "allowed", "granted"),
    [
        ("patient/*.rs", "patient/*.cruds", "patient/*.rs"),
        ("patient/*.read", "patient/*.cruds", "patient/*.read"),
        ("patient/*.*", "patient/*.rs", "patient/*.read"),
        ("patient/*.rs", "patient/Observation.rs patient/Patient.r", "patient/Observation.rs patient/Patient.r"),
        ("patient/Observation.cruds", "patient/*.rs", "patient/Observation.rs"),
        ("user/Observation.rs", "patient/*.cruds", ""),
        ("system/*.rs", "patient/*.cruds user/*.cruds", ""),
        ("launch offline_access", "launch", "launch"),
        ("", "patient/*.rs", ""),
    ],
)
def test_a_request_shrinks_to_what_the_client_may_have(asked, allowed, granted):
    assert str(ScopeSet.parse(asked).narrowed_to(ScopeSet.parse(allowed))) == granted


@settings(deadline=None)
@given(st.lists(SCOPES), st.lists(SCOPES), LEVELS, TYPES.filter(lambda t: t != "*"), st.sampled_from("cruds"))
def test_narrowing_never_gives_more_than_was_asked_or_is_allowed(asked, allowed, level, kind, letter):
    def gives(scopes: ScopeSet) -> bool:
        return any(scope.level == level and scope.covers(kind, letter) for scope in scopes.resources)

    asked_set, allowed_set = ScopeSet.parse(" ".join(asked)), ScopeSet.parse(" ".join(allowed))
    narrowed = asked_set.narrowed_to(allowed_set)
    assert gives(narrowed) == (gives(asked_set) and gives(allowed_set))
    assert ScopeSet.parse(str(narrowed)) == narrowed


@pytest.mark.parametrize(
    ("scopes", "interaction", "permitted"),
    [
        ("patient/Observation.rs", "read", True),
        ("patient/Observation.rs", "search", True),
        ("patient/Observation.rs", "create", False),
        ("patient/Observation.r", "search", False),
        ("patient/Observation.read", "search", True),
        ("patient/Observation.write", "create", True),
        ("patient/Observation.write", "read", False),
        ("patient/*.s", "search", True),
        ("patient/Condition.cruds", "read", False),
        ("", "read", False),
    ],
)
def test_permission_follows_type_and_interaction(scopes, interaction, permitted):
    assert access(scopes).permits("Observation", interaction) is permitted


def test_patient_scopes_bind_to_the_patient_and_user_scopes_lift_it():
    assert access("patient/*.rs").compartment("Observation", "read") == "p1"
    assert access("patient/*.rs user/Observation.r").compartment("Observation", "read") is None
    assert access("patient/*.rs user/Observation.r").compartment("Observation", "search") == "p1"
    assert access("system/*.rs", None).compartment("Observation", "search") is None


def test_a_patient_scope_without_a_patient_gives_nothing():
    assert not access("patient/*.cruds", None).permits("Observation", "read")


def test_fhir_user_lets_the_app_read_who_is_signed_in():
    assert access("fhirUser").permits("Practitioner", "read")
    assert not access("fhirUser").permits("Practitioner", "search")
    assert not access("openid").permits("Practitioner", "read")
