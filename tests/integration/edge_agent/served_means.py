"""What the agent recorded of simulated stations, and its means held against the instruments' journals."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from edge_agent.acquiring.acquisition import sample
from edge_agent.acquiring.field_link import FieldLink
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.health.agent_channels import AgentChannels
from edge_agent.readings.records import SlotReading, SlotRecord
from quantrac.config.stations import Station
from tests.fixtures.instruments import now_ms
from tests.fixtures.timing import eventually

LONGEST_S = 180.0
SPOOLED = 3
"""What the agents are told that their spools hold."""

EDGE_MS = 250
"""Entries so near to a slot's edge may be counted in or out: a line of 100 characters takes 110 ms at 9600 baud."""
STALL_MS = 1_200
"""The same for a slot in which the machine stood still between a request and its answer."""

Entry = tuple[int, float]
"""When an answer was served, ms since 1970 UTC, and what it said."""


class Match(Enum):
    """What a recorded mean is."""

    WHOLE = auto()
    """The mean of all that was served in its slot."""
    PART = auto()
    """The mean of so many of these answers as make a slot valid: a busy machine brought the others too late."""
    NONE = auto()


Records = Mapping[str, list[SlotRecord]]
"""By station."""


def acquired(stations: Mapping[str, Station], folder: Path, is_enough: Callable[[Records], bool]) -> Records:
    """Read stations, each in a thread of its own, until enough is recorded."""
    records: Records = {name: [] for name in stations}
    stop, own = threading.Event(), AgentChannels(folder, lambda: SPOOLED)
    threads = [
        threading.Thread(
            target=sample,
            args=(station, Surroundings(now_ms, own, records[name].append, "boot 1"), stop, FieldLink()),
        )
        for name, station in stations.items()
    ]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: is_enough({name: list(found) for name, found in records.items()}), LONGEST_S)
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return records


def journaled(folder: Path, station: str) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """Return (bus, address, signal) → its entries in the journal of a simulated station."""
    entries = defaultdict(list)
    for line in (folder / "journal" / f"{station}.jsonl").read_text().splitlines():
        entry = json.loads(line)
        entries[entry["bus"], str(entry["address"]), entry["signal"]].append(entry)
    return entries


def matches(
    served: Sequence[Entry], readings: Iterable[tuple[int, SlotReading]], width_ms: int, least: int
) -> Counter[Match]:
    """Return what the valid readings of a channel are, by their slots' ends; none is anything else than a mean."""
    found: Counter[Match] = Counter()
    for t_ms, reading in readings:
        if reading.state.is_valid and reading.value is not None:
            is_what = match(served, t_ms, width_ms, reading.value, least)
            assert is_what is not Match.NONE, (t_ms, reading, served)
            found[is_what] += 1
    return found


def match(served: Iterable[Entry], t_ms: int, width_ms: int, value: float, least: int) -> Match:
    """Compare the mean of the slot that ends at `t_ms`, of at least `least` samples, with what was served."""
    near = [(t, v) for t, v in served if t_ms - width_ms - STALL_MS < t < t_ms + STALL_MS]
    sure = [v for t, v in near if t_ms - width_ms + EDGE_MS < t <= t_ms - EDGE_MS]
    edge = [v for t, v in near if abs(t - t_ms) <= EDGE_MS or abs(t - (t_ms - width_ms)) <= EDGE_MS]
    whole = ([*sure, *some] for count in range(len(edge) + 1) for some in combinations(edge, count))
    if any(_is_mean(value, choice) for choice in whole if choice):
        return Match.WHOLE
    values = [v for _, v in near]
    parts = (part for count in range(least, len(values) + 1) for part in combinations(values, count))
    return Match.PART if any(_is_mean(value, part) for part in parts) else Match.NONE


def _is_mean(value: float, of: Sequence[float]) -> bool:
    return value == pytest.approx(sum(of) / len(of), rel=1e-6, abs=1e-9)
