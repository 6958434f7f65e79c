"""The local validation as one self-contained HTML page: tables and inline charts, nothing fetched, no script."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from model.validation import html_charts, html_tables
from model.validation.card import interval

EVENTS_WANTED = 200
HEADS = {"onset": "Onset of AKI within 48 hours", "progression": "A higher stage within 48 hours"}
MOMENTS = {
    "creatinine": "at each creatinine result, when it became known",
    "6h": "every 6 hours from the first creatinine of the stay",
}
STYLE = """
:root{color-scheme:light}body{font:16px/1.5 system-ui,sans-serif;color:#1b1b1b;max-width:70rem;margin:2rem auto;
padding:0 1rem}h1{font-size:1.7rem;line-height:1.25}h2{margin-top:3rem;border-bottom:2px solid #0b5394}
h3{margin:2rem 0 .3rem}
table{border-collapse:collapse;margin:.6rem 0;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;border-bottom:1px solid #ccc;text-align:right;vertical-align:top}
th:first-child,td:first-child{text-align:left}
thead th{border-bottom:2px solid #555;vertical-align:bottom}
td{white-space:nowrap}td small{display:block;color:#555}
.wide{overflow-x:auto}.charts{display:flex;flex-wrap:wrap;gap:1.5rem;margin:1rem 0}
figure{margin:0;flex:1 1 26rem;max-width:32rem}figcaption{font-size:.9rem;color:#444}
.tiles{display:flex;flex-wrap:wrap;gap:1rem;margin:1rem 0;padding:0;list-style:none}
.tiles li{flex:1 1 13rem;border:1px solid #bbb;border-top:4px solid #0b5394;padding:.5rem .9rem}
.tiles b{display:block;font-size:1.35rem}.tiles span{font-size:.9rem;color:#444}
svg text{font:12px system-ui,sans-serif;fill:#1b1b1b}.note{color:#444;max-width:50rem}.warn{background:#fff4d6;
border-left:5px solid #b45f06;padding:.6rem 1rem;max-width:50rem}code{overflow-wrap:anywhere}
nav a{margin-right:1.2rem}@media print{body{font-size:11px;max-width:none}h2{break-before:page}
.charts,table,figure{break-inside:avoid}}
"""


def report(found: Mapping[str, Any]) -> str:
    """The page of `validation.local.validate`'s result."""
    measured = {role: title for role, title in HEADS.items() if role in found}
    body = [
        *_introduction(found),
        "<h2>Who is in these figures</h2>" + html_tables.flow(found["flow"]),
        *(part for role, title in measured.items() for part in (f"<h2>{title}</h2>", *_head(found[role]))),
        *_reading(),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width"><title>Model validation</title>'
        f"<style>{STYLE}</style></head><body><main>{''.join(body)}</main></body></html>\n"
    )


def _introduction(found: Mapping[str, Any]) -> Iterator[str]:
    model = found["model"]
    yield f"<h1>Validation of {escape(model['id'])} {escape(model['version'])} at {escape(found['site'])}</h1>"
    yield (
        f"<p class='note'>The model was scored as it is; nothing was refitted. {found['stays']:,} stays, one "
        f"prediction {MOMENTS[found['landmarks']]}. 95 % intervals by {found['resamples']} bootstrap resamples of "
        f"patients. Data: {escape(found['data'])}. Manifest SHA-256 <code>{escape(model['sha256'])}</code>. "
        f"Command: <code>{escape(found['command'])}</code></p>"
    )
    yield from (f"<p class='warn'>{escape(note)}</p>" for note in found["notes"])


def _head(found: Mapping[str, Any]) -> Iterator[str]:
    if "not_measured" in found:
        yield f"<p class='warn'>Not measured: {escape(found['not_measured'])}</p>"
        return
    yield _cohort(found)
    yield _tiles(found)
    yield "<h3>Discrimination and calibration</h3>" + html_tables.performance(found["models"])
    yield from _gain(found["auroc_gain"])
    yield f"<div class='charts'>{html_charts.calibration(found)}{html_charts.decision(found)}</div>"
    yield "<h3>Unknown outcomes counted as no AKI</h3>"
    yield html_tables.performance(found["unknown_counted_as_negative"])
    yield "<p class='note'>The truth is probably between: most of those not measured again were well.</p>"
    yield "<h3>What alerting would cost and bring</h3>"
    yield html_tables.alerts(found["alerts"], found["unforeseeable_episodes"])
    yield "<h3>Subgroups</h3>" + "".join(f"<p class='warn'>{escape(gap)}</p>" for gap in found["largest_gaps"])
    yield html_tables.subgroups(found["subgroups"])
    yield "<h3>If something is not measured</h3>" + html_tables.without(found["without"])
    yield "<h3>Drift against the training patients</h3>" + html_tables.drift(found["drift"])


def _cohort(found: Mapping[str, Any]) -> str:
    cohort = found["cohort"]
    few = (
        f"<p class='warn'>Only {cohort['events']} events: read the intervals, not the numbers. A calibration "
        f"curve wants {EVENTS_WANTED} (Van Calster et al., J Clin Epidemiol 2016).</p>"
    )
    return (few if cohort["events"] < EVENTS_WANTED else "") + (
        f"<p>{cohort['patients']:,} patients, {cohort['evaluable']:,} predictions with a known outcome, "
        f"{cohort['events']:,} followed by {escape(found['outcome'])} ({cohort['event_rate']:.1%}). Median age "
        f"{cohort['median_age']:.0f}, {cohort['female_share']:.0%} female. For {cohort['unknown_share']:.0%} of "
        f"{cohort['landmarks']:,} predictions no creatinine followed within 48 hours: outcome unknown.</p>"
    )


def _tiles(found: Mapping[str, Any]) -> str:
    """The four numbers to remember."""
    own, rival = found["models"]["bundled"], found["models"]["creatinine_only_frozen"]
    caught, of_what = _caught(found["alerts"]["bundled"]["two_false_per_true"])
    tiles = (
        (f"{own['auroc']['value']:.3f}", f"AUROC; creatinine alone {rival['auroc']['value']:.3f}"),
        (f"{own['auprc']['value']:.3f}", f"AUPRC; events are {found['cohort']['event_rate']:.1%}"),
        (f"{own['observed_over_expected']['value']:.2f}", "times as many events as predicted (1 is right)"),
        (caught, f"of {of_what} caught at 2 false alerts per true one"),
    )
    return f"<ul class='tiles'>{''.join(f'<li><b>{b}</b><span>{s}</span></li>' for b, s in tiles)}</ul>"


def _caught(alert: Mapping[str, Any] | None) -> tuple[str, str]:
    """The share of episodes flagged, or where there are none to follow, of predictions before an event."""
    if alert is None:
        return "none", "them"
    if alert["episodes"]:
        return html_tables.percent(alert["episodes_caught"]["value"]), "AKI episodes"
    return html_tables.percent(alert["sensitivity"]["value"]), "predictions before an event"


def _gain(gains: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"<p>AUROC above creatinine alone by {interval(gains['creatinine_only_frozen'])} where both came from the "
        f"same training, by {interval(gains['creatinine_only'])} where the regression was cross-fitted on these "
        "very data, an advantage this model does not have.</p>"
    )


def _reading() -> Iterator[str]:
    yield "<h2>How to read this</h2><ul class='note'>"
    yield (
        "<li><b>AUROC</b>: the chance that a prediction followed by AKI ranks above one that is not; 0.5 is "
        "chance. <b>AUPRC</b> has the share of events as its floor.</li>"
        "<li><b>Slope</b> below 1: risks too extreme here; <b>intercept</b> above 0: too low on average. Both "
        "are of the logistic regression of the outcome on the log-odds; <b>observed / expected</b> says the same "
        "in events.</li><li><b>Net benefit</b>: true alerts per prediction, less false ones weighed by the odds "
        "of the risk at which one would act. A curve below both &ldquo;everybody&rdquo; and zero does harm.</li>"
        "<li><b>Intervals</b> resample patients, not predictions. They do not cover what was chosen on these "
        "data: local thresholds, the largest gap of many.</li></ul>"
    )
