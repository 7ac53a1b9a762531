"""Every kind of bus end to end: instrument on a paced line → agent → records equal to the instrument's journal."""

from __future__ import annotations

import math
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge_agent.readings.records import SlotReading, SlotRecord
from quantrac.config.bus_places import load_wiring
from quantrac.config.loader import load_station
from quantrac.config.stations import Channel, Device, Station
from quantrac.telemetry.parameters import CATALOGUE, Kind
from quantrac.telemetry.states import State
from tests.fixtures.simulation import simulated
from tests.integration.edge_agent.served_means import STALL_MS, Match, acquired, journaled, matches

HERE = Path(__file__).parent / "every_bus"
ROOT = Path(__file__).parents[3]
STATION = "st-every-bus"
REPORT_MS, SECONDS = 5_000, 26
"""The instruments' script is over after so long."""
SLOTS = 3
"""So many slots of each device, behind its first, have values."""
MODULUS, DEBOUNCE_MS = 65_536, 2_500


@dataclass
class Run:
    """What was recorded, and what the instruments say they served."""

    station: Station
    records: list[SlotRecord]
    entries: dict[tuple[str, str, str], list[dict[str, Any]]]

    def readings(self, channel: str) -> list[tuple[int, SlotReading]]:
        """Return a channel's closed slots but the first, which nobody knows whole."""
        found = [(record.t_ms, r) for record in self.records for r in record.readings if r.name == channel]
        return found[1:]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("every-bus")
    shutil.copytree(ROOT / "station_configs", folder / "configs", ignore=shutil.ignore_patterns("demo", "rules"))
    shutil.copy(HERE / f"{STATION}.yaml", folder / "configs" / "stations")
    with simulated(folder, "--field", str(HERE / "field.yaml")):
        station = load_wiring(folder / "wiring.yaml").wire(load_station(folder / "configs", None, STATION))
        began = time.monotonic()
        records = acquired(
            {STATION: station},
            folder,
            lambda so_far: time.monotonic() - began >= SECONDS and _is_enough(station, so_far[STATION]),
        )[STATION]
        yield Run(station, records, journaled(folder, STATION))


def _is_enough(station: Station, records: list[SlotRecord]) -> bool:
    run = Run(station, records, {})
    return all(
        sum(reading.state.is_valid for _, reading in run.readings(channel.name)) >= SLOTS
        for _, channel in mean_channels(station)
        if channel.name not in ("ph", "turbidity", "ec")
    )


def mean_channels(station: Station) -> Iterator[tuple[Device, Channel]]:
    for device in station.devices.values():
        for channel in device.channels.values():
            if CATALOGUE[channel.parameter].kind is Kind.MEAN:
                yield device, channel


def test_every_recorded_mean_is_the_mean_of_what_the_instrument_served(run: Run) -> None:
    """And of all that it served, for most: in the others a busy machine brought an answer too late."""
    compared: Counter[str] = Counter()
    found: Counter[Match] = Counter()
    for device, channel in mean_channels(run.station):
        address = "" if device.address is None else str(device.address)
        scale = device.profile.signals[channel.signal].scale if device.profile.device == "grimm-edm180-lines" else 1.0
        served = [
            (e["t"], channel.published(e["value"] * scale))
            for e in run.entries[device.bus.name, address, channel.signal]
            if e["value"] is not None and e.get("sent", True) and e["state"] in ("ok", "suspect")
        ]
        least = math.ceil(device.valid_share * REPORT_MS / device.sample_ms)
        own = matches(served, run.readings(channel.name), REPORT_MS, least)
        compared[device.name] += own.total()
        found += own
    assert set(+compared) == set(run.station.devices) - {"bucket", "io"}, "every bus has brought something"
    assert all(count >= SLOTS for count in (+compared).values()), compared
    assert found[Match.WHOLE] >= found.total() / 2, found


