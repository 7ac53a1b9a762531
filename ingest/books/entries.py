"""What a batch adds to the books: messages stored, dead, new, duplicate, rejected or in conflict. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

UNPARSED: Final = ""
"""Epoch of what could not be parsed."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Seqs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class BookKey(NamedTuple):
    """The book a message belongs to."""

    station: str
    epoch: str


class BookEntry(NamedTuple):
    """What one batch adds to one book."""

    group: BookKey
    stored: Seqs
    dead: Seqs
    received: int
    new: int
    duplicate: int
    rejected: int
    conflict: int
    seen_us: int

    def as_replay(self) -> BookEntry:
        """Return the same without a mark in the book by arrival."""
        return self._replace(received=0, new=0, duplicate=0, rejected=0, conflict=0)


@dataclass(slots=True)
class Arrivals:
    """The messages of a batch with a seq, and what became of each."""

    group: npt.NDArray[np.int32]
    seq: Seqs
    received_us: Seqs
    usable: Mask
    new: Mask
    conflict: Mask


def entries(groups: Sequence[BookKey], arrivals: Arrivals) -> list[BookEntry]:
    """Sum up arrivals by book."""
    return [_entry_of(group, arrivals, arrivals.group == number) for number, group in enumerate(groups)]


def _entry_of(group: BookKey, arrivals: Arrivals, own: Mask) -> BookEntry:
    usable, new = arrivals.usable[own], arrivals.new[own]
    seq = arrivals.seq[own]
    return BookEntry(
        group=group,
        stored=seq[usable],
        dead=seq[~usable],
        received=len(seq),
        new=int(new.sum()),
        duplicate=int((usable & ~new).sum()),
        rejected=int((~usable).sum()),
        conflict=int(arrivals.conflict[own].sum()),
        seen_us=int(arrivals.received_us[own].max(initial=0)),
    )


def rejected(group: BookKey, seq: int | None, received_us: int) -> BookEntry:
    """Return the entry of one message whose envelope was refused."""
    dead = np.array([] if seq is None else [seq], np.int64)
    return BookEntry(group, np.empty(0, np.int64), dead, 1, 0, 0, 1, 0, received_us)


def moment(us: int) -> datetime:
    """Return the instant of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=us)
