"""Search parameter values of FHIR R4: how token, date, reference and string values are read and matched.

Each `read_*` turns the text of one parameter value into a predicate over a resource's own values
(https://hl7.org/fhir/R4/search.html). Values that cannot be read raise RequestRefused(400).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from sandbox.errors import RequestRefused

Resource = dict[str, Any]
Token = tuple[str | None, str]

_DATE = re.compile(
    r"(?P<prefix>eq|ne|gt|lt|ge|le|sa|eb)?(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d{1,6})\d*)?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_AFTER_ALL = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time: what a date of some precision, or a Period, covers."""

    start: datetime
    end: datetime

    def contains(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end


def split_values(text: str) -> list[str]:
    """The comma-separated alternatives of one parameter; `\\,` is a comma inside a value."""
    parts = re.split(r"(?<!\\),", text)
    return [part for part in parts if part != ""]


def unescaped(text: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", text)


@lru_cache(maxsize=65_536)
def read_span(text: str, zone: tzinfo) -> tuple[str, Span]:
    """The prefix (default `eq`) and the time a date parameter covers; without offset it is in `zone`."""
    match = _DATE.fullmatch(text.replace(" ", "+"))  # a "+" that was not percent-encoded arrives as a space
    if match is None:
        raise RequestRefused(400, "value", "A date parameter is not a FHIR date with a known prefix.")
    try:
        return match["prefix"] or "eq", _covered(match, zone)
    except (ValueError, OverflowError) as error:
        raise RequestRefused(400, "value", "A date parameter names a day or time that does not exist.") from error


def _covered(match: re.Match[str], zone: tzinfo) -> Span:
    year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
    offset = datetime.fromisoformat(f"2000-01-01T00:00:00{match['zone']}").tzinfo if match["zone"] else zone
    fraction = (match["fraction"] or "").ljust(6, "0")
    start = datetime(
        year, month, day, int(match["hour"] or 0), int(match["minute"] or 0), int(match["second"] or 0),
        int(fraction), tzinfo=offset,
    )  # fmt: skip
    return Span(start, _end_of(match, start))


def _end_of(match: re.Match[str], start: datetime) -> datetime:
    if match["fraction"]:
        return start + timedelta(microseconds=10 ** (6 - len(match["fraction"])))
    if match["second"]:
        return start + timedelta(seconds=1)
    if match["minute"]:
        return start + timedelta(minutes=1)
    if match["day"]:
        return start + timedelta(days=1)
    if match["month"]:
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start.replace(year=start.year + 1)


def date_predicate(text: str, zone: tzinfo) -> Callable[[Span], bool]:
    """The comparison of one date value, with the prefixes' meaning over ranges (R4 search, "date")."""
    prefix, asked = read_span(text, zone)

    def within(held: Span) -> bool:
        return asked.contains(held)

    comparisons: dict[str, Callable[[Span], bool]] = {
        "eq": within,
        "ne": lambda held: not within(held),
        "gt": lambda held: held.end > asked.end,
        "lt": lambda held: held.start < asked.start,
        "ge": lambda held: held.end > asked.end or within(held),
        "le": lambda held: held.start < asked.start or within(held),
        "sa": lambda held: held.start >= asked.end,
        "eb": lambda held: held.end <= asked.start,
    }
    return comparisons[prefix]


def span_of(value: Any, zone: tzinfo) -> Span | None:
    """The time a resource's own dateTime or Period covers; an open end reaches for ever."""
    if isinstance(value, str):
        return read_span(value, zone)[1]
    if isinstance(value, dict) and ("start" in value or "end" in value):
        start = read_span(value["start"], zone)[1].start if "start" in value else _BEFORE_ALL
        end = read_span(value["end"], zone)[1].end if "end" in value else _AFTER_ALL
        return Span(start, end)
    return None


def token_predicate(text: str) -> Callable[[Token], bool]:
    """`code` in any system, `system|code`, `|code` without system, `system|` for any code of it. Case matters."""
    system, bar, code = _split_token(text)
    if not bar:
        return lambda held: held[1] == code
    if not code:
        return lambda held: held[0] == system
    if not system:
        return lambda held: held == (None, code)
    return lambda held: held == (system, code)


def _split_token(text: str) -> tuple[str, bool, str]:
    parts = re.split(r"(?<!\\)\|", text, maxsplit=1)
    if len(parts) == 1:
        return "", False, unescaped(text)
    if not parts[0] and not parts[1]:
        raise RequestRefused(400, "value", "A token parameter holds neither a system nor a code.")
    return unescaped(parts[0]), True, unescaped(parts[1])


def tokens_of(value: Any, implicit_system: str | None = None) -> Iterator[Token]:
    """Every (system, code) a code, Coding, CodeableConcept, Identifier, boolean, or a list of these holds."""
    if isinstance(value, list):
        for item in value:
            yield from tokens_of(item, implicit_system)
    elif isinstance(value, bool):
        yield None, str(value).lower()
    elif isinstance(value, str):
        yield None, value
        if implicit_system:
            yield implicit_system, value
    elif isinstance(value, dict) and "coding" in value:
        yield from tokens_of(value["coding"])
    elif isinstance(value, dict):
        code = value.get("code", value.get("value"))
        if isinstance(code, str):
            yield value.get("system"), code


def reference_predicate(text: str, base_url: str, target: str | None) -> Callable[[str], bool]:
    """`Type/id`, `id` or an absolute URL under this server; `target` is what a bare id means."""
    wanted = unescaped(text).removeprefix(base_url.rstrip("/") + "/")
    if "/" in wanted:
        return lambda held: held == wanted
    if target:
        return lambda held: held == f"{target}/{wanted}"
    return lambda held: held.rpartition("/")[2] == wanted


def references_of(value: Any) -> Iterator[str]:
    """The references in a Reference or a list of them."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and isinstance(item.get("reference"), str):
            yield item["reference"]


def string_predicate(text: str) -> Callable[[str], bool]:
    """Starts-with, ignoring case."""
    wanted = unescaped(text).casefold()
    return lambda held: held.casefold().startswith(wanted)


def strings_of(value: Any) -> Iterator[str]:
    """Every text inside a string, HumanName or list of these."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings_of(item)
    elif isinstance(value, dict):
        for key in ("text", "family", "given"):
            yield from strings_of(value.get(key, []))


def any_of(predicates: Iterable[Callable[[Any], bool]], values: Iterable[Any]) -> bool:
    """Whether one of the alternatives holds for one of the values."""
    held = list(values)
    return any(predicate(value) for predicate in predicates for value in held)
