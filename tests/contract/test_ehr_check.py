"""`aki ehr check` and `aki ehr add`: on the embedded EHR, on what is no EHR, and on bad certificates."""

import datetime as dt
import ipaddress
import json
import ssl
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from app.checking.published import read_published
from app.cli import main
from app.egress.connections import LOOPBACK
from app.egress.guarded import GuardedSession, OutboundUnreachable
from tests.builders.fake_ehr import FakeEhr, json_response, running_fake_ehr
from tests.builders.registrations import MASTER_KEY, local_registration
from tests.builders.smart_world import World, running_world, two_patients


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "ehrs.toml").write_text("", encoding="utf-8")
    return tmp_path


def _run(home: Path, *arguments: str, given: str | None = None, **settings: str) -> Result:
    usual = {
        "development": "true",
        "ehrs_file": str(home / "ehrs.toml"),
        "state_dir": str(home),
        "master_key": MASTER_KEY,
        "outbound_connect_seconds": "2",
    }
    environment = {f"AKI_{name.upper()}": value for name, value in (usual | settings).items()}
    return CliRunner().invoke(main, ["ehr", *arguments], env=environment, input=given)


def _found(result: Result) -> dict[str, list[tuple[str, str]]]:
    """Status and text of each finding, by topic."""
    topics: dict[str, list[tuple[str, str]]] = {}
    for finding in json.loads(result.stdout)["findings"]:
        topics.setdefault(finding["topic"], []).append((finding["status"], finding["text"]))
    return topics


def _problems(result: Result) -> list[str]:
    return [f["text"] for f in json.loads(result.stdout)["findings"] if f["status"] == "problem"]


def _register(home: Path, world: World, extra: str = "") -> None:
    (home / "ehrs.toml").write_text(
        f'[[ehr]]\nid = "sandbox"\nname = "Embedded EHR"\niss = "{world.ehr_url}/fhir"\n'
        'client_id = "aki-sentinel"\n'
        f'networks = ["127.0.0.0/8"]\nallow_http = true\n{extra}',
        encoding="utf-8",
    )


BACKEND = '[ehr.backend]\nclient_id = "aki-sentinel-backend"\nscopes = ["system/*.rs"]\n'


def test_the_embedded_ehr_is_found_good_with_a_test_patient_read_by_the_backend_client(home: Path) -> None:
    with running_world(
        home, {"backend": {"client_id": "aki-sentinel-backend", "scopes": ["system/*.rs"]}}
    ) as world:
        _register(home, world, BACKEND)
        patient_id, _ = two_patients(world)
        result = _run(home, "check", "sandbox", "--patient", patient_id, "--json")
        assert result.exit_code == 0, result.output
        found = _found(result)
        assert found["pkce"] == [("ok", "PKCE with S256 is announced.")]
        assert {status for status, _ in found["clock"] + found["endpoints"] + found["identity"]} == {"ok"}
        assert found["backend"][0][0] == "ok"
        assert found["chart"] == [("ok", "Every part of the chart could be read.")]
        assert "creatinine" in found["values"][0][1]
        assert "of laboratory results" in found["paging"][0][1]
        shown = _run(home, "check", f"{world.ehr_url}/fhir/")
        assert shown.exit_code == 0
        assert "Launches from this EHR can work." in shown.stdout


def test_what_a_launch_without_patient_needs_is_looked_for_where_it_is_offered(home: Path) -> None:
    with running_world(home) as world:
        for choice in ("", 'choose_patient = ["worklist"]\n'):
            _register(home, world, choice)
            found = _found(_run(home, "check", "sandbox", "--json"))
            assert ("worklist" in found) is bool(choice)
            assert ("permission-user" in found["capabilities"][0][1]) is bool(choice)
        assert found["worklist"] == [
            ("ok", "Patients can be searched for by identifier, and by family name and birth date.")
        ]


def test_an_ehr_that_lists_no_patient_search_is_said_to_need_a_try(home: Path) -> None:
    statement = {
        "resourceType": "CapabilityStatement",
        "fhirVersion": "4.0.1",
        "rest": [{"resource": [{"type": "Patient", "searchParam": [{"name": "identifier"}]}]}],
    }
    with running_fake_ehr() as ehr:
        ehr.answers["/fhir/metadata"] = lambda _: json_response(statement)
        (home / "ehrs.toml").write_text(
            f'[[ehr]]\nid = "fake"\nname = "Fake"\niss = "{ehr.fhir_base}"\nclient_id = "x"\n'
            'networks = ["127.0.0.0/8"]\nallow_http = true\nchoose_patient = ["ehr", "worklist"]\n',
            encoding="utf-8",
        )
        ((status, text),) = _found(_run(home, "check", "fake", "--json"))["worklist"]
    assert status == "note"
    assert "birthdate" in text
    assert "family" in text


