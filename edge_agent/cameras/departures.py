"""Channels that leave the range in which they are expected: an alarm that the station sees by itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edge_agent.readings.records import SlotRecord

REST_MS: Final = 30 * 60_000
"""A value that crosses its limit again and again is news once in so long."""


class Departures:
    """Follows the slots of channels with an expected range (`expect` of the station file)."""

    def __init__(self, expected: Mapping[str, tuple[float, float]]) -> None:
        """`expected`: channel → lowest and highest value, in its published unit."""
        self._expected = dict(expected)
        self._outside: dict[str, bool] = {}
        self._told_ms: dict[str, int] = {}

    def of(self, record: SlotRecord) -> list[str]:
        """Return the channels that left their range with this record; one that begins outside has left it, too."""
        return [
            reading.name
            for reading in record.readings
            if reading.value is not None
            and reading.state.is_valid
            and self._left(reading.name, reading.value, record.t_ms)
        ]

    def _left(self, name: str, value: float, t_ms: int) -> bool:
        if name not in self._expected:
            return False
        low, high = self._expected[name]
        was_outside, self._outside[name] = self._outside.get(name, False), not low <= value <= high
        if was_outside or not self._outside[name] or 0 <= t_ms - self._told_ms.get(name, t_ms - REST_MS) < REST_MS:
            return False
        self._told_ms[name] = t_ms
        return True
