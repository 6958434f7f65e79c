"""The CDS endpoints in a bare Flask app, with a fake EHR and the real chart reading."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from cds_hooks.clients import CdsClient, CdsClientRegistry
from cds_hooks.feedback import FeedbackEvent, FeedbackReceipt
from cds_hooks.record import CdsEvent
from cds_hooks.replay import TokensInMemory
from cds_hooks.routes import cds_blueprint
from cds_hooks.services import CdsDependencies
from model.assess import assess
from model.assessment import Outcome
from model.errors import ModelError
from model.snapshot import PatientSnapshot
from tests.builders.cds import NOW, PUBLIC_URL, FakeSession, client, token


def stage_only(snapshot: PatientSnapshot, now: Any, ehr_id: str) -> Outcome:
    """The real assessment without a risk model."""
    return assess(snapshot, now=now, model=ModelError("no model in this test"))


def using_up(tokens: TokensInMemory, keep: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Keeps an event as the application does: with its token, or not at all."""

    def kept(event: CdsEvent | FeedbackEvent) -> Any:
        if event.token is not None and not tokens.remember(event.token):
            raise event.token.replayed()
        return keep(event)

    return kept


def keep_nothing(event: FeedbackEvent) -> FeedbackReceipt:
    """Takes every entry as one of a card not known here."""
    return FeedbackReceipt(0, 0, len(event.batch.entries))


@dataclass
class Bench:
    """What one test sends to and sees of the service."""

    app: Flask
    session: FakeSession
    events: list[CdsEvent] = field(default_factory=list)
    tokens: TokensInMemory = field(default_factory=TokensInMemory)

    def post(
        self, body: Any, *, path: str = "aki-patient-view", bearer: str | None = None, **how: Any
    ) -> TestResponse:
        """POST a hook with a fresh token; `bearer=""` sends none."""
        headers = dict(how.pop("headers", {}))
        text = token() if bearer is None else bearer
        if text:
            headers["Authorization"] = f"Bearer {text}"
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        how.setdefault("content_type", "application/json")
        return self.app.test_client().post(f"/cds-services/{path}", data=data, headers=headers, **how)


@pytest.fixture
def bench() -> Callable[..., Bench]:
    """Builds a Bench; `clients` and any field of CdsDependencies can be replaced."""

    def build(*clients: CdsClient, development: bool = False, **changes: Any) -> Bench:
        session = FakeSession()
        events: list[CdsEvent] = []
        tokens = changes.pop("used_tokens", None) or TokensInMemory()
        keep = {"record": events.append, "store_feedback": keep_nothing}
        keep = {name: using_up(tokens, changes.pop(name, usual)) for name, usual in keep.items()}
        fields: dict[str, Any] = {
            "clients": CdsClientRegistry(clients or (client(),), development=development),
            "assess": stage_only,
            "session_for": lambda _: session,
            "used_tokens": tokens,
            "public_url": PUBLIC_URL,
            **keep,
            "clock": lambda: NOW,
        }
        app = Flask("test")
        app.register_blueprint(cds_blueprint(CdsDependencies(**{**fields, **changes})))
        return Bench(app, session, events, tokens)

    return build
