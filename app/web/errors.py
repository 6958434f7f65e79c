"""The one table from what went wrong to what a person is told: status, code, cause, next step.

Nothing of the request, the chart or the exception's own text reaches the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from app.auditing.trail import AuditFailed
from app.launched.granted import ScopesMissing
from app.launched.sessions import RequestForged, SessionExpired, SessionMissing
from app.patient_page.drafts import DraftMissing
from app.storage.encryption import Undecipherable
from app.worklist.searches import FoundPatientMissing
from launch import errors as launch_errors
from patient_context import errors as chart_errors

REOPEN: Final = "Open the app again from the patient's chart."
ASK_IT: Final = "Tell your IT department; the code below says what to look for."
TRY_AGAIN: Final = "Wait a moment, then open the app again from the patient's chart."


@dataclass(frozen=True, slots=True)
class PublicError:
    """What a person and a program are told. `issue` is a FHIR issue-type code; `missing` fills the cause's gap."""

    status: int
    code: str
    title: str
    cause: str
    next_step: str
    issue: str
    missing: tuple[str, ...] = ()


_LAUNCH: Final[Mapping[type[Exception], PublicError]] = {
    launch_errors.LaunchParametersMissing: PublicError(
        400,
        "launch-parameters-missing",
        "This is not a complete launch",
        "The address lacks what an EHR sends when it opens this app (iss and launch, or the answer to a sign-in).",
        REOPEN,
        "required",
    ),
    launch_errors.UnknownIssuer: PublicError(
        403,
        "unknown-issuer",
        "This EHR is not registered here",
        "The launch names an EHR that is not on this installation's list. Nothing was sent to it.",
        "If this is your hospital's EHR, ask IT to add its FHIR address to the registry (ehrs.toml).",
        "security",
    ),
    launch_errors.LaunchNotRecognised: PublicError(
        400,
        "launch-not-recognised",
        "This launch is over",
        "It was already used, it is older than ten minutes, or it did not start here. Reloading cannot repeat it.",
        REOPEN,
        "security",
    ),
    launch_errors.BrowserNotRecognised: PublicError(
        400,
        "browser-not-recognised",
        "This browser did not bring its launch cookie",
        "Either the launch was started in another browser, or this one blocks cookies of framed pages.",
        "Open the app again from the chart; if it happens again, let the EHR open it in a new window.",
        "security",
    ),
    launch_errors.AuthorizationRefused: PublicError(
        403,
        "authorization-refused",
        "The EHR did not allow the launch",
        "The EHR ended the sign-in without granting access.",
        REOPEN,
        "forbidden",
    ),
    launch_errors.NoPatientInContext: PublicError(
        400,
        "no-patient-in-context",
        "No patient is open",
        "The EHR started this app without naming a patient. No other patient is shown instead.",
        "Open a patient's chart, then open the app from there.",
        "required",
    ),
    launch_errors.LaunchNotOffered: PublicError(
        403,
        "launch-not-offered",
        "This launch is not set up for this EHR",
        "The registry does not offer this way to choose a patient at this EHR. Nothing was sent to it.",
        "Open the app from a patient's chart, or ask IT to add this way to choose_patient in ehrs.toml.",
        "forbidden",
    ),
    launch_errors.PatientChanged: PublicError(
        502,
        "patient-changed",
        "The EHR changed the patient under this launch",
        "The renewed permission is for another patient than this launch, so nothing more is read with it.",
        REOPEN,
        "security",
    ),
    ScopesMissing: PublicError(
        403,
        "scopes-missing",
        "The EHR did not grant the data this app needs",
        "Without it nothing can be said about the kidneys: {missing}.",
        "Open the app again and allow this data, or ask IT which data the app's registration covers.",
        "forbidden",
    ),
    launch_errors.PatientUserRefused: PublicError(
        403,
        "patient-user-refused",
        "This app is for clinicians",
        "The person signed in to the EHR is a patient.",
        "Sign in as a member of staff.",
        "forbidden",
    ),
    launch_errors.IdentityRejected: PublicError(
        403,
        "identity-rejected",
        "The EHR's statement of who you are could not be trusted",
        "Its signature, issuer, audience, time or nonce is not what this installation expects.",
        ASK_IT,
        "security",
    ),
    launch_errors.EhrMisconfigured: PublicError(
        502,
        "ehr-misconfigured",
        "The EHR's settings cannot be used",
        "What the EHR publishes about its sign-in is missing, unusable, or outside its registered addresses.",
        ASK_IT,
        "structure",
    ),
    launch_errors.TokenRefused: PublicError(
        502,
        "token-refused",
        "The EHR refused this app",
        "The sign-in succeeded, but the EHR did not accept this app's registration, key or clock.",
        ASK_IT,
        "forbidden",
    ),
    launch_errors.EhrUnavailable: PublicError(
        504,
        "ehr-unavailable",
        "The EHR does not answer",
        "It did not answer in time, or answered with an error of its own.",
        TRY_AGAIN,
        "timeout",
    ),
    launch_errors.LaunchError: PublicError(
        400, "launch-failed", "The launch failed", "It could not be completed.", REOPEN, "processing"
    ),
}

