"""How one hospital's charts are to be read: its time zone, its local codes, its habits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from zoneinfo import ZoneInfo

from patient_context.codes import REFUSED_TESTS, TESTS


@dataclass(frozen=True, slots=True)
class SiteReading:
    """The `[ehr.reading]` table of a registration.

    `time_zone` reads times that give no offset. `local_codes` maps "system|code" to a LOINC code of
    `patient_context.codes` (VN-15). `accept_preliminary` brings preliminary results onto the chart (FH-4); whether
    they are staged too is the policy's setting of the same name.
    `trust_unit_over_code` accepts a unit that contradicts its LOINC code, for laboratories known to send one
    code for both. `known_modifiers` are modifierExtension URLs that change nothing for us. `patient_search`
    "get" is for an EHR that takes no search by POST: what is typed then stands in addresses, and so in its logs.
    """

    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    accept_preliminary: bool = False
    local_codes: Mapping[str, str] = field(default_factory=dict)
    trust_unit_over_code: bool = False
    known_modifiers: frozenset[str] = frozenset()
    patient_search: Literal["post", "get"] = "post"

    def __post_init__(self) -> None:
        """Raises ValueError for a local code that could never match or means nothing here."""
        for local, loinc in self.local_codes.items():
            system, bar, code = local.partition("|")
            if not (system and bar and code):
                raise ValueError(f'local_codes: "{local}" is not written "system|code"')
            if loinc not in TESTS and loinc not in REFUSED_TESTS:
                raise ValueError(f'local_codes: "{local}" stands for {loinc}, which is not a test known here')


DEFAULT_READING: Final = SiteReading()
