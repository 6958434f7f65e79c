"""What the guarded session refuses to send, to follow and to read (hardening rows 8, 9, 19)."""

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_network
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from app.egress.connections import LOOPBACK, is_permitted_address
from app.egress.guarded import GuardedSession, Limits, OutboundRefused, OutboundTimeout, OutboundUnreachable
from tests.builders.fake_ehr import FakeEhr, json_response, running

QUICK = Limits(connect_seconds=2, read_seconds=0.5, total_seconds=0.6, max_bytes=100_000, retries=0)


def _session(ehr: FakeEhr, **changes: Any) -> GuardedSession:
    return GuardedSession([ehr.fhir_base], limits=changes.get("limits", QUICK), networks=LOOPBACK)


def test_an_allowed_address_is_read_without_cookies_or_environment(ehr: FakeEhr, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    def answer(_: Request) -> Response:
        response = json_response({"id": "p1"})
        response.set_cookie("tracking", "1")
        return response

    ehr.answers["/fhir/Patient/p1"] = answer
    session = _session(ehr)
    for _ in range(2):
        assert session.get(f"{ehr.fhir_base}/Patient/p1").json() == {"id": "p1"}
    assert not session.cookies
    assert all("Cookie" not in asked.headers for asked in ehr.asked)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/fhir/Patient",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/fhir",
        "{origin}/other/Patient",
        "{origin}/fhirx/Patient",
        "{origin}/fhir/../other",
        "{origin}/fhir/%2e%2e/other",
        "http://user@{host}/fhir/Patient",
    ],
)
def test_an_address_off_the_list_is_refused_before_anything_is_sent(ehr: FakeEhr, no_network, url: str) -> None:
    host = ehr.base_url.removeprefix("http://")
    with pytest.raises(OutboundRefused, match="address-not-registered"):
        _session(ehr).get(url.format(origin=ehr.base_url, host=host))
    assert no_network() == 0


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest", "https://evil.test/", "//evil.test/fhir", "http://127.0.0.1:1/fhir"],
)
def test_a_redirect_to_another_origin_is_not_followed(ehr: FakeEhr, target: str) -> None:
    ehr.answers["/fhir/Patient/p1"] = lambda _: Response(status=302, headers={"Location": target})
    with pytest.raises(OutboundRefused, match="redirect-refused"):
        _session(ehr).get(f"{ehr.fhir_base}/Patient/p1")
    assert len(ehr.asked) == 1


def test_a_redirect_within_the_origin_but_off_the_list_is_not_followed(ehr: FakeEhr) -> None:
    ehr.answers["/fhir/Patient/p1"] = lambda _: Response(status=302, headers={"Location": "/admin"})
    with pytest.raises(OutboundRefused, match="address-not-registered"):
        _session(ehr).get(f"{ehr.fhir_base}/Patient/p1")
    assert ehr.paths() == ["/fhir/Patient/p1"]


def test_a_redirect_below_the_base_is_followed_for_get_and_refused_for_post(ehr: FakeEhr) -> None:
    ehr.answers["/fhir/old"] = lambda _: Response("x" * 10**6, status=307, headers={"Location": "/fhir/new"})
    ehr.answers["/fhir/new"] = lambda _: json_response({"ok": True})
    assert _session(ehr).get(f"{ehr.fhir_base}/old").json() == {"ok": True}
    with pytest.raises(OutboundRefused, match="redirect-refused"):
        _session(ehr).post(f"{ehr.fhir_base}/old", data={"code": "c"})


@pytest.mark.parametrize("encoding", ["identity", "gzip", "gzip, gzip, gzip"])
def test_an_oversize_answer_is_cut_off_also_when_it_unpacks_to_that_size(ehr: FakeEhr, encoding: str) -> None:
    packed = b"0" * 5_000_000
    for _ in range(encoding.count("gzip")):
        packed = gzip.compress(packed)
    ehr.answers["/fhir/big"] = lambda _: Response(packed, headers={"Content-Encoding": encoding})
    with pytest.raises(OutboundRefused, match="answer-too-large"):
        _session(ehr).get(f"{ehr.fhir_base}/big")


def test_an_answer_that_trickles_is_given_up_at_the_total_deadline(ehr: FakeEhr) -> None:
    stop = threading.Event()

    def trickle() -> Iterator[bytes]:
        while not stop.wait(0.05):
            yield b" "

    ehr.answers["/fhir/slow"] = lambda _: Response(trickle())
    try:
        with pytest.raises(OutboundTimeout):
            _session(ehr).get(f"{ehr.fhir_base}/slow")
    finally:
        stop.set()


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\n\r\n"])
def test_headers_and_refusals_that_trickle_are_given_up_too(begun: bytes) -> None:
    limits = Limits(read_seconds=0.5, total_seconds=0.6, retries=1)
    with _trickling(begun) as base, pytest.raises(OutboundTimeout):
        GuardedSession([base], limits=limits, networks=LOOPBACK).get(f"{base}/x")


