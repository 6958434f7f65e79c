"""Loads `ehrs.toml`: one `[[ehr]]` table per EHR, with `[ehr.cds]`, `[ehr.cds.cards]`, `[ehr.reading]` and
`[ehr.policy]` below it.

Each part is checked by the room that uses it; all problems of all EHRs are named at once, by place in the file.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from app.configured.problems import ConfigurationError
from app.configured.settings import Settings, load_settings, registry_place
from app.configured.site_page import DEFAULT_SITE_PAGE, SitePage
from cds_hooks.clients import CdsClient, CdsClientRegistry
from cds_hooks.decision import DEFAULT_CARD_POLICY, CardPolicy
from cds_hooks.errors import MisconfiguredClient
from launch.errors import UnknownIssuer
from launch.registry import EhrRegistration, EhrRegistry
from model.policy import SitePolicy
from patient_context.queries import PrefetchVariant
from patient_context.reading import SiteReading

_PARTS = ("cds", "reading", "policy", "page")
_CARDS = "cards"  # the table [ehr.cds.cards]
# Where an entry's own fields are wrong its parts are still checked, against an EHR that is in nobody's way.
_ASSUMED = EhrRegistration(id="x", name="x", iss="https://ehr.invalid/fhir", client_id="x", allow_http=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EhrConfig:
    """One EHR as every room needs it. `cds` is None where the EHR does not call our CDS services."""

    launch: EhrRegistration
    cds: CdsClient | None
    reading: SiteReading
    policy: SitePolicy
    cards: CardPolicy = DEFAULT_CARD_POLICY
    page: SitePage = DEFAULT_SITE_PAGE

    @property
    def id(self) -> str:
        """The EHR's id in the registry."""
        return self.launch.id


class Ehrs:
    """Every registered EHR. Raises ConfigurationError when two cannot be told apart."""

    def __init__(self, configs: list[EhrConfig], *, development: bool = False) -> None:
        self._by_id = {config.id: config for config in configs}
        try:
            self.registry = EhrRegistry(config.launch for config in configs)
            self.cds_clients = CdsClientRegistry(
                [config.cds for config in configs if config.cds], development=development
            )
        except ValueError as error:
            raise ConfigurationError([f"ehr: {error}"]) from None
        except MisconfiguredClient as error:
            raise ConfigurationError([f"ehr: {error.text}"]) from None

    @property
    def prefetch_variant(self) -> PrefetchVariant:
        """How the one discovery document words its templates, for all EHRs that call our CDS services."""
        return self.cds_clients.prefetch_variant

    def __iter__(self) -> Iterator[EhrConfig]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def by_id(self, ehr_id: str) -> EhrConfig:
        """The EHR with this id. Raises UnknownIssuer: it may have been struck off the list since a launch."""
        found = self.find(ehr_id)
        if found is None:
            raise UnknownIssuer
        return found

    def find(self, ehr_id: str) -> EhrConfig | None:
        """The EHR with this id, or None."""
        return self._by_id.get(ehr_id)


def load_configuration() -> tuple[Settings, Ehrs]:
    """Settings and registry from the environment. Raises ConfigurationError with the problems of both."""
    try:
        settings = load_settings()
    except ConfigurationError as error:
        problems = list(error.problems)
        path, development = registry_place()
        try:
            load_ehrs(path, development=development)
        except ConfigurationError as also:
            problems += also.problems
        raise ConfigurationError(problems) from None
    return settings, load_ehrs(settings.ehrs_file, development=settings.development)


