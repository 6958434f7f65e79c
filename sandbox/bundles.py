"""Searchset Bundles: one page of a search with its links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from sandbox.paging import Page, write_token
from sandbox.search import Search
from sandbox.vendor import NextLink

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PageStyle:
    """How a server cuts its pages: `overlap` repeats that many entries of the page before."""

    link: NextLink = field(default_factory=NextLink)
    overlap: int = 0
    sends_total: bool = True
    total_is_estimate: bool = False


USUAL_PAGES = PageStyle()


def searchset(
    base_url: str, search: Search, found: Sequence[Resource], page: Page, style: PageStyle = USUAL_PAGES
) -> Resource:
    """The page of `found` (every match, in order) from `page.offset`."""
    count = search.count
    shown = [] if search.only_total else found[max(0, page.offset - style.overlap) : page.offset + count]
    type_ = search.definition.type
    used = urlencode(_used(search, page, style.link))
    links = [{"relation": "self", "url": f"{base_url}/{type_}?{used}".rstrip("?")}]
    if not search.only_total and page.offset + count < len(found):
        following = Page(page.pairs, page.offset + count)
        links.append({"relation": "next", "url": _page_url(base_url, type_, following, style.link)})
    if page.offset:
        before = Page(page.pairs, max(0, page.offset - count))
        links.append({"relation": "previous", "url": _page_url(base_url, type_, before, style.link)})
    bundle: Resource = {
        "resourceType": "Bundle",
        "id": str(uuid4()),
        "type": "searchset",
        "total": len(found),
        "link": links,
    }
    if style.total_is_estimate and len(links) > 1 and links[1]["relation"] == "next":
        bundle["total"] = page.offset + count + 1
    if not (style.sends_total or search.only_total):
        del bundle["total"]
    if shown:
        bundle["entry"] = [entry(base_url, search.shown(resource)) for resource in shown]
    return bundle


def entry(base_url: str, resource: Mapping[str, Any], mode: str = "match") -> Resource:
    built: Resource = {"resource": dict(resource), "search": {"mode": mode}}
    if "id" in resource:
        built["fullUrl"] = f"{base_url}/{resource['resourceType']}/{resource['id']}"
    return built


def _used(search: Search, page: Page, link: NextLink) -> list[tuple[str, str]]:
    """The parameters that had an effect; a default page size is shown as well."""
    used = list(search.used)
    if all(name != "_count" for name, _ in used):
        used.append(("_count", str(search.count)))
    return used + ([(link.parameter, write_token(page))] if page.offset else [])


def _page_url(base_url: str, type_: str, page: Page, link: NextLink) -> str:
    if link.on_base:
        return f"{base_url}?{link.parameter}={type_}.{write_token(page)}&_bundletype=searchset"
    return f"{base_url}/{type_}?{link.parameter}={write_token(page)}"
