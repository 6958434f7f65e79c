"""A reader's language and units: how they are chosen, remembered, and what they change."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.support import Translations
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from app.configured.ehrs import ehrs_from
from app.configured.problems import ConfigurationError
from app.configured.settings import Settings
from app.languages.offered import LANGUAGES
from app.languages.reader import TRANSLATIONS, add_languages
from app.launched.sessions import cookie_name
from app.patient_page.routes import pages_blueprint
from app.presentation import PageSetting, patient_page
from app.presentation.units import MASS, MOLES, UNITS, in_unit, units_of_site
from app.presentation.wording import Wording
from app.services import AppServices, open_services
from app.web.error_pages import register_error_pages
from launch.context import LaunchContext, Tokens
from model.analytes import CANONICAL_UNIT, Analyte
from model.familiarity import Familiarity, Span
from model.feature_list import CONCEPTS, FEATURES
from model.sentences import Sentence
from model.unit_tables import PLAUSIBLE
from model.units import to_canonical
from tests.builders.assessed import NOW, creatinine, in_aki, snapshot

ZURICH = ZoneInfo("Europe/Zurich")
SERIES = (creatinine(70, 0.9), creatinine(22, 1.3), creatinine(3, 1.45))
EHR: dict[str, Any] = {
    "id": "riverside",
    "name": "Riverside EHR",
    "iss": "https://ehr.example.org/fhir",
    "client_id": "aki",
    "reading": {"time_zone": "America/New_York"},
}


def wording(language: str, zone: ZoneInfo = ZURICH, **more: Any) -> Wording:
    return Wording(zone, language, Translations.load(TRANSLATIONS, [language]), **more)


# --- what is written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "day", "moment", "ratio", "percent"),
    [
        ("en", "3 Nov 2026", "3 Nov 2026, 15:05", "1.50", "14%"),
        ("de", "3. Nov. 2026", "3. Nov. 2026, 15:05", "1,50", "14\u00a0%"),
        ("fr", "3 nov. 2026", "3 nov. 2026, 15:05", "1,50", "14\u00a0%"),
        ("it", "3 nov 2026", "3 nov 2026, 15:05", "1,50", "14%"),
        ("es", "3 nov 2026", "3 nov 2026, 15:05", "1,50", "14\u00a0%"),
        ("nl", "3 nov 2026", "3 nov 2026, 15:05", "1,50", "14%"),
        ("ja", "2026年11月3日", "2026年11月3日 15:05", "1.50", "14%"),
    ],
)
def test_dates_numbers_and_percentages_are_written_as_in_the_language(
    language: str, day: str, moment: str, ratio: str, percent: str
) -> None:
    say, at = wording(language), datetime(2026, 11, 3, 14, 5, tzinfo=UTC)
    found = (say.day(at), say.moment(at), say.number(1.5, 2), say.percent(0.14).replace("\u202f", "\u00a0"))
    assert found == (day, moment, ratio, percent)


@pytest.mark.parametrize("language", LANGUAGES)
@given(at=st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_no_date_is_written_so_that_day_and_month_can_be_mistaken(language: str, at: date) -> None:
    assert not re.search(r"\d+[./-]\d+[./-]\d+", wording(language).day(at))


def test_sentence_of_a_clinical_room_is_said_in_german_with_its_facts() -> None:
    text = Sentence("No usable creatinine of the last {hours:g} hours.", hours=48.0)
    assert text == "No usable creatinine of the last 48 hours."
    assert wording("de").sentence(text) == "Kein verwendbares Kreatinin der letzten 48 Stunden."


def test_sentence_no_catalogue_knows_stays_english() -> None:
    assert wording("de").sentence("Something a later version says.") == "Something a later version says."


def test_sentence_inside_a_sentence_is_translated_too() -> None:
    inside = Sentence("AKI stage {stage}", stage="2")
    assert (
        wording("de").sentence(Sentence("{drug}: {why}", drug="lithium", why=inside)) == "lithium: AKI-Stadium 2"
    )


@pytest.mark.parametrize("concept", CONCEPTS)
def test_kinds_of_findings_a_caution_names_are_in_the_readers_language(concept: str) -> None:
    (feature, *_) = [feature for feature in FEATURES if feature.concept == concept]
    few = Familiarity({feature.id: Span(0, 1, 2, 3)}, unusual_concepts=1, known_concepts=2)
    (caution,) = few.cautions([(feature, 1.5, 0.0)])
    named = CONCEPTS[concept][:1].lower() + CONCEPTS[concept][1:]
    assert f"({named})" in caution.text
    said = wording("ja").sentence(Sentence(named))
    assert said != named
    assert f"（{said}）" in wording("ja").sentence(caution.text)


def test_a_caution_about_one_value_is_wholly_in_the_readers_language() -> None:
    (feature,) = [one for one in FEATURES if one.label == "Diastolic pressure, lowest in 48 h"]
    far = Familiarity({feature.id: Span(20.5, 40, 80, 93)}, unusual_concepts=1, known_concepts=0)
    (caution,) = far.cautions([(feature, 18.0, 0.0)])
    said = wording("de").sentence(caution.text)
    label = wording("de").sentence(feature.label)
    assert label != feature.label
    assert said.startswith(f"{label}, 18 mmHg, ")
    (change,) = [one for one in FEATURES if one.label == "Potassium, change within 48 h"]
    far = Familiarity({change.id: Span(-1.5, -1, 1, 2.5)}, unusual_concepts=1, known_concepts=0)
    (caution,) = far.cautions([(change, 3.25, 0.0)])
    assert "zwischen -1,5 und +2,5 mmol/L" in wording("de").sentence(caution.text)


def test_words_of_a_chart_are_never_read_as_a_pattern() -> None:
    assert wording("de").sentence(Sentence("with {drug}", drug="{0.__class__}")) == "mit {0.__class__}"


def test_whole_page_is_german_with_a_decimal_comma() -> None:
    page = patient_page(in_aki(2), snapshot(*SERIES), PageSetting("Riverside EHR", wording("de")))
    facts = {fact.term: fact.value for fact in page.now.facts}
    assert page.now.headline == "Akute Nierenschädigung (AKI), KDIGO-Stadium\u00a02"
    assert (facts["Letztes Kreatinin"], facts["Verhältnis"]) == ("1,45 mg/dL", "1,71 ×")
    assert "BEURTEILUNG" in page.actions.handover


@pytest.mark.parametrize(("language", "stop"), [("ja", "。"), ("de", "."), ("en", ".")])
def test_sentences_put_together_end_as_the_language_ends_them(language: str, stop: str) -> None:
    page = patient_page(in_aki(2), snapshot(*SERIES), PageSetting("Riverside EHR", wording(language)))
    assert page.forecast.outcome_words.endswith(stop)
    assert page.forecast.threshold_words.endswith(stop)
    assert f"{page.forecast.percent}{stop}" in page.actions.handover
    assert f"{page.now.headline}{stop}" in page.actions.handover


# --- units --------------------------------------------------------------------------------------------------


def test_units_change_every_creatinine_of_the_page_and_no_stage() -> None:
    by_mass, by_amount = (
        patient_page(in_aki(2), snapshot(*SERIES), PageSetting("EHR", wording("en", units=units)))
        for units in (MASS, MOLES)
    )
    assert by_mass.now.stage == by_amount.now.stage
    assert [fact.value for fact in by_amount.now.facts][:3] == ["128 µmol/L", "75 µmol/L", "1.71 ×"]
    assert next((row.value, row.other_value) for row in by_amount.course.rows) == ("128", "1.45")
    assert by_amount.course.course is not None
    assert by_amount.course.course.words.unit == "µmol/L"
    assert "128 µmol/L" in by_amount.actions.handover
    assert "1.45 mg/dL" in by_mass.actions.handover


@pytest.mark.parametrize(
    ("analyte", "unit"), [(Analyte.CREATININE, MOLES.creatinine), *MOLES.others.items()], ids=str
)
@given(data=st.data())
def test_shown_value_converted_back_is_the_value_within_its_rounding(
    analyte: Analyte, unit: Any, data: st.DataObject
) -> None:
    window = PLAUSIBLE[analyte]
    value = data.draw(st.floats(window.low, window.high))
    exact = in_unit(analyte, value, unit.code)
    shown = float(Wording(ZURICH).number(exact, unit.decimals))
    assert abs(shown - exact) <= 0.5 * 10**-unit.decimals + 1e-9
    assert to_canonical(analyte, exact, unit.code, ucum=True) == pytest.approx(value)


@given(st.floats(0.1, 30))
def test_creatinine_reads_the_same_in_both_units(mg_dl: float) -> None:
    in_mass, in_amount = (float(Wording(ZURICH, units=units).creatinine(mg_dl)) for units in (MASS, MOLES))
    assert in_mass == pytest.approx(in_amount / 88.42, abs=0.005 + 0.5 / 88.42 + 1e-9)


@pytest.mark.parametrize(
    ("unit", "zone", "language", "key"),
    [
        ("umol/L", "America/New_York", "en", "umol-l"),
        ("mg/dL", "Europe/London", "en", "mg-dl"),
        (None, "Europe/London", "en", "umol-l"),
        (None, "Europe/Berlin", "de", "mg-dl"),
        (None, "Asia/Tokyo", "fr", "mg-dl"),
        (None, "UTC", "nl", "umol-l"),
        (None, "UTC", "ja", "mg-dl"),
    ],
)
def test_units_are_the_sites_word_then_its_countrys_then_the_languages(
    unit: str | None, zone: str, language: str, key: str
) -> None:
    assert units_of_site(unit, ZoneInfo(zone), language).key == key


def test_every_unit_a_reader_may_choose_is_one_charts_are_read_in() -> None:
    for units in UNITS.values():
        for analyte, unit in ((Analyte.CREATININE, units.creatinine), *units.others.items()):
            assert in_unit(analyte, 1.0, unit.code) > 0
            assert unit.code != CANONICAL_UNIT[analyte] or units is MASS


# --- the choice ---------------------------------------------------------------------------------------------


@pytest.fixture
def visit(tmp_path: Any) -> Callable[..., tuple[FlaskClient, str]]:
    def start(**page: Any) -> tuple[FlaskClient, str]:
        settings = Settings(development=True, state_dir=tmp_path)
        ehrs = ehrs_from({"ehr": [EHR | {"page": page}]}, development=True)
        services = open_services(settings, ehrs=ehrs, clock=lambda: NOW)
        app = Flask("app", static_folder=None)
        register_error_pages(app)
        add_languages(app, services.ehrs)
        app.register_blueprint(pages_blueprint(services, read_chart=lambda *_, **__: snapshot(*SERIES)))
        app.add_url_rule("/launch/standalone", "launch.launch_standalone", lambda: "")
        client = app.test_client()
        return client, launched(client, services)

    return start


def launched(client: FlaskClient, services: AppServices) -> str:
    tokens = Tokens("token", NOW + timedelta(hours=1), frozenset({"patient/*.rs"}))
    session, ticket = services.sessions.start(
        LaunchContext("riverside", "https://ehr.example.org/fhir", "p1", tokens)
    )
    client.set_cookie(cookie_name(session.id), ticket.secret, secure=True, httponly=True)
    return f"https://localhost/p/{session.id}/"


def lang(html: str) -> str:
    found = re.search(r'<html lang="(\w+)"', html)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("site", "accepted", "language"),
    [
        ({"language": "de"}, "fr,en", "de"),
        ({}, "pt, fr-CA;q=0.8, en;q=0.5", "fr"),
        ({}, "pt", "en"),
    ],
)
def test_site_speaks_before_the_browser_and_english_is_last(
    visit: Callable[..., tuple[FlaskClient, str]], site: dict[str, str], accepted: str, language: str
) -> None:
    client, url = visit(**site)
    assert lang(client.get("https://localhost/", headers={"Accept-Language": accepted}).text) == language
    assert lang(client.get(url, headers={"Accept-Language": accepted}).text) == language


def test_choice_holds_on_the_next_pages_in_a_cookie_with_nothing_but_the_code(
    visit: Callable[..., tuple[FlaskClient, str]],
) -> None:
    client, url = visit(language="de")
    answer = client.get(f"{url}?language=fr&units=umol-l")
    cookies = [value.partition(";")[0] for value in answer.headers.getlist("Set-Cookie")]
    assert sorted(cookies) == ["__Host-aki-page-language=fr", "__Host-aki-page-units=umol-l"]
    assert (lang(answer.text), lang(client.get(url).text)) == ("fr", "fr")
    assert "128 µmol/L" in client.get(url).text


def test_choice_that_is_not_offered_is_neither_taken_nor_kept(
    visit: Callable[..., tuple[FlaskClient, str]],
) -> None:
    client, url = visit()
    answer = client.get(f"{url}?language=%3Cscript%3E&units=x")
    assert lang(answer.text) == "en"
    assert not [value for value in answer.headers.getlist("Set-Cookie") if "aki-page" in value]
    assert "script>" not in answer.text.replace("<script src", "").replace("</script>", "")


def test_language_links_keep_the_launch_and_the_window(visit: Callable[..., tuple[FlaskClient, str]]) -> None:
    client, url = visit()
    html = client.get(f"{url}?window=90d").text
    assert 'href="?window=90d&amp;language=ja" lang="ja"' in html
    assert 'href="?window=90d&amp;units=umol-l#course"' in html


def test_error_page_speaks_the_readers_language(visit: Callable[..., tuple[FlaskClient, str]]) -> None:
    client, _ = visit()
    html = client.get("https://localhost/p/none/", headers={"Accept-Language": "de"}).text
    assert lang(html) == "de"
    assert "Was zu tun ist" in html


@pytest.mark.parametrize("page", [{"language": "xx"}, {"creatinine_unit": "mmol/L"}, {"colour": "red"}])
def test_site_page_refuses_what_it_does_not_know(page: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"ehr\[0\]\.page"):
        ehrs_from({"ehr": [EHR | {"page": page}]}, development=True)
