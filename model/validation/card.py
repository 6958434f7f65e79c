"""The model card: hand-written words in `model/card.json`, numbers filled in from the manifest and the study.

The page at /model and MODEL_CARD.md both show `model/card.json` (REG-28). The words are edited there; the parts
named in `refreshed` are overwritten by `aki model card`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from model.artifact import MANIFEST

ROOM = Path(__file__).resolve().parents[1]
CARD = ROOM / "card.json"
CARD_MARKDOWN = ROOM / "MODEL_CARD.md"
STUDY = ROOM / "validation" / "results" / "transport.json"
INTERVALS = ROOM / "validation" / "results" / "intervals.json"
MODELS = {
    "shipped": "this model",
    "creatinine_only": "creatinine-only logistic regression",
    "additive_without_pairs": "this model without pairs",
    "full_boosting": "unrestricted boosting (ceiling)",
}


def refreshed(
    card: Mapping[str, Any],
    manifest: bytes,
    heads: Mapping[str, Any],
    study: Mapping[str, Any],
    intervals: Mapping[str, Any],
) -> Any:
    """The card with model, data files, categories, performance and intervals as artifact and studies have them."""
    content, new = json.loads(manifest), json.loads(json.dumps(card))
    new["model"] = {
        "id": content["model"]["id"],
        "version": content["model"]["version"],
        "created": content["model"]["created"],
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        "libraries": content["libraries"],
        "command": card["model"]["command"],
        "trained_on": [{"head": name, **_counts(counts)} for name, counts in content["training"].items()],
    }
    new["data"]["files"] = content["training_data"]
    new["how_it_works"]["categories"] = " ".join(
        f"{role.capitalize()}: moderate from {head['categories']['moderate']:.1%}, "
        f"high from {head['categories']['high']:.1%}; {head['categories']['rule']}."
        for role, head in heads.items()
    )
    new["uncertainty"] |= {
        "command": intervals["command"],
        "recipe_of_version": intervals["recipe_of_version"],
        "checked": list(interval_rows(intervals)),
    }
    new["performance"] = performance_of(study)
    return new


def interval_rows(intervals: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """How often the interval held what it should, and how wide it is."""
    questions = {"refits": "refits to patients drawn anew", "halves": "two models of two halves of the patients"}
    for head in ("onset", "progression"):
        found = intervals[head]
        for name, question in questions.items():
            yield {
                "head": head,
                "question": question,
                "meant": f"{found[name]['meant']:.0%}",
                "found": f"{found[name]['found']:.0%}",
                "found_at_high_risk": f"{found[name]['found_at_high_risk']:.0%}",
                "median_width": f"{found['median_width']:.1%}",
                "median_width_at_high_risk": f"{found['median_width_at_high_risk']:.1%}",
            }


def _counts(training: Mapping[str, Any]) -> dict[str, Any]:
    return {key: training[key] for key in ("landmarks", "patients", "events")}


def performance_of(study: Mapping[str, Any]) -> dict[str, Any]:
    """The study as tables of rows, with the command that makes them."""
    found: dict[str, Any] = {
        "how": f"95 % intervals by {study['resamples']} bootstrap resamples of patients. Landmarks with a known "
        "outcome unless said otherwise. Calibrated within the training hospital only.",
        "command": study["command"],
        "recipe_of_version": study["recipe_of_version"],
    }
    for head in ("onset", "progression"):
        scenarios = study[head]
        found[head] = {
            "tested_on": [_cohort_row(scenario) for scenario in scenarios.values()],
            "discrimination": list(_model_rows(scenarios, "models", ("auroc", "auprc", "brier"))),
            "calibration": list(
                _model_rows(
                    scenarios, "models", ("calibration_slope", "calibration_intercept", "observed_over_expected")
                )
            ),
            "unknown_outcome_counted_as_negative": list(
                _model_rows(scenarios, "unknown_counted_as_negative", ("auroc", "auprc", "observed_over_expected"))
            ),
            "auroc_difference_of_this_model_to": [_gain_row(scenario) for scenario in scenarios.values()],
            "flagging": [row for scenario in scenarios.values() for row in _operation_rows(scenario)],
            "subgroups": [row for scenario in scenarios.values() for row in _subgroup_rows(scenario)],
            "largest_subgroup_gap": _largest_gap(scenarios),
        }
    return found


def interval(estimate: Mapping[str, float], decimals: int = 3) -> str:
    """`0.751 (0.739 to 0.762)`."""
    value, low, high = (f"{estimate[key]:.{decimals}f}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _cohort_row(scenario: Mapping[str, Any]) -> dict[str, Any]:
    cohort = scenario["cohort"]
    return {
        "test": scenario["description"],
        "patients": cohort["patients"],
        "landmarks": cohort["evaluable"],
        "events": cohort["events"],
        "event_rate": f"{cohort['event_rate']:.1%}",
        "outcome_unknown": f"{cohort['unknown_share']:.1%}",
        "median_age": f"{cohort['median_age']:.0f}",
        "female": f"{cohort['female_share']:.0%}",
    }


def _model_rows(scenarios: Mapping[str, Any], part: str, measures: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for scenario in scenarios.values():
        for name, measured in scenario[part].items():
            row = {"test": scenario["description"], "model": MODELS[name]}
            yield row | {measure: interval(measured[measure]) for measure in measures}


def _gain_row(scenario: Mapping[str, Any]) -> dict[str, Any]:
    gains = {MODELS[name]: interval(gain) for name, gain in scenario["auroc_gain_over"].items()}
    return {"test": scenario["description"], **gains}


def _operation_rows(scenario: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, found in scenario["operation"].items():
        episodes = found.get("episodes") or {}
        caught, lead = episodes.get("caught_share"), episodes.get("median_lead_hours")
        yield {
            "test": scenario["description"],
            "threshold": name.replace("_", " "),
            "risk": f"{found['threshold']:.3f}",
            "sensitivity": f"{found['sensitivity']:.1%}",
            "specificity": f"{found['specificity']:.1%}",
            "ppv": "none flagged" if found["ppv"] is None else f"{found['ppv']:.1%}",
            "flagged": f"{found['flagged']:.1%}",
            "net_benefit": f"{found['net_benefit']:.4f}",
            "flag_all": f"{found['net_benefit_flag_all']:.4f}",
            "episodes_caught": "" if caught is None else f"{caught:.1%}",
            "median_lead_hours": "" if lead is None else f"{lead:.0f}",
        }


def _subgroup_rows(scenario: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for division, found in scenario["subgroups"].items():
        for name, group in found["groups"].items():
            yield {
                "test": scenario["description"],
                "group": f"{division} {name}",
                "landmarks": group["landmarks"],
                "events": group["events"],
                "auroc": interval(group["auroc"]),
                "observed_over_expected": interval(group["observed_over_expected"], 2),
            }


def _largest_gap(scenarios: Mapping[str, Any]) -> str:
    gaps = [
        (found["auroc_gap"], division, scenario["description"])
        for scenario in scenarios.values()
        for division, found in scenario["subgroups"].items()
        if found["auroc_gap"] is not None
    ]
    gap, division, test = max(gaps)
    return f"AUROC differs by {gap:.3f} across groups of {division} ({test})."


# --- Markdown -----------------------------------------------------------------------------------------------


def to_markdown(card: Mapping[str, Any]) -> str:
    """The card as Markdown: objects become headings and facts, lists of objects tables, other lists bullets."""
    lines = ["# Model card", "", "Made by `aki model card` from `model/card.json`. Do not edit.", ""]
    shown = {key: part for key, part in card.items() if key != "titles"}
    return "\n".join([*lines, *_part(shown, 2, card.get("titles", {}))]).rstrip() + "\n"


Titles = Mapping[str, str]


def words(key: str, titles: Titles) -> str:
    """What a key of the card is called in print."""
    return titles.get(key) or key.replace("_", " ").capitalize()


def _part(value: Mapping[str, Any], level: int, titles: Titles) -> Iterator[str]:
    simple = {key: item for key, item in value.items() if not isinstance(item, Mapping | list)}
    for key, item in simple.items():
        yield f"- **{words(key, titles)}**: {item}"
    if simple:
        yield ""
    for key, item in value.items():
        if key in simple:
            continue
        yield f"{'#' * level} {words(key, titles)}"
        yield ""
        yield from _part(item, level + 1, titles) if isinstance(item, Mapping) else _list(item, titles)


def _list(items: list[Any], titles: Titles) -> Iterator[str]:
    if items and isinstance(items[0], Mapping):
        keys = list(items[0])
        yield "| " + " | ".join(words(key, titles) for key in keys) + " |"
        yield "|" + " --- |" * len(keys)
        for item in items:
            yield "| " + " | ".join(str(item.get(key, "")) for key in keys) + " |"
    else:
        for item in items:
            yield f"- {item}"
    yield ""


# --- files --------------------------------------------------------------------------------------------------


def refresh_files(bundled: Path = ROOM / "bundled") -> bool:
    """Rewrite card.json and MODEL_CARD.md; returns whether anything changed."""
    manifest = (bundled / MANIFEST).read_bytes()
    names = json.loads(manifest)["heads"]
    heads = {role: json.loads((bundled / name).read_text(encoding="utf-8")) for role, name in names.items()}
    study, intervals = (json.loads(path.read_text(encoding="utf-8")) for path in (STUDY, INTERVALS))
    card = refreshed(json.loads(CARD.read_text(encoding="utf-8")), manifest, heads, study, intervals)
    texts = {CARD: json.dumps(card, indent=2, ensure_ascii=False) + "\n", CARD_MARKDOWN: to_markdown(card)}
    before = {path: path.read_text(encoding="utf-8") if path.exists() else "" for path in texts}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return before != texts
