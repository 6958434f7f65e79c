"""What the embedded EHR refuses, as one family of exceptions."""


class SandboxError(Exception):
    """Base of every error the embedded EHR raises on purpose."""


class AccessDenied(SandboxError):
    """A request the bearer may not make: HTTP status 401 or 403, FHIR issue type, the sentence shown.

    `vendor_code` is a code of the vendor's own, for `issue.details`.
    """

    def __init__(self, status: int, code: str, text: str, vendor_code: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text
        self.vendor_code = vendor_code


class RequestRefused(SandboxError):
    """A FHIR request that cannot be answered: becomes an OperationOutcome with this HTTP status and issue type."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text


class DataSetUnreadable(SandboxError):
    """The committed patient data set is missing or is not what its index says."""
