"""Which times a patient spent in hospital: what a baseline "outside hospital" leaves out."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from model.creatinine import DAY_SECONDS
from model.snapshot import Stay

# HL7 v3 ActCode classes under which the patient occupies the hospital; the emergency room counts: a value taken
# there is already part of the illness.
IN_HOSPITAL = frozenset({"IMP", "ACUTE", "NONAC", "EMER", "OBSENC", "SS"})
JOINING_GAP_SECONDS = DAY_SECONDS


@dataclass(frozen=True, slots=True)
class HospitalTimes:
    """Disjoint stays in ascending order; those less than a day apart (a transfer, the ER first) are one."""

    starts: tuple[float, ...]
    ends: tuple[float, ...]

    def stay_at(self, second: float) -> int:
        """The number of the stay holding this time, or -1 when the patient was not in hospital."""
        index = bisect_right(self.starts, second) - 1
        return index if index >= 0 and second <= self.ends[index] else -1


def hospital_times(stays: Iterable[Stay], now: datetime) -> HospitalTimes:
    """Stays that began by `now`. One without an end is taken as still running; one without a start is not used."""
    horizon = now.timestamp()
    spans = sorted(
        (stay.start_at.timestamp(), horizon if stay.end_at is None else stay.end_at.timestamp())
        for stay in stays
        if stay.setting in IN_HOSPITAL and stay.start_at is not None and stay.start_at <= now
    )
    starts: list[float] = []
    ends: list[float] = []
    for start, end in spans:
        if ends and start <= ends[-1] + JOINING_GAP_SECONDS:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return HospitalTimes(tuple(starts), tuple(ends))
