"""A slow EHR: the frame says at once that the chart is being read, and the page comes when it is."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, g
from flask.testing import FlaskClient
from werkzeug.exceptions import BadGateway
from werkzeug.test import TestResponse

from app.patient_page.first_paint import BROKEN_OFF, FirstPaint

WAITING = "<html><head></head><body><p>reading</p>"
REFUSAL = "<h1>refused</h1></body></html>"


class Chart:
    """Comes when it is let go, and may then be an error."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.answer: str | Exception = "stage 2"

    def __call__(self) -> str:
        assert self.let_go.wait(10)
        g.seen_by_the_view = True
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def chart() -> Iterator[Chart]:
    chart = Chart()
    yield chart
    chart.let_go.set()


def _client(chart: Chart, *, patience_seconds: float, somebody_waits: bool = True) -> FlaskClient:
    app, paint = Flask("app"), FirstPaint(threads=2, patience_seconds=patience_seconds)

    def render(stage: str) -> str:
        rest = f"<main>{stage}</main></body></html>"
        return rest if g.get("head_is_sent") else f"<html><body>{rest}"

    @app.get("/")
    def page() -> Any:
        return paint.page(
            chart,
            somebody_waits=somebody_waits,
            render=render,
            waiting=lambda: WAITING,
            refusal=_refusal,
        )

    return app.test_client()


def _refusal(error: Exception) -> Response:
    if isinstance(error, LookupError):
        raise RuntimeError("the page of the refusal cannot be made either")
    return Response(REFUSAL, status=502)


def _next(answer: TestResponse) -> str:
    return next(iter(answer.response)).decode() if answer.response else ""  # type: ignore[union-attr]


def test_a_quick_chart_is_one_whole_page(chart: Chart) -> None:
    chart.let_go.set()
    answer = _client(chart, patience_seconds=10).get("/")
    assert answer.text == "<html><body><main>stage 2</main></body></html>"
    assert "X-Accel-Buffering" not in answer.headers


def test_a_quick_refusal_keeps_its_status(chart: Chart) -> None:
    chart.let_go.set()
    chart.answer = BadGateway()
    assert _client(chart, patience_seconds=10).get("/").status_code == 502


def test_while_a_slow_chart_is_read_the_first_part_is_there_and_names_no_finding(chart: Chart) -> None:
    answer = _client(chart, patience_seconds=0).get("/", buffered=False)
    first = _next(answer)
    assert first == WAITING
    chart.let_go.set()
    assert _next(answer) == "<main>stage 2</main></body></html>"
    assert answer.headers["X-Accel-Buffering"] == "no"


def test_a_late_refusal_is_the_page_it_would_have_been(chart: Chart) -> None:
    chart.answer = BadGateway()
    answer = _client(chart, patience_seconds=0).get("/", buffered=False)
    chart.let_go.set()
    assert "".join([_next(answer), _next(answer)]).endswith("<h1>refused</h1></body></html>")


def test_when_not_even_the_refusal_can_be_shown_the_first_part_does_not_stand_alone(chart: Chart) -> None:
    chart.answer = LookupError()
    answer = _client(chart, patience_seconds=0).get("/", buffered=False)
    chart.let_go.set()
    assert _next(answer) == WAITING
    assert _next(answer) == BROKEN_OFF


def test_a_program_gets_the_whole_page_with_its_status_however_long_it_takes(chart: Chart) -> None:
    chart.answer = BadGateway()
    threading.Timer(0.2, chart.let_go.set).start()
    assert _client(chart, patience_seconds=0, somebody_waits=False).get("/").status_code == 502
