"""How many reads of each device failed in the last hour. Pure; the time is passed in."""

from __future__ import annotations

from collections import deque
from typing import Final

HOUR_S: Final = 3_600.0


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
