"""Records: what acquisition hands to the spool, one a device and slot."""

from collections.abc import Callable
from typing import NamedTuple

from quantrac.telemetry.states import State


class SlotReading(NamedTuple):
    """One channel of one slot: ``value`` is ``None`` exactly when ``state`` says that nothing was measured."""

    name: str
    value: float | None
    state: State


class StationEvent(NamedTuple):
    """Something that happened at the station, so that the cause of a gap is on record.

    ``kind`` is one of the wire's event kinds (``restart``, ``device_lost``, ``device_back``, ``clock``, …),
    ``device`` the device's name in the station file or ``None`` for the station itself, ``t_ms`` milliseconds since
    1970 UTC.
    """

    kind: str
    device: str | None
    detail: str
    t_ms: int


class SlotRecord(NamedTuple):
    """One device's slot, closed: ``t_ms`` is the slot's end and the time of every reading in it.

    ``readings`` may be empty if ``events`` is not.
    """

    t_ms: int
    readings: tuple[SlotReading, ...]
    events: tuple[StationEvent, ...] = ()


RecordSink = Callable[[SlotRecord], None]
"""Takes a closed record. It must return at once: it is called from the task that owns a bus."""
