"""What a reviewer of the audit trail asks first: who looked most, when nobody usually works, what was refused."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

_DAY_STARTS: Final = 6
_DAY_ENDS: Final = 20
_SATURDAY: Final = 5
_OFTEN: Final = 10


@dataclass(frozen=True, slots=True)
class Viewer:
    """One person's looks at patients' pages."""

    who: str
    ehr_id: str
    views: int
    patients: int
    off_hours: int


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Counts of a period. `off_hours`: before 6, after 20, Saturdays and Sundays, by the EHR's own clock."""

    events: int
    by_action: Mapping[str, int]
    viewers: tuple[Viewer, ...]
    off_hours_views: int
    refused_launches: Mapping[str, int]
    silences: Mapping[str, int]
    administrative: tuple[Mapping[str, Any], ...]


@dataclass(slots=True)
class _Looks:
    views: int = 0
    off_hours: int = 0
    patients: set[str] = field(default_factory=set)


def report_on(
    events: Iterable[Mapping[str, Any]], zone_of: Callable[[str | None], ZoneInfo], *, most: int = _OFTEN
) -> AuditReport:
    """Count a period's events, read once."""
    by_action: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    silences: Counter[str] = Counter()
    looks: defaultdict[tuple[str, str], _Looks] = defaultdict(_Looks)
    administrative: list[Mapping[str, Any]] = []
    for event in events:
        action = event["action"]
        by_action[action] += 1
        if action == "chart-viewed":
            _count_look(looks[event.get("who", "unknown"), event.get("ehr_id", "")], event, zone_of)
        elif action == "launch-refused":
            refused[event["outcome"]] += 1
        elif action == "card-suppressed":
            silences[event["outcome"]] += 1
        elif str(event.get("who", "")).startswith("cli:") and action != "jobs-run":
            administrative.append(event)
    viewers = [Viewer(who, ehr, n.views, len(n.patients), n.off_hours) for (who, ehr), n in looks.items()]
    viewers.sort(key=lambda viewer: (-viewer.views, viewer.who))
    return AuditReport(
        events=by_action.total(),
        by_action=dict(by_action.most_common()),
        viewers=tuple(viewers[:most]),
        off_hours_views=sum(n.off_hours for n in looks.values()),
        refused_launches=dict(refused.most_common()),
        silences=dict(silences.most_common()),
        administrative=tuple(administrative),
    )


def _count_look(looks: _Looks, event: Mapping[str, Any], zone_of: Callable[[str | None], ZoneInfo]) -> None:
    at = datetime.fromisoformat(event["at"]).astimezone(zone_of(event.get("ehr_id")))
    looks.views += 1
    looks.patients.add(str(event.get("patient_id")))
    looks.off_hours += not _DAY_STARTS <= at.hour < _DAY_ENDS or at.weekday() >= _SATURDAY
