"""The two books (docs/wire.md): by sequence (each seq once), by arrival (each delivery once, a bundle's lines singly).

By sequence: highest_seq = stored + dead + lost + missing. By arrival: received = new + duplicate + rejected.
A message is *new* if it brought at least one reading or event that was not there, *duplicate* if all of it was there
already (or stood in conflict with what was there), *rejected* if nothing of it could be stored. `conflict` counts the
deliveries that brought a second value for a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ingest.books.entries import BookEntry, BookKey, Mask, Seqs, moment
from quantrac.database.pool import Connection

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


def lock(conn: Connection, groups: Sequence[BookKey], group: npt.NDArray[np.int32], seq: Seqs) -> Mask:
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


def book(conn: Connection, batch: Iterable[BookEntry]) -> None:
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


def _merge(batch: Iterable[BookEntry]) -> dict[BookKey, BookEntry]:
    merged: dict[BookKey, BookEntry] = {}
    for each in batch:
        had = merged.get(each.group)
        merged[each.group] = each if had is None else _sum(had, each)
    return dict(sorted(merged.items()))


def _sum(one: BookEntry, other: BookEntry) -> BookEntry:
    return BookEntry(
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
