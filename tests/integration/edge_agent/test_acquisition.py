"""Acquisition against the simulated field: what is recorded is what the instruments served, on all five protocols."""

from __future__ import annotations

import functools
import json
import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.acquiring.acquisition import sample
from edge_agent.acquiring.field_link import FieldLink
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.clocks.system_clock import SystemClock
from edge_agent.health.agent_channels import AgentChannels
from edge_agent.readings.records import SlotRecord
from quantrac.config.bus_places import load_wiring
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.stations import Station
from quantrac.telemetry.parameters import CATALOGUE, Kind
from quantrac.telemetry.slots import slot_end
from quantrac.telemetry.states import State
from tests.fixtures.simulation import simulated
from tests.integration.edge_agent.served_means import Match, match

STATIONS = ("st-my-thanh", "st-tran-de", "st-tp-soc-trang")
"""Between them every protocol: Modbus RTU (Aqua TROLL, EXO2), SDI-12, Modbus TCP, Bayern-Hessen, Vaisala."""
SAMPLE_MS, REPORT_MS = 1_000, 5_000
SLOTS, MEANS = 4, 60
"""So many slots of each device, and so many means, are recorded at least."""
LONGEST_S = 120.0
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
    with simulated(tmp_path, *(f"--station={station}" for station in STATIONS)):
        yield Run(acquired(field), field)


def quick(station: Station) -> Station:
    """The station, sampled each second and reported every five."""
    devices = {
        name: device.model_copy(update={"sample_ms": SAMPLE_MS, "report_ms": REPORT_MS})
        for name, device in station.devices.items()
    }
    agent = {n: c.model_copy(update={"interval_ms": REPORT_MS}) for n, c in station.agent_channels.items()}
    return station.model_copy(update={"devices": devices, "agent_channels": agent})


def acquired(field: Field) -> dict[str, list[SlotRecord]]:
    network, wiring = load_network_once(), load_wiring(field.wiring)
    records: dict[str, list[SlotRecord]] = {name: [] for name in STATIONS}
    stop = threading.Event()
    threads = [
        threading.Thread(
            target=sample,
            args=(
                quick(wiring.wire(network.stations[name])),
                Surroundings(
                    SystemClock().wall_ms, AgentChannels(field.journal, lambda: 3), records[name].append, "boot 1"
                ),
                stop,
                FieldLink(),
            ),
        )
        for name in STATIONS
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + LONGEST_S
    while not _is_enough(records):
        assert time.monotonic() < until, {name: len(found) for name, found in records.items()}
        time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return records


def _is_enough(records: dict[str, list[SlotRecord]]) -> bool:
    """Whether there are slots of every device, the first one and some with values, and means to compare."""
    network, means = load_network_once(), 0
    for name in STATIONS:
        for device in network.stations[name].devices.values():
            names = {channel.name for channel in device.channels.values()}
            own = [record for record in list(records[name]) if {r.name for r in record.readings} == names]
            valid = [record for record in own if any(r.state.is_valid for r in record.readings)]
            if len(own) < SLOTS or not valid:
                return False
            kinds = {c.name: CATALOGUE[c.parameter].kind for c in device.channels.values()}
            means += sum(r.state.is_valid and kinds[r.name] is Kind.MEAN for record in own for r in record.readings)
    return means >= MEANS


@functools.cache
def load_network_once() -> Network:
    return load_network(ROOT / "station_configs")


def journaled(field: Field, station: str) -> dict[tuple[str, str, str], list[tuple[int, float]]]:
    """Return (bus, address, signal) → time and value of each entry with a value."""
    entries = defaultdict(list)
    for line in (field.journal / f"{station}.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["value"] is not None:
            entries[entry["bus"], str(entry["address"]), entry["signal"]].append((entry["t"], entry["value"]))
    return entries


def test_every_recorded_mean_is_the_mean_of_what_the_instruments_served(run: Run) -> None:
    """And of all that they served, for most: in the others a busy machine brought an answer too late."""
    matches: Counter[Match] = Counter()
    for name in STATIONS:
        station, entries = load_network_once().stations[name], journaled(run.field, name)
        valid = [(record.t_ms, r) for record in run.records[name] for r in record.readings if r.state.is_valid]
        for device in station.devices.values():
            least = math.ceil(device.valid_share * REPORT_MS / SAMPLE_MS)
            for channel in device.channels.values():
                if CATALOGUE[channel.parameter].kind is not Kind.MEAN:
                    continue
                key = (device.bus.name, str(device.address or ""), channel.signal)
                served = [(t, channel.published(value)) for t, value in entries[key]]
                for t_ms, reading in valid:
                    if reading.name == channel.name and reading.value is not None:
                        found = match(served, t_ms, REPORT_MS, reading.value, least)
                        assert found is not Match.NONE, (t_ms, reading, served)
                        matches[found] += 1
    assert matches.total() >= MEANS
    assert matches[Match.WHOLE] >= matches.total() / 2, matches


def test_each_device_reports_every_slot_and_only_the_first_is_warmup(run: Run) -> None:
    records = run.records["st-tp-soc-trang"]
    station = load_network_once().stations["st-tp-soc-trang"]
    for device in [*station.devices.values()]:
        names = {channel.name for channel in device.channels.values()}
        own = [record for record in records if {r.name for r in record.readings} == names]
        ends = [record.t_ms for record in own]
        assert ends == list(range(ends[0], ends[-1] + 1, REPORT_MS))
        assert len(ends) >= SLOTS
        assert {r.state for r in own[0].readings} == {State.WARMUP}
        later = {r.state for record in own[1:] for r in record.readings}
        assert later <= {State.OK, State.SUSPECT, State.COMM}, "comm: a busy machine brought answers too late"
        assert later & {State.OK, State.SUSPECT}
    events = [event for record in records for event in record.events]
    assert [(event.device, event.detail) for event in events if event.kind == "restart"] == [(None, "boot 1")]
    agent = [r for record in records for r in record.readings if r.name == "spool_depth"]
    assert {reading.value for reading in agent[1:]} == {3.0}
    assert all(record.t_ms == slot_end(record.t_ms, REPORT_MS) for record in records)
