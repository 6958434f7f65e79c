"""Whose page it is: language and units of the reader, chosen once for each request.

In this order: what the reader chose (a link, then a cookie that holds nothing but the choice), what the EHR says
of the user, what the site has set, what the browser asks for, English. What is written to an EHR follows the site.
"""

from collections.abc import Mapping
from functools import cache
from gettext import NullTranslations
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.support import Translations
from flask import Flask, Response, current_app, g, request
from flask_babel import Babel, gettext  # type: ignore[import-untyped]

from app.configured.ehrs import EhrConfig, Ehrs
from app.configured.site_page import SitePage
from app.languages.offered import LANGUAGES, SOURCE, first_offered
from app.presentation.units import UNITS, Units, units_of_site
from app.presentation.wording import Wording, full_stop

#: Parameter of a link and, with a prefix, name of a cookie; the values are codes from a fixed list.
CHOICES: Final[Mapping[str, Mapping[str, Any]]] = {"language": LANGUAGES, "units": UNITS}
COOKIE_PREFIX: Final = "__Host-aki-page-"
_KEPT_SECONDS: Final = 365 * 24 * 3600
TRANSLATIONS: Final = str(files("app.languages").joinpath("translations"))


def add_languages(app: Flask, ehrs: Ehrs) -> None:
    """Let every page, error pages too, speak the reader's language, and remember a choice made by a link."""

    def language() -> str:
        return _language(_site_page(ehrs))

    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", TRANSLATIONS)
    Babel(app, default_locale=SOURCE, locale_selector=language)
    app.context_processor(
        lambda: {
            "page_lang": language(),
            "full_stop": full_stop(language()),
            "languages": LANGUAGES,
            "choice_url": _choice_url,
        }
    )
    app.after_request(_remember)


def say(message: str) -> str:
    """A message without gaps, for pages that show no values."""
    return str(gettext(message))


def wording_for(ehr: EhrConfig) -> Wording:
    """How the reader of this request reads the pages of this EHR."""
    language = _language(ehr.page)
    chosen = _chosen("units")
    zone = ehr.reading.time_zone
    units = UNITS[chosen] if chosen else units_of_site(ehr.page.creatinine_unit, zone, language)
    return _wording(zone, language, units)


def site_wording(ehr: EhrConfig) -> Wording:
    """How this site reads what is written to its EHR, whoever clicks."""
    language, zone = ehr.page.language or SOURCE, ehr.reading.time_zone
    return _wording(zone, language, units_of_site(ehr.page.creatinine_unit, zone, language))


def _wording(zone: ZoneInfo, language: str, units: Units) -> Wording:
    directory = current_app.config["BABEL_TRANSLATION_DIRECTORIES"]
    return Wording(zone, language, _catalogue(language, directory), units)


@cache
def _catalogue(language: str, directory: str) -> NullTranslations:
    """The messages of a language; English has none and needs none."""
    return Translations.load(directory, [language])


def _language(page: SitePage) -> str:
    chosen = _chosen("language")
    if chosen:
        return chosen
    accepted = [tag for tag, _ in request.accept_languages]
    return first_offered([g.get("ehr_language"), page.language, *accepted]) or SOURCE


def _site_page(ehrs: Ehrs) -> SitePage:
    """The site's word, where the request is about one EHR; elsewhere only if there is no other."""
    ehr_id = g.get("ehr_id")
    if ehr_id is not None:
        ehr = ehrs.find(ehr_id)
        return ehr.page if ehr else SitePage()
    pages = [ehr.page for ehr in ehrs]
    return pages[0] if len(pages) == 1 else SitePage()


def _chosen(name: str) -> str | None:
    for given in (request.args.get(name), request.cookies.get(COOKIE_PREFIX + name)):
        if given in CHOICES[name]:
            return given
    return None


def _choice_url(**choice: str) -> str:
    """This very page with another choice, its address unsaid; the home page where it cannot be asked again."""
    kept = {name: value for name, value in request.args.items() if name == "window"}
    query = urlencode({**kept, **choice})
    can_be_repeated = request.method == "GET" and (request.endpoint or "").startswith("pages.")
    return f"?{query}" if can_be_repeated else f"/?{query}"


def _remember(response: Response) -> Response:
    for name, offered in CHOICES.items():
        value = request.args.get(name)
        if value is not None and value in offered:
            response.set_cookie(
                COOKIE_PREFIX + name,
                value,
                max_age=_KEPT_SECONDS,
                path="/",
                secure=True,
                httponly=True,
                samesite="None",
                partitioned=True,
            )
    return response
