"""What accumulates while one patient's resources are read, before it becomes a snapshot."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from model.analytes import Analyte
from model.drugs import DrugFacts
from model.snapshot import (
    ContrastGiven,
    DrugGiven,
    Measurement,
    Medication,
    Operation,
    Problem,
    ProcedureDone,
    Rejected,
    Sex,
    Stay,
    UnitStay,
)
from patient_context.lexicon import Lexicon, lexicon_of
from patient_context.reading import SiteReading
from patient_context.shapes import Json, Refused, objects, text
from patient_context.times import FUTURE_TOLERANCE, FhirTime, parse_time


@dataclass(slots=True)
class Demographics:
    """What the Patient resource said."""

    birth_date: date | None = None
    sex: Sex | None = None
    name: str | None = None
    record_number: str | None = None
    deceased: bool = False


@dataclass(slots=True)
class Chart:
    """Everything read so far. `ignored` counts what was recognised as of no concern, by reason."""

    read_at: datetime
    reading: SiteReading
    medication_resources: dict[str, Json] = field(default_factory=dict)
    demographics: Demographics = field(default_factory=Demographics)
    measurements: dict[Analyte, list[Measurement]] = field(default_factory=lambda: defaultdict(list))
    problems: list[Problem] = field(default_factory=list)
    procedures: list[ProcedureDone] = field(default_factory=list)
    medications: list[Medication] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    given: list[DrugGiven] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    contrast: list[ContrastGiven] = field(default_factory=list)
    unit_stays: list[UnitStay] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    drugs_known: dict[Medication, DrugFacts] = field(default_factory=dict, repr=False)  # of hundreds of doses few
    corrections: set[str] = field(default_factory=set)  # sources of results that are corrected or amended
    zones_assumed: list[str] = field(default_factory=list)  # sources whose time gave no offset
    lexicon: Lexicon = field(init=False)
    latest_at: datetime = field(init=False)
    _times: dict[str, FhirTime] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.lexicon = lexicon_of(self.reading)
        self.latest_at = self.read_at + FUTURE_TOLERANCE

    def time_of(self, value: Any) -> FhirTime:
        """`parse_time` in the site's zone, once for each spelling: the results of a panel share theirs."""
        known = self._times.get(value) if isinstance(value, str) else None
        if known is None:
            known = parse_time(value, self.reading.time_zone)
            self._times[value] = known
        return known

    def reject(
        self, source: str, refusal: Refused, *, analyte: Analyte | None = None, at: datetime | None = None
    ) -> None:
        """List a piece of the chart that is not used, with its reason; of a result, what it is of and when."""
        self.rejected.append(Rejected(source, refusal.code, refusal.sentence, analyte, at))

    def require_known_modifiers(self, resource: Json) -> None:
        """An unknown modifierExtension may turn a statement into its opposite: the resource is not used."""
        self.require_known(resource.get("modifierExtension"))

    def require_known(self, extensions: Any) -> None:
        """`require_known_modifiers` of what stands under `modifierExtension`."""
        if not extensions:
            return
        known = self.reading.known_modifiers
        urls = [text(extension.get("url")) for extension in objects(extensions)]
        if not urls or any(url not in known for url in urls):
            raise Refused("modifier-unknown", "It carries a modifier this product does not understand.")
