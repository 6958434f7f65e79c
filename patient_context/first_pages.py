"""How much a first page without its next says, where it stands newest first: gapless back to its oldest result."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from model.sentences import Sentence
from model.snapshot import Incomplete
from patient_context.bundles import Entry
from patient_context.queries import FhirQuery
from patient_context.reading import SiteReading
from patient_context.results import Result
from patient_context.shapes import Refused
from patient_context.times import effective, parse_time

NEWEST_ONLY: Final = "newest-only"  # the Incomplete of a page that is enough and does not reach the window's end
_SENTENCE: Final = "The EHR supplied the newest results, back to {since}; older ones were not looked at."
_PROVES_ORDER: Final = 10  # fewer could stand newest first by chance at a server that ignores `_sort`


@dataclass(frozen=True, slots=True)
class FirstPage:
    """A page that stands newest first, and the codes on it."""

    reaches: datetime
    codes: frozenset[str]
    zone: tzinfo

    def answers(self, query: FhirQuery, read_at: datetime) -> bool:
        """Whether the pages behind it are not needed."""
        if query.window is None or query.resource_type != "Observation":
            return False
        span = query.enough or query.window
        return self.reaches < read_at - span or not self.codes.isdisjoint(query.enough_with)

    def end(self, query: FhirQuery, read_at: datetime) -> Incomplete | None:
        """Where it ends, if what lies behind belongs to the query too."""
        if query.enough is None or query.window is None or self.reaches < read_at - query.window:
            return None
        since = f"{self.reaches.astimezone(self.zone):%d %b %Y %H:%M %Z}"
        return Incomplete(query.key, NEWEST_ONLY, Sentence(_SENTENCE, since=since))


def first_page(entries: Iterable[Entry], reading: SiteReading) -> FirstPage | None:
    """The page of these entries; None where nothing proves that it stands newest first."""
    found = [entry.resource for entry in entries]
    results = [resource for resource in found if isinstance(resource, Result)]
    if len(results) < _PROVES_ORDER or len(results) < len(found):
        return None
    oldest: datetime | None = None
    for result in results:
        try:
            at = parse_time(effective(result), reading.time_zone).latest
        except Refused:
            return None
        if oldest is not None and at > oldest:
            return None
        oldest = at
    codes = frozenset(code for result in results if result.code for _, code in result.code.pairs())
    return FirstPage(oldest, codes, reading.time_zone) if oldest is not None else None
