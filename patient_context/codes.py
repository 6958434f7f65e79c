"""Which LOINC codes mean which analyte, and which creatinine codes must never be staged.

A code says three things: the analyte, the kind of quantity it promises (mass or moles per volume; None =
read the unit) and, for urea, which substance is counted. Hospitals add local codes in their registration.

Checked November 2026 against published copies of LOINC names: creatinine in blood and around dialysis, urea
nitrogen around dialysis (CMS value sets 2.16.840.1.113883.3.666.5.2363 and 2.16.840.1.113762.1.4.1248.218), the
maximum and baseline creatinines (German LOINC translation), body fluids (MIMIC-IV item table), the Swiss core
profiles for 77140-2. Sources disagree on the quantity behind 20977-5 and 72903-8: there the unit decides. Not
found in a published list, kept because a wrong entry only refuses: peritoneal fluid and dialysate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from model.analytes import Analyte
from model.units import QuantityKind, ReportedAs

LOINC: Final = "http://loinc.org"


@dataclass(frozen=True, slots=True)
class TestCode:
    """What one LOINC code promises about an Observation's value."""

    __test__ = False  # not a test case, whatever pytest thinks of the name

    analyte: Analyte
    kind: QuantityKind | None = None
    reported_as: ReportedAs = ReportedAs.ITSELF


_MASS, _MOLES = QuantityKind.MASS, QuantityKind.MOLES

# analyte -> kind promised -> codes, the most usual first
_BLOOD_TESTS: Final[dict[Analyte, dict[QuantityKind | None, tuple[str, ...]]]] = {
    Analyte.CREATININE: {
        _MASS: ("2160-0", "38483-4", "21232-4"),  # serum/plasma, blood, arterial blood
        _MOLES: ("14682-9", "59826-8", "77140-2", "101475-2"),  # serum/plasma, blood, either, venous
        None: ("35203-9",),  # mass or moles
    },
    Analyte.UREA_NITROGEN: {_MASS: ("3094-0", "6299-2"), _MOLES: ("14937-7",)},
    Analyte.SODIUM: {_MOLES: ("2951-2", "2947-0", "77139-4", "39791-9", "32717-1")},
    Analyte.POTASSIUM: {_MOLES: ("2823-3", "6298-4", "77142-8", "39789-3", "32713-0")},
    Analyte.CHLORIDE: {_MOLES: ("2075-0", "2069-3", "77138-6")},
    Analyte.BICARBONATE: {_MOLES: ("1963-8", "2028-9", "1959-6", "1960-4", "20565-8", "14627-4")},
    Analyte.CALCIUM: {_MASS: ("17861-6",), _MOLES: ("2000-8",)},  # total; ionised calcium is another test
    Analyte.MAGNESIUM: {_MASS: ("19123-9",), _MOLES: ("2601-3",)},
    Analyte.PHOSPHATE: {_MASS: ("2777-1",), _MOLES: ("14879-1",)},
    Analyte.GLUCOSE: {_MASS: ("2345-7", "2339-0"), _MOLES: ("14749-6", "15074-8")},
    Analyte.LACTATE: {_MOLES: ("2524-7", "32693-4", "2518-9")},
    Analyte.ALBUMIN: {_MASS: ("1751-7",)},
    Analyte.BILIRUBIN_TOTAL: {_MASS: ("1975-2",), _MOLES: ("14631-6",)},
    Analyte.BILIRUBIN_DIRECT: {_MASS: ("1968-7",), _MOLES: ("14629-0",)},
    Analyte.ASPARTATE_AMINOTRANSFERASE: {None: ("1920-8",)},
    Analyte.ALKALINE_PHOSPHATASE: {None: ("6768-6",)},
    Analyte.TROPONIN_I: {_MASS: ("10839-9", "89579-7")},
    Analyte.HAEMOGLOBIN: {_MASS: ("718-7",), _MOLES: ("59260-0",)},
    Analyte.HAEMATOCRIT: {None: ("4544-3", "20570-8", "48703-3")},
    Analyte.WHITE_CELLS: {None: ("6690-2", "26464-8")},
    Analyte.PLATELETS: {None: ("777-3", "26515-7")},
    Analyte.FIBRINOGEN: {_MASS: ("3255-7",)},
    Analyte.PARTIAL_THROMBOPLASTIN_TIME: {None: ("3173-2", "14979-9")},
    Analyte.INR: {None: ("6301-6", "34714-6")},
    Analyte.PH: {None: ("2744-1", "11558-4")},
    Analyte.PACO2: {None: ("2019-8",)},
    Analyte.BASE_EXCESS: {None: ("11555-0", "1925-7")},
    Analyte.SAO2: {None: ("2708-6",)},
    Analyte.FIO2: {None: ("3150-6", "3151-8")},
    Analyte.END_TIDAL_CO2: {None: ("19889-5",)},
}
_UREA: Final[dict[QuantityKind | None, tuple[str, ...]]] = {
    _MOLES: ("22664-7",),  # serum/plasma
    _MASS: ("3091-6",),
    None: ("20977-5", "72903-8"),  # blood
}

