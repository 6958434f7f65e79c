"""What a procedure's code says by its own construction: a surgical operation, imaging with contrast in the blood.

Classifications that number operations are read by their structure, not by lists of codes. ICD-10-PCS (CMS,
official guidelines): section 0 is Medical and Surgical, its fifth character the approach; section B Imaging, its
third character the kind, the fifth the contrast. OPS: chapter 5 is Operationen. ICD-9-CM volume 3 has no such
order, its chapters mix a lumbar puncture with brain surgery, so only categories of operations are named.
SNOMED CT and CPT do not show it in the code; there Procedure.category decides.
"""

import re
from collections.abc import Iterable
from typing import Final

from patient_context.shapes import Json, codings, objects

OPERATION: Final = "operation"
IMAGING_WITH_CONTRAST: Final = "imaging-with-contrast"

_SURGICAL_CATEGORY: Final = ("http://snomed.info/sct", "387713003")  # Surgical procedure
_PCS_SYSTEMS: Final = frozenset(
    {
        "http://www.cms.gov/Medicare/Coding/ICD10",
        "http://hl7.org/fhir/sid/icd-10-pcs",
        "urn:oid:2.16.840.1.113883.6.4",
        "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-procedure-icd10",
    }
)
_ICD9_SYSTEMS: Final = frozenset(
    {
        "http://hl7.org/fhir/sid/icd-9-cm",
        "http://hl7.org/fhir/sid/icd-9-cm/procedure",
        "urn:oid:2.16.840.1.113883.6.104",
        "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-procedure-icd9",
    }
)
_OPS_SYSTEMS: Final = frozenset({"http://fhir.de/CodeSystem/bfarm/ops", "http://fhir.de/CodeSystem/dimdi/ops"})

# Open, or through an endoscope in the body wall; by needle or natural opening is no operation here.
_PCS_OPERATION: Final = re.compile(r"0[0-9A-Z]{3}[04F][0-9A-Z]{2}")
# Heart, arteries, veins by X-ray; any region by CT; with high or low osmolar or other contrast.
_PCS_CONTRAST: Final = re.compile(r"B(?:[2345][01]|[0-9A-Z]2)[0-9A-Z][01Y][0-9A-Z]{2}")
# Arteriography, angiocardiography and phlebography "using contrast material"; 88.59 uses a dye of another kind.
_ICD9_CONTRAST: Final = re.compile(r"88(?:4[0-9]?|5[0-8]?|6[0-7]?)")
# Categories in which (nearly) everything is an operation; punctures, catheters and endoscopies are left out.
_ICD9_CATEGORIES: Final = """
    012 013 014 015 016 02 030 032 034 035 062 063 064 065 3220 3229 323 324 325 326 329 3328 335 336 3402
    3403 341 343 344 345 346 347 348 35 361 362 363 370 371 3731 3732 3733 3735 374 375 376 380 381 383 384
    385 386 388 390 391 392 393 394 3951 3952 3953 3954 3955 3956 3957 3958 3959 3961 3971 3973 403 404 405
    415 424 425 426 435 436 437 438 439 443 4441 4442 445 446 450 456 457 458 459 460 461 462 463 464 465 466
    467 4699 47 484 485 486 487 502 503 504 505 506 512 513 514 515 525 526 527 53 541 543 544 545 546 547
    553 554 555 557 558 561 562 564 565 566 567 576 577 602 603 604 605 606 652 653 654 655 656 663 664 666
    683 684 685 686 687 688 689 740 741 742 744 785 791 792 793 805 810 813 815 816 818 841 854
"""
_ICD9_OPERATIONS: Final = tuple(_ICD9_CATEGORIES.split())


def kinds_of(coded: Iterable[tuple[str, str]]) -> frozenset[str]:
    """`OPERATION` and `IMAGING_WITH_CONTRAST`, where a code says so by its construction."""
    return frozenset(kind for system, code in coded for kind in _kinds(system, code.replace(".", "").upper()))


def _kinds(system: str, code: str) -> Iterable[str]:
    if system in _PCS_SYSTEMS:
        yield from [OPERATION] if _PCS_OPERATION.fullmatch(code) else []
        yield from [IMAGING_WITH_CONTRAST] if _PCS_CONTRAST.fullmatch(code) else []
    elif system in _ICD9_SYSTEMS:
        yield from [OPERATION] if code.startswith(_ICD9_OPERATIONS) else []
        yield from [IMAGING_WITH_CONTRAST] if _ICD9_CONTRAST.fullmatch(code) else []
    elif system in _OPS_SYSTEMS and code.startswith("5-"):
        yield OPERATION


def is_operation(procedure: Json) -> bool:
    """Whether a Procedure is a surgical operation, by its category or its code."""
    if any(_SURGICAL_CATEGORY in codings(category) for category in objects(procedure.get("category"))):
        return True
    return OPERATION in kinds_of(codings(procedure.get("code")))
