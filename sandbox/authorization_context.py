"""What one authorization grants, and the launch context that travels beside its tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sandbox.launches import LaunchContext
from sandbox.scopes import ScopeSet, in_syntax
from sandbox.services import EhrServices
from sandbox.tokens import Grant
from sandbox.vendor import VendorProfile


def granted_scope(scope: str, context: LaunchContext, client: Any, vendor: VendorProfile) -> str:
    """What a user can grant: no system level, and nothing bound to a patient where none was chosen."""
    scopes = ScopeSet.parse(scope).without_levels("system")
    if context.patient_id is None:
        scopes = scopes.without_levels("patient")
    refresh = client.check_grant_type("refresh_token")
    kept = tuple(name for name in scopes.context if refresh or not name.endswith("_access"))
    return str(ScopeSet(kept, in_syntax(scopes.resources, vendor.granted_syntax)))


def launch_parameters(services: EhrServices, grant: Grant) -> dict[str, Any]:
    """Launch context that travels beside the access token (SMART 2.2, scopes page; SL-48..SL-53)."""
    context = grant.context
    if context is None:
        return {}
    optional = {"intent": context.intent, "tenant": services.settings.tenant, "appContext": context.app_context}
    vendor = services.settings.vendor
    return {
        **vendor.token_extras,
        **patient_and_encounter(context if vendor.sends_encounter else replace(context, encounter_id=None)),
        "need_patient_banner": context.need_patient_banner,
        "smart_style_url": f"{services.settings.base_url}/smart-style-v1.json",
        **{name: value for name, value in optional.items() if value is not None},
    }


def patient_and_encounter(context: LaunchContext) -> dict[str, str]:
    """The two ids, absent rather than null."""
    found = {"patient": context.patient_id, "encounter": context.encounter_id}
    return {name: value for name, value in found.items() if value is not None}
