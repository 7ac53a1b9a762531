"""The two books (docs/wire.md): by sequence (each seq once), by arrival (each delivery once, a bundle's lines singly).

By sequence: highest_seq = stored + dead + lost + missing. By arrival: received = new + duplicate + rejected.
A message is *new* if it brought at least one reading or event that was not there, *duplicate* if all of it was there
already (or stood in conflict with what was there), *rejected* if nothing of it could be stored. `conflict` counts the
deliveries that brought a second value for a key.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ingest.books.arrivals import NO_SEQ, Arrivals, BookKey, Ints, Mask
from ingest.books.literals import multiranges, ranges
from quantrac.database.columns import array
from quantrac.database.pool import Connection

OPEN = """
insert into ledger (station, epoch) select * from unnest(%s::text[], %s::text[]) as b(station, epoch)
order by station, epoch on conflict do nothing
"""
KNOWN = """
select b.nr - 1, ((l.stored + l.dead) * b.seqs::int8multirange)::text
from unnest(%s::text[], %s::text[], %s::text[]) with ordinality as b(station, epoch, seqs, nr)
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
from (select station, epoch, s::int8multirange as stored, d::int8multirange - s::int8multirange as dead, received, new,
             duplicate, rejected, conflict, timestamptz 'epoch' + seen_us * interval '1 microsecond' as seen
      from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::int8[], %s::int8[], %s::int8[], %s::int8[],
                  %s::int8[], %s::int8[])
        as u(station, epoch, s, d, received, new, duplicate, rejected, conflict, seen_us)) b
where l.station = b.station and l.epoch = b.epoch
"""


def lock(conn: Connection, keys: Sequence[BookKey], key: npt.NDArray[np.int32], seq: Ints) -> Mask:
    """Lock the books of a batch, in order, and tell which of its messages have arrived before."""
    known = np.zeros(len(seq), np.bool_)
    if not keys:
        return known
    books = _open(conn, keys)
    for number, overlap in conn.execute(KNOWN, [*books, multiranges(key, seq, len(keys))]):
        for low, high in ranges(overlap):
            known |= (key == number) & (seq >= low) & (seq <= high)
    return known


def book(conn: Connection, arrived: Arrivals, *, again: bool = False) -> None:
    """Enter deliveries; books that do not exist yet are opened.

    With `again` they are replayed: in the book by arrival they stay what they were.
    """
    keys = len(arrived.keys)
    if not keys:
        return
    usable, new, has_seq = arrived.usable, arrived.new, arrived.seq != NO_SEQ
    counted = [np.ones_like(usable), new, usable & ~new, ~usable, arrived.conflict]
    sets = [multiranges(arrived.key[of], arrived.seq[of], keys) for of in (usable & has_seq, ~usable & has_seq)]
    conn.execute(
        BOOK,
        [
            *_open(conn, arrived.keys),
            *sets,
            *(array(np.bincount(arrived.key[of], minlength=keys) * (not again)) for of in counted),
            array(arrived.newest()),
        ],
    )


def _open(conn: Connection, keys: Sequence[BookKey]) -> list[list[str]]:
    books = [[each.station for each in keys], [each.epoch for each in keys]]
    conn.execute(OPEN, books)
    return books
