"""What the pages, the launch and the CDS services share: one object, made once, handed to each blueprint."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import requests
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.auditing.trail import AuditTrail
from app.cds.cards import CardRecord
from app.cds.feedback import FeedbackStore
from app.cds.replay import UsedJwts
from app.configured.ehrs import Ehrs, load_ehrs
from app.configured.problems import ConfigurationError
from app.configured.recalibrations import site_model
from app.configured.settings import PREFIX, Settings
from app.egress.guarded import Limits
from app.egress.observed import ObservedSession
from app.launched.pending import StoredPendingLaunches
from app.launched.renewals import Renewals
from app.launched.sessions import Clock, LaunchSessions
from app.launched.token_life import TokenLife
from app.storage.database import NEWER_SCHEMA, SchemaIsNewer, open_engine, schema_problem, upgrade
from app.storage.encryption import SealedBox, Undecipherable, sealed_box
from app.storage.failures import cause_of
from app.storage.signing_keys import StoredKeys
from app.telemetry.counters import ASSESSMENTS, AUDIT_FAILURES
from app.watching.predictions import Channel, Look, Predictions, WriteBeside
from app.watching.showing import assess_under, withheld_because
from app.watching.switches import Switches
from app.worklist.opened import OpenedPatients
from app.worklist.searches import PatientSearches
from launch.client import ClientSettings, LaunchClient
from launch.keys import ClientKeys
from launch.registry import EhrRegistration, SigningAlgorithm
from launch.styling import Styles
from model.artifact import load_bundled_model
from model.assess import RiskPredictor
from model.assessment import Outcome
from model.errors import ModelError
from model.snapshot import PatientSnapshot
from model.withholding import withhold
from patient_context.queries import scopes, shown_only_scopes
from patient_context.writer import writing_scopes

_BYTES_PER_MEGABYTE = 1024 * 1024
_LEASE_MARGIN_SECONDS = 10  # a token request may take all of its own time, and a little


class OutboundSessions:
    """One guarded session per EHR and purpose, made when first used and kept for its connections."""

    def __init__(self, ehrs: Ehrs, settings: Settings) -> None:
        self._ehrs = ehrs
        self._ca_file = settings.outbound_ca_file
        self._limits = Limits(
            connect_seconds=settings.outbound_connect_seconds,
            read_seconds=settings.outbound_read_seconds,
            total_seconds=settings.outbound_total_seconds,
            max_bytes=settings.outbound_max_megabytes * _BYTES_PER_MEGABYTE,
        )
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], ObservedSession] = {}

    def for_launch(self, registration: EhrRegistration) -> requests.Session:
        """For discovery, tokens and keys: the EHR's own and trusted origins."""
        return self._session("launch", registration, registration.origins)

    def for_fhir(self, ehr_id: str) -> requests.Session:
        """For charts and the CDS caller's keys: below the FHIR bases only, so a token goes nowhere else."""
        ehr = self._ehrs.by_id(ehr_id)
        allowed = {ehr.launch.iss}
        if ehr.cds is not None:
            allowed |= {*ehr.cds.fhir_servers, *((ehr.cds.jku,) if ehr.cds.jku else ())}
        return self._session("fhir", ehr.launch, frozenset(allowed))

    def _session(self, purpose: str, registration: EhrRegistration, allowed: frozenset[str]) -> requests.Session:
        with self._lock:
            key = (purpose, registration.id)
            if key not in self._kept:
                self._kept[key] = ObservedSession(
                    allowed,
                    limits=self._limits,
                    networks=registration.networks,
                    ca_file=self._ca_file,
                    ehr_id=registration.id,
                    purpose=purpose,
                )
            return self._kept[key]


@dataclass(frozen=True, slots=True)
class AppServices:
    """Handed to every blueprint. `model` may be the refusal to load one: staging goes on without risk.

    `site_models` holds, by EHR id, the model as each site's policy wants it.
    """

    settings: Settings
    ehrs: Ehrs
    engine: Engine
    sessions: LaunchSessions
    pending: StoredPendingLaunches
    used_jwts: UsedJwts
    audit: AuditTrail
    cards: CardRecord
    feedback: FeedbackStore
    client_keys: ClientKeys
    outbound: OutboundSessions
    launch_client: LaunchClient
    styles: Styles
    token_life: TokenLife
    opened: OpenedPatients
    searches: PatientSearches
    model: RiskPredictor | ModelError
    site_models: Mapping[str, RiskPredictor | ModelError]
    switches: Switches
    predictions: Predictions
    clock: Clock

    @property
    def model_sha256(self) -> str | None:
        """Which model answers, for the audit trail."""
        return None if isinstance(self.model, ModelError) else self.model.identity.sha256

    def recalibration_sha256(self, ehr_id: str | None) -> str | None:
        """Which recalibration lies over the model at this EHR, for the audit trail."""
        model = self.site_models.get(ehr_id or "", self.model)
        overlay = None if isinstance(model, ModelError) else model.identity.recalibration
        return None if overlay is None else overlay.sha256

    def http_session_for(self, ehr_id: str) -> requests.Session:
        """The only HTTP session for reading this EHR's charts."""
        return self.outbound.for_fhir(ehr_id)

    def assess(
        self, snapshot: PatientSnapshot, now: datetime, ehr_id: str, channel: Channel
    ) -> tuple[Outcome, WriteBeside]:
        """What may be said, with the site's policy and switch, and what is kept of it beside the audit line.

        Page and hooks both come through here, so they cannot disagree.
        """
        switch, ehr = self.switches.switch(ehr_id), self.ehrs.by_id(ehr_id)
        zone, model = ehr.reading.time_zone, self.site_models[ehr_id]
        made = assess_under(switch, snapshot, now=now, model=model, policy=ehr.policy, zone=zone)
        ASSESSMENTS.labels(ehr_id, type(made).__name__).inc()
        kept = self.predictions.prepare(Look(ehr_id, snapshot, made, switch.mode, channel))
        shown = made if switch.mode == "live" else withhold(made, withheld_because(switch, zone))
        return shown, kept


