"""What came of a prediction, from the creatinine measured since: the label the model was trained on.

The same function says it (`model.training.labels`), so a model that is watched is judged by what it was taught.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from model.hospital_stays import hospital_times
from model.snapshot import Measurement, Stay
from model.training.labels import (
    HORIZON_HOURS,
    RATIO_WINDOW_HOURS,
    Course,
    Landmark,
    onset_landmarks,
    progression_landmarks,
    staged,
)

Head = Literal["onset", "progression"]
Status = Literal["pending", "event", "no-event", "unknown", "not-eligible"]
HORIZON: Final = timedelta(hours=HORIZON_HOURS)
LATE_RESULTS: Final = timedelta(hours=24)  # a specimen of the last hour may be reported the next day
LOOKED_BACK: Final = timedelta(hours=RATIO_WINDOW_HOURS)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What is known of a prediction's outcome.

    `unknown`: no creatinine was measured within the horizon, which is not "no event". `not-eligible`: by the
    training's definition there was nothing to predict (already in AKI, or a first creatinine of 4 mg/dL and more).
    """

    status: Status
    event_at: datetime | None = None


PENDING: Final = FollowUp("pending")


def follow_up(
    creatinine: Collection[Measurement],
    stays: Iterable[Stay],
    *,
    head: Head,
    predicted_at: datetime,
    now: datetime,
) -> FollowUp:
    """What came of a prediction, as far as these results tell by `now`.

    An event counts as soon as it is seen; its absence, and that nothing is known, only when the horizon and a day
    for late results have passed.
    """
    due = now >= predicted_at + HORIZON + LATE_RESULTS
    if not due and all(one.at <= predicted_at for one in creatinine):
        return PENDING  # nothing was measured since: the usual case, and asked at every look at the patient
    course = _course(creatinine, _began_at(stays, predicted_at, now), predicted_at, now)
    if course.latest_at(0.0) is None:
        return PENDING  # not even what was predicted from is there: these results cannot tell
    marks = (onset_landmarks if head == "onset" else progression_landmarks)(course, [0.0])
    mark = marks[0] if marks else None
    if mark is not None and mark.outcome:
        return FollowUp("event", predicted_at + timedelta(hours=_event_hour(course, mark, head)))
    if not due:
        return PENDING
    if mark is None:
        return FollowUp("not-eligible")
    return FollowUp("unknown" if mark.outcome is None else "no-event")


def _course(creatinine: Iterable[Measurement], began_at: datetime, zero_at: datetime, now: datetime) -> Course:
    """Usable results in hours from the prediction: final, exact, timed, known by `now`; one per instant."""
    kept = {
        one.at: one
        for one in sorted(creatinine, key=lambda m: (m.at, m.available_at, m.value))
        if max(one.at, one.available_at) <= now and zero_at - 5 * LOOKED_BACK <= one.at <= zero_at + HORIZON
        if one.comparator is None and not one.preliminary and not one.day_only
    }
    results = [kept[at] for at in sorted(kept)]
    return Course(
        hours=[_hours(one.at, zero_at) for one in results],
        values=[one.value for one in results],
        known=[_hours(max(one.at, one.available_at), zero_at) for one in results],
        begins=_hours(began_at, zero_at),
    )


def _began_at(stays: Iterable[Stay], predicted_at: datetime, now: datetime) -> datetime:
    """When the stay began; seven days before where no stay is known to hold the prediction."""
    times = hospital_times(stays, now)
    index = times.stay_at(predicted_at.timestamp())
    if index < 0:
        return predicted_at - LOOKED_BACK
    return datetime.fromtimestamp(times.starts[index], tz=predicted_at.tzinfo)


def _event_hour(course: Course, mark: Landmark, head: Head) -> float:
    if head == "onset":
        return mark.hours_to_event
    stages, latest = staged(course).stages, course.latest_at(0.0)
    before = 0 if latest is None else stages[latest]
    return next(course.hours[j] for j in course.following(0.0) if stages[j] > before)


def _hours(at: datetime, zero_at: datetime) -> float:
    return (at - zero_at) / timedelta(hours=1)
