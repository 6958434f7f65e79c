"""Where to begin: patients worth opening first, and hook calls worth sending first.

The patients and what stands in their charts are real (see sandbox/patients/README.md); draft orders are synthetic.
Every sentence here is held to the data set by a test.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from sandbox.store import PatientSummary


@dataclass(frozen=True, slots=True)
class FirstLook:
    """A patient to open: `record` is the record number, in every profile."""

    record: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A hook call to send from the bench; `drugs` are RxNorm codes of the drafts."""

    record: str
    title: str
    text: str
    service: str = "aki-order-sign"
    drugs: tuple[str, ...] = ()

    def query(self, patient_id: str) -> str:
        """The bench's address of this call."""
        chosen = [("patient", patient_id), ("service", self.service), *(("drug", code) for code in self.drugs)]
        return urlencode(chosen)


FIRST_LOOKS = (
    FirstLook(
        "10037861",
        "In AKI, and worse by the hour",
        "Stage 3 and rising, on vancomycin with piperacillin-tazobactam; 41 active orders.",
    ),
    FirstLook(
        "10027445",
        "Well now, not for long",
        "No AKI yet; the results of the next 48 hours, which nobody can see, bring it. On an ARB with a diuretic.",
    ),
    FirstLook("10029291", "On dialysis", "Creatinine says little here: watch what the app leaves unsaid."),
    FirstLook("10001725", "Too little to go by", "First stay, no creatinine yet; NSAID and diuretic ordered."),
    FirstLook(
        "10003400", "On the mend", "An AKI of the last days, creatinine falling. Should anything still alarm?"
    ),
    FirstLook(
        "10027602",
        "Much that could have harmed",
        "Contrast twice, a ventricular drain, intensive care, vancomycin dose by dose: all on the course.",
    ),
)

PREPARED_CALLS = (
    PreparedCall(
        "10022281",
        "Triple: the diuretic is one too many",
        "Takes ibuprofen and ramipril (and metformin); a draft of furosemide makes three.",
        drugs=("4603",),
    ),
    PreparedCall(
        "10012552",
        "Triple: the NSAID is one too many",
        "Takes lisinopril and furosemide; a draft of ibuprofen makes three, and the card offers to remove it.",
        drugs=("5640",),
    ),
    PreparedCall(
        "10016810",
        "Vancomycin with piperacillin-tazobactam",
        "Takes piperacillin-tazobactam; a draft of vancomycin.",
        drugs=("11124",),
    ),
    PreparedCall("90000001", "Metformin with a low eGFR", "An outpatient at eGFR 22; a draft.", drugs=("6809",)),
    PreparedCall("90000002", "A DOAC with a low clearance", "A draft of rivaroxaban.", drugs=("1114195",)),
    PreparedCall("10037975", "Contrast in AKI stage 3", "A draft of iohexol for a CT.", drugs=("5956",)),
    PreparedCall("10038999", "Silence", "A draft of acetaminophen: nothing to say.", drugs=("161",)),
    PreparedCall("10037861", "Opening the chart in AKI stage 3", "No draft at all.", service="aki-patient-view"),
)


def first_looks(rows: Iterable[PatientSummary]) -> list[tuple[FirstLook, PatientSummary]]:
    """Those of the list that this data set holds."""
    by_record = {row.record_number: row for row in rows}
    return [(look, by_record[look.record]) for look in FIRST_LOOKS if look.record in by_record]


def prepared_calls(rows: Iterable[PatientSummary]) -> list[tuple[PreparedCall, PatientSummary]]:
    """Those of the list that this data set holds."""
    by_record = {row.record_number: row for row in rows}
    return [(call, by_record[call.record]) for call in PREPARED_CALLS if call.record in by_record]
