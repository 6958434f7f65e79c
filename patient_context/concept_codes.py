"""Which diagnosis and procedure codes stand for which clinical idea, per code system.

ICD codes are compared without their dot, as EHRs write them both ways. National modifications share the WHO
prefix where they agree; what only ICD-10-CM says is looked up under its own system alone: `I12.0` is stage 5
there and any renal failure elsewhere.

Checked November 2026 against published copies: dialysis and transplant procedures (CMS value sets "Dialysis
Services" and "Kidney Transplant": SNOMED CT, CPT, ICD-10-PCS), dialysis dependence, stage 5 on dialysis and
transplant findings (SNOMED CT names in an eCQM code list), comfort measures (1.3.6.1.4.1.33895.1.3.0.45), renal
ICD-10 groups (Quan 2005). From the tabular lists, not found again in a second source: ICD-9-CM V codes, OPS.
Left out on purpose, since each would change the stage wrongly: haemoperfusion (CPT 90997, OPS 8-856) and albumin
dialysis treat poisoning and the liver; autotransplants (CPT 50380, ICD-9 55.61) are the patient's own kidney;
Z49.0 prepares for dialysis that has not begun; palliative care alone (SNOMED CT 103735009) does not mean comfort
measures only.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from model.snapshot import Concept

_C = Concept

# Longest prefix does not win: every prefix that fits adds its concept.
_ICD10: Final[dict[Concept, tuple[str, ...]]] = {
    _C.ACUTE_KIDNEY_INJURY: ("N17", "O904"),
    _C.CHRONIC_KIDNEY_DISEASE: ("N18", "I12", "I13", "E0822", "E0922", "E1022", "E1122", "E1322"),
    _C.KIDNEY_FAILURE: ("N185", "N186"),
    # N18.6 (CM) is defined as kidney disease requiring chronic dialysis.
    _C.MAINTENANCE_DIALYSIS: ("N186", "Z992", "Z491", "Z492", "Z493"),
    _C.KIDNEY_TRANSPLANT: ("Z940", "T861", "Z4822"),
    _C.COMFORT_CARE: ("Z515",),
    _C.PREGNANCY: (
        "O0",
        "O1",
        "O2",
        "O3",
        "O4",
        "O6",
        "O7",
        "O80",
        "O82",
        "O98",
        "O99",
        "O9A",
        "Z33",
        "Z34",
        "Z3A",
    ),
    _C.HEART_FAILURE: ("I50", "I110", "I130", "I132"),
    _C.LIVER_DISEASE: ("K70", "K71", "K72", "K73", "K74", "K75", "K76", "K77", "I85", "B18"),
    _C.DIABETES: ("E08", "E09", "E10", "E11", "E12", "E13", "E14"),
    _C.HYPERTENSION: ("I10", "I11", "I12", "I13", "I15", "I16"),
    _C.SEPSIS: ("A40", "A41", "R652", "R572"),
}
_ICD10_CM: Final[dict[Concept, tuple[str, ...]]] = {
    **_ICD10,
    _C.KIDNEY_FAILURE: (*_ICD10[_C.KIDNEY_FAILURE], "I120", "I1311", "I132"),
}
_ICD9: Final[dict[Concept, tuple[str, ...]]] = {
    _C.ACUTE_KIDNEY_INJURY: ("584", "6693"),
    _C.CHRONIC_KIDNEY_DISEASE: ("585", "403", "404"),
    _C.KIDNEY_FAILURE: ("5855", "5856", "40301", "40311", "40391"),
    _C.MAINTENANCE_DIALYSIS: ("5856", "V4511", "V560", "V568"),  # 585.6: requiring chronic dialysis
    _C.KIDNEY_TRANSPLANT: ("V420", "99681"),
    _C.COMFORT_CARE: ("V667",),
    _C.PREGNANCY: ("64", "65", "V22", "V23"),
    _C.HEART_FAILURE: ("428", "40201", "40211", "40291"),
    _C.LIVER_DISEASE: ("570", "571", "572", "573"),
    _C.DIABETES: ("249", "250"),
    _C.HYPERTENSION: ("401", "402", "403", "404", "405"),
    _C.SEPSIS: ("038", "99591", "99592", "78552"),
}
_SNOMED: Final[dict[Concept, tuple[str, ...]]] = {
    _C.ACUTE_KIDNEY_INJURY: ("14669001",),
    _C.CHRONIC_KIDNEY_DISEASE: (
        "709044004", "431855005", "431856006", "433144002", "700378005", "700379002", "431857002", "433146000",
        "90688005", "127013003", "46177005",
    ),
    _C.KIDNEY_FAILURE: ("433146000", "46177005", "236434000", "236435004"),
    _C.MAINTENANCE_DIALYSIS: ("236435004", "105502003", "443143006", "443596009", "714152005"),
    _C.KIDNEY_TRANSPLANT: (
        "70536003", "236436003", "737295003", "161665007", "714153000", "719352000", "52213001", "175901007",
        "175902000", "313030004", "711411006", "711413009", "765478004", "765479007", "6471000179103",
    ),
    _C.DIALYSIS_PROCEDURE: (
        "108241001", "265764009", "302497006", "714749008",  # dialysis, renal dialysis, haemodialysis, CRRT
        # haemodialysis of every kind
        "233575001", "233576000", "233577009", "233578004", "233579007", "233580005", "11932001", "57274006",
        "34897002", "67970008", "708931003", "708932005", "698074000",
        # haemofiltration
        "233581009", "233582002", "233583007", "233584001", "233585000", "708934006", "715743002",
        # haemodiafiltration
        "233586004", "233587008", "233588003", "233589006", "233590002", "708930002", "708933000",
        # peritoneal dialysis
        "71192002", "676002", "14684005", "225230008", "225231007", "238318009", "238319001", "238321006",
        "238322004", "238323009", "428648006",
    ),
    _C.COMFORT_CARE: ("133918004", "182964004", "385736008", "385763009"),
    _C.PREGNANCY: ("77386006", "72892002"),
    _C.HEART_FAILURE: ("84114007", "42343007", "88805009"),
    _C.LIVER_DISEASE: ("235856003", "19943007", "328383001"),
    _C.DIABETES: ("73211009", "44054006", "46635009"),
    _C.HYPERTENSION: ("38341003", "59621000"),
    _C.SEPSIS: ("91302008", "10001005", "76571007"),
}  # fmt: skip

_PCS: Final[dict[Concept, tuple[str, ...]]] = {
    _C.DIALYSIS_PROCEDURE: ("5A1D", "3E1M39Z"),
    _C.KIDNEY_TRANSPLANT: ("0TY0", "0TY1"),
}
_CPT: Final[dict[Concept, tuple[str, ...]]] = {
    _C.DIALYSIS_PROCEDURE: ("90935", "90937", "90945", "90947", "90999"),
    _C.KIDNEY_TRANSPLANT: ("50360", "50365"),
}
_ICD9_PROCEDURE: Final[dict[Concept, tuple[str, ...]]] = {
    _C.DIALYSIS_PROCEDURE: ("3995", "5498"),
    _C.KIDNEY_TRANSPLANT: ("5569",),
}
_OPS: Final[dict[Concept, tuple[str, ...]]] = {  # Germany
    _C.DIALYSIS_PROCEDURE: ("8-853", "8-854", "8-855", "8-857", "8-85a"),
    _C.KIDNEY_TRANSPLANT: ("5-555",),
}
# Bedside charting of the MIMIC-IV demo: CRRT, haemodialysis, peritoneal dialysis, CVVHD, CVVHDF.
_MIMIC_ITEMS: Final = {_C.DIALYSIS_PROCEDURE: ("225802", "225441", "225805", "225803", "225809")}

_MIMIC: Final = "http://mimic.mit.edu/fhir/mimic/CodeSystem/"


def _inverted(table: Mapping[Concept, Iterable[str]]) -> dict[str, frozenset[Concept]]:
    codes = {code for group in table.values() for code in group}
    return {code: frozenset(c for c, group in table.items() if code in group) for code in codes}


_ICD9_CM: Final = "http://hl7.org/fhir/sid/icd-9-cm"
_ICD9_CM_PROCEDURES: Final = f"{_ICD9_CM}/procedure"
_WHO_SYSTEMS: Final = (
    "http://hl7.org/fhir/sid/icd-10",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    "http://fhir.de/CodeSystem/dimdi/icd-10-gm",
    "urn:oid:2.16.840.1.113883.6.3",
)
_CM10_SYSTEMS: Final = (
    "http://hl7.org/fhir/sid/icd-10-cm",
    "urn:oid:2.16.840.1.113883.6.90",
    f"{_MIMIC}mimic-diagnosis-icd10",
)
_CM9_SYSTEMS: Final = (
    _ICD9_CM,
    f"{_ICD9_CM}/diagnosis",
    "urn:oid:2.16.840.1.113883.6.103",
    f"{_MIMIC}mimic-diagnosis-icd9",
)
_DIAGNOSES: Final = frozenset({*_WHO_SYSTEMS, *_CM10_SYSTEMS, *_CM9_SYSTEMS})

# system -> (prefix match?, code or prefix -> concepts)
_Lookup = tuple[bool, dict[str, frozenset[Concept]]]
_SYSTEMS: Final[dict[str, _Lookup]] = {
    system: (by_prefix, _inverted(table))
    for systems, by_prefix, table in (
        (_WHO_SYSTEMS, True, _ICD10),
        (_CM10_SYSTEMS, True, _ICD10_CM),
        (_CM9_SYSTEMS, True, _ICD9),
        (("http://snomed.info/sct", "urn:oid:2.16.840.1.113883.6.96"), False, _SNOMED),
        (
            (
                "http://www.cms.gov/Medicare/Coding/ICD10",
                "http://hl7.org/fhir/sid/icd-10-pcs",
                "urn:oid:2.16.840.1.113883.6.4",
                f"{_MIMIC}mimic-procedure-icd10",
            ),
            True,
            _PCS,
        ),
        (("http://www.ama-assn.org/go/cpt", "urn:oid:2.16.840.1.113883.6.12"), False, _CPT),
        (
            (
                _ICD9_CM_PROCEDURES,
                "urn:oid:2.16.840.1.113883.6.104",
                f"{_MIMIC}mimic-procedure-icd9",
            ),
            True,
            _ICD9_PROCEDURE,
        ),
        (("http://fhir.de/CodeSystem/bfarm/ops", "http://fhir.de/CodeSystem/dimdi/ops"), True, _OPS),
        ((f"{_MIMIC}mimic-d-items",), False, _MIMIC_ITEMS),
    )
    for system in systems
}
_NOTHING: Final[frozenset[Concept]] = frozenset()
CONCEPT_SYSTEMS: Final = MappingProxyType(_SYSTEMS)


def concepts_of(system: str, code: str) -> frozenset[Concept]:
    """The clinical ideas one coding stands for; empty for a code or system not listed."""
    lookup = _SYSTEMS.get(system)
    if lookup is None:
        return _NOTHING
    by_prefix, table = lookup
    if not by_prefix:
        return table.get(code, _NOTHING)
    plain = code.replace(".", "").strip().upper() if "ops" not in system else code.strip()
    hits = [table[plain[:n]] for n in range(1, len(plain) + 1) if plain[:n] in table]
    return frozenset().union(*hits) if hits else _NOTHING


def procedure_concepts_of(system: str, code: str) -> frozenset[Concept]:
    """The same for a code of something done. Diagnosis systems name nothing that was done.

    ICD-9-CM numbers procedures anew under one address: 40.3, a lymph node excision, is not 403, a kidney disease.
    """
    if system == _ICD9_CM:
        return concepts_of(_ICD9_CM_PROCEDURES, code)
    return _NOTHING if system in _DIAGNOSES else concepts_of(system, code)
