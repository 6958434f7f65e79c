"""A card's detail: the finding, the numbers behind it with their times, what was missing (CH-39, REG-13, REG-16).

Pure. Most decision-relevant first; everything from the chart passes through `wording`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from cds_hooks import wording
from cds_hooks.estimate_detail import estimate_lines, estimate_sources
from cds_hooks.missing_detail import missing
from model.applicability import is_dialysed
from model.assessment import (
    AkiEpisode,
    Assessment,
    Baseline,
    BaselineMethod,
    EpisodeState,
    KdigoCriterion,
    KdigoStaging,
    ModelIdentity,
    Outcome,
)
from model.forecasts import Forecast, forecast_of
from model.snapshot import Measurement
from model.staging import CREATININE_CLEARED

_CRITERION = {
    KdigoCriterion.CREATININE: "by creatinine",
    KdigoCriterion.URINE_OUTPUT: "by urine output",
    KdigoCriterion.RRT: "by renal replacement therapy",
}
_METHOD = {
    BaselineMethod.OUTPATIENT_MEDIAN_8_365_D: "median of {n} outpatient results, 8 to 365 days back",
    BaselineMethod.MEDIAN_8_365_D: "median of {n} results, 8 to 365 days back",
    BaselineMethod.LOWEST_7_D: "lowest of {n} results in 7 days",
    BaselineMethod.LOWEST_48_H: "lowest of {n} results in 48 hours",
    BaselineMethod.FIRST_OF_STAY: "first result of this stay",
    BaselineMethod.ESTIMATED_EGFR_75_MDRD: "assumed, not measured: eGFR 75 by MDRD",
    BaselineMethod.ESTIMATED_EGFR_75_CKD_EPI_2021: "assumed, not measured: eGFR 75 by CKD-EPI 2021",
    BaselineMethod.SUPPLIED: "given by the clinician",
}
_METHOD_OF_ONE = {
    BaselineMethod.OUTPATIENT_MEDIAN_8_365_D: "one outpatient result, 8 to 365 days back",
    BaselineMethod.MEDIAN_8_365_D: "one result, 8 to 365 days back",
    BaselineMethod.LOWEST_7_D: "one result within 7 days",
    BaselineMethod.LOWEST_48_H: "one result within 48 hours",
}
_STATE = {
    EpisodeState.ACTIVE: "active",
    EpisodeState.RESOLVING: "resolving",
    EpisodeState.PERSISTING: "not recovered",
    EpisodeState.RECOVERED: "recovered",
}
STANDING_NOTE = (
    "Research software: information for review by a clinician, not a substitute for clinical judgement. "
    "It knows only what the chart holds: not the examination, the fluid balance at the bedside or the plan."
)


@dataclass(frozen=True, slots=True)
class DetailFacts:
    """What the detail needs beside the outcome itself."""

    zone: tzinfo
    latest_creatinine: Measurement | None = None
    harmful_drugs: tuple[str, ...] = ()


def detail(outcome: Outcome, facts: DetailFacts) -> str:
    """The card's detail as GitHub-flavoured Markdown."""
    if isinstance(outcome, Assessment):
        parts = [finding(outcome, facts), estimates(outcome, facts)]
    else:
        parts = [latest_lines(facts)]
    parts += [missing(outcome), provenance(outcome, facts, forecast_of(outcome))]
    return "\n\n".join(text for part in parts if (text := "\n".join(part)))


def stage_words(kdigo: KdigoStaging) -> str:
    """ "KDIGO stage 2 by creatinine, rising"; "No AKI by KDIGO so far; creatinine rising"."""
    if not kdigo.stage and kdigo.episode is not None and kdigo.episode.state is EpisodeState.PERSISTING:
        return "AKI has not recovered, although KDIGO's criteria are no longer met"
    none = "No AKI by KDIGO now" if kdigo.peak_stage else "No AKI by KDIGO so far"
    words = f"KDIGO stage {kdigo.stage}" if kdigo.stage else none
    if kdigo.criterion is not None:
        words += f" {_CRITERION[kdigo.criterion]}"
    if kdigo.course is None or kdigo.criterion is KdigoCriterion.RRT:
        return words  # which way creatinine goes then says how well it is washed out
    what = ", " if kdigo.criterion is KdigoCriterion.CREATININE else "; creatinine "
    return f"{words}{what}{wording.chart_text(kdigo.course)}"


def finding(found: Assessment, facts: DetailFacts) -> Iterator[str]:
    """The stage, and the creatinine, baseline and eGFR it rests on."""
    kdigo = found.kdigo
    if kdigo is not None and kdigo.stage is not None:
        since = f" since {wording.moment(kdigo.since, facts.zone)}" if kdigo.stage and kdigo.since else ""
        yield f"**{stage_words(kdigo)}**{since}"
    else:
        yield "**AKI stage: cannot be said**"
    yield ""
    yield from latest_lines(facts)
    if kdigo is not None and kdigo.baseline is not None:
        yield _baseline(kdigo.baseline, None if is_dialysed(found) else kdigo.ratio, facts)
    if kdigo is not None and kdigo.episode is not None and not _repeats(kdigo.episode, kdigo, facts):
        yield _episode(kdigo.episode, facts, dialysed=is_dialysed(found))
    if is_dialysed(found):
        yield f"- {CREATININE_CLEARED.text}"
        return
    yield from _second_opinions(found)
    if facts.harmful_drugs:
        names = wording.chart_text(", ".join(facts.harmful_drugs), 200)
        yield f"- Active on the chart and able to harm kidneys: {names}"


