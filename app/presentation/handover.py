"""The page as plain text for a hand-over, in the order situation, background, assessment, to consider (SBAR)."""

from collections.abc import Iterable, Iterator

from app.presentation.banner import Banner
from app.presentation.care import CarePanel
from app.presentation.drivers import DriversPanel
from app.presentation.drugs import DrugsPanel
from app.presentation.forecast import ForecastPanel
from app.presentation.inputs import InputsPanel
from app.presentation.now import NowPanel
from model.assessment import ModelIdentity

_TOP_FINDINGS = 4


def handover_text(
    banner: Banner,
    now: NowPanel,
    forecast: ForecastPanel,
    drivers: DriversPanel | None,
    drugs: DrugsPanel,
    care: CarePanel | None,
    inputs: InputsPanel,
    model: ModelIdentity | None,
) -> str:
    """Everything a colleague must know, with where and when it comes from."""
    blocks = (
        ("SITUATION", _situation(banner, now, forecast)),
        ("BACKGROUND", _background(now, drugs)),
        ("ASSESSMENT", _assessment(now, forecast, drivers, inputs)),
        ("TO CONSIDER", _considerations(care)),
        ("SOURCE", _source(banner, model)),
    )
    return "\n\n".join("\n".join((title, *lines)) for title, found in blocks if (lines := list(found)))


def _situation(banner: Banner, now: NowPanel, forecast: ForecastPanel) -> Iterator[str]:
    yield f"{banner.name}, born {banner.birth_line}, {banner.sex}, MRN {banner.record_number}"
    yield f"{now.headline}. {now.detail}"
    if forecast.dots is None:
        yield f"{forecast.heading}: no number. {' '.join(forecast.reasons)}"
    else:
        words = f"{forecast.percent} ({forecast.category_words.lower()})"
        yield f"{forecast.heading}: {words}. {forecast.frequency} {forecast.outcome_words}."


def _background(now: NowPanel, drugs: DrugsPanel) -> Iterator[str]:
    for fact in now.facts:
        yield f"{fact.term}: {fact.value}" + (f" ({fact.note})" if fact.note else "")
    for row in drugs.rows:
        titles = "; ".join(remark.title for remark in row.remarks)
        yield f"Drug: {titles or f'{row.name}, {row.kind}'}"
    if not drugs.rows:
        yield f"Drugs: {drugs.words}"


def _assessment(
    now: NowPanel, forecast: ForecastPanel, drivers: DriversPanel | None, inputs: InputsPanel
) -> Iterator[str]:
    yield from now.reasons
    for row in drivers.first[:_TOP_FINDINGS] if drivers else ():
        yield f"{row.label} {row.value}{f' ({row.when})' if row.when else ''}: {row.direction} the risk"
    yield from inputs.warnings
    yield f"Not known here: {forecast.not_known}"


def _considerations(care: CarePanel | None) -> Iterable[str]:
    return (f"[ ] {item.title}: {item.finding} ({item.source})" for item in care.items) if care else ()


def _source(banner: Banner, model: ModelIdentity | None) -> Iterator[str]:
    yield f"Read from {banner.ehr_name} at {banner.read_clock}, {banner.read_day} ({banner.time_zone})"
    made_by = f"AKI Sentinel, model {model.id} {model.version}" if model else "AKI Sentinel, without a model"
    yield f"{made_by}. Asserted by software, for review by a clinician; not a diagnosis."
