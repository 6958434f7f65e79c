"""How numbers, times and words from the chart are written in a card. Pure; the only place that escapes.

Card detail is GitHub-flavoured Markdown, which also allows HTML: whatever did not come from this room's own
constants passes through `chart_text` (CH-29).
"""

import re
from datetime import datetime, tzinfo

from model.reported import mg_dl_digits
from model.unit_tables import CREATININE_UMOL_L_PER_MG_DL

SUMMARY_LIMIT = 139  # "fewer than 140 characters": CDS Hooks 2.0 Card Attributes (CH-26, requirement 83)
CHART_TEXT_LIMIT = 120

# UCUM as a clinician writes it; units absent here are shown as they are.
_SHOWN_UNIT = {
    "mm[Hg]": "mmHg",
    "[pH]": "",
    "Cel": "°C",
    "10*3/uL": "×10³/µL",
    "a": "years",
    "h": "hours",
    "d": "days",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")
_LINK_STARTS = re.compile(r"(?i)(:)(?=//)|\b(www)(?=\.)")
_MARKUP = re.compile(r"([\\`*_\[\]~|])")


def chart_text(text: str, limit: int = CHART_TEXT_LIMIT) -> str:
    """Words from the chart or the model, made unable to form markup, a link, HTML or a second line.

    Link starts are broken by a space, because some renderers link bare addresses after unescaping.
    """
    line = fit(" ".join(_CONTROL.sub(" ", text).split()), limit)
    line = _LINK_STARTS.sub(lambda found: f"{found.group(0)} ", line).replace("@", " at ")
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(r"\\\1", line)


def plain_text(text: str, limit: int = CHART_TEXT_LIMIT) -> str:
    """Words from the chart for a field that is plain text (a summary): one line, no control characters."""
    return fit(" ".join(_CONTROL.sub(" ", text).split()), limit)


def fit(text: str, limit: int = SUMMARY_LIMIT) -> str:
    """`text` within `limit` code points, an ellipsis showing where it was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def shown_unit(unit: str | None) -> str:
    """The unit with a space before it, or nothing where the quantity has none ({score}, {ratio}, pH)."""
    if unit and unit.startswith("{") and unit.endswith("}"):
        return ""
    written = _SHOWN_UNIT.get(unit or "", chart_text(unit or ""))
    return f" {written}" if written else ""


def creatinine(mg_dl: float, comparator: str = "") -> str:
    """A creatinine in both units in use: "1.9 mg/dL (168 µmol/L)"."""
    sign = f"{comparator.replace('<', '&lt;').replace('>', '&gt;')} " if comparator else ""
    return f"{sign}{mg_dl_digits(mg_dl)} mg/dL ({mg_dl * CREATININE_UMOL_L_PER_MG_DL:.0f} µmol/L)"


def moment(at: datetime, zone: tzinfo) -> str:
    """A time in the site's own zone, which is named: "12 Mar 2026 08:15 UTC"."""
    return f"{at.astimezone(zone):%d %b %Y %H:%M %Z}"


def day(at: datetime, zone: tzinfo) -> str:
    """A day in the site's own zone: "12 Mar 2026"."""
    return f"{at.astimezone(zone):%d %b %Y}"


def percent(probability: float) -> str:
    """A probability in whole percent, halves upwards as on the page; never 0 or 100."""
    hundredths = probability * 100
    if hundredths < 1:
        return "below 1 %"
    return "above 99 %" if hundredths > 99 else f"{int(hundredths + 0.5)} %"


def natural_frequency(probability: float) -> str:
    """A probability as people: "about 1 in 7", "about 6 in 10" (natural frequencies: aki.md 3.2 rule 6)."""
    if probability < 0.01:
        return "fewer than 1 in 100"
    if probability > 0.95:
        return "more than 19 in 20"
    if probability <= 1 / 3:
        return f"about 1 in {round(1 / probability)}"
    return f"about {max(round(probability * 10), 4)} in 10" if probability > 0.35 else "about 1 in 3"
