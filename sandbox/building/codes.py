"""What the source's item numbers mean: LOINC and UCUM for laboratory and chart items, SNOMED CT for dialysis.

Items that are not listed are left out and counted. LOINC follows the MEDS code table's parents, except where
that table carries an invalid code (3150-0 for inspired oxygen; LOINC's is 3150-6).
"""

from dataclasses import dataclass

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
MIMIC_LAB = "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-d-labitems"
MIMIC_ITEM = "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-d-items"


@dataclass(frozen=True, slots=True)
class Item:
    """One measured thing: its LOINC code and name, and its UCUM unit."""

    loinc: str
    name: str
    unit: str


# Arterial codes are used for blood gases only when the specimen was charted as arterial: see ARTERIAL_ITEMS.
LAB_ITEMS: dict[str, Item] = {
    "50912": Item("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL"),
    "51006": Item("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL"),
    "50971": Item("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L"),
    "50983": Item("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L"),
    "50902": Item("2075-0", "Chloride [Moles/volume] in Serum or Plasma", "mmol/L"),
    "50882": Item("1963-8", "Bicarbonate [Moles/volume] in Serum or Plasma", "mmol/L"),
    "50868": Item("1863-0", "Anion gap 4 in Serum or Plasma", "mmol/L"),
    "50931": Item("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL"),
    "50893": Item("17861-6", "Calcium [Mass/volume] in Serum or Plasma", "mg/dL"),
    "50960": Item("19123-9", "Magnesium [Mass/volume] in Serum or Plasma", "mg/dL"),
    "50970": Item("2777-1", "Phosphate [Mass/volume] in Serum or Plasma", "mg/dL"),
    "50862": Item("1751-7", "Albumin [Mass/volume] in Serum or Plasma", "g/dL"),
    "50885": Item("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", "mg/dL"),
    "50883": Item("1968-7", "Bilirubin.direct [Mass/volume] in Serum or Plasma", "mg/dL"),
    "50878": Item("1920-8", "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L"),
    "50861": Item("1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L"),
    "50863": Item("6768-6", "Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma", "U/L"),
    "50954": Item("2532-0", "Lactate dehydrogenase [Enzymatic activity/volume] in Serum or Plasma", "U/L"),
    "50910": Item("2157-6", "Creatine kinase [Enzymatic activity/volume] in Serum or Plasma", "U/L"),
    "51003": Item("6598-7", "Troponin T.cardiac [Mass/volume] in Serum or Plasma", "ng/mL"),
    "51007": Item("3084-1", "Urate [Mass/volume] in Serum or Plasma", "mg/dL"),
    "51009": Item("20578-1", "Vancomycin [Mass/volume] in Serum or Plasma", "ug/mL"),
    "50986": Item("11253-2", "Tacrolimus [Mass/volume] in Blood", "ng/mL"),
    "50889": Item("1988-5", "C reactive protein [Mass/volume] in Serum or Plasma", "mg/L"),
    "50852": Item("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%"),
    "50963": Item(
        "33762-6", "Natriuretic peptide.B prohormone N-Terminal [Mass/volume] in Serum or Plasma", "pg/mL"
    ),
    "51222": Item("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL"),
    "50811": Item("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL"),
    "51221": Item("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count", "%"),
    "51301": Item("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL"),
    "51265": Item("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL"),
    "51279": Item("789-8", "Erythrocytes [#/volume] in Blood by Automated count", "10*6/uL"),
    "51250": Item("787-2", "MCV [Entitic volume] by Automated count", "fL"),
    "51214": Item("3255-7", "Fibrinogen [Mass/volume] in Platelet poor plasma by Coagulation assay", "mg/dL"),
    "51275": Item("14979-9", "aPTT in Platelet poor plasma by Coagulation assay", "s"),
    "51274": Item("5902-2", "Prothrombin time (PT)", "s"),
    "51237": Item("6301-6", "INR in Platelet poor plasma by Coagulation assay", "{INR}"),
    "50820": Item("11558-4", "pH of Blood", "[pH]"),
    "50818": Item("11557-6", "Carbon dioxide [Partial pressure] in Blood", "mm[Hg]"),
    "50821": Item("11556-8", "Oxygen [Partial pressure] in Blood", "mm[Hg]"),
    "50817": Item("20564-1", "Oxygen saturation in Blood", "%"),
    "50802": Item("11555-0", "Base excess in Blood by calculation", "mmol/L"),
    "50804": Item("34728-6", "Carbon dioxide, total [Moles/volume] in Blood by calculation", "mmol/L"),
    "50813": Item("32693-4", "Lactate [Moles/volume] in Blood", "mmol/L"),
    "50816": Item("3150-6", "Inhaled oxygen concentration", "%"),
    "50808": Item("1994-3", "Calcium.ionized [Moles/volume] in Blood", "mmol/L"),
    "50822": Item("6298-4", "Potassium [Moles/volume] in Blood", "mmol/L"),
    "50824": Item("2947-0", "Sodium [Moles/volume] in Blood", "mmol/L"),
    "50806": Item("2069-3", "Chloride [Moles/volume] in Blood", "mmol/L"),
    "50809": Item("2339-0", "Glucose [Mass/volume] in Blood", "mg/dL"),
    "51082": Item("2161-8", "Creatinine [Mass/volume] in Urine", "mg/dL"),
    "51100": Item("2955-3", "Sodium [Moles/volume] in Urine", "mmol/L"),
    "51104": Item("3095-7", "Urea nitrogen [Mass/volume] in Urine", "mg/dL"),
    "51093": Item("2695-5", "Osmolality of Urine", "mosm/kg"),
    "51492": Item("5804-0", "Protein [Mass/volume] in Urine by Test strip", "mg/dL"),
}
ARTERIAL_ITEMS: dict[str, Item] = {
    "50820": Item("2744-1", "pH of Arterial blood", "[pH]"),
    "50818": Item("2019-8", "Carbon dioxide [Partial pressure] in Arterial blood", "mm[Hg]"),
    "50821": Item("2703-7", "Oxygen [Partial pressure] in Arterial blood", "mm[Hg]"),
    "50817": Item("2708-6", "Oxygen saturation in Arterial blood", "%"),
}
SPECIMEN_ITEM = "52033"
CREATININE_ITEM = "50912"

