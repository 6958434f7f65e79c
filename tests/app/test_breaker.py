"""An EHR that fails is left alone for a while, and the other EHRs notice nothing (hardening, faults)."""

import pytest
from werkzeug.wrappers import Response

from app.egress.breaker import Breaker, EhrResting
from app.egress.connections import LOOPBACK
from app.egress.guarded import GuardedSession, Limits, OutboundRefused
from tests.builders.fake_ehr import FakeEhr, running_fake_ehr

NO_RETRY = Limits(connect_seconds=1, read_seconds=1, total_seconds=2, retries=0)


class Seconds:
    """A monotonic clock the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def breaker(seconds: Seconds) -> Breaker:
    return Breaker(failures=3, rest_seconds=5, clock=seconds)


def _fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.require_willing()
        breaker.failed()


def test_failures_in_a_row_open_it_and_one_answer_in_between_does_not(breaker, seconds) -> None:
    _fail(breaker, 2)
    breaker.succeeded()
    _fail(breaker, 3)
    with pytest.raises(EhrResting):
        breaker.require_willing()
    seconds.now = 4.9
    with pytest.raises(EhrResting):
        breaker.require_willing()


def test_after_the_rest_one_request_tries_and_its_answer_closes_it(breaker, seconds) -> None:
    _fail(breaker, 3)
    seconds.now = 5
    breaker.require_willing()
    with pytest.raises(EhrResting):
        breaker.require_willing()
    breaker.succeeded()
    breaker.require_willing()
    breaker.require_willing()


def test_each_failed_try_doubles_the_rest_up_to_a_minute(breaker, seconds) -> None:
    _fail(breaker, 3)
    for rest in (5, 10, 20, 40, 60, 60):
        seconds.now += rest - 0.1
        with pytest.raises(EhrResting):
            breaker.require_willing()
        seconds.now += 0.1
        _fail(breaker)


def test_requests_already_under_way_when_it_opens_do_not_lengthen_the_rest(breaker, seconds) -> None:
    _fail(breaker, 3)
    for _ in range(10):
        breaker.failed()
    seconds.now = 5
    breaker.require_willing()


def test_a_resting_ehr_gets_no_request_and_another_ehr_is_unaffected(ehr: FakeEhr, seconds) -> None:
    ehr.answers["/fhir/Patient"] = lambda _: Response(status=503)
    failing = GuardedSession(
        [ehr.fhir_base],
        limits=NO_RETRY,
        networks=LOOPBACK,
        breaker=Breaker(failures=2, rest_seconds=5, clock=seconds),
    )
    for _ in range(2):
        assert failing.get(f"{ehr.fhir_base}/Patient").status_code == 503
    for _ in range(3):
        with pytest.raises(EhrResting):
            failing.get(f"{ehr.fhir_base}/Patient?name=canary")
    assert len(ehr.asked) == 2
    with running_fake_ehr() as other:
        healthy = GuardedSession([other.fhir_base], limits=NO_RETRY, networks=LOOPBACK)
        assert healthy.get(f"{other.fhir_base}/.well-known/smart-configuration").status_code == 200
    del ehr.answers["/fhir/Patient"]
    seconds.now = 5
    assert failing.get(f"{ehr.fhir_base}/Patient").status_code == 404
    assert failing.get(f"{ehr.fhir_base}/Patient").status_code == 404


def test_what_we_refuse_ourselves_never_counts_against_the_ehr(ehr: FakeEhr, seconds) -> None:
    session = GuardedSession(
        [ehr.fhir_base],
        limits=NO_RETRY,
        networks=LOOPBACK,
        breaker=Breaker(failures=2, rest_seconds=5, clock=seconds),
    )
    for _ in range(5):
        with pytest.raises(OutboundRefused):
            session.get("https://evil.test/")
    assert session.get(f"{ehr.fhir_base}/Patient").status_code == 404
