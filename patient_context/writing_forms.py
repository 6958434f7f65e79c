"""The other forms an assessment can leave in where the EHR takes no RiskAssessment (FH-17, FH-18); Provenance.

Text goes into a Communication or a DocumentReference; the number alone into an Observation. Each is labelled
"asserted by AI" and carries the identifier of the assessment, so that one assessment is never written twice.
"""

import base64
import re
from datetime import datetime
from typing import Final

from fhirclient.models.communication import Communication
from fhirclient.models.documentreference import DocumentReference
from fhirclient.models.observation import Observation
from fhirclient.models.provenance import Provenance

from model.assessment import Assessment, Outcome
from model.forecasts import Forecast
from model.sentences import Sentence
from patient_context.codes import LOINC
from patient_context.shapes import Json, member, objects, text
from patient_context.writing import ASSERTED_BY_AI, Say, identifier_of, validated, written

#: Our own codes: no LOINC code for this score is assumed (FH-19).
SCORE_SYSTEM: Final = "urn:aki-sentinel:score"
UCUM: Final = "http://unitsofmeasure.org"
_OBSERVATION: Final = re.compile(r"Observation/[A-Za-z0-9\-.]{1,64}")
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


_TITLE: Final = Sentence("AKI assessment")


def observation(
    outcome: Assessment, forecast: Forecast, *, encounter_id: str | None = None, say: Say = str
) -> Json:
    """The probability as an Observation in percent, derived from the results it used (FH-19).

    Onset and progression have codes of their own: on one flowsheet row they would be read as one course.
    """
    prediction = forecast.prediction
    sources = sorted({c.source for c in prediction.contributions if c.source and _OBSERVATION.fullmatch(c.source)})
    resource: Json = {
        **_labelled("Observation", outcome, encounter_id),
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": "survey", "display": "Survey"}]}],
        "code": {
            "coding": [{"system": SCORE_SYSTEM, "code": _score_code(forecast)}],
            "text": say(_what(forecast)),
        },
        "effectiveDateTime": written(outcome.assessed_at),
        "valueQuantity": {
            "value": round(prediction.probability * 100, 1),
            "unit": "%",
            "system": UCUM,
            "code": "%",
        },
        "derivedFrom": [{"reference": source} for source in sources],
    }
    if outcome.model is not None:
        resource["method"] = {"text": f"{outcome.model.id} {outcome.model.version}"}
    return validated(Observation, resource)


def _score_code(forecast: Forecast) -> str:
    of = "aki-progression" if forecast.in_aki else "aki"
    return f"{of}-{forecast.prediction.horizon_hours}h"


def _what(forecast: Forecast) -> Sentence:
    return Sentence(
        "Probability within {hours} h: {outcome}",
        hours=forecast.prediction.horizon_hours,
        outcome=forecast.outcome_words,
    )


def document_reference(outcome: Outcome, body: str, *, encounter_id: str | None = None, say: Say = str) -> Json:
    """The hand-over text as a note."""
    resource = {
        **_labelled("DocumentReference", outcome, None),
        "status": "current",
        "type": {"coding": [{"system": LOINC, "code": "34109-9", "display": "Note"}], "text": say(_TITLE)},
        "date": written(outcome.assessed_at),
        "description": say(
            Sentence("AKI assessment, asserted by AI and reviewed by the clinician who wrote it here")
        ),
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain; charset=utf-8",
                    "data": base64.b64encode(body.encode()).decode("ascii"),
                    "title": say(_TITLE),
                }
            }
        ],
    }
    if encounter_id:
        resource["context"] = {"encounter": [{"reference": f"Encounter/{encounter_id}"}]}
    return validated(DocumentReference, resource)


def communication(outcome: Outcome, body: str, *, encounter_id: str | None = None) -> Json:
    """The hand-over text as a message on the chart."""
    resource: Json = {
        **_labelled("Communication", outcome, encounter_id),
        "status": "completed",
        "sent": written(outcome.assessed_at),
        "payload": [{"contentString": body}],
    }
    return validated(Communication, resource)


def provenance(resource: Json, reference: str, *, who: str | None, at: datetime) -> Json:
    """Who stands behind a written resource: the model as author, the person who clicked as verifier (FH-25)."""
    agents: list[Json] = [{"type": _role("author"), "who": {"display": "AKI Sentinel"}}]
    if who:
        agents.append({"type": _role("verifier"), "who": {"reference": who}})
    basis = objects(resource.get("basis")) or objects(resource.get("derivedFrom"))
    entities = [{"role": "source", "what": each} for each in basis if text(each.get("reference"))]
    return validated(
        Provenance,
        {
            "resourceType": "Provenance",
            "target": [{"reference": reference}],
            "recorded": written(at),
            "reason": [{"coding": [ASSERTED_BY_AI]}],
            "agent": agents,
            "entity": entities,
        },
    )


def readable_note(resource: Json) -> str | None:
    """The text inside a Communication or DocumentReference built here, for a preview; None for other forms."""
    for payload in objects(resource.get("payload")):
        return text(payload.get("contentString"))
    for content in objects(resource.get("content")):
        data = text(member(content, "attachment").get("data"))
        return base64.b64decode(data).decode() if data else None
    return None


def _labelled(resource_type: str, outcome: Outcome, encounter_id: str | None) -> Json:
    resource: Json = {
        "resourceType": resource_type,
        "meta": {"security": [ASSERTED_BY_AI]},
        "identifier": [identifier_of(outcome)],
        "subject": {"reference": f"Patient/{outcome.patient_id}"},
    }
    if encounter_id:
        resource["encounter"] = {"reference": f"Encounter/{encounter_id}"}
    return resource


def _role(code: str) -> Json:
    return {"coding": [{"system": _PARTICIPANT, "code": code}]}
