"""A channel's figure of five minutes: which of its readings count, what becomes of them, with which status. Pure.

Circular 10/2021/TT-BTNMT asks for the mean of the cycle and the state of the device; that values measured in
calibration (01) or by a faulty device (02) are no part of a mean follows from what these states mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from quantrac.telemetry.ministry import FILED_STATUS, FiledStatus
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State

CANCELLED: Final = 1e-9
"""Directions whose mean vector is shorter than this cancel out: none is left."""
ROUNDING: Final = 1e-9
MOST: Final = 1e100
"""A larger value is what a broken decoder makes, and no sum of such is one."""


class FiledReading(NamedTuple):
    """A reading as views show it: its value with corrections, its quality with verdicts."""

    value: float | None
    state: State
    quality: int


class Figure(NamedTuple):
    """What a file says of a channel, in the catalogue's unit."""

    value: float
    status: FiledStatus


def figure(readings: Sequence[FiledReading], expected: float, valid_share: float, kind: Kind) -> Figure | None:
    """Return the figure of a slot; None: its line is left out.

    Good, suspect and not yet evaluated readings count; where at least `valid_share` of those expected are there, they
    make the value (00). Else values of a faulty device make it (02); else those of calibration and maintenance, where
    the slot holds no others (01).

    Args:
        readings: of the slot t - 5 min < time <= t, by time.
        expected: how many a whole slot has; less than 1 where the channel reports more seldom.
        valid_share: 0..1.
        kind: how values are put together.
    """
    present = [reading for reading in readings if reading.value is not None and abs(reading.value) < MOST]
    counted = [reading for reading in present if reading.quality <= Quality.SUSPECT]
    if counted and len(counted) >= valid_share * expected - ROUNDING:
        return _figure(counted, kind, FiledStatus.MEASURING)
    statuses = [FILED_STATUS.get(reading.state) for reading in readings]
    if FiledStatus.FAULT in statuses:
        faulty = [reading for reading in present if FILED_STATUS.get(reading.state) is FiledStatus.FAULT]
        return _figure(faulty, kind, FiledStatus.FAULT)
    if present and all(FILED_STATUS.get(reading.state) is FiledStatus.CALIBRATION for reading in present):
        return _figure(present, kind, FiledStatus.CALIBRATION)
    return None


def _figure(readings: Sequence[FiledReading], kind: Kind, status: FiledStatus) -> Figure | None:
    values = [reading.value for reading in readings if reading.value is not None]
    value = _together(values, kind) if values else None
    return None if value is None else Figure(value, status)


def _together(values: Sequence[float], kind: Kind) -> float | None:
    """Return what values become over time; None for directions that cancel out."""
    if kind is Kind.MEAN:
        return math.fsum(values) / len(values)
    if kind is Kind.SUM:
        return math.fsum(values)
    if kind is Kind.LAST:
        return values[-1]
    east = math.fsum(math.sin(math.radians(value)) for value in values)
    north = math.fsum(math.cos(math.radians(value)) for value in values)
    if math.hypot(east, north) <= CANCELLED * len(values):
        return None
    return math.degrees(math.atan2(east, north)) % 360