VITALS: Final[Mapping[Analyte, tuple[str, ...]]] = MappingProxyType(
    {
        Analyte.HEART_RATE: ("8867-4",),
        Analyte.SYSTOLIC_BP: ("8480-6",),
        Analyte.DIASTOLIC_BP: ("8462-4",),
        Analyte.MEAN_BP: ("8478-0",),
        Analyte.RESPIRATORY_RATE: ("9279-1",),
        Analyte.TEMPERATURE: ("8310-5",),
        Analyte.SPO2: ("59408-5",),
        Analyte.GLASGOW_COMA_SCORE: ("9269-2",),
    }
)
BODY: Final[Mapping[Analyte, tuple[str, ...]]] = MappingProxyType(
    {Analyte.WEIGHT: ("29463-7", "3141-9"), Analyte.HEIGHT: ("8302-2", "3137-7")}
)
URINE: Final[Mapping[Analyte, tuple[str, ...]]] = MappingProxyType({Analyte.URINE_OUTPUT: ("9187-6",)})
BLOOD_PRESSURE_PANELS: Final = ("85354-9",)  # the values sit in its components


def _tests() -> dict[str, TestCode]:
    found = {
        code: TestCode(analyte, kind)
        for analyte, kinds in _BLOOD_TESTS.items()
        for kind, codes in kinds.items()
        for code in codes
    }
    found |= {c: TestCode(Analyte.UREA_NITROGEN, k, ReportedAs.UREA) for k, cs in _UREA.items() for c in cs}
    for table in (VITALS, BODY, URINE):
        found |= {code: TestCode(analyte) for analyte, codes in table.items() for code in codes}
    return found


TESTS: Final[Mapping[str, TestCode]] = MappingProxyType(_tests())
CREATININE_CODES: Final = tuple(c for c, test in TESTS.items() if test.analyte is Analyte.CREATININE)
LAB_CODES: Final = tuple(
    c for c, test in TESTS.items() if test.analyte in _BLOOD_TESTS and test.analyte is not Analyte.CREATININE
)

# Recognised, and kept away from staging: a creatinine or urea of something that is not steady blood.
_REFUSALS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    (
        "dialysis-timed",
        "The sample was timed to a dialysis session and does not show the patient's own kidney function.",
        ("11041-1", "11042-9", "51619-5", "51620-3", "11064-3", "11065-0"),
    ),
    (
        "not-blood",
        "It was measured in urine, not in blood.",
        ("2161-8", "14683-7", "2162-6", "20624-3", "39955-0", "35674-1", "3095-7"),
    ),
    (
        "not-blood",
        "It was measured in a body fluid or dialysate, not in blood.",
        ("12190-5", "12191-3", "14399-0", "12192-1"),
    ),
    (
        "not-a-single-sample",
        "It is the highest of several samples or belongs to a stimulation test: its time is not the sample's.",
        ("44784-7", "40248-7", "40249-5", "40264-4"),
    ),
    (
        "ratio-or-clearance",
        "It is a ratio or a clearance, not a concentration in blood.",
        ("2164-2", "9318-7", "14959-1", "14585-4", "32294-1", "14958-3", "3097-3", "2890-2"),
    ),
)
REFUSED_TESTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {code: (reason, sentence) for reason, sentence, codes in _REFUSALS for code in codes}
)

# Reported eGFR: equations and units are mixed across laboratories, so the product computes its own.
EGFR_CODES: Final = frozenset(
    {
        "98979-8", "98980-6", "62238-1", "88293-6", "88294-4", "77147-7", "48642-3", "48643-1", "50044-7",
        "50210-4", "94677-2", "69405-9", "33914-3",
    }
)  # fmt: skip
