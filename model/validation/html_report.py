"""The local validation as one self-contained HTML page: tables and inline charts, nothing fetched, no script."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from model.validation.card import interval
from model.validation.charts import Axis, Line, chart
from model.validation.drift import LARGE, NOTABLE

NAMES = {"bundled": "this model", "creatinine_only": "creatinine-only logistic regression"}
ALERTS = {
    "shipped_moderate": "shipped: moderate",
    "shipped_high": "shipped: high",
    "two_false_per_true": "local: at most 2 false alerts per true one",
    "one_false_per_true": "local: at most 1 false alert per true one",
}
HEADS = {"onset": "Onset of AKI within 48 hours", "progression": "A higher stage within 48 hours"}
DRIFT_ROWS = 15
STYLE = """
:root{color-scheme:light}body{font:16px/1.5 system-ui,sans-serif;color:#1b1b1b;max-width:66rem;margin:2rem auto;
padding:0 1rem}h1{font-size:1.7rem}h2{margin-top:2.5rem;border-bottom:2px solid #0b5394}h3{margin-top:1.6rem}
table{border-collapse:collapse;margin:.6rem 0;font-size:.92rem}th,td{padding:.25rem .7rem;
border-bottom:1px solid #ccc;text-align:right}
th:first-child,td:first-child{text-align:left}
thead th{border-bottom:2px solid #555;vertical-align:bottom}
.wide{overflow-x:auto}.charts{display:flex;flex-wrap:wrap;gap:1.5rem}
figure{margin:0;flex:1 1 26rem;max-width:32rem}
svg text{font:12px system-ui,sans-serif;fill:#1b1b1b}.note{color:#444;max-width:46rem}.warn{background:#fff4d6;
border-left:5px solid #b45f06;padding:.6rem 1rem;max-width:46rem}code{overflow-wrap:anywhere}
"""


def report(found: Mapping[str, Any]) -> str:
    """The page of `validation.local.validate`'s result."""
    model = found["model"]
    body = [
        f"<h1>Validation of {escape(model['id'])} {escape(model['version'])} at {escape(found['site'])}</h1>",
        f"<p class='note'>The bundled model was scored as it is; nothing was refitted. {found['stays']:,} stays. "
        f"95 % intervals by {found['resamples']} bootstrap resamples of patients. Manifest SHA-256 "
        f"<code>{escape(model['sha256'])}</code>. Data: {escape(found['data'])}. Command: "
        f"<code>{escape(found['command'])}</code></p>",
        *(f"<p class='warn'>{escape(note)}</p>" for note in found["notes"]),
    ]
    for role, title in HEADS.items():
        if role in found:
            body += [f"<h2>{title}</h2>", *_head(found[role])]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width"><title>Model validation</title>'
        f"<style>{STYLE}</style></head><body><main>{''.join(body)}</main></body></html>\n"
    )


def _head(found: Mapping[str, Any]) -> Iterator[str]:
    if "not_measured" in found:
        yield f"<p class='warn'>Not measured: {escape(found['not_measured'])}</p>"
        return
    cohort = found["cohort"]
    yield (
        f"<p>{cohort['patients']:,} patients, {cohort['evaluable']:,} predictions with a known outcome, "
        f"{cohort['events']:,} followed by {escape(found['outcome'])} ({cohort['event_rate']:.1%}). Median age "
        f"{cohort['median_age']:.0f}, {cohort['female_share']:.0%} female. For {cohort['unknown_share']:.0%} of "
        f"{cohort['landmarks']:,} predictions no creatinine followed within 48 hours: outcome unknown.</p>"
    )
    yield "<h3>Discrimination and calibration</h3>" + _performance(found["models"])
    yield f"<p>AUROC above creatinine alone by {interval(found['auroc_gain'])}. The creatinine-only regression "
    yield "was fitted by cross-validation on these very data, an advantage this model does not have.</p>"
    yield f"<div class='charts'>{_calibration(found)}{_decision(found)}</div>"
    yield "<h3>Unknown outcomes counted as no AKI</h3>" + _performance(found["unknown_counted_as_negative"])
    yield "<h3>What alerting would cost and bring</h3>" + _alerts(found["alerts"])
    yield "<h3>Subgroups</h3>" + _subgroups(found["subgroups"])
    yield "<h3>Drift against the training patients</h3>" + _drift(found["drift"])


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are text and are escaped here."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _performance(models: Mapping[str, Any]) -> str:
    measures = ("auroc", "auprc", "brier", "calibration_slope", "calibration_intercept", "observed_over_expected")
    header = ["", "AUROC", "AUPRC", "Brier", "slope", "intercept", "observed / expected"]
    rows = [[NAMES[name], *(_estimate(found[key]) for key in measures)] for name, found in models.items()]
    return table(header, rows)


def _estimate(estimate: Mapping[str, float | None]) -> str:
    return "-" if None in estimate.values() else interval(estimate)  # type: ignore[arg-type]


def _percent(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}%}"


def _calibration(found: Mapping[str, Any]) -> str:
    points = found["calibration_curve"]
    highest = max(max(p["predicted"], p["high"] or 0.0) for p in points)
    top = min(1.0, math.ceil(highest / 0.25) * 0.25)
    axes = Axis("predicted risk (tenths)", 0.0, top, _percent), Axis("observed share", 0.0, top, _percent)
    lines = [
        Line(
            "this model, 95 % interval",
            [(p["predicted"], p["observed"]) for p in points],
            dots=True,
            bars=[(p["predicted"], p["low"], p["high"]) for p in points if p["low"] is not None],
        ),
        Line("perfect", [(0.0, 0.0), (top, top)], "reference"),
    ]
    return f"<figure>{chart('Calibration curve', *axes, lines)}<figcaption>Calibration</figcaption></figure>"


def _decision(found: Mapping[str, Any]) -> str:
    points = found["decision_curve"]
    top = max(0.05, math.ceil(max(p["flag_all"] for p in points) / 0.05) * 0.05)
    axes = Axis("risk at which one would act", 0.0, 0.5, _percent), Axis("net benefit", 0.0, top, _thousandths)
    names = {"bundled": "model", "creatinine_only": "rival", "flag_all": "reference"}
    words = NAMES | {"flag_all": "acting on everybody (on nobody: 0)"}
    lines = [Line(words[k], [(p["threshold"], p[k]) for p in points], kind) for k, kind in names.items()]
    return f"<figure>{chart('Decision curve', *axes, lines)}<figcaption>Decision curve</figcaption></figure>"


def _thousandths(value: float) -> str:
    return f"{value:.3f}"


def _alerts(found: Mapping[str, Any]) -> str:
    rows = []
    for name, words in ALERTS.items():
        alert = found.get(name)
        if alert is None:
            rows.append([words, "no risk keeps it", *["-"] * 6])
            continue
        lead = alert["median_lead_hours"]
        caught = f"{_percent(alert['episodes_caught'])} of {alert['episodes']}" if alert["episodes"] else "-"
        rows.append(
            [
                words,
                _percent(alert["threshold"], 1),
                f"{alert['alerts_per_100_patient_days']:.1f}",
                _percent(alert["ppv"]),
                _percent(alert["sensitivity"]),
                caught,
                "-" if lead is None else f"{lead:.0f} h",
            ]
        )
    header = [
        "Alert at",
        "risk from",
        "alerts per 100 patient-days",
        "PPV",
        "sensitivity",
        "episodes caught",
        "lead",
    ]
    note = (
        "<p class='note'>A patient-day has a creatinine to score; several flags on one day are one alert. An "
        "episode is caught when any prediction of the 48 hours before it is flagged; the lead is the median of "
        "the earliest. "
        "The local thresholds were chosen on these data and flatter themselves a little.</p>"
    )
    return table(header, [row[: len(header)] for row in rows]) + note


def _subgroups(found: Mapping[str, Any]) -> str:
    rows = []
    for division, part in found.items():
        for name, group in part["groups"].items():
            ratio = interval(group["observed_over_expected"], 2)
            counts = [f"{group['landmarks']:,}", f"{group['events']:,}"]
            rows.append([f"{division}: {name}", *counts, interval(group["auroc"]), ratio])
    gaps = [(part["auroc_gap"], division) for division, part in found.items() if part["auroc_gap"] is not None]
    gap, division = max(gaps, default=(0.0, "none"))
    largest = f"<p>Largest gap: AUROC differs by {gap:.3f} across groups of {escape(division)}. Groups with fewer "
    header = ["Group", "predictions", "events", "AUROC", "observed / expected"]
    return table(header, rows) + largest + "than 20 events are not shown.</p>"


def _drift(rows: Sequence[Mapping[str, Any]]) -> str:
    shown = [
        [
            row["label"],
            "not measured here" if row["psi"] is None else f"{row['psi']:.2f}",
            _reading(row["psi"]),
            _percent(row["unknown"]),
            _percent(row["unknown_in_training"]),
        ]
        for row in rows[:DRIFT_ROWS]
    ]
    large = sum(row["psi"] is None or row["psi"] >= LARGE for row in rows)
    header = ["Feature", "stability index", "", "unknown here", "unknown in training"]
    words = (
        f"<p>{large} of {len(rows)} features differ much or are missing; the {len(shown)} furthest are shown.</p>"
    )
    return table(header, shown) + words


def _reading(index: float | None) -> str:
    if index is None or index >= LARGE:
        return "large"
    return "notable" if index >= NOTABLE else "small"
