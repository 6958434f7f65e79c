"""Where the patient is being looked after: in hospital, at a visit, or nobody knows. From the open encounters."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from model.snapshot import PatientSnapshot, Stay

# HL7 v3 ActCode classes of a patient who is being watched in hospital. HH, AMB and VR are not.
HOSPITAL_CLASSES = frozenset({"IMP", "ACUTE", "NONAC", "EMER", "OBSENC", "SS", "PRENC"})
VISIT_CLASSES = frozenset({"AMB", "HH", "VR"})  # in a clinic, at home, by video


class Setting(StrEnum):
    """Where the patient is. UNKNOWN when the EHR sent no encounter data: then we speak as in hospital."""

    HOSPITAL = "hospital"
    OUTPATIENT = "outpatient"
    UNKNOWN = "unknown"


def setting_at(stays: Iterable[Stay], now: datetime, *, encounters_known: bool) -> Setting:
    """Where the patient is now, from the encounters on the chart."""
    if HOSPITAL_CLASSES & _open_classes(stays, now):
        return Setting.HOSPITAL
    return Setting.OUTPATIENT if encounters_known else Setting.UNKNOWN


def is_at_a_visit(snapshot: PatientSnapshot, now: datetime) -> bool:
    """Whether every open encounter is one outside hospital, and there is one, and all encounters were read."""
    known = all(gap.part != "encounters" for gap in snapshot.incomplete)
    classes = _open_classes(snapshot.stays, now)
    return known and bool(classes) and classes <= VISIT_CLASSES


def _open_classes(stays: Iterable[Stay], now: datetime) -> set[str]:
    return {stay.setting.upper() for stay in stays if _covers(stay, now)}


def _covers(stay: Stay, now: datetime) -> bool:
    started = stay.start_at is None or stay.start_at <= now + timedelta(hours=1)
    return started and (stay.end_at is None or stay.end_at >= now)
