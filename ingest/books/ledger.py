"""Both books of design 5: by sequence (each seq once) and by arrival (each delivery once, a bundle's lines singly).

By sequence: highest_seq = stored + dead + lost + missing. By arrival: received = new + duplicate + rejected.
A message is *new* if it brought at least one reading or event that was not there, *duplicate* if all of it was there
already (or stood in conflict with what was there), *rejected* if nothing of it could be stored. `conflict` counts the
deliveries that brought a second value for a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.receiving.columns import Group
from quantrac.database.pool import Connection

UNPARSED: Final = ""
"""Epoch of what could not be parsed."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

OPEN = """
insert into ledger (station, epoch) select * from unnest(%s::text[], %s::text[]) as b(station, epoch)
order by station, epoch on conflict do nothing
"""
KNOWN = """
select b.nr, ((l.stored + l.dead) * b.seqs::int8multirange)::text
from unnest(%s::int4[], %s::text[], %s::text[], %s::text[]) as b(nr, station, epoch, seqs)
join ledger l using (station, epoch)
order by l.station, l.epoch for update of l
"""
BOOK = """
update ledger l set
  stored = l.stored + b.stored, dead = (l.dead + b.dead) - (l.stored + b.stored), lost = l.lost - b.stored - b.dead,
  highest_arrived = greatest(l.highest_arrived, upper(b.stored + b.dead) - 1),
  received = l.received + b.received, new = l.new + b.new, duplicate = l.duplicate + b.duplicate,
  rejected = l.rejected + b.rejected, conflict = l.conflict + b.conflict,
  last_seen_at = greatest(l.last_seen_at, b.seen)
from (select station, epoch, s::int8multirange as stored, d::int8multirange as dead, received, new, duplicate, rejected,
             conflict, seen
      from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::int8[], %s::int8[], %s::int8[], %s::int8[],
                  %s::int8[], %s::timestamptz[])
        as u(station, epoch, s, d, received, new, duplicate, rejected, conflict, seen)) b
where l.station = b.station and l.epoch = b.epoch
"""

Seqs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Entry(NamedTuple):
    """What one batch adds to one book."""

    group: Group
    stored: Seqs
    dead: Seqs
    received: int
    new: int
    duplicate: int
    rejected: int
    conflict: int
    seen_us: int

    def as_replay(self) -> Entry:
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


def entries(groups: Sequence[Group], arrivals: Arrivals) -> list[Entry]:
    """Sum up arrivals by book."""
    return [_entry(group, arrivals, arrivals.group == number) for number, group in enumerate(groups)]


def _entry(group: Group, arrivals: Arrivals, own: Mask) -> Entry:
    usable, new = arrivals.usable[own], arrivals.new[own]
    seq = arrivals.seq[own]
    return Entry(
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


def rejected(group: Group, seq: int | None, received_us: int) -> Entry:
    """Return the entry of one message whose envelope was refused."""
    dead = np.array([] if seq is None else [seq], np.int64)
    return Entry(group, np.empty(0, np.int64), dead, 1, 0, 0, 1, 0, received_us)


def multirange(seqs: Seqs) -> str:
    """Return the multirange literal that holds exactly these numbers."""
    if not len(seqs):
        return "{}"
    ordered = np.unique(seqs)
    breaks = np.flatnonzero(np.diff(ordered) > 1)
    first = ordered[np.concatenate(([0], breaks + 1))].tolist()
    last = ordered[np.concatenate((breaks, [len(ordered) - 1]))].tolist()
    return "{" + ",".join(f"[{low},{high}]" for low, high in zip(first, last, strict=True)) + "}"


def ranges(literal: str) -> list[tuple[int, int]]:
    """Return the ranges of a multirange literal in PostgreSQL's canonical form, both ends inclusive."""
    parts = literal.strip("{}").split("),") if literal != "{}" else []
    pairs = (part.strip("[)").split(",") for part in parts)
    return [(int(low), int(high) - 1) for low, high in pairs]


def lock(conn: Connection, groups: Sequence[Group], group: npt.NDArray[np.int32], seq: Seqs) -> Mask:
    """Lock the books of a batch, in order, and tell which of its messages have arrived before."""
    known = np.zeros(len(seq), np.bool_)
    if not groups:
        return known
    stations, epochs = [each.station for each in groups], [each.epoch for each in groups]
    conn.execute(OPEN, [stations, epochs])
    literals = [multirange(seq[group == number]) for number in range(len(groups))]
    for number, overlap in conn.execute(KNOWN, [list(range(len(groups))), stations, epochs, literals]):
        for low, high in ranges(overlap):
            known |= (group == number) & (seq >= low) & (seq <= high)
    return known


def book(conn: Connection, batch: Iterable[Entry]) -> None:
    """Write what a batch adds; books that do not exist yet are opened."""
    merged = list(_merge(batch).values())
    if not merged:
        return
    stations, epochs = [each.group.station for each in merged], [each.group.epoch for each in merged]
    conn.execute(OPEN, [stations, epochs])
    conn.execute(
        BOOK,
        [
            stations,
            epochs,
            [multirange(each.stored) for each in merged],
            [multirange(np.setdiff1d(each.dead, each.stored)) for each in merged],
            [each.received for each in merged],
            [each.new for each in merged],
            [each.duplicate for each in merged],
            [each.rejected for each in merged],
            [each.conflict for each in merged],
            [moment(each.seen_us) for each in merged],
        ],
    )


def _merge(batch: Iterable[Entry]) -> dict[Group, Entry]:
    merged: dict[Group, Entry] = {}
    for each in batch:
        had = merged.get(each.group)
        merged[each.group] = each if had is None else _sum(had, each)
    return dict(sorted(merged.items()))


def _sum(one: Entry, other: Entry) -> Entry:
    return Entry(
        group=one.group,
        stored=np.concatenate((one.stored, other.stored)),
        dead=np.concatenate((one.dead, other.dead)),
        received=one.received + other.received,
        new=one.new + other.new,
        duplicate=one.duplicate + other.duplicate,
        rejected=one.rejected + other.rejected,
        conflict=one.conflict + other.conflict,
        seen_us=max(one.seen_us, other.seen_us),
    )


def moment(us: int) -> datetime:
    """Return the instant of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=us)
