"""Settings: read once, every problem named at once, never a value."""

from pathlib import Path

import pytest

from app.configured.ehrs import load_configuration
from app.configured.problems import ConfigurationError
from app.configured.settings import Settings, load_settings
from tests.builders.registrations import MASTER_KEY


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches these tests."""
    for field in Settings.model_fields:
        monkeypatch.delenv(f"AKI_{field.upper()}", raising=False)
        monkeypatch.delenv(f"AKI_{field.upper()}_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


def test_development_needs_no_setting_but_its_own_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKI_DEVELOPMENT", "true")
    assert load_settings().resolved_database_url.startswith("sqlite:///")


def test_every_problem_is_named_at_once_and_no_value_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "AKI_PUBLIC_URL": "http://canary-host.example.org",
        "AKI_MASTER_KEY": "canary-short",
        "AKI_THREADS": "canary-many",
        "AKI_SESSION_IDLE_MINUTES": "0",
        "AKI_LOG_LEVEL": "canary-loud",
        "AKI_PUBLC_URL": "canary",
        "AKI_DATABASE_URL_FILE": "/nowhere/canary",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert {problem.split(":")[0] for problem in caught.value.problems} == set(wrong)
    assert "canary" not in str(caught.value)
    assert "did you mean AKI_PUBLIC_URL?" in str(caught.value)


def test_production_needs_https_and_a_master_key() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["AKI_PUBLIC_URL", "AKI_MASTER_KEY"]


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("AKI_PUBLIC_URL", "https://aki.example.org:99999", "host alone"),
        ("AKI_PUBLIC_URL", "https://user:canary@aki.example.org", "no user"),
        ("AKI_PUBLIC_URL", "https://aki.example.org/canary", "no path"),
        ("AKI_BIND", "8080", "HOST:PORT"),
        ("AKI_BIND", "canary:port", "HOST:PORT"),
        ("AKI_BIND", "127.0.0.1:70000", "HOST:PORT"),
        ("AKI_DATABASE_URL", "mysql://canary@db/aki", "postgresql://"),
        ("AKI_DATABASE_URL", "canary", "postgresql://"),
        ("AKI_OUTBOUND_CA_FILE", "/nowhere/canary.pem", "can be read"),
        ("AKI_OTLP_ENDPOINT", "http://collector:canary", "collector"),
    ],
)
def test_what_would_fail_only_in_use_is_named_before_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, rule: str
) -> None:
    monkeypatch.setenv("AKI_DEVELOPMENT", "1")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"^{name}: .*{rule}") as caught:
        load_settings()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "\n", " , "])
def test_a_file_without_a_key_in_it_is_no_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    secret = tmp_path / "key"
    secret.write_text(content)
    monkeypatch.setenv("AKI_PUBLIC_URL", "https://aki.example.org")
    monkeypatch.setenv("AKI_MASTER_KEY_FILE", str(secret))
    with pytest.raises(ConfigurationError, match="AKI_MASTER_KEY: each key must have at least 32 characters"):
        load_settings()


def test_a_secret_may_come_from_a_file_but_not_from_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(f"{MASTER_KEY}\n")
    monkeypatch.setenv("AKI_PUBLIC_URL", "https://aki.example.org/")
    monkeypatch.setenv("AKI_MASTER_KEY_FILE", str(secret))
    settings = load_settings()
    assert settings.master_key is not None
    assert settings.master_key.get_secret_value() == MASTER_KEY
    assert settings.public_url == "https://aki.example.org"
    monkeypatch.setenv("AKI_MASTER_KEY", MASTER_KEY)
    with pytest.raises(ConfigurationError, match="set twice"):
        load_settings()


def test_secrets_never_show_in_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKI_DEVELOPMENT", "1")
    monkeypatch.setenv("AKI_MASTER_KEY", MASTER_KEY)
    monkeypatch.setenv("AKI_DATABASE_URL", "postgresql://aki:canary@db/aki")
    shown = repr(load_settings())
    assert MASTER_KEY not in shown
    assert "canary" not in shown


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_always_means_psycopg_3(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("AKI_DEVELOPMENT", "1")
    monkeypatch.setenv("AKI_DATABASE_URL", f"{scheme}://db/aki")
    assert load_settings().resolved_database_url == "postgresql+psycopg://db/aki"


def test_problems_of_settings_and_of_the_registry_are_named_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ehrs.toml").write_text('[[ehr]]\nid = "a"\n')
    monkeypatch.setenv("AKI_THREADS", "0")
    monkeypatch.setenv("AKI_DEVELOPMENT", "1")
    with pytest.raises(ConfigurationError) as caught:
        load_configuration()
    assert {problem.split(":")[0] for problem in caught.value.problems} == {
        "AKI_THREADS",
        "ehr[0].name",
        "ehr[0].iss",
        "ehr[0].client_id",
    }
