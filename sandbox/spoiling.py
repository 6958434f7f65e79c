"""Applies the simulated faults to requests and answers of the FHIR server."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from flask import Response

from sandbox.bundles import entry
from sandbox.errors import AccessDenied, RequestRefused
from sandbox.faults import Faults
from sandbox.outcomes import outcome
from sandbox.records import Records

Resource = dict[str, Any]
FOREIGN_HOST = "https://records.other-hospital.example/fhir"
_LOGIN_PAGE = (
    "<!doctype html><html><head><title>Sign in</title></head><body><h1>Your session has ended</h1></body></html>"
)
_USUAL_DELAY_SECONDS = "5"
_CREATININE = frozenset({"2160-0", "38483-4"})


def delay(faults: Faults, type_: str, pause: Callable[[float], None]) -> None:
    """Wait, when answers, or those for this type, are to be slow."""
    only = faults.value("slow_type")
    if only not in (None, type_):
        return
    seconds = faults.value("slow") or (_USUAL_DELAY_SECONDS if only else None)
    if seconds is not None:
        pause(float(seconds))


def refuse(faults: Faults, type_: str, *, second_page: bool) -> None:
    """Raise the refusal that is switched on for this type, if any."""
    if faults.hits("unavailable", type_):
        raise RequestRefused(503, "transient", "Simulated: this service is not available just now.")
    if faults.hits("forbidden", type_):
        raise RequestRefused(403, "forbidden", "Simulated: access to this resource type is not allowed.")
    protected = faults.value("break_the_glass")
    if protected is not None:
        text = "Simulated: this chart is protected. Break the glass in the EHR first."
        raise AccessDenied(403, "forbidden", text, vendor_code=protected)
    if faults.hits("broken", type_) or (second_page and faults.is_on("page_2_fails")):
        raise RequestRefused(500, "exception", "Simulated: the server failed.")


def spoil(faults: Faults, records: Records, type_: str, bundle: Resource) -> Resource:
    """The searchset as a faulty server would send it; without faults, the same object."""
    entries = bundle.get("entry", [])
    if faults.is_on("bad_unit"):
        entries = _with_bad_unit(entries)
    if faults.is_on("foreign_patient") and type_ == "Observation" and entries:
        entries = [*entries, *_foreign(records, entries[0]["resource"]["subject"]["reference"])]
    if faults.is_on("outcome_entry"):
        warning = outcome("informational", "Simulated: some sources were not searched.", severity="warning")
        entries = [*entries, entry(records.base_url, warning, mode="outcome")]
    if entries:
        bundle = {**bundle, "entry": entries}
    if faults.is_on("foreign_next"):
        bundle = {**bundle, "link": [_foreign_link(records.base_url, link) for link in bundle["link"]]}
    return bundle


def _with_bad_unit(entries: list[Resource]) -> list[Resource]:
    creatinine = [
        e
        for e in entries
        if any(c.get("code") in _CREATININE for c in e["resource"].get("code", {}).get("coding", []))
    ]
    if not creatinine:
        return entries
    newest = max(creatinine, key=lambda e: e["resource"].get("effectiveDateTime", ""))
    spoilt = copy.deepcopy(newest)
    spoilt["resource"]["valueQuantity"] |= {"unit": "foo", "code": "foo"}
    return [spoilt if e is newest else e for e in entries]


def _foreign(records: Records, subject: str) -> list[Resource]:
    other = next(p for p in records.store.patient_ids() if f"Patient/{p}" != subject)
    held = records.store.resources(other, "Observation")
    return [entry(records.base_url, held[-1])] if held else []


def _foreign_link(base_url: str, link: Resource) -> Resource:
    if link["relation"] != "next":
        return link
    return {**link, "url": FOREIGN_HOST + link["url"].removeprefix(base_url)}


def spoil_text(faults: Faults, type_: str, response: Response) -> Response:
    """The answer's bytes as a faulty server would send them."""
    if faults.hits("login_page", type_):
        return Response(_LOGIN_PAGE, status=200, content_type="text/html; charset=utf-8")
    if faults.hits("cut_off", type_):
        text = response.get_data()
        response.set_data(text[: max(1, len(text) * 2 // 3)])
    return response
