"""SMART scopes of both syntaxes: parsing, narrowing to what a client may have, and what an access token permits.

v1 is `.read`, `.write`, `.*`; v2 an ordered subset of `cruds` (SMART App Launch 2.2, scopes page; SL-24).
Scopes narrowed by search parameters (`?category=...`) are not granted: this FHIR server could not hold them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

_RESOURCE_SCOPE = re.compile(
    r"(?P<level>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]+)\.(?P<access>read|write|\*|c?r?u?d?s?)"
)
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_V1_NAMES = {letters: name for name, letters in _V1.items()}
_LETTERS = {"create": "c", "read": "r", "update": "u", "delete": "d", "search": "s"}

CONTEXT_SCOPES = frozenset(
    {
        "openid",
        "fhirUser",
        "profile",
        "launch",
        "launch/patient",
        "launch/encounter",
        "online_access",
        "offline_access",
    }
)


@dataclass(frozen=True, slots=True)
class ResourceScope:
    """One `level/Type.access` scope; `letters` is an ordered subset of `cruds`."""

    level: str
    resource_type: str
    letters: str
    v1: bool

    def covers(self, resource_type: str, letter: str) -> bool:
        return self.resource_type in ("*", resource_type) and letter in self.letters

    def narrowed_to(self, allowed: ResourceScope) -> ResourceScope | None:
        """The part of this scope that `allowed` also gives, or None."""
        if self.level != allowed.level:
            return None
        if "*" not in (self.resource_type, allowed.resource_type) and self.resource_type != allowed.resource_type:
            return None
        resource_type = allowed.resource_type if self.resource_type == "*" else self.resource_type
        letters = "".join(letter for letter in self.letters if letter in allowed.letters)
        return ResourceScope(self.level, resource_type, letters, self.v1) if letters else None

    def __str__(self) -> str:
        access = _V1_NAMES.get(self.letters, self.letters) if self.v1 else self.letters
        return f"{self.level}/{self.resource_type}.{access}"


def parse_resource_scope(text: str) -> ResourceScope | None:
    """Read one resource scope; None when it is none (also for letters out of order, such as `.sr`)."""
    match = _RESOURCE_SCOPE.fullmatch(text)
    if match is None or not match["access"]:
        return None
    access = match["access"]
    return ResourceScope(match["level"], match["type"], _V1.get(access, access), v1=access in _V1)


@dataclass(frozen=True, slots=True)
class ScopeSet:
    """Understood scopes in the order asked for; whatever is not understood has been left out."""

    context: tuple[str, ...] = ()
    resources: tuple[ResourceScope, ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> ScopeSet:
        words = list(dict.fromkeys((text or "").split()))
        resources = (parse_resource_scope(word) for word in words)
        return cls(
            tuple(word for word in words if word in CONTEXT_SCOPES),
            tuple(scope for scope in resources if scope is not None),
        )

    def __contains__(self, context_scope: str) -> bool:
        return context_scope in self.context

    def __str__(self) -> str:
        return " ".join((*self.context, *map(str, self.resources)))

    def narrowed_to(self, allowed: ScopeSet) -> ScopeSet:
        """Drop, never refuse, what `allowed` does not give; a wildcard shrinks to the allowed types."""
        context = tuple(scope for scope in self.context if scope in allowed.context)
        narrowed = (scope.narrowed_to(limit) for scope in self.resources for limit in allowed.resources)
        return ScopeSet(context, _without_repeats(scope for scope in narrowed if scope is not None))

    def without_levels(self, *levels: str) -> ScopeSet:
        return ScopeSet(self.context, tuple(scope for scope in self.resources if scope.level not in levels))

    @property
    def needs_patient(self) -> bool:
        """Patient-level scopes or `launch/patient` oblige the server to supply a patient (SL-23)."""
        return "launch/patient" in self.context or any(scope.level == "patient" for scope in self.resources)

    @property
    def wants_refresh(self) -> bool:
        return "online_access" in self.context or "offline_access" in self.context


def in_syntax(scopes: Iterable[ResourceScope], syntax: str | None) -> tuple[ResourceScope, ...]:
    """Scopes as a server grants them that knows one syntax only; v1 cannot say less than `.read` or `.write`."""
    if syntax is None:
        return tuple(scopes)
    if syntax == "v2":
        return tuple(replace(scope, v1=False) for scope in scopes)
    widened = (
        ResourceScope(scope.level, scope.resource_type, letters, v1=True)
        for scope in scopes
        for letters in (_V1["read"], _V1["write"])
        if set(letters) & set(scope.letters)
    )
    return _without_repeats(widened)


def _without_repeats(scopes: Iterable[ResourceScope]) -> tuple[ResourceScope, ...]:
    return tuple(dict.fromkeys(scopes))


@dataclass(frozen=True, slots=True)
class Access:
    """What the bearer of one live access token may do."""

    client_id: str
    scopes: ScopeSet
    expires_at: datetime
    patient_id: str | None = None
    fhir_user: str | None = None
    grant_id: str = field(default="", repr=False)

    def permits(self, resource_type: str, interaction: str) -> bool:
        """Whether some scope gives `create`, `read`, `update`, `delete` or `search` on the type."""
        if (resource_type, interaction) == ("Practitioner", "read") and "fhirUser" in self.scopes:
            return True
        return bool(self._levels(resource_type, interaction))

    def compartment(self, resource_type: str, interaction: str) -> str | None:
        """The only patient whose resources may be touched; None where a user or system scope lifts the limit."""
        levels = self._levels(resource_type, interaction)
        return None if levels & {"user", "system"} else self.patient_id

    def _levels(self, resource_type: str, interaction: str) -> set[str]:
        letter = _LETTERS[interaction]
        levels = {scope.level for scope in self.scopes.resources if scope.covers(resource_type, letter)}
        if self.patient_id is None:
            levels.discard("patient")
        return levels
