"""Connections to the very address that was judged, whose answers must come in time, header lines included.

The name is resolved once, so DNS cannot be rebound between check and use.
"""

import http.client
import io
import ipaddress
import socket
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import create_connection

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEVER: Final = tuple(ipaddress.ip_network(net) for net in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128"))
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")  # all of IPv6 that is handed out to hosts (RFC 4291 2.4)
LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


class AddressRefused(Exception):
    """Travels through urllib3, which would retry anything that is an OSError."""


def is_permitted_address(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address may be connected to: public, or inside a range the registration names.

    Link-local and cloud metadata addresses never are. IPv4 inside IPv6 is judged as the IPv4 address.
    """
    found = _meant(ipaddress.ip_address(address.partition("%")[0]))
    if any(found.version == net.version and found in net for net in _NEVER):
        return False
    if any(found.version == net.version and found in net for net in networks):
        return True
    if isinstance(found, ipaddress.IPv6Address) and found not in _UNICAST:
        return False
    return found.is_global and not found.is_multicast


def _meant(found: Address) -> Address:
    """The address a packet ends at: the IPv4 one where IPv6 only carries it."""
    if isinstance(found, ipaddress.IPv4Address):
        return found
    if found in _NAT64:
        return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour or found


def pools(networks: tuple[Network, ...], total_seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools by scheme, over connections that judge their address and time their answers."""
    rules = {
        "permitted_networks": networks,
        "response_class": staticmethod(partial(_TimedResponse, total_seconds=total_seconds)),
    }
    plain = type("PlainConnection", (_PinnedConnection,), rules)
    tls = type("TlsConnection", (_PinnedTlsConnection,), rules)
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
    }


class _PinnedConnection(HTTPConnection):
    """Resolves once, judges every answer, and connects to the judged address itself."""

    permitted_networks: tuple[Network, ...] = ()

    def _new_conn(self) -> socket.socket:
        try:
            answers = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, "name does not resolve") from error
        addresses = [str(answer[4][0]) for answer in answers]
        if not addresses or not all(is_permitted_address(each, self.permitted_networks) for each in addresses):
            raise AddressRefused
        last: Exception = OSError("no address")
        for address in addresses:
            try:
                return create_connection(
                    (address, self.port),
                    self.timeout,
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except OSError as error:
                last = error
        raise NewConnectionError(self, "no address answered") from last


class _PinnedTlsConnection(HTTPSConnection, _PinnedConnection):
    """The same under TLS; the certificate is still checked against the host name."""

    _new_conn = _PinnedConnection._new_conn


class _TimedResponse(http.client.HTTPResponse):
    """An answer that must come whole in time: a timeout per read alone lets a header trickle for ever."""

    def __init__(self, sock: socket.socket, *args: Any, total_seconds: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimedReading(self.fp.detach(), sock, total_seconds))


class _TimedReading(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, sock: socket.socket, total_seconds: float) -> None:
        self._raw, self._sock = raw, sock
        self._read_seconds = sock.gettimeout()
        self._ends_at = time.monotonic() + total_seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left if self._read_seconds is None else min(left, self._read_seconds))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
