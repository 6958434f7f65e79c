"""The only way out: a `requests.Session` that talks to one EHR's registered addresses and nobody else.

Refused before a socket opens: addresses outside the allow-list, host names that resolve to where nobody should be
led (`app.egress.connections`), redirects to another origin. Bounded: connect, read and total time, bytes, retries.
Its exceptions are `requests` exceptions without the URL: a FHIR search holds the patient's id.
"""

import random
import threading
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, Final, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.exceptions import HTTPError, ReadTimeoutError

from app.egress.breaker import Breaker, EhrResting
from app.egress.connections import AddressRefused, Network, pools
from launch.registry import is_below, origin_of

_CHUNK_BYTES: Final = 65_536
_RETRIED_STATUS: Final = (429, 502, 503, 504)
_CANNOT_JUST_NOW: Final = (502, 503, 504)


class OutboundRefused(requests.RequestException):
    """We did not send, or did not accept, something; `code` says which rule."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class OutboundUnreachable(requests.ConnectionError):
    """The other side could not be reached, or broke off."""


class OutboundTimeout(requests.Timeout):
    """The other side took longer than the limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request."""

    connect_seconds: float = 3.0
    read_seconds: float = 10.0
    total_seconds: float = 20.0
    max_bytes: int = 32 * 1024 * 1024
    retries: int = 2
    max_retry_after_seconds: int = 3


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, networks: tuple[Network, ...], limits: Limits) -> None:
        self._networks, self._limits = networks, limits
        super().__init__(pool_maxsize=16, max_retries=_retry(limits))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Build the pool manager over connections that judge the address they connect to."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = pools(self._networks, self._limits.total_seconds)


class _Retry(Retry):
    def increment(self, *args: Any, **kwargs: Any) -> Self:
        """An EHR that was too slow once is not asked to be slow again; a refusal's body is not waited for."""
        if isinstance(kwargs.get("error"), ReadTimeoutError):
            raise kwargs["error"]
        following = super().increment(*args, **kwargs)
        if (refusal := kwargs.get("response")) is not None:
            refusal.close()  # urllib3 would read all of it first
        return following


def _retry(limits: Limits) -> Retry:
    """A bounded second try for GET only: a write is never repeated (SL-71)."""
    return _Retry(
        total=limits.retries,
        connect=min(1, limits.retries),
        read=min(1, limits.retries),  # a kept-alive connection the EHR has closed
        redirect=False,
        allowed_methods=frozenset({"GET"}),
        status_forcelist=_RETRIED_STATUS,
        backoff_factor=0.2,
        backoff_jitter=random.uniform(0.05, 0.2),  # noqa: S311  spreads retries, guards nothing
        retry_after_max=limits.max_retry_after_seconds,
        raise_on_status=False,
    )


class GuardedSession(requests.Session):
    """Requests to the allow-listed bases only. Holds no cookies; ignores proxies and netrc of the environment."""

    def __init__(
        self,
        allowed: Collection[str],
        *,
        limits: Limits | None = None,
        networks: Iterable[Network] = (),
        ca_file: Path | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        super().__init__()
        self._breaker = breaker or Breaker()
        self._following = threading.local()
        self.trust_env = False
        self.max_redirects = 3
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._allowed = tuple(allowed)
        self._limits = limits or Limits()
        self._verify: str | bool = str(ca_file) if ca_file else True
        adapter = _GuardedAdapter(tuple(networks), self._limits)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send if the address is allowed; read the body within the limits. Its exceptions hold no URL."""
        if not any(is_below(request.url or "", base) for base in self._allowed):
            raise OutboundRefused("address-not-registered")
        kwargs["timeout"] = kwargs.get("timeout") or (self._limits.connect_seconds, self._limits.read_seconds)
        kwargs["stream"] = True
        kwargs["verify"] = self._verify
        if getattr(self._following, "redirect", False):
            return self._send(request, kwargs)  # part of a request the breaker has let through
        self._breaker.require_willing()
        self._following.redirect = True
        try:
            response = self._send(request, kwargs)
        except OutboundRefused:
            self._breaker.succeeded()  # our rule, not the EHR's failure: it did answer, or was not asked
            raise
        except (OutboundTimeout, OutboundUnreachable):
            self._breaker.failed()
            raise
        finally:
            self._following.redirect = False
        if response.status_code in _CANNOT_JUST_NOW:
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        return response

    def _send(self, request: requests.PreparedRequest, kwargs: dict[str, Any]) -> requests.Response:
        deadline = time.monotonic() + self._limits.total_seconds
        try:
            response = super().send(request, **kwargs)
            self._read_body(response, deadline)
        except (OutboundRefused, OutboundTimeout, OutboundUnreachable, EhrResting):
            raise
        except AddressRefused:
            raise OutboundRefused("address-not-permitted") from None
        except requests.Timeout:
            raise OutboundTimeout("no answer in time") from None
        except (requests.RequestException, HTTPError, OSError) as error:
            raise OutboundUnreachable(type(error).__name__) from None
        return response

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where a redirect leads. Only a GET may follow one, and only within its own origin (SL-14)."""
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        absolute = requests.compat.urljoin(resp.url, target)
        try:
            stays = origin_of(absolute) == origin_of(resp.url)
        except ValueError:
            stays = False
        if not stays or resp.request.method not in ("GET", "HEAD"):
            resp.close()
            raise OutboundRefused("redirect-refused")
        resp._content = b""  # never read the body of a redirect: it has no limit there
        return target

    def _read_body(self, response: requests.Response, deadline: float) -> None:
        if response.history:
            return  # a redirect was followed: the inner send has read the body
        parts, size = [], 0
        try:
            while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
                size += len(chunk)
                if size > self._limits.max_bytes:
                    raise OutboundRefused("answer-too-large")
                if time.monotonic() > deadline:
                    raise OutboundTimeout("no answer in time")
                parts.append(chunk)
        except ReadTimeoutError:
            raise OutboundTimeout("no answer in time") from None
        except HTTPError as error:
            raise OutboundUnreachable(type(error).__name__) from None
        finally:
            response.close()
        response._content = b"".join(parts)
        response._content_consumed = True  # type: ignore[attr-defined]  # as requests itself marks it
