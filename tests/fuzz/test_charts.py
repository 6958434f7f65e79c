"""A short run of the chart fuzzer; `python -m tests.fuzz.charts --count 50000 --seed 1` is the long one."""

import pytest

from tests.fuzz.charts import Broken, Fuzzer


@pytest.fixture(scope="module")
def fuzzer() -> Fuzzer:
    return Fuzzer()


@pytest.mark.parametrize("block", range(6))
def test_spoiled_charts_raise_nothing_and_give_nothing_from_rejected_data(fuzzer: Fuzzer, block: int) -> None:
    for number in range(50):
        seed = 9_000_000 + block * 50 + number
        try:
            fuzzer.run(seed)
        except Exception as error:
            raise Broken(f"python -m tests.fuzz.charts --only {seed}") from error


def test_the_fuzzer_notices_an_outcome_that_rests_on_rejected_data(
    fuzzer: Fuzzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Fuzzer, "_outcome", lambda _, snapshot: {"status": "x", "rejected": len(snapshot.rejected)}
    )
    with pytest.raises(Broken, match="rejected data"):
        _run_all(fuzzer, range(9_000_000, 9_000_100))


def _run_all(fuzzer: Fuzzer, seeds: range) -> None:
    for seed in seeds:
        fuzzer.run(seed)
