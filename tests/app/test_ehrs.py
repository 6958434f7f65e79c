"""`ehrs.toml`: each room checks its own part, and every problem is named by its place in the file."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.configured.ehrs import ehrs_from, load_ehrs
from app.configured.problems import ConfigurationError
from tests.builders.registrations import ehr_table

LOCAL = "http://127.0.0.1:9090"


def _problems(*tables: dict[str, Any], development: bool = True) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        ehrs_from({"ehr": list(tables)}, development=development)
    return caught.value.problems


def test_the_committed_registry_is_good_for_the_demo_and_refused_in_production() -> None:
    path = Path(__file__).resolve().parents[2] / "ehrs.toml"
    sandbox = load_ehrs(path, development=True).by_id("sandbox")
    assert sandbox.launch.iss == "http://127.0.0.1:9090/fhir"
    assert sandbox.cds is not None
    assert sandbox.cds.iss == sandbox.launch.iss
    with pytest.raises(ConfigurationError, match="AKI_DEVELOPMENT"):
        load_ehrs(path, development=False)


def test_problems_of_every_part_of_every_ehr_come_at_once_with_their_place() -> None:
    found = _problems(
        ehr_table(LOCAL, iss="ftp://canary", colour="red", cds={"algorithms": ["none"]}),
        ehr_table(
            LOCAL, id="b", reading={"time_zone": "Canary/City", "zone": 1}, policy={"egfr_equation": "canary"}
        ),
        ehr_table("http://127.0.0.1:9091", id="c", cds={"jku": "http://127.0.0.1:9091/k", "algorithms": ["none"]}),
    )
    places = {problem.split(":")[0] for problem in found}
    assert {"ehr[0].iss", "ehr[0].colour", "ehr[1].reading", "ehr[1].policy.egfr_equation"} <= places
    assert "ehr[2].cds.algorithms[0]" in places
    assert "canary" not in "".join(found).lower().replace("canary/city", "")


def test_parts_reach_the_rooms_that_use_them() -> None:
    table = ehr_table(
        LOCAL,
        cds={"jku": f"{LOCAL}/jwks.json"},
        reading={"time_zone": "Europe/London", "accept_preliminary": True},
        policy={"egfr_equation": "ekfc"},
    )
    ehr = ehrs_from({"ehr": [table]}, development=True).by_id("local")
    assert ehr.reading.time_zone == ZoneInfo("Europe/London")
    assert ehr.policy.egfr_equation.value == "ekfc"
    assert ehr.cds is not None
    assert ehr.cds.fhir_servers == (f"{LOCAL}/fhir",)


def test_a_client_secret_may_live_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    basic = {"auth_method": "client_secret_basic", "client_secret_file": str(tmp_path / "secret")}
    ehr = ehrs_from({"ehr": [ehr_table(LOCAL, **basic)]}, development=True).by_id("local")
    assert ehr.launch.client_secret is not None
    assert ehr.launch.client_secret.get_secret_value() == "s3cret"
    missing = {**basic, "client_secret_file": str(tmp_path / "nothing")}
    assert _problems(ehr_table(LOCAL, **missing)) == ("ehr[0]: client_secret_file: cannot be read",)


def test_a_wrong_entry_hides_no_problem_of_its_secret_its_parts_or_its_other_fields() -> None:
    found = _problems(
        ehr_table(
            LOCAL,
            iss="ftp://x",
            client_secret_file="/nowhere",
            cds={"algorithms": ["none"], "colour": "red"},
            page={"language": "xx", "size": 3},
            policy={"height_max_age_days": "old", "weight": 1},
        )
    )
    assert {problem.rpartition(": ")[0] for problem in found} >= {
        "ehr[0]: client_secret_file",
        "ehr[0].iss",
        "ehr[0].cds.algorithms[0]",
        "ehr[0].cds.colour",
        "ehr[0].page.language",
        "ehr[0].page: size",
        "ehr[0].policy.height_max_age_days",
        "ehr[0].policy: weight",
    }


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("ehr[0].redirect_uri", {"redirect_uri": "callback"}),
        ("ehr[0].id_token_issuer", {"id_token_issuer": ""}),
        ("ehr[0].id_token_algorithms", {"id_token_algorithms": []}),
        ("ehr[0].policy", {"policy": {"current_creatinine_max_age_days": float("nan")}}),
        ("ehr[0].policy", {"policy": {"nhs_reference_interval_male_umol_l": [60, float("inf")]}}),
        ("ehr[0].cds.jku", {"cds": {"jku": ""}}),
        ("ehr[0].cds", {"cds": {"jwks": {}}}),
        ("ehr[0].cds", {"cds": {"jwks": {"keys": [{"kty": "oct", "kid": "a", "k": "AAAA"}]}}}),
        ("ehr[0].cds", {"cds": {"jwks": {"keys": [{"kty": "EC", "kid": "a", "d": "AAAA"}]}}}),
    ],
)
def test_a_value_that_would_fail_only_in_use_is_a_problem_of_the_start(place: str, change: dict[str, Any]) -> None:
    (problem,) = _problems(ehr_table(LOCAL, **change))
    assert problem.startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "does not exist"),
        ("[[ehr", "is not TOML"),
        ("ehr = 3", "must be"),
        ("[other]\n", "is not known"),
        ("a = " + "[" * 3000, "nested too deeply"),
    ],
    ids=["missing", "not TOML", "no table", "unknown", "bomb"],
)
def test_an_unusable_file_says_why(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "ehrs.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        load_ehrs(path, development=True)
