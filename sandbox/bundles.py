"""Searchset Bundles: one page of a search with its links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from sandbox.paging import Page, write_token
from sandbox.search import Search

Resource = dict[str, Any]


def searchset(
    base_url: str, search: Search, found: Sequence[Resource], page: Page, *, overlap: int = 0
) -> Resource:
    """The page of `found` (every match, in order) from `page.offset`; `overlap` repeats the one before."""
    count = search.count
    shown = [] if search.only_total else found[max(0, page.offset - overlap) : page.offset + count]
    type_ = search.definition.type
    links = [{"relation": "self", "url": f"{base_url}/{type_}?{urlencode(_used(search, page))}".rstrip("?")}]
    if not search.only_total and page.offset + count < len(found):
        links.append(
            {"relation": "next", "url": _page_url(base_url, type_, Page(page.pairs, page.offset + count))}
        )
    if page.offset:
        before = Page(page.pairs, max(0, page.offset - count))
        links.append({"relation": "previous", "url": _page_url(base_url, type_, before)})
    bundle: Resource = {
        "resourceType": "Bundle",
        "id": str(uuid4()),
        "type": "searchset",
        "total": len(found),
        "link": links,
    }
    if shown:
        bundle["entry"] = [entry(base_url, search.shown(resource)) for resource in shown]
    return bundle


def entry(base_url: str, resource: Mapping[str, Any], mode: str = "match") -> Resource:
    built: Resource = {"resource": dict(resource), "search": {"mode": mode}}
    if "id" in resource:
        built["fullUrl"] = f"{base_url}/{resource['resourceType']}/{resource['id']}"
    return built


def _used(search: Search, page: Page) -> list[tuple[str, str]]:
    """The parameters that had an effect; a default page size is shown as well."""
    used = list(search.used)
    if all(name != "_count" for name, _ in used):
        used.append(("_count", str(search.count)))
    return used + ([("_page", write_token(page))] if page.offset else [])


def _page_url(base_url: str, type_: str, page: Page) -> str:
    return f"{base_url}/{type_}?_page={write_token(page)}"
