import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import COMMANDS, main
from tests.builders.fhir import (
    PATIENT_ID,
    bundle,
    condition,
    encounter,
    imaging_study,
    medication_administration,
    observation,
    patient,
    procedure,
)

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


def chart(*values: tuple[float, float], timestamp: datetime | None = NOW, **changes: Any) -> dict[str, Any]:
    """A Bundle of one patient with creatinines (hours ago, mg/dL)."""
    results = [
        observation("2160-0", value, "mg/dL", at=(NOW - timedelta(hours=hours)).isoformat(), id=f"cr{number}")
        for number, (hours, value) in enumerate(values)
    ]
    made = bundle(patient(), *results, **changes)
    return {**made, "timestamp": timestamp.isoformat()} if timestamp else made


RISING = chart((60, 0.9), (3, 2.0))


def run(*arguments: str, given: str | None = None) -> Any:
    return CliRunner().invoke(main, list(arguments), input=given)


def test_score_prints_the_assessment_as_json() -> None:
    result = run("score", "-", "--json", given=json.dumps(RISING))
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert told["status"] == "assessed"
    assert told["patient_id"] == PATIENT_ID
    assert told["kdigo"]["stage"] == 2
    assert told["assessed_at"].startswith("2026-11-21T14:00:00")


def test_score_takes_bundles_with_what_is_only_shown_and_says_the_same() -> None:
    more = [
        medication_administration(),
        imaging_study(),
        procedure("http://fhir.de/CodeSystem/bfarm/ops", "5-361.03"),
        encounter(location=[{"location": {"display": "ICU"}}]),
    ]
    plain = chart((60, 0.9), (3, 2.0))
    plain["entry"] += [{"resource": encounter()}]
    richer = {**plain, "entry": plain["entry"] + [{"resource": one} for one in more]}
    told = [json.loads(run("score", "-", "--json", given=json.dumps(one)).stdout) for one in (plain, richer)]
    assert told[0] == told[1]


def test_score_at_a_time_uses_nothing_later() -> None:
    result = run("score", "-", "--json", "--at", "2026-11-19T12:00:00Z", given=json.dumps(RISING))
    told = json.loads(result.stdout)
    assert told["inputs"]["used"] == 1
    assert told["kdigo"].get("stage") is None


def test_score_for_people_says_stage_baseline_and_that_it_is_research_software() -> None:
    result = run("score", "-", given=json.dumps(RISING))
    assert result.exit_code == 0
    for words in ("AKI stage 2", "0.9 mg/dL", "lowest of the last 7 days", "NEXT 48 HOURS", "Research software"):
        assert words in result.stdout


def test_score_for_people_prints_no_name() -> None:
    named = bundle(patient(name=[{"family": "Secretname", "given": ["Zara"]}]))
    assert "Secretname" not in run("score", "-", given=json.dumps(named)).output


def test_score_as_fhir_is_a_risk_assessment() -> None:
    result = run("score", "-", "--fhir", given=json.dumps(RISING))
    assert json.loads(result.stdout)["resourceType"] == "RiskAssessment"


@pytest.mark.parametrize(
    "given",
    ["", "not json", "[]", '{"resourceType": "Patient"}', '{"resourceType": "Bundle", "type": "collection"}'],
)
def test_score_of_what_is_no_chart_ends_with_1_and_a_cause(given: str) -> None:
    result = run("score", "-", given=given)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output


