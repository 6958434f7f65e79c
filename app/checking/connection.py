"""Is the address reachable, at an address we may connect to, with a certificate we trust?"""

import math
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.checking.findings import Finding, note, ok, problem
from app.egress.connections import is_permitted_address
from launch.registry import EhrRegistration

_TOPIC: Final = "connection"
_SECONDS: Final = 5.0
_SOON_DAYS: Final = 21
_UNKNOWN_AUTHORITY: Final = (18, 19, 20, 21)  # self-signed, or no chain to a trusted root (OpenSSL X509_V_ERR_*)
_EXPIRED: Final = 10
_NOT_YET_VALID: Final = 9
_WRONG_HOST: Final = (62, 64)  # name, IP address


def check_connection(registration: EhrRegistration, *, ca_file: Path | None, now: datetime) -> list[Finding]:
    """Resolve, judge the address, connect, and look at the certificate. Sends nothing else."""
    parts = urlsplit(registration.iss)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return [problem(_TOPIC, f"The name {host} does not resolve.", "Check the spelling, or this host's DNS.")]
    addresses = sorted({str(answer[4][0]) for answer in answers})
    refused = [each for each in addresses if not is_permitted_address(each, registration.networks)]
    if refused:
        return [
            problem(
                _TOPIC,
                f"The name {host} resolves to a private address ({', '.join(refused)}).",
                f'If that is right, name its network in the registry: networks = ["{_network(refused[0])}"]',
            )
        ]
    try:
        with socket.create_connection((addresses[0], port), timeout=_SECONDS) as plain:
            if parts.scheme == "http":
                return [note(_TOPIC, f"Reached {host}:{port} over plain http: for development only.")]
            return [_tls(plain, host, ca_file, now)]
    except OSError:
        return [
            problem(
                _TOPIC,
                f"Nothing answers at {host}:{port}.",
                "Check the port, and that a firewall lets this host out to it.",
            )
        ]


def _network(address: str) -> str:
    return f"{address}/128" if ":" in address else f"{address}/32"


def _tls(plain: socket.socket, host: str, ca_file: Path | None, now: datetime) -> Finding:
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        with context.wrap_socket(plain, server_hostname=host) as secured:
            return _good_certificate(secured, host, now)
    except ssl.SSLCertVerificationError as error:
        return _bad_certificate(error, host)
    except (ssl.SSLError, ConnectionError):
        return problem(
            _TOPIC, f"{host} does not speak TLS 1.2 or newer on this port.", "Check the port, or the server's TLS."
        )


def _good_certificate(secured: ssl.SSLSocket, host: str, now: datetime) -> Finding:
    certificate = secured.getpeercert() or {}
    ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    days = math.floor((ends_at - now).total_seconds() / 86_400)
    text = f"{secured.version()} with {host}; its certificate is good for {days} more days."
    return (
        note(_TOPIC, text, "Ask the EHR's people when it is renewed.") if days < _SOON_DAYS else ok(_TOPIC, text)
    )


def _bad_certificate(error: ssl.SSLCertVerificationError, host: str) -> Finding:
    if error.verify_code == _EXPIRED:
        return problem(_TOPIC, f"The certificate of {host} has expired.", "The EHR's people must renew it.")
    if error.verify_code == _NOT_YET_VALID:
        return problem(_TOPIC, f"The certificate of {host} is not valid yet.", "Check the clocks of both hosts.")
    if error.verify_code in _WRONG_HOST:
        return problem(
            _TOPIC,
            f"The certificate is for another name than {host}.",
            "Use the name the certificate is for, or have it issued for this one.",
        )
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return problem(
            _TOPIC,
            f"The certificate of {host} was issued by an authority that is not trusted here.",
            "If it is the hospital's own: AKI_OUTBOUND_CA_FILE names the file with its root. "
            "Else the server may send an incomplete chain.",
        )
    return problem(_TOPIC, f"The certificate of {host} is not acceptable.", "The EHR's people must replace it.")
