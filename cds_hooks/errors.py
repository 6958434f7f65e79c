"""Everything this room can refuse, each with its HTTP status, and the OperationOutcome it becomes.

Texts are fixed sentences: no value from the request, the chart or a token ever enters one.
"""

from typing import Any, ClassVar

ERROR_SYSTEM = "urn:aki-sentinel:cds-error"


class CdsError(Exception):
    """A CDS Hooks request that gets no cards. `code` is ours, `issue` is FHIR's IssueType code."""

    status: ClassVar[int] = 500
    issue: ClassVar[str] = "exception"

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


class MisconfiguredClient(CdsError):
    """The registered clients cannot work as written: raised at start-up, never during a request."""


class CallerRefused(CdsError):
    """The caller did not prove who it is. `reason` is for the log; the caller learns nothing (CH-53)."""

    status = 401
    issue = "login"

    def __init__(self, reason: str, *, iss: str | None = None, jti: str | None = None) -> None:
        super().__init__("caller-refused", "The request carries no token this service accepts.")
        self.reason = reason
        self.iss = iss
        self.jti = jti


class RequestUnreadable(CdsError):
    """The body is not the hook request CDS Hooks describes (CH-12, CH-16)."""

    status = 400
    issue = "invalid"


class FhirServerRefused(CdsError):
    """The request names a FHIR server that is not registered for this client (CH-21). Nothing was sent to it."""

    status = 403
    issue = "forbidden"


class UnknownService(CdsError):
    """No service has this id."""

    status = 404
    issue = "not-found"

    def __init__(self) -> None:
        super().__init__("unknown-service", "There is no CDS service here; GET /cds-services lists them.")


class MethodRefused(CdsError):
    """The address exists, the method does not."""

    status = 405
    issue = "not-supported"

    def __init__(self, allow: str) -> None:
        super().__init__("method-not-allowed", f"Use {allow} here.")
        self.allow = allow


class DataUnavailable(CdsError):
    """Needed data is neither in the prefetch nor obtainable from the FHIR server (CH-17, requirement 54)."""

    status = 412
    issue = "required"


class BodyTooLarge(CdsError):
    """The body is larger than this service reads (CH-15)."""

    status = 413
    issue = "too-long"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__("body-too-large", f"The body may hold at most {limit_bytes} bytes.")


class BodyNotJson(CdsError):
    """The body is not declared as plain UTF-8 JSON (requirement 1)."""

    status = 415
    issue = "structure"

    def __init__(self) -> None:
        super().__init__("not-json", "Send Content-Type: application/json in UTF-8, without Content-Encoding.")


class WrongPatient(CdsError):
    """The body contradicts itself about whose chart it is."""

    status = 422
    issue = "business-rule"


class HistoryUnavailable(Exception):
    """The cards shown before cannot be read: silence windows do not apply, and the card is shown."""


class ServiceFailed(CdsError):
    """Our own fault. `incident` finds the log line; it says nothing about the request."""

    def __init__(self, incident: str) -> None:
        super().__init__("internal-error", f"The service failed; nothing was assessed. Incident {incident}.")


def operation_outcome(error: CdsError) -> dict[str, Any]:
    """The FHIR R4 OperationOutcome of an error, as CDS Hooks 3.0 recommends for every non-2xx answer."""
    coding = {"system": ERROR_SYSTEM, "code": error.code}
    issue = {"severity": "error", "code": error.issue, "details": {"coding": [coding], "text": error.text}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
