"""Tolerant access to untrusted JSON: a member of the wrong shape reads as absent, never as an exception."""

import re
from typing import Any, Final

Json = dict[str, Any]

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")  # FHIR R4 id
_EMPTY: Final[Json] = {}


class Refused(Exception):
    """A resource, or one value of it, is not used; caught where its `Rejected` is written."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence


def member(value: Any, name: str) -> Json:
    """The object under `name`, or an empty one."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else _EMPTY


def objects(value: Any) -> list[Json]:
    """The objects of a list; a lone object where a list belongs counts as a list of one."""
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)]
    return [value] if isinstance(value, dict) else []


def text(value: Any) -> str | None:
    """A string with something in it, or None."""
    return value if isinstance(value, str) and value.strip() else None


def fhir_id(value: Any) -> str | None:
    """A well-formed FHIR id, or None: what is not one may be anything, even a name."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def codings(concept: Any) -> list[tuple[str, str]]:
    """The (system, code) pairs of a CodeableConcept; codings without both are skipped."""
    listed = concept.get("coding") if isinstance(concept, dict) else None
    found: list[tuple[str, str]] = []
    for coding in listed if isinstance(listed, list) else objects(listed):
        if isinstance(coding, dict):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str):
                found.append((system, code))
    return found


def concept_text(concept: Any) -> str:
    """What a CodeableConcept says in words: its text, else the first display, else the first code."""
    if not isinstance(concept, dict):
        return ""
    if found := text(concept.get("text")):
        return found
    listed = objects(concept.get("coding"))
    for name in ("display", "code"):
        for coding in listed:
            if found := text(coding.get(name)):
                return found
    return ""


def first_code(concept: Any) -> str | None:
    """The first code of a CodeableConcept bound to one FHIR code system (clinicalStatus and the like)."""
    for coding in objects(concept.get("coding") if isinstance(concept, dict) else None):
        if code := text(coding.get("code")):
            return code
    return None
