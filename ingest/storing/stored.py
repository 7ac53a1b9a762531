"""Why a batch is stored, and what storing it came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Purpose(Enum):
    """Why a batch is stored."""

    ARRIVAL = "arrival"
    REPLAY = "replay"
    """A dead letter is tried again: it does not arrive a second time, and is no second dead letter."""


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