def test_an_address_that_is_no_ehr_is_named_as_such(home: Path) -> None:
    with running_fake_ehr() as ehr:
        ehr.answers["/.well-known/smart-configuration"] = lambda _: Response("<html>", mimetype="text/html")
        result = _run(home, "check", ehr.base_url, "--json")
    assert result.exit_code == 1
    assert _problems(result) == [
        "This address is no SMART on FHIR server: it answers with status 200 and text/html."
    ]


@pytest.mark.parametrize(
    ("iss", "words"),
    [
        ("http://127.0.0.1:9/fhir", "Nothing answers at 127.0.0.1:9."),
        ("https://no-such-host.invalid/fhir", "The name no-such-host.invalid does not resolve."),
        ("https://10.1.2.3/fhir", "resolves to a private address (10.1.2.3)"),
    ],
)
def test_an_address_that_cannot_be_reached_says_why(home: Path, iss: str, words: str) -> None:
    result = _run(home, "check", iss, "--json")
    assert result.exit_code == 1
    assert words in _problems(result)[0]


@pytest.mark.parametrize("argument", ["nobody", "ftp://ehr/fhir", "https://u:p@ehr/fhir", "http://"])
def test_what_is_neither_id_nor_address_is_a_usage_error(home: Path, argument: str) -> None:
    assert _run(home, "check", argument).exit_code == 2


