"""A batch on its way into the database, and what storing it came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ingest.books.reports import Report
from ingest.receiving.checks import Checked
from ingest.receiving.columns import Misfitting
from ingest.receiving.registry import Registry


class Purpose(Enum):
    """Why a batch is stored."""

    ARRIVAL = "arrival"
    REPLAY = "replay"
    """A dead letter is tried again: it does not arrive a second time, and is no second dead letter."""


@dataclass(slots=True)
class Batch:
    """What a number of deliveries came to; `registry` is the one it was checked against."""

    registry: Registry
    checked: Checked
    misfits: list[Misfitting]
    """Dead letters whose envelope was refused; those of refused readings are in `checked`."""
    reports: list[Report]


@dataclass(frozen=True, slots=True)
class Stored:
    """What a transaction did, for the log, the metrics and the acknowledgements."""

    messages: int
    readings: int
    new: int
    duplicate: int
    rejected: int
    conflict: int
    dead_letters: int
    stations: dict[str, int]
    """Newest receipt by station, microseconds since 1970."""
