import json

import pytest
from click.testing import CliRunner

from app.cli import main

SERIES = "time,creatinine,unit\n2026-11-19T08:00,0.9,mg/dL\n2026-11-20T08:00,150,umol/L\n"


def test_stage_prints_kdigo_and_nhs_per_row() -> None:
    result = CliRunner().invoke(main, ["stage", "-", "--json"], input=SERIES)
    rows = json.loads(result.stdout)
    assert result.exit_code == 0
    assert [row["row"] for row in rows] == [1, 2]
    assert rows[1]["kdigo"]["stage"] == 1
    assert rows[1]["nhs"]["alert"] == "AKI 1"


def test_stage_for_people_names_baseline_and_method() -> None:
    result = CliRunner().invoke(main, ["stage", "-"], input=SERIES)
    assert "0.90 mg/dL (lowest of the last 7 days)" in result.stdout
    assert "AKI 1" in result.stdout


def test_row_not_understood_is_named_and_the_others_are_staged() -> None:
    result = CliRunner().invoke(main, ["stage", "-"], input=SERIES + "2026-11-20T12:00,high,mg/dL\n")
    assert result.exit_code == 1
    assert "Row 3 was not used" in result.stdout
    assert "AKI 1" in result.stdout


@pytest.mark.parametrize("table", [b"when,value\n1,2\n", b"\xff\xfe\x00", b'time,creatinine,unit\n"\x00'])
def test_table_that_cannot_be_read_ends_with_1_and_no_traceback(table: bytes) -> None:
    result = CliRunner().invoke(main, ["stage", "-"], input=table)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
