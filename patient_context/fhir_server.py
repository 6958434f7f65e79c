"""fhirclient's server with our guards: a deadline, no redirects, no address outside the FHIR base (SL-64).

fhirclient 4.4 sends the token to whatever host a `next` link names and sets no timeout. Here every address is
checked against the base before a request exists, and the session is the caller's guarded one.
"""

import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from fhirclient import server as fhirclient_server

from patient_context import strict_json
from patient_context.bundles import is_outcome, is_protected
from patient_context.errors import CHART_PROTECTED, JsonRefused
from patient_context.shapes import Json

_MAX_TIMEOUT_SECONDS: Final = 10.0


class ReadFailed(Exception):
    """One request failed: forbidden, chart-protected, timeout, unavailable ...; `status` if answered."""

    def __init__(self, code: str, status: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class FhirServer(fhirclient_server.FHIRServer):  # type: ignore[misc]  # fhirclient is untyped
    """One EHR's FHIR base, read with a bearer token until a deadline on the monotonic clock."""

    def __init__(self, base_url: str, token: str | None, session: requests.Session, deadline: float) -> None:
        super().__init__(None, base_url)
        self.session = session
        self._token = token
        self._deadline = deadline

    def seconds_left(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self._deadline - time.monotonic())

    def read_json(self, path: str) -> Json:
        """The JSON object at a path below the base, or at an absolute address under it. Raises ReadFailed."""
        return _object_in(self._body(path))

    def post_search(self, resource_type: str, parameters: Mapping[str, str]) -> Json:
        """The first page of a search whose parameters stand in no address and no log. Raises ReadFailed."""
        return _object_in(self._body(f"{resource_type}/_search", parameters))

    def address_of(self, path: str) -> str:
        """The absolute address, if it lies under the FHIR base. Raises ReadFailed `outside-base`."""
        try:
            address = urljoin(str(self.base_uri), path)
            inside = is_under(address, str(self.base_uri))
        except ValueError:
            inside = False
        if not inside:
            raise ReadFailed("outside-base")
        return address

    def _body(self, path: str, form: Mapping[str, str] | None = None) -> bytes:
        address, left = self.address_of(path), self.seconds_left()
        if left <= 0:
            raise ReadFailed("timeout")
        headers = {"Accept": fhirclient_server.FHIRJSONMimeType}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            answer = self.session.request(
                "GET" if form is None else "POST",
                address,
                data=form,
                headers=headers,
                timeout=min(left, _MAX_TIMEOUT_SECONDS),
                allow_redirects=False,
            )
            self.raise_for_status(answer)
        # `from None`: the exceptions of requests and fhirclient carry addresses with the patient's id in them.
        except fhirclient_server.FHIRUnauthorizedException:
            raise ReadFailed("unauthorized", 401) from None
        except fhirclient_server.FHIRPermissionDeniedException:
            raise ReadFailed(_why_forbidden(answer.content), 403) from None
        except fhirclient_server.FHIRNotFoundException:
            raise ReadFailed("not-found", 404) from None
        except requests.Timeout:
            raise ReadFailed("timeout") from None
        except requests.RequestException as error:
            raise ReadFailed("unavailable", getattr(error.response, "status_code", None)) from None
        if answer.status_code != 200:  # a redirect to a login page, 204, 202
            raise ReadFailed("unreadable", answer.status_code)
        return bytes(answer.content)


def _object_in(body: bytes) -> Json:
    try:
        found = strict_json.loads(body)
    except JsonRefused:
        raise ReadFailed("unreadable", 200) from None
    if not isinstance(found, dict):
        raise ReadFailed("unreadable", 200)
    return found


def _why_forbidden(body: bytes) -> str:
    try:
        found = strict_json.loads(body)
    except JsonRefused:
        return "forbidden"
    return CHART_PROTECTED if is_outcome(found) and is_protected(found) else "forbidden"


def is_under(address: str, base: str) -> bool:
    """Whether an absolute address has the base's scheme, host and port and lies in its path."""
    found, root = urlsplit(address), urlsplit(base)
    if found.username is not None or found.password is not None or "\\" in address or found.scheme != root.scheme:
        return False
    if (found.hostname, _port(found)) != (root.hostname, _port(root)):
        return False
    path, root_path = found.path, root.path.rstrip("/")
    if ".." in path or "%2e" in path.lower() or "%2f" in path.lower():
        return False
    return path.rstrip("/") == root_path or path.startswith(root_path + "/")


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"https": 443, "http": 80}.get(parts.scheme)
