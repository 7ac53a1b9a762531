"""Reads the journals of the simulated instruments and the readings that the centre stored."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from quantrac.cli.demo.comparison import (
    Absence,
    JournalEntry,
    ServedSeries,
    StoredReading,
    UnexplainedReading,
    differences,
)
from quantrac.config.network import Network
from quantrac.config.stations import Channel, Device, Station
from quantrac.config.units import conversion
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.states import State

READINGS: Final = """
select channel, (extract(epoch from time) * 1000)::int8, raw_value, state from v_reading order by channel, time
"""

RESTARTS: Final = "select station, device, detail from v_event where kind = 'restart' and device is not null"
ABSENCE: Final = re.compile(r"no slots from (\S+Z) to (\S+Z)")

Place = tuple[str, str, str]
"""Bus, address and signal, as a journal names them."""


class JournalVerdict(NamedTuple):
    """The result of comparing the stored readings with the journals."""

    compared: int
    """Stored values that were compared; nulls are checked too but not counted."""
    differences: list[UnexplainedReading]
    unanswered: list[UnexplainedReading]
    """Nulls of state `comm` where the instrument did serve: its replies came too late, or the agent hides them."""


class UnknownUnit(QuantracError):
    """A journal's unit cannot be converted to the channel's."""


def judge(conn: psycopg.Connection[Any], network: Network, journals: Path) -> JournalVerdict:
    """Compare every stored reading of a measured channel with the journal of its instrument."""
    stored = _stored_readings(conn)
    absences = _absences(conn)
    found: list[UnexplainedReading] = []
    compared = 0
    for station in network.stations.values():
        served = read_journal(journals / f"{station.station}.jsonl")
        for name, series in channel_series(station, served):
            readings = stored.get(name, [])
            compared += sum(reading.value is not None for reading in readings)
            device = station.channel(name.removeprefix(f"{station.station}/")).device
            found += differences(name, series, readings, absences[station.station, device])
    different = [difference for difference in found if not difference.is_unanswered]
    return JournalVerdict(compared, different, [difference for difference in found if difference.is_unanswered])


def read_journal(path: Path) -> dict[Place, list[dict[str, Any]]]:
    """Return the entries of one station's journal that reached the line, by place, in order of time."""
    places: dict[Place, list[dict[str, Any]]] = defaultdict(list)
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry.get("sent", True):
                places[entry["bus"], str(entry["address"]), entry["signal"]].append(entry)
    for entries in places.values():
        entries.sort(key=lambda entry: int(entry["t"]))
    return places


def channel_series(station: Station, served: dict[Place, list[dict[str, Any]]]) -> Iterator[tuple[str, ServedSeries]]:
    """Yield each measured channel of a station with what its instrument served."""
    for device in station.devices.values():
        for channel in device.channels.values():
            place = (device.bus.name, "" if device.address is None else str(device.address), channel.signal)
            entries = [_entry(channel, device, raw) for raw in served.get(place, ())]
            kind = channel.kind
            yield (
                f"{station.station}/{channel.name}",
                ServedSeries(kind, device.report_ms, device.sample_ms, device.valid_share, entries),
            )


def _entry(channel: Channel, device: Device, raw: dict[str, Any]) -> JournalEntry:
    valid = raw["value"] is not None and State.from_word(raw["state"]).is_valid
    value = None if raw["value"] is None else _published(channel, device, float(raw["value"]), raw["unit"])
    return JournalEntry(int(raw["t"]), value, valid)


def _published(channel: Channel, device: Device, value: float, unit: str) -> float:
    signal_unit = device.signal_of(channel).unit
    to_signal = conversion(unit, signal_unit, channel.parameter)
    if to_signal is None:
        raise UnknownUnit(f"{channel.name}: the journal says {unit!r}, the profile {signal_unit!r}")
    return channel.published(to_signal(value))


def _absences(conn: psycopg.Connection[Any]) -> dict[tuple[str, str], list[Absence]]:
    """Return by station and device the spans in which, by its own word, the agent was not there."""
    found: dict[tuple[str, str], list[Absence]] = defaultdict(list)
    for station, device, detail in conn.execute(RESTARTS):
        if (span := ABSENCE.search(detail)) is not None:
            found[station, device].append(Absence(milliseconds(span[1]), milliseconds(span[2])))
    return found


def milliseconds(iso: str) -> int:
    """Return a time as it stands in an event, in ms since 1970 UTC."""
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


def _stored_readings(conn: psycopg.Connection[Any]) -> dict[str, list[StoredReading]]:
    rows = conn.execute(READINGS).fetchall()
    return {
        channel: [StoredReading(t_ms, value, State.from_word(state)) for _, t_ms, value, state in group]
        for channel, group in groupby(rows, key=lambda row: str(row[0]))
    }
