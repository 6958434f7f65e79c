"""In what a patient's situation differs from the training patients': cautions beside a probability.

`model.familiarity` compares the findings; here it is the situation: everybody the model learned from was in
intensive care and before a first AKI, and it was not made for pregnancy (docs/model-limits.md).
"""

from collections.abc import Iterator
from datetime import datetime

from model.applicability import has_problem
from model.assessment import EpisodeState, KdigoStaging, Reason
from model.hospital_stays import hospital_times
from model.snapshot import Concept, PatientSnapshot


def situation_cautions(snapshot: PatientSnapshot, now: datetime, kdigo: KdigoStaging) -> Iterator[Reason]:
    """What a reader of the probability must know; nothing here changes the number."""
    if hospital_times(snapshot.stays, now).stay_at(now.timestamp()) < 0:
        yield Reason(
            "not_in_hospital",
            "Not in hospital by the chart: the model learned from intensive care, where AKI is more frequent.",
        )
    if not kdigo.stage and kdigo.episode is not None and kdigo.episode.state is EpisodeState.RECOVERED:
        yield Reason(
            "recovered_aki", "Recovered from an AKI: the model learned from patients before their first one."
        )
    if has_problem(snapshot, Concept.PREGNANCY, now):
        yield Reason("pregnancy_not_in_training", "Pregnancy: the model was not made for it.")
