"""Whether an examination brings iodinated contrast into the blood: model/knowledge/contrast_imaging.toml.

As with drugs a code decides; beside a code of a terminology whose names follow rules its name will do ("CT Abdomen
W contrast IV"); words alone only hint.
"""

import re
import tomllib
from functools import lru_cache
from importlib import resources

from model.drug_table import SNOMED, Ingredient, canonical
from model.drugs import DrugFacts, Recognition
from model.snapshot import Coding, Medication

LOINC = "http://loinc.org"
# Terminologies of examinations whose names follow rules. Codes of a hospital's own catalogue are not among them.
_EXAMINATION_TERMINOLOGIES = frozenset(
    {LOINC, SNOMED, "http://www.ama-assn.org/go/cpt", "http://www.radlex.org", "http://radlex.org"}
)
IODINATED_CONTRAST = Ingredient("iodinated contrast", frozenset({"contrast"}), nephrotoxic=True)

_X_RAY = re.compile(r"\b(CTA?|CTPA|comput(?:ed|eri[sz]ed) tomograph\w*|RFA|angiograph\w*)\b", re.IGNORECASE)
_WITH_CONTRAST = re.compile(
    r"\b(?:w/|w\b|with\b)\s*"
    r"(?:(?:(?:and|or|&)\s*(?:w/?o|without)|/?\s*wo)\s+)?"  # "w and wo", "w/wo"
    r"(?:(?:oral\s+and|iodinated|iv|intravenous)\s+)*contrast\b",
    re.IGNORECASE,
)
_ANGIOGRAM = re.compile(r"\b(CTA|CTPA|CT angiogra\w*|computed tomography angiogra\w*)\b", re.IGNORECASE)
_OTHER_CONTRAST = re.compile(
    r"\b(MRA?|MRI|magnetic|gadolinium|barium|oral contrast|contrast (PO|PR|IT|intra\w*|via))\b", re.IGNORECASE
)
_NO_CONTRAST = re.compile(r"\b(wo|w/o|without)\s+(?:iv\s+)?contrast\b", re.IGNORECASE)


def recognise_examination(order: Medication) -> DrugFacts | None:
    """The contrast an ordered examination brings, as the rules see a drug; None if it is no contrast examination.

    `order` holds the examination's codes and words. Words without a known code give `NAME_ONLY`.
    """
    codes = {canonical(one) for one in order.codes}
    if codes & _confirmed():
        recognition = Recognition.CODE
    elif not names_contrast(order.text):
        return None
    elif any(one.system in _EXAMINATION_TERMINOLOGIES for one in codes):
        recognition = Recognition.PRODUCT_NAME
    else:
        recognition = Recognition.NAME_ONLY
    name = order.text or "examination with contrast"
    return DrugFacts(name, recognition, (IODINATED_CONTRAST,), source=order.source)


def names_contrast(words: str) -> bool:
    """Whether words name computed tomography or angiography with contrast in the blood."""
    if not _X_RAY.search(words) or _OTHER_CONTRAST.search(words):
        return False
    if _WITH_CONTRAST.search(words):
        return True
    return bool(_ANGIOGRAM.search(words)) and not _NO_CONTRAST.search(words)


def is_examination(drug: DrugFacts) -> bool:
    """Whether this is the contrast of an examination, not a contrast medium ordered as a drug."""
    return IODINATED_CONTRAST in drug.ingredients


@lru_cache(maxsize=1)
def _confirmed() -> frozenset[Coding]:
    text = (resources.files("model") / "knowledge" / "contrast_imaging.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["examination"]
    return frozenset(Coding(row["system"], code) for row in rows for code in row["codes"])
