"""The hot path of a hook: JSON text of 200 Observations -> snapshot (design decision 11)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from patient_context.mapping import snapshot_from_bundle
from patient_context.strict_json import loads
from tests.builders.fhir import bundle, observation, patient

READ_AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
TESTS = [("2160-0", 1.1, "mg/dL"), ("3094-0", 20, "mg/dL"), ("2823-3", 4.1, "mmol/L"), ("8867-4", 80, "/min")]


def body(count: int) -> bytes:
    chart = [observation(*TESTS[n % 4], at=READ_AT - timedelta(minutes=n)) for n in range(count)]
    return json.dumps(bundle(patient(), *chart)).encode()


@pytest.mark.bench
@pytest.mark.parametrize("count", [200, 1000])
def test_parsing_and_mapping_a_chart(benchmark: Any, count: int) -> None:
    text = body(count)
    snapshot = benchmark(lambda: snapshot_from_bundle(loads(text), read_at=READ_AT))
    assert sum(map(len, snapshot.series.values())) == count


@pytest.mark.bench
def test_mapping_alone(benchmark: Any) -> None:
    parsed = loads(body(200))
    assert benchmark(lambda: snapshot_from_bundle(parsed, read_at=READ_AT)).series