PATIENT = patient()
GOOD = json.dumps(RISING).encode()
HOSTILE: dict[str, tuple[bytes, str, str]] = {
    "NaN": (GOOD.replace(b"2.0", b"NaN"), "not valid JSON", "Fetch"),
    "a huge integer": (GOOD.replace(b"2.0", b"9" * 5000), "not valid JSON", "Fetch"),
    "cut off": (GOOD[:300], "cut off", "Fetch"),
    "two lines": (GOOD + b"\n" + GOOD, "not valid JSON", "score-many"),
    "a login page": (b"<html><body>Sign in</body></html>", "web page", "Sign in"),
    "nothing": (b"", "no content", "empty"),
    "gzip": (gzip.compress(GOOD), "compressed", "zcat"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "not UTF-8", "UTF-8"),
    "Latin-1": (GOOD.replace(b"p1", b"M\xfcller"), "not UTF-8", "UTF-8"),
    "nested arrays": (b"[" * 200_000, "nested too deeply", "again"),
    "nested Bundles": (b'{"resourceType":"Bundle","entry":[{"resource":' * 5000, "nested too deeply", "again"),
    "one resource": (json.dumps(PATIENT).encode(), "not a FHIR Bundle", "$everything"),
    "a list": (b"[" + GOOD + b"]", "not a FHIR Bundle", "Bundle"),
    "no Patient": (json.dumps(bundle({"resourceType": "Basic"})).encode(), "no Patient", "Add the Patient"),
    "two Patients": (json.dumps(bundle(PATIENT, patient("p2"))).encode(), "more than one patient", "score-many"),
    "an unusable id": (json.dumps(bundle(patient("a b"))).encode(), "no usable id", "id"),
    "the end of time": (
        json.dumps({**RISING, "timestamp": "9999-12-31T23:59:59-14:00"}).encode(), "timestamp", "--at",
    ),
    "a list for a time": (json.dumps({**RISING, "timestamp": ["x"]}).encode(), "timestamp", "--at"),
    "50 MB": (b" " * 50_000_001, "larger than 50 MB", "fewer"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_ends_with_1_a_cause_and_a_cure(name: str, tmp_path: Path) -> None:
    body, cause, what_to_do = HOSTILE[name]
    path = tmp_path / "bundle.json"
    path.write_bytes(body)
    result = run("score", str(path))
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    first, second = result.stderr.splitlines()
    assert first.startswith(f"Error: {path}: ")
    assert cause in first
    assert what_to_do in second


def test_fifty_thousand_entries_and_bundles_in_bundles_are_read_from_a_pipe_in_bounded_time() -> None:
    inner = chart(*((n / 7, 1.0 + n % 5 / 10) for n in range(50_000)))
    for _ in range(50):
        inner = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": inner}]}
    inner["timestamp"] = NOW.isoformat()
    command = [sys.executable, "-c", "from app.cli import main; main()", "score", "-", "--json"]
    done = subprocess.run(command, input=json.dumps(inner).encode(), capture_output=True, timeout=120, check=True)
    told = json.loads(done.stdout)
    assert told["inputs"]["incomplete"][0]["code"] == "too-many-entries"
    assert "risk" not in told


def test_an_endless_pipe_is_refused() -> None:
    endless = "import sys\nwhile True: sys.stdout.buffer.write(b' ' * 65536)"
    source = subprocess.Popen([sys.executable, "-c", endless], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    command = [sys.executable, "-c", "from app.cli import main; main()", "score", "-"]
    with source:
        done = subprocess.run(command, stdin=source.stdout, capture_output=True, timeout=120, check=False)
        source.kill()
    assert (done.returncode, b"larger than 50 MB" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("given", "note"),
    [
        (bundle(PATIENT), "No risk was computed."),
        (bundle(PATIENT, observation(), condition(code="N18.6")), "maintenance dialysis"),
    ],
)
def test_score_as_fhir_also_says_why_nothing_can_be_said(given: dict[str, Any], note: str) -> None:
    result = run("score", "-", "--fhir", given=json.dumps(given))
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert told["resourceType"] == "RiskAssessment"
    assert "prediction" not in told
    assert any(note in each["text"] for each in told["note"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("score",),
        ("score", "/no/such/file.json"),
        ("score", "-", "--at", "2026-11-21T14:00:00"),
        ("score", "-", "--json", "--fhir"),
        ("score-many", "-"),
        ("frobnicate",),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments, given="{}").exit_code == 2


def test_unreadable_bundle_timestamp_is_named_and_not_replaced_by_now() -> None:
    broken = {**chart((3, 1.0), timestamp=None), "timestamp": "yesterday"}
    result = run("score", "-", given=json.dumps(broken))
    assert result.exit_code == 1
    assert "Bundle.timestamp" in result.stderr


def test_score_many_keeps_the_order_of_a_thousand_lines_with_broken_ones(tmp_path: Path) -> None:
    lines = [json.dumps(chart((60, 0.9), (3, 0.9 + n / 1000), id=f"b{n}")) for n in range(1000)]
    lines[7], lines[500] = "{broken", ""
    source, target = tmp_path / "in.ndjson", tmp_path / "out.ndjson"
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    result = run("score-many", str(source), "--out", str(target), "--workers", "2")
    told = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert result.exit_code == 1
    assert len(told) == 1000
    assert [n for n, each in enumerate(told, start=1) if each["status"] == "error"] == [8, 501]
    assert told[7]["line"] == 8
    assert set(told[7]["error"]) == {"code", "text"}
    ratios = [each["nhs"]["ratio"] for each in told if each["status"] == "assessed"]
    assert ratios == sorted(ratios)
    assert ratios[0] < ratios[-1]


def test_score_many_gives_the_same_lines_with_one_worker_and_with_two(tmp_path: Path) -> None:
    given = "\n".join(json.dumps(chart((60, 0.9), (3, 0.9 + n / 10))) for n in range(20))
    outputs = []
    for workers in ("1", "2"):
        target = tmp_path / f"out{workers}"
        assert run("score-many", "-", "--out", str(target), "--workers", workers, given=given).exit_code == 0
        outputs.append(target.read_text(encoding="utf-8"))
    assert outputs[0] == outputs[1]


def test_a_line_longer_than_any_bundle_is_an_error_line_and_the_next_one_is_assessed(tmp_path: Path) -> None:
    source, out = tmp_path / "in.ndjson", tmp_path / "out.ndjson"
    good = json.dumps(RISING).encode()
    with source.open("wb") as lines:
        lines.write(good + b"\n[")
        for _ in range(60):
            lines.write(b"0," * 500_000)
        lines.write(b"0]\n" + good)
    assert run("score-many", str(source), "--out", str(out), "--workers", "1").exit_code == 1
    first, second, third = (json.loads(line) for line in out.read_bytes().splitlines())
    assert second["error"]["code"] == "too-large"
    assert second["line"] == 2
    assert first == third


def test_score_many_into_a_missing_folder_says_so_before_reading(tmp_path: Path) -> None:
    result = run("score-many", "-", "--out", str(tmp_path / "no" / "out"), given="{}\n")
    assert result.exit_code == 1
    assert "No such file or directory" in result.stderr


def test_score_many_leaves_nothing_behind_but_the_output(tmp_path: Path) -> None:
    run("score-many", "-", "--out", str(tmp_path / "out"), "--workers", "1", given=json.dumps(RISING))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("model", "demo")])
def test_each_command_teaches_by_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"aki {command}" in result.stdout


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom click.testing import CliRunner\nfrom app.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "heavy = ('flask', 'sqlalchemy', 'fhirclient', 'pydantic', 'rich')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
