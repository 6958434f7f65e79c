"""Which examinations bring iodinated contrast into the blood."""

import pytest

from model.contrast_imaging import LOINC, names_contrast, recognise_examination
from model.drug_table import SNOMED
from model.drugs import Recognition
from model.snapshot import Coding, Medication

WITH = [
    "CT Abdomen and Pelvis W contrast IV",
    "CT Head WO and W contrast IV",
    "CT ABD & PELVIS W/CONTRAST",
    "CT ABDOMEN W/O & W/CONTRAST",
    "CT chest with IV contrast",
    "CT abdomen w/wo contrast",
    "CT abdomen w and wo contrast",
    "CT abdomen with oral and IV contrast",
    "Computed tomography of thorax with contrast (procedure)",
    "CTA Pulmonary arteries for pulmonary embolus W contrast IV",
    "CT angiography of head",
    "RFA Coronary arteries Views W contrast IA",
]
WITHOUT = [
    "",
    "CT Head WO contrast",
    "CT abdomen without contrast",
    "CT ABDOMEN W/O CONTRAST",
    "CT Head",
    "MR Brain W contrast IV",
    "MRA Head vessels W contrast IV",
    "CT with oral contrast",
    "CT Cerebral cisterns W contrast IT",
    "CTA Head vessels WO contrast",
    "XR Chest 2 Views",
    "US Abdomen W contrast IV",
    "RF Colon Views W barium contrast PR",
    "Contact lens fitting with contrast chart",
    "Creatinine [Mass/volume] in Serum or Plasma",
]


def order(words: str, *codes: Coding) -> Medication:
    return Medication(words, frozenset(codes), "ServiceRequest/1")


@pytest.mark.parametrize("words", WITH)
def test_words_of_tomography_or_angiography_with_contrast_name_it(words: str) -> None:
    assert names_contrast(words)


@pytest.mark.parametrize("words", WITHOUT)
def test_every_other_examination_is_no_concern(words: str) -> None:
    assert not names_contrast(words)
    assert recognise_examination(order(words, Coding(LOINC, "24725-4"))) is None


@pytest.mark.parametrize("coding", [Coding(LOINC, "24628-0"), Coding(SNOMED, "1331946003")])
def test_a_confirmed_code_needs_no_words(coding: Coding) -> None:
    found = recognise_examination(order("", coding))
    assert found is not None
    assert (found.recognition, found.classes) == (Recognition.CODE, {"contrast"})


@pytest.mark.parametrize(
    ("codes", "recognition", "classes"),
    [
        ([Coding(LOINC, "99999-9")], Recognition.PRODUCT_NAME, {"contrast"}),
        ([Coding("http://www.ama-assn.org/go/cpt", "1")], Recognition.PRODUCT_NAME, {"contrast"}),
        ([Coding("urn:hospital", "CTAP")], Recognition.NAME_ONLY, set()),
        ([], Recognition.NAME_ONLY, set()),
    ],
)
def test_the_name_counts_only_beside_a_code_of_a_terminology(
    codes: list[Coding], recognition: Recognition, classes: set[str]
) -> None:
    found = recognise_examination(order("CT Abdomen W contrast IV", *codes))
    assert found is not None
    assert (found.recognition, found.classes) == (recognition, classes)
