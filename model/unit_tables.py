"""The unit tables: per analyte the UCUM codes it is reported in, the spellings seen in charts, what is plausible.

Amount-of-substance factors follow from the molar masses named beside them. Creatinine uses 88.42 umol/L
per mg/dL, the constant of the laboratory literature; its molar mass (113.12 g/mol) gives 88.40 and KDIGO's
rounded pairs (0.3 = 26.5, 4.0 = 353.6) 88.3 to 88.4, a difference of 0.02 % that no reported digit shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from model.analytes import Analyte


class QuantityKind(StrEnum):
    """What kind of quantity a unit measures, where a laboratory may report one analyte in either."""

    MASS = "mass"
    MOLES = "moles"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Conversion:
    """canonical = value * multiplier / divisor + offset."""

    kind: QuantityKind
    multiplier: float = 1.0
    divisor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Window:
    """What is accepted as a measurement of a living patient, in the canonical unit, both ends included."""

    low: float
    high: float


CREATININE_UMOL_L_PER_MG_DL: Final = 88.42
_UREA_NITROGEN_G_PER_MOL: Final = 28.0134  # two nitrogens in each urea
_UREA_G_PER_MOL: Final = 60.056

_MASS, _MOLES, _OTHER = QuantityKind.MASS, QuantityKind.MOLES, QuantityKind.OTHER
Rows = dict[str, Conversion]


def _mass_per_litre(canonical_mg_dl: float = 1.0) -> Rows:
    """Mass concentrations for an analyte held in mg/dL (1.0) or g/dL (0.001)."""
    return {
        "mg/dL": Conversion(_MASS, canonical_mg_dl),
        "mg/L": Conversion(_MASS, canonical_mg_dl, 10),
        "ug/mL": Conversion(_MASS, canonical_mg_dl, 10),
        "g/L": Conversion(_MASS, canonical_mg_dl * 100),
        "g/dL": Conversion(_MASS, canonical_mg_dl * 1000),
    }


def _moles(per_mmol_l: float) -> Rows:
    """Amount concentrations of an analyte held by mass: `per_mmol_l` canonical units are one mmol/L."""
    return {"mmol/L": Conversion(_MOLES, per_mmol_l), "umol/L": Conversion(_MOLES, per_mmol_l, 1000)}


_MONOVALENT: Final[Rows] = {"mmol/L": Conversion(_MOLES), "meq/L": Conversion(_MOLES)}
_CELLS: Final[Rows] = {
    **{u: Conversion(_OTHER) for u in ("10*3/uL", "10^3/uL", "10*9/L", "10^9/L", "10*3/mm3", "10*6/mL")},
    **{u: Conversion(_OTHER, 1, 1000) for u in ("/uL", "10*6/L", "10^6/L", "/mm3", "{cells}/uL")},
}
_ENZYME: Final[Rows] = {
    "U/L": Conversion(_OTHER),
    "[IU]/L": Conversion(_OTHER),
    "ukat/L": Conversion(_OTHER, 60),  # 1 kat = 60e6 U
    "nkat/L": Conversion(_OTHER, 60, 1000),
}
_PRESSURE: Final[Rows] = {
    "mm[Hg]": Conversion(_OTHER),
    "kPa": Conversion(_OTHER, 1, 0.133322),
}
_FRACTION: Final[Rows] = {
    "%": Conversion(_OTHER),
    **{u: Conversion(_OTHER, 100) for u in ("1", "L/L", "{fraction}", "{ratio}")},
}
_RATE: Final[Rows] = {
    u: Conversion(_OTHER)
    for u in ("/min", "1/min", "{beats}/min", "{Beats}/min", "{breaths}/min", "{Breaths}/min", "{counts}/min")
}
_SECONDS: Final[Rows] = {"s": Conversion(_OTHER)}

_UREA_MOLES: Final = {"mmol/L": Conversion(_MOLES, _UREA_NITROGEN_G_PER_MOL, 10)}

UCUM_ROWS: Final[dict[Analyte, Rows]] = {
    Analyte.CREATININE: {
        **_mass_per_litre(),
        "umol/L": Conversion(_MOLES, 1, CREATININE_UMOL_L_PER_MG_DL),
        "nmol/mL": Conversion(_MOLES, 1, CREATININE_UMOL_L_PER_MG_DL),
        "mmol/L": Conversion(_MOLES, 1000, CREATININE_UMOL_L_PER_MG_DL),
    },
    Analyte.UREA_NITROGEN: {**_mass_per_litre(), **_UREA_MOLES},
    Analyte.SODIUM: _MONOVALENT,
    Analyte.POTASSIUM: _MONOVALENT,
    Analyte.CHLORIDE: _MONOVALENT,
    Analyte.BICARBONATE: _MONOVALENT,
    Analyte.BASE_EXCESS: _MONOVALENT,
    Analyte.CALCIUM: {**_mass_per_litre(), **_moles(4.0078), "meq/L": Conversion(_MOLES, 2.0039)},  # 40.078 g/mol
    Analyte.MAGNESIUM: {**_mass_per_litre(), **_moles(2.4305), "meq/L": Conversion(_MOLES, 1.21525)},  # 24.305
    Analyte.PHOSPHATE: {**_mass_per_litre(), **_moles(3.09738)},  # reported as phosphorus, 30.974 g/mol
    Analyte.GLUCOSE: {**_mass_per_litre(), **_moles(18.0156)},  # 180.156 g/mol
    Analyte.LACTATE: {
        **_MONOVALENT,
        "mg/dL": Conversion(_MASS, 1, 9.008),  # 90.08 g/mol
        "mg/L": Conversion(_MASS, 1, 90.08),
    },
    Analyte.ALBUMIN: _mass_per_litre(0.001),
    Analyte.BILIRUBIN_TOTAL: {**_mass_per_litre(), **_moles(58.466)},  # 584.66 g/mol
    Analyte.BILIRUBIN_DIRECT: {**_mass_per_litre(), **_moles(58.466)},
    Analyte.ASPARTATE_AMINOTRANSFERASE: _ENZYME,
    Analyte.ALKALINE_PHOSPHATASE: _ENZYME,
    Analyte.TROPONIN_I: {
        "ng/mL": Conversion(_MASS),
        "ug/L": Conversion(_MASS),
        "ng/L": Conversion(_MASS, 1, 1000),
        "pg/mL": Conversion(_MASS, 1, 1000),
        "ng/dL": Conversion(_MASS, 1, 100),
    },
    # Amount of haemoglobin is reported as the monomer (16114 g/mol), as in the Netherlands and Scandinavia.
    Analyte.HAEMOGLOBIN: {**_mass_per_litre(0.001), "mmol/L": Conversion(_MOLES, 1.6114)},
    Analyte.HAEMATOCRIT: _FRACTION,
    Analyte.WHITE_CELLS: _CELLS,
    Analyte.PLATELETS: _CELLS,
    Analyte.FIBRINOGEN: _mass_per_litre(),
    Analyte.PARTIAL_THROMBOPLASTIN_TIME: _SECONDS,
    Analyte.INR: {u: Conversion(_OTHER) for u in ("{INR}", "1", "{ratio}")},
    Analyte.PH: {u: Conversion(_OTHER) for u in ("[pH]", "1", "{pH}")},
    Analyte.PACO2: _PRESSURE,
    Analyte.SAO2: _FRACTION,
    Analyte.FIO2: _FRACTION,
    Analyte.END_TIDAL_CO2: _PRESSURE,
    Analyte.HEART_RATE: _RATE,
    Analyte.SYSTOLIC_BP: _PRESSURE,
    Analyte.DIASTOLIC_BP: _PRESSURE,
    Analyte.MEAN_BP: _PRESSURE,
    Analyte.RESPIRATORY_RATE: _RATE,
    Analyte.TEMPERATURE: {
        "Cel": Conversion(_OTHER),
        "[degF]": Conversion(_OTHER, 5, 9, -160 / 9),
        "K": Conversion(_OTHER, offset=-273.15),
    },
    Analyte.SPO2: _FRACTION,
    Analyte.GLASGOW_COMA_SCORE: {u: Conversion(_OTHER) for u in ("{score}", "1", "{#}", "{points}")},
    Analyte.URINE_OUTPUT: {
        "mL": Conversion(_OTHER),
        "L": Conversion(_OTHER, 1000),
        "cL": Conversion(_OTHER, 10),
        "dL": Conversion(_OTHER, 100),
        "cm3": Conversion(_OTHER),
    },
    Analyte.WEIGHT: {
        "kg": Conversion(_OTHER),
        "g": Conversion(_OTHER, 1, 1000),
        "[lb_av]": Conversion(_OTHER, 0.45359237),
        "[oz_av]": Conversion(_OTHER, 0.028349523125),
    },
    Analyte.HEIGHT: {
        "cm": Conversion(_OTHER),
        "m": Conversion(_OTHER, 100),
        "mm": Conversion(_OTHER, 1, 10),
        "[in_i]": Conversion(_OTHER, 2.54),
        "[ft_i]": Conversion(_OTHER, 30.48),
    },
}

UREA_ROWS: Final[Rows] = {
    "mg/dL": Conversion(_MASS, _UREA_NITROGEN_G_PER_MOL, _UREA_G_PER_MOL),
    "mg/L": Conversion(_MASS, _UREA_NITROGEN_G_PER_MOL, _UREA_G_PER_MOL * 10),
    "g/L": Conversion(_MASS, _UREA_NITROGEN_G_PER_MOL * 100, _UREA_G_PER_MOL),
    **_UREA_MOLES,
}

# Spellings seen in charts that do not claim UCUM, each standing for one UCUM code. Compared without spaces
# and letter case, with either mu written u. They help only where the analyte's table lists that code.
SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "meq/L": ("mEq/L", "mval/L"),
    "ug/mL": ("mcg/mL",),
    "ug/L": ("mcg/L",),
    "umol/L": ("mcmol/L", "micromol/L", "umoles/L"),
    "10*3/uL": (
        "K/uL", "K/mcL", "x10*3/uL", "x10^3/uL", "x10E3/uL", "10E3/uL", "10e3/mcL", "10^3/mcL", "Thousand/uL",
        "Thou/uL", "thou/mcL", "Tsd/uL", "Tsd./uL", "k/mm3", "10^3/mm3", "10³/uL", "x10³/uL", "x10(3)/mcL",
        "x10(3)/uL", "1000/uL",
    ),
    "10*9/L": ("x10^9/L", "x10*9/L", "x10E9/L", "10E9/L", "G/L", "Gpt/L", "10⁹/L", "x10⁹/L", "x10(9)/L", "bil/L"),
    "/uL": ("cells/uL", "/mcL", "1/uL", "/mm^3"),
    "U/L": ("IU/L", "Units/L", "UI/L", "unit/L"),
    "mm[Hg]": ("mmHg", "Torr"),
    "%": ("percent", "pct", "vol%", "% O2", "%FiO2"),
    "L/L": ("l/l",),
    "{fraction}": ("fraction", "fract"),
    "/min": (
        "bpm", "beats/min", "beats per minute", "breaths/min", "breaths per minute", "insp/min", "min-1", "br/min",
        "per minute", "resp/min", "/minute",
    ),
    "s": ("sec", "secs", "second", "seconds", "sek"),
    "{INR}": ("", "INR", "ratio"),
    "[pH]": ("", "pH", "units", "pH units"),
    "{score}": ("", "score", "points", "pts"),
    "Cel": ("degC", "°C", "C", "deg C", "celsius", "degrees C"),
    "[degF]": ("degF", "°F", "F", "deg F", "fahrenheit", "degrees F"),
    "mL": ("cc", "milliliter", "milliliters"),
    "L": ("liter", "litre", "liters"),
    "kg": ("kgs", "kilogram", "kilograms", "kilo"),
    "g": ("gram", "grams", "gm"),
    "[lb_av]": ("lb", "lbs", "pound", "pounds"),
    "[oz_av]": ("oz", "ounce", "ounces"),
    "cm": ("centimeter", "centimeters", "centimetre", "cms"),
    "m": ("meter", "metre"),
    "[in_i]": ("in", "inch", "inches", '"'),
    "[ft_i]": ("ft", "feet", "foot"),
}  # fmt: skip

# Deliberately wider than any reference range: a value outside is a charting or unit error, not an illness.
# Creatinine 0.1-30 mg/dL: with a factor of 88, an adult value in the wrong unit nearly always falls outside.
# The others span the extremes of published case reports with a margin; a site sees the refusal and can check.
PLAUSIBLE: Final[Mapping[Analyte, Window]] = MappingProxyType(
    {
        Analyte.CREATININE: Window(0.1, 30),
        Analyte.UREA_NITROGEN: Window(0.5, 400),
        Analyte.SODIUM: Window(80, 220),
        Analyte.POTASSIUM: Window(0.5, 15),
        Analyte.CHLORIDE: Window(40, 180),
        Analyte.BICARBONATE: Window(1, 80),
        Analyte.CALCIUM: Window(2, 30),
        Analyte.MAGNESIUM: Window(0.1, 25),
        Analyte.PHOSPHATE: Window(0.1, 40),
        Analyte.GLUCOSE: Window(10, 3000),
        Analyte.LACTATE: Window(0.05, 60),
        Analyte.ALBUMIN: Window(0.2, 10),
        Analyte.BILIRUBIN_TOTAL: Window(0, 100),
        Analyte.BILIRUBIN_DIRECT: Window(0, 80),
        Analyte.ASPARTATE_AMINOTRANSFERASE: Window(1, 100_000),
        Analyte.ALKALINE_PHOSPHATASE: Window(1, 20_000),
        Analyte.TROPONIN_I: Window(0, 5_000),
        Analyte.HAEMOGLOBIN: Window(1, 30),
        Analyte.HAEMATOCRIT: Window(3, 85),
        Analyte.WHITE_CELLS: Window(0, 2_000),
        Analyte.PLATELETS: Window(0, 5_000),
        Analyte.FIBRINOGEN: Window(5, 3_000),
        Analyte.PARTIAL_THROMBOPLASTIN_TIME: Window(5, 600),
        Analyte.INR: Window(0.3, 50),
        Analyte.PH: Window(6.3, 8.2),
        Analyte.PACO2: Window(3, 300),
        Analyte.BASE_EXCESS: Window(-60, 60),
        Analyte.SAO2: Window(5, 100),
        Analyte.FIO2: Window(15, 100),
        Analyte.END_TIDAL_CO2: Window(1, 200),
        Analyte.HEART_RATE: Window(10, 350),
        Analyte.SYSTOLIC_BP: Window(15, 350),
        Analyte.DIASTOLIC_BP: Window(5, 300),
        Analyte.MEAN_BP: Window(5, 320),
        Analyte.RESPIRATORY_RATE: Window(1, 150),
        Analyte.TEMPERATURE: Window(13, 46),
        Analyte.SPO2: Window(5, 100),
        Analyte.GLASGOW_COMA_SCORE: Window(3, 15),
        Analyte.URINE_OUTPUT: Window(0, 20_000),
        Analyte.WEIGHT: Window(0.2, 700),
        Analyte.HEIGHT: Window(20, 280),
    }
)