@contextmanager
def _tls_server(folder: Path, *, days: int = 90, name: str = "127.0.0.1") -> Iterator[tuple[FakeEhr, Path]]:
    """A TLS server with a certificate of its own; the EHR behind it and the certificate as authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    alternative: x509.GeneralName = (
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=100))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "server.crt", folder / "server.secret"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    ehr = FakeEhr()
    server = make_server("127.0.0.1", 0, ehr, threaded=True, ssl_context=context)
    ehr.base_url = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield ehr, public
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("certificate", "trusted", "words"),
    [
        ({}, False, "an authority that is not trusted here"),
        ({"days": -1}, True, "has expired"),
        ({"name": "other.example.org"}, True, "is for another name"),
    ],
)
def test_a_bad_certificate_is_named_with_its_cure(
    home: Path, certificate: dict[str, Any], trusted: bool, words: str
) -> None:
    with _tls_server(home, **certificate) as (ehr, authority):
        settings = {"outbound_ca_file": str(authority)} if trusted else {}
        result = _run(home, "check", ehr.fhir_base, "--json", **settings)
    assert result.exit_code == 1
    assert words in _problems(result)[0]
    finding = json.loads(result.stdout)["findings"][0]
    assert finding["cure"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("certificate", "trusted"), [({}, False), ({"days": -1}, True), ({"name": "other.example.org"}, True)]
)
def test_nothing_is_sent_to_a_server_whose_certificate_is_not_good(
    home: Path, certificate: dict[str, Any], trusted: bool
) -> None:
    with _tls_server(home, **certificate) as (ehr, authority):
        session = GuardedSession([ehr.base_url], networks=LOOPBACK, ca_file=authority if trusted else None)
        with pytest.raises(OutboundUnreachable):
            session.post(f"{ehr.base_url}/auth/token", data={"code": "c"})
        assert ehr.asked == []


def test_a_certificate_of_the_hospitals_own_authority_is_good_once_named(home: Path) -> None:
    with _tls_server(home) as (ehr, authority):
        result = _run(home, "check", ehr.fhir_base, "--json", outbound_ca_file=str(authority))
    assert _found(result)["connection"][0][0] == "ok"
    assert "89 more days" in _found(result)["connection"][0][1]


def _bent(ehr: FakeEhr, **changes: Any) -> None:
    document = {k: v for k, v in {**ehr.configuration(), **changes}.items() if v is not None}
    ehr.answers["/fhir/.well-known/smart-configuration"] = lambda _: json_response(document)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"token_endpoint": "https://login.example.org/token"}, "token_endpoint at https://login.example.org"),
        ({"token_endpoint": None}, "token_endpoint is missing"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE only by plain"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "accepts private_key_jwt, not none"),
        ({"jwks_uri": None}, "Where the EHR's keys are is not known"),
    ],
)
def test_what_an_ehr_publishes_wrongly_is_named_with_a_cure(
    home: Path, changes: dict[str, Any], words: str
) -> None:
    with running_fake_ehr() as ehr:
        _bent(ehr, **changes)
        result = _run(home, "check", ehr.fhir_base, "--json")
    assert result.exit_code == 1
    assert any(words in text for text in _problems(result)), _problems(result)
    assert all(f.get("cure") for f in json.loads(result.stdout)["findings"] if f["status"] == "problem")


@pytest.mark.parametrize(("seconds", "status"), [(5, "ok"), (45, "note"), (-300, "problem")])
def test_clocks_that_differ_by_more_than_a_minute_are_a_problem(seconds: int, status: str) -> None:
    with running_fake_ehr() as ehr:
        registration = local_registration(ehr.base_url)
        session = GuardedSession(registration.origins, networks=LOOPBACK)
        ours = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        findings, _ = read_published(registration, session, ours)
    assert [finding.status for finding in findings if finding.topic == "clock"] == [status]


def test_a_chart_whose_laboratory_uses_local_codes_shows_which_to_map(home: Path) -> None:
    creatinine = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "urn:lab", "code": "CREA7", "display": "Creatinine, serum"}]},
        "effectiveDateTime": "2026-01-01T08:00:00Z",
        "valueQuantity": {"value": 1.234567, "unit": "mg/dL"},
    }
    with running_fake_ehr() as ehr:
        ehr.answers["/fhir/Patient/p1"] = lambda _: json_response({"resourceType": "Patient", "id": "p1"})
        found = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": creatinine}]}
        ehr.answers["/fhir/Observation"] = lambda _: json_response(
            found | {"link": [{"relation": "next", "url": "https://evil.test/fhir/Observation?page=2"}]}
        )
        result = _run(
            home, "check", ehr.fhir_base, "--patient", "p1", "--token", "-", "--json", given="secret-token\n"
        )
    assert result.exit_code == 1
    found_codes = [text for _, text in _found(result)["codes"]]
    assert "urn:lab|CREA7 (Creatinine, serum)" in found_codes[-1]
    assert any("leads outside the FHIR base" in text for text in _problems(result))
    assert "secret-token" not in result.output
    assert "1.234567" not in result.output
    assert {asked.headers.get("Authorization") for asked in ehr.asked if "/Observation" in asked.path} == {
        "Bearer secret-token"
    }


def _answers(iss: str, **changes: str) -> list[str]:
    usual = {
        "iss": iss,
        "id": "general",
        "name": 'General "Hospital"',
        "client-id": "aki",
        "auth-method": "public",
    }
    given = usual | {"time-zone": "Europe/Zurich"} | changes
    return [part for name, value in given.items() for part in (f"--{name}", value)]


def test_an_ehr_is_added_after_its_check_and_nothing_written_before_is_changed(home: Path) -> None:
    registry = home / "ehrs.toml"
    registry.write_text("# ours\n", encoding="utf-8")
    with running_fake_ehr() as ehr:
        added = _run(home, "add", *_answers(ehr.fhir_base), "--yes")
        assert added.exit_code == 0, added.output
        assert "/.well-known/jwks.json" in added.output
        text = registry.read_text(encoding="utf-8")
        assert text.startswith("# ours\n")
        (entry,) = tomllib.loads(text)["ehr"]
        assert (entry["id"], entry["name"], entry["iss"]) == ("general", 'General "Hospital"', ehr.fhir_base)
        assert entry["reading"] == {"time_zone": "Europe/Zurich"}
        again = _run(home, "add", *_answers(ehr.fhir_base), "--yes")
        assert again.exit_code == 1
        assert "registered already" in again.stderr
        assert registry.read_text(encoding="utf-8") == text
        assert "general" in _run(home, "list").stdout


def test_another_origin_is_trusted_only_when_a_person_or_an_option_says_so(home: Path) -> None:
    login = "http://127.0.0.1:9"
    with running_fake_ehr() as ehr:
        _bent(ehr, token_endpoint=f"{login}/token")
        declined = _run(home, "add", *_answers(ehr.fhir_base), given="n\nn\n")
        assert declined.exit_code == 1
        assert (home / "ehrs.toml").read_text(encoding="utf-8") == ""
        agreed = _run(home, "add", *_answers(ehr.fhir_base), given="y\ny\n")
        assert agreed.exit_code == 0, agreed.output
        (entry,) = tomllib.loads((home / "ehrs.toml").read_text(encoding="utf-8"))["ehr"]
        assert entry["trusted_origins"] == [login]


@pytest.mark.parametrize("changes", [{"id": "Not An Id"}, {"time-zone": "Mars/Base"}, {"iss": "ehr.example.org"}])
def test_an_entry_that_breaks_a_rule_is_refused_before_anything_is_asked(
    home: Path, changes: dict[str, str]
) -> None:
    result = _run(home, "add", *_answers(**{"iss": "https://ehr.example.org/fhir", **changes}), "--yes")
    assert result.exit_code == 1
    assert "Nothing was written." in result.stderr
    assert (home / "ehrs.toml").read_text(encoding="utf-8") == ""
