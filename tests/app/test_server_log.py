"""The server's own lines: in the form of ours, and without what a caller sent."""

import json
import logging

import pytest
import structlog
from gunicorn.config import Config
from gunicorn.http import RequestParser
from gunicorn.workers.base import Worker

from app.telemetry.server_log import ServerLog


@pytest.fixture(autouse=True)
def _server_log_is_put_away():
    yield
    logger = logging.getLogger("gunicorn.error")
    logger.handlers.clear()
    logger.propagate = True


def _server_log() -> ServerLog:
    cfg = Config()
    cfg.set("errorlog", "-")
    return ServerLog(cfg)


def _lines(capfd) -> list[dict[str, str]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"GET /callback?code=canary HTTP/1.1 x y\r\n\r\n", "InvalidHTTPVersion"),
        (b"GET /callback?code=canary\r\n\r\n", "InvalidRequestLine"),
        (b"GET http://[canary HTTP/1.1\r\n\r\n", "InvalidRequestLine"),
        (b"GET / HTTP/1.1\r\nAuthorization canary: x\r\n\r\n", "InvalidHeaderName"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\ncanary\r\n", "InvalidChunkSize"),
    ],
)
def test_a_request_that_cannot_be_read_is_named_by_its_kind_and_not_quoted(capfd, sent: bytes, kind: str) -> None:
    log = _server_log()
    worker = object.__new__(Worker)
    worker.log = log
    try:
        request = next(RequestParser(log.cfg, iter([sent]), ("127.0.0.1", 1)))
        request.body.read()
    except Exception as error:
        worker.handle_error(None, _Nobody(), ("127.0.0.1", 1), error)
    said = _lines(capfd)
    assert [line["event"] for line in said] == [f"request refused unread: {kind}"]
    assert "canary" not in str(said)


def test_a_failure_in_the_server_is_named_by_kind_and_place_and_belongs_to_no_earlier_request(capfd) -> None:
    log = _server_log()
    structlog.contextvars.bind_contextvars(request_id="of-another-request")
    try:
        raise OSError("canary")
    except OSError:
        log.exception("Error handling request %s", "/callback?code=canary")
    finally:
        structlog.contextvars.clear_contextvars()
    (line,) = _lines(capfd)
    assert line["event"].startswith("failure in the server: OSError at test_server_log.py:")
    assert "request_id" not in line
    assert "canary" not in str(line)


def test_what_the_server_says_of_itself_is_told_as_it_is(capfd) -> None:
    log = _server_log()
    log.info("Listening at: %s", "http://127.0.0.1:8080")
    log.warning("Worker (pid:%s) was sent SIGKILL!", 7)
    assert [line["event"] for line in _lines(capfd)] == [
        "Listening at: http://127.0.0.1:8080",
        "Worker (pid:7) was sent SIGKILL!",
    ]


class _Nobody:
    """A caller to whom the refusal is told in vain."""

    def sendall(self, _: bytes) -> None:
        """As a socket's own."""
