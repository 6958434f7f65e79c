"""When patient-view speaks: the clinicians' table, row by row."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cds_hooks.care_setting import Setting, is_at_a_visit, setting_at
from cds_hooks.decision import CardKind, CardPolicy, Indicator, Show, Silent, decide
from model.assessment import (
    AkiEpisode,
    Assessment,
    EpisodeState,
    InsufficientData,
    KdigoCriterion,
    KdigoStaging,
    NotApplicable,
    Outcome,
    Prediction,
    Reason,
)
from model.snapshot import Incomplete, PatientSnapshot, Stay
from model.withholding import WITHHELD_BY_SITE
from tests.builders.cds import NOW, PATIENT
from tests.builders.outcomes import INPUTS, assessment

TABLE = Path(__file__).parents[1] / "spec" / "cds" / "patient_view.txt"
OF_PATIENT_VIEW = (
    CardKind.STAGE,
    CardKind.NOT_RECOVERED,
    CardKind.RISK,
    CardKind.NO_RISK_ESTIMATE,
    CardKind.NOT_ASSESSED,
)
PERSISTING = AkiEpisode(NOW, EpisodeState.PERSISTING, "akd", 2, NOW, 2.3, 0.9, 1.8)
CHART = PatientSnapshot(patient_id=PATIENT, read_at=NOW)


def rows() -> list[dict[str, str]]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    heads = lines[0].split()
    starts = [lines[0].index(head) for head in heads]
    cut = [*zip(starts, [*starts[1:], None], strict=True)]
    return [{head: line[a:b].strip() for head, (a, b) in zip(heads, cut, strict=True)} for line in lines[1:]]


def prediction(level: str) -> Prediction | None:
    if level in {"none", "held", "-"}:
        return None
    probability = {"high": 0.2, "low": 0.19}[level]
    return Prediction(probability, 48, "KDIGO stage >= 1", level, 0.2, -1.0, ())


def outcome(row: dict[str, str]) -> Outcome:
    if row["outcome"] == "insufficient":
        return InsufficientData(PATIENT, NOW, INPUTS, (Reason("no-creatinine", "No creatinine on record."),))
    if row["outcome"] == "not-applicable":
        return NotApplicable(PATIENT, NOW, INPUTS, (Reason("dialysis", "On dialysis."),))
    stage = None if row["stage"] == "?" else int(row["stage"])
    persisting = row["course"] == "unrecovered"
    staging = KdigoStaging(
        stage,
        criterion=KdigoCriterion.RRT if row["course"] == "dialysis" else None,
        course=None if row["course"] in {"-", "dialysis"} else row["course"],
        episode=PERSISTING if persisting else None,
    )
    return Assessment(
        PATIENT,
        NOW,
        INPUTS,
        reasons=_reasons(row),
        kdigo=staging,
        risk=prediction(row["risk"]),
        progression=prediction(row["worse"]),
    )


def _reasons(row: dict[str, str]) -> tuple[Reason, ...]:
    if row["risk"] == "held":
        return (Reason(WITHHELD_BY_SITE, "Switched off by the site."),)
    return (Reason("child", "A child."),) if row["outcome"] == "child" else ()


@pytest.mark.parametrize("row", rows(), ids=lambda row: " ".join(list(row.values())[:6]))
def test_patient_view_shows_what_the_table_says(row: dict[str, str]) -> None:
    decision = decide(outcome(row), CHART, Setting(row["setting"]))
    shown = "silent" if isinstance(decision, Silent) else f"{decision.kind.value} {decision.indicator.value}"
    assert shown == row["shows"], row["because"]


def test_the_table_never_shows_critical() -> None:
    assert rows()
    assert not [row for row in rows() if "critical" in row["shows"]]


def test_a_site_may_switch_critical_on_for_stage_3_alone() -> None:
    policy = CardPolicy(critical_for_stage_3=True)
    stages = [
        decide(assessment(stage=stage, course="rising"), CHART, Setting.HOSPITAL, policy) for stage in (1, 2, 3)
    ]
    assert [show.indicator.value for show in stages if isinstance(show, Show)] == [
        "warning",
        "warning",
        "critical",
    ]


def test_nothing_is_shown_about_the_dead() -> None:
    chart = replace(CHART, deceased=True)
    assert decide(assessment(stage=3), chart, Setting.HOSPITAL) == Silent("deceased", rests_on_the_chart=False)


def test_comfort_care_is_left_in_peace() -> None:
    """The assessment says "staged for information, no alerts"."""
    comfort = assessment(stage=3, reasons=(Reason("comfort_care", "Comfort care."),))
    assert decide(comfort, CHART, Setting.HOSPITAL) == Silent("comfort-care", rests_on_the_chart=False)


def test_silence_about_dialysis_does_not_wait_for_creatinine() -> None:
    on_dialysis = NotApplicable(PATIENT, NOW, INPUTS, (Reason("maintenance_dialysis", "On dialysis."),))
    newborn = NotApplicable(PATIENT, NOW, INPUTS, (Reason("newborn", "Under 28 days of age."),))
    silences = [decide(one, CHART, Setting.HOSPITAL) for one in (on_dialysis, newborn)]
    assert silences == [Silent(name, rests_on_the_chart=False) for name in ("dialysis", "not-applicable")]


STAYS = {
    "open inpatient stay": (Stay("IMP", "Encounter/1", NOW - timedelta(days=2)), Setting.HOSPITAL),
    "emergency visit that just began": (Stay("EMER", "Encounter/1", NOW), Setting.HOSPITAL),
    "stay without dates": (Stay("ACUTE", "Encounter/1"), Setting.HOSPITAL),
    "stay that ended yesterday": (
        Stay("IMP", "Encounter/1", NOW - timedelta(days=9), NOW - timedelta(days=1)),
        Setting.OUTPATIENT,
    ),
    "admission planned for tomorrow": (Stay("IMP", "Encounter/1", NOW + timedelta(days=1)), Setting.OUTPATIENT),
    "clinic visit": (Stay("AMB", "Encounter/1", NOW), Setting.OUTPATIENT),
}


@pytest.mark.parametrize(("stay", "setting"), STAYS.values(), ids=STAYS.keys())
def test_the_setting_is_read_from_the_encounters(stay: Stay, setting: Setting) -> None:
    assert setting_at([stay], NOW, encounters_known=True) is setting


def test_without_encounter_data_the_setting_is_unknown_not_outpatient() -> None:
    assert setting_at([], NOW, encounters_known=False) is Setting.UNKNOWN
    assert setting_at([Stay("AMB", "Encounter/1", NOW)], NOW, encounters_known=False) is Setting.UNKNOWN


CLINIC, WARD = Stay("AMB", "Encounter/1", NOW), Stay("IMP", "Encounter/2", NOW)
UNREAD = Incomplete("encounters", "partial", "There are more.")


@pytest.mark.parametrize(
    ("stays", "incomplete", "expected"),
    [
        ((CLINIC,), (), True),
        ((Stay("HH", "Encounter/1", NOW), Stay("vr", "Encounter/3", NOW)), (), True),
        ((CLINIC, WARD), (), False),
        ((CLINIC, Stay("UNK", "Encounter/2", NOW)), (), False),  # the other one may be a ward
        ((CLINIC,), (UNREAD,), False),  # a stay may be among those nobody read
        ((Stay("AMB", "Encounter/1", NOW - timedelta(days=2), NOW - timedelta(days=2)),), (), False),
        ((), (), False),
    ],
)
def test_a_visit_is_known_from_open_encounters_that_are_all_outside_hospital(
    stays: tuple[Stay, ...], incomplete: tuple[Incomplete, ...], expected: bool
) -> None:
    assert is_at_a_visit(replace(CHART, stays=stays, incomplete=incomplete), NOW) is expected


def test_every_card_kind_occurs_in_the_table() -> None:
    shown = {row["shows"].split()[0] for row in rows()}
    assert shown == {kind.value for kind in OF_PATIENT_VIEW} | {"silent"}
    assert {row["shows"].split()[-1] for row in rows()} == {Indicator.INFO, Indicator.WARNING, "silent"}
