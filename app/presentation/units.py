"""Units a reader may choose between: laboratory values by mass, or as amounts of substance.

Staging and the model work in canonical units; what is shown is converted here, by the very table charts are read
with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from babel.core import get_global

from model.analytes import CANONICAL_UNIT, Analyte
from model.unit_tables import UCUM_ROWS


@dataclass(frozen=True, slots=True)
class ShownUnit:
    """A unit by its UCUM code, as it is written, and the decimals a laboratory reports in it."""

    code: str
    written: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Units:
    """One habit of laboratories. `key` is what the reader's cookie holds; analytes not named keep their unit."""

    key: str
    creatinine: ShownUnit
    others: Mapping[Analyte, ShownUnit]

    def of(self, analyte: Analyte | None) -> ShownUnit | None:
        """The unit an analyte is shown in, where it is not its canonical one."""
        unit = self.creatinine if analyte is Analyte.CREATININE else self.others.get(analyte) if analyte else None
        return None if analyte and unit and unit.code == CANONICAL_UNIT[analyte] else unit


_MG_DL: Final = ShownUnit("mg/dL", "mg/dL", 2)
_UMOL_L: Final = ShownUnit("umol/L", "µmol/L", 0)
_MMOL_L: Final = ShownUnit("mmol/L", "mmol/L", 2)
MASS: Final = Units("mg-dl", _MG_DL, {})
MOLES: Final = Units(
    "umol-l",
    _UMOL_L,
    {
        Analyte.UREA_NITROGEN: ShownUnit("mmol/L", "mmol/L", 1),
        Analyte.GLUCOSE: ShownUnit("mmol/L", "mmol/L", 1),
        Analyte.BILIRUBIN_TOTAL: ShownUnit("umol/L", "µmol/L", 0),
        Analyte.HAEMOGLOBIN: ShownUnit("g/L", "g/L", 0),
        Analyte.CALCIUM: _MMOL_L,
        Analyte.MAGNESIUM: _MMOL_L,
        Analyte.PHOSPHATE: _MMOL_L,
    },
)
UNITS: Final = {units.key: units for units in (MASS, MOLES)}
#: Countries whose laboratories report creatinine mostly in µmol/L (docs/languages.md).
_MOLAR_COUNTRIES: Final = frozenset(
    {
        "AU", "BA", "BG", "CA", "CH", "CN", "CZ", "DK", "EE", "FI", "FR", "GB",
        "GG", "HR", "HU", "IE", "IM", "IS", "JE", "LT", "LV", "ME", "MK", "NL",
        "NO", "NZ", "RS", "SE", "SI", "SK", "ZA",
    }
)  # fmt: skip


def units_of_site(creatinine_unit: str | None, zone: ZoneInfo, language: str) -> Units:
    """The site's word, else the habit of the country its time zone lies in, else of the reader's language."""
    if creatinine_unit is not None:
        return MOLES if creatinine_unit == _UMOL_L.code else MASS
    country = get_global("zone_territories").get(zone.key)
    if country is not None and country != "001":
        return MOLES if country in _MOLAR_COUNTRIES else MASS
    return MOLES if language in ("fr", "nl") else MASS


def in_unit(analyte: Analyte, canonical: float, code: str) -> float:
    """A canonical value in another unit of the analyte's table: the reverse of how a chart in it is read."""
    row = UCUM_ROWS[analyte][code]
    return (canonical - row.offset) * row.divisor / row.multiplier
