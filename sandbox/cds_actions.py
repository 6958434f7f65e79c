"""Does what an accepted suggestion says: creates in the chart, changes and removes drafts (CDS Hooks 2.0, Action).

The actions of one suggestion are applied in FHIR's transaction order: deletions, creations, updates (CH-33).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.cds_client import CdsClient
from sandbox.cds_contexts import reference_of
from sandbox.draft_orders import DraftOrders
from sandbox.launches import LaunchContext

_ORDER = ("delete", "create", "update")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of the actions: a sentence for each, and the references of the drafts that are gone."""

    sentences: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def read_actions(text: str) -> list[dict[str, Any]]:
    """The actions a form carries. Raises ValueError for anything but a list of objects."""
    try:
        actions = json.loads(text or "[]")
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(actions, list) or not all(isinstance(action, dict) for action in actions):
        raise ValueError("not a list of actions")
    return actions


def apply_actions(
    client: CdsClient, drafts: DraftOrders, launch: LaunchContext, actions: Sequence[Mapping[str, Any]]
) -> Done:
    """Apply them to the patient of `launch`. Nothing outside that patient's chart and drafts can be reached."""
    patient_id = launch.patient_id or ""
    said: list[str] = []
    removed: list[str] = []
    known = [action for action in actions if action.get("type") in _ORDER]
    for action in sorted(known, key=lambda each: _ORDER.index(each["type"])):
        resource = action.get("resource")
        if action["type"] == "delete":
            for reference in _references(action.get("resourceId")):
                gone = drafts.remove(patient_id, reference)
                removed += [reference] * gone
                said.append(
                    f"Removed from the draft orders: {reference}."
                    if gone
                    else f"Not removed: {reference} is no draft order here."
                )
        elif isinstance(resource, Mapping) and action["type"] == "create":
            said += client.apply(launch, [resource])
        elif isinstance(resource, Mapping):
            changed = _is_about(resource, patient_id) and drafts.update(patient_id, resource)
            name = reference_of(resource)
            said.append(
                f"Draft order changed: {name}." if changed else f"Not changed: {name} is no draft order here."
            )
    return Done(tuple(said), tuple(removed))


def _references(held: Any) -> list[str]:
    """`resourceId` is a string in CDS Hooks 1.1 and 2.0, a list in the 3.0 ballot."""
    return [each for each in (held if isinstance(held, list) else [held]) if isinstance(each, str)]


def _is_about(resource: Mapping[str, Any], patient_id: str) -> bool:
    subject = resource.get("subject")
    return isinstance(subject, Mapping) and subject.get("reference") == f"Patient/{patient_id}"
