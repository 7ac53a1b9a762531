"""Both books of v_ledger, on ledgers written by hand after docs/wire.md."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from quantrac.database.pool import Connection
from quantrac.desks import books


def now() -> datetime:
    return datetime.now(UTC)


def ranges(*bounds: tuple[int, int]) -> Multirange[int]:
    """Make a multirange of inclusive ranges."""
    return Multirange([Range(low, high + 1) for low, high in bounds])


def enter(conn: Connection, **columns: Any) -> None:
    names = ["station", "epoch", *columns]
    marks = ["%s::int8multirange" if isinstance(value, Multirange) else "%s" for value in columns.values()]
    conn.execute(
        f"insert into ledger ({', '.join(names)}) values ('st-test', 'e1', {', '.join(marks)})", list(columns.values())
    )


def book(conn: Connection) -> tuple[int, int, int, int, int]:
    row = books.ledger(conn)[0]
    assert row.balanced
    return row.highest_seq, row.stored, row.dead, row.lost, row.missing


def test_what_is_not_stored_dead_or_lost_is_missing(conn: Connection) -> None:
    enter(conn, highest_arrived=100, stored=ranges((1, 50), (60, 98)), dead=ranges((99, 100)))
    assert book(conn) == (100, 89, 2, 0, 9)


def test_a_tail_that_has_stood_for_a_minute_is_missing(conn: Connection) -> None:
    enter(conn, highest_arrived=10, stored=ranges((1, 10)), first=1, last=15, reported_at=now() - timedelta(seconds=61))
    assert book(conn) == (15, 10, 0, 0, 5)


def test_a_young_tail_is_still_on_its_way(conn: Connection) -> None:
    enter(conn, highest_arrived=10, stored=ranges((1, 10)), first=1, last=15, reported_at=now())
    assert book(conn) == (10, 10, 0, 0, 0)


def test_a_tail_keeps_its_age_over_reports_and_loses_it_when_it_has_arrived(conn: Connection) -> None:
    enter(conn, highest_arrived=10, stored=ranges((1, 10)), last=15, reported_at=now() - timedelta(seconds=120))
    conn.execute("update ledger set last = 16, reported_at = %s, highest_arrived = 12", [now()])
    assert book(conn)[4] == 6
    conn.execute("update ledger set highest_arrived = 16")
    assert conn.execute("select tail_since from ledger").fetchone() == (None,)
    conn.execute("update ledger set last = 18, reported_at = %s", [now()])
    assert book(conn)[0] == 16


@pytest.mark.parametrize("column", ["new", "duplicate", "rejected"])
def test_a_delivery_that_is_counted_nowhere_or_twice_unbalances_the_second_book(conn: Connection, column: str) -> None:
    enter(conn, received=12, new=9, duplicate=2, rejected=1)
    assert books.ledger(conn)[0].balanced
    conn.execute(f"update ledger set {column} = {column} + 1")
    assert not books.ledger(conn)[0].balanced


def test_the_total_adds_up_all_stations(conn: Connection) -> None:
    enter(conn, received=3, new=3, highest_arrived=3, stored=ranges((1, 3)))
    conn.execute("insert into ledger (station, epoch, received, rejected) values ('', '', 2, 2)")
    total = books.total(books.ledger(conn))
    assert (total.received, total.new, total.rejected, total.stored, total.balanced) == (5, 3, 2, 3, True)


subsets = st.sets(st.integers(1, 40), max_size=20)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=subsets, dead=subsets, refused=subsets, lost=subsets, first=st.integers(1, 45), last=st.integers(0, 45))
def test_by_sequence_each_seq_counts_once(
    conn: Connection, stored: set[int], dead: set[int], refused: set[int], lost: set[int], first: int, last: int
) -> None:
    """The sets as docs/wire.md defines them, computed one number at a time."""
    arrived = max(stored | dead, default=0)
    conn.execute("delete from ledger")
    sets = {"stored": stored, "dead": dead, "refused_reported": refused, "lost": lost}
    enter(
        conn, highest_arrived=arrived, first=first, last=last, reported_at=now() - timedelta(hours=1),
        **{name: ranges(*((seq, seq) for seq in sorted(seqs))) for name, seqs in sets.items()},
    )  # fmt: skip
    all_dead = (dead | refused) - stored
    all_lost = (lost | set(range(1, first))) - stored - all_dead
    highest = max(arrived, last, *stored, *all_dead, *all_lost, 0)
    missing = set(range(1, highest + 1)) - stored - all_dead - all_lost
    assert book(conn) == (highest, len(stored), len(all_dead), len(all_lost), len(missing))
