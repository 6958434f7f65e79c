"""What to be careful of when these drugs meet these kidneys: one pure function, `cautions`.

Order hooks ask it about drafts among the drugs on the chart; the page asks it about the drugs on the chart alone.
Every row of tests/spec/cds/orders.txt is a test of it. Words and sources: model/knowledge/cautions.toml.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from model.assessment import KdigoCriterion
from model.caution_table import CautionText, DoseRule, Severity, caution_table
from model.contrast_imaging import is_examination
from model.drugs import DrugFacts
from model.kidney_facts import KidneyFacts
from model.sentences import Fact, Sentence

RAAS = frozenset({"acei", "arb", "renin-inhibitor"})
DIURETIC = frozenset({"loop", "thiazide"})
RAISES_POTASSIUM = RAAS | {"k-sparing"}
# Drugs of the nephrotoxin rules that have no rule of their own; lithium and methotrexate have a dose rule.
DIRECT_TOXINS = frozenset({"polymyxin", "amphotericin", "platinum", "antiviral", "bisphosphonate"})
ALWAYS_MEASURED = frozenset({"aminoglycoside", "polymyxin", "vancomycin", "platinum", "methotrexate"})
# Labels give their dose by creatinine clearance or drug level, beside the drugs of the dose rules.
_DOSED_TOO = ALWAYS_MEASURED | {"piperacillin", "antiviral", "bisphosphonate"}
# Often paused in acute illness, while volume, pressure or potassium is not right (NICE NG148; "sick-day rules").
TO_REVIEW_WHEN_ILL = RAAS | DIURETIC | {"k-sparing", "sglt2"}
HIGH_EXPOSURE = 3
HIGH_POTASSIUM = 5.5
BORDERLINE_POTASSIUM = 5.0
LOW_SYSTOLIC = 90.0


@dataclass(frozen=True, slots=True)
class Caution:
    """One thing to know about `drug` (of `reference`): a filled-in title and text, how loud, on whose word."""

    rule: str
    family: str
    severity: Severity
    drug: DrugFacts
    title: str
    words: CautionText
    text: str


@dataclass(frozen=True, slots=True)
class _Scene:
    ordered: Sequence[DrugFacts]
    active: Sequence[DrugFacts]
    kidneys: KidneyFacts

    def others(self, drug: DrugFacts) -> list[DrugFacts]:
        """Every other drug the patient has or is to have."""
        return [one for one in (*self.ordered, *self.active) if one is not drug]

    def other_of(self, drug: DrugFacts, classes: frozenset[str]) -> DrugFacts | None:
        return next((one for one in self.others(drug) if one.classes & classes), None)


def cautions(
    ordered: Sequence[DrugFacts], active: Sequence[DrugFacts], kidneys: KidneyFacts
) -> tuple[Caution, ...]:
    """Cautions about the drugs in `ordered`, given those already `active`; the most serious first.

    Drugs not recognised by code cause none, and take part in none.
    """
    scene = _Scene(ordered, active, kidneys)
    found = [caution for drug in ordered for rule in _RULES for caution in rule(drug, scene)]
    rank = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
    return tuple(sorted(_without_repeats(found), key=lambda one: rank[one.severity]))


def is_dosed_by_kidneys(classes: frozenset[str]) -> bool:
    """Whether the dose of such a drug follows kidney function. An SGLT2 inhibitor is paused, not dosed, in AKI."""
    ruled = frozenset().union(*(rule.classes for rule in caution_table().doses))
    return bool(classes & ((ruled | _DOSED_TOO) - {"sglt2"}))


def _without_repeats(found: list[Caution]) -> Iterator[Caution]:
    """What is true of several orders together (a pair, a load) is said once."""
    said: set[str] = set()
    for one in found:
        if one.rule in _SAID_ONCE and one.rule in said:
            continue
        said.add(one.rule)
        yield one


# The contrast medium and the examination it is for are often two orders.
_SAID_ONCE = frozenset(
    {"triple-whammy", "vancomycin-piperacillin", "nephrotoxin-load", "contrast-in-aki", "contrast-egfr-30"}
)


def _say(rule: str, drug: DrugFacts, scene: _Scene, **fills: Fact) -> Caution:
    return _fill(caution_table().rules[rule], drug, scene.kidneys, **fills)


def _fill(words: CautionText, drug: DrugFacts, kidneys: KidneyFacts, **fills: Fact) -> Caution:
    risk = Sentence("this site's threshold")
    if kidneys.risk is not None:
        risk = Sentence("{percent:.0f} %", percent=kidneys.risk * 100)
    facts: dict[str, Fact] = {"drug": shown_name(drug), "stage": _stage_words(kidneys), "risk": risk, **fills}
    title, text = Sentence(words.title, **facts), Sentence(words.text, **facts)
    return Caution(words.id, words.family, words.severity, drug, title, words, text)


def _stage_words(kidneys: KidneyFacts) -> str:
    """The stage, with what set it where that is not the creatinine shown beside it."""
    stage = kidneys.aki_stage or 0
    match kidneys.criterion:
        case KdigoCriterion.URINE_OUTPUT:
            return Sentence("{stage} by urine output", stage=stage)
        case KdigoCriterion.RRT:
            return Sentence("{stage} by dialysis", stage=stage)
        case _:
            return str(stage)


def shown_name(drug: DrugFacts) -> str:
    """The ingredient where there is one, else the order's own words: short enough for a title."""
    if is_examination(drug):
        return drug.name
    names = [one.name for one in drug.ingredients]
    return " / ".join(names[:2]) if names else drug.name


