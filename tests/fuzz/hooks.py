"""Spoils hook calls and feedback, and sees what becomes of them: `python -m tests.fuzz.hooks --count 12000`.

For each: an answer, or a refusal in the standard's form; never a 5xx, and the patient's name nowhere in it.
"""

import argparse
import json
import logging
import random
import sys
from collections import Counter, defaultdict
from typing import Any

from flask import Flask

from cds_hooks.clients import CdsClientRegistry
from cds_hooks.replay import TokensInMemory
from cds_hooks.routes import cds_blueprint
from cds_hooks.services import CdsDependencies
from model.artifact import load_bundled_model
from model.assess import assess
from sandbox.cds_contexts import ORDER_HOOKS, ORDER_SHAPES, ORDERABLES, draft_entries, hook_context
from sandbox.launches import LaunchContext
from tests.builders.cds import PUBLIC_URL, FakeSession, client, token
from tests.cds_hooks.conftest import Bench, keep_nothing
from tests.fuzz.mutations import ANYWHERE, spoil_bytes
from tests.fuzz.sources import a_bundle, charts

Json = dict[str, Any]

HOOKS = ("patient-view", "order-select", "order-sign", "encounter-discharge")
ALLOWED = {200, 400, 403, 412, 413, 415, 422}
_CANARY = "Quetzalcoatl"
_KEYS = {
    "Condition": "conditions",
    "MedicationRequest": "medications",
    "Procedure": "procedures",
    "Encounter": "encounters",
}
_PARTS = ("creatinine", "labs", "vitals", *_KEYS.values())


class Broken(AssertionError):
    """An answer no call may get."""


class HookFuzzer:
    """The four services and their feedback, with the bundled model, at the moment of the embedded EHR's charts."""

    def __init__(self) -> None:
        self.now, _ = charts()
        self.counts: Counter[str] = Counter()
        model = load_bundled_model()
        app = Flask("fuzzed")
        dependencies = CdsDependencies(
            clients=CdsClientRegistry((client(),)),
            assess=lambda snapshot, now, _: assess(snapshot, now=now, model=model),
            session_for=lambda _: FakeSession(),
            used_tokens=TokensInMemory(),
            public_url=PUBLIC_URL,
            record=lambda _: None,
            store_feedback=keep_nothing,
            clock=lambda: self.now,
        )
        app.register_blueprint(cds_blueprint(dependencies))
        self.bench = Bench(app, FakeSession())

    def run(self, seed: int) -> None:
        """One call. Raises Broken, or whatever the endpoint let through."""
        rnd = random.Random(seed)  # noqa: S311  # chance that can be repeated
        hook = rnd.choice(HOOKS)
        is_feedback = rnd.random() < 0.1
        body = _feedback() if is_feedback else _call(rnd, hook)
        try:
            _spoil(rnd, body)
            raw = json.dumps(body).encode()
        except RecursionError:  # nested twice over: more than can be written here
            return
        path = f"aki-{hook}{'/feedback' if is_feedback else ''}"
        at = int(self.now.timestamp())
        proof = token(aud=f"{PUBLIC_URL}/cds-services/{path}", iat=at, exp=at + 200, jti=str(seed))
        answer = self.bench.post(spoil_bytes(rnd, raw) if rnd.random() < 0.1 else raw, path=path, bearer=proof)
        self.counts[str(answer.status_code)] += 1
        if answer.status_code not in ALLOWED or _CANARY in answer.text:
            raise Broken(f"{answer.status_code}, name told: {_CANARY in answer.text}")
        if not is_feedback and answer.status_code == 200:
            self.counts["with cards" if answer.get_json()["cards"] else "silent"] += 1
        elif answer.get_json()["resourceType"] != "OperationOutcome":
            raise Broken("a refusal that is no OperationOutcome")


def _call(rnd: random.Random, hook: str) -> Json:
    """A call of one of the embedded EHR's patients, as it would be sent."""
    patient: Json = {}
    prefetch: dict[str, Any] = defaultdict(lambda: {"resourceType": "Bundle", "type": "searchset", "entry": []})
    for part in _PARTS:
        if rnd.random() < 0.9:
            prefetch[part]  # an empty answer
    for entry in a_bundle(rnd)["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "Patient":
            patient = prefetch["patient"] = {**resource, "name": [{"family": _CANARY}]}
        else:
            is_creatinine = "2160-0" in json.dumps(resource.get("code"))
            prefetch[_KEYS.get(resource["resourceType"], "creatinine" if is_creatinine else "labs")][
                "entry"
            ].append(entry)
    launch = LaunchContext(practitioner_id="d", patient_id=patient["id"], encounter_id="e")
    ordered = rnd.sample(ORDERABLES, rnd.randint(1, 4)) if hook in ORDER_HOOKS else []
    context = hook_context(hook, launch, draft_entries(ordered, launch, rnd.choice(list(ORDER_SHAPES))))
    body = {"hook": hook, "hookInstance": "x", "context": context, "prefetch": prefetch}
    return dict(json.loads(json.dumps(body)))


def _feedback() -> Json:
    at = "2026-03-12T09:00:00Z"
    override = {"reason": {"code": "not-aki", "system": "urn:x"}, "userComment": "seen"}
    return {
        "feedback": [
            {"card": "c", "outcome": "overridden", "outcomeTimestamp": at, "overrideReason": override},
            {"card": "c", "outcome": "accepted", "outcomeTimestamp": at, "acceptedSuggestions": [{"id": "s"}]},
        ]
    }


def _spoil(rnd: random.Random, body: Json) -> None:
    """Up to eight changes, anywhere or below one of the larger members."""
    for _ in range(rnd.choice((1, 1, 2, 4, 8))):
        context, prefetch = body.get("context"), body.get("prefetch")
        drafts = context.get("draftOrders") if isinstance(context, dict) else None
        parts = list(prefetch.values()) if isinstance(prefetch, dict) else []
        within = [place for place in (body, drafts, *parts) if isinstance(place, dict) and place]
        if within:
            rnd.choice(ANYWHERE)(
                rnd, {"entry": [{"resource": rnd.choice(within)}]}
            )  # they spoil a Bundle's resources


def main() -> int:
    """Run, report, and exit 1 if anything failed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    logging.disable(logging.CRITICAL)
    fuzzer, failed = HookFuzzer(), 0
    for seed in range(given.seed, given.seed + given.count):
        try:
            fuzzer.run(seed)
        except Exception as error:  # whatever comes out is what is looked for
            failed += 1
            print(f"--seed {seed} --count 1: {type(error).__name__}: {error}")
    print(f"{given.count} calls, {failed} failed; {dict(fuzzer.counts)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
