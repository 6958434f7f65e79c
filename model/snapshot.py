"""One patient's chart as the clinical core sees it: typed, timed, in canonical units, with what was refused.

`patient_context` builds it from FHIR, `model.training` from cohort tables; `model.assess` reads it.
It carries no FHIR and no codes: a code has become a clinical concept before it gets here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from model.analytes import Analyte


class Sex(StrEnum):
    """Sex as the equations and the model use it. Anything else a chart says is `None`: unknown, never guessed."""

    FEMALE = "female"
    MALE = "male"


class Comparator(StrEnum):
    """FHIR Quantity.comparator: the true value lies beyond the one given."""

    LESS_THAN = "<"
    LESS_OR_EQUAL = "<="
    GREATER_OR_EQUAL = ">="
    GREATER_THAN = ">"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One result in the canonical unit of its analyte (`CANONICAL_UNIT`).

    `at` is when the patient was so (specimen or reading time): every KDIGO window is measured on it.
    `available_at` is when the result could be known; nothing enters an assessment before that.
    Both are timezone-aware. `day_only` marks a time known to the day: it may serve a baseline of
    days or months, never an hour window. `source` is a relative reference such as "Observation/17".
    """

    analyte: Analyte
    value: float
    at: datetime
    available_at: datetime
    source: str
    comparator: Comparator | None = None
    preliminary: bool = False
    day_only: bool = False


class Concept(StrEnum):
    """A clinical idea a problem, procedure or medication code was recognised as."""

    ACUTE_KIDNEY_INJURY = "acute_kidney_injury"
    CHRONIC_KIDNEY_DISEASE = "chronic_kidney_disease"
    KIDNEY_FAILURE = "kidney_failure"  # CKD 5 / ESKD without a statement on dialysis
    MAINTENANCE_DIALYSIS = "maintenance_dialysis"
    KIDNEY_TRANSPLANT = "kidney_transplant"
    DIALYSIS_PROCEDURE = "dialysis_procedure"  # any renal replacement session
    COMFORT_CARE = "comfort_care"
    PREGNANCY = "pregnancy"
    HEART_FAILURE = "heart_failure"
    LIVER_DISEASE = "liver_disease"
    DIABETES = "diabetes"
    HYPERTENSION = "hypertension"
    SEPSIS = "sepsis"


@dataclass(frozen=True, slots=True)
class Problem:
    """A condition on the chart. `active` is None when the chart does not say."""

    text: str
    concepts: frozenset[Concept]
    source: str
    active: bool | None = None
    onset_at: datetime | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProcedureDone:
    """A procedure that took place (never a planned or cancelled one)."""

    text: str
    concepts: frozenset[Concept]
    source: str
    start_at: datetime | None = None
    end_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Coding:
    """A code with its system, as FHIR gives it. Codes of different systems never compare equal."""

    system: str
    code: str


@dataclass(frozen=True, slots=True)
class Medication:
    """A drug, mostly as ordered. `codes` may be empty: the drug is then known by its text only."""

    text: str
    codes: frozenset[Coding]
    source: str
    route: str | None = None
    active: bool | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stay:
    """An encounter. `setting` is the HL7 v3 ActCode class: IMP, ACUTE, EMER, AMB, OBSENC ..."""

    setting: str
    source: str
    start_at: datetime | None = None
    end_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DrugGiven:
    """An administration that took place: `drug` says which drug, and from when to when.

    Without an end it was given at one time, unless it is `running`. `stopped_early`: not all of it was given.
    Shown, never scored: the rules about drugs look at orders, the model at neither.
    """

    drug: Medication
    dose: float | None = None
    dose_unit: str = ""
    running: bool = False
    stopped_early: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """A surgical operation that took place. `day_only`: `start_at` is the day's start, the time is not known."""

    text: str
    source: str
    start_at: datetime | None = None
    end_at: datetime | None = None
    day_only: bool = False


@dataclass(frozen=True, slots=True)
class ContrastGiven:
    """Iodinated contrast brought into the blood, by an examination or as a drug given.

    `by_name`: no code says so, only the words do.
    """

    text: str
    source: str
    start_at: datetime | None = None
    end_at: datetime | None = None
    day_only: bool = False
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class UnitStay:
    """Time in an intensive care unit. `by_name`: no code says that it is one, only its name does."""

    unit: str
    source: str
    start_at: datetime | None = None
    end_at: datetime | None = None
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """A piece of the chart that was not used: which, a machine reason and a sentence for the clinician.

    Neither holds the value itself beyond what the sentence needs; never a name or an identifier. Of a result,
    `analyte` and `at` say what it is of and when it was taken, as far as that can be told.
    """

    resource: str
    code: str
    reason: str
    analyte: Analyte | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A part of the chart that could not be read whole (a page failed, access denied, a cap was hit)."""

    part: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class PatientSnapshot:
    """Everything `assess` may use about one patient, read at one time.

    `series` holds, per analyte, measurements in ascending `at` (ties: `available_at`, then `source`).
    `given`, `operations`, `contrast` and `unit_stays` are shown beside the course and enter no assessment;
    `not_read` names which of what is only shown could not be read, so it is no doubt about the assessment.
    Names and record numbers serve the page's banner only and stay out of every repr.
    """

    patient_id: str
    read_at: datetime
    birth_date: date | None = None
    sex: Sex | None = None
    series: Mapping[Analyte, tuple[Measurement, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    procedures: tuple[ProcedureDone, ...] = ()
    medications: tuple[Medication, ...] = ()
    stays: tuple[Stay, ...] = ()
    given: tuple[DrugGiven, ...] = ()
    operations: tuple[Operation, ...] = ()
    contrast: tuple[ContrastGiven, ...] = ()
    unit_stays: tuple[UnitStay, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    incomplete: tuple[Incomplete, ...] = ()
    not_read: tuple[Incomplete, ...] = ()
    name: str | None = field(default=None, repr=False)
    record_number: str | None = field(default=None, repr=False)
    deceased: bool = False

    def measurements(self, analyte: Analyte) -> tuple[Measurement, ...]:
        """The analyte's measurements in time order, or an empty tuple."""
        return self.series.get(analyte, ())
