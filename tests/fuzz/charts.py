"""Reads thousands of spoiled charts and checks what holds for each: `python -m tests.fuzz.charts --count 50000`.

1. Nothing raises but a refusal of the whole input, with its code.
2. Nothing comes from rejected data: the chart without its rejected resources has the same outcome, but that a
   creatinine newer than those used is named, and leaves the patient without a risk.
3. Each rejection names its resource, a code and a reason, and none of the patient's names or numbers.
4. The order of the entries changes nothing.

A failure prints its seed; `--only SEED` runs that chart alone.
"""

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from datetime import datetime
from typing import Any

from model.artifact import load_bundled_model
from model.assess import RiskPredictor, assess
from model.assessment import outcome_to_json
from model.snapshot import PatientSnapshot
from patient_context.errors import BundleUnreadable, JsonRefused
from patient_context.mapping import snapshot_from_bundle
from patient_context.strict_json import loads
from tests.fuzz.mutations import Json, spoil, spoil_bytes
from tests.fuzz.sources import a_bundle, charts

_RISK_REFUSALS = frozenset(
    {"age_unknown", "child", "sex_unknown", "no_recent_creatinine", "creatinine_above_range", "highest_stage"}
)
_CODE = re.compile(r"[a-z]+(-[a-z0-9]+)*")
_CANARY = "Canary-Zebedee"


class Broken(AssertionError):
    """A property that must hold does not."""


class Fuzzer:
    """Runs charts by seed and counts what came of them."""

    def __init__(self) -> None:
        self.now, _ = charts()
        self.model: RiskPredictor = load_bundled_model()
        self.counts: Counter[str] = Counter()
        self.rejections: Counter[str] = Counter()
        self.mutations: Counter[str] = Counter()

    def run(self, seed: int) -> None:
        """One chart. Raises Broken, or whatever the product raised."""
        rnd = random.Random(seed)  # noqa: S311 - reproducible, not secret
        bundle = a_bundle(rnd)
        _plant_canary(bundle)
        self.counts["charts"] += 1
        if rnd.random() < 0.1:
            self._spoiled_bytes(rnd, bundle)
            return
        self.mutations.update(spoil(rnd, bundle))
        self._check(rnd, bundle)

    def _spoiled_bytes(self, rnd: random.Random, bundle: Json) -> None:
        self.mutations["bytes"] += 1
        try:
            found = loads(spoil_bytes(rnd, json.dumps(bundle).encode()))
        except JsonRefused as refusal:
            self._refused(refusal.code, str(refusal))
            return
        self._check(rnd, found)

    def _check(self, rnd: random.Random, bundle: Any) -> None:
        try:
            snapshot = snapshot_from_bundle(bundle, read_at=self.now)
        except BundleUnreadable as refusal:
            self._refused(refusal.code, str(refusal))
            return
        outcome = self._outcome(snapshot)
        self.counts[outcome["status"]] += 1
        self._check_rejections(snapshot)
        if snapshot.rejected:
            self.counts["charts with rejections"] += 1
            self._check_without_rejected(bundle, snapshot, outcome)
        if isinstance(bundle.get("entry"), list):
            rnd.shuffle(bundle["entry"])
            again = self._outcome(snapshot_from_bundle(bundle, read_at=self.now))
            _require(again == outcome, "the outcome depends on the order of the entries")

    def _check_without_rejected(self, bundle: Json, snapshot: PatientSnapshot, outcome: Json) -> None:
        try:
            without = snapshot_from_bundle(_without_rejected(bundle, snapshot, self.now), read_at=self.now)
        except BundleUnreadable:  # nothing is left, and no Patient was there
            _require("kdigo" not in outcome and "risk" not in outcome, "an outcome from rejected data alone")
            return
        same = _apart_from_what_is_withheld(outcome, self._outcome(without))
        _require(same, "the outcome depends on rejected data")

    def _outcome(self, snapshot: PatientSnapshot) -> Json:
        """The outcome without its list of inputs."""
        found = outcome_to_json(assess(snapshot, now=self.now, model=self.model))
        found.pop("inputs")
        return found

    def _check_rejections(self, snapshot: PatientSnapshot) -> None:
        for rejected in snapshot.rejected:
            self.rejections[rejected.code] += 1
            _require(bool(_CODE.fullmatch(rejected.code)), f"no code: {rejected.code}")
            _require(rejected.reason.endswith(".") and " " in rejected.reason, f"no reason: {rejected.reason}")
            _require(bool(rejected.resource), "no resource")
        # `resource` is the EHR's own id, whatever the EHR puts into it; the sentence is ours.
        sentences = [item.reason for item in (*snapshot.rejected, *snapshot.incomplete)]
        _require(not any(_CANARY in sentence for sentence in sentences), "a name in a reason")

    def _refused(self, code: str, sentence: str) -> None:
        self.counts["whole input refused"] += 1
        self.rejections[code] += 1
        _require(bool(_CODE.fullmatch(code)) and _CANARY not in sentence, f"a bad refusal: {code}")


