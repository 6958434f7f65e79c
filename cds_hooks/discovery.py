"""The discovery document (CH-1 to CH-11). Prefetch templates come from the one list of queries."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cds_hooks.services import LIVE, OFF, SHADOW, Service

SPOKEN_VERSION = "2.0.1"  # of a service that also takes what 1.0, 1.1 and the 3.0 ballot send
_NO_CARDS = "answers without cards, which does not mean that nothing was found. "
_NOT_LIVE = {
    frozenset({OFF}): f"Switched off by the site: {_NO_CARDS}",
    frozenset({SHADOW}): f"Tried out by the site: {_NO_CARDS}",
}
_SOMEWHERE_NOT_LIVE = f"Switched off or tried out at some sites: there it {_NO_CARDS}"


def discovery_document(
    services: Iterable[Service],
    prefetch: Mapping[str, str],
    modes: Collection[str] = (LIVE,),
    *,
    says_version: bool = False,
) -> dict[str, Any]:
    """`{"services": [...]}` for GET /cds-services. `modes` are those of the sites' cards: one not live is said.

    `says_version` adds the `version` of CDS Hooks spoken, as the 3.0 ballot recommends (CH-2).
    """
    different = frozenset(modes) - {LIVE}
    notice = "" if not different else _NOT_LIVE.get(frozenset(modes), _SOMEWHERE_NOT_LIVE)
    version = {"version": SPOKEN_VERSION} if says_version else {}
    return {"services": [{**_describe(service, prefetch, notice), **version} for service in services]}


def _describe(service: Service, prefetch: Mapping[str, str], notice: str) -> dict[str, Any]:
    return {
        "hook": service.hook,
        "id": service.id,
        "title": service.title,
        "description": f"{notice}{service.description}",
        "usageRequirements": service.usage_requirements,
        "prefetch": dict(prefetch),
    }
