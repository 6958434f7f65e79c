"""One search for patients with the user's right: asked, written down, then kept for the worklist to show."""

from datetime import date
from typing import Final

from werkzeug.datastructures import MultiDict

from app.configured.ehrs import EhrConfig
from app.launched.sessions import LaunchSession, SessionExpired
from app.patient_page.viewing import fhir_access, record_act
from app.services import AppServices
from app.worklist.searches import Kind, LastSearch, Problem, search_of
from launch.errors import LaunchError
from patient_context.errors import PatientContextError, UpstreamRefused
from patient_context.patient_search import FoundPatients, PatientQuery, find_patients

_LONGEST: Final = 64
_UNAUTHORIZED: Final = 401
_NO_SUCH_WAY: Final = frozenset({404, 405, 415, 501})


def asked_for(form: MultiDict[str, str]) -> tuple[Kind, PatientQuery | None]:
    """What a form asks for; None where it lacks what a search needs."""
    identifier, family = (form.get(name, "").strip() for name in ("identifier", "family"))
    if identifier or not family:
        usable = identifier.isprintable() and 0 < len(identifier) <= _LONGEST
        return "identifier", PatientQuery(identifier=identifier) if usable else None
    try:
        born = date.fromisoformat(form.get("birth_date", ""))
    except ValueError:
        return "name", None
    usable = family.isprintable() and len(family) <= _LONGEST
    return "name", PatientQuery(family=family, birth_date=born) if usable else None


def search(services: AppServices, session: LaunchSession, ehr: EhrConfig, form: MultiDict[str, str]) -> None:
    """Ask the EHR, and keep what came beside the line of the trail that says whom the list shows.

    What was typed is in neither. Raises AuditFailed, SessionExpired, LaunchError, UpstreamRefused (401).
    """
    now, (kind, query) = services.clock(), asked_for(form)
    ended: Exception | None = None
    if query is None:
        result = LastSearch(now, kind, problem="incomplete")
    else:
        try:
            result = search_of(_find(services, session, ehr, query), kind, now)
        except (PatientContextError, LaunchError, SessionExpired) as problem:
            result = LastSearch(now, kind, problem=_problem(problem, ehr))
            ended = problem if _ends_the_launch(problem) else None
    _record(services, session, result)
    if ended is not None:
        raise ended


def _find(services: AppServices, session: LaunchSession, ehr: EhrConfig, query: PatientQuery) -> FoundPatients:
    def find(current: LaunchSession) -> FoundPatients:
        return find_patients(
            fhir_access(current),
            query,
            session=services.http_session_for(current.ehr_id),
            now=services.clock(),
            reading=ehr.reading,
            deadline_seconds=services.settings.read_deadline_seconds,
        )

    return services.token_life.use(session, find)


def _record(services: AppServices, session: LaunchSession, result: LastSearch) -> None:
    shown = tuple(f"Patient/{row.patient.patient_id}" for row in result.rows)
    told = f"{result.kind}: {result.problem or len(shown)}"
    keep = services.searches.keep(session.id, result)
    record_act(services, session, "patients-searched", told, beside=keep, patients=shown)


def _ends_the_launch(problem: Exception) -> bool:
    """The EHR no longer accepts the token, or it could not be renewed: no search of this launch will succeed."""
    if isinstance(problem, UpstreamRefused):
        return problem.status == _UNAUTHORIZED
    return not isinstance(problem, PatientContextError)


def _problem(problem: Exception, ehr: EhrConfig) -> Problem:
    if not isinstance(problem, UpstreamRefused):
        return "unavailable"
    by_post = ehr.reading.patient_search == "post"
    return "no-post" if by_post and problem.status in _NO_SUCH_WAY else "refused"
