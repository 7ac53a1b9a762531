"""Which samples are readings of zero or span gas: by the instrument's own word, twice. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.readings.samples import Sample
from edge_agent.slots.device_slots import ChannelSample
from quantrac.config.stations import Gas
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State


class GasWatch:
    """Follows the signals by which a device says that it measures zero or span gas."""

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
