"""Queries to the EHR's own FHIR server inside the process, by the same path and rights as from outside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from flask import Flask
from werkzeug.test import Client, TestResponse

UNREADABLE = 502


class LoopbackFhir:
    """A relative FHIR URL and an access token to (HTTP status, JSON); 502 when the answer is no JSON."""

    def __init__(self, app: Flask, base_url: str, fhir_path: str = "/fhir") -> None:
        self._app = app
        self._fhir_path = fhir_path
        self._base_url = base_url

    def __call__(self, url: str, token: str) -> tuple[int, Any]:
        path, _, query = url.partition("?")
        return _read(
            Client(self._app).get(
                f"{self._fhir_path}/{path}", query_string=query, base_url=self._base_url, headers=_headers(token)
            )
        )

    def create(self, resource: Mapping[str, Any], token: str) -> tuple[int, Any]:
        """POST one resource to its type."""
        body, content_type = json.dumps(resource), "application/fhir+json"
        path = f"{self._fhir_path}/{quote(str(resource.get('resourceType', '')), safe='')}"
        return _read(
            Client(self._app).post(
                path, data=body, content_type=content_type, base_url=self._base_url, headers=_headers(token)
            )
        )


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"}


def _read(response: TestResponse) -> tuple[int, Any]:
    try:
        return response.status_code, json.loads(response.get_data())
    except ValueError:
        return UNREADABLE, None
