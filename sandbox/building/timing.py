"""Times in the converter are UTC seconds; written times count from the patient's demo moment.

In the data set every patient's moment is `ANCHOR`, so the server shifts all of them by one amount.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

ANCHOR = datetime(2100, 1, 1, tzinfo=UTC)
HOUR = 3600.0
DAY = 24 * HOUR
_SOURCE_ZONE = ZoneInfo("America/New_York")  # the hospital's, as the FHIR source's own offsets say


def seconds(text: str) -> float:
    """UTC seconds of an ISO 8601 time with offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a source time without offset")
    return moment.timestamp()


def local_seconds(naive: datetime) -> float:
    """UTC seconds of a wall-clock time at the source hospital."""
    return naive.replace(tzinfo=_SOURCE_ZONE).timestamp()


def local_date(at: float) -> date:
    """The calendar day at the source hospital."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at)).astimezone(_SOURCE_ZONE).date()


class Shift:
    """Maps source times onto the anchor, and refuses whatever is later than the moment."""

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self._days = ANCHOR.date() - local_date(moment)

    def time(self, at: float) -> str:
        if at > self.moment:
            raise ValueError("later than the moment")
        shifted = ANCHOR + timedelta(seconds=round(at - self.moment))
        return shifted.strftime("%Y-%m-%dT%H:%M:%SZ")

    def day(self, text: str) -> str:
        shifted = date.fromisoformat(text[:10]) + self._days
        if shifted > ANCHOR.date():
            raise ValueError("later than the moment")
        return shifted.isoformat()
