"""A plug pulled and put in again, a server restarted, a monitor's terminal: text lines that go away and come back."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_agent.acquiring.acquisition import acquire
from edge_agent.acquiring.field_link import FieldLink
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.health.agent_channels import AgentChannels
from edge_agent.instruments.text_lines import PolledLines
from edge_agent.lines.endings import Ending
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.readings.misses import LineDown, NoAnswer
from edge_agent.readings.records import SlotRecord
from quantrac.config.loader import load_station
from quantrac.config.profile_files import load_profile
from quantrac.config.stations import Bus
from quantrac.private_services.ports import free_port
from quantrac.telemetry.states import State
from simulators.buses.journal import Journal
from simulators.buses.mount import Mount
from simulators.instruments.bam_1020 import Bam1020, BamTerminal
from simulators.lines.serial_line import PtyLine, ServedLine
from simulators.lines.wire import WireSettings
from simulators.signals.source import ProbeValue, Source
from tests.fixtures.instruments import device, now_ms

ROOT = Path(__file__).parents[3]


async def asked_again_and_again(bus: SerialBus, answers: int) -> list[bytes]:
    """Ask until so many answers came; opens what is closed, as a bus's owner does."""
    came: list[bytes] = []
    end = time.monotonic() + 60
    while len(came) < answers:
        assert time.monotonic() < end
        try:
            await bus.open()
            came.append((await bus.ask(b"?\n", Ending(b"\n"), 300)).raw)
        except LineDown:
            bus.close()
            await asyncio.sleep(0.05)
        except NoAnswer:
            continue
    return came