_SESSION: Final[Mapping[type[Exception], PublicError]] = {
    SessionMissing: PublicError(
        403,
        "session-missing",
        "This page belongs to another launch",
        "This browser holds no session for it. A patient's page opens only where it was launched.",
        REOPEN,
        "login",
    ),
    SessionExpired: PublicError(
        401,
        "session-expired",
        "The session has ended",
        "It was idle too long, or the EHR's permission has run out. Nothing of the patient is kept here.",
        REOPEN,
        "expired",
    ),
    RequestForged: PublicError(
        403,
        "request-forged",
        "This request did not come from the app's own page",
        "It lacks the token of the page, so it was not carried out. The session goes on.",
        "Go back to the patient's page and try again from there.",
        "security",
    ),
    AuditFailed: PublicError(
        500,
        "audit-failed",
        "The patient's data is not shown",
        "Every look at a patient is written down first, and that was not possible just now.",
        ASK_IT,
        "exception",
    ),
    DraftMissing: PublicError(
        404,
        "write-draft-missing",
        "There is nothing to write here",
        "What was shown for writing belongs to another launch, or is older than twelve hours. Nothing was sent.",
        "Open the patient's page and choose again what to write.",
        "not-found",
    ),
    FoundPatientMissing: PublicError(
        404,
        "found-patient-missing",
        "This patient is not on the list any more",
        "A newer search has taken the place of the list you chose from. Nobody was opened.",
        "Go back to the patients of this session and search again.",
        "not-found",
    ),
    SQLAlchemyError: PublicError(
        503,
        "database-unavailable",
        "This app cannot work just now",
        "Its own database does not answer. Nothing of the patient was lost or changed.",
        TRY_AGAIN,
        "transient",
    ),
    Undecipherable: PublicError(
        500,
        "stored-data-unreadable",
        "Stored data could not be read",
        "It was stored with another encryption key.",
        ASK_IT,
        "exception",
    ),
}

_CHART: Final[Mapping[type[Exception], PublicError]] = {
    chart_errors.UpstreamUnavailable: PublicError(
        504,
        "chart-unavailable",
        "The chart cannot be read just now",
        "The EHR's data service did not answer in time, or answered with an error of its own.",
        TRY_AGAIN,
        "timeout",
    ),
    chart_errors.UpstreamRefused: PublicError(
        502,
        "chart-refused",
        "The EHR does not allow reading this chart",
        "Its permission for this launch has ended or does not cover the data needed.",
        REOPEN,
        "forbidden",
    ),
    chart_errors.ChartProtected: PublicError(
        403,
        "chart-protected",
        "This chart is protected",
        "The EHR opens it only to a user who gives a reason there first (break-the-glass). Nothing was read.",
        "Open the chart normally in the EHR and give the reason, then open the app again.",
        "forbidden",
    ),
    chart_errors.PatientMismatch: PublicError(
        502,
        "patient-mismatch",
        "The EHR returned another patient",
        "The data received does not belong to the patient of this launch, so nothing of it is shown.",
        ASK_IT,
        "security",
    ),
    chart_errors.PatientContextError: PublicError(
        502,
        "chart-unreadable",
        "The chart could not be understood",
        "The EHR's answer is not what FHIR R4 describes.",
        ASK_IT,
        "structure",
    ),
}

PUBLIC_ERRORS: Final = MappingProxyType({**_LAUNCH, **_SESSION, **_CHART})

AUTHORIZATION_CAUSES: Final = MappingProxyType(
    {
        "access_denied": "The sign-in was cancelled, or your EHR account is not allowed to use this app.",
        "invalid_scope": "The EHR does not offer this app one of the kinds of data it asks for.",
        "unauthorized_client": "The EHR does not know this app, or not for this kind of launch.",
        "invalid_request": "The EHR did not accept the form of this app's request.",
        "server_error": "The EHR had an error of its own during the sign-in.",
        "temporarily_unavailable": "The EHR's sign-in is not available just now.",
        "issuer_mismatch": "The answer came from another sign-in server than the one that was asked.",
    }
)

HTTP_ERRORS: Final = MappingProxyType(
    {
        400: ("Request not understood", "The request is not one this app knows.", "invalid"),
        404: ("Page not found", "There is nothing at this address.", "not-found"),
        405: ("Not possible here", "This address does not accept this kind of request.", "not-supported"),
        413: ("Too large", "The request is larger than this service reads.", "too-long"),
        429: ("Too many requests", "Requests come faster than this service answers them.", "throttled"),
        503: ("Too busy just now", "More is asked of this service than it can answer in time.", "throttled"),
    }
)
OURS: Final = PublicError(
    500,
    "internal-error",
    "Something went wrong in this app",
    "The fault is ours; it has been logged without any patient data.",
    ASK_IT,
    "exception",
)


def public_error(error: Exception) -> PublicError:
    """The row for an exception: its own class first, then its ancestors; anything unknown is our fault."""
    if isinstance(error, HTTPException):
        return _http_error(error.code or 500)
    for kind in type(error).__mro__:
        if kind in PUBLIC_ERRORS:
            row = PUBLIC_ERRORS[kind]
            if isinstance(error, ScopesMissing):
                return replace(row, missing=error.missing)
            cause = AUTHORIZATION_CAUSES.get(str(getattr(error, "detail", None)))
            return replace(row, cause=cause) if cause and row.code == "authorization-refused" else row
    return OURS


def _http_error(status: int) -> PublicError:
    if status >= 500 and status not in HTTP_ERRORS:
        return replace(OURS, status=status)
    title, cause, issue = HTTP_ERRORS.get(status, HTTP_ERRORS[400])
    return PublicError(status, f"http-{status}", title, cause, TRY_AGAIN if status == 503 else REOPEN, issue)
