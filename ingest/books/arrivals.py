"""Arrivals: the entries of both books for what a batch brought. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.books.dead_letter import DeadLetter
from quantrac.telemetry.local_time import INSTANT
from quantrac.telemetry.slots import EPOCH

UNPARSED: Final = ""
"""Epoch of what could not be parsed."""
NO_SEQ: Final = 0

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class BookKey(NamedTuple):
    """The book a message belongs to."""

    station: str
    epoch: str


@dataclass(slots=True)
class Arrivals:
    """Deliveries, a bundle's lines singly. The arrays have one entry a delivery."""

    keys: list[BookKey]
    """The books touched; `key` holds indices into it."""
    key: npt.NDArray[np.int32]
    seq: Ints
    """NO_SEQ where there is none."""
    received_us: Ints
    usable: Mask
    """Something of it is stored."""
    new: Mask
    """It brought a reading or an event that was not there; what is usable and not new is a duplicate."""
    conflict: Mask
    """It brought a second value for a key."""

    def and_rejected(self, letters: Iterable[DeadLetter]) -> Arrivals:
        """Return these and the deliveries whose envelope was refused."""
        refused = list(letters)
        if not refused:
            return self
        numbers = {key: number for number, key in enumerate(self.keys)}
        key = [
            numbers.setdefault(BookKey(each.station or "", each.epoch or UNPARSED), len(numbers)) for each in refused
        ]
        no = np.zeros(len(refused), np.bool_)
        return Arrivals(
            keys=list(numbers),
            key=np.append(self.key, np.array(key, np.int32)),
            seq=np.append(self.seq, np.array([each.seq or NO_SEQ for each in refused], np.int64)),
            received_us=np.append(self.received_us, np.array([each.received_us for each in refused], np.int64)),
            usable=np.append(self.usable, no),
            new=np.append(self.new, no),
            conflict=np.append(self.conflict, no),
        )

    def newest(self) -> Ints:
        """Return the newest receipt of each book, microseconds since 1970."""
        newest = np.zeros(len(self.keys), np.int64)
        np.maximum.at(newest, self.key, self.received_us)
        return newest


def nothing() -> Arrivals:
    """Return no deliveries."""
    numbers, mask = np.empty(0, np.int64), np.empty(0, np.bool_)
    return Arrivals([], numbers.astype(np.int32), numbers, numbers, mask, mask, mask)


def one(key: BookKey, seq: int, received_us: int, *, new: bool, conflict: bool) -> Arrivals:
    """Return one delivery that is usable."""
    return Arrivals(
        [key], np.zeros(1, np.int32), np.array([seq], np.int64), np.array([received_us], np.int64),
        np.ones(1, np.bool_), np.array([new]), np.array([conflict]),
    )  # fmt: skip


def moment(us: int) -> datetime:
    """Return the instant of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=us)


def microseconds(time: datetime) -> int:
    """Return a time as microseconds since 1970."""
    return (time - EPOCH) // INSTANT
