"""What the parts of the embedded EHR share, put together once by the factory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.authorization_assertions import ClientKeys
from sandbox.clients import Clients
from sandbox.draft_orders import DraftOrders
from sandbox.faults import Faults
from sandbox.keys import SigningKeys
from sandbox.launches import LaunchContexts, PendingAuthorizations
from sandbox.settings import SandboxSettings
from sandbox.tokens import TokenStore

SHORT_TOKEN_LIFE = timedelta(seconds=60)


@dataclass(slots=True)
class Switches:
    """What the person at the EHR page can change while it runs. Single attributes, read and set whole."""

    short_tokens: bool = False
    long_token_text: bool = False
    banner_in_frame: bool = False
    """Ask the app for its patient banner even inside the EHR's frame, where the EHR shows its own."""


@dataclass(frozen=True, slots=True)
class EhrServices:
    """Shared state of one EHR process."""

    settings: SandboxSettings
    clients: Clients
    client_keys: ClientKeys
    keys: SigningKeys
    tokens: TokenStore
    launches: LaunchContexts
    pending: PendingAuthorizations
    clock: Callable[[], datetime]
    switches: Switches = field(default_factory=Switches)
    faults: Faults = field(default_factory=Faults)
    drafts: DraftOrders = field(default_factory=DraftOrders)

    def changed_switches(self) -> int:
        """How many switches and faults are away from normal."""
        switches = self.switches
        unusual = (switches.short_tokens, switches.long_token_text, switches.banner_in_frame)
        return sum(unusual) + sum(value is not None for _, value in self.faults.switches())

    def access_token_life(self) -> timedelta:
        if self.switches.short_tokens:
            return SHORT_TOKEN_LIFE
        return self.settings.access_token_life
