"""Cards of a CDS Hooks response made fit to show: nothing a service sends can bring markup or scripts along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markupsafe import Markup

INDICATORS = {"info": "Information", "warning": "Warning", "critical": "Critical"}

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable(["image"])


@dataclass(frozen=True, slots=True)
class CardLink:
    label: str
    url: str
    kind: str
    app_context: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One thing the clinician can agree to; `applied` are its actions as sent, to be done on agreement."""

    uuid: str
    label: str
    recommended: bool
    actions: tuple[str, ...]
    applied: tuple[Mapping[str, Any], ...] = ()

    @property
    def unsaid(self) -> tuple[str, ...]:
        """Descriptions of its actions that tell more than its label."""
        return tuple(words for words in self.actions if words and words != self.label)


@dataclass(frozen=True, slots=True)
class OverrideReason:
    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Card:
    """One card, every field optional on the wire already given a safe value."""

    uuid: str
    summary: str
    indicator: str
    source_label: str
    detail: Markup
    source_url: str | None = None
    topic: str | None = None
    suggestions: tuple[Suggestion, ...] = ()
    links: tuple[CardLink, ...] = ()
    override_reasons: tuple[OverrideReason, ...] = ()

    @property
    def indicator_label(self) -> str:
        return INDICATORS[self.indicator]


def read_cards(response: Any) -> tuple[Card, ...]:
    """Cards of a response, most urgent first. Raises ValueError when there is no list of cards."""
    cards = response.get("cards") if isinstance(response, Mapping) else None
    if not isinstance(cards, list):
        raise ValueError("the response holds no list of cards")
    order = list(INDICATORS)
    read = [_read_card(card) for card in cards if isinstance(card, Mapping)]
    return tuple(sorted(read, key=lambda card: -order.index(card.indicator)))


def render_markdown(text: str) -> Markup:
    """GitHub-flavoured subset; raw HTML is shown as text, images and script links are not made."""
    html: str = _MARKDOWN.render(text)
    return Markup(html.replace("<a href=", '<a rel="noopener noreferrer" target="_blank" href='))  # noqa: S704


def _read_card(card: Mapping[str, Any]) -> Card:
    source = card.get("source")
    source = source if isinstance(source, Mapping) else {}
    topic = source.get("topic")
    indicator = card.get("indicator")
    return Card(
        uuid=_text(card, "uuid"),
        summary=_text(card, "summary") or "(no summary)",
        indicator=indicator if indicator in INDICATORS else "info",
        source_label=_text(source, "label") or "(no source)",
        detail=render_markdown(_text(card, "detail")),
        source_url=_web_url(source.get("url")),
        topic=_text(topic, "display") or None if isinstance(topic, Mapping) else None,
        suggestions=tuple(_read_suggestion(item) for item in _maps(card, "suggestions")),
        links=tuple(link for link in map(_read_link, _maps(card, "links")) if link),
        override_reasons=tuple(_read_reason(item) for item in _maps(card, "overrideReasons")),
    )


def _read_suggestion(item: Mapping[str, Any]) -> Suggestion:
    actions = _maps(item, "actions")
    return Suggestion(
        uuid=_text(item, "uuid"),
        label=_text(item, "label"),
        recommended=item.get("isRecommended") is True,
        actions=tuple(_text(action, "description") for action in actions),
        applied=tuple(actions),
    )


def _read_link(item: Mapping[str, Any]) -> CardLink | None:
    url = _web_url(item.get("url"))
    if url is None:
        return None
    context = item.get("appContext")
    kind = "smart" if item.get("type") == "smart" else "absolute"
    return CardLink(_text(item, "label") or url, url, kind, context if isinstance(context, str) else None)


def _read_reason(item: Mapping[str, Any]) -> OverrideReason:
    return OverrideReason(_text(item, "system"), _text(item, "code"), _text(item, "display"))


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""


def _maps(item: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    value = item.get(name)
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _web_url(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return value if urlsplit(value).scheme in ("http", "https") else None
    except ValueError:
        return None
