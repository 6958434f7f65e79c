"""The discovery document (CH-1 to CH-11). Prefetch templates come from the one list of queries."""

from collections.abc import Iterable, Mapping
from typing import Any

from cds_hooks.services import Service


def discovery_document(services: Iterable[Service], prefetch: Mapping[str, str]) -> dict[str, Any]:
    """`{"services": [...]}` for GET /cds-services."""
    return {"services": [_describe(service, prefetch) for service in services]}


def _describe(service: Service, prefetch: Mapping[str, str]) -> dict[str, Any]:
    return {
        "hook": service.hook,
        "id": service.id,
        "title": service.title,
        "description": service.description,
        "usageRequirements": service.usage_requirements,
        "prefetch": dict(prefetch),
    }
