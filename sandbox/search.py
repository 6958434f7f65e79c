"""Searching: reads a request's parameters, tells which were understood, filters, sorts and cuts resources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from sandbox import parameters as values
from sandbox.definitions import DEFINITIONS, Parameter, ResourceDefinition, values_at
from sandbox.errors import RequestRefused

Resource = dict[str, Any]
Pairs = Sequence[tuple[str, str]]
Test = Callable[[Resource], bool]

_RESULT_PARAMETERS = frozenset({"_count", "_sort", "_elements", "_summary"})
_SILENT_PARAMETERS = frozenset({"_format", "_pretty", "_total"})  # without effect, and no reason to refuse
_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PageSizes:
    """How many entries a page has: without `_count`, and at most."""

    default: int = 50
    largest: int = 200


USUAL_SIZES = PageSizes()


@dataclass(frozen=True, slots=True)
class Search:
    """An understood search: `used` is shown in the self link, `patients` are the ids it names."""

    definition: ResourceDefinition
    used: tuple[tuple[str, str], ...]
    tests: tuple[Test, ...]
    patients: tuple[frozenset[str], ...]
    sort: tuple[tuple[Parameter, bool], ...]
    count: int
    elements: frozenset[str]
    only_total: bool

    def run(self, resources: Iterable[Resource], zone: tzinfo, *, sorted_: bool = True) -> list[Resource]:
        """The resources that match, in the order asked for (else in stored order)."""
        found = [resource for resource in resources if all(test(resource) for test in self.tests)]
        for parameter, descending in reversed(self.sort if sorted_ else ()):
            found.sort(key=lambda r, p=parameter: _sort_key(r, p, zone), reverse=descending)  # type: ignore[misc]
        return found

    def shown(self, resource: Resource) -> Resource:
        """The resource cut to `_elements`, with the mandatory elements and the SUBSETTED tag."""
        if not self.elements:
            return resource
        kept = {"resourceType", "id", "meta", *self.definition.mandatory, *self.elements}
        tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
        return {
            **{key: value for key, value in resource.items() if key in kept},
            "meta": {**resource.get("meta", {}), "tag": [tag]},
        }


def understand(
    resource_type: str,
    pairs: Pairs,
    *,
    base_url: str,
    zone: tzinfo,
    strict: bool,
    sizes: PageSizes = USUAL_SIZES,
) -> Search:
    """Read a search request. With `strict` (Prefer: handling=strict) an unknown parameter is refused with 400."""
    definition = DEFINITIONS[resource_type]
    used: list[tuple[str, str]] = []
    tests: list[Test] = []
    patients: list[frozenset[str]] = []
    results: dict[str, str] = {}
    for name, text in pairs:
        plain, _, modifier = name.partition(":")
        if plain in _SILENT_PARAMETERS or text == "":
            continue
        if plain in _RESULT_PARAMETERS:
            results[plain] = text
        elif plain not in definition.parameters:
            _unknown(plain, strict)
            continue
        else:
            parameter = definition.parameters[plain]
            tests.append(_test(parameter, modifier, text, base_url, zone))
            if plain in ("patient", "subject"):
                patients.append(_named_patients(text, base_url))
        used.append((name, text))
    sort = _sort(definition, results.get("_sort", ""), strict)
    if results.get("_sort") and not sort:
        used = [pair for pair in used if pair[0] != "_sort"]
    return Search(
        definition=definition,
        used=tuple(used),
        tests=tuple(tests),
        patients=tuple(patients),
        sort=sort,
        count=_count(results.get("_count"), sizes),
        elements=frozenset(part.strip() for part in results.get("_elements", "").split(",") if part.strip()),
        only_total=results.get("_summary") == "count" or results.get("_count") == "0",
    )


def _unknown(name: str, strict: bool) -> None:
    if strict:
        known_name = name if name.replace("-", "").replace("_", "").replace(".", "").isalnum() else "given"
        raise RequestRefused(
            400, "not-supported", f"The search parameter {known_name[:40]} is not supported here."
        )


def _count(text: str | None, sizes: PageSizes) -> int:
    if text is None:
        return sizes.default
    if not text.isdecimal() or len(text) > 9:
        raise RequestRefused(400, "value", "_count is not a whole number of zero or more.")
    return min(int(text), sizes.largest)


def _sort(definition: ResourceDefinition, text: str, strict: bool) -> tuple[tuple[Parameter, bool], ...]:
    keys = []
    for part in filter(None, text.split(",")):
        parameter = definition.parameters.get(part.removeprefix("-"))
        if parameter is None or parameter.kind == "r":
            if strict:
                raise RequestRefused(
                    400, "not-supported", "_sort names a parameter that cannot be sorted by here."
                )
            continue
        keys.append((parameter, part.startswith("-")))
    return tuple(keys)


def _sort_key(resource: Resource, parameter: Parameter, zone: tzinfo) -> Any:
    held = [value for path in parameter.paths for value in values_at(resource, path)]
    if parameter.kind == "d":
        spans = [span for span in (values.span_of(value, zone) for value in held) if span]
        return min((span.start for span in spans), default=_NO_TIME)
    if parameter.kind == "t":
        return min((code for value in held for _, code in values.tokens_of(value)), default="")
    return min((text for value in held for text in values.strings_of(value)), default="")


def _named_patients(text: str, base_url: str) -> frozenset[str]:
    prefix = base_url.rstrip("/") + "/"
    named = (values.unescaped(value).removeprefix(prefix) for value in values.split_values(text))
    return frozenset(name.removeprefix("Patient/") for name in named)


def _test(parameter: Parameter, modifier: str, text: str, base_url: str, zone: tzinfo) -> Test:
    """One parameter as a test of a resource: alternatives within it are joined by or."""
    if modifier == "missing" and text in ("true", "false"):
        return lambda resource: any(values_at(resource, p) for p in parameter.paths) is (text == "false")
    negated = modifier == "not" and parameter.kind == "t"
    if modifier and not negated and modifier != parameter.target:
        raise RequestRefused(
            400, "not-supported", f"The modifier given for {parameter.name} is not supported here."
        )
    alternatives = values.split_values(text)
    if parameter.kind == "d":
        return _date_test(parameter, alternatives, zone)
    matches, read = _matching(parameter, alternatives, base_url)

    def test(resource: Resource) -> bool:
        held = (item for path in parameter.paths for value in values_at(resource, path) for item in read(value))
        return values.any_of(matches, held) is not negated

    return test


def _matching(
    parameter: Parameter, alternatives: list[str], base_url: str
) -> tuple[list[Callable[[Any], bool]], Callable[[Any], Iterable[Any]]]:
    """The predicates of the alternatives, and how a resource's value is read for them."""
    if parameter.kind == "t":
        return [values.token_predicate(a) for a in alternatives], lambda v: values.tokens_of(v, parameter.system)
    if parameter.kind == "r":
        found = [values.reference_predicate(a, base_url, parameter.target) for a in alternatives]
        return found, values.references_of
    return [values.string_predicate(a) for a in alternatives], values.strings_of


def _date_test(parameter: Parameter, alternatives: list[str], zone: tzinfo) -> Test:
    predicates = [values.date_predicate(alternative, zone) for alternative in alternatives]

    def test(resource: Resource) -> bool:
        spans = (values.span_of(v, zone) for path in parameter.paths for v in values_at(resource, path))
        return values.any_of(predicates, [span for span in spans if span])

    return test
