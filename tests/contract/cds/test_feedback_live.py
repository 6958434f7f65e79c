"""Feedback over HTTP against gunicorn with two workers: by hand, and by the embedded EHR's own buttons."""

import html
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from click.testing import CliRunner

from app.cli import main
from sandbox.factory import create_sandbox
from sandbox.ids import id_shape
from sandbox.registration import registration_toml
from sandbox.settings import SandboxSettings
from tests.builders.cds import PUBLIC_URL, creatinine, full_prefetch, hook_body
from tests.builders.fake_ehr import running
from tests.builders.hosted import Hosted, free_port, fresh_token, hosted

FEEDBACK = "aki-patient-view/feedback"
IN_AKI = "10005817"
_FORM = re.compile(r'<form[^>]*action="([^"]*/feedback)"[^>]*>(.*?)</form>', re.DOTALL)
_INPUT = re.compile(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"')
_OPTION = re.compile(r'<option value="([^"]+)"')


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    with hosted(tmp_path_factory.mktemp("feedback")) as running_app:
        yield running_app


def tell(app: Hosted, *entries: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {fresh_token(aud=f'{PUBLIC_URL}/cds-services/{FEEDBACK}')}"}
    url = f"{app.address}/cds-services/{FEEDBACK}"
    return requests.post(url, json={"feedback": list(entries)}, headers=headers, timeout=20)


def report(app: Hosted) -> Any:
    """What the operator sees, by the command itself."""
    result = CliRunner().invoke(main, ["cds", "report", "--json"], env=dict(app.environment))
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def card_of(app: Hosted, call: str) -> Any:
    now = datetime.now(UTC)
    prefetch = full_prefetch(creatinine("c1", 0.9, 40, now=now), creatinine("c2", 1.9, 2, now=now))
    answer = app.call_hook(hook_body(prefetch=prefetch, hookInstance=call))
    assert answer.status_code == 200, answer.text
    (card,) = answer.json()["cards"]
    return card


def entry(card: Any, **changes: Any) -> dict[str, Any]:
    fields = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": datetime.now(UTC).isoformat()}
    return {**fields, **changes}


def test_a_batch_raced_across_the_workers_is_stored_once_and_every_sender_is_told_so(app: Hosted) -> None:
    said = entry(card_of(app, "raced"))
    before = report(app)["total"]["overridden"]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: tell(app, said), range(16)))
    assert [answer.status_code for answer in answers] == [200] * 16
    stored = [re.search(r"Stored (\d)", answer.text) for answer in answers]
    assert sorted(found[1] for found in stored if found) == ["0"] * 15 + ["1"]
    assert report(app)["total"]["overridden"] == before + 1


def test_a_bad_entry_an_unknown_card_and_a_good_one_arrive_together(app: Hosted) -> None:
    before = report(app)
    stranger = {"uuid": "00000000-0000-4000-8000-000000000000"}
    reason = {"reason": {"code": "not-aki", "system": "urn:aki-sentinel:override-reason"}}
    good = entry(card_of(app, "mixed"), overrideReason=reason)
    answer = tell(app, entry(stranger), entry(stranger, outcome="ignored"), good)
    assert answer.status_code == 200
    assert [issue["severity"] for issue in answer.json()["issue"]] == ["information", "warning"]
    after = report(app)
    assert after["unmatched_feedback"] == before["unmatched_feedback"] + 1
    assert {"topic": "stage", "reason": "not-aki", "count": 1} in after["overrides"]


def test_a_users_comment_is_nowhere_readable(app: Hosted) -> None:
    told = {"userComment": "Mrs Canaryname's family asked for comfort"}
    assert tell(app, entry(card_of(app, "comment"), overrideReason=told)).status_code == 200
    assert report(app)["comments"] >= 1
    assert "Canaryname" not in app.log()
    assert not any(b"Canaryname" in path.read_bytes() for path in app.state.rglob("*") if path.is_file())


@pytest.fixture(params=["standard", "epic"])
def chart_and_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Hosted]]:
    """The chart of a patient in AKI in the embedded EHR, in one vendor's ways, and the app under gunicorn."""
    late: dict[str, Any] = {}
    port = free_port()
    with running(lambda environ, start: late["ehr"](environ, start)) as ehr_url:
        settings = SandboxSettings(
            base_url=ehr_url,
            app_url=f"http://127.0.0.1:{port}",
            profile=request.param,
            state_dir=tmp_path / "ehr",
        )
        late["ehr"] = create_sandbox(settings)
        address = {"AKI_PUBLIC_URL": settings.app_url, "AKI_BIND": f"127.0.0.1:{port}", "AKI_DEVELOPMENT": "true"}
        with hosted(tmp_path / "app", more_ehrs=registration_toml(settings), **address) as app:
            patient_id = id_shape(settings.vendor.ids).outward(IN_AKI)
            yield f"{ehr_url}/patients/{patient_id}", app


def press(chart_url: str, outcome: str) -> str:
    """Open the decision-support panel and press the first button of this outcome."""
    panel = requests.get(f"{chart_url}/cds", timeout=20).text
    for action, inside in _FORM.findall(panel):
        fields = {name: html.unescape(value) for name, value in _INPUT.findall(inside)}
        if fields.get("outcome") == outcome:
            if reasons := _OPTION.findall(inside):
                fields["reason"] = html.unescape(reasons[0])
            return requests.post(urljoin(chart_url, action), data=fields, timeout=20).text
    raise AssertionError(f"no button to have a card {outcome}: {panel}")


def test_the_embedded_ehrs_buttons_reach_the_report(chart_and_app: tuple[str, Hosted]) -> None:
    chart_url, app = chart_and_app
    assert "The app was told." in press(chart_url, "accepted")
    assert "The app was told." in press(chart_url, "overridden")
    found = report(app)
    total = found["by_site"]["sandbox"]
    assert (total["shown"], total["accepted"], total["overridden"], total["unanswered"]) == (2, 1, 1, 0)
    assert found["unmatched_feedback"] == 0
    assert [one["reason"] for one in found["overrides"]] == ["already-addressed"]


def test_an_ehr_whose_cards_are_switched_off_is_told_so_and_does_not_read_it_as_all_clear(
    chart_and_app: tuple[str, Hosted],
) -> None:
    chart_url, app = chart_and_app
    switch = ["site", "mode", "sandbox", "off", "--part", "cards", "--reason", "trial over"]
    assert CliRunner().invoke(main, switch, env=dict(app.environment)).exit_code == 0
    panel = requests.get(f"{chart_url}/cds", timeout=20).text
    assert "data-feedback" not in panel
    assert "all-clear" not in panel
    assert "aki-sentinel.cards" in panel
