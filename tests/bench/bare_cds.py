"""The least any CDS service must do: verify the same JWT, parse the same body, answer a constant.

gunicorn --config tests/bench/bare_gunicorn.conf.py      BARE_JWKS names the file with the caller's keys
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

from cds_hooks.caller import CallerCheck
from cds_hooks.clients import CdsClientRegistry
from cds_hooks.keys import TrustedKeys
from cds_hooks.replay import TokensInMemory
from patient_context.strict_json import loads
from tests.builders.cds import SERVICE_URL, FakeSession, client, public_jwks, rsa_key


def create_app(jwks: dict[str, Any] | None = None) -> Flask:
    """The endpoint; without `jwks` for the keys in the file BARE_JWKS."""
    app = Flask("bare")
    keys = jwks or json.loads(Path(os.environ["BARE_JWKS"]).read_text(encoding="utf-8"))  # noqa: TID251
    clients = CdsClientRegistry([client(jwks=keys)])
    check = CallerCheck(clients, TrustedKeys(clients.clients, lambda _: FakeSession()), TokensInMemory())

    @app.post("/cds-services/aki-patient-view")
    def answer() -> Response:
        check.verify(request.headers["Authorization"], url=SERVICE_URL, now=datetime.now(UTC))
        loads(request.get_data())
        return Response(b'{"cards":[]}', mimetype="application/json")

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app


def write_jwks(path: Path) -> Path:
    """The public half of the key the benchmark signs with."""
    path.write_text(json.dumps(public_jwks(rsa_key())), encoding="utf-8")
    return path