def test_every_channel_reports_every_slot(run: Run) -> None:
    for _, channel in mean_channels(run.station):
        ends = [t_ms for t_ms, _ in run.readings(channel.name)]
        assert ends == list(range(ends[0], ends[-1] + 1, REPORT_MS)), channel.name
        assert len(ends) >= SLOTS


def test_what_the_sensor_net_calls_invalid_cleaned_or_over_range_is_no_value(run: Run) -> None:
    """The script: pH fails, the turbidity sensor is cleaned, conductivity goes over range; all but cleaning send 0."""
    states = {name: {reading.state for _, reading in run.readings(name)} for name in ("ph", "turbidity", "ec", "do")}
    assert State.FAULT in states["ph"]
    assert State.MAINT in states["turbidity"]
    assert State.RANGE in states["ec"]
    assert State.OK in states["do"]
    assert states["do"] <= {State.OK, State.COMM}
    for name in ("ph", "turbidity", "ec"):
        assert all(reading.value != 0 for _, reading in run.readings(name))
        assert all(reading.value is None for _, reading in run.readings(name) if not reading.state.is_valid)


def fallen(entries: list[dict[str, Any]], mm: float, from_ms: float, to_ms: float) -> float:
    """What a counter that was served says that fell, over roll-overs at 65536 and from 0 after a reset."""
    counts = [(e["t"], e["value"]) for e in entries]
    total = 0.0
    for (_, before), (t, count) in pairwise(counts):
        if from_ms < t <= to_ms:
            rolled = count - before + MODULUS * mm
            total += count - before if count >= before else rolled if rolled < 100 * mm else count
    return total


@pytest.mark.parametrize(
    ("channel", "served", "mm", "tip"),
    [("rain", ("cabinet", "4", "rain"), 0.1, 0.1), ("rain_2", ("cabinet", "5", "count_3"), 1.0, 0.2)],
)
def test_rain_is_what_fell_through_a_roll_over_and_a_loss_of_power(
    run: Run, channel: str, served: tuple[str, str, str], mm: float, tip: float
) -> None:
    """Two tips each second; both counters roll over at 65536 after five seconds and are reset after fourteen."""
    readings, entries = run.readings(channel), run.entries[served]
    assert len(readings) >= SLOTS
    assert {reading.state for _, reading in readings} <= {State.OK, State.COMM}
    amounts = [reading.value for _, reading in readings if reading.value is not None]
    assert amounts
    assert all(0 <= amount < 30 * tip for amount in amounts), "ten tips, or some of a slot that was read late"
    start, end = readings[0][0] - REPORT_MS, readings[-1][0]
    most = fallen(entries, mm, start - STALL_MS, end + STALL_MS) / mm * tip
    assert sum(amounts) <= most + tip / 2
    if len(amounts) == len(readings):
        least = fallen(entries, mm, start + STALL_MS, end - STALL_MS) / mm * tip
        assert sum(amounts) >= least - 4.1 * tip, "those that were counted last before the reset are lost"


def test_a_rattling_door_is_opened_once(run: Run) -> None:
    """It rattles from the fourth to the ninth second and is opened in the twelfth, for good."""
    served = [(e["t"], e["value"]) for e in run.entries["cabinet", "5", "door"]]
    assert [b for (_, a), (_, b) in pairwise(served) if a != b].count(1.0) >= 1, "it did rattle"
    values = [reading.value for _, reading in run.readings("door") if reading.value is not None]
    if all(later - t < DEBOUNCE_MS / 2 for (t, _), (later, _) in pairwise(served)):
        assert values == sorted(values), "shut, then open"
    assert values[-1] == 1.0


def test_a_damaged_line_of_a_talker_is_counted_and_not_believed(run: Run) -> None:
    damaged = [e for e in run.entries["gill", "Q", "air_temp"] if not e.get("sent", True)]
    assert damaged
    errors = [r.value or 0 for record in run.records for r in record.readings if r.name == "bus_errors"]
    assert errors[-1] >= len(damaged)
    assert {r.state for _, r in run.readings("air_temp_2")} <= {State.OK, State.COMM}
