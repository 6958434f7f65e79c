"""From the bytes of a Bundle to its outcome: the one path `score` and `score-many` share.

A file names no EHR, so no registration applies: default policy, no local codes, times without an offset in UTC.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from model.artifact import load_bundled_model
from model.assess import RiskPredictor, assess
from model.assessment import Outcome
from model.errors import ModelError
from model.snapshot import PatientSnapshot
from patient_context import strict_json
from patient_context.errors import BundleUnreadable, PatientContextError
from patient_context.mapping import snapshot_from_bundle

_YEARS = range(1900, 2300)  # de-identified charts are moved into the future

#: What to do about a Bundle that cannot be read, by the refusal's code.
CURES = {
    "too-large": "Export fewer resources or a shorter time: only the last year of laboratory results is used.",
    "empty": "The file or the pipe is empty: check the command that writes it.",
    "compressed": "Unpack it on the way: zcat BUNDLE.json.gz | aki score -",
    "not-json-but-html": "Sign in to the EHR and fetch the Bundle again.",
    "too-deep": "No FHIR resource is nested that deeply: fetch the Bundle again.",
    "not-utf-8": "Save it as UTF-8, as FHIR requires: iconv -f UTF-16 -t UTF-8",
    "not-json": "Fetch the Bundle again. A file of several Bundles, one a line, is for: aki score-many",
    "not-a-bundle": "Wrap the resources in a Bundle, or fetch Patient/ID/$everything.",
    "no-patient": "Add the Patient with its id, or resources that name it as their subject.",
    "several-patients": "Write one Bundle for each patient; many of them, one a line, are for: aki score-many",
    "timestamp-unreadable": "Correct it, or name the time of assessment: --at 2026-11-21T14:05:00Z",
}


def cure(refusal: PatientContextError) -> str:
    """What to do about a refused Bundle."""
    return CURES.get(refusal.code, "A Bundle holds one Patient and the chart's resources.")


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
    """An ISO 8601 time with an offset. Raises ValueError: without one, or in no century of medicine."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    if moment.year not in _YEARS:
        raise ValueError("no plausible year")
    return moment
