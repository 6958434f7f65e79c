"""The clinical core's cautions about the drugs on a chart, for the page (the order hooks ask it about drafts)."""

from app.presentation.drugs import DrugFindings, DrugNote, Remark, is_active
from model.assessment import Outcome
from model.drug_cautions import TO_REVIEW_WHEN_ILL, Caution, cautions, is_dosed_by_kidneys, shown_name
from model.drugs import DrugFacts, Recognition, recognise
from model.kidney_facts import kidney_facts
from model.snapshot import Medication, PatientSnapshot


def drug_findings(snapshot: PatientSnapshot, outcome: Outcome) -> DrugFindings:
    """Each substance of the drug table once, with what there is to say of it now; the weightiest first."""
    now = outcome.assessed_at
    active = [m for m in snapshot.medications if is_active(m, now)]
    recognised = [(medication, recognise(medication)) for medication in active]
    once = _once_each(recognised)
    said = cautions([facts for _, facts in once], (), kidney_facts(outcome, snapshot, now))
    notes = [_note(medication, facts, said) for medication, facts in once]
    listed = [note for note in notes if note.harms or note.is_dosed or note.is_to_review or note.remarks]
    unknown = sum(facts.recognition is Recognition.UNRECOGNISED for _, facts in recognised)
    return DrugFindings(tuple(sorted(listed, key=_weight)), unknown)


def _weight(note: DrugNote) -> tuple[bool, bool, bool, bool, str]:
    return (not note.remarks, not note.harms, not note.is_dosed, note.by_name, note.short_name.casefold())


def _once_each(recognised: list[tuple[Medication, DrugFacts]]) -> list[tuple[Medication, DrugFacts]]:
    """The last order of each combination of substances; an order recognised by code before one known by name."""
    last: dict[tuple[str, ...], tuple[Medication, DrugFacts]] = {}
    for medication, facts in sorted(recognised, key=lambda pair: pair[1].recognition is not Recognition.NAME_ONLY):
        if facts.ingredients:
            last[tuple(one.name for one in facts.ingredients)] = (medication, facts)
    return list(last.values())


def _note(medication: Medication, facts: DrugFacts, said: tuple[Caution, ...]) -> DrugNote:
    classes = frozenset().union(*(one.classes for one in facts.ingredients))
    return DrugNote(
        medication=medication,
        short_name=shown_name(facts),
        harms=any(one.nephrotoxic for one in facts.ingredients),
        is_dosed=is_dosed_by_kidneys(classes),
        is_to_review=bool(classes & TO_REVIEW_WHEN_ILL),
        by_name=facts.recognition is Recognition.NAME_ONLY,
        remarks=tuple(Remark(one.title, one.text) for one in said if one.drug is facts),
    )
