"""Queries to the EHR's own FHIR server inside the process, by the same path and rights as from outside."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask
from werkzeug.test import Client

UNREADABLE = 502


class LoopbackFhir:
    """A relative FHIR URL and an access token to (HTTP status, JSON); 502 when the answer is no JSON."""

    def __init__(self, app: Flask, base_url: str) -> None:
        self._app = app
        self._base_url = base_url

    def __call__(self, url: str, token: str) -> tuple[int, Any]:
        path, _, query = url.partition("?")
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"}
        response = Client(self._app).get(
            f"/fhir/{path}", query_string=query, base_url=self._base_url, headers=headers
        )
        try:
            return response.status_code, json.loads(response.get_data())
        except ValueError:
            return UNREADABLE, None
