"""A registered CDS client with real keys, its tokens, and hook bodies: the material of every CDS test."""

import base64
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import requests
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from cds_hooks.clients import CdsClient

NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
PUBLIC_URL = "https://aki.example.org"
SERVICE_URL = f"{PUBLIC_URL}/cds-services/aki-patient-view"
EHR = "https://ehr.example.org/fhir"
JKU = f"{EHR}/.well-known/jwks.json"
PATIENT = "p-1"


@cache
def ec_key(curve: str = "P-384", kid: str = "ec-1") -> ECKey:
    """An EC key pair, the same one for the whole run."""
    return ECKey.generate_key(curve, {"kid": kid, "use": "sig"}, private=True)


@cache
def rsa_key(kid: str = "rsa-1", bits: int = 2048) -> RSAKey:
    """An RSA key pair, the same one for the whole run."""
    return RSAKey.generate_key(bits, {"kid": kid, "use": "sig"}, private=True)


def public_jwks(*keys: ECKey | RSAKey) -> dict[str, Any]:
    """The JWK Set an EHR publishes."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


def client(**changes: Any) -> CdsClient:
    """A client with a static key set of one EC and one RSA key."""
    fields: dict[str, Any] = {
        "ehr_id": "ehr-1",
        "iss": EHR,
        "fhir_servers": [EHR],
        "jwks": public_jwks(ec_key(), rsa_key()),
        "jku": JKU,
        "cors_origins": ["https://sandbox.example.org"],
    }
    return CdsClient(**{**fields, **changes})


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of a token that is accepted at NOW; a change to `...` leaves the claim out."""
    issued = int(NOW.timestamp())
    fields: dict[str, Any] = {
        "iss": EHR,
        "aud": SERVICE_URL,
        "iat": issued,
        "exp": issued + 300,
        "jti": str(uuid.uuid4()),
    }
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not ...}


def token(
    key: ECKey | RSAKey | None = None, alg: str = "ES384", header: dict[str, Any] | None = None, **changes: Any
) -> str:
    """A signed token; `header` adds to or replaces `typ`, `kid` and `alg`."""
    key = key or ec_key()
    full = {"alg": alg, "kid": key.kid, **(header or {})}
    return jwt.encode(full, claims(**changes), key, algorithms=[alg], registry=_roomy([alg]))


def _roomy(algorithms: list[str]) -> Any:
    from joserfc.jws import JWSRegistry

    return JWSRegistry(algorithms=algorithms, strict_check_header=False)


def segment(part: Any) -> str:
    """One base64url segment of a hand-made token."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class FakeSession(requests.Session):
    """Answers GET from a table and remembers every address asked for."""

    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """The prepared answer, or a failure to connect."""
        self.asked.append(str(request.url))
        if str(request.url) not in self.answers:
            raise requests.ConnectionError("unreachable")
        answer = requests.Response()
        answer.status_code, answer._content = self.answers[str(request.url)]
        answer.request = request
        return answer


def creatinine(
    observation_id: str,
    mg_dl: float,
    hours_ago: float,
    *,
    patient: str = PATIENT,
    now: datetime = NOW,
    **changes: Any,
) -> dict[str, Any]:
    """A final serum creatinine Observation."""
    at = (now - timedelta(hours=hours_ago)).isoformat()
    return {
        "resourceType": "Observation",
        "id": observation_id,
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                  "code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0", "display": "Creatinine"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": at,
        "issued": at,
        "valueQuantity": {"value": mg_dl, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"},
        **changes,
    }  # fmt: skip


def searchset(*resources: dict[str, Any]) -> dict[str, Any]:
    """A searchset Bundle of resources."""
    entries = [{"resource": resource, "search": {"mode": "match"}} for resource in resources]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return {**bundle, "entry": entries} if entries else bundle


def patient(patient_id: str = PATIENT, birth_date: str = "1950-05-01") -> dict[str, Any]:
    """A Patient resource."""
    return {"resourceType": "Patient", "id": patient_id, "gender": "female", "birthDate": birth_date}


def encounter(setting: str = "IMP") -> dict[str, Any]:
    """An encounter begun three days before NOW and still open."""
    return {
        "resourceType": "Encounter",
        "id": "e-1",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": setting},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "period": {"start": (NOW - timedelta(days=3)).isoformat()},
    }


def full_prefetch(*observations: dict[str, Any], setting: str = "IMP", **changes: Any) -> dict[str, Any]:
    """Every prefetch key answered: these creatinines, one open encounter, nothing else on the chart."""
    fields: dict[str, Any] = {
        "patient": patient(),
        "creatinine": searchset(*observations),
        "labs": searchset(),
        "vitals": searchset(),
        "conditions": searchset(),
        "medications": searchset(),
        "procedures": searchset(),
        "encounters": searchset(encounter(setting)),
    }
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not ...}


#: Creatinine doubles within two days: AKI stage 2.
RISING = full_prefetch(creatinine("c1", 0.9, 40), creatinine("c2", 1.9, 2))


def hook_body(**changes: Any) -> dict[str, Any]:
    """A patient-view request without prefetch; a change to `...` leaves the field out."""
    fields: dict[str, Any] = {
        "hook": "patient-view",
        "hookInstance": "3f6b1a5e-8d3c-4d2a-9b0c-2f1e5a7c9d10",
        "context": {"userId": "Practitioner/d-1", "patientId": PATIENT},
    }
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not ...}
