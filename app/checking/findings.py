"""Findings: one line each, with a cure where there is something to do."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["ok", "note", "problem", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question. A "note" works, but the site should know; a "problem" stops launches."""

    topic: str
    status: Status
    text: str
    cure: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything found out about one EHR."""

    ehr: str
    iss: str
    findings: tuple[Finding, ...]

    @property
    def has_problems(self) -> bool:
        """Whether something must be done before launches from this EHR can work."""
        return any(finding.status == "problem" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """For programs; absent rather than null."""
        rows = [
            {name: value for name, value in asdict(each).items() if value is not None} for each in self.findings
        ]
        return {"ehr": self.ehr, "iss": self.iss, "ok": not self.has_problems, "findings": rows}


def ok(topic: str, text: str) -> Finding:
    """It is as it should be."""
    return Finding(topic, "ok", text)


def note(topic: str, text: str, cure: str | None = None) -> Finding:
    """It works, and the site should know."""
    return Finding(topic, "note", text, cure)


def problem(topic: str, text: str, cure: str) -> Finding:
    """It does not work, and what to do."""
    return Finding(topic, "problem", text, cure)


def skipped(topic: str, text: str) -> Finding:
    """It could not be asked."""
    return Finding(topic, "skipped", text)


def listed(names: Iterable[str]) -> str:
    """Names in a sentence."""
    return ", ".join(sorted(names))