# The source's unit spellings that mean the unit of the table above; any other spelling is dropped and counted.
SAME_UNIT: dict[str, frozenset[str]] = {
    "mmol/L": frozenset({"mEq/L", "mmol/L"}),  # all of these ions are monovalent or already in moles
    "U/L": frozenset({"IU/L"}),
    "10*3/uL": frozenset({"K/uL"}),
    "10*6/uL": frozenset({"m/uL"}),
    "s": frozenset({"sec"}),
    "[pH]": frozenset({"units"}),
    "mm[Hg]": frozenset({"mm Hg", "mmHg"}),
    "{INR}": frozenset({"UNK"}),  # a ratio: the source rightly has no unit
    "mosm/kg": frozenset({"mOsm/kg"}),
    "/min": frozenset({"bpm", "insp/min"}),
    "Cel": frozenset({"°C"}),
    "[degF]": frozenset({"°F"}),
    "{score}": frozenset({"UNK"}),
}

CHART_ITEMS: dict[str, Item] = {
    "220045": Item("8867-4", "Heart rate", "/min"),
    "220210": Item("9279-1", "Respiratory rate", "/min"),
    "220277": Item("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%"),
    "223761": Item("8310-5", "Body temperature", "[degF]"),
    "223762": Item("8310-5", "Body temperature", "Cel"),
    "220181": Item("8478-0", "Mean blood pressure", "mm[Hg]"),
    "220052": Item("8478-0", "Mean blood pressure", "mm[Hg]"),
    "224639": Item("29463-7", "Body weight", "kg"),
    "226512": Item("29463-7", "Body weight", "kg"),
    "226730": Item("8302-2", "Body height", "cm"),
}
SYSTOLIC = Item("8480-6", "Systolic blood pressure", "mm[Hg]")
DIASTOLIC = Item("8462-4", "Diastolic blood pressure", "mm[Hg]")
PRESSURE_PANEL = Item("85354-9", "Blood pressure panel with all children optional", "")
PRESSURE_PAIRS = {"220179": "220180", "220050": "220051"}  # systolic item -> diastolic item
COMA_ITEMS = {
    "220739": Item("9267-6", "Glasgow coma score eye opening", "{score}"),
    "223900": Item("9270-0", "Glasgow coma score verbal", "{score}"),
    "223901": Item("9268-4", "Glasgow coma score motor", "{score}"),
}
CLINIC_ITEMS = frozenset({"Weight (Lbs)", "Height (Inches)", "Blood Pressure"})
READ_ITEMS = CLINIC_ITEMS | {
    SPECIMEN_ITEM,
    *LAB_ITEMS,
    *CHART_ITEMS,
    *PRESSURE_PAIRS,
    *PRESSURE_PAIRS.values(),
    *COMA_ITEMS,
}
COMA_TOTAL = Item("9269-2", "Glasgow coma score total", "{score}")
URINE = Item("9187-6", "Urine output", "mL")
WEIGHT_LB = Item("29463-7", "Body weight", "[lb_av]")
HEIGHT_IN = Item("8302-2", "Body height", "[in_i]")

# Urine only; irrigation volumes are a difference of two charted numbers and are left out.
URINE_ITEMS = frozenset({"226559", "226560", "226561", "226567", "226627", "226631"})

# Values outside are charting slips, not physiology (LOINC -> low, high); they are dropped and counted.
PLAUSIBLE: dict[tuple[str, str], tuple[float, float]] = {
    ("8867-4", "/min"): (1, 300),
    ("9279-1", "/min"): (1, 90),
    ("59408-5", "%"): (10, 100),
    ("2708-6", "%"): (10, 100),
    ("8310-5", "[degF]"): (77, 113),
    ("8310-5", "Cel"): (25, 45),
    ("8478-0", "mm[Hg]"): (10, 250),
    ("8480-6", "mm[Hg]"): (20, 320),
    ("8462-4", "mm[Hg]"): (5, 250),
    ("29463-7", "kg"): (20, 400),
    ("29463-7", "[lb_av]"): (44, 880),
    ("8302-2", "cm"): (100, 230),
    ("8302-2", "[in_i]"): (40, 90),
    ("9187-6", "mL"): (0, 6000),
}

# Dialysis as SNOMED CT beside the source's own code (codes of eCQM value set 2.16.840.1.113762.1.4.1248.199).
CONTINUOUS = ("233578004", "Continuous hemodialysis")
INTERMITTENT = ("233575001", "Intermittent hemodialysis")
DIALYSIS_ITEMS = {"225802": CONTINUOUS, "225441": INTERMITTENT}
DIALYSIS_ICD = {
    "3995": INTERMITTENT,
    "5A1D00Z": None,
    "5A1D60Z": None,
    "5A1D70Z": INTERMITTENT,
    "5A1D90Z": CONTINUOUS,
}

# Bedside procedures worth a chart line; lines, cultures and family calls are left out.
PROCEDURE_ITEMS = frozenset(
    {
        *DIALYSIS_ITEMS,
        "224270",  # dialysis catheter
        "225436",  # CRRT filter change
        "225792",  # invasive ventilation
        "225794",  # non-invasive ventilation
        "221214",  # CT scan
    }
)
