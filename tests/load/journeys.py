"""Who uses the installation, for locust: clinicians who launch and look, an EHR that calls hooks, a monitor.

Every answer is judged, not only counted: the page must be the patient's who was launched, a card must be there
when the creatinine has risen and not be there when it has not. What the hooks answered is written down at the end,
so that it can be laid beside the audit trail.
"""

import itertools
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import requests
from joserfc.jwk import ECKey
from locust import User, between, events, task

from tests.builders.cds import creatinine, full_prefetch, hook_body, patient, searchset, token
from tests.builders.two_servers import Browser

_SETTING = json.loads(os.environ["LOAD_SETTING"])  # noqa: TID251  from tests.load.run
APP, EHR, RESULTS = _SETTING["app"], _SETTING["ehr"], Path(_SETTING["results"])
PATIENTS = [(row["id"], row["name"]) for row in _SETTING["patients"]]
OBSERVATIONS = 200

answered: dict[str, str] = {}
views: list[str] = []
_numbers = itertools.count()


class Wrong(Exception):
    """An answer with the right status and the wrong content."""


@events.quitting.add_listener
def _write_down(**_: Any) -> None:
    RESULTS.write_text(json.dumps({"answered": answered, "views": len(views)}), encoding="utf-8")


class Journey(User):
    """A user whose steps are reported to locust by hand: they are whole journeys, not single requests."""

    abstract = True

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began, problem = time.perf_counter(), None
        try:
            yield
        except (requests.RequestException, Wrong, AssertionError) as error:
            problem = error
        elapsed_ms = (time.perf_counter() - began) * 1000
        self.environment.events.request.fire(
            request_type="journey", name=name, response_time=elapsed_ms, response_length=0, exception=problem
        )


def _judge(response: requests.Response, is_right: Callable[[requests.Response], bool]) -> None:
    if response.status_code != 200:
        raise Wrong(f"status {response.status_code}")
    if not is_right(response):
        raise Wrong("another answer than this patient's")


class Clinician(Journey):
    """Opens a patient from the EHR, looks twice, goes on to the next."""

    weight = 1
    wait_time = between(1, 3)

    @task
    def look_at_a_patient(self) -> None:
        patient_id, name = PATIENTS[next(_numbers) % len(PATIENTS)]
        browser = Browser()
        page = None
        with self.step("launch to page"):
            page = browser.follow(browser.post(f"{EHR}/patients/{patient_id}/launch", {}))
            _judge(page, lambda answer: name in answer.text)
            views.append(patient_id)
        if page is None or page.status_code != 200:
            return
        with self.step("page again"):
            _judge(browser.get(page.url), lambda answer: name in answer.text)
            views.append(patient_id)


class HospitalEhr(Journey):
    """Calls the hooks as charts are opened."""

    weight = 3
    wait_time = between(0.2, 0.8)

    def on_start(self) -> None:
        self.session = requests.Session()

    @task
    def open_a_chart(self) -> None:
        number, now = next(_numbers), datetime.now(UTC)
        rises, person = number % 2 == 0, f"load-{number}"
        instance = str(uuid.uuid4())
        body = hook_body(
            hookInstance=instance,
            context={"userId": "Practitioner/d-1", "patientId": person},
            prefetch=full_prefetch(
                *_course(person, now, 2.5 if rises else 0.8), patient=patient(person), encounters=searchset()
            ),
        )
        with self.step("patient-view hook"):
            answer = self.session.post(
                f"{APP}/cds-services/aki-patient-view", json=body, headers=_bearer(), timeout=60
            )
            if answer.status_code == 200:
                answered[instance] = "card-returned" if answer.json()["cards"] else "card-suppressed"
            _judge(answer, lambda response: bool(response.json()["cards"]) == rises)


class Monitor(Journey):
    """Asks whether the service lives, as a load balancer does."""

    fixed_count = 1
    wait_time = between(1, 1)

    @task
    def ask(self) -> None:
        with self.step("health"):
            _judge(requests.get(f"{APP}/health", timeout=60), lambda _: True)


def _course(person: str, now: datetime, latest_mg_dl: float) -> list[dict[str, Any]]:
    """A creatinine every hour, steady but for the newest."""
    steady = [creatinine(f"c{hour}", 0.8, hour, patient=person, now=now) for hour in range(2, OBSERVATIONS + 1)]
    return [creatinine("c1", latest_mg_dl, 1, patient=person, now=now), *steady]


def _bearer() -> dict[str, str]:
    issued = int(datetime.now(UTC).timestamp())
    audience = f"{APP}/cds-services/aki-patient-view"
    signed = token(_signing_key(), aud=audience, iat=issued, exp=issued + 300)
    return {"Authorization": f"Bearer {signed}"}


@cache
def _signing_key() -> ECKey:
    return ECKey.import_key(_SETTING["caller_key"])