def _apart_from_what_is_withheld(outcome: Json, without: Json) -> bool:
    """Whether rejected data gave nothing: a newer creatinine among them may be named, and cost the risk."""
    codes = {reason["code"] for reason in outcome.get("reasons", ())}
    dropped = {"risk", "progression", "status"} if "risk_needs_newest_creatinine" in codes else set()

    def rest(found: Json) -> Json:
        reasons = [
            one
            for one in found.get("reasons", ())
            if one["code"] != "newer_creatinine_not_used" and not (dropped and _is_about_risk(one["code"]))
        ]
        return {name: part for name, part in found.items() if name not in dropped} | {"reasons": reasons}

    return rest(outcome) == rest(without)


def _is_about_risk(code: str) -> bool:
    return code.startswith("risk_") or code in _RISK_REFUSALS


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)


def _plant_canary(bundle: Json) -> None:
    patient = bundle["entry"][0]["resource"]
    patient["name"] = [{"text": _CANARY, "family": _CANARY}]
    patient["identifier"] = [{"value": _CANARY}]


def _without_rejected(bundle: Json, snapshot: PatientSnapshot, now: datetime) -> Json:
    """The Bundle without the resources it was rejected for, and without their older versions.

    A resource of which a part is used (one component of a panel) stays; so does the Patient.
    """
    used = {m.source for series in snapshot.series.values() for m in series}
    rejected = {r.resource for r in snapshot.rejected} - used - {f"Patient/{snapshot.patient_id}", "Patient"}
    return _cleaned(bundle, rejected, now)


def _cleaned(bundle: Json, rejected: set[str], now: datetime) -> Json:
    if not isinstance(bundle.get("entry"), list):
        return bundle
    kept = []
    for entry in bundle["entry"]:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            kept.append(entry)
        elif resource.get("resourceType") == "Bundle":
            kept.append({**entry, "resource": _cleaned(resource, rejected, now)})
        elif _reference(resource) not in rejected and not _is_rejected_alone(resource, rejected, now):
            kept.append(entry)
    return {**bundle, "entry": kept}


def _reference(resource: Json) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _is_rejected_alone(resource: Json, rejected: set[str], now: datetime) -> bool:
    """Whether a resource without a usable id, listed by its type alone, is one of the rejected."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in rejected:
        return False
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    owner = str(reference).rpartition("/")[2]
    patient = {"resourceType": "Patient", "id": owner or "nobody"}
    alone = {"resourceType": "Bundle", "entry": [{"resource": patient}, {"resource": resource}]}
    try:
        read = snapshot_from_bundle(alone, read_at=now)
    except BundleUnreadable:
        return True
    return any(item.resource == kind for item in read.rejected)


def main(arguments: list[str] | None = None) -> int:
    """Run, report, and exit 1 if anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="run the chart of this seed alone, with its traceback")
    options = parser.parse_args(arguments)
    fuzzer = Fuzzer()
    if options.only is not None:
        fuzzer.run(options.only)
        return 0
    failures = _run(fuzzer, options.seed, options.count)
    _report(fuzzer, failures)
    return 1 if failures else 0


def _run(fuzzer: Fuzzer, first: int, count: int) -> list[tuple[int, str]]:
    failures = []
    started = time.monotonic()
    for number in range(count):
        seed = first * 1_000_000 + number
        try:
            fuzzer.run(seed)
        except Exception as error:  # every kind of failure is a finding
            failures.append((seed, f"{type(error).__name__}: {error}"))
        if (number + 1) % 500 == 0:
            rate = (number + 1) / (time.monotonic() - started)
            print(
                f"\r{number + 1:,} of {count:,} charts, {rate:,.0f}/s, {len(failures)} failures",
                end="",
                file=sys.stderr,
            )
    print(file=sys.stderr)
    return failures


def _report(fuzzer: Fuzzer, failures: list[tuple[int, str]]) -> None:
    print(f"{len(failures)} failures in {fuzzer.counts['charts']:,} charts")
    for seed, what in failures[:20]:
        print(f"  --only {seed}: {what}")
    for title, counted in (
        ("outcomes", fuzzer.counts),
        ("mutations", fuzzer.mutations),
        ("rejections", fuzzer.rejections),
    ):
        print(f"{title}: " + ", ".join(f"{name} {number:,}" for name, number in counted.most_common()))


if __name__ == "__main__":
    sys.exit(main())