# --- drugs that harm ----------------------------------------------------------------------------------------


def _nsaid(drug: DrugFacts, scene: _Scene) -> Iterator[Caution]:
    kidneys = scene.kidneys
    if "nsaid" not in drug.classes or kidneys.on_dialysis:
        return
    if kidneys.in_aki:
        yield _say("nsaid-in-aki", drug, scene)
    elif kidneys.has_not_recovered:
        yield _say("nsaid-not-recovered", drug, scene)
    elif _below(kidneys.egfr, 30):
        yield _say("nsaid-egfr-30", drug, scene)
    elif kidneys.risk_is_high:
        yield _say("nsaid-at-risk", drug, scene)
    elif _below(kidneys.egfr, 60):
        yield _say("nsaid-egfr-60", drug, scene)


def _triple_whammy(drug: DrugFacts, scene: _Scene) -> Iterator[Caution]:
    trio = (frozenset({"nsaid"}), RAAS, DIURETIC)
    if scene.kidneys.on_dialysis or not any(drug.classes & part for part in trio):
        return
    if "nsaid" not in drug.classes and any("nsaid" in one.classes for one in scene.ordered):
        return  # said about the NSAID, the one of the three that can be left out
    lacking = [part for part in trio if not drug.classes & part]
    partners = [scene.other_of(drug, part) for part in lacking]
    if all(partners):
        names = dict.fromkeys(shown_name(one) for one in (drug, *partners) if one)
        yield _say("triple-whammy", drug, scene, others=", ".join(names))


def _aminoglycoside(drug: DrugFacts, scene: _Scene) -> Iterator[Caution]:
    kidneys = scene.kidneys
    if "aminoglycoside" not in drug.classes or kidneys.on_dialysis:
        return
    if kidneys.in_aki:
        yield _say("aminoglycoside-in-aki", drug, scene)
    elif kidneys.risk_is_high:
        yield _say("nephrotoxin-at-risk", drug, scene)
    elif _below(kidneys.egfr, 60):
        yield _say("aminoglycoside-egfr-60", drug, scene)


def _direct_toxin(drug: DrugFacts, scene: _Scene) -> Iterator[Caution]:
    if not drug.classes & DIRECT_TOXINS or scene.kidneys.on_dialysis:
        return
    if scene.kidneys.in_aki:
        yield _say("nephrotoxin-in-aki", drug, scene)
    elif scene.kidneys.risk_is_high:
        yield _say("nephrotoxin-at-risk", drug, scene)


def _unmeasured(drug: DrugFacts, scene: _Scene) -> Iterator[Caution]:
    kidneys = scene.kidneys
    unknown = kidneys.creatinine_mg_dl is None and not kidneys.in_aki and not kidneys.on_dialysis
    if unknown and drug.classes & ALWAYS_MEASURED:
        yield _say("nephrotoxin-unmeasured", drug, scene)


def _vancomycin(drug: DrugFacts, scene: _Scene) -> Iterator[Caution]:
    if scene.kidneys.on_dialysis:
        return
    partner = {"vancomycin": "piperacillin", "piperacillin": "vancomycin"}
    for mine, theirs in partner.items():
        if mine in drug.classes and scene.other_of(drug, frozenset({theirs})):
            yield _say("vancomycin-piperacillin", drug, scene)
    if "vancomycin" in drug.classes and scene.kidneys.in_aki:
        yield _say("vancomycin-in-aki", drug, scene)


def _contrast(drug: DrugFacts, scene: _Scene) -> Iterator[Caution]:
    if "contrast" not in drug.classes or scene.kidneys.on_dialysis:
        return
    if scene.kidneys.in_aki:
        yield _say("contrast-in-aki", drug, scene)
    elif _below(scene.kidneys.egfr, 30):
        yield _say("contrast-egfr-30", drug, scene)


def _load(drug: DrugFacts, scene: _Scene) -> Iterator[Caution]:
    """Distinct nephrotoxic ingredients. ACE inhibitors, ARBs and low-dose aspirin are not counted."""
    if not drug.is_nephrotoxic or scene.kidneys.on_dialysis:
        return
    toxins = [one for one in (drug, *scene.others(drug)) if one.is_nephrotoxic]
    names = dict.fromkeys(part.name for one in toxins for part in one.ingredients if part.nephrotoxic)
    if len(names) >= HIGH_EXPOSURE:
        caution = _say("nephrotoxin-load", drug, scene, count=len(names), others=", ".join(names))
        yield replace(caution, severity=Severity.WARNING) if scene.kidneys.in_aki else caution


