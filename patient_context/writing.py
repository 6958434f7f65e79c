"""Resources we send out, built strictly: fhirclient's models validate what is written here.

Every one carries the security label "asserted by AI" (FH-24). A probability leaves as a percentage from 0 to 100
(FH-12); where the model said nothing there is no prediction, only the reasons (FH-16).
"""

import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from fhirclient.models.riskassessment import RiskAssessment
from fhirclient.models.servicerequest import ServiceRequest

from model.assessment import Assessment, BaselineMethod, Contribution, KdigoStaging, Outcome, Prediction
from model.forecasts import Forecast, forecast_of
from model.sentences import Sentence
from patient_context.codes import LOINC
from patient_context.shapes import Json

SNOMED: Final = "http://snomed.info/sct"
ACUTE_KIDNEY_INJURY: Final = {"system": SNOMED, "code": "14669001", "display": "Acute kidney injury"}
ASSERTED_BY_AI: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
_RISK_PROBABILITY: Final = "http://terminology.hl7.org/CodeSystem/risk-probability"
_CATEGORIES: Final = {"low": "Low likelihood", "moderate": "Moderate likelihood", "high": "High likelihood"}
_IDENTIFIERS: Final = uuid.UUID("6c1c1d5e-0f4b-5c9e-9a52-6a8b5d1a7f10")  # namespace of our assessment ids
_REFERENCE: Final = re.compile(r"[A-Za-z]+/[A-Za-z0-9\-.]{1,64}")
_UNIT_WORDS: Final = {"mm[Hg]": "mmHg", "Cel": "°C", "a": "years", "{score}": "", "1": ""}
_TOP_FACTORS: Final = 5

#: Says a sentence in the language of the chart it is written to; `str` leaves it in English.
Say = Callable[[str], str]


def risk_assessment(
    outcome: Outcome, *, encounter_id: str | None = None, say: Say = str, rationale: str | None = None
) -> Json:
    """The outcome as an R4 RiskAssessment (FH-12 to FH-16). The same outcome always has the same identifier.

    `rationale` replaces the English words on what moved the score. Numbers keep the units they have here.
    """
    forecast = forecast_of(outcome)
    resource: Json = {
        "resourceType": "RiskAssessment",
        "meta": {"security": [ASSERTED_BY_AI]},
        "identifier": [identifier_of(outcome)],
        "status": "final",
        "code": {"text": say(_subject_of(forecast))},
        "subject": {"reference": f"Patient/{outcome.patient_id}"},
        "occurrenceDateTime": written(outcome.assessed_at),
        "prediction": [_prediction(forecast, outcome.assessed_at, say, rationale)] if forecast else [],
        "basis": [{"reference": source} for source in _sources(forecast.prediction if forecast else None)],
        "note": [{"text": text} for text in _notes(outcome, say)],
    }
    if encounter_id:
        resource["encounter"] = {"reference": f"Encounter/{encounter_id}"}
    if outcome.model is not None:
        resource["method"] = {"text": f"{outcome.model.id} {outcome.model.version}"}
        resource["contained"] = [_device(outcome.model.id, outcome.model.version)]
        resource["performer"] = {"reference": "#model"}
    return validated(RiskAssessment, resource)


def service_request_creatinine(
    patient_id: str,
    *,
    authored_at: datetime,
    due_at: datetime | None = None,
    encounter_id: str | None = None,
    reason: str | None = None,
    identifier: Json | None = None,
    say: Say = str,
) -> Json:
    """A draft order for a repeat creatinine, for a clinician to sign; it orders nothing by itself."""
    resource: Json = {
        "resourceType": "ServiceRequest",
        "meta": {"security": [ASSERTED_BY_AI]},
        "identifier": [identifier] if identifier else [],
        "status": "draft",
        "intent": "order",
        "category": [{"coding": [{"system": SNOMED, "code": "108252007", "display": "Laboratory procedure"}]}],
        "code": {
            "coding": [
                {
                    "system": LOINC,
                    "code": "2160-0",
                    "display": "Creatinine [Mass/volume] in Serum or Plasma",
                }
            ],
            "text": say(Sentence("Creatinine, serum or plasma")),
        },
        "subject": {"reference": f"Patient/{patient_id}"},
        "authoredOn": written(authored_at),
    }
    if due_at is not None:
        resource["occurrenceDateTime"] = written(due_at)
    if encounter_id:
        resource["encounter"] = {"reference": f"Encounter/{encounter_id}"}
    if reason:
        resource["reasonCode"] = [{"text": reason}]
    return validated(ServiceRequest, resource)


def validated(model: Any, resource: Json) -> Json:
    """The resource as fhirclient writes it; its models raise on any unknown, missing or mistyped element."""
    found: Json = model({name: value for name, value in resource.items() if value not in ([], None)}).as_json()
    return found