def load_ehrs(path: Path, *, development: bool) -> Ehrs:
    """Read the file. Raises ConfigurationError naming every problem as `ehr[0].cds.jku: ...`, never a value."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError([f"{path.name}: does not exist (AKI_EHRS_FILE names another file)"]) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError([f"{path.name}: cannot be read"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"{path.name}: is not TOML: {error}"]) from None
    except RecursionError:
        raise ConfigurationError([f"{path.name}: is nested too deeply"]) from None
    return ehrs_from(document, development=development)


def ehrs_from(document: Mapping[str, Any], *, development: bool) -> Ehrs:
    """EHRs of a parsed document. Raises ConfigurationError with every problem."""
    tables = document.get("ehr", [])
    problems = [f"{name}: is not known here (only [[ehr]] tables)" for name in document if name != "ehr"]
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError([*problems, "ehr: must be [[ehr]] tables"])
    configs = []
    for index, table in enumerate(tables):
        config = _ehr(table, f"ehr[{index}]", problems)
        if config is not None and config.launch.allow_http and not development:
            problems.append(f"ehr[{index}].allow_http: is for development (AKI_DEVELOPMENT=true) only")
        if config is not None:
            configs.append(config)
    if problems:
        raise ConfigurationError(problems)
    return Ehrs(configs, development=development)


def _ehr(table: Mapping[str, Any], place: str, problems: list[str]) -> EhrConfig | None:
    own = {name: value for name, value in table.items() if name not in _PARTS}
    registration = _checked(lambda: EhrRegistration(**_with_secret(own, place, problems)), place, problems)
    reading = _part(SiteReading, table.get("reading", {}), f"{place}.reading", problems)
    policy = _part(SitePolicy, table.get("policy", {}), f"{place}.policy", problems)
    cards = _checked(lambda: _card_policy(table.get("cds")), f"{place}.cds.{_CARDS}", problems)
    cds = None
    if "cds" in table:
        cds = _checked(lambda: _cds_client(table["cds"], registration or _ASSUMED), f"{place}.cds", problems)
    page = _part(SitePage, table.get("page", {}), f"{place}.page", problems)
    if registration is None or reading is None or policy is None or cards is None or page is None:
        return None
    return EhrConfig(launch=registration, cds=cds, reading=reading, policy=policy, cards=cards, page=page)


def _with_secret(table: Mapping[str, Any], place: str, problems: list[str]) -> dict[str, Any]:
    """`client_secret_file` names a file that holds the secret, so that the registry itself holds none."""
    rest = {name: value for name, value in table.items() if name != "client_secret_file"}
    if "client_secret_file" not in table:
        return rest
    if "client_secret" in table:
        problems.append(f"{place}: client_secret and client_secret_file: give one of them")
        return rest
    try:
        held = Path(str(table["client_secret_file"])).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError, ValueError):
        problems.append(f"{place}: client_secret_file: cannot be read")
        held = "unread"  # so that nothing else is said of it
    return {**rest, "client_secret": held}


def _cds_client(table: Any, registration: EhrRegistration) -> CdsClient:
    """The EHR as a CDS caller; what is not written is taken over from its launch registration."""
    if not isinstance(table, dict):
        raise ValueError("must be a table")
    assumed = {
        "iss": registration.iss,
        "fhir_servers": (registration.iss,),
        "allow_http": registration.allow_http,
    }
    own = {name: value for name, value in table.items() if name != _CARDS}
    return CdsClient(**{**assumed, **own, "ehr_id": registration.id})


def _card_policy(cds_table: Any) -> CardPolicy:
    """When this site's cards speak. Every wrong field and unknown name is named, not only the first."""
    table = cds_table.get(_CARDS, {}) if isinstance(cds_table, dict) else {}
    if not isinstance(table, dict):
        raise ValueError("must be a table")
    return TypeAdapter(CardPolicy).validate_python(table)


def _part(kind: type[T], table: Any, place: str, problems: list[str]) -> T | None:
    """A room's frozen dataclass from a TOML table; unknown names are problems beside those of the known ones."""
    if not isinstance(table, dict):
        problems.append(f"{place}: must be a table")
        return None
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(table.keys() - known)
    if unknown:
        problems.append(f"{place}: {', '.join(unknown)}: not known here")
    told = {name: value for name, value in table.items() if name in known}
    return _checked(lambda: TypeAdapter(kind).validate_python(told), place, problems)


def _checked(build: Callable[[], T], place: str, problems: list[str]) -> T | None:
    try:
        return build()
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False, include_context=False):
            path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in each["loc"])
            problems.append(f"{place}{path}: {each['msg'].removeprefix('Value error, ')}")
    except (ValueError, TypeError) as error:
        problems.append(f"{place}: {error}")
    return None
