"""Observations as nearly every one is written, decoded straight into records: most of a hook call is made of them.

A record holds every member that decides how the Observation is read. An entry with more to it (components, a
modifier, a comparator, a reason for having no value, another status, a member of another type) does not fit: it is
decoded as JSON and goes the tolerant way. So does what fits and cannot be used, to be refused in the usual words.
"""

from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from patient_context.shapes import Json, fhir_id, text
from patient_context.strict_json import decode_any


class PlainCoding(Struct, gc=False):
    """A coding with both its halves."""

    system: str
    code: str
    display: str | None = None


class PlainConcept(Struct, gc=False):
    """What was measured."""

    coding: list[PlainCoding]
    text: str | None = None

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """As `shapes.codings`."""
        return tuple([(one.system, one.code) for one in self.coding])

    def words(self) -> str:
        """As `shapes.concept_text`."""
        said = (self.text, *(one.display for one in self.coding), *(one.code for one in self.coding))
        return next(filter(text, said), None) or ""


class PlainReference(Struct, gc=False):
    """A literal reference."""

    reference: str


class PlainQuantity(Struct, gc=False):
    """A number with its unit, and no comparator."""

    value: float | int
    unit: str | None = None
    system: str | None = None
    code: str | None = None
    comparator: UnsetType = UNSET


class PlainResult(Struct, gc=False):
    """A final Observation of one value. What is `UnsetType` must not be there, not even as null."""

    resourceType: Literal["Observation"]
    id: str
    status: Literal["final"]
    code: PlainConcept
    subject: PlainReference
    effectiveDateTime: str
    valueQuantity: PlainQuantity
    issued: str | None = None
    component: UnsetType = UNSET
    modifierExtension: UnsetType = UNSET
    dataAbsentReason: UnsetType = UNSET


class _PlainEntry(Struct, gc=False):
    resource: PlainResult
    fullUrl: str | None = None


class _Bundle(Struct, gc=False):
    """The members of a Bundle that are read."""

    resourceType: Literal["Bundle"]
    entry: list[Raw]
    type: Any = None
    total: Any = None
    link: Any = None


_plain_entry: Final = msgspec.json.Decoder(_PlainEntry)
_bundle: Final = msgspec.json.Decoder(_Bundle)


class PlainEntry:
    """An entry of a Bundle whose resource is a plain result: `Entry` for everybody who looks no closer."""

    __slots__ = ("_decoded", "_written", "full_url", "plain")

    def __init__(self, plain: PlainResult, full_url: str | None, written: Raw) -> None:
        self.plain = plain
        self.full_url = full_url
        self._written = written
        self._decoded: Json | None = None

    @property
    def resource(self) -> Json:
        """The resource as JSON, decoded when first asked for."""
        if self._decoded is None:
            self._decoded = self._decode()
        return self._decoded

    def _decode(self) -> Json:
        try:
            found: Json = decode_any(self._written)["resource"]
        except (msgspec.ValidationError, RecursionError):  # a member nobody reads: beyond a double, bottomless
            found = msgspec.to_builtins(self.plain)
        return found

    @property
    def reference(self) -> str | None:
        """ "Observation/<id>", if the id is well-formed."""
        found = fhir_id(self.plain.id)
        return f"Observation/{found}" if found else None


def decode_supplied(written: Raw) -> Any:
    """One value of a prefetch: JSON, but a Bundle has its entries as `PlainEntry` where they are plain results.

    Of a Bundle only the members that are read are there. Raises what msgspec raises for what is not JSON.
    """
    try:
        found = _bundle.decode(written)
    except msgspec.ValidationError:
        return decode_any(written)
    entries = [_entry(one) for one in found.entry]
    return {
        "resourceType": "Bundle",
        "type": found.type,
        "total": found.total,
        "link": found.link,
        "entry": entries,
    }


def _entry(written: Raw) -> PlainEntry | Any:
    try:
        found = _plain_entry.decode(written)
    except msgspec.ValidationError:
        return decode_any(written)
    return PlainEntry(found.resource, text(found.fullUrl), written)
