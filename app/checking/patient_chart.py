"""One test patient's chart, read as the page would read it, and the codes the laboratory really sends (VN-15)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urljoin

import requests

from app.checking.findings import Finding, note, ok, problem
from app.configured.ehrs import EhrConfig
from launch.discovery import get_json
from launch.errors import EhrUnavailable
from launch.registry import is_below
from model.analytes import Analyte
from model.snapshot import PatientSnapshot
from patient_context.codes import REFUSED_TESTS, TESTS
from patient_context.errors import PatientContextError
from patient_context.reader import DEFAULT_DEADLINE_SECONDS, FhirAccess, read

_PAGE: Final = 50
_MOST_PAGES: Final = 10
_MOST_NAMED: Final = 8


@dataclass(frozen=True, slots=True)
class ChartQuestion:
    """A test patient, the right to read it, and how."""

    ehr: EhrConfig
    access: FhirAccess
    patient_id: str
    session: requests.Session
    now: datetime


def check_chart(asked: ChartQuestion) -> list[Finding]:
    """Read the chart, then page through its laboratory results."""
    try:
        snapshot = read(
            asked.access,
            patient_id=asked.patient_id,
            session=asked.session,
            now=asked.now,
            reading=asked.ehr.reading,
            grace_seconds=DEFAULT_DEADLINE_SECONDS,  # here the question is what the EHR offers, not how fast
        )
    except PatientContextError as error:
        cure = "Check the token, its scopes, and that the patient id is one of this FHIR base."
        return [problem("chart", f"The test patient cannot be read ({error.code}): {error}", cure)]
    return [*_chart_findings(snapshot), *_laboratory(asked)]


def _chart_findings(snapshot: PatientSnapshot) -> Iterator[Finding]:
    for gap in snapshot.incomplete:
        yield note("chart", f"{gap.part}: {gap.reason}", "The page shows this part as unknown. Check the scopes.")
    for gap in snapshot.not_read:
        cure = "It would only be shown; nothing rests on it. Register the app for it if the EHR has it."
        yield note("chart", f"{gap.part}: {gap.reason}", cure)
    if not snapshot.incomplete:
        rests = " that an assessment rests on" if snapshot.not_read else ""
        yield ok("chart", f"Every part of the chart{rests} could be read.")
    creatinine = len(snapshot.measurements(Analyte.CREATININE))
    values = sum(len(series) for series in snapshot.series.values())
    if creatinine:
        yield ok("values", f"{values} values are usable, {creatinine} of them creatinine.")
    else:
        cure = "Take a patient with creatinine results; if this one has some, map their codes (see below)."
        yield problem("values", f"{values} values are usable, none of them creatinine.", cure)
    reasons = Counter(each.code for each in snapshot.rejected)
    if reasons:
        text = ", ".join(f"{code} ({count})" for code, count in reasons.most_common(_MOST_NAMED))
        yield note("values", f"Not used: {text}.", "docs/assessment.md says what each reason means.")


def _laboratory(asked: ChartQuestion) -> Iterator[Finding]:
    """Page through category=laboratory; count pages, repeated ids and codes nobody here knows."""
    pages, failure = _pages(asked)
    if failure is not None:
        yield failure
    entries = [resource for page in pages for resource in _resources(page)]
    ids = [each.get("id") for each in entries]
    repeated = len(ids) - len(set(ids))
    more_follow = bool(pages) and _next(pages[-1], "") is not None
    extent = "on these, and more follow" if more_follow else "in all"
    text = f"{len(pages)} pages of laboratory results, {len(entries)} {extent}"
    yield ok("paging", f"{text}, {repeated} of them twice." if repeated else f"{text}.")
    unknown = Counter(label for each in entries if (label := _unknown_code(each, asked.ehr)) is not None)
    known = len(entries) - unknown.total()
    if not entries:
        return
    yield ok("codes", f"{known} of {len(entries)} laboratory results carry a code this app knows.")
    suspects = [label for label, _ in unknown.most_common() if "creat" in label.lower() or "krea" in label.lower()]
    if suspects:
        yield note(
            "codes",
            f"Perhaps creatinine, under codes not known here: {'; '.join(suspects[:_MOST_NAMED])}.",
            'Map those that are of serum or plasma: [ehr.reading] local_codes = {"system|code" = "2160-0"}',
        )


def _pages(asked: ChartQuestion) -> tuple[list[Any], Finding | None]:
    base = asked.access.base_url.rstrip("/")
    address: str | None = f"{base}/Observation?patient={asked.patient_id}&category=laboratory&_count={_PAGE}"
    headers = {"Authorization": f"Bearer {asked.access.access_token}"} if asked.access.access_token else {}
    pages: list[Any] = []
    while address is not None and len(pages) < _MOST_PAGES:
        if not is_below(address, base):
            cure = "The EHR's people must set the server's public base address; the token is not sent elsewhere."
            return pages, problem(
                "paging", "A next link leads outside the FHIR base, so it is not followed.", cure
            )
        try:
            page = get_json(asked.session, address, headers)
        except EhrUnavailable:
            page = None
        if page is None or page.get("resourceType") != "Bundle":
            cure = "The page shows the chart as incomplete then. Ask the vendor about paging of Observation."
            return pages, problem("paging", f"Page {len(pages) + 1} of the results cannot be read.", cure)
        pages.append(page)
        address = _next(page, address)
    return pages, None


def _next(page: Any, address: str) -> str | None:
    links = page.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(urljoin(address, link["url"]))
    return None


def _resources(page: Any) -> Iterator[Any]:
    entries = page.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") == "Observation":
            yield resource


def _unknown_code(resource: Any, ehr: EhrConfig) -> str | None:
    """The code as "system|code (its name)" when none of the codings is known; never a value."""
    concept = resource.get("code")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    found = [each for each in codings if isinstance(each, dict)] if isinstance(codings, list) else []
    for each in found:
        place = f"{each.get('system')}|{each.get('code')}"
        if each.get("code") in TESTS or each.get("code") in REFUSED_TESTS or place in ehr.reading.local_codes:
            return None
    name = str(concept.get("text") or "") if isinstance(concept, dict) else ""
    if not found:
        return f"no code ({name[:60]})"
    first = found[0]
    shown = str(first.get("display") or name)[:60]
    return f"{first.get('system')}|{first.get('code')} ({shown})"
