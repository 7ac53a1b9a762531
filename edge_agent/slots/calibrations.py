"""Calibrations that an instrument itself reports, and its readings of zero and span gas. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edge_agent.readings.samples import Sample
from edge_agent.slots.device_slots import ChannelSample
from quantrac.config.stations import Gas
from quantrac.telemetry.parameters import Kind
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


class GasWatch:
    """Follows the signals of a device that report zero or span gas; its state must report `cal`, too."""

    def __init__(self, signals: Mapping[Gas, str] | None = None) -> None:
        self._gas_of = {signal: gas for gas, signal in (signals or {}).items()}
        self._flowing: dict[Gas, bool] = {}

    def note(self, sample: Sample) -> None:
        """Take note of a sample if it is one of these signals."""
        gas = self._gas_of.get(sample.signal)
        if gas is not None:
            self._flowing[gas] = sample.value is not None and sample.value >= 1

    def of(self, kind: Kind, taken: ChannelSample) -> Gas | None:
        """Return which gas a sample is a reading of.

        The sample's own state must say `cal`, too: it was read in one block with the value, the signal perhaps
        before it or behind it.
        """
        if kind is not Kind.MEAN or taken.state is not State.CAL or taken.value is None:
            return None
        flowing = [gas for gas, is_on in self._flowing.items() if is_on]
        return flowing[0] if len(flowing) == 1 else None
