"""Settings from the environment: `AKI_<NAME>`, or `AKI_<NAME>_FILE` naming a file that holds the value.

The only module that reads the environment. A bad setting stops the start with every problem named at once,
by name and rule, never by value.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.configured.problems import ConfigurationError

PREFIX = "AKI_"
_MIN_MASTER_KEY_CHARS = 32


_DATABASES = ("postgresql://", "postgres://", "postgresql+psycopg://", "sqlite://")


def _environment() -> Mapping[str, str]:
    return os.environ  # noqa: TID251


class _SecretFiles(PydanticBaseSettingsSource):
    """`AKI_MASTER_KEY_FILE=/run/secrets/k` reads the value of AKI_MASTER_KEY from that file."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """The content of the file named for a field, or None."""
        return _from_file(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Every value that came from a file."""
        found = {name: _from_file(name) for name in self.settings_cls.model_fields}
        return {name: value for name, value in found.items() if value is not None}


def _from_file(field_name: str) -> str | None:
    path = _environment().get(f"{PREFIX}{field_name.upper()}_FILE")
    if path is None or field_name.endswith("_file"):
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None  # named by _file_problems


class Settings(BaseSettings):
    """Everything the operator decides. Secrets never show in a repr."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True, validate_default=True
    )

    development: bool = False
    """Allows http issuers and a master key made on first start. Never in production."""
    public_url: str = "http://127.0.0.1:8080"
    """Where browsers and EHRs reach this app; launch, redirect and JWKS addresses are built from it."""
    state_dir: Path = Path("var")
    database_url: str | None = Field(default=None, repr=False)
    """Default: SQLite in `state_dir`."""
    ehrs_file: Path = Path("ehrs.toml")
    master_key: SecretStr | None = None
    """Encrypts sessions and signing keys. Several, separated by commas: the first seals, all open."""

    session_idle_minutes: Annotated[int, Field(ge=1, le=240)] = 15
    session_absolute_hours: Annotated[int, Field(ge=1, le=24)] = 8
    launch_minutes: Annotated[int, Field(ge=1, le=30)] = 10

    outbound_connect_seconds: Annotated[float, Field(gt=0, le=30)] = 3.0
    outbound_read_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    outbound_total_seconds: Annotated[float, Field(gt=0, le=120)] = 20.0
    outbound_max_megabytes: Annotated[int, Field(ge=1, le=512)] = 32
    outbound_ca_file: Path | None = None
    """Certificates to trust instead of the public ones, for EHRs behind a hospital's own authority."""
    read_deadline_seconds: Annotated[float, Field(gt=0, le=120)] = 20.0
    """For reading one patient's whole chart, all pages."""
    cds_budget_seconds: Annotated[float, Field(gt=0, le=30)] = 2.0
    """For answering one CDS Hooks call, fetching included."""

    audit_retention_years: Annotated[int, Field(ge=1, le=50)] = 6
    """How long `aki jobs run` keeps the audit trail (45 CFR 164.316(b)(2))."""
    card_retention_days: Annotated[int, Field(ge=1, le=18_263)] = 730
    """How long `aki jobs run` keeps cards and what became of them."""
    prediction_retention_days: Annotated[int, Field(ge=90, le=18_263)] = 730
    """How long `aki jobs run` keeps predictions and what came of them."""
    audit_anchor_file: Path | None = None
    """Where the trail's daily anchors are written beside the database. Default: in `state_dir`."""

    launches_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 300
    """Per address of a caller and process; beyond it 429."""
    cds_calls_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 30_000
    """Per address of a caller and process; beyond it 429."""

    longest_wait_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    """How long a request may stand in line for a worker's thread; beyond it 503."""
    otlp_endpoint: str | None = None
    """An OpenTelemetry collector (OTLP over HTTP); needs the extra `otel`. Spans name no patient and no launch."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    trusted_proxy_count: Annotated[int, Field(ge=0, le=5)] = 0
    bind: str = "127.0.0.1:8080"
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    threads: Annotated[int, Field(ge=1, le=64)] = 8

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then `_FILE`; no dotenv file is ever read."""
        return init_settings, env_settings, _SecretFiles(settings_cls)

    @field_validator("public_url")
    @classmethod
    def _is_base_url(cls, url: str, known: ValidationInfo) -> str:
        parts = _address(url)
        if parts is None or parts.username is not None or parts.path.strip("/"):
            raise ValueError(
                "must be an https address of a host alone, as https://aki.example.org: no path, no user"
            )
        if parts.scheme == "http" and not known.data.get("development"):
            raise ValueError(f"must be https (or set {PREFIX}DEVELOPMENT=true)")
        return url.rstrip("/")

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_collector(cls, url: str | None) -> str | None:
        if url is not None and _address(url) is None:
            raise ValueError("must be the address of a collector, as http://collector:4318")
        return url

    @field_validator("master_key")
    @classmethod
    def _is_present_and_long(cls, key: SecretStr | None, known: ValidationInfo) -> SecretStr | None:
        if key is None and not known.data.get("development"):
            raise ValueError(f"is needed (or set {PREFIX}DEVELOPMENT=true)")
        if key is not None and any(
            len(part.strip()) < _MIN_MASTER_KEY_CHARS for part in key.get_secret_value().split(",")
        ):
            raise ValueError(f"each key must have at least {_MIN_MASTER_KEY_CHARS} characters")
        return key

    @field_validator("bind")
    @classmethod
    def _is_host_and_port(cls, bind: str) -> str:
        host, _, port = bind.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ValueError("must be HOST:PORT, as 127.0.0.1:8080")
        return bind

    @field_validator("database_url")
    @classmethod
    def _is_known_database(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(_DATABASES):
            raise ValueError("must be postgresql://USER@HOST/NAME or sqlite:///FILE")
        return url

    @field_validator("outbound_ca_file")
    @classmethod
    def _is_readable(cls, path: Path | None) -> Path | None:
        if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
            raise ValueError("names no file that can be read")
        return path

    @property
    def is_https(self) -> bool:
        """Whether browsers reach this app over TLS."""
        return self.public_url.startswith("https://")

    @property
    def anchor_file(self) -> Path:
        """The file of the audit trail's anchors."""
        return self.audit_anchor_file or self.state_dir / "audit-anchors.ndjson"

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy address; PostgreSQL addresses always mean psycopg 3."""
        if self.database_url is None:
            return f"sqlite:///{(self.state_dir / 'aki.sqlite3').resolve()}"
        scheme, separator, rest = self.database_url.partition("://")
        return (
            f"postgresql+psycopg{separator}{rest}" if scheme in ("postgres", "postgresql") else self.database_url
        )


def _address(url: str) -> SplitResult | None:
    """An absolute http(s) address without query, or None."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none
        return None
    return parts if good and not parts.query and not parts.fragment else None


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment. Raises ConfigurationError with every problem found."""
    problems = [*_unknown_names(), *_file_problems()]
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        raise ConfigurationError([*problems, *describe_problems(error)]) from None
    if problems:
        raise ConfigurationError(problems)
    return settings


def registry_place() -> tuple[Path, bool]:
    """Where the registry is and whether this is development, also when other settings are bad."""
    environment = _environment()
    path = environment.get(f"{PREFIX}EHRS_FILE") or Settings.model_fields["ehrs_file"].default
    return Path(path), environment.get(f"{PREFIX}DEVELOPMENT", "").lower() in ("1", "true", "yes", "on")


def describe_problems(error: ValidationError) -> tuple[str, ...]:
    """One line per problem: the variable's name and the broken rule. Values are left out on purpose."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = "".join(str(part).upper() for part in problem["loc"][:1])
        lines.append(f"{PREFIX}{name}: {problem['msg'].removeprefix('Value error, ')}")
    return tuple(lines)


def _unknown_names() -> list[str]:
    """A misspelt variable is a setting that silently does nothing: name it, and the likely meaning."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known}
    lines = []
    for name in sorted(_environment()):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            lines.append(f"{name}: is not a setting" + (f" (did you mean {near[0]}?)" if near else ""))
    return lines


def _file_problems() -> list[str]:
    lines = []
    for field_name in Settings.model_fields:
        name = f"{PREFIX}{field_name.upper()}"
        if field_name.endswith("_file") or f"{name}_FILE" not in _environment():
            continue
        if name in _environment():
            lines.append(f"{name}: is set twice, directly and by {name}_FILE")
        elif _from_file(field_name) is None:
            lines.append(f"{name}_FILE: the file cannot be read")
    return lines


def prometheus_dir() -> str | None:
    """Where workers share their metrics; gunicorn.conf.py sets it before anything is imported."""
    return _environment().get("PROMETHEUS_MULTIPROC_DIR")
