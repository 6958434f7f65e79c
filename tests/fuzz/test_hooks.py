"""A short run of the hook fuzzer; `python -m tests.fuzz.hooks --count 12000` is the long one."""

import pytest

from tests.fuzz.hooks import ALLOWED, Broken, HookFuzzer


@pytest.fixture(scope="module")
def fuzzer() -> HookFuzzer:
    return HookFuzzer()


def test_spoiled_calls_are_answered_or_refused_in_the_standards_form(fuzzer: HookFuzzer) -> None:
    for seed in range(9_000_000, 9_000_100):
        try:
            fuzzer.run(seed)
        except Exception as error:
            raise Broken(f"python -m tests.fuzz.hooks --seed {seed} --count 1") from error
    assert {"200", "400", "with cards", "silent"} <= fuzzer.counts.keys()


def test_the_fuzzer_notices_a_status_no_call_may_get(fuzzer: HookFuzzer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.hooks.ALLOWED", ALLOWED - {400})
    with pytest.raises(Broken):
        _run_all(fuzzer, range(9_100_000, 9_100_060))


def _run_all(fuzzer: HookFuzzer, seeds: range) -> None:
    for seed in seeds:
        fuzzer.run(seed)
