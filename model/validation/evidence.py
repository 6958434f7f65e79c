"""The table of external results in docs/validation.md, from the reports of `aki model validate`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from model.validation.html_tables import estimate, share

RESULTS = Path(__file__).resolve().parent / "results" / "external.json"
STUDY_2012 = Path(__file__).resolve().parent / "results" / "transport_2012.json"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "validation.md"
BEGIN, END = "<!-- made by aki model evidence -->", "<!-- end -->"
HEADS = {"onset": "onset", "progression": "higher stage"}
MOMENTS = {"creatinine": "each creatinine", "6h": "every 6 h"}
COLUMNS = (
    "patients and moments",
    "predictions / events",
    "AUROC",
    "creatinine only: same training; fitted here",
    "AUPRC",
    "slope",
    "observed / expected",
)
ALERT_COLUMNS = (
    "patients and moments",
    "false per true alert",
    "alerts per 100 patient-days",
    "episodes caught",
    "by creatinine only: same training; fitted here",
    "median lead",
)
STUDY_COLUMNS = ("trained, tested", "AUROC", "creatinine only", "unrestricted boosting", "observed / expected")
BUDGETS = {"two_false_per_true": "2", "one_false_per_true": "1"}


def kept(found: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a report that is kept in the repository: figures of many patients only."""
    parts = ("cohort", "models", "auroc_gain", "alerts", "unforeseeable_episodes", "largest_gaps", "subgroups")
    heads = {
        role: {part: found[role][part] for part in parts} if "cohort" in found[role] else found[role]
        for role in HEADS
        if role in found
    }
    names = ("site", "model", "resamples", "landmarks", "flow", "command", "notes")
    return {name: found[name] for name in names} | heads


def table(reports: Sequence[Mapping[str, Any]], study: Mapping[str, Any] | None) -> str:
    """The tables and the gaps as Markdown."""
    model = reports[0]["model"]
    lines = [
        f"Model {model['id']} {model['version']}, manifest SHA-256 `{model['sha256'][:12]}...`; 95 % intervals by "
        f"{reports[0]['resamples']} bootstrap resamples of patients.",
        "",
        *_rows(COLUMNS, [row for report in reports for row in _performance(report)]),
        "",
        "Alerting on a first AKI, at thresholds chosen on these patients to keep a budget of false alerts:",
        "",
        *_rows(ALERT_COLUMNS, [row for report in reports for row in _alerts(report)]),
        "",
        *(f"- {_name(report)}: {' '.join(report['onset']['largest_gaps'])}" for report in reports),
        *([] if study is None else _elsewhere(study)),
    ]
    return "\n".join(lines)


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + " --- |" * len(header)
    yield from ("| " + " | ".join(row) + " |" for row in rows)


def _name(report: Mapping[str, Any]) -> str:
    return f"{report['site']}, {MOMENTS[report['landmarks']]}"


def _performance(report: Mapping[str, Any]) -> Iterator[list[str]]:
    for role, words in HEADS.items():
        found = report.get(role, {})
        if "models" not in found:
            continue
        own, frozen, local = (found["models"][n] for n in ("bundled", "creatinine_only_frozen", "creatinine_only"))
        yield [
            f"{_name(report)}: {words}",
            f"{found['cohort']['evaluable']:,} / {found['cohort']['events']:,}",
            estimate(own["auroc"]),
            f"{frozen['auroc']['value']:.3f}; {local['auroc']['value']:.3f}",
            estimate(own["auprc"]),
            estimate(own["calibration_slope"], 2),
            estimate(own["observed_over_expected"], 2),
        ]


def _elsewhere(study: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "The same recipe trained on one hospital alone and tested on 2012; seen from B that is another hospital:"
    yield ""
    yield from _rows(STUDY_COLUMNS, list(_transported(study)))
    yield from ("", f"Made by `{study['command']}`.")


def _transported(study: Mapping[str, Any]) -> Iterator[list[str]]:
    for role, words in HEADS.items():
        for scenario in study[role].values():
            own, *others = (scenario["models"][n] for n in ("shipped", "creatinine_only", "full_boosting"))
            yield [
                f"{words}: {scenario['description']}",
                estimate(own["auroc"]),
                *(estimate(other["auroc"]) for other in others),
                estimate(own["observed_over_expected"], 2),
            ]


def _alerts(report: Mapping[str, Any]) -> Iterator[list[str]]:
    rules = report["onset"]["alerts"]
    for budget, words in BUDGETS.items():
        own, *rivals = (rules[n][budget] for n in ("bundled", "creatinine_only_frozen", "creatinine_only"))
        if own is None:
            yield [_name(report), words, "no risk keeps it", "", "", ""]
            continue
        caught = ("none" if r is None else f"{r['episodes_caught']['value']:.0%}" for r in rivals)
        yield [
            _name(report),
            words,
            estimate(own["alerts_per_100_patient_days"], 1),
            f"{share(own['episodes_caught'])} of {own['episodes']:,}",
            "; ".join(caught),
            f"{own['lead_hours']['median']:.0f} h",
        ]


def page_with(text: str, reports: Sequence[Mapping[str, Any]], study: Mapping[str, Any] | None) -> str:
    """The page with its tables replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(reports, study)}\n{END}{after}"


def write(reports: Sequence[Mapping[str, Any]]) -> None:
    """Keep the figures and renew the page."""
    RESULTS.write_text(json.dumps(reports, indent=1) + "\n", encoding="utf-8")
    text = page_with(PAGE.read_text(encoding="utf-8"), reports, read_study())
    PAGE.write_text(text, encoding="utf-8")


def read_study() -> Any:
    """The study on 2012 that is kept, if there is one."""
    return json.loads(STUDY_2012.read_text(encoding="utf-8")) if STUDY_2012.exists() else None