def open_services(settings: Settings, *, ehrs: Ehrs | None = None, clock: Clock | None = None) -> AppServices:
    """Open database, keys, registry and model. Raises ConfigurationError."""
    clock = clock or _now
    ehrs = ehrs if ehrs is not None else load_ehrs(settings.ehrs_file, development=settings.development)
    box = sealed_box(settings)
    engine = _ready_engine(settings)
    audit, used_jwts = AuditTrail(engine, clock, on_failure=AUDIT_FAILURES.inc), UsedJwts(engine, clock)
    sessions = LaunchSessions(
        engine,
        box,
        clock,
        idle=timedelta(minutes=settings.session_idle_minutes),
        absolute=timedelta(hours=settings.session_absolute_hours),
    )
    model = _model()
    client_keys, outbound = _client_keys(engine, box, clock, ehrs), OutboundSessions(ehrs, settings)
    launch_client = _launch_client(settings, ehrs, client_keys, outbound, clock)
    lease = timedelta(seconds=settings.outbound_total_seconds + _LEASE_MARGIN_SECONDS)
    return AppServices(
        settings=settings,
        ehrs=ehrs,
        engine=engine,
        sessions=sessions,
        pending=StoredPendingLaunches(engine, box, clock, kept_for=timedelta(minutes=settings.launch_minutes)),
        used_jwts=used_jwts,
        audit=audit,
        cards=CardRecord(engine, box),
        feedback=FeedbackStore(audit, used_jwts, box),
        client_keys=client_keys,
        outbound=outbound,
        launch_client=launch_client,
        styles=Styles(outbound.for_launch),
        token_life=TokenLife(sessions, Renewals(engine, box, clock), launch_client, clock, lease=lease),
        opened=OpenedPatients(engine, box),
        searches=PatientSearches(engine, box),
        model=model,
        site_models={ehr.id: site_model(model, ehr.policy, settings.ehrs_file.parent) for ehr in ehrs},
        switches=Switches(engine),
        predictions=Predictions(engine, box),
        clock=clock,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _ready_engine(settings: Settings) -> Engine:
    """SQLite is brought up to date by itself; a shared database only by the operator (`aki db upgrade`)."""
    try:
        engine = open_engine(settings.resolved_database_url)
    except OSError as error:
        raise ConfigurationError([f"{_place_of_database(settings)}: {cause_of(error)}"]) from None
    try:
        _bring_up_to_date(engine)
    except ConfigurationError:
        engine.dispose()
        raise
    except SQLAlchemyError as error:
        engine.dispose()
        raise ConfigurationError([f"{_place_of_database(settings)}: {cause_of(error)}"]) from None
    return engine


def _place_of_database(settings: Settings) -> str:
    return f"{PREFIX}STATE_DIR" if settings.database_url is None else f"{PREFIX}DATABASE_URL"


def _bring_up_to_date(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        try:
            upgrade(engine)
        except SchemaIsNewer:
            raise ConfigurationError([f"{PREFIX}STATE_DIR: {NEWER_SCHEMA}"]) from None
    elif (problem := schema_problem(engine)) is not None:
        raise ConfigurationError([f"{PREFIX}DATABASE_URL: {problem}"])


def _launch_client(
    settings: Settings, ehrs: Ehrs, keys: ClientKeys, outbound: OutboundSessions, clock: Clock
) -> LaunchClient:
    return LaunchClient(
        ehrs.registry,
        keys,
        session_for=outbound.for_launch,
        clock=clock,
        settings=ClientSettings(
            redirect_uri=f"{settings.public_url}/callback",
            product_scopes=lambda syntax, level: scopes("v2" if syntax == "v2" else "v1", level),
            dispensable_scopes=lambda syntax, level: shown_only_scopes("v2" if syntax == "v2" else "v1", level),
            writing_scopes=lambda syntax, level: writing_scopes("v2" if syntax == "v2" else "v1", level),
        ),
    )


def _client_keys(engine: Engine, box: SealedBox, clock: Clock, ehrs: Ehrs) -> ClientKeys:
    algorithms: set[SigningAlgorithm] = {
        ehr.launch.signing_alg for ehr in ehrs if ehr.launch.auth_method == "private_key_jwt"
    }
    algorithms |= {ehr.launch.backend.signing_alg for ehr in ehrs if ehr.launch.backend}
    try:
        return ClientKeys.open(StoredKeys(engine, box, clock), algorithms | {"ES384"}, clock=clock)
    except Undecipherable:
        raise ConfigurationError([f"{PREFIX}MASTER_KEY: does not open the stored signing keys"]) from None


def _model() -> RiskPredictor | ModelError:
    try:
        return load_bundled_model()
    except ModelError as refusal:
        return refusal
