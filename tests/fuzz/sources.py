"""Where fuzzed charts begin: real patients of the embedded EHR, cut to a size that is read in a millisecond."""

import gzip
import json
import random
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]

PATIENTS = Path(__file__).resolve().parents[2] / "sandbox" / "patients"
_CREATININE = frozenset({"2160-0", "38483-4"})


@cache
def charts() -> tuple[datetime, list[list[Json]]]:
    """The moment all charts are looked at, and the resources of each patient, the Patient first."""
    index = json.loads((PATIENTS / "index.json").read_text(encoding="utf-8"))
    data = (PATIENTS / index["data"]).read_bytes()
    found = []
    for entry in index["patients"]:
        packed = data[entry["offset"] : entry["offset"] + entry["length"]]
        lines = gzip.decompress(packed).splitlines()
        found.append([json.loads(line) for line in lines])
    return datetime.fromisoformat(index["anchor"]), found


def a_bundle(rnd: random.Random) -> Json:
    """A Bundle of one patient: the newest creatinines, and a few of everything else. Resources are copies."""
    _, everybody = charts()
    resources = rnd.choice(everybody)
    patient = [r for r in resources if r["resourceType"] == "Patient"]
    creatinines = [r for r in resources if _is_creatinine(r)]
    creatinines.sort(key=lambda r: str(r.get("effectiveDateTime")))
    last = rnd.randint(1, len(creatinines) or 1)
    others = [r for r in resources if not _is_creatinine(r) and r["resourceType"] != "Patient"]
    chosen = [*patient, *creatinines[-last:][-12:], *rnd.sample(others, min(len(others), rnd.randint(0, 12)))]
    copies = json.loads(json.dumps(chosen))
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in copies]}


def _is_creatinine(resource: Json) -> bool:
    codings = resource.get("code", {}).get("coding", [])
    return resource["resourceType"] == "Observation" and any(c.get("code") in _CREATININE for c in codings)
