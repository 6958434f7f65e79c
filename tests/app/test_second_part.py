"""Whatever comes after "Reading the chart": it takes that line's place and is a page of its own."""

import re
import threading
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from flask import Flask
from jinja2 import TemplateError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import ServiceUnavailable

from app.auditing.trail import AuditFailed
from app.launched.sessions import SessionExpired
from app.patient_page import routes
from app.patient_page.first_paint import FirstPaint
from app.services import AppServices
from app.web import error_pages
from launch.errors import EhrUnavailable, PatientChanged
from model.snapshot import Incomplete, PatientSnapshot
from patient_context.errors import (
    ChartProtected,
    PatientContextError,
    PatientMismatch,
    UpstreamRefused,
    UpstreamUnavailable,
)
from tests.app.test_pages import RISING, FakeReader, launched, page_app, services
from tests.builders.assessed import NOW, snapshot

__all__ = ["services"]

NAVIGATING = {"Sec-Fetch-Mode": "navigate"}
WORDS = "x", "words"
CHILD = replace(RISING, birth_date=NOW.date().replace(year=NOW.year - 5))
REFUSALS: list[tuple[Exception, str]] = [
    (UpstreamUnavailable(*WORDS), "chart-unavailable"),
    (UpstreamRefused(403, "words"), "chart-refused"),
    (ChartProtected(), "chart-protected"),
    (PatientMismatch(*WORDS), "patient-mismatch"),
    (PatientContextError(*WORDS), "chart-unreadable"),
    (EhrUnavailable("down"), "ehr-unavailable"),
    (PatientChanged("p2"), "patient-changed"),
    (SessionExpired(), "session-expired"),
    (AuditFailed(), "audit-failed"),
    (OperationalError("select", {}, Exception()), "database-unavailable"),
    (ServiceUnavailable(), "http-503"),
    (ZeroDivisionError(), "internal-error"),
]


class SlowReader(FakeReader):
    """Answers when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def __call__(self, access: Any, **asked: Any) -> PatientSnapshot:
        assert self.let_go.wait(10)
        return super().__call__(access, **asked)


@pytest.fixture
def reader() -> SlowReader:
    return SlowReader()


@pytest.fixture
def app(services: AppServices, reader: SlowReader, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr(routes, "FirstPaint", partial(FirstPaint, patience_seconds=0))
    return page_app(services, reader)


def in_two_parts(app: Flask, services: AppServices, reader: SlowReader, **headers: str) -> tuple[str, str]:
    """What is sent while the chart is read, and what when it is there."""
    client = app.test_client()
    answer = client.get(launched(client, services), headers={**NAVIGATING, **headers}, buffered=False)
    parts = (part.decode() if isinstance(part, bytes) else part for part in answer.response)
    first = next(parts)
    reader.let_go.set()
    return first, "".join(parts)


def is_one_page(whole: str) -> bool:
    once = ("<!doctype html>", "<html", "<head>", "<body>", "<main", "</main>", "</body>", "</html>")
    return all(whole.count(tag) == 1 for tag in once) and whole.count('<template id="whole">') == 1


@pytest.mark.parametrize(
    ("chart", "words"),
    [
        (RISING, "AKI stage 2"),
        (snapshot(), "Cannot be staged"),
        (CHILD, "Next 48 hours"),
        (replace(RISING, incomplete=(Incomplete("labs", *WORDS),)), "Before you read on"),
    ],
    ids=["assessed", "insufficient", "child", "partial"],
)
def test_a_chart_that_comes_late_is_one_whole_page_with_its_own_title(
    app: Flask, services: AppServices, reader: SlowReader, chart: PatientSnapshot, words: str
) -> None:
    reader.answer = chart
    first, second = in_two_parts(app, services, reader)
    assert "Nothing is known" in first
    assert "No AKI" not in first
    assert words in second
    assert is_one_page(first + second)
    assert re.search(r'<template id="late-title">Kidneys: .+ · AKI Sentinel</template>', second)


@pytest.mark.parametrize(("failure", "code"), REFUSALS, ids=[code for _, code in REFUSALS])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_whatever_goes_wrong_late_is_one_whole_page_that_names_it(
    app: Flask, services: AppServices, reader: SlowReader, failure: Exception, code: str, accept: str
) -> None:
    reader.answer = failure
    first, second = in_two_parts(app, services, reader, Accept=accept)
    assert f"<dd>{code}</dd>" in second
    assert "nothing on this page says that the patient is at low risk" in second
    assert is_one_page(first + second)


def test_a_page_that_cannot_be_rendered_is_an_error_page_and_not_half_a_chart(
    app: Flask, services: AppServices, reader: SlowReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise KeyError

    monkeypatch.setattr(routes, "course_svg", fail)
    first, second = in_two_parts(app, services, reader)
    assert "<dd>internal-error</dd>" in second
    assert is_one_page(first + second)


def test_an_error_page_without_its_template_still_takes_the_place_of_the_first_part(
    app: Flask, services: AppServices, reader: SlowReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise TemplateError

    monkeypatch.setattr(error_pages, "render_template", fail)
    reader.answer = UpstreamUnavailable(*WORDS)
    first, second = in_two_parts(app, services, reader)
    assert "chart-unavailable" in second
    assert is_one_page(first + second)