def _second_opinions(found: Assessment) -> Iterator[str]:
    """The NHS algorithm's answer and the eGFR."""
    if found.nhs is not None:
        ratio = f" (ratio {found.nhs.ratio:.2f})" if found.nhs.ratio is not None else ""
        alert = "no alert" if found.nhs.alert == "none" else wording.chart_text(found.nhs.alert)
        yield f"- NHS England algorithm: {alert}{ratio}"
    if found.egfr is not None:
        steady = "" if found.egfr.steady_state else "; creatinine is not steady, so not a number to dose by"
        equation = wording.chart_text(found.egfr.equation)
        yield f"- eGFR {found.egfr.ml_min_1_73m2:.0f} mL/min/1.73 m² ({equation}){steady}"


def latest_lines(facts: DetailFacts) -> Iterator[str]:
    """The latest creatinine with its time and source."""
    latest = facts.latest_creatinine
    if latest is not None:
        shown = wording.creatinine(latest.value, latest.comparator or "")
        preliminary = ", preliminary" if latest.preliminary else ""
        at = wording.day(latest.at, facts.zone) if latest.day_only else wording.moment(latest.at, facts.zone)
        yield f"- Latest creatinine {shown}, {at}{preliminary}"


def _baseline(baseline: Baseline, ratio_now: float | None, facts: DetailFacts) -> str:
    words = (_METHOD_OF_ONE if baseline.n == 1 else {}).get(baseline.method) or _METHOD[baseline.method]
    method = words.format(n=baseline.n)
    dated = f", {wording.day(baseline.at, facts.zone)}" if baseline.at is not None else ""
    ratio = f"; the latest is {ratio_now:.2f} × this" if ratio_now is not None else ""
    return f"- Baseline creatinine {wording.creatinine(baseline.creatinine_mg_dl)}: {method}{dated}{ratio}"


def _repeats(episode: AkiEpisode, kdigo: KdigoStaging, facts: DetailFacts) -> bool:
    """Whether the episode says nothing the lines above have not: it is at its peak, from the same baseline."""
    latest, baseline = facts.latest_creatinine, kdigo.baseline
    return (
        episode.state is EpisodeState.ACTIVE
        and episode.peak_stage == kdigo.stage
        and latest is not None
        and episode.peak_at == latest.at
        and baseline is not None
        and baseline.creatinine_mg_dl == episode.reference_creatinine_mg_dl
    )


def _episode(episode: AkiEpisode, facts: DetailFacts, *, dialysed: bool) -> str:
    """The episode's beginning and peak; where it stands only while creatinine can tell."""
    peak = f"peak stage {episode.peak_stage}, {wording.creatinine(episode.peak_creatinine_mg_dl)}"
    when = wording.day(episode.peak_at, facts.zone)
    onset = wording.day(episode.onset_at, facts.zone)
    before = wording.creatinine(episode.reference_creatinine_mg_dl)
    if dialysed:
        return f"- AKI episode since {onset}: {peak} on {when}; before it {before}"
    now = f"before it {before}, the latest is {episode.latest_ratio:.2f} × that"
    return f"- AKI episode since {onset}, {_STATE[episode.state]}: {peak} on {when}; {now}"


def estimates(found: Assessment, facts: DetailFacts) -> Iterator[str]:
    """The model's probability with what moved it."""
    if (forecast := forecast_of(found)) is not None:
        yield from estimate_lines(forecast, facts.zone)


def provenance(outcome: Outcome, facts: DetailFacts, shown: Forecast | None = None) -> Iterator[str]:
    """Who says so, when, from how much, by which model, read from where; `shown` is the estimate on this card."""
    yield STANDING_NOTE
    yield ""
    at = wording.moment(outcome.assessed_at, facts.zone)
    used = f"Assessed {at} from {outcome.inputs.used} results"
    yield f"{used}; {_model(outcome.model, shown)}."
    sources = [facts.latest_creatinine.source] if facts.latest_creatinine else []
    sources += estimate_sources(shown) if shown else []
    if sources:
        yield ""
        yield f"Read from: {', '.join(wording.chart_text(one) for one in dict.fromkeys(sources))}."


def _model(model: ModelIdentity | None, shown: Forecast | None) -> str:
    """The model behind the estimate on the card; a finding by rule is not put down to it."""
    if model is None:
        return "no risk model took part"
    name = f"{wording.chart_text(model.id)} {wording.chart_text(model.version)}"
    if shown is None:
        return f"by rule, not by the risk model ({name})"
    horizon = f"horizon {shown.prediction.horizon_hours} hours"
    return f"model {name} ({model.sha256[:12]}){_recalibration(model)}, {horizon}"


def _recalibration(model: ModelIdentity) -> str:
    if (overlay := model.recalibration) is None:
        return ""
    site, method = wording.chart_text(overlay.site), wording.chart_text(overlay.method)
    return f", recalibrated to {site} on {overlay.created_on} ({method}, {overlay.sha256[:12]})"


def days_or_hours_ago(at: datetime, now: datetime) -> str:
    """ "3 hours ago", "2 days ago": for a summary."""
    hours = max(0, round((now - at).total_seconds() / 3600))
    if hours < 48:
        return f"{hours} hour{'' if hours == 1 else 's'} ago"
    return f"{round(hours / 24)} days ago"
