"""A small FHIR server on a real socket, whose answers a test sets per path."""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.builders.fhir import patient, searchset

Answer = Callable[[Request], Response]


class FakeFhir:
    """Answers every search with an empty page and `Patient/p1` with a patient unless told otherwise."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str | None]] = []
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.url = ""

    def on(self, key: str, *answers: Any) -> None:
        """Answers, in turn, for a path ("Observation?2160-0": a search with that text); the last one stays."""
        self.answers[key] = [self._answer(answer) for answer in answers]

    @staticmethod
    def _answer(answer: Any) -> Answer:
        if callable(answer):
            return answer  # type: ignore[no-any-return]
        if isinstance(answer, int):
            return lambda _: Response(status=answer)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return lambda _: Response(body, mimetype="application/fhir+json")

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        path = request.path.removeprefix("/fhir/")
        target = f"{path}?{request.query_string.decode()}"
        self.requests.append((target, request.headers.get("Authorization")))
        return self._find(path, target)(request)(environ, start_response)

    def _find(self, path: str, target: str) -> Answer:
        for key, waiting in self.answers.items():
            kind, _, text = key.partition("?")
            if path == kind and text in target:
                return waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return self._answer(patient() if path.startswith("Patient/") else searchset())


def serve(fake: FakeFhir) -> Iterator[FakeFhir]:
    server = make_server("127.0.0.1", 0, fake, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}/fhir"
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def ehr() -> Iterator[FakeFhir]:
    """The EHR being read."""
    yield from serve(FakeFhir())


@pytest.fixture
def stranger() -> Iterator[FakeFhir]:
    """Another server, which must never be asked."""
    yield from serve(FakeFhir())
