"""The worklist of a launch without a patient: who was opened in it and what was seen then, and who was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.presentation.banner import banner
from app.presentation.now import DOUBT_WORDS
from app.presentation.wording import Wording, machine_time
from app.worklist.looks import LastLook
from app.worklist.opened import OpenedPatient
from app.worklist.searches import LastSearch
from model.sentences import Sentence
from model.snapshot import PatientSnapshot
from patient_context.patient_search import MOST_FOUND, FoundPatient


@dataclass(frozen=True, slots=True)
class Who:
    """A patient in the words of the banner."""

    name: str
    birth_line: str
    sex: str
    record_number: str
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenedLine:
    """A patient opened in this session; without a look, the words say that nothing is known."""

    who: Who
    launch_id: str
    kidneys: str
    tone: str
    risk: str
    seen: str
    seen_iso: str


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A patient of the last search, chosen by its row."""

    who: Who
    row_id: str
    seen: str


@dataclass(frozen=True, slots=True)
class Found:
    """What the last search brought: lines, or the words that say why there are none."""

    searched: str
    lines: tuple[FoundLine, ...]
    problem: str
    left_out: str


@dataclass(frozen=True, slots=True)
class WorklistPage:
    """Everything the template prints."""

    ehr_name: str
    time_zone: str
    opened: tuple[OpenedLine, ...]
    found: Found | None


def worklist_page(
    opened: Sequence[OpenedPatient], search: LastSearch | None, say: Wording, *, ehr_name: str, now: datetime
) -> WorklistPage:
    """The page's words; `opened` in the order to be shown."""
    looks = {each.patient.patient_id: each.look for each in opened}
    return WorklistPage(
        ehr_name=ehr_name,
        time_zone=say.zone.key,
        opened=tuple(_opened(each, say, now) for each in opened),
        found=_found(search, looks, say, ehr_name) if search else None,
    )


def _opened(opened: OpenedPatient, say: Wording, now: datetime) -> OpenedLine:
    who, look = _who(opened.patient, say, now), opened.look
    if look is None:
        kidneys, risk = say.gettext("Not looked at yet"), say.gettext("Nothing is known")
        return OpenedLine(who, opened.launch_id, kidneys, "unknown", risk, "", "")
    kidneys, tone = _kidneys(look, say)
    seen = say.gettext(
        "{moment}, {age} ago", moment=say.moment(look.seen_at), age=say.duration(now - look.seen_at)
    )
    return OpenedLine(who, opened.launch_id, kidneys, tone, _risk(look, say), seen, machine_time(look.seen_at))


def _kidneys(look: LastLook, say: Wording) -> tuple[str, str]:
    """The headline of the page as it was seen, and its tone."""
    if look.finding == "not-applicable":
        return say.gettext("Not applicable"), "unknown"
    if look.finding == "cannot-stage":
        return say.gettext("Cannot be staged"), "unknown"
    if look.doubt is not None:
        return say.sentence(DOUBT_WORDS[look.doubt]), "unknown"
    if not look.stage:
        return say.gettext("No AKI"), "none"
    return say.pgettext("headline", "AKI stage {stage}", stage=look.stage), f"stage-{look.stage}"


def _risk(look: LastLook, say: Wording) -> str:
    if look.probability is None:
        return say.gettext("No number")
    return f"{say.percent(look.probability)} · {say.sentence(Sentence(look.forecast))}"


def _found(search: LastSearch, looks: dict[str, LastLook | None], say: Wording, ehr_name: str) -> Found:
    left_out = ""
    if search.left_out:
        left_out = say.ngettext(
            "{count} more record was sent that does not match what was asked for; it is not shown.",
            "{count} more records were sent that do not match what was asked for; they are not shown.",
            search.left_out,
        )
    lines = tuple(
        FoundLine(_who(row.patient, say, search.at), row.id, _seen(row.patient, looks, say)) for row in search.rows
    )
    return Found(say.moment(search.at), lines, _problem(search, say, ehr_name), left_out)


def _seen(patient: FoundPatient, looks: dict[str, LastLook | None], say: Wording) -> str:
    look = looks.get(patient.patient_id)
    if look is None:
        return say.gettext("Not looked at in this session")
    return say.gettext("Seen {moment}", moment=say.moment(look.seen_at))


def _problem(search: LastSearch, say: Wording, ehr_name: str) -> str:
    match search.problem:
        case "none":
            return say.gettext(
                "{ehr} shows this user no patient who matches. Check the number, or the spelling and the date.",
                ehr=ehr_name,
            )
        case "too-many":
            return say.gettext(
                "More than {count} patients match, so none is listed. Search by record number.", count=MOST_FOUND
            )
        case "incomplete":
            return say.gettext("Type a record number, or a family name together with a date of birth.")
        case "refused":
            return say.gettext(
                "{ehr} does not let this user search for patients here. Open the app from the patient's chart.",
                ehr=ehr_name,
            )
        case "no-post":
            return say.gettext(
                "{ehr} does not take this form of search. IT can change it (patient_search in ehrs.toml); until "
                "then open the app from the patient's chart.",
                ehr=ehr_name,
            )
        case "unavailable":
            return say.gettext(
                "{ehr} did not answer the search in full, so nobody is listed. Search again in a moment.",
                ehr=ehr_name,
            )
        case None:
            return ""


def _who(patient: FoundPatient, say: Wording, at: datetime) -> Who:
    snapshot = PatientSnapshot(
        patient_id=patient.patient_id,
        read_at=at,
        birth_date=patient.birth_date,
        sex=patient.sex,
        name=patient.name,
        record_number=patient.record_number,
        deceased=patient.deceased,
    )
    words = banner(snapshot, say, ehr_name="", need_patient_banner=True)
    remarks = [say.gettext("deceased")] if patient.deceased else []
    remarks += [say.gettext("record no longer in use")] if patient.inactive else []
    return Who(words.name, words.birth_line, words.sex, words.record_number, tuple(remarks))
