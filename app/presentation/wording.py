"""How values, times and probabilities are written for a clinician. The one place for these words."""

from datetime import UTC, date, datetime, timedelta
from math import exp
from zoneinfo import ZoneInfo

from model.assessment import Baseline, BaselineMethod, KdigoCriterion
from model.unit_tables import CREATININE_UMOL_L_PER_MG_DL

BASELINE_WORDS = {
    BaselineMethod.OUTPATIENT_MEDIAN_8_365_D: "median of outpatient values, 8 to 365 days ago",
    BaselineMethod.MEDIAN_8_365_D: "median of the values 8 to 365 days ago",
    BaselineMethod.LOWEST_7_D: "lowest of the last 7 days",
    BaselineMethod.LOWEST_48_H: "lowest of the last 48 hours",
    BaselineMethod.FIRST_OF_STAY: "first value of this stay",
    BaselineMethod.ESTIMATED_EGFR_75_MDRD: "assumed: the creatinine of an eGFR of 75 (MDRD)",
    BaselineMethod.ESTIMATED_EGFR_75_CKD_EPI_2021: "assumed: the creatinine of an eGFR of 75 (CKD-EPI 2021)",
    BaselineMethod.SUPPLIED: "supplied by the sender",
}
CRITERION_WORDS = {
    KdigoCriterion.CREATININE: "by creatinine",
    KdigoCriterion.URINE_OUTPUT: "by urine output",
    KdigoCriterion.RRT: "by renal replacement therapy",
}
COURSE_WORDS = {"rising": "Rising ↗", "stable": "Stable →", "falling": "Falling ↘"}


def clock(at: datetime, zone: ZoneInfo) -> str:
    """ "14:05", in the EHR's time zone."""
    return f"{at.astimezone(zone):%H:%M}"


def day(at: date) -> str:
    """ "3 Nov 2026"."""
    return f"{at.day} {at:%b %Y}"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """ "3 Nov 2026, 14:05", in the EHR's time zone."""
    local = at.astimezone(zone)
    return f"{day(local)}, {local:%H:%M}"


def short_moment(at: datetime, zone: ZoneInfo) -> str:
    """ "3 Nov, 14:05": for tables whose year is stated once."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b}, {local:%H:%M}"


def machine_time(at: datetime) -> str:
    """ISO 8601 in UTC, for the `datetime` attribute."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def duration(span: timedelta) -> str:
    """ "2 d 3 h", "5 h 10 min", "12 min": two parts at most."""
    minutes = max(int(span.total_seconds() // 60), 0)
    if minutes >= 60 * 24 * 60:
        return f"{minutes // (60 * 24)} d"
    if minutes >= 60 * 24:
        hours = minutes // 60 % 24
        return f"{minutes // (60 * 24)} d" + (f" {hours} h" if hours else "")
    if minutes >= 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{minutes} min"


def creatinine(value: float) -> str:
    """A creatinine in mg/dL as reported: 0.3, 1.0, 0.85. One decimal at least, two at most, none invented."""
    written = f"{value:.2f}"
    return written[:-1] if written.endswith("0") else written


def mg_dl(value: float) -> str:
    """A creatinine with its unit."""
    return f"{creatinine(value)} mg/dL"


def umol_l(value_mg_dl: float) -> str:
    """The same creatinine in µmol/L, whole numbers."""
    return f"{value_mg_dl * CREATININE_UMOL_L_PER_MG_DL:.0f} µmol/L"


def percent(probability: float) -> str:
    """Whole percent; never "0%" or "100%", which no model can mean."""
    if probability < 0.01:
        return "<1%"
    if probability > 0.99:
        return ">99%"
    return f"{_whole_percent(probability)}%"


def natural_frequency(probability: float) -> str:
    """ "about 14 in 100": how many of a hundred such patients, which people judge better than a percentage."""
    if probability < 0.01:
        return "fewer than 1 in 100"
    if probability > 0.99:
        return "more than 99 in 100"
    return f"about {_whole_percent(probability)} in 100"


def in_hundred(probability: float) -> int:
    """How many of the hundred dots are filled: 0 and 100 stay reserved for what is certain."""
    return min(max(_whole_percent(probability), 1), 99)


def odds_factor(log_odds: float) -> str:
    """ "×1.5": by how much a finding multiplies the odds."""
    factor = exp(log_odds)
    return f"×{factor:.2f}" if factor < 10 else f"×{factor:.0f}"


def baseline_words(baseline: Baseline, zone: ZoneInfo) -> str:
    """Method, number of values and date of a baseline, in one phrase."""
    words = BASELINE_WORDS[baseline.method]
    counted = f", {baseline.n} value{'s' if baseline.n != 1 else ''}" if baseline.n > 1 else ""
    dated = f", {short_moment(baseline.at, zone)}" if baseline.at and baseline.n == 1 else ""
    if baseline.at and baseline.n > 1:
        dated = f", latest {day(baseline.at.astimezone(zone))}"
    return f"{words}{counted}{dated}"


def _whole_percent(probability: float) -> int:
    return int(probability * 100 + 0.5)
