"""A line is lent for one transaction at a time, when no device is due, and always comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from edge_agent.acquiring import loans, spot_read, sweeps
from edge_agent.acquiring.bus_owner import BusOwner
from edge_agent.acquiring.device_channels import StationOutlet
from edge_agent.acquiring.spot_read import Lend, SpotReading, look_at
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.acquiring.sweeps import Sweeps
from edge_agent.clocks.clock import WallClock
from edge_agent.health.agent_channels import AgentChannels
from edge_agent.lines.instrument import Instrument, Part
from edge_agent.modbus.bus import ModbusBus, Timing
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.readings.misses import LateAnswer, NoAnswer
from edge_agent.readings.samples import Sample
from quantrac.config.fields import LineSettings
from quantrac.config.loader import load_network
from quantrac.config.stations import Bus, Device, Station
from quantrac.telemetry.states import State
from tests.fixtures.instruments import PartedInstrument

STATION = load_network(Path(__file__).parents[3] / "station_configs").stations["st-my-thanh"]
SONDE = STATION.devices["sonde"]
T0 = 1_795_490_400_000
LINE = LineSettings(baud=9600, bits=8, parity="N", stop=1)
BUS = Bus(name="b", kind="modbus-rtu", port="/dev/ttyS1", line=LINE)


class Told(PartedInstrument):
    """An instrument that misses as often as it is told, and then answers."""

    def __init__(self, misses: Sequence[type[NoAnswer] | type[LateAnswer]], *parts: Sequence[str]) -> None:
        super().__init__(*parts)
        self.misses = list(misses)
        self.asked: list[tuple[str, ...]] = []

    async def read(self, part: Part) -> list[Sample]:
        self.asked.append(tuple(part.signals))
        if self.misses:
            raise self.misses.pop(0)("unit 9: no answer")
        return [Sample(name, T0, 7.0, State.OK) for name in part.signals]


class Line:
    """Counts how often it was lent, and that nobody had it twice at once."""

    def __init__(self) -> None:
        self.rooms: list[int] = []
        self.lock = asyncio.Lock()

    @asynccontextmanager
    async def lend(self, room_ms: int) -> AsyncIterator[None]:
        assert not self.lock.locked()
        async with self.lock:
            self.rooms.append(room_ms)
            yield


def look(instrument: Told, line: Line, monkeypatch: pytest.MonkeyPatch) -> list[SpotReading]:
    monkeypatch.setattr(spot_read, "BETWEEN_TRIES_S", 0.0)
    device = SONDE.model_copy(update={"timeout_ms": 1})
    return asyncio.run(look_at(device, instrument, line.lend, 3))


def test_a_dead_device_is_asked_for_one_part_and_gives_the_line_back_between_its_tries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dead, line = Told([NoAnswer] * 9, ["do", "ph"], ["ec"]), Line()
    found = look(dead, line, monkeypatch)
    assert dead.asked == [("do", "ph")] * 3
    assert line.rooms == [700] * 4, "to wake it, and for each try"
    assert {one.why for one in found} == {"unit 9: no answer"}


def test_one_that_answers_late_at_first_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, line = Told([LateAnswer, NoAnswer], ["do"]), Line()
    (do,) = [one for one in look(slow, line, monkeypatch) if one.channel == "do"]
    assert (do.value, do.state, do.why) == (7.0, "ok", "")


class Owner:
    """The owner of a line: idle for the given times, ms, one after the other at each look."""

    def __init__(self, idle_ms: Sequence[int]) -> None:
        self.turn = asyncio.Lock()
        self._idle_ms, self.looks = list(idle_ms), 0

    @property
    def idle_until_ms(self) -> int:
        self.looks += 1
        return T0 + self._idle_ms[min(self.looks, len(self._idle_ms)) - 1]


def looks_until_room(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(loans, "LOOK_S", 0.0)
    monkeypatch.setattr(loans, "LONGEST_WAIT_S", 0.2)
    wall = WallClock(lambda: T0, lambda: 0.0, lambda *_: None)
    asyncio.run(loans.wait_for_room(cast(BusOwner, owner), wall, 700))
    return owner.looks


def test_the_line_is_lent_when_nobody_is_due_for_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks_until_room(Owner([100, 0, 650, 699, 700, 900]), monkeypatch) == 5


def test_where_it_never_is_free_for_so_long_the_longest_free_time_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = Owner([500, 100])
    assert looks_until_room(owner, monkeypatch) > 2  # 100 ms are no room where there have been 500 ms
    assert owner.looks >= 2


def sweeps_of(station: Station) -> Sweeps:
    def clock() -> int:
        return T0

    outlet = StationOutlet(lambda _: None)
    around = Surroundings(clock, AgentChannels(Path("/tmp"), lambda: 0), outlet.sink, "boot 1")
    return Sweeps(station, [], outlet, WallClock(clock, lambda: 0.0, lambda *_: None), around)


def other(station: Station, address: int, line: LineSettings | None = None) -> Station:
    """Return the station with its sonde elsewhere, perhaps on a line set otherwise."""
    bus = SONDE.bus.model_copy(update={"name": "renamed", "line": line or SONDE.bus.line, "gap_ms": 50})
    sonde = SONDE.model_copy(update={"address": address, "bus": bus})
    devices: dict[str, Device] = {**station.devices, "sonde": sonde}
    return station.model_copy(update={"buses": {**station.buses, "renamed": bus}, "devices": devices})


@pytest.mark.parametrize("alike", [True, False])
def test_a_trial_borrows_the_owner_s_own_bus_which_knows_what_is_owed(
    alike: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[object] = []

    async def note(_: Device, instrument: Instrument, __: Lend, ___: int) -> list[SpotReading]:
        used.append(instrument._bus)  # type: ignore[attr-defined]
        return []

    monkeypatch.setattr(sweeps, "look_at", note)
    running = sweeps_of(STATION)
    asyncio.run(running.try_out(other(STATION, 9, None if alike else LINE), ["sonde"]))
    (owners,) = [sweep.mounted.bus for sweep in running._sweeps.values() if sweep.mounted.name == "sondes"]
    assert (used == [owners]) is alike


async def test_what_is_sampled_each_minute_is_shown_at_once_and_the_rest_by_its_own_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked, stop = [], asyncio.Event()

    async def note(device: Device, _: Instrument, __: Lend, ___: int) -> list[SpotReading]:
        looked.append(device.name)
        stop.set()
        return [SpotReading(device.name, name, 1.5, "m", "ok", "") for name in device.channels]

    monkeypatch.setattr(sweeps, "look_at", note)
    running = sweeps_of(STATION)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        running.start(group, stop)
    rare = {name for name, device in STATION.devices.items() if device.sample_ms == 60_000}
    assert rare
    assert rare == {*looked} == {row["device"] for row in running.now() if row["value"] == 1.5}


async def test_every_change_and_reload_forgets_what_was_learnt_of_each_instrument(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forgotten: list[ModbusInstrument] = []

    def note(instrument: ModbusInstrument) -> None:
        forgotten.append(instrument)

    monkeypatch.setattr(ModbusInstrument, "forget", note)
    running = sweeps_of(STATION)
    modbus = [m for s in running._sweeps.values() for m in s.mountings if isinstance(m.instrument, ModbusInstrument)]
    await running.forget()
    await running.switch(STATION)
    assert len(forgotten) == 2 * len(modbus) > 0


def test_a_bus_that_takes_over_waits_as_long_for_a_unit_as_the_one_before_had_learnt() -> None:
    before, after = ModbusBus(BUS, lambda: T0), ModbusBus(BUS, lambda: T0)
    timing = Timing(timeout_ms=500)
    usual_ms = after.try_ms(9, timing)
    before.patience.late(9, 2_000)
    after.inherit(before)
    assert after.try_ms(9, timing) > usual_ms
    assert after.traffic.owed is before.traffic.owed
