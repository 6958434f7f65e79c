"""What can go wrong between an EHR and a snapshot. Messages carry codes and field names, never patient data."""

CHART_PROTECTED = "chart-protected"


class PatientContextError(Exception):
    """Base of every error raised here. `code` is stable, `str()` a sentence without patient data."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class JsonRefused(PatientContextError):
    """Bytes that are not acceptable JSON: too large, too deep, not UTF-8, NaN, a login page ..."""


class BundleUnreadable(PatientContextError):
    """The whole input cannot be read as one patient's chart."""


class UpstreamUnavailable(PatientContextError):
    """The EHR cannot be reached or does not answer sensibly; the same request may work later."""


class UpstreamRefused(PatientContextError):
    """The EHR understood and refused (401, 403): asking again will not help, launching again may."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__("upstream-refused", sentence)
        self.status = status


class ChartProtected(UpstreamRefused):
    """The EHR opens this chart only to a user who first gives a reason there: "break the glass" (VN-13)."""

    def __init__(self) -> None:
        super().__init__(403, "This chart is protected: the EHR opens it only to a user who gives a reason there.")
        self.code = CHART_PROTECTED


class PatientMismatch(PatientContextError):
    """The EHR returned another patient than the one asked for (FH-9). Nothing of it may be shown."""
