"""What the clinical core refuses, as exceptions. Messages carry codes, units and analyte names, never values."""

from typing import ClassVar

from model.analytes import Analyte


class ModelError(Exception):
    """Base of every error raised by `model`."""

    code: ClassVar[str] = "model-error"


class QuantityRefused(ModelError):
    """A quantity cannot be turned into its canonical unit; `code` says why, `str()` tells a clinician."""

    code: ClassVar[str] = "quantity-refused"

    def __init__(self, analyte: Analyte, sentence: str) -> None:
        super().__init__(sentence)
        self.analyte = analyte
        self.sentence = sentence


class UnitNotUnderstood(QuantityRefused):
    """The unit is missing, unknown, or not one this analyte is reported in."""

    code: ClassVar[str] = "unit-unknown"


class UnitConflictsWithCode(QuantityRefused):
    """The unit is known but the test's code promises another kind of quantity (mass against moles)."""

    code: ClassVar[str] = "unit-conflicts-with-code"


class ValueNotUsable(QuantityRefused):
    """Not a finite number, or zero or negative where the analyte cannot be."""

    code: ClassVar[str] = "value-not-usable"


class ImplausibleValue(QuantityRefused):
    """Outside what a living patient can have: most often a wrong unit. Refused for checking, never repaired."""

    code: ClassVar[str] = "value-implausible"
