"""An assessment under a site's switch: live as it is, in shadow computed but not shown, off not computed."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from app.watching.switches import Mode, Switch
from model.assess import RiskPredictor, assess
from model.assessment import Outcome, Reason
from model.errors import ModelError
from model.policy import SitePolicy
from model.sentences import Sentence
from model.snapshot import PatientSnapshot
from model.withholding import WITHHELD_BY_SITE, SilencedModel

_SINCE: Final[dict[Mode, str]] = {
    "off": Sentence(
        "The prediction has been switched off here since {day}, {clock}: {reason}. Staging is not affected."
    ),
    "shadow": Sentence(
        "The prediction is on trial at this site and not shown since {day}, {clock}: {reason}. "
        "Staging is not affected."
    ),
}
_NOT_READ: Final = Sentence(
    "The prediction is withheld: whether the site has switched it off could not be read. Staging is not affected."
)


def assess_under(
    switch: Switch,
    snapshot: PatientSnapshot,
    *,
    now: datetime,
    model: RiskPredictor | ModelError,
    policy: SitePolicy,
    zone: ZoneInfo,
) -> Outcome:
    """The assessment with its prediction; switched off, the model is not even asked."""
    if switch.mode == "off" and not isinstance(model, ModelError):
        model = SilencedModel(model.identity, withheld_because(switch, zone))
    return assess(snapshot, now=now, model=model, policy=policy)


def withheld_because(switch: Switch, zone: ZoneInfo) -> Reason:
    """Why no number is shown, for a clinician: who decided, since when, and the reason given."""
    if switch.since is None:
        return Reason(WITHHELD_BY_SITE, _NOT_READ)
    since = switch.since.astimezone(zone)
    sentence = Sentence(_SINCE[switch.mode], day=since.date(), clock=f"{since:%H:%M}", reason=switch.reason)
    return Reason(WITHHELD_BY_SITE, sentence)
