import json
from typing import Any

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


def staged(table: str, *options: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(main, ["stage", "-", "--json", *options], input=table)
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def test_the_height_of_a_child_applies_the_egfr_rule() -> None:
    """1.5 mg/dL at 118 cm is an eGFR of 32: stage 3 once AKI is met; 1.67 times alone is stage 1."""
    table = "time,creatinine,unit\n2026-11-19T08:00,0.9,mg/dL\n2026-11-20T08:00,1.5,mg/dL\n"
    assert staged(table, "--born", "2019-05-30", "--height", "118")[1]["kdigo"]["stage"] == 3
    assert staged(table, "--born", "2019-05-30")[1]["kdigo"]["stage"] == 1
    assert staged(table, "--born", "1970-05-30", "--height", "118")[1]["kdigo"]["stage"] == 1


def test_a_height_without_a_date_of_birth_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["stage", "-", "--height", "118"], input=SERIES)
    assert result.exit_code == 2
    assert "--born" in result.output


def test_urine_weight_and_dialysis_columns_are_staged() -> None:
    hours = [f"2026-11-20T{hour:02d}:00,,,10,80,no" for hour in range(8)]
    table = "\n".join(["time,creatinine,unit,urine_ml,weight_kg,rrt", *hours, "2026-11-20T09:00,,,,,yes", ""])
    rows = staged(table)
    assert rows[7]["kdigo"]["urine_output_stage"] == 1
    assert (rows[7]["kdigo"]["stage"], rows[7]["kdigo"]["criterion"]) == (1, "urine_output")
    assert (rows[8]["kdigo"]["stage"], rows[8]["kdigo"]["criterion"]) == (3, "rrt")


def test_a_misspelt_optional_column_is_named_not_ignored() -> None:
    result = CliRunner().invoke(
        main, ["stage", "-"], input="time,creatinine,unit,urine_mL\n2026-11-20,1,mg/dL,5\n"
    )
    assert result.exit_code == 1
    assert 'Is it "urine_ml"?' in result.output


def test_a_table_without_rows_says_so() -> None:
    result = CliRunner().invoke(main, ["stage", "-"], input="time,creatinine,unit\n")
    assert result.exit_code == 1
    assert "has no rows" in result.output
