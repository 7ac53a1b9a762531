"""Counts of misses, by device and kind, so that a bad cable can be told from a bad instrument."""

from __future__ import annotations

from collections import Counter, deque
from typing import Final, NamedTuple

from edge_agent.readings.misses import Miss
from quantrac.observe.metrics import counter

MISSES = counter("quantrac_edge_misses_total", "Reads that brought nothing, by device and kind.", ["device", "kind"])
HOUR_S: Final = 3_600.0


class LastMiss(NamedTuple):
    """The newest miss of a device or bus, in words."""

    t_ms: int
    kind: str
    why: str


class MissCounts:
    """Counts since the agent started, and the newest reason of each device and bus."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._last: dict[str, LastMiss] = {}

    def note(self, device: str, miss: Miss, t_ms: int) -> None:
        """Count a miss of a device (or of a bus, where the line itself was away) at a time of the wall clock."""
        self._counts[device, miss.kind] += 1
        self._last[device] = LastMiss(t_ms, miss.kind, str(miss))
        MISSES.labels(device, miss.kind).inc()

    def was_late(self, device: str) -> None:
        """Count as late what was counted as silent: the answer has come after its time."""
        if self._counts[device, "silent"]:
            self._counts[device, "silent"] -= 1
            self._counts[device, "late"] += 1
            MISSES.labels(device, "late").inc()

    @property
    def total(self) -> int:
        """All misses but refusals: an instrument that refuses is no error of its bus."""
        return sum(count for (_, kind), count in self._counts.items() if kind != "refused")

    def errors_of(self, device: str) -> int:
        """Return the misses of a device but refusals."""
        return sum(count for (name, kind), count in self._counts.items() if name == device and kind != "refused")

    def reasons(self) -> dict[str, dict[str, object]]:
        """Return device or bus → time, kind and words of its newest miss."""
        return {name: last._asdict() for name, last in sorted(dict(self._last).items())}

    def by_device(self) -> dict[str, dict[str, int]]:
        """Return device → kind → count."""
        table: dict[str, dict[str, int]] = {}
        for (device, kind), count in sorted(dict(self._counts).items()):  # a copy: the desk's thread asks, too
            if count:
                table.setdefault(device, {})[kind] = count
        return table


class ErrorRates:
    """Remembers for each device how its count of failed reads stood over the last hour."""

    def __init__(self) -> None:
        self._counts: dict[str, deque[tuple[float, int]]] = {}

    def rate(self, device: str, count: int, now_s: float) -> int:
        """Return by how much a count, which only rises, rose in the last hour (since the start, if that is later)."""
        counts = self._counts.setdefault(device, deque([(now_s, 0)]))
        counts.append((now_s, count))
        while len(counts) > 1 and counts[1][0] <= now_s - HOUR_S:
            counts.popleft()
        return count - counts[0][1]
