"""An assessment under a site's switch: live as it is, in shadow computed but not shown, off not computed."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from app.presentation.wording import moment
from app.watching.switches import Switch
from model.assess import RiskPredictor, assess
from model.assessment import Outcome, Reason
from model.errors import ModelError
from model.policy import SitePolicy
from model.snapshot import PatientSnapshot
from model.withholding import WITHHELD_BY_SITE, SilencedModel

_SAYS: Final = {
    "off": "The prediction was switched off by the site{since}{because}. Staging is not affected.",
    "shadow": "The prediction is being tried out by the site and not shown{since}{because}. "
    "Staging is not affected.",
}


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
    since = f" since {moment(switch.since, zone)}" if switch.since else ""
    because = f": {switch.reason}" if switch.reason else ""
    return Reason(WITHHELD_BY_SITE, _SAYS[switch.mode].format(since=since, because=because))
