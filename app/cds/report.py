"""What became of a period's cards: shown, held back, accepted, overridden, by topic, service, site and month."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Engine, case, func, select

from app.cds.rates import Fate
from app.storage.tables import CdsCardRow, CdsFeedbackRow
from cds_hooks.cards import OVERRIDE_SYSTEM

GROUPS: Final = ("topic", "service", "site", "month")
NO_REASON: Final = "no reason given"
_PAGE_ROWS: Final = 5000


@dataclass(frozen=True, slots=True)
class CardLine:
    """One row of the record with what was heard of it. `topic` is None for a silence without a finding."""

    ehr_id: str
    service_id: str
    topic: str | None
    silence: str | None
    at: datetime
    accepted: bool
    overridden: bool


@dataclass(frozen=True, slots=True)
class Override:
    """How often one topic's cards were overridden for one reason."""

    topic: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class CardReport:
    """Counts of a period. `groups`: by one of GROUPS, then by name. `withheld` and `silences`: by reason."""

    total: Fate
    groups: Mapping[str, Mapping[str, Fate]]
    withheld: Mapping[str, int]
    silences: Mapping[str, int]
    overrides: tuple[Override, ...] = ()
    comments: int = 0
    unmatched: int = 0


def card_lines(engine: Engine, *, since: datetime | None = None, site: str | None = None) -> Iterator[CardLine]:
    """The record of a period, joined with its feedback, read in pages."""
    card, told = CdsCardRow, CdsFeedbackRow
    heard = (
        select(
            told.card_uuid,
            told.ehr_id,
            func.max(case((told.outcome == "accepted", 1), else_=0)).label("accepted"),
            func.max(case((told.outcome == "overridden", 1), else_=0)).label("overridden"),
        )
        .group_by(told.card_uuid, told.ehr_id)
        .subquery()
    )
    asked = (
        select(
            card.ehr_id, card.service_id, card.topic, card.silence, card.at, heard.c.accepted, heard.c.overridden
        )
        .outerjoin(heard, (heard.c.card_uuid == card.uuid) & (heard.c.ehr_id == card.ehr_id))
        .order_by(card.at)
        .execution_options(yield_per=_PAGE_ROWS)
    )
    asked = asked if since is None else asked.where(card.at >= since)
    asked = asked if site is None else asked.where(card.ehr_id == site)
    with engine.connect() as connection:
        for row in connection.execute(asked):
            yield CardLine(row[0], row[1], row[2], row[3], row[4], bool(row[5]), bool(row[6]))


def count_cards(lines: Iterable[CardLine], zone_of: Callable[[str], ZoneInfo]) -> CardReport:
    """Count a period's cards, read once. Months are those of the site's own clock."""
    total: Counter[str] = Counter()
    groups: dict[str, defaultdict[str, Counter[str]]] = {group: defaultdict(Counter) for group in GROUPS}
    withheld: Counter[str] = Counter()
    silences: Counter[str] = Counter()
    for line in lines:
        if line.topic is None:
            silences[line.silence or "none"] += 1
            continue
        if line.silence is not None:
            withheld[line.silence] += 1
        month = f"{line.at.astimezone(zone_of(line.ehr_id)):%Y-%m}"
        names = zip(GROUPS, (line.topic, line.service_id, line.ehr_id, month), strict=True)
        for counts in (total, *(groups[group][name] for group, name in names)):
            counts.update(_what_became_of(line))
    return CardReport(
        total=Fate(**total),
        groups={group: {name: Fate(**found[name]) for name in sorted(found)} for group, found in groups.items()},
        withheld=dict(withheld.most_common()),
        silences=dict(silences.most_common()),
    )


def _what_became_of(line: CardLine) -> Iterator[str]:
    if line.silence is not None:
        yield "withheld"
        return
    yield "shown"
    if line.accepted:
        yield "accepted"
    elif line.overridden:
        yield "overridden"


def report(
    engine: Engine,
    zone_of: Callable[[str], ZoneInfo],
    *,
    since: datetime | None = None,
    site: str | None = None,
) -> CardReport:
    """What became of the cards of a period, of all sites or one. Raises SQLAlchemyError."""
    counted = count_cards(card_lines(engine, since=since, site=site), zone_of)
    told = CdsFeedbackRow
    chosen = [told.received_at >= since] if since is not None else []
    chosen += [told.ehr_id == site] if site is not None else []
    rest = select(func.count(told.sealed), func.sum(case((told.matched, 0), else_=1))).where(*chosen)
    with engine.connect() as connection:
        overrides = tuple(_overrides(connection, chosen))
        comments, unmatched = connection.execute(rest).one()
    return replace(counted, overrides=overrides, comments=comments, unmatched=unmatched or 0)


def _overrides(connection: Connection, chosen: Sequence[ColumnElement[bool]]) -> Iterator[Override]:
    """The most frequent first."""
    card, told = CdsCardRow, CdsFeedbackRow
    asked = (
        select(card.topic, told.reason_system, told.reason_code, func.count())
        .join(card, (card.uuid == told.card_uuid) & (card.ehr_id == told.ehr_id))
        .where(*chosen, told.outcome == "overridden")
        .group_by(card.topic, told.reason_system, told.reason_code)
        .order_by(func.count().desc(), card.topic, told.reason_code)
    )
    for topic, system, code, count in connection.execute(asked):
        yield Override(topic or "none", _reason(system, code), count)


def _reason(system: str | None, code: str | None) -> str:
    if code is None:
        return NO_REASON
    return code if system in (None, OVERRIDE_SYSTEM) else f"{system}|{code}"
