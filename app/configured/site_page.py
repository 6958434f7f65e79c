"""What a site decides about its pages: `[ehr.page]` in the registry."""

from dataclasses import dataclass
from typing import Literal

from app.languages.offered import LanguageCode

CreatinineUnit = Literal["mg/dL", "umol/L"]


@dataclass(frozen=True, slots=True)
class SitePage:
    """Language and units where the reader has chosen none; None: from the browser, and from the site's country.

    `language` is also the language of every note written to this EHR. `creatinine_unit` stands for the habit of
    the laboratory: with "umol/L" urea, glucose, bilirubin, haemoglobin and electrolytes are shown in SI units too.
    """

    language: LanguageCode | None = None
    creatinine_unit: CreatinineUnit | None = None


DEFAULT_SITE_PAGE = SitePage()
