"""Prefetch: a service's query templates filled in and answered by this EHR's own FHIR server (CDS Hooks 2.0)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_TOKEN = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_QUERY = re.compile(r"[A-Z][A-Za-z]+(/[A-Za-z0-9.-]{1,64}|\?[^#\s]+)")

FhirQuery = Callable[[str], tuple[int, Any]]
"""A relative FHIR URL to (HTTP status, JSON)."""


def resolve_template(template: str, tokens: Mapping[str, str]) -> str | None:
    """The template with every token replaced; None when one is unknown or the result is no read or search."""
    names = _TOKEN.findall(template)
    if any(name not in tokens for name in names):
        return None
    query = _TOKEN.sub(lambda match: tokens[match[1]], template)
    return query if _QUERY.fullmatch(query) else None


def prefetch_tokens(context: Mapping[str, Any], user_reference: str) -> dict[str, str]:
    """`context.*` for its plain values, and the user's id under the name of the user's type."""
    tokens = {f"context.{name}": value for name, value in context.items() if isinstance(value, str)}
    user_type, _, user_id = user_reference.partition("/")
    tokens[f"user{user_type}Id"] = user_id
    return tokens


def fill_prefetch(
    templates: Mapping[str, str], tokens: Mapping[str, str], query: FhirQuery
) -> tuple[dict[str, Any], dict[str, str]]:
    """Answers by key, and why a key was left out. A read that finds nothing is null, as the specification says."""
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    resolved = {key: resolve_template(template, tokens) for key, template in templates.items()}
    urls = {key: url for key, url in resolved.items() if url is not None}
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = dict(zip(urls, pool.map(query, urls.values()), strict=True))
    for key, url in resolved.items():
        if url is None:
            left_out[key] = "this EHR cannot resolve the template"
            continue
        status, body = answers[key]
        if status == 200:
            found[key] = body
        elif status in (404, 410) and "?" not in url:
            found[key] = None
        else:
            left_out[key] = f"the FHIR server answered {status}"
    return found, left_out
