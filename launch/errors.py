"""What can go wrong in a launch. One class per thing the clinician or the integrator must do about it.

No exception here carries a raw parameter, a token or a response body: only codes and field names.
"""


class LaunchError(Exception):
    """A launch that cannot go on. `code` is stable and safe to log; `detail` names a field or a rule."""

    code = "launch-failed"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(self.code if detail is None else f"{self.code}: {detail}")
        self.detail = detail


class LaunchParametersMissing(LaunchError):
    """`/launch` without `iss` or without `launch` (SL-1), or `/callback` without `state` or `code`."""

    code = "launch-parameters-missing"


class UnknownIssuer(LaunchError):
    """The `iss` is not in the registry; nothing was requested from it (SL-2)."""

    code = "unknown-issuer"


class LaunchNotRecognised(LaunchError):
    """The `state` is unknown, already used, or older than ten minutes (SL-7, SL-31)."""

    code = "launch-not-recognised"


class BrowserNotRecognised(LaunchError):
    """The `state` is good, but this browser does not hold the cookie of the launch (SL-31, SL-59)."""

    code = "browser-not-recognised"


class AuthorizationRefused(LaunchError):
    """The EHR answered the authorization request with an error; `detail` is one of the known codes (SL-32)."""

    code = "authorization-refused"


class NoPatientInContext(LaunchError):
    """The token response names no patient that can be used, and no scopes to choose one with (SL-40)."""

    code = "no-patient-in-context"


class LaunchNotOffered(LaunchError):
    """The registry does not offer this kind of launch at this EHR (`choose_patient`); the EHR was not asked."""

    code = "launch-not-offered"


class PatientChanged(LaunchError):
    """A refreshed token belongs to another patient than the launch it renews; nothing may be read with it."""

    code = "patient-changed"


class PatientUserRefused(LaunchError):
    """The signed-in user is a patient; this is a tool for clinicians (SL-47)."""

    code = "patient-user-refused"


class IdentityRejected(LaunchError):
    """The id_token did not pass validation; `detail` names the check (SL-41)."""

    code = "identity-rejected"


class EhrMisconfigured(LaunchError):
    """What the EHR publishes cannot be used: no endpoints, or endpoints outside the trusted origins (SL-8..14)."""

    code = "ehr-misconfigured"


class TokenRefused(LaunchError):
    """The token endpoint refused us: a matter of registration, code or clock; `detail` is the OAuth error code."""

    code = "token-refused"


class EhrUnavailable(LaunchError):
    """The EHR did not answer in time, or answered with a server error. Trying again is reasonable."""

    code = "ehr-unavailable"
