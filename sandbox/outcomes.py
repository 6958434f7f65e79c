"""OperationOutcome: how the FHIR server says that something went wrong (FHIR R4, operationoutcome.html)."""

from typing import Any

Resource = dict[str, Any]


def outcome(code: str, text: str, *, severity: str = "error", expression: str | None = None) -> Resource:
    """An OperationOutcome with one issue; `code` is an issue-type code such as `not-found`."""
    issue: Resource = {"severity": severity, "code": code, "diagnostics": text}
    if expression:
        issue["expression"] = [expression]
    return {"resourceType": "OperationOutcome", "issue": [issue]}
