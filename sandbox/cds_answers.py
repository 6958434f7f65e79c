"""What came back from a CDS service: read within limits, and worded for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import requests

from sandbox.cds_cards import Card, read_cards

_MAX_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP: JSON, or why there is none."""

    status: int | None
    body: Any
    milliseconds: float
    error: str | None = None


def cards_of(answer: Answer) -> tuple[tuple[Card, ...], str | None]:
    """The cards, or none and why."""
    if answer.error:
        return (), answer.error
    if answer.status != requests.codes.ok:
        words = _outcome_text(answer.body)
        return (), f"the service answered {answer.status}" + (f" ({words})" if words else "")
    try:
        return read_cards(answer.body), None
    except ValueError as error:
        return (), str(error)


def read_capped(response: requests.Response) -> bytes:
    """The body. Raises ValueError where it is longer than any card is."""
    body = b""
    for chunk in response.iter_content(65_536):
        body += chunk
        if len(body) > _MAX_BYTES:
            raise ValueError("the answer is larger than 2 MB")
    return body


def read_answer(status: int, text: bytes, elapsed: float) -> Answer:
    """The JSON of an answer; an empty body is none, and no error."""
    if not text:
        return Answer(status, None, elapsed)
    try:
        return Answer(status, json.loads(text), elapsed)
    except (ValueError, RecursionError):
        return Answer(status, None, elapsed, f"the service answered {status} without readable JSON")


def failure_words(error: Exception) -> str:
    """Why there was no answer."""
    if isinstance(error, requests.Timeout):
        return "the service did not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "the service cannot be reached; is the app running?"
    return "the call failed" if isinstance(error, requests.RequestException) else str(error)


def _outcome_text(body: Any) -> str:
    """What an OperationOutcome says, shortened; empty for anything else."""
    issues = body.get("issue") if isinstance(body, dict) else None
    for issue in issues if isinstance(issues, list) else ():
        details = issue.get("details") if isinstance(issue, dict) else None
        text = details.get("text") if isinstance(details, dict) else None
        text = text or (issue.get("diagnostics") if isinstance(issue, dict) else None)
        if isinstance(text, str):
            return text[:200].rstrip(".")
    return ""
