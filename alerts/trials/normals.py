"""Computes normals of channels from their stored good readings (`rules normals`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from alerts.evaluating.stored_normals import save_cells
from alerts.rules.compiler import compile_network, tides_of
from alerts.rules.composite import compile_composites
from alerts.rules.normals import Cell, normal_cells
from alerts.rules.rule import MeasureKind
from alerts.trials.history import stored_stretches
from quantrac.config.network import Network
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality

GOOD = frozenset({Quality.GOOD})


@dataclass(frozen=True, slots=True)
class Made:
    """What is normal for one channel."""

    channel: str
    readings: int
    cells: list[Cell]


def departing_channels(network: Network) -> list[str]:
    """Return the channels on which rules of departure look."""
    rules = [rule for own in compile_network(network).values() for rule in own]
    rules += [member.rule for composite in compile_composites(network) for member in composite.members]
    return sorted({rule.channel for rule in rules if rule.measure.kind is MeasureKind.DEPARTURE})


def make_normals(
    conn: Connection, network: Network, channels: Iterable[str], first: date, last: date, now: datetime
) -> list[Made]:
    """Make the normals of channels from the local days first … last, both included, and store them."""
    start = datetime.combine(first, datetime.min.time(), network.zone)
    end = datetime.combine(last, datetime.min.time(), network.zone) + timedelta(days=1)
    tides = tides_of(network.settings.tides.values())
    made = []
    for channel in channels:
        t_ms, value = _good(conn, channel, start, end)
        cells = normal_cells(t_ms, value, network.zone, tides.get(channel.partition("/")[0]))
        with conn.transaction():
            save_cells(conn, channel, cells, (start, end), now)
        made.append(Made(channel, len(t_ms), cells))
    return made


def _good(
    conn: Connection, channel: str, start: datetime, end: datetime
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    times, values = [np.empty(0, np.int64)], [np.empty(0)]
    for stretch in stored_stretches(conn, [channel], start, end):
        if channel not in stretch.blocks:
            continue
        block = stretch.blocks[channel]
        good = block.counts(GOOD)
        times.append(block.t_ms[good])
        values.append(block.value[good])
    return np.concatenate(times), np.concatenate(values)
