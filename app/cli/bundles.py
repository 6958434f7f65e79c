"""From the bytes of a Bundle to its outcome: the one path `score` and `score-many` share."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from model.artifact import load_bundled_model
from model.assess import RiskPredictor, assess
from model.assessment import Outcome
from model.errors import ModelError
from model.snapshot import PatientSnapshot
from patient_context import strict_json
from patient_context.errors import BundleUnreadable
from patient_context.mapping import snapshot_from_bundle


@dataclass(frozen=True, slots=True)
class Scored:
    """An outcome and the snapshot it came from."""

    outcome: Outcome
    snapshot: PatientSnapshot


def load_model() -> RiskPredictor | ModelError:
    """The bundled model, or the reason it was refused: staging works without it and the outcome says so."""
    try:
        return load_bundled_model()
    except ModelError as refused:
        return refused


def score_bundle(body: bytes, *, at: datetime | None, model: RiskPredictor | ModelError) -> Scored:
    """Assess the patient of one Bundle as of `at`, else `Bundle.timestamp`, else now.

    Raises JsonRefused and BundleUnreadable.
    """
    bundle = strict_json.loads(body)
    now = at or bundle_time(bundle) or datetime.now(UTC)
    snapshot = snapshot_from_bundle(bundle, read_at=now)
    return Scored(assess(snapshot, now=now, model=model), snapshot)


def bundle_time(bundle: Any) -> datetime | None:
    """`Bundle.timestamp`, or None when it has none. Raises BundleUnreadable when it is not a FHIR instant."""
    if not isinstance(bundle, dict) or "timestamp" not in bundle:
        return None
    try:
        return parse_time(str(bundle["timestamp"]))
    except ValueError:
        raise BundleUnreadable("timestamp-unreadable", "Bundle.timestamp is not a time with an offset.") from None


def parse_time(text: str) -> datetime:
    """An ISO 8601 time with an offset. Raises ValueError: a time without one may be hours off."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return moment
