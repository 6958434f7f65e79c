"""The embedded EHR's FHIR server in a Flask app of its own, with a stand-in for the authorization server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from sandbox.capability import SecurityUrls
from sandbox.errors import AccessDenied
from sandbox.faults import Faults
from sandbox.fhir import fhir_blueprint
from sandbox.store import BUNDLED_PATIENTS, PatientStore

BASE = "https://ehr.example/fhir"
NOW = datetime(2026, 3, 29, 14, 30, 17, tzinfo=timezone(timedelta(hours=2)))
CREATED_AT = datetime(2026, 3, 29, 12, 45, tzinfo=UTC)
PATIENT = "10005817"
OTHER_PATIENT = "10007795"


@dataclass(frozen=True)
class StubAccess:
    """A bearer: `scopes` maps resource types ("*" for all) to permitted interactions."""

    patient_id: str | None = PATIENT
    scopes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"*": ("create", "read", "search")})

    fhir_user: str | None = None

    def permits(self, resource_type: str, interaction: str) -> bool:
        return interaction in self.scopes.get(resource_type, self.scopes.get("*", ()))

    def compartment(self, resource_type: str, interaction: str) -> str | None:
        return self.patient_id


@dataclass
class FhirWorld:
    """The server under test: what callers present is `bearer`; pauses are noted, not waited for."""

    client: FlaskClient
    store: PatientStore
    faults: Faults
    bearer: StubAccess
    pauses: list[float]

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/fhir/{path}", headers={"Authorization": "Bearer t", **headers})

    def post(self, path: str, body: Any, **headers: str) -> Any:
        sent = {"Authorization": "Bearer t", "Content-Type": "application/fhir+json", **headers}
        return self.client.post(f"/fhir/{path}", json=body, headers=sent)

    def ids(self, path: str) -> list[str]:
        bundle = self.get(path).json
        return [entry["resource"]["id"] for entry in bundle.get("entry", [])]

    def follow(self, bundle: Mapping[str, Any]) -> Any:
        """The next page, or None."""
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
        return self.get(url.removeprefix(BASE + "/")) if url else None

    def every_page(self, path: str) -> list[list[str]]:
        answer, pages = self.get(path), []
        while answer is not None:
            pages.append([entry["resource"]["id"] for entry in answer.json.get("entry", [])])
            answer = self.follow(answer.json)
        return pages


@lru_cache(maxsize=1)
def bundled_store() -> PatientStore:
    """The committed data set; only for tests that create nothing."""
    return PatientStore.load(BUNDLED_PATIENTS, NOW)


def fhir_world() -> FhirWorld:
    """A fresh server over the committed data set, for one patient's bearer with every scope."""
    store, faults, pauses = PatientStore.load(BUNDLED_PATIENTS, NOW), Faults(), []
    world = FhirWorld(Flask("records").test_client(), store, faults, StubAccess(), pauses)

    def authorize(header: str | None) -> StubAccess:
        if header != "Bearer t":
            raise AccessDenied(401, "login", "An access token is needed.")
        return world.bearer

    app = Flask("records")
    urls = SecurityUrls(authorize="https://ehr.example/auth/authorize", token="https://ehr.example/auth/token")
    app.register_blueprint(
        fhir_blueprint(
            store,
            authorize,
            base_url=BASE,
            security_urls=urls,
            faults=faults,
            clock=lambda: CREATED_AT,
            pause=pauses.append,
        )
    )
    world.client = app.test_client()
    return world
