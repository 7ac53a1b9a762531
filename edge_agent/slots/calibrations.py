"""Calibrations of which an instrument itself speaks: from its first sample in state `cal` to the first behind. Pure."""

from __future__ import annotations

from typing import Final

from edge_agent.readings.samples import Sample
from quantrac.telemetry.states import State

KIND: Final = "calibration"
MINUTE_MS: Final = 60_000


class CalibrationWatch:
    """Follows the samples of one device.

    An instrument that breathes zero or span gas by its own clock (`zero`, `span` of the station file) checks itself;
    that is no calibration, and its word does not count.
    """

    def __init__(self, checks_itself: bool) -> None:
        self._checks_itself = checks_itself
        self._signals: set[str] = set()
        self._since_ms = 0

    def note(self, sample: Sample) -> str | None:
        """Take note of a sample; returns what goes on record when a calibration is over."""
        if self._checks_itself or sample.state is State.COMM:
            return None
        if sample.state is State.CAL:
            self._since_ms = self._since_ms if self._signals else sample.t_ms
            self._signals.add(sample.signal)
            return None
        if sample.signal not in self._signals:
            return None
        self._signals.remove(sample.signal)
        if self._signals:
            return None
        return f"by its own word, {(sample.t_ms - self._since_ms) / MINUTE_MS:.0f} min"
