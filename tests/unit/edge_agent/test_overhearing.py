"""Talkers of a new configuration are tried by the lines that the owner of their line hears, who misses none of them."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import cast

from edge_agent.acquiring.device_channels import DeviceChannels
from edge_agent.acquiring.loans import overhear
from edge_agent.acquiring.spot_read import SpotReading
from edge_agent.acquiring.talker_reader import TalkerReader
from edge_agent.instruments.text_lines import LineTalker
from edge_agent.lines.endings import Ending
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.readings.counts import MissCounts
from quantrac.config.profile_files import load_profile
from quantrac.config.stations import Device
from tests.fixtures.instruments import device, mounting, wall_clock

NOW_MS = 1_795_490_400_000
LINES = (b"$WIMWV,214,R,3.4,M,A*3E\r\n", b"$WIXDR,C,28.4,C,0,H,71.2,P,0,P,1006.3,H,0*70\r\n")
PROFILE = load_profile(Path(__file__).parents[3] / "station_configs/devices/nmea-weather.yaml")


class Line:
    """Brings the two sentences in turn, as fast as somebody listens."""

    def __init__(self) -> None:
        self.lines = itertools.cycle(LINES)

    async def open(self) -> None:
        """It is open."""

    def close(self) -> None:
        """It stays open."""

    async def next_line(self, ending: Ending, timeout_ms: int) -> bytes | None:
        await asyncio.sleep(0)
        return next(self.lines)


def tried(new: Device) -> tuple[list[SpotReading], DeviceChannels, int]:
    async def story() -> tuple[list[SpotReading], DeviceChannels, int]:
        bus = cast("SerialBus", Line())
        old = device(PROFILE, {"wind_speed": "wind_speed"}, report_ms=60_000)
        mounted = mounting(old, LineTalker(old, bus), lambda: NOW_MS)
        reader = TalkerReader("mast", bus, [mounted], wall_clock(lambda: NOW_MS), MissCounts())
        stop = asyncio.Event()
        listening = asyncio.create_task(reader.run(stop))
        talker = LineTalker(new, cast("SerialBus", None))
        assert reader.hears_alike(new, talker)
        found = await overhear(reader, new, talker, lambda: NOW_MS, 1)
        stop.set()
        await listening
        return found, mounted.channels, len(reader.taps)

    return asyncio.run(story())


def test_a_new_talker_is_found_among_the_lines_of_the_old_one_which_goes_on() -> None:
    found, watched, taps = tried(device(PROFILE, {"air_temp": "air_temp", "humidity": "humidity"}))
    assert {one.channel: (one.value, one.why) for one in found} == {"air_temp": (28.4, ""), "humidity": (71.2, "")}
    assert watched.last["wind_speed"].value == 3.4
    assert taps == 0, "nobody listens any more"


def test_a_new_talker_that_is_not_heard_is_said_to_be_silent() -> None:
    found, _, _ = tried(device(PROFILE, {"air_temp": "air_temp"}, "YX"))
    assert [(one.value, one.state) for one in found] == [(None, "comm")]
    assert "no line of this instrument" in found[0].why
