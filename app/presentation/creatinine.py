"""The creatinines an outcome could know of."""

from datetime import datetime

from model.analytes import Analyte
from model.snapshot import Measurement, PatientSnapshot


def known_creatinines(snapshot: PatientSnapshot, now: datetime) -> tuple[Measurement, ...]:
    """Creatinines taken and reported by `now`, oldest first."""
    series = snapshot.measurements(Analyte.CREATININE)
    return tuple(m for m in series if m.at <= now and m.available_at <= now)