async def asked_in_vain(bus: SerialBus) -> None:
    """Ask until the line is seen to be away, which raises LineDown."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        await bus.open()
        with contextlib.suppress(NoAnswer):
            await bus.ask(b"?\n", Ending(b"\n"), 100)
        await asyncio.sleep(0.02)


def answering(line: PtyLine | ServedLine, text: bytes) -> None:
    line.open(lambda data: line.send(text) if b"?" in data else None)


async def found_again(
    bus: SerialBus, plug: Callable[[], PtyLine | ServedLine], unplug: Callable[[], None] = lambda: None
) -> None:
    """Ask what is plugged in until it is unplugged, and then what is plugged in instead."""
    for text in (b"first\n", b"second\n"):
        line = plug()
        answering(line, text)
        assert await asked_again_and_again(bus, 2) == [text] * 2
        line.close()
        unplug()
        with pytest.raises(LineDown):
            await asked_in_vain(bus)
        bus.close()


async def test_an_adapter_unplugged_and_plugged_in_again_is_found_at_its_stable_name(tmp_path: Path) -> None:
    """`/dev/serial/by-id/…` is a symlink: after a replug it leads to another device node."""
    name = tmp_path / "usb-FTDI_by-id"

    def plug() -> PtyLine:
        line = PtyLine(WireSettings.parse("19200 8N1"))
        name.symlink_to(line.path)
        return line

    await found_again(SerialBus(Bus(name="b", kind="ascii", port=str(name), guard_ms=50), now_ms), plug, name.unlink)


async def test_a_serial_device_server_that_was_restarted_is_connected_to_again() -> None:
    port = free_port()
    bus = SerialBus(Bus(name="b", kind="ascii", host="127.0.0.1", tcp_port=port, guard_ms=50), now_ms)
    await found_again(bus, lambda: ServedLine(WireSettings.parse("19200 8N1"), port=port))


def said(records: list[SlotRecord]) -> set[float]:
    """The good values that were recorded."""
    good = (reading.value for record in records for reading in record.readings if reading.state is State.OK)
    return {round(value, 6) for value in good if value is not None}


async def test_a_talker_that_is_unplugged_is_heard_again_at_its_stable_name(tmp_path: Path) -> None:
    name = tmp_path / "usb-gill_by-id"
    shutil.copytree(ROOT / "station_configs", tmp_path / "configs", ignore=shutil.ignore_patterns("demo", "rules"))
    (tmp_path / "configs/stations/st-mast.yaml").write_text(
        'schema: quantrac/station/1\nstation: st-mast\nname: {vi: "Cột", en: "Mast"}\ntags: [air]\n'
        'location: {latitude: 9.5, longitude: 106.0, commune: "xã", surveyed: false}\nin_service: 2019-06-01\n'
        f"buses: {{mast: {{kind: ascii, port: {name}, line: 9600 8N1}}}}\n"
        "devices: {wind: {profile: gill-windobserver, bus: mast, sample: 500ms, report: 1s, timeout: 1s,"
        " channels: {wind_speed: {}}}}\n"
    )
    station = load_station(tmp_path / "configs", None, "st-mast").model_copy(update={"agent_channels": {}})
    records: list[SlotRecord] = []
    stop = asyncio.Event()
    around = Surroundings(now_ms, AgentChannels(tmp_path, lambda: 0), records.append, "boot 1")
    acquiring = asyncio.create_task(acquire(station, around, stop, FieldLink()))
    until = time.monotonic() + 60
    for text, value in ((b"\x02A,235,000.77,M,00,\x030A\r\n", 0.77), (b"\x02A,235,001.77,M,00,\x030B\r\n", 1.77)):
        line = PtyLine(WireSettings.parse("9600 8N1"))
        line.open(lambda _: None)
        name.symlink_to(line.path)
        while value not in said(records):
            assert time.monotonic() < until, records
            line.send(text)
            await asyncio.sleep(0.25)
        line.close()
        name.unlink()
    stop.set()
    await acquiring
    kinds = [event.kind for record in records for event in record.events]
    assert kinds[:1] == ["restart"]
    assert ["bus_lost", "bus_back"] in [kinds[at : at + 2] for at in range(len(kinds))]


@asynccontextmanager
async def asked_at(
    t: float, folder: Path, sources: Mapping[str, Source], timeout_ms: int = 60_000
) -> AsyncIterator[PolledLines]:
    """The shipped profile of the BAM-1020 and a monitor at `t`, seconds since 1970 UTC."""
    line = PtyLine(WireSettings.parse("9600 8N1"))
    mount = Mount("dust", "", Bam1020(sources), Journal(folder / "journal.jsonl"))
    BamTerminal(line, mount, lambda: t).start()
    of = load_profile(ROOT / "station_configs/devices/met-one-bam-1020.yaml")
    made = device(
        of, {"pm2_5": "pm2_5"}, None, Bus(name="dust", kind="ascii", port=line.path, guard_ms=100),
        sample_ms=300_000, report_ms=3_600_000, timeout_ms=timeout_ms,
    )  # fmt: skip
    bus = SerialBus(made.bus, lambda: round(t * 1000))
    await bus.open()
    yield PolledLines(made, bus)
    bus.close()
    line.close()


@pytest.mark.parametrize(
    ("micrograms", "state", "value"), [(24.0, "ok", 0.024), (None, "fault", None)], ids=["a good hour", "power failed"]
)
async def test_a_beta_monitor_s_last_hour_comes_with_the_monitor_s_own_time(
    tmp_path: Path, micrograms: float | None, state: str, value: float | None
) -> None:
    t = 1_795_487_400.0  # 2026-11-24 02:30 UTC: 09:30 at the monitor
    sources = {"pm2_5": lambda _: ProbeValue(micrograms), "air_temp": lambda _: ProbeValue(28.4)}
    async with asked_at(t, tmp_path, sources) as instrument:
        (sample,) = await instrument.read(instrument.parts()[0])
    assert (sample.value, sample.state.word) == (value, state)
    assert sample.t_ms == 1_795_485_600_000, "02:00 UTC, the end of the hour it measured"


async def test_a_beta_monitor_that_moves_its_tape_answers_nobody(tmp_path: Path) -> None:
    t = 1_795_485_720.0  # 09:02
    async with asked_at(t, tmp_path, {}, timeout_ms=300) as instrument:
        with pytest.raises(NoAnswer):
            await instrument.read(instrument.parts()[0])
