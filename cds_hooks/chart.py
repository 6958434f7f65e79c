"""One chart for one hook call: the prefetch, completed from the FHIR server where something was not sent.

Nothing is fetched that the EHR already answered, not even with null (CH-18), and nothing beyond the time budget.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import requests

from cds_hooks.errors import DataUnavailable, WrongPatient
from cds_hooks.hook_request import FhirGrant, HookRequest
from cds_hooks.prefetch_keys import recognise
from model.analytes import Analyte
from model.snapshot import PatientSnapshot
from patient_context.errors import CHART_PROTECTED, PatientMismatch, UpstreamRefused, UpstreamUnavailable
from patient_context.prefetch import merge, snapshot_from_prefetch
from patient_context.reader import FhirAccess, read
from patient_context.reading import SiteReading

# Without these two there is no answer, not even silence: who the patient is and how the kidneys do.
ESSENTIAL_PARTS = ("patient", "creatinine")
MIN_FETCH_SECONDS = 0.1
_PROTECTED = "This chart is protected: open it normally in the EHR first (break-the-glass), then ask again."

_log = logging.getLogger(__name__)


class ReadChart(Protocol):
    """`patient_context.reader.read`, or a stand-in."""

    def __call__(
        self,
        access: FhirAccess,
        *,
        patient_id: str,
        session: requests.Session,
        now: datetime,
        reading: SiteReading,
        only: Collection[str] | None,
        deadline_seconds: float,
    ) -> PatientSnapshot: ...


@dataclass(frozen=True, slots=True)
class ChartSource:
    """Where a call's data may come from besides its own body."""

    reading: SiteReading
    session: Callable[[], requests.Session]
    seconds_left: Callable[[], float]
    read: ReadChart = read


@dataclass(frozen=True, slots=True)
class Chart:
    """What could be read; `snapshot.incomplete` names what could not. `trouble` is why fetching it failed."""

    snapshot: PatientSnapshot
    trouble: str | None = None

    def is_whole(self, part: str) -> bool:
        """Whether a query was answered, and answered to its end."""
        return all(gap.part != part for gap in self.snapshot.incomplete)

    def allows_silence(self) -> bool:
        """Whether the essential parts were read whole; where not, silence would be a guess."""
        return all(self.is_whole(part) for part in ESSENTIAL_PARTS)

    def unavailable(self) -> DataUnavailable:
        """The 412 for this chart: what would help, and nothing about the patient."""
        gaps = [gap.code for gap in self.snapshot.incomplete if gap.part in ESSENTIAL_PARTS]
        if CHART_PROTECTED in (self.trouble, *gaps):
            return DataUnavailable(CHART_PROTECTED, _PROTECTED)
        text = "Creatinine and patient data are neither in the prefetch nor obtainable from the FHIR server."
        return DataUnavailable(self.trouble or next(iter(gaps), "not-supplied"), text)


def read_chart(hook: HookRequest, source: ChartSource, *, now: datetime) -> Chart:
    """The chart behind a hook call.

    Raises DataUnavailable when there is no creatinine answer to be had at all (CH-17), WrongPatient when the
    EHR answered with another patient.
    """
    found = snapshot_from_prefetch(
        recognise(hook.prefetch, source.reading, also_in_ours=hook.grant is None),
        patient_id=hook.patient_id,
        read_at=now,
        reading=source.reading,
        base_url=hook.fhir_server,
    )
    _refuse_another_patient(found.snapshot)
    chart = Chart(replace(found.snapshot, incomplete=(*found.snapshot.incomplete, *found.unread)))
    lacking = (*found.missing, *found.partial)
    if lacking and hook.grant is not None:
        chart = _completed(chart, lacking, hook, hook.grant, source, now)
    if not chart.is_whole("creatinine") and not chart.snapshot.measurements(Analyte.CREATININE):
        raise chart.unavailable()
    return chart


def _refuse_another_patient(snapshot: PatientSnapshot) -> None:
    """Another patient's resources were dropped; where the Patient is another, the request contradicts itself."""
    strangers = [one.resource for one in snapshot.rejected if one.code == "other-patient"]
    if strangers:
        _log.warning("cds prefetch held resources of another patient: count=%d", len(strangers))
    if "Patient" in strangers and snapshot.birth_date is None:
        raise WrongPatient("patient-mismatch", "The prefetched Patient is not the patient of the context.")


def _completed(
    chart: Chart,
    lacking: Collection[str],
    hook: HookRequest,
    grant: FhirGrant,
    source: ChartSource,
    now: datetime,
) -> Chart:
    try:
        fetched = source.read(
            FhirAccess(grant.base_url, grant.access_token, None),
            patient_id=hook.patient_id,
            session=source.session(),
            now=now,
            reading=source.reading,
            only=lacking,
            deadline_seconds=max(MIN_FETCH_SECONDS, source.seconds_left()),
        )
    except (UpstreamUnavailable, UpstreamRefused) as problem:
        return replace(chart, trouble=problem.code)
    except PatientMismatch as problem:
        text = "The FHIR server answered with another patient than the context names."
        raise WrongPatient("patient-mismatch", text) from problem
    return Chart(merge(chart.snapshot, fetched, fetched_keys=lacking))