@contextmanager
def _trickling(begun: bytes) -> Iterator[str]:
    """A server that says a beginning and then a byte now and then, for as long as one listens."""
    stop, listener = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                threading.Thread(target=trickle, args=listener.accept()[:1]).start()

    def trickle(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # nobody listens any more
            connection.sendall(begun)
            while not stop.wait(0.05):
                connection.sendall(b"a")

    accepting = threading.Thread(target=serve)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/fhir"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()


def test_no_answer_at_all_is_a_timeout(ehr: FakeEhr) -> None:
    release = threading.Event()
    ehr.answers["/fhir/never"] = lambda _: (release.wait(5), Response())[1]
    try:
        with pytest.raises(OutboundTimeout):
            _session(ehr).get(f"{ehr.fhir_base}/never?patient=canary")
    finally:
        release.set()


def test_a_failed_get_is_tried_again_a_bounded_number_of_times_and_a_post_never(ehr: FakeEhr) -> None:
    ehr.answers["/fhir/busy"] = lambda _: Response(status=503, headers={"Retry-After": "0"})
    limits = Limits(retries=2)
    assert _session(ehr, limits=limits).get(f"{ehr.fhir_base}/busy").status_code == 503
    assert len(ehr.asked) == 3
    assert _session(ehr, limits=limits).post(f"{ehr.fhir_base}/busy").status_code == 503
    assert len(ehr.asked) == 4


def test_exceptions_carry_no_address(ehr: FakeEhr) -> None:
    session = GuardedSession(["http://127.0.0.1:9/fhir"], limits=QUICK, networks=LOOPBACK)
    with pytest.raises(OutboundUnreachable) as caught:
        session.get("http://127.0.0.1:9/fhir/Observation?patient=canary")
    assert "canary" not in repr(caught.value) + str(caught.value)
    assert isinstance(caught.value, requests.ConnectionError)


@contextmanager
def _resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> Iterator[list[str]]:
    """A resolver that gives the next list of addresses on every question."""
    queue, asked = list(answers), []

    def resolve(host: str, port: int, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        found = queue.pop(0) if len(queue) > 1 else queue[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    with monkeypatch.context() as patch:
        patch.setattr("app.egress.connections.socket.getaddrinfo", resolve)
        yield asked


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "192.168.1.1", "0.0.0.0"])  # noqa: S104
def test_a_registered_name_that_resolves_inside_is_refused(monkeypatch, address: str) -> None:
    session = GuardedSession(["http://ehr.example.org/fhir"], limits=QUICK)
    with (
        _resolving(monkeypatch, [address]),
        pytest.raises(OutboundRefused, match="address-not-permitted"),
    ):
        session.get("http://ehr.example.org/fhir/Patient")


def test_one_bad_address_among_good_ones_is_enough_to_refuse(monkeypatch) -> None:
    session = GuardedSession(["http://ehr.example.org/fhir"], limits=QUICK)
    with (
        _resolving(monkeypatch, ["93.184.216.34", "127.0.0.1"]),
        pytest.raises(OutboundRefused, match="address-not-permitted"),
    ):
        session.get("http://ehr.example.org/fhir/Patient")


def test_the_name_is_resolved_once_and_the_judged_address_is_the_one_connected_to(monkeypatch) -> None:
    with running(lambda environ, start: Response("here")(environ, start)) as base_url:
        port = base_url.rsplit(":", 1)[1]
        base = f"http://ehr.example.org:{port}/fhir"
        session = GuardedSession([base], limits=QUICK, networks=LOOPBACK)
        real = socket.getaddrinfo

        def rebinding(host: str, *args: Any, **kwargs: Any) -> Any:
            asked.append(host)
            return real("127.0.0.1" if host == "ehr.example.org" else host, *args, **kwargs)

        asked: list[str] = []
        monkeypatch.setattr("socket.getaddrinfo", rebinding)
        assert session.get(f"{base}/Patient").text == "here"
    assert asked.count("ehr.example.org") == 1


@pytest.mark.parametrize(
    ("address", "networks", "permitted"),
    [
        ("93.184.216.34", [], True),
        ("2606:2800:220:1:248:1893:25c8:1946", [], True),
        ("10.1.2.3", [], False),
        ("10.1.2.3", ["10.1.0.0/16"], True),
        ("10.2.2.3", ["10.1.0.0/16"], False),
        ("::ffff:10.1.2.3", [], False),
        ("::ffff:127.0.0.1", [], False),
        ("2002:7f00:0001::", [], False),
        ("fe80::1%eth0", ["fe80::/10"], False),
        ("169.254.169.254", ["169.254.0.0/16"], False),
        ("::ffff:169.254.169.254", ["::/0", "0.0.0.0/0"], False),
        ("fd00:ec2::254", ["fd00::/8"], False),
        ("224.0.0.1", [], False),
        ("100.64.0.1", [], False),
        ("::1", [], False),
        ("64:ff9b::a9fe:a9fe", ["::/0", "0.0.0.0/0"], False),  # NAT64 of the metadata address
        ("64:ff9b::10.1.2.3", [], False),
        ("64:ff9b::10.1.2.3", ["10.1.0.0/16"], True),
        ("64:ff9b::93.184.216.34", [], True),
        ("64:ff9b:1::10.1.2.3", [], False),
        ("::127.0.0.1", [], False),
        ("fec0::1", [], False),
        ("fd12::1", ["fd12::/16"], True),
    ],
)
def test_addresses_are_judged_as_what_they_really_are(address: str, networks: list[str], permitted: bool) -> None:
    assert is_permitted_address(address, [ip_network(each) for each in networks]) is permitted


@given(st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="fc00::/7"))
def test_no_private_address_is_permitted_without_being_named(address: Any) -> None:
    assert not is_permitted_address(str(address), ())
