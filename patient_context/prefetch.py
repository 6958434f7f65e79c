"""CDS Hooks prefetch -> PatientSnapshot, and two partial snapshots -> one (CH-18 to CH-20).

A key that is absent was not supplied and is to be fetched; `null` was queried and found nothing; an error in
place of data is to be fetched again; a first page without its next is used and named incomplete, unless it
stands newest first and reaches back past what its query looks at: prefetch cannot say "since" (CH-9), so a long
history always has more pages than anybody needs. One that reaches back far enough to answer is used too; how far
it reaches is said, and no second round is asked for (`first_pages`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from model.sentences import Sentence
from model.snapshot import Incomplete, PatientSnapshot
from patient_context.assembly import read_chart, snapshot_of
from patient_context.bundles import Entry, is_bundle, is_failure, is_outcome, is_protected, unpack
from patient_context.chart import Chart
from patient_context.errors import CHART_PROTECTED
from patient_context.first_pages import NEWEST_ONLY, first_page
from patient_context.queries import PREFETCH_KEYS, QUERIES, SHOWN_ONLY
from patient_context.reading import DEFAULT_READING, SiteReading

_SENTENCES: Final = {
    "not-supplied": Sentence("The EHR did not supply this part of the chart."),
    CHART_PROTECTED: Sentence("This part of the chart is protected: open it in the EHR first (break-the-glass)."),
    "operation-outcome": Sentence("The EHR reported an error instead of this part of the chart."),
    "unreadable": Sentence("This part of the chart came in a form that cannot be read."),
    "more-pages": Sentence("The EHR supplied only the first page of this part of the chart."),
    "too-many-entries": Sentence("This part of the chart is too large and was not read whole."),
}
_T = TypeVar("_T")
_CODES: Final = {"more-pages": "partial", "too-many-entries": "partial"}
_IN_PART: Final = frozenset({"partial", NEWEST_ONLY})


@dataclass(frozen=True, slots=True)
class PrefetchReading:
    """A snapshot of what was supplied, with the query keys nobody answered (`missing`).

    `partial` names the keys supplied in part and worth completing; the snapshot's `incomplete` says so too, and
    where a page that was enough ends. `unread` says why each missing key is missing: it belongs in the snapshot's
    `incomplete` unless the key is fetched.
    """

    snapshot: PatientSnapshot
    missing: tuple[str, ...]
    partial: tuple[str, ...] = ()
    unread: tuple[Incomplete, ...] = ()


def snapshot_from_prefetch(
    prefetch: Mapping[str, Any] | None,
    *,
    patient_id: str,
    read_at: datetime,
    reading: SiteReading = DEFAULT_READING,
    base_url: str | None = None,
) -> PrefetchReading:
    """Read what a CDS client sent along. Never raises for its content; other patients' resources are dropped."""
    supplied = prefetch if isinstance(prefetch, Mapping) else {}
    entries: list[Entry] = []
    gaps: list[Incomplete] = []
    for key in PREFETCH_KEYS:
        found, lack = _supplied(supplied[key]) if key in supplied else ([], "not-supplied")
        entries += found
        if lack is not None:
            gaps += _gaps(key, found, lack, reading, read_at)
    for query in SHOWN_ONLY:  # never asked for; read where it was sent all the same
        entries += _supplied(supplied.get(query.key))[0]
    chart = read_chart(entries, patient_id=patient_id, read_at=read_at, reading=reading, base_url=base_url)
    unread = tuple(gap for gap in gaps if gap.code not in _IN_PART)
    return PrefetchReading(
        snapshot_of(chart, patient_id=patient_id, incomplete=[gap for gap in gaps if gap.code in _IN_PART]),
        missing=tuple(gap.part for gap in unread),
        partial=tuple(gap.part for gap in gaps if gap.code == "partial"),
        unread=unread,
    )


def _gaps(
    key: str, found: Iterable[Entry], lack: str, reading: SiteReading, read_at: datetime
) -> Iterator[Incomplete]:
    """What the queries behind a key lack."""
    page = first_page(found, reading) if lack == "more-pages" else None
    for query in (one for one in QUERIES if one.prefetch_key == key):
        if page is None or not page.answers(query, read_at):
            yield Incomplete(query.key, _CODES.get(lack, lack), _SENTENCES[lack])
        elif (end := page.end(query, read_at)) is not None:
            yield end


def _supplied(value: Any) -> tuple[list[Entry], str | None]:
    """The entries of one key's value and, if it is not whole, why."""
    if value is None:
        return [], None
    if is_outcome(value) and is_protected(value):
        return [], CHART_PROTECTED
    if is_outcome(value):
        return [], "operation-outcome" if is_failure(value) else None
    if is_bundle(value):
        unpacked = unpack(value)
        if unpacked.failures:
            return unpacked.entries, "operation-outcome"
        if unpacked.capped:
            return unpacked.entries, "too-many-entries"
        return unpacked.entries, "more-pages" if unpacked.has_next or unpacked.falls_short else None
    if isinstance(value, dict) and isinstance(value.get("resourceType"), str):
        return [Entry(value)], None
    return [], "unreadable"


def merge(
    prefetched: PatientSnapshot, fetched: PatientSnapshot, *, fetched_keys: Collection[str]
) -> PatientSnapshot:
    """Two readings of the same patient as one: `fetched` replaces what `prefetched` lacked of `fetched_keys`."""
    chart = Chart(fetched.read_at, DEFAULT_READING)
    parts = (prefetched, fetched)
    displaced = {one.resource for part in parts for one in part.rejected if one.code == "displaced"}
    for part in parts:
        for analyte, series in part.series.items():
            _add_new(chart.measurements[analyte], (one for one in series if one.source not in displaced))
        _add_new(chart.problems, part.problems)
        _add_new(chart.procedures, part.procedures)
        _add_new(chart.medications, part.medications)
        _add_new(chart.stays, part.stays)
        _add_new(chart.given, part.given)
        _add_new(chart.operations, part.operations)
        _add_new(chart.contrast, part.contrast)
        _add_new(chart.unit_stays, part.unit_stays)
        _add_new(chart.rejected, part.rejected)
    known = fetched if "patient" in fetched_keys else prefetched
    chart.demographics.birth_date, chart.demographics.sex = known.birth_date, known.sex
    chart.demographics.name, chart.demographics.record_number = known.name, known.record_number
    chart.demographics.deceased = known.deceased
    lacking = [part for part in prefetched.incomplete if part.part not in fetched_keys]
    return snapshot_of(
        chart,
        patient_id=prefetched.patient_id,
        incomplete=(*lacking, *fetched.incomplete),
        not_read=(*prefetched.not_read, *fetched.not_read),
    )


def _add_new(held: list[_T], more: Iterable[_T]) -> None:
    known = set(held)
    held += [item for item in more if item not in known]
