"""Acquisition against the simulated field: what is recorded is what the instruments served, on all five protocols."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest

from edge_agent.acquiring.sampling import sample
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.clocks.system_clock import SystemClock
from edge_agent.health.housekeeping import Housekeeping
from edge_agent.records import SlotRecord
from quantrac.config.loading import load_network
from quantrac.config.stations import Station
from quantrac.config.wiring import load_wiring
from quantrac.telemetry.parameters import CATALOGUE, Kind
from quantrac.telemetry.slots import slot_end
from quantrac.telemetry.states import State

STATIONS = ("st-my-thanh", "st-tran-de", "st-tp-soc-trang")
"""Between them every protocol: Modbus RTU (Aqua TROLL, EXO2), SDI-12, Modbus TCP, Bayern-Hessen, Vaisala."""
SAMPLE_MS, REPORT_MS = 1_000, 5_000
SECONDS = 22
EDGE_MS = 250
"""Entries so near to a slot's edge may be counted in or out."""
ROOT = Path(__file__).parents[3]


@dataclass
class Field:
    """A running simulation."""

    wiring: Path
    journal: Path


@dataclass
class Run:
    """What was recorded of each station, and where the journals are."""

    records: dict[str, list[SlotRecord]]
    field: Field


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    tmp_path = tmp_path_factory.mktemp("field")
    field = Field(tmp_path / "wiring.yaml", tmp_path / "journal")
    command = [sys.executable, "-m", "quantrac", "simulate", "--with-parent", "--wiring", str(field.wiring)]
    command += ["--journal", str(field.journal)]
    stations = [word for station in STATIONS for word in ("--station", station)]
    with (
        (tmp_path / "simulate.log").open("wb") as log,
        subprocess.Popen([*command, *stations], cwd=ROOT, stdout=log, stderr=log) as process,
    ):
        try:
            until = time.monotonic() + 60
            while not field.wiring.exists():
                assert process.poll() is None, (tmp_path / "simulate.log").read_text()
                assert time.monotonic() < until
                time.sleep(0.05)
            yield Run(acquired(field), field)
        finally:
            process.terminate()


def quick(station: Station) -> Station:
    """The station, sampled each second and reported every five."""
    devices = {
        name: device.model_copy(update={"sample_ms": SAMPLE_MS, "report_ms": REPORT_MS})
        for name, device in station.devices.items()
    }
    agent = {n: c.model_copy(update={"interval_ms": REPORT_MS}) for n, c in station.agent_channels.items()}
    return station.model_copy(update={"devices": devices, "agent_channels": agent})


def acquired(field: Field) -> dict[str, list[SlotRecord]]:
    network, wiring = load_network(ROOT / "station_configs"), load_wiring(field.wiring)
    records: dict[str, list[SlotRecord]] = {name: [] for name in STATIONS}
    stop = threading.Event()
    threads = [
        threading.Thread(
            target=sample,
            args=(quick(wiring.wire(network.stations[name])),),
            kwargs={
                "sink": records[name].append, "restart": "boot 1",
                "around": Surroundings(SystemClock().wall_ms, Housekeeping(field.journal, lambda: 3)),
                "stop": stop,
            },
        )
        for name in STATIONS
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return records


def journaled(field: Field, station: str) -> dict[tuple[str, str, str], list[tuple[int, float]]]:
    """Return (bus, address, signal) → time and value of each entry with a value."""
    entries = defaultdict(list)
    for line in (field.journal / f"{station}.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["value"] is not None:
            entries[entry["bus"], str(entry["address"]), entry["signal"]].append((entry["t"], entry["value"]))
    return entries


def test_every_recorded_mean_is_the_mean_of_what_the_instruments_served(run: Run) -> None:
    network = load_network(ROOT / "station_configs")
    compared = lacking = 0
    for name in STATIONS:
        station, entries = network.stations[name], journaled(run.field, name)
        valid = {(r.name, record.t_ms): r for record in run.records[name] for r in record.readings if r.state.is_valid}
        for device in station.devices.values():
            for channel in device.channels.values():
                if CATALOGUE[channel.parameter].kind is not Kind.MEAN:
                    continue
                key = (device.bus.name, str(device.address or ""), channel.signal)
                served = [(t, channel.published(value)) for t, value in entries[key]]
                for (channel_name, t_ms), reading in valid.items():
                    if channel_name == channel.name:
                        lacking += not _is_whole(served, t_ms, reading.value)
                        compared += 1
    assert compared >= 60
    assert lacking <= 0.05 * compared, "replies of a busy machine that came too late are few"


def _is_whole(served: list[tuple[int, float]], t_ms: int, value: float | None) -> bool:
    """Whether the recorded mean is that of the whole slot, for a choice of the entries at its edges; else one lacks."""
    sure = [v for t, v in served if t_ms - REPORT_MS + EDGE_MS < t < t_ms - EDGE_MS]
    edge = [v for t, v in served if abs(t - t_ms) <= EDGE_MS or abs(t - (t_ms - REPORT_MS)) <= EDGE_MS]
    assert sure
    whole = [[*sure, *some] for count in range(len(edge) + 1) for some in combinations(edge, count)]
    if any(value == _mean(choice) for choice in whole):
        return True
    one_less = [choice[:i] + choice[i + 1 :] for choice in whole if len(choice) > 1 for i in range(len(choice))]
    assert any(value == _mean(choice) for choice in one_less), (t_ms, value, sure, edge)
    return False


def _mean(values: list[float]) -> object:
    return pytest.approx(sum(values) / len(values), rel=1e-6, abs=1e-9)


def test_each_device_reports_every_slot_and_only_the_first_is_warmup(run: Run) -> None:
    records = run.records["st-tp-soc-trang"]
    station = load_network(ROOT / "station_configs").stations["st-tp-soc-trang"]
    for device in [*station.devices.values()]:
        names = {channel.name for channel in device.channels.values()}
        own = [record for record in records if {r.name for r in record.readings} == names]
        ends = [record.t_ms for record in own]
        assert ends == list(range(ends[0], ends[-1] + 1, REPORT_MS))
        assert len(ends) >= 4
        assert {r.state for r in own[0].readings} == {State.WARMUP}
        assert {r.state for record in own[1:] for r in record.readings} <= {State.OK, State.SUSPECT}
    events = [event for record in records for event in record.events]
    assert [(event.kind, event.device, event.detail) for event in events] == [("restart", None, "boot 1")]
    agent = [r for record in records for r in record.readings if r.name == "spool_depth"]
    assert [reading.value for reading in agent][1:] == [3.0] * (len(agent) - 1)
    assert all(record.t_ms == slot_end(record.t_ms, REPORT_MS) for record in records)