def _raas(drug: DrugFacts, scene: _Scene) -> Iterator[Caution]:
    """Only with a potassium or a pressure that says so: creatinine alone is no reason to stop."""
    kidneys = scene.kidneys
    if not drug.classes & RAISES_POTASSIUM or not (kidneys.in_aki or _below(kidneys.egfr, 30)):
        return
    why = []
    if kidneys.potassium_mmol_l is not None and kidneys.potassium_mmol_l >= HIGH_POTASSIUM:
        why.append(_potassium_words(kidneys.potassium_mmol_l))
    if drug.classes & RAAS and _below(kidneys.systolic_mmhg, LOW_SYSTOLIC):
        why.append(Sentence("systolic pressure {mmhg:.0f} mmHg", mmhg=kidneys.systolic_mmhg or 0.0))
    if why:
        state = _aki_words(kidneys) if kidneys.in_aki else _egfr_words(kidneys.egfr or 0.0)
        both = Sentence("{first} and {second}", first=why[0], second=why[1]) if len(why) > 1 else why[0]
        yield _say("raas-potassium-pressure", drug, scene, why=both, state=state)


def _potassium_words(mmol_l: float) -> Sentence:
    return Sentence("potassium {mmol_l:.1f} mmol/L", mmol_l=mmol_l)


def _aki_words(kidneys: KidneyFacts) -> Sentence:
    return Sentence("AKI stage {stage}", stage=_stage_words(kidneys))


def _egfr_words(egfr: float) -> Sentence:
    return Sentence("eGFR {egfr:.0f}", egfr=egfr)


def _clearance_words(ml_min: float) -> Sentence:
    return Sentence("clearance {ml_min:.0f} mL/min", ml_min=ml_min)


# --- doses --------------------------------------------------------------------------------------------------


def _doses(drug: DrugFacts, scene: _Scene) -> Iterator[Caution]:
    """The first rule of each family that holds: the table has the more serious first."""
    if not scene.kidneys.is_adult:
        return
    said: set[str] = set()
    for rule in caution_table().doses:
        if rule.words.family in said or not drug.classes & rule.classes:
            continue
        if (why := _why(rule, drug, scene)) is not None:
            said.add(rule.words.family)
            yield _fill(rule.words, drug, scene.kidneys, function=why, why=why)


def _why(rule: DoseRule, drug: DrugFacts, scene: _Scene) -> str | None:
    """Why a dose rule holds, in a few words, or None."""
    kidneys = scene.kidneys
    if kidneys.on_dialysis:
        return Sentence("on dialysis") if rule.on_dialysis else None
    if rule.special == "apixaban":
        return _apixaban(kidneys)
    stage = kidneys.aki_stage or 0
    if rule.in_aki is not None and stage + (stage == 1 and kidneys.course == "rising") >= rule.in_aki:
        return _aki_words(kidneys)
    if (number := _measured_below(rule, kidneys)) is not None:
        return number
    return _trimethoprim(drug, scene) if rule.special == "trimethoprim" else None


def _measured_below(rule: DoseRule, kidneys: KidneyFacts) -> str | None:
    """Clearance where weight is known, else eGFR in its place: the words say which."""
    if rule.below is None:
        return None
    if rule.measure == "clearance" and kidneys.clearance is not None:
        return _clearance_words(kidneys.clearance) if kidneys.clearance < rule.below else None
    return _egfr_words(kidneys.egfr) if kidneys.egfr is not None and kidneys.egfr < rule.below else None


def _apixaban(kidneys: KidneyFacts) -> str | None:
    met = []
    if kidneys.age is not None and kidneys.age >= 80:
        met.append(Sentence("80 years or older"))
    if kidneys.weight_kg is not None and kidneys.weight_kg <= 60:
        met.append(Sentence("60 kg or less"))
    if kidneys.creatinine_mg_dl is not None and kidneys.creatinine_mg_dl >= 1.5:
        met.append(Sentence("creatinine 1.5 mg/dL or more"))
    if len(met) >= 2:
        return _listed(met)
    return _clearance_words(kidneys.clearance or 0.0) if _below(kidneys.clearance, 30) else None


def _listed(parts: Sequence[str]) -> str:
    """The parts one after the other, each still to be said in another language."""
    return reduce(lambda before, part: Sentence("{before}, {part}", before=before, part=part), parts)


def _trimethoprim(drug: DrugFacts, scene: _Scene) -> str | None:
    potassium = scene.kidneys.potassium_mmol_l
    if potassium is not None and potassium >= BORDERLINE_POTASSIUM:
        return _potassium_words(potassium)
    partner = scene.other_of(drug, RAISES_POTASSIUM)
    return Sentence("with {drug}", drug=shown_name(partner)) if partner else None


def _below(value: float | None, limit: float) -> bool:
    return value is not None and value < limit


_RULES: tuple[Callable[[DrugFacts, _Scene], Iterator[Caution]], ...] = (
    _nsaid,
    _triple_whammy,
    _aminoglycoside,
    _contrast,
    _direct_toxin,
    _vancomycin,
    _raas,
    _doses,
    _unmeasured,
    _load,
)
