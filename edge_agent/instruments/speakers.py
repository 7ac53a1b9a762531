"""Speakers: the instrument that speaks each protocol of text, asked or by itself, on anything that carries text.

Without a driver of ports, so that exchanges on paper can be read where no line is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from edge_agent.instruments.bayern_hessen import BayernHessenAnalyser
from edge_agent.instruments.sdi12_sensor import Sdi12Sensor
from edge_agent.instruments.text_lines import LineTalker, PolledLines
from edge_agent.instruments.vaisala import VaisalaTalker, VaisalaTransmitter
from edge_agent.lines.instrument import Instrument
from quantrac.config.lines import LINE_PROTOCOLS
from quantrac.config.stations import Device

InstrumentOn = Callable[[Device, Any], Instrument]
"""Makes a device's instrument on a bus that carries its protocol; raises Unsuitable."""


class Speaker(NamedTuple):
    """Who speaks a protocol."""

    asked: InstrumentOn
    talker: InstrumentOn | None = None
    """For profiles of instruments that send by themselves."""

    def instrument(self, device: Device, bus: Any) -> Instrument:
        """Return a device's instrument on a bus; raises Unsuitable."""
        make = self.talker if self.talker is not None and device.profile.is_talker else self.asked
        return make(device, bus)


TEXT_SPEAKERS: Final[Mapping[str, Speaker]] = {
    "sdi-12": Speaker(Sdi12Sensor),
    "vaisala-ascii": Speaker(VaisalaTransmitter, VaisalaTalker),
    "bayern-hessen": Speaker(BayernHessenAnalyser),
    **dict.fromkeys(LINE_PROTOCOLS, Speaker(PolledLines, LineTalker)),
}
"""By protocol, as in `quantrac.config.devices.PROTOCOLS`."""
