"""ImagingStudies -> contrast given: examinations whose code, or name, says that contrast went into the blood."""

from typing import Final

from patient_context.chart import Chart
from patient_context.operations import at_once, contrast_given, contrast_of
from patient_context.shapes import Json, Refused, codings, concept_text, objects, text

_TAKEN: Final = frozenset({"available", "completed"})  # R4's word, and what some servers send instead


def add_imaging(chart: Chart, resource: Json, source: str) -> None:
    """One study that brought contrast; any other is counted."""
    concepts = objects(resource.get("procedureCode"))
    coded = [pair for concept in concepts for pair in codings(concept)]
    words = next((found for one in concepts if (found := concept_text(one))), "")
    words = words or text(resource.get("description")) or ""
    known = contrast_of(coded, words)
    if known is None:
        chart.ignored["imaging-not-used"] += 1
        return
    try:
        if text(resource.get("status")) not in _TAKEN:
            raise Refused("imaging-not-done", "The examination did not take place, or its status does not say so.")
        chart.require_known_modifiers(resource)
    except Refused as refusal:
        chart.reject(source, refusal)
        return
    chart.contrast.append(contrast_given(words, source, at_once(chart, resource.get("started")), known))
