import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import COMMANDS, main
from tests.builders.fhir import PATIENT_ID, bundle, observation, patient

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


def test_score_at_a_time_uses_nothing_later() -> None:
    result = run("score", "-", "--json", "--at", "2026-11-19T12:00:00Z", given=json.dumps(RISING))
    told = json.loads(result.stdout)
    assert told["inputs"]["used"] == 1
    assert told["kdigo"].get("stage") is None


def test_score_for_people_says_stage_baseline_and_that_it_is_research_software() -> None:
    result = run("score", "-", given=json.dumps(RISING))
    assert result.exit_code == 0
    for words in ("AKI stage 2", "0.90 mg/dL", "lowest of the last 7 days", "NEXT 48 HOURS", "Research software"):
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
