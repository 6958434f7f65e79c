"""Cross-origin access for browser-based CDS clients: registered origins only, no cookies (CH-56)."""

from flask import Response, request

from cds_hooks.clients import CdsClientRegistry

ALLOWED_HEADERS = "Authorization, Content-Type"
PREFLIGHT_SECONDS = 600


def allow_origin(response: Response, clients: CdsClientRegistry) -> Response:
    """Names the asking origin when it is registered. Never a wildcard, never credentials."""
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin in clients.cors_origins:
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def answer_preflight(methods: str, clients: CdsClientRegistry) -> Response:
    """The answer to OPTIONS. Not authenticated: browsers send no token with it."""
    response = Response(status=204)
    response.headers["Allow"] = methods
    if request.headers.get("Origin") in clients.cors_origins:
        response.headers["Access-Control-Allow-Methods"] = methods
        response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return response
