"""Time that moves only when told."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Call it for now; `advance` it by hours, minutes or seconds."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        self.now += timedelta(**parts)
