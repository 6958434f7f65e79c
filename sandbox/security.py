"""Headers of the EHR's own pages, and the refusal of forms sent from elsewhere."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, abort, g, request


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def refuse_foreign_forms() -> None:
    """Only this EHR's own pages may post here; a browser says so in `Sec-Fetch-Site` or `Origin`."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign = site not in ("same-origin", "none") if site else origin not in (None, request.host_url.rstrip("/"))
    if foreign:
        abort(403)


def allow_form_target(url: str) -> None:
    """Let a form on this page end at the given URL's origin, also by redirect."""
    g.form_target = origin_of(url)


def add_security_headers(response: Response, partners: tuple[str, ...]) -> Response:
    """No inline script or style, nothing from elsewhere but the partners (app, login server) in a frame."""
    origins = " ".join(partners)
    targets = " ".join(dict.fromkeys(("'self'", *partners, g.get("form_target", partners[0]))))
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"frame-src 'self' {origins}; form-action {targets}; base-uri 'none'; frame-ancestors 'self'"
    )
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    # Forms post to their own origin, which browsers only name under this policy; launch URLs never leave in it.
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cache-Control", "no-store")
    return response
