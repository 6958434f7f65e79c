"""A site's recalibration of the model: a rising curve laid over each head's log-odds, never silently.

An overlay is data, made by `aki model recalibrate` from a site's own patients. It names the model it was made for
and fits no other; it ends on a day; and it only rises, so who is at more risk than whom stays as it was. Who
signed it is checked where files are read (`app.configured.recalibrations`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, ClassVar

from model.assessment import RecalibrationIdentity
from model.errors import ModelError
from model.log_odds_curve import LogOddsCurve
from model.risk import Head, RiskModel
from model.sentences import Sentence

SCHEMA = 1
METHODS = ("intercept", "slope", "isotonic")


class RecalibrationRefused(ModelError):
    """The overlay must not be used, nor the model without it: the site asked for both. `reason` is a code."""

    code: ClassVar[str] = "recalibration-refused"

    def __init__(self, reason: str, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.reason, self.sentence = reason, sentence


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A verified overlay: curves by head id, the manifest they were made for, and the days it holds."""

    identity: RecalibrationIdentity
    base_sha256: str
    expires_on: date
    curves: Mapping[str, LogOddsCurve]


def recalibration_from_json(content: Mapping[str, Any], *, sha256: str) -> Recalibration:
    """The overlay in a document; `sha256` is that of its signed bytes. Raises RecalibrationRefused."""
    if not isinstance(content, Mapping) or content.get("schema") != SCHEMA:
        raise RecalibrationRefused(
            "schema", Sentence("This site's recalibration was written for another version of the software.")
        )
    try:
        expires_on = date.fromisoformat(content["expires_on"])
        curves = {name: _curve(head["curve"]) for name, head in content["heads"].items()}
        if content["method"] not in METHODS or not curves:
            raise ValueError("no known method, or no curve")
        identity = RecalibrationIdentity(
            site=str(content["site"]),
            method=content["method"],
            sha256=sha256,
            created_on=date.fromisoformat(content["created_on"]).isoformat(),
            expires_on=expires_on.isoformat(),
        )
        return Recalibration(identity, content["base_model"]["sha256"], expires_on, curves)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise RecalibrationRefused("malformed", Sentence("This site's recalibration is malformed.")) from problem


def recalibrated(model: RiskModel, overlay: Recalibration) -> RiskModel:
    """The model with the overlay upon it. Raises RecalibrationRefused when it was made for another model."""
    if overlay.base_sha256 != model.identity.sha256:
        raise RecalibrationRefused(
            "other_model",
            Sentence(
                "This site's recalibration was made for another model ({made_for}, not {here}).",
                made_for=overlay.base_sha256[:12],
                here=model.identity.sha256[:12],
            ),
        )
    progression = model.progression_head
    return replace(
        model,
        identity=replace(model.identity, recalibration=overlay.identity),
        onset_head=_overlaid(model.onset_head, overlay),
        progression_head=None if progression is None else _overlaid(progression, overlay),
        expires_on=overlay.expires_on,
    )


def _overlaid(head: Head, overlay: Recalibration) -> Head:
    """A head the site's data were too few for stays as it is."""
    return replace(head, recalibration=overlay.curves.get(head.id))


def _curve(content: Mapping[str, Any]) -> LogOddsCurve:
    knots = tuple((_finite(x), _finite(y)) for x, y in content["knots"])
    return LogOddsCurve(knots, _finite(content["slope"]))


def _finite(number: Any) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise ValueError("not a finite number")
    return float(number)
