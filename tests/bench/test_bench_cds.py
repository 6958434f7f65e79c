"""What one patient-view call costs: a 200-observation prefetch, the JWT verified, the real model, through Flask.

Compared with a bare endpoint that only parses the same body and verifies the same JWT. Prints; asserts only that
every answer is right. Over gunicorn: test_bench_cds_http.py.
"""

import cProfile
import gc
import pstats
import time
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from statistics import median

import pytest
from flask import Flask

from cds_hooks.clients import CdsClientRegistry
from cds_hooks.feedback import FeedbackReceipt
from cds_hooks.replay import TokensInMemory
from cds_hooks.routes import cds_blueprint
from cds_hooks.services import CdsDependencies
from model.artifact import load_bundled_model
from model.assess import assess
from tests.bench.bare_cds import create_app
from tests.bench.hook_bodies import long_history, realistic_body
from tests.builders.cds import PUBLIC_URL, FakeSession, client, ec_key, public_jwks, rsa_key, token

pytestmark = pytest.mark.bench

CALLS = 150


def registry() -> CdsClientRegistry:
    return CdsClientRegistry([client()])


def service() -> Flask:
    model = load_bundled_model()
    app = Flask("service")
    deps = CdsDependencies(
        clients=registry(),
        assess=lambda snapshot, now, _: assess(snapshot, now=now, model=model),
        session_for=lambda _: FakeSession(),
        used_tokens=TokensInMemory(),
        public_url=PUBLIC_URL,
        record=lambda _: None,
        store_feedback=lambda _: FeedbackReceipt(0, 0, 0),
    )
    app.register_blueprint(cds_blueprint(deps))
    return app


def measure(app: Flask, sent: bytes, alg: str, calls: int = CALLS) -> list[float]:
    """CPU milliseconds of each call, with the garbage collector as gunicorn.conf.py sets it."""
    gc.collect()
    gc.freeze()
    issued = int(datetime.now(UTC).timestamp())
    key = ec_key() if alg == "ES384" else rsa_key()
    bearers = [token(key, alg, iat=issued, exp=issued + 300) for _ in range(calls + 5)]
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
    sent = realistic_body(datetime.now(UTC))
    whole, least = measure(service(), sent, alg), measure(create_app(public_jwks(ec_key(), rsa_key())), sent, alg)
    with capsys.disabled():
        print(f"\n{alg}, body of {len(sent) / 1000:.0f} kB, 200 Observations")
        print(line("aki-patient-view", whole))
        print(line("bare: parse and verify only", least))
        print(f"{'share of the bare throughput':32} {median(least) / median(whole):6.0%}")


@pytest.mark.parametrize("creatinines", [200, 1000, 4000])
def test_a_call_for_a_long_history(creatinines: int, capsys: pytest.CaptureFixture[str]) -> None:
    sent = long_history(datetime.now(UTC), creatinines)
    with capsys.disabled():
        print(line(f"{creatinines} creatinines, {len(sent) / 1000:.0f} kB", measure(service(), sent, "RS384", 20)))


def test_where_a_call_spends_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    app, sent = service(), realistic_body(datetime.now(UTC))
    profile = cProfile.Profile()
    run: Callable[[], list[float]] = lambda: measure(app, sent, "RS384")  # noqa: E731
    profile.runcall(run)
    report = StringIO()
    stats = pstats.Stats(profile, stream=report)
    stats.sort_stats("tottime").print_stats(18)
    stats.sort_stats("cumtime").print_stats("(cds_hooks|patient_context|model)/", 18)
    with capsys.disabled():
        print("\n".join(row for row in report.getvalue().splitlines() if row.strip())[:8000])
