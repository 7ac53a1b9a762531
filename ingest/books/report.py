"""A station's report on itself: a birth, a status or its last will. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from quantrac.telemetry.wire import Held


@dataclass(frozen=True, slots=True)
class StationReport:
    """A birth or status of a known station."""

    station: str
    birth: bool
    online: bool
    epochs: dict[str, Held]
    config: str | None
    """The configuration that the edge runs, sha256; None in a status."""
    received_us: int
    said_us: int
    """When it was said: its receipt, but no later than its own time for one that the broker had retained."""
