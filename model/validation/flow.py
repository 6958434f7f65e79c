"""Who is in the figures and who is not, and why: the flow of stays that reporting guidelines ask for."""

from collections import Counter
from collections.abc import Iterable

from model.age import ADULT_AGE_YEARS
from model.training.cohort import CohortStay
from model.training.labels import FIRST_CREATININE_BELOW_MG_DL, Course, onset_landmarks
from model.training.landmark_table import course_of

NO_CREATININE = "no creatinine during the stay"
NO_AGE = "age unknown or under 18 years"
HIGH_FIRST = "first creatinine 4 mg/dL or more"
ALREADY_AKI = "AKI before any prediction could be made"
UNKNOWN = "no later creatinine within 48 hours of any prediction"
IN = "analysed for onset"


def flow_of(stays: Iterable[CohortStay]) -> dict[str, int]:
    """How many stays ended where, the analysed ones last. The order is the one in which they are sorted out."""
    counts = Counter(_where(stay) for stay in stays)
    return {place: counts[place] for place in (NO_AGE, NO_CREATININE, HIGH_FIRST, ALREADY_AKI, UNKNOWN, IN)}


def _where(stay: CohortStay) -> str:
    age, course = stay.timeline.age_years, course_of(stay)
    if age is None or age < ADULT_AGE_YEARS:
        return NO_AGE
    if course is None or not course.inside():
        return NO_CREATININE
    if course.values[course.inside()[0]] >= FIRST_CREATININE_BELOW_MG_DL:
        return HIGH_FIRST
    return _landmarked(course)


def _landmarked(course: Course) -> str:
    marks = onset_landmarks(course)
    if not marks:
        return ALREADY_AKI
    return UNKNOWN if all(mark.outcome is None for mark in marks) else IN
