"""OperationOutcome: how the FHIR server says that something went wrong (FHIR R4, operationoutcome.html)."""

from typing import Any

Resource = dict[str, Any]
VENDOR_CODES = "urn:oid:1.2.840.114350.1.13.0.1.7.2.657369"
"""The code system of Epic's error codes (VN-13)."""


def outcome(
    code: str,
    text: str,
    *,
    severity: str = "error",
    expression: str | None = None,
    vendor_code: str | None = None,
) -> Resource:
    """An OperationOutcome with one issue; `code` is an issue-type code such as `not-found`."""
    issue: Resource = {"severity": severity, "code": code, "diagnostics": text}
    if expression:
        issue["expression"] = [expression]
    if vendor_code:
        coding = {"system": VENDOR_CODES, "code": vendor_code, "display": text}
        issue["details"] = {"coding": [coding], "text": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