def _subject_of(forecast: Forecast | None) -> Sentence:
    if forecast is not None and forecast.in_aki:
        return Sentence("Higher KDIGO stage of acute kidney injury within 48 hours")
    return Sentence("Acute kidney injury within 48 hours")


def _prediction(forecast: Forecast, assessed_at: datetime, say: Say, rationale: str | None) -> Json:
    """In AKI without the code of AKI: its probability would be read as that of the AKI the patient has."""
    prediction = forecast.prediction
    end = assessed_at + timedelta(hours=prediction.horizon_hours)
    coding = {} if forecast.in_aki else {"coding": [ACUTE_KIDNEY_INJURY]}
    entry: Json = {
        "outcome": {**coding, "text": say(forecast.outcome_words)},
        "probabilityDecimal": round(prediction.probability * 100, 2),
        "whenPeriod": {"start": written(assessed_at), "end": written(end)},
        "qualitativeRisk": _likelihood(forecast, say),
    }
    if words := rationale if rationale is not None else _rationale(prediction):
        entry["rationale"] = words
    return entry


def _likelihood(forecast: Forecast, say: Say) -> Json:
    category, words = forecast.prediction.category, say(forecast.category_words)
    if category not in _CATEGORIES:
        return {"text": words}
    coding = {"system": _RISK_PROBABILITY, "code": category, "display": _CATEGORIES[category]}
    return {"coding": [coding], "text": words}


def _rationale(prediction: Prediction) -> str:
    """The factors that moved the score most, each with its value and direction."""
    strongest = sorted(prediction.contributions, key=lambda c: (-abs(c.log_odds), c.feature))[:_TOP_FACTORS]
    return "; ".join(
        f"{c.label}{_value_words(c)} ({'raises' if c.log_odds > 0 else 'lowers'} the risk)" for c in strongest
    )


def _value_words(contribution: Contribution) -> str:
    if not contribution.value:
        return ""
    unit = contribution.unit or ""
    return f" {contribution.value} {_UNIT_WORDS.get(unit, unit)}".rstrip()


def _sources(prediction: Prediction | None) -> list[str]:
    found = {c.source for c in prediction.contributions if c.source} if prediction else set()
    return sorted(source for source in found if _REFERENCE.fullmatch(source))


def _notes(outcome: Outcome, say: Say) -> list[str]:
    stage = _stage_note(outcome.kdigo) if isinstance(outcome, Assessment) and outcome.kdigo else None
    reasons = [reason.text for reason in outcome.reasons]
    unscored = [] if forecast_of(outcome) else [Sentence("No risk was computed.")]
    return [say(text) for text in (*([stage] if stage else []), *unscored, *reasons)]


_METHOD_WORDS: Final = {
    BaselineMethod.OUTPATIENT_MEDIAN_8_365_D: Sentence("outpatient median of 8 to 365 days"),
    BaselineMethod.MEDIAN_8_365_D: Sentence("median of 8 to 365 days"),
    BaselineMethod.LOWEST_7_D: Sentence("lowest 7 d"),
    BaselineMethod.LOWEST_48_H: Sentence("lowest 48 h"),
    BaselineMethod.FIRST_OF_STAY: Sentence("first of stay"),
    BaselineMethod.ESTIMATED_EGFR_75_MDRD: Sentence("estimated egfr 75 mdrd"),
    BaselineMethod.ESTIMATED_EGFR_75_CKD_EPI_2021: Sentence("estimated egfr 75 ckd epi 2021"),
    BaselineMethod.SUPPLIED: Sentence("supplied"),
}


def _stage_note(kdigo: KdigoStaging) -> Sentence | None:
    if kdigo.stage is None:
        return None
    if kdigo.baseline is None:
        return Sentence("KDIGO 2012 stage {stage}.", stage=kdigo.stage)
    return Sentence(
        "KDIGO 2012 stage {stage}, baseline creatinine {mg_dl:.2f} mg/dL ({method}).",
        stage=kdigo.stage,
        mg_dl=kdigo.baseline.creatinine_mg_dl,
        method=_METHOD_WORDS[kdigo.baseline.method],
    )


def _device(name: str, version: str) -> Json:
    return {
        "resourceType": "Device",
        "id": "model",
        "deviceName": [{"name": name, "type": "model-name"}],
        "version": [{"value": version}],
    }


def identifier_of(outcome: Outcome, *, saying: str | None = None) -> Json:
    """The identifier of an assessment: always the same for the same.

    With `saying`, what it tells the chart, it is the same for every assessment that tells the same, whatever the
    minute: another launch then finds what an earlier one has written (VN-25).
    """
    model = outcome.model.sha256 if outcome.model else "rules only"
    told = saying if saying is not None else written(outcome.assessed_at)
    name = f"{outcome.patient_id}|{told}|{model}"
    return {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid5(_IDENTIFIERS, name)}"}


def written(moment: datetime) -> str:
    """A FHIR dateTime, to the second."""
    return moment.isoformat(timespec="seconds")
