"""A CDS service over real HTTP that remembers what it was sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import make_server

HOOKS = ("patient-view", "order-select", "order-sign", "encounter-discharge")
CARD = {
    "uuid": "c-1",
    "summary": "Look at the kidneys",
    "indicator": "warning",
    "source": {"label": "Test"},
    "overrideReasons": [{"code": "known", "system": "urn:test", "display": "Known already"}],
}
_TEMPLATES = {
    "patient": "Patient/{{context.patientId}}",
    "labs": "Observation?patient={{context.patientId}}&code=x",
}


class Listener:
    """`heard`: path below the services, token and JSON of every call; `raw`: the bodies as they came."""

    def __init__(self) -> None:
        self.services = [
            {"id": hook, "hook": hook, "description": "A test.", "prefetch": _TEMPLATES} for hook in HOOKS
        ]
        self.heard: list[tuple[str, str, Any]] = []
        self.raw: list[bytes] = []
        self.wsgi = Flask("listener")
        self.wsgi.add_url_rule("/cds-services", view_func=self.discovery)
        self.wsgi.add_url_rule("/cds-services/<path:rest>", view_func=self.hear, methods=["POST"])

    def discovery(self) -> Response:
        return Response(json.dumps({"services": self.services}), content_type="application/json")

    def hear(self, rest: str) -> Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.raw.append(request.get_data())
        self.heard.append((rest, token, request.get_json(silent=True)))
        return Response(json.dumps({"cards": [CARD]}), content_type="application/json")

    def body(self) -> dict[str, Any]:
        """The JSON heard last."""
        body: dict[str, Any] = self.heard[-1][2]
        return body


@contextmanager
def listening(listener: Listener) -> Iterator[str]:
    """Its address while it listens."""
    server = make_server("127.0.0.1", 0, listener.wsgi, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
