"""The page as plain text for a hand-over, in the order situation, background, assessment, to consider (SBAR)."""

from collections.abc import Iterable, Iterator

from app.presentation.banner import Banner
from app.presentation.care import CarePanel
from app.presentation.drivers import DriversPanel
from app.presentation.drugs import DrugsPanel
from app.presentation.forecast import ForecastPanel
from app.presentation.inputs import InputsPanel
from app.presentation.now import NowPanel
from app.presentation.wording import Wording
from model.assessment import ModelIdentity

_TOP_FINDINGS = 4


def handover_text(
    say: Wording,
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
        (say.gettext("SITUATION"), _situation(banner, now, forecast, say)),
        (say.gettext("BACKGROUND"), _background(now, drugs, say)),
        (say.gettext("ASSESSMENT"), _assessment(now, forecast, drivers, inputs, say)),
        (say.gettext("TO CONSIDER"), _considerations(care)),
        (say.gettext("SOURCE"), _source(banner, model, say)),
    )
    return "\n\n".join("\n".join((title, *lines)) for title, found in blocks if (lines := list(found)))


def _situation(banner: Banner, now: NowPanel, forecast: ForecastPanel, say: Wording) -> Iterator[str]:
    yield say.gettext(
        "{name}, born {born}, {sex}, MRN {number}",
        name=banner.name,
        born=banner.birth_line,
        sex=banner.sex,
        number=banner.record_number,
    )
    yield f"{say.ended(now.headline)} {now.detail}"
    if forecast.dots is None:
        why = " ".join(forecast.reasons)
        yield say.gettext("{heading}: no number. {why}", heading=forecast.heading, why=why)
    else:
        risk = f"{say.ended(forecast.percent)} {say.ended(forecast.category_words)}"
        yield f"{forecast.heading}: {risk} {forecast.frequency} {forecast.outcome_words}"


def _background(now: NowPanel, drugs: DrugsPanel, say: Wording) -> Iterator[str]:
    for fact in now.facts:
        yield f"{fact.term}: {fact.value}" + (f" ({fact.note})" if fact.note else "")
    for row in drugs.rows:
        titles = "; ".join(remark.title for remark in row.remarks)
        yield say.gettext("Drug: {drug}", drug=titles or f"{row.name}, {row.kind}")
    if not drugs.rows:
        yield say.gettext("Drugs: {words}", words=drugs.words)


def _assessment(
    now: NowPanel, forecast: ForecastPanel, drivers: DriversPanel | None, inputs: InputsPanel, say: Wording
) -> Iterator[str]:
    yield from now.reasons
    for row in drivers.first[:_TOP_FINDINGS] if drivers else ():
        finding = f"{row.label} {row.value}{f' ({row.when})' if row.when else ''}"
        raises = row.direction == "raises"
        yield (
            say.gettext("{finding}: raises the risk", finding=finding)
            if raises
            else say.gettext("{finding}: lowers the risk", finding=finding)
        )
    yield from inputs.warnings
    yield say.gettext("Not known here: {what}", what=forecast.not_known)


def _considerations(care: CarePanel | None) -> Iterable[str]:
    return (f"[ ] {item.title}: {item.finding} ({item.source})" for item in care.items) if care else ()


def _source(banner: Banner, model: ModelIdentity | None, say: Wording) -> Iterator[str]:
    yield say.gettext(
        "Read from {ehr} at {clock}, {day} ({zone})",
        ehr=banner.ehr_name,
        clock=banner.read_clock,
        day=banner.read_day,
        zone=banner.time_zone,
    )
    if model:
        yield say.gettext("AKI Sentinel, model {model}.", model=f"{model.id} {model.version}")
    else:
        yield say.gettext("AKI Sentinel, without a model.")
    yield say.gettext("Asserted by software, for review by a clinician; not a diagnosis.")
