"""Acquisition against the simulated field: what is recorded is what the instruments served, on all five protocols."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quantrac.config.bus_places import load_wiring
from quantrac.config.loader import load_network
from quantrac.config.network import Network
from quantrac.config.stations import Station
from quantrac.telemetry.parameters import CATALOGUE, Kind
from quantrac.telemetry.slots import slot_end
from quantrac.telemetry.states import State
from tests.fixtures.simulation import simulated
from tests.integration.edge_agent.served_means import SPOOLED, Match, Records, acquired, journaled, matches

STATIONS = ("st-cu-lao-dung", "st-tran-de", "st-tp-soc-trang")
"""Between them every protocol: Modbus RTU (Aqua TROLL, EXO2), SDI-12, Modbus TCP, Bayern-Hessen, Vaisala. None replays
a recording, which has gaps: half an hour now and then, and five hours at the beginning of a year."""
SAMPLE_MS, REPORT_MS = 1_000, 5_000
SLOTS, MEANS = 4, 60
"""So many slots of each device, and so many means, are recorded at least."""
ROOT = Path(__file__).parents[3]


@dataclass
class Run:
    """What was recorded of each station, and the folder of the simulation."""

    records: Records
    folder: Path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("field")
    with simulated(folder, *(word for name in STATIONS for word in ("--station", name))):
        network, wiring = load_network_once(), load_wiring(folder / "wiring.yaml")
        stations = {name: quick(wiring.wire(network.stations[name])) for name in STATIONS}
        yield Run(acquired(stations, folder, _is_enough), folder)


def quick(station: Station) -> Station:
    """The station, sampled each second and reported every five, and never in its weekly calibration."""
    devices = {
        name: device.model_copy(update={"sample_ms": SAMPLE_MS, "report_ms": REPORT_MS, "calibration": None})
        for name, device in station.devices.items()
    }
    agent = {n: c.model_copy(update={"interval_ms": REPORT_MS}) for n, c in station.agent_channels.items()}
    return station.model_copy(update={"devices": devices, "agent_channels": agent})


def _is_enough(records: Records) -> bool:
    """Whether there are slots of every device, the first one and some with values, and means to compare."""
    network, means = load_network_once(), 0
    for name in STATIONS:
        for device in network.stations[name].devices.values():
            names = {channel.name for channel in device.channels.values()}
            own = [record for record in records[name] if {r.name for r in record.readings} == names]
            valid = [record for record in own if any(r.state.is_valid for r in record.readings)]
            if len(own) < SLOTS or not valid:
                return False
            kinds = {c.name: CATALOGUE[c.parameter].kind for c in device.channels.values()}
            means += sum(r.state.is_valid and kinds[r.name] is Kind.MEAN for record in own for r in record.readings)
    return means >= MEANS


@functools.cache
def load_network_once() -> Network:
    return load_network(ROOT / "station_configs")


def test_every_recorded_mean_is_the_mean_of_what_the_instruments_served(run: Run) -> None:
    """And of all that they served, for most: in the others a busy machine brought an answer too late."""
    found: Counter[Match] = Counter()
    for name in STATIONS:
        station, entries = load_network_once().stations[name], journaled(run.folder, name)
        for device in station.devices.values():
            least = math.ceil(device.valid_share * REPORT_MS / SAMPLE_MS)
            for channel in device.channels.values():
                if CATALOGUE[channel.parameter].kind is not Kind.MEAN:
                    continue
                own = entries[device.bus.name, str(device.address or ""), channel.signal]
                served = [(e["t"], channel.published(e["value"])) for e in own if e["value"] is not None]
                readings = [(rec.t_ms, r) for rec in run.records[name] for r in rec.readings if r.name == channel.name]
                found += matches(served, readings, REPORT_MS, least)
    assert found.total() >= MEANS
    assert found[Match.WHOLE] >= found.total() / 2, found


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
    assert {reading.value for reading in agent[1:]} == {SPOOLED}
    assert all(record.t_ms == slot_end(record.t_ms, REPORT_MS) for record in records)
