"""The eGFR of every creatinine of a course, each with whether the creatinine was steady when it was taken."""

from collections import Counter
from dataclasses import replace
from datetime import datetime

from model.analytes import Analyte
from model.assessment import Egfr
from model.policy import DEFAULT_POLICY, SitePolicy
from model.rrt import is_cleared
from model.snapshot import Measurement, PatientSnapshot
from model.staging import stage


def egfr_course(
    snapshot: PatientSnapshot, known: tuple[Measurement, ...], policy: SitePolicy = DEFAULT_POLICY
) -> tuple[Egfr | None, ...]:
    """The eGFR (mL/min/1.73 m2) of each creatinine in `known`, by the very rules of the current one.

    None where there is none to give: a bounded or preliminary value, one of several of the same moment, age or sex
    unknown, a child without a height, or while dialysis clears creatinine. In hindsight: each result counts from
    when it was taken.
    """
    taken = tuple(replace(m, available_at=m.at) for m in snapshot.measurements(Analyte.CREATININE))
    hindsight = replace(snapshot, series={**snapshot.series, Analyte.CREATININE: taken})
    plain = replace(policy, urine_output_staging=False, nhs_algorithm=False)
    values = Counter(m.at for m in taken)
    return tuple(
        _egfr(hindsight, m.at, plain) if values[m.at] == 1 and _is_exact(m, policy) else None for m in known
    )


def _egfr(snapshot: PatientSnapshot, at: datetime, policy: SitePolicy) -> Egfr | None:
    if is_cleared(snapshot.procedures, at):
        return None
    found = stage(snapshot, at, policy).egfr
    return found if found is not None and found.at == at else None


def _is_exact(measurement: Measurement, policy: SitePolicy) -> bool:
    return measurement.comparator is None and (policy.accept_preliminary or not measurement.preliminary)
