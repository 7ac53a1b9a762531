"""A breach: a limit that a station broke, or a session that another client took; counted by station, kind and day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quantrac.telemetry.breaches import BreachKind

CENTRE = ""
"""In the place of a station: a session of ingest itself."""
STRANGERS = "?"
"""In the place of a station: all that no file names."""


@dataclass(frozen=True, slots=True)
class Breach:
    """What happened within a batch: once or more often, to one station."""

    station: str
    """A configured station, CENTRE or STRANGERS."""
    kind: BreachKind
    first_us: int
    """Receipt of the first, microseconds since 1970."""
    last_us: int
    count: int = 1
    """Deliveries, their lines or epochs that were refused; sessions that were taken; hours of channels."""
    bytes: int = 0
    """What was refused, bytes."""
    detail: str = ""
    """The last of it, for a person."""


def breaches_of(kind: BreachKind, cases: Iterable[tuple[str, int, int, str]]) -> list[Breach]:
    """Return one breach for each station; a case is station, receipt (µs), bytes, and words for a person."""
    found: dict[str, Breach] = {}
    for station, at_us, size, detail in cases:
        before = found.get(station, Breach(station, kind, at_us, at_us, count=0))
        found[station] = Breach(
            station, kind, min(before.first_us, at_us), max(before.last_us, at_us), before.count + 1,
            before.bytes + size, detail,
        )  # fmt: skip
    return [*found.values()]
