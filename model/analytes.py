"""The measured quantities the product understands, each with the one unit it is held in.

A value crosses into `model` only in this canonical unit (UCUM); conversion happens at the border
(`model.units`, called by `patient_context`). Adding a quantity means adding a member here, its
accepted units in `model.units` and its codes in `patient_context.codes`.
"""

from enum import StrEnum


class Analyte(StrEnum):
    """A measured quantity, named in plain clinical words."""

    CREATININE = "creatinine"
    UREA_NITROGEN = "urea_nitrogen"
    SODIUM = "sodium"
    POTASSIUM = "potassium"
    CHLORIDE = "chloride"
    BICARBONATE = "bicarbonate"
    CALCIUM = "calcium"
    MAGNESIUM = "magnesium"
    PHOSPHATE = "phosphate"
    GLUCOSE = "glucose"
    LACTATE = "lactate"
    ALBUMIN = "albumin"
    BILIRUBIN_TOTAL = "bilirubin_total"
    BILIRUBIN_DIRECT = "bilirubin_direct"
    ASPARTATE_AMINOTRANSFERASE = "aspartate_aminotransferase"
    ALKALINE_PHOSPHATASE = "alkaline_phosphatase"
    TROPONIN_I = "troponin_i"
    HAEMOGLOBIN = "haemoglobin"
    HAEMATOCRIT = "haematocrit"
    WHITE_CELLS = "white_cells"
    PLATELETS = "platelets"
    FIBRINOGEN = "fibrinogen"
    PARTIAL_THROMBOPLASTIN_TIME = "partial_thromboplastin_time"
    INR = "inr"
    PH = "ph"
    PACO2 = "paco2"
    BASE_EXCESS = "base_excess"
    SAO2 = "sao2"
    FIO2 = "fio2"
    END_TIDAL_CO2 = "end_tidal_co2"
    HEART_RATE = "heart_rate"
    SYSTOLIC_BP = "systolic_bp"
    DIASTOLIC_BP = "diastolic_bp"
    MEAN_BP = "mean_bp"
    RESPIRATORY_RATE = "respiratory_rate"
    TEMPERATURE = "temperature"
    SPO2 = "spo2"
    GLASGOW_COMA_SCORE = "glasgow_coma_score"
    URINE_OUTPUT = "urine_output"
    WEIGHT = "weight"
    HEIGHT = "height"


CANONICAL_UNIT: dict[Analyte, str] = {
    Analyte.CREATININE: "mg/dL",
    Analyte.UREA_NITROGEN: "mg/dL",
    Analyte.SODIUM: "mmol/L",
    Analyte.POTASSIUM: "mmol/L",
    Analyte.CHLORIDE: "mmol/L",
    Analyte.BICARBONATE: "mmol/L",
    Analyte.CALCIUM: "mg/dL",
    Analyte.MAGNESIUM: "mg/dL",
    Analyte.PHOSPHATE: "mg/dL",
    Analyte.GLUCOSE: "mg/dL",
    Analyte.LACTATE: "mmol/L",
    Analyte.ALBUMIN: "g/dL",
    Analyte.BILIRUBIN_TOTAL: "mg/dL",
    Analyte.BILIRUBIN_DIRECT: "mg/dL",
    Analyte.ASPARTATE_AMINOTRANSFERASE: "U/L",
    Analyte.ALKALINE_PHOSPHATASE: "U/L",
    Analyte.TROPONIN_I: "ng/mL",
    Analyte.HAEMOGLOBIN: "g/dL",
    Analyte.HAEMATOCRIT: "%",
    Analyte.WHITE_CELLS: "10*3/uL",
    Analyte.PLATELETS: "10*3/uL",
    Analyte.FIBRINOGEN: "mg/dL",
    Analyte.PARTIAL_THROMBOPLASTIN_TIME: "s",
    Analyte.INR: "{INR}",
    Analyte.PH: "[pH]",
    Analyte.PACO2: "mm[Hg]",
    Analyte.BASE_EXCESS: "mmol/L",
    Analyte.SAO2: "%",
    Analyte.FIO2: "%",
    Analyte.END_TIDAL_CO2: "mm[Hg]",
    Analyte.HEART_RATE: "/min",
    Analyte.SYSTOLIC_BP: "mm[Hg]",
    Analyte.DIASTOLIC_BP: "mm[Hg]",
    Analyte.MEAN_BP: "mm[Hg]",
    Analyte.RESPIRATORY_RATE: "/min",
    Analyte.TEMPERATURE: "Cel",
    Analyte.SPO2: "%",
    Analyte.GLASGOW_COMA_SCORE: "{score}",
    Analyte.URINE_OUTPUT: "mL",
    Analyte.WEIGHT: "kg",
    Analyte.HEIGHT: "cm",
}
