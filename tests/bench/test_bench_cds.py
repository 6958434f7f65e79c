"""What one patient-view call costs: a 200-observation prefetch, the JWT verified, the real model, through Flask.

Compared with a bare endpoint that only parses the same body and verifies the same JWT. Prints; asserts only that
every answer is right. Numbers over gunicorn come with the load bench.
"""

import cProfile
import json
import pstats
import time
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from statistics import median
from typing import Any

import pytest
from flask import Flask, Response, request

from cds_hooks.caller import CallerCheck
from cds_hooks.clients import CdsClientRegistry
from cds_hooks.keys import TrustedKeys
from cds_hooks.replay import InMemoryJtiStore
from cds_hooks.routes import cds_blueprint
from cds_hooks.services import CdsDependencies
from model.artifact import load_bundled_model
from model.assess import assess
from patient_context.strict_json import loads
from tests.builders.cds import (
    PUBLIC_URL,
    SERVICE_URL,
    FakeSession,
    client,
    creatinine,
    ec_key,
    full_prefetch,
    hook_body,
    rsa_key,
    searchset,
    token,
)

pytestmark = pytest.mark.bench

CALLS = 150
NOW = datetime.now(UTC)
OTHER_LABS = (("3094-0", "mg/dL", 25.0), ("2823-3", "mmol/L", 4.4), ("2951-2", "mmol/L", 139.0))
VITALS = (("8867-4", "/min", 88.0), ("8480-6", "mm[Hg]", 118.0), ("59408-5", "%", 96.0), ("9279-1", "/min", 18.0))


def observation(number: int, code: str, unit: str, value: float, hours_ago: float) -> dict[str, Any]:
    coding = {"coding": [{"system": "http://loinc.org", "code": code, "display": "A test"}], "text": "A test"}
    quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    found = creatinine(f"o{number}", value, hours_ago, now=NOW, code=coding, valueQuantity=quantity)
    meta = {"versionId": "1", "lastUpdated": found["issued"], "source": "#bench"}
    return {**found, "meta": meta, "encounter": {"reference": "Encounter/e-1"}, "performer": [{"display": "Lab"}]}


def body() -> bytes:
    """200 Observations as an EHR writes them: 20 creatinines, 60 other labs, 120 vital signs."""
    values = [observation(n, "2160-0", "mg/dL", 1.0 + (n % 3) / 10, 2 + n * 12) for n in range(20)]
    labs = [observation(100 + n, *OTHER_LABS[n % 3], 3 + n * 3) for n in range(60)]
    vitals = [observation(200 + n, *VITALS[n % 4], 1 + n / 2) for n in range(120)]
    prefetch = full_prefetch(*values, labs=searchset(*labs), vitals=searchset(*vitals))
    return json.dumps(hook_body(prefetch=prefetch)).encode()


def registry() -> CdsClientRegistry:
    return CdsClientRegistry([client()])


def service() -> Flask:
    model = load_bundled_model()
    app = Flask("service")
    deps = CdsDependencies(
        clients=registry(),
        assess=lambda snapshot, now, _: assess(snapshot, now=now, model=model),
        session_for=lambda _: FakeSession(),
        jti_store=InMemoryJtiStore(),
        public_url=PUBLIC_URL,
        record=lambda _: None,
    )
    app.register_blueprint(cds_blueprint(deps))
    return app


def bare() -> Flask:
    """Parses the same body and verifies the same JWT with the same code, and answers a constant."""
    app, clients = Flask("bare"), registry()
    check = CallerCheck(clients, TrustedKeys(clients.clients, lambda _: FakeSession()), InMemoryJtiStore())

    @app.post("/cds-services/aki-patient-view")
    def answer() -> Response:
        check.verify(request.headers["Authorization"], url=SERVICE_URL, now=datetime.now(UTC))
        loads(request.get_data())
        return Response(b'{"cards":[]}', mimetype="application/json")

    return app


def measure(app: Flask, sent: bytes, alg: str) -> list[float]:
    """CPU milliseconds of each call."""
    issued = int(datetime.now(UTC).timestamp())
    key = ec_key() if alg == "ES384" else rsa_key()
    bearers = [token(key, alg, iat=issued, exp=issued + 300) for _ in range(CALLS + 5)]
    web, spent = app.test_client(), []
    for bearer in bearers:
        headers = {"Authorization": f"Bearer {bearer}"}
        started = time.process_time()
        answer = web.post(
            "/cds-services/aki-patient-view", data=sent, headers=headers, content_type="application/json"
        )
        spent.append((time.process_time() - started) * 1000)
        assert answer.status_code == 200
        assert "cards" in answer.get_json()
    return sorted(spent[5:])


def line(name: str, spent: list[float]) -> str:
    return f"{name:32} median {median(spent):6.2f} ms   p99 {spent[int(len(spent) * 0.99)]:6.2f} ms CPU per call"


@pytest.mark.parametrize("alg", ["RS384", "ES384"])
def test_a_patient_view_call_beside_bare_parsing(alg: str, capsys: pytest.CaptureFixture[str]) -> None:
    sent = body()
    whole, least = measure(service(), sent, alg), measure(bare(), sent, alg)
    with capsys.disabled():
        print(f"\n{alg}, body of {len(sent) / 1000:.0f} kB, 200 Observations")
        print(line("aki-patient-view", whole))
        print(line("bare: parse and verify only", least))
        print(f"{'share of the bare throughput':32} {median(least) / median(whole):6.0%}")


def test_where_a_call_spends_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    app, sent = service(), body()
    profile = cProfile.Profile()
    run: Callable[[], list[float]] = lambda: measure(app, sent, "RS384")  # noqa: E731
    profile.runcall(run)
    report = StringIO()
    pstats.Stats(profile, stream=report).sort_stats("tottime").print_stats(18)
    with capsys.disabled():
        print("\n".join(row for row in report.getvalue().splitlines() if row.strip())[:4000])
