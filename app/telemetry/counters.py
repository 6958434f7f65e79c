"""Counters of what happens below the web: calls to EHRs, assessments, a failing audit trail."""

from typing import Final

from prometheus_client import Counter, Histogram

EHR_CALLS: Final = Counter("aki_ehr_calls_total", "Calls to EHRs by outcome.", ["ehr", "purpose", "outcome"])
EHR_SECONDS: Final = Histogram("aki_ehr_call_seconds", "Time an EHR took to answer.", ["ehr", "purpose"])
ASSESSMENTS: Final = Counter("aki_assessments_total", "Assessments by kind of answer.", ["ehr", "outcome"])
CARDS: Final = Counter("aki_cds_cards_total", "Cards shown, or held back and why.", ["ehr", "topic", "outcome"])
FEEDBACK: Final = Counter(
    "aki_cds_feedback_total", "What became of cards, as told.", ["ehr", "service", "outcome"]
)
AUDIT_FAILURES: Final = Counter("aki_audit_failures_total", "Events that could not be written: views withheld.")
