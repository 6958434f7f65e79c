"""The tables of the validation page. Cells are text and are escaped in one place."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from model.validation.card import interval
from model.validation.drift import LARGE, NOTABLE

NAMES = {
    "bundled": "this model",
    "creatinine_only_frozen": "creatinine only, same training",
    "creatinine_only": "creatinine only, fitted here",
}
RULES = {
    "shipped_moderate": "shipped: moderate",
    "shipped_high": "shipped: high",
    "two_false_per_true": "local: 2 false per true",
    "one_false_per_true": "local: 1 false per true",
}
DRIFT_ROWS = 15
MEASURES = ("auroc", "auprc", "brier", "calibration_slope", "calibration_intercept", "observed_over_expected")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are text and are escaped here; the first of a row is its heading."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{_cell(cell)}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _cell(text: str) -> str:
    """`0.75 (0.73 to 0.77)` with its interval on a line of its own."""
    value, interval_follows, rest = text.partition(" (")
    return escape(value) + (f"<small>{escape(rest.removesuffix(')'))}</small>" if interval_follows else "")


def percent(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}%}"


def estimate(found: Mapping[str, float | None], decimals: int = 3) -> str:
    return "-" if None in found.values() else interval(found, decimals)  # type: ignore[arg-type]


def share(found: Mapping[str, float | None]) -> str:
    """`34% (30 to 38)`."""
    value, low, high = (found[key] for key in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return "-"
    return f"{100 * value:.0f}% ({100 * low:.0f} to {100 * high:.0f})"


def flow(counts: Mapping[str, int]) -> str:
    """The stays by where they were sorted out."""
    total = sum(counts.values())
    rows = [[place, f"{count:,}", percent(count / total if total else None)] for place, count in counts.items()]
    return table(["Stays", "number", "share"], [*rows, ["in all", f"{total:,}", ""]])


def performance(models: Mapping[str, Any]) -> str:
    header = ["", "AUROC", "AUPRC", "Brier", "slope", "intercept", "observed / expected"]
    rows = [[NAMES[name], *(estimate(found[key]) for key in MEASURES)] for name, found in models.items()]
    return table(header, rows)


def alerts(found: Mapping[str, Any], unforeseeable: int) -> str:
    """Every rule of every model; the false-alert budgets are the ones to compare."""
    header = [
        "Alert at",
        "risk from",
        "alerts per 100 patient-days",
        "PPV",
        "sensitivity",
        "episodes caught",
        "lead",
    ]
    rows = [
        [f"{NAMES[name]}, {RULES[rule]}", *_alert(alert)]
        for name, rules in found.items()
        for rule, alert in rules.items()
    ]
    episodes = next((a["episodes"] for a in found["bundled"].values() if a is not None), 0)
    note = (
        "<p class='note'>A patient-day is one with a prediction; several flags on one day are one alert. PPV and "
        "sensitivity count predictions of known outcome. An episode is a first AKI of a stay with a prediction in "
        f"the 48 hours before: {episodes:,} here, caught when any of those predictions is flagged; the lead is "
        f"the median (quartiles) from the first flag to the specimen that showed AKI. {unforeseeable:,} more "
        "first AKIs had no prediction in the 48 hours before and could not be caught. Local thresholds were "
        "chosen on these data and flatter themselves a little.</p>"
    )
    return table(header, rows) + (note if episodes else "")


def _alert(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return ["no risk keeps it", *["-"] * 5]
    lead = found["lead_hours"]
    return [
        percent(found["threshold"], 1),
        estimate(found["alerts_per_100_patient_days"], 1),
        share(found["ppv"]),
        share(found["sensitivity"]),
        share(found["episodes_caught"]),
        "-" if lead["median"] is None else f"{lead['median']:.0f} h ({lead['q1']:.0f} to {lead['q3']:.0f})",
    ]


def subgroups(found: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{division}: {name}",
            f"{group['patients']:,}",
            f"{group['landmarks']:,}",
            f"{group['events']:,}",
            interval(group["auroc"]),
            interval(group["observed_over_expected"], 2),
        ]
        for division, part in found.items()
        for name, group in part["groups"].items()
    ]
    left_out = [f"{division} {name}" for division, part in found.items() for name in part["too_few_events"]]
    header = ["Group", "patients", "predictions", "events", "AUROC", "observed / expected"]
    silent = f" Not shown, with fewer than 20 events: {', '.join(left_out)}." if left_out else ""
    return (
        table(header, rows)
        + f"<p class='note'>Kidney function is the eGFR (CKD-EPI 2021) of the latest creatinine, "
        f"as KDIGO G stage; it moves with AKI.{escape(silent)}</p>"
    )


def without(found: Sequence[Mapping[str, Any]]) -> str:
    """Each group of inputs unknown for everybody: what a hospital that does not measure it would see."""
    rows = [
        [
            row["group"],
            percent(row["known_share"]),
            estimate(row["auroc_change"]),
            f"{row['observed_over_expected']:.2f}",
        ]
        for row in found
    ]
    return table(["Made unknown", "known here", "change of AUROC", "observed / expected"], rows)


def drift(rows: Sequence[Mapping[str, Any]]) -> str:
    shown = [
        [
            row["label"],
            "not measured here" if row["psi"] is None else f"{row['psi']:.2f}",
            _reading(row["psi"]),
            percent(row["unknown"]),
            percent(row["unknown_in_training"]),
        ]
        for row in rows[:DRIFT_ROWS]
    ]
    large = sum(row["psi"] is None or row["psi"] >= LARGE for row in rows)
    header = ["Feature", "stability index", "", "unknown here", "unknown in training"]
    words = (
        f"<p class='note'>Population stability index of the known values, from {NOTABLE} notable, from {LARGE} "
        f"large. {large} of {len(rows)} features differ much or are missing; the furthest are shown.</p>"
    )
    return table(header, shown) + words


def _reading(index: float | None) -> str:
    if index is None or index >= LARGE:
        return "large"
    return "notable" if index >= NOTABLE else "small"
